use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use serde::Serialize;

use crate::policy::{Circumstances, ClientScopeRule, GroupRef, Policy, RoleRef, Rule, Said, TimeRule};

/// One thing that a policy looked at, and what it found
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// What it looked at
    pub at: String,
    /// What it found
    pub found: String,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.found)
    }
}

fn look(at: String, found: impl Into<String>) -> Look {
    Look { at, found: found.into() }
}

/// What a policy looks at in these circumstances; aggregates and permissions look at nothing themselves
pub(super) fn looks(policy: &Policy<'_>, at: &Circumstances<'_>) -> Vec<Look> {
    let Some(rule) = &policy.rule else { return Vec::new() };
    match rule {
        Rule::User(users) => alloc::vec![party("user", &at.requester.id, users.iter())],
        Rule::Client(clients) => alloc::vec![party("client", &at.requester.client, clients.iter())],
        Rule::Role(rule) => {
            let held = rule.held(at);
            rule.roles.iter().map(|role| role_look(role, held, at)).collect()
        }
        Rule::Group(rule) => {
            let whose = rule.claim.as_ref().map_or_else(String::new, |claim| format!(" (claim `{claim}`)"));
            rule.groups.iter().map(|group| group_look(group, &whose, at)).collect()
        }
        Rule::ClientScope(rule) => rule
            .scopes
            .iter()
            .map(|(name, required)| {
                let required = if *required { "required " } else { "" };
                let found = if ClientScopeRule::has(at.requester, name) {
                    "in the token"
                } else {
                    "not in the token"
                };
                look(format!("{required}client scope `{name}`"), found)
            })
            .collect(),
        Rule::Time(rule) => time_looks(rule, at),
        Rule::Regex(rule) => {
            let of = if rule.of_context { "attribute" } else { "claim" };
            let found = rule.value(at).map_or_else(|| "absent".to_string(), |value| format!("`{value}`"));
            alloc::vec![look(format!("{of} `{}`", rule.claim), found)]
        }
        Rule::Uma(rule) => {
            let mut all = Vec::new();
            let (id, client) = (&at.requester.id, &at.requester.client);
            all.extend(rule.users.iter().map(|users| party("user", id, users.iter())));
            all.extend(rule.clients.iter().map(|clients| party("client", client, clients.iter())));
            let held = Some(&at.requester.roles);
            all.extend(rule.roles.iter().flatten().map(|role| role_look(role, held, at)));
            all.extend(rule.groups.iter().flatten().map(|group| group_look(group, "", at)));
            all
        }
        Rule::Script | Rule::Aggregate | Rule::Permission => Vec::new(),
    }
}

/// What the script of a policy said
pub(super) fn script(said: Option<Said>) -> Look {
    let found = match said {
        Some(Said::Permit) => "permits",
        Some(Said::Deny) => "denies",
        Some(Said::Failed) => "failed",
        None => "was not run",
    };
    look("script".to_string(), found)
}

fn party<'p>(
    what: &str,
    asks: &crate::ids::PartyId,
    mut named: impl Iterator<Item = &'p crate::ids::PartyId>,
) -> Look {
    let found =
        if named.any(|other| other == asks) { "one of those named" } else { "not one of those named" };
    look(format!("{what} `{asks}`"), found)
}

fn role_look(role: &RoleRef, held: Option<&crate::requester::Roles>, at: &Circumstances<'_>) -> Look {
    let required = if role.required { "required " } else { "" };
    let Some(name) = role.name(at.directory) else {
        return look(format!("{required}role"), "does not exist any more");
    };
    let what = match &name.client {
        Some(client) => format!("{required}role `{}` of client `{client}`", name.name),
        None => format!("{required}realm role `{}`", name.name),
    };
    let found = match held.map(|held| held.holds(name.client.as_deref(), &name.name)) {
        Some(true) => "held",
        Some(false) => "not held",
        None => "the user's record was not fetched",
    };
    look(what, found)
}

fn group_look(group: &GroupRef, whose: &str, at: &Circumstances<'_>) -> Look {
    let Some(path) = group.path(at.directory) else {
        return look("group".to_string(), "does not exist any more");
    };
    let below = if group.extend { " or below" } else { "" };
    let groups = &at.requester.groups;
    let found =
        if groups.is_empty() { "in no group".to_string() } else { format!("in {}", groups.join(", ")) };
    look(format!("group `{path}`{below}{whose}"), found)
}

fn time_looks(rule: &TimeRule, at: &Circumstances<'_>) -> Vec<Look> {
    let clock = at.wall_clock;
    let mut all = Vec::new();
    all.extend(rule.not_before.map(|from| look(format!("not before {from}"), clock.to_string())));
    all.extend(rule.not_after.map(|to| look(format!("not after {to}"), clock.to_string())));
    all.extend(rule.ranges.iter().map(|(field, from, to)| {
        look(format!("{} from {from} to {to}", field.name()), field.of(clock).to_string())
    }));
    all
}
