//! Policies: who may, as a graph of rules that is checked when it is built.
//!
//! A rule that cannot be read is [`Broken`](Effect::Broken): it never helps to grant, also not when its
//! logic is negative. The set loads all the same, and [names](PolicySet::faults) what is wrong.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ids::{PartyId, PolicyId, ResourceId},
    scope::ScopeSet,
    time::UnixTime,
};

mod circumstances;
mod config;
mod evaluate;
mod fault;
mod graph;
mod outcome;
mod rule;
mod set;
mod strategy;

pub use circumstances::Circumstances;
pub(crate) use evaluate::Evaluator;
pub use fault::Fault;
pub use outcome::{Outcome, Said, Unheard};
pub use rule::{
    ClientScopeRule, GroupRef, GroupRule, RegexRule, RoleRef, RoleRule, Rule, TimeField, TimeRule, UmaRule,
};
pub use set::{ParseSnapshotError, Policy, PolicyDelta, PolicySet};
pub use strategy::Strategy;

/// A policy or permission as stored: references resolved, nothing judged
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRow {
    /// Its id
    pub id: PolicyId,
    /// Its name, unique per resource server
    #[serde(default)]
    pub name: String,
    /// `user`, `role`, `group`, `client`, `aggregate`, …; `resource`, `scope` and `uma` are permissions
    #[serde(rename = "type")]
    pub kind: String,
    /// `POSITIVE` or `NEGATIVE`
    #[serde(default = "positive", skip_serializing_if = "is_positive")]
    pub logic: String,
    /// `UNANIMOUS`, `AFFIRMATIVE` or `CONSENSUS`
    #[serde(default = "unanimous", skip_serializing_if = "is_unanimous")]
    pub strategy: String,
    /// What the type needs, references as the requester carries them (role names, group paths, ids)
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub config: Value,
    /// The resources that a permission names
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceId>,
    /// The scopes that a permission names
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
    /// The resource type that a permission names (`defaultResourceType`)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Associated policies (`applyPolicies`)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apply: Vec<PolicyId>,
    /// Owner of a `uma` policy
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PartyId>,
    /// When a `uma` policy ends: from this second on it is as if deleted
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixTime>,
}

fn positive() -> String {
    "POSITIVE".into()
}

fn is_positive(logic: &str) -> bool {
    logic == "POSITIVE"
}

fn unanimous() -> String {
    "UNANIMOUS".into()
}

fn is_unanimous(strategy: &str) -> bool {
    strategy == "UNANIMOUS"
}

impl PolicyRow {
    /// A permission that grants or denies all that is asked (type `resource`)
    pub fn is_resource_permission(&self) -> bool {
        self.kind == "resource"
    }

    /// A permission on scopes (type `scope`)
    pub fn is_scope_permission(&self) -> bool {
        self.kind == "scope"
    }

    /// An owner's policy (type `uma`)
    pub fn is_owners(&self) -> bool {
        self.kind == "uma"
    }

    /// Any of the three: something that is combined, not asked by others
    pub fn is_permission(&self) -> bool {
        self.is_resource_permission() || self.is_scope_permission() || self.is_owners()
    }

    /// Whether its end has come: then it says nothing at all, neither yes nor no
    pub fn has_ended_at(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it names a resource, a type or a scope to apply to. A row of an unknown type that does is a permission
    /// that nobody can read, and denies.
    fn applies_to_something(&self) -> bool {
        !self.resources.is_empty() || self.resource_type.is_some() || !self.scopes.is_empty()
    }
}

/// Types of policies and permissions that are evaluated from their rows alone; scripts need somebody to run them
pub const EVALUATED: [&str; 11] = [
    "user",
    "role",
    "group",
    "client",
    "client-scope",
    "time",
    "regex",
    "aggregate",
    "resource",
    "scope",
    "uma",
];

/// What a policy says
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Yes
    Permit,
    /// No
    Deny,
    /// It cannot be read or lost what it named: counts as no, and is never turned around
    Broken,
}

impl Effect {
    const fn of(permit: bool) -> Self {
        if permit { Self::Permit } else { Self::Deny }
    }

    const fn negated(self) -> Self {
        match self {
            Self::Permit => Self::Deny,
            Self::Deny => Self::Permit,
            Self::Broken => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests;
