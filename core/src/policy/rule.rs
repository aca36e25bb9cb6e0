//! What each type of policy looks at (`keycloak-wire` §8.7).

use alloc::{collections::BTreeSet, string::String, vec::Vec};

use serde::Deserialize;
use serde_json::Value;

use super::Effect;
use crate::{ids::PartyId, requester::Requester};

/// A policy's rule, read from its type and configuration
#[derive(Debug, PartialEq, Eq)]
pub enum Rule {
    /// The requester is one of these users, or the resource server itself
    User(BTreeSet<PartyId>),
    /// The requester holds one of these roles, and every required one
    Role(RoleRule),
    /// The requester is in one of these groups
    Group(GroupRule),
    /// The requester's token was issued to one of these clients (internal ids)
    Client(BTreeSet<PartyId>),
    /// Whatever its associated policies say
    Aggregate,
    /// A `resource` or `scope` permission: its associated policies decide
    Permission,
    /// An owner's policy: each kind that it names is one result
    Uma(UmaRule),
    /// Unknown type, unreadable configuration, or everything it named is gone
    Broken,
}

/// Configuration of a `role` policy
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct RoleRule {
    roles: Vec<RoleRef>,
    #[serde(default, rename = "fetchRoles")]
    fetch: bool,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct RoleRef {
    #[serde(default)]
    client: Option<String>,
    name: String,
    #[serde(default)]
    required: bool,
}

/// Configuration of a `group` policy
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct GroupRule {
    groups: Vec<GroupRef>,
    #[serde(default, rename = "groupsClaim")]
    claim: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct GroupRef {
    path: String,
    #[serde(default, rename = "extendChildren")]
    extend: bool,
}

/// Configuration of an owner's policy: any of the named ones within a kind (`keycloak-wire` N38)
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct UmaRule {
    #[serde(default)]
    users: Option<BTreeSet<PartyId>>,
    #[serde(default)]
    roles: Option<Vec<RoleRef>>,
    #[serde(default)]
    groups: Option<Vec<GroupRef>>,
    #[serde(default)]
    clients: Option<BTreeSet<PartyId>>,
    #[serde(default)]
    condition: Option<String>,
}

#[derive(Deserialize)]
struct Users {
    users: BTreeSet<PartyId>,
}

#[derive(Deserialize)]
struct Clients {
    clients: BTreeSet<PartyId>,
}

fn read<T: for<'de> Deserialize<'de>>(config: &Value, rule: impl FnOnce(T) -> Option<Rule>) -> Rule {
    T::deserialize(config).ok().and_then(rule).unwrap_or(Rule::Broken)
}

impl Rule {
    pub(super) fn read(kind: &str, config: &Value) -> Self {
        match kind {
            "user" => read(config, |Users { users }| (!users.is_empty()).then_some(Self::User(users))),
            "client" => {
                read(config, |Clients { clients }| (!clients.is_empty()).then_some(Self::Client(clients)))
            }
            "role" => read(config, |rule: RoleRule| (!rule.roles.is_empty()).then_some(Self::Role(rule))),
            "group" => read(config, |rule: GroupRule| (!rule.groups.is_empty()).then_some(Self::Group(rule))),
            "uma" => read(config, |rule| Some(Self::Uma(rule))),
            "aggregate" => Self::Aggregate,
            "resource" | "scope" => Self::Permission,
            _ => Self::Broken,
        }
    }

    pub(super) fn leaf(&self, requester: &Requester) -> Effect {
        match self {
            Self::User(users) => Effect::of(users.contains(&requester.id)),
            Self::Client(clients) => Effect::of(clients.contains(&requester.client)),
            Self::Role(rule) => rule.effect(requester),
            Self::Group(rule) => Effect::of(rule.permits(requester)),
            // Permissions are no policies: one that is applied like one cannot be asked.
            Self::Aggregate | Self::Permission | Self::Uma(_) | Self::Broken => Effect::Broken,
        }
    }
}

impl RoleRule {
    fn effect(&self, requester: &Requester) -> Effect {
        let roles = if self.fetch { requester.recorded_roles.as_ref() } else { Some(&requester.roles) };
        let Some(roles) = roles else { return Effect::Broken };
        let mut any = false;
        for role in &self.roles {
            let held = roles.holds(role.client.as_deref(), &role.name);
            if role.required && !held {
                return Effect::Deny;
            }
            any |= held;
        }
        Effect::of(any)
    }
}

impl GroupRule {
    fn permits(&self, requester: &Requester) -> bool {
        let claimed = self.claim.as_ref().and_then(|name| requester.claims.get(name)).map(texts);
        match claimed {
            Some(values) if !values.is_empty() => {
                self.groups.iter().any(|group| values.iter().any(|value| group.matches(value, requester)))
            }
            _ => self.groups.iter().any(|group| requester.groups.iter().any(|path| group.covers(path))),
        }
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => alloc::vec![text.as_str()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

impl GroupRef {
    /// Equal, or below (`keycloak-wire` N26)
    fn covers(&self, path: &str) -> bool {
        match path.strip_prefix(self.path.as_str()) {
            Some("") => true,
            Some(rest) => self.extend && rest.starts_with('/'),
            None => false,
        }
    }

    /// A bare name counts only for a group of that name in which the user really is (`keycloak-wire` N23)
    fn matches(&self, claimed: &str, requester: &Requester) -> bool {
        if claimed.contains('/') {
            return self.covers(claimed);
        }
        self.path.rsplit('/').next() == Some(claimed) && requester.groups.contains(&self.path)
    }
}

impl UmaRule {
    /// One result for each kind that is named
    pub(super) fn results<'a>(&'a self, requester: &'a Requester) -> impl Iterator<Item = Effect> + 'a {
        let users = self.users.as_ref().map(|users| users.contains(&requester.id));
        let roles = self
            .roles
            .as_ref()
            .map(|roles| roles.iter().any(|role| requester.roles.holds(role.client.as_deref(), &role.name)));
        let groups = self
            .groups
            .as_ref()
            .map(|groups| groups.iter().any(|group| requester.groups.iter().any(|path| group.covers(path))));
        let clients = self.clients.as_ref().map(|clients| clients.contains(&requester.client));
        // A condition is a script, and no script engine supplies its outcome: it cannot be asked.
        let condition = self.condition.as_ref().map(|_| Effect::Broken);
        [users, roles, groups, clients].into_iter().flatten().map(Effect::of).chain(condition)
    }
}
