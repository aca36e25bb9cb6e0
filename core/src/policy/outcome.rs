//! What scripts said: facts, for nothing here runs them.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{PolicyId, ResourceId},
    permission::Claims,
    scope::ScopeSet,
};

/// What a script said, run by somebody else (`keycloak-wire` §8.8)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The policy; for an owner's condition, the `uma` policy
    pub policy: PolicyId,
    /// The resource that it was asked about; absent where it says the same of all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceId>,
    /// What it said
    pub said: Said,
    /// Claims that it adds to the permission (behaviours R15)
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub claims: Claims,
}

/// The word of a script
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// `grant()`
    Permit,
    /// `deny()`, or nothing
    Deny,
    /// It threw, took too long, or scripts are off: the policy is broken
    Failed,
}

/// A script whose word is missing: what whoever runs scripts has to ask before the question can be answered
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// The policy; for an owner's condition, the `uma` policy
    pub policy: PolicyId,
    /// The resource that it is to be asked about; absent where only scopes are asked for
    pub resource: Option<ResourceId>,
    /// The scopes that are evaluated
    pub scopes: ScopeSet,
}
