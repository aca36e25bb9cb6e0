//! What the store knows about a question: candidates, never decisions.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    ids::ResourceId,
    policy::{Outcome, PolicyRow},
    requester::Directory,
    resource::Resource,
    scope::ScopeSet,
    share::Share,
};

/// What the store knows about a question
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Those of the asked scopes that exist at the resource server
    #[serde(default)]
    pub scopes: ScopeSet,
    /// Resources that the question may mean
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// With `everything`: there are resources after the last of `resources`
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub more: bool,
    /// The resource server's own resources whose type one of `resources` has
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Resource>,
    /// The requester's shares of `resources`, whatever their state, and the shares that they rest on
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// What is granted to others on `resources`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_with_others: Vec<SharedWithOthers>,
    /// Permissions that apply to `resources`, and all policies below them
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyRow>,
    /// What the scripts of `script-…` policies and of owners' conditions said
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
    /// Names of what policies refer to by id
    #[serde(default, skip_serializing_if = "Directory::is_empty")]
    pub directory: Directory,
    /// A limit was hit while loading: the answer is no
    #[serde(default)]
    pub truncated: bool,
}

/// Scopes of a resource that are granted to anybody but the requester
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedWithOthers {
    /// The resource
    pub resource: ResourceId,
    /// The scopes; none for a resource without scopes
    #[serde(default)]
    pub scopes: ScopeSet,
}
