//! Why an assessment came out as it did: recorded when asked for, and told to each listener as far as it is his.
//!
//! [`Trace`] itself is for the operator and holds everything. [`Trace::for_owner`] is for a resource's owner: his
//! shares and policies. [`Trace::for_requester`] is for the one who asked: the stage, and nothing that tells of a
//! policy or of whether a resource exists.

use alloc::{string::String, vec::Vec};

use serde::Serialize;

use crate::{
    assessment::Refusal,
    ids::{PartyId, PolicyId, ResourceId, ShareId},
    policy::{Effect, Fault, Strategy},
    scope::{Scope, ScopeSet},
    share::Grantee,
};

mod look;
mod owner;
mod recorder;

pub use look::Look;
pub use owner::{OwnerTrace, OwnerUnit};
pub(crate) use recorder::Recorder;

/// Everything that was looked at, for the operator
///
/// ```
/// use countersign_core::{assessment::{Question, explain}, trace::Stage};
///
/// let question: Question = serde_json::from_str(
///     r#"{ "now": 1700000000, "server": { "id": "rs" }, "requester": { "id": "bob", "client": "app" },
///          "asks": [{ "by": "id", "resource": "doc-42" }],
///          "facts": { "resources": [{ "id": "doc-42", "name": "d", "owner": "rs", "scopes": ["read"] }],
///                     "policies": [{ "id": "1", "name": "editors", "type": "role",
///                                    "config": { "roles": [{ "name": "editor" }] } },
///                                  { "id": "2", "name": "documents", "type": "resource",
///                                    "resources": ["doc-42"], "apply": ["1"] }] } }"#,
/// )?;
/// let (_, trace) = explain(&question);
/// assert_eq!(trace.stage, Stage::Denied);
/// assert_eq!(trace.policies[0].looked_at[0].to_string(), "realm role `editor`: not held");
/// assert_eq!(trace.units[0].to_change[0], "permission `documents` denies: policy `editors` must permit: \
///     realm role `editor`: not held");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// How far the requester got
    pub stage: Stage,
    /// The question names something that does not exist
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// A limit was hit while loading: nothing was looked at
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub truncated: bool,
    /// What was evaluated, in the order of the answer
    pub units: Vec<UnitTrace>,
    /// Policies that were asked, each once; a script once for each resource
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyTrace>,
}

/// How far a requester got: all that he may know
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// All that was asked for is granted
    Granted,
    /// Some of it is
    Partial,
    /// Claims are missing that the requester may be asked for
    NeedInfo,
    /// An owner is asked
    Submitted,
    /// No
    #[default]
    Denied,
}

/// How one resource, or scopes without one, was decided
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitTrace {
    /// The resource
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceId>,
    /// Its name
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its owner
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<PartyId>,
    /// What was evaluated
    pub evaluated: ScopeSet,
    /// What of it is granted; absent where nothing is, not even the bare resource
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<ScopeSet>,
    /// By which rule
    pub by: DecidedBy,
    /// Shares of the resource that were looked at
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareTrace>,
    /// What of it is granted to others, which denies it to everybody else (`keycloak-wire` §8.4)
    #[serde(skip_serializing_if = "ScopeSet::is_empty")]
    pub granted_to_others: ScopeSet,
    /// Permissions that apply
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<PermissionTrace>,
    /// What would have to change so that more is granted
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to_change: Vec<String>,
}

/// The rule that decided a unit
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// `policyEnforcementMode` is `DISABLED`
    Disabled,
    /// The requester owns the resource, and owners have access to what is theirs
    OwnerAccess,
    /// No permission applies and the mode is `PERMISSIVE`
    Permissive,
    /// No permission applies
    #[default]
    Nothing,
    /// Shares and permissions, combined
    Permissions,
}

/// A share that was looked at
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShareTrace {
    /// Its id
    pub id: ShareId,
    /// For whom
    pub requester: Grantee,
    /// Of which scope
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Whether it gives the requester access now
    pub stands: bool,
    /// Where it stands, in a word: `pending`, `granted`, `denied`, `blocked`, `expired`, `others`, `rests_on_nothing`
    pub standing: &'static str,
}

/// A permission that applies, and what it said
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PermissionTrace {
    /// Its id
    pub id: PolicyId,
    /// Its name
    pub name: String,
    /// `resource`, `scope` or `uma`
    #[serde(rename = "type")]
    pub kind: String,
    /// Whose policy it is, if an owner's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<PartyId>,
    /// It names the resource; otherwise it applies by type or by scope
    pub names_resource: bool,
    /// How its policies are combined
    pub strategy: Strategy,
    /// What it said; nothing where it has no policies
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permits: Option<bool>,
    /// It permits because the requester owns the resource (`keycloak-wire` §8.5)
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub as_owner: bool,
    /// What is wrong with it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// What an owner's policy looked at by itself
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<Look>,
    /// Its associated policies
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyId>,
}

/// A policy that was asked
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyTrace {
    /// Its id
    pub id: PolicyId,
    /// Its name; absent where there is no such policy
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// About which resource, where the answer depends on it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceId>,
    /// What it said, its logic applied
    pub effect: Effect,
    /// Its logic is negative
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub negative: bool,
    /// What is wrong with it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// What it looked at
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<Look>,
    /// The policies of an aggregate
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyId>,
}

impl Trace {
    /// The stage alone: the requester learns neither of policies nor of which resources exist
    pub const fn for_requester(&self) -> Stage {
        self.stage
    }

    /// What concerns an owner: his resources, the shares of them and his own policies
    pub fn for_owner(&self, owner: &PartyId) -> OwnerTrace {
        OwnerTrace::of(self, owner)
    }
}

#[cfg(test)]
mod tests;
