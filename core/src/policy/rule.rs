//! What each type of policy looks at (`keycloak-wire` §8.7).

use alloc::{borrow::ToOwned, collections::BTreeSet, vec::Vec};

use serde_json::Value;

use super::{
    Circumstances, Effect, Fault,
    config::{Config, text_of},
};
use crate::ids::PartyId;

mod client_scope;
mod group;
mod pattern;
mod regex;
mod role;
mod time;
mod uma;

pub use client_scope::ClientScopeRule;
pub use group::{GroupRef, GroupRule};
pub use regex::RegexRule;
pub use role::{RoleRef, RoleRule};
pub use time::{TimeField, TimeRule};
pub use uma::UmaRule;

/// A policy's rule, read from its type and configuration
#[derive(Debug)]
pub enum Rule {
    /// The requester is one of these users, or the resource server itself
    User(BTreeSet<PartyId>),
    /// The requester holds one of these roles, and every required one
    Role(RoleRule),
    /// The requester is in one of these groups
    Group(GroupRule),
    /// The requester's token was issued to one of these clients (internal ids)
    Client(BTreeSet<PartyId>),
    /// The requester's token has one of these client scopes, and every required one
    ClientScope(ClientScopeRule),
    /// The wall clock shows a time within
    Time(TimeRule),
    /// A claim or an attribute has a form
    Regex(RegexRule),
    /// Whatever its script said
    Script,
    /// Whatever its associated policies say
    Aggregate,
    /// A `resource` or `scope` permission: its associated policies decide
    Permission,
    /// An owner's policy: each kind that it names is one result
    Uma(UmaRule),
}

impl Rule {
    pub(super) fn read(kind: &str, config: &Value) -> Result<Self, Fault> {
        let config = Config(config);
        Ok(match kind {
            "user" => Self::User(parties(config, "users")?),
            "client" => Self::Client(parties(config, "clients")?),
            "role" => Self::Role(RoleRule::read(config)?),
            "group" => Self::Group(GroupRule::read(config)?),
            "client-scope" => Self::ClientScope(ClientScopeRule::read(config)?),
            "time" => Self::Time(TimeRule::read(config)?),
            "regex" => Self::Regex(RegexRule::read(config)?),
            "uma" => Self::Uma(UmaRule::read(config)?),
            "aggregate" => Self::Aggregate,
            "resource" | "scope" => Self::Permission,
            "js" => Self::Script,
            _ if kind.starts_with("script-") => Self::Script,
            _ => return Err(Fault::UnknownType(kind.to_owned())),
        })
    }

    /// What a policy that depends on no other one says. Scripts are asked elsewhere.
    pub(super) fn leaf(&self, at: &Circumstances<'_>) -> Effect {
        match self {
            Self::User(users) => Effect::of(users.contains(&at.requester.id)),
            Self::Client(clients) => Effect::of(clients.contains(&at.requester.client)),
            Self::Role(rule) => rule.effect(at),
            Self::Group(rule) => rule.effect(at),
            Self::ClientScope(rule) => Effect::of(rule.permits(at.requester)),
            Self::Time(rule) => Effect::of(rule.permits(at.wall_clock)),
            Self::Regex(rule) => Effect::of(rule.permits(at)),
            // Permissions are no policies: one that is applied like one cannot be asked.
            Self::Script | Self::Aggregate | Self::Permission | Self::Uma(_) => Effect::Broken,
        }
    }
}

fn parties(config: Config<'_>, name: &'static str) -> Result<BTreeSet<PartyId>, Fault> {
    config.some(name).and_then(|list| parties_of(&list, name))
}

fn parties_of(
    list: &[alloc::borrow::Cow<'_, Value>],
    name: &'static str,
) -> Result<BTreeSet<PartyId>, Fault> {
    list.iter()
        .map(|item| text_of(item, name)?.parse().map_err(|_| Fault::Configuration(name)))
        .collect::<Result<BTreeSet<_>, _>>()
}

/// The texts of a claim: one, or those of a list
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => alloc::vec![text.as_str()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}
