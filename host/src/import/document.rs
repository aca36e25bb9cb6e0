//! What a realm file says (`keycloak-wire` §9).

mod authorization;

pub use self::authorization::{AuthorizationFile, Logic, OwnerFile, PolicyFile, ResourceFile};
pub use crate::representation::{
    client::ClientRepresentation as ClientFile,
    credential::CredentialRepresentation as CredentialFile,
    group::GroupRepresentation as GroupFile,
    lenient::{Secret, Text, Values, flag},
    realm::RealmRepresentation as RealmFile,
    role::{Composites, RoleRepresentation as RoleFile},
    user::UserRepresentation as UserFile,
};
