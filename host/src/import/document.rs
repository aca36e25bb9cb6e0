//! What a realm file says (`keycloak-wire` §9).

mod authorization;

pub use self::authorization::{AuthorizationFile, OwnerFile, PolicyFile, ResourceFile, ScopeFile};
pub use crate::representation::{
    client::ClientRepresentation as ClientFile,
    credential::CredentialRepresentation as CredentialFile,
    group::GroupRepresentation as GroupFile,
    lenient::{Secret, Text, Values, flag},
    realm::RealmRepresentation as RealmFile,
    role::{Composites, RoleRepresentation as RoleFile},
    user::UserRepresentation as UserFile,
};
