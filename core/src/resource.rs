//! Resources as an assessment sees them (FedAuthz §3.1).

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{PartyId, ResourceId},
    scope::ScopeSet,
};

/// A registered resource, as far as decisions depend on it
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Its id, unique everywhere
    pub id: ResourceId,
    /// Its name, unique per owner and resource server
    pub name: String,
    /// Free text that groups resources; permissions can name a type instead of a resource
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// A user, or the resource server itself
    pub owner: PartyId,
    /// The owner may share it (`ownerManagedAccess`)
    #[serde(default)]
    pub owner_managed: bool,
    /// Its own scopes
    #[serde(default)]
    pub scopes: ScopeSet,
    /// Its URIs, as registered
    #[serde(default, skip_serializing_if = "alloc::vec::Vec::is_empty")]
    pub uris: alloc::vec::Vec<String>,
}
