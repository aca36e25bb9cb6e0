//! Shares: who has what from an owner, now.

use serde_json::Value;

use super::question::{self, Scopes, is_the_requesters, list, text, texts};

/// Longest chain of shares that rest on each other: one, and eight before it
const LONGEST_CHAIN: usize = 9;

/// A granted share or a `uma` permission's equal: these scopes of the resource, for the requester or for somebody else
pub(super) struct Share {
    pub(super) scopes: Scopes,
    pub(super) permits: bool,
}

/// What stands on the resource: each live share counts as one `uma` permission of its owner (Keycloak wire §4.5). For
/// the owner himself it permits (§8.5), for whom it was not made it denies (§8.4 "Practical trap"). What is shared with
/// others is left out where everything is asked for (R8).
pub(super) fn on(question: &Value, resource: &Value, with_others: bool) -> Vec<Share> {
    let owner = is_the_requesters(question, resource);
    let mut found = Vec::new();
    for row in list(&question["facts"], "shares") {
        if row["resource"] == resource["id"] && is_for_requester(question, row) && gives_access(question, row)
        {
            found.push(Share { scopes: scope(row), permits: true });
        }
    }
    for row in list(&question["facts"], "shared_with_others") {
        if with_others && row["resource"] == resource["id"] {
            found.push(Share { scopes: texts(row, "scopes").into_iter().collect(), permits: owner });
        }
    }
    found
}

/// What the shares of a resource give the requester
pub(super) struct Given {
    pub(super) scopes: Scopes,
    /// One of them is of the resource without scopes
    pub(super) without_scopes: bool,
}

/// What shares give the requester; `None` if no share of this resource is his
pub(super) fn of_requester(question: &Value, resource: &Value) -> Option<Given> {
    let mut given = None;
    for row in list(&question["facts"], "shares") {
        if row["resource"] == resource["id"] && is_for_requester(question, row) && gives_access(question, row)
        {
            let known = given.get_or_insert(Given { scopes: Scopes::new(), without_scopes: false });
            known.scopes.extend(scope(row));
            known.without_scopes |= row.get("scope").is_none();
        }
    }
    given
}

/// The last good second of what was granted by shares that end: of any of these scopes, or of the whole resource
pub(super) fn last_second(question: &Value, resource: &Value, granted: &Scopes) -> Option<i64> {
    let mut ends = Vec::new();
    for row in list(&question["facts"], "shares") {
        if row["resource"] == resource["id"]
            && is_for_requester(question, row)
            && gives_access(question, row)
            && row.get("scope").and_then(Value::as_str).is_none_or(|scope| granted.contains(scope))
        {
            ends.extend(chain(question, row).iter().filter_map(|link| link.get("expires_at")?.as_i64()));
        }
    }
    ends.into_iter().min().map(|end| end - 1)
}

/// Whether the owner said no for good: the requester's own row is blocked, or denied where the requester only polls
pub(super) fn is_refused(question: &Value, resource: &str, scope: Option<&String>) -> bool {
    list(&question["facts"], "shares").iter().any(|row| {
        text(row, "resource") == resource
            && row.get("scope").and_then(Value::as_str) == scope.map(String::as_str)
            && row["requester"].get("user") == question["requester"].get("id")
            && (row["state"] == "blocked" || row["state"] == "denied" && question::flag(question, "polling"))
    })
}

fn scope(row: &Value) -> Scopes {
    row.get("scope").and_then(Value::as_str).map(str::to_owned).into_iter().collect()
}

/// Granted, not yet expired, and so are all the shares that it rests on
fn gives_access(question: &Value, row: &Value) -> bool {
    let links = chain(question, row);
    let stands = |row: &&Value| {
        let expired = row.get("expires_at").and_then(Value::as_i64).is_some_and(|at| at <= now(question));
        row["state"] == "granted" && !expired
    };
    links.last().is_some_and(|last| last.get("parent").is_none()) && links.iter().all(stands)
}

/// The share, and those that it rests on, as far as they are there and as many as may be
fn chain<'q>(question: &'q Value, row: &'q Value) -> Vec<&'q Value> {
    let mut links = vec![row];
    while links.len() < LONGEST_CHAIN {
        let Some(parent) = links[links.len() - 1].get("parent") else { break };
        let same = |other: &&Value| {
            other.get("id") == Some(parent)
                && other["resource"] == row["resource"]
                && other.get("scope") == row.get("scope")
        };
        let Some(next) = list(&question["facts"], "shares").iter().find(same) else { break };
        links.push(next);
    }
    links
}

fn now(question: &Value) -> i64 {
    question["now"].as_i64().unwrap_or(i64::MAX)
}

/// Shared with him by id, with a group that he is in (not with its parents), or with a role that his token has
fn is_for_requester(question: &Value, row: &Value) -> bool {
    let (requester, to) = (&question["requester"], &row["requester"]);
    if let Some(user) = to.get("user") {
        return Some(user) == requester.get("id");
    }
    if let Some(group) = to.get("group").and_then(Value::as_str) {
        return texts(requester, "groups").iter().any(|path| path == group);
    }
    to.get("role").is_some_and(|role| question::holds_role(question, &requester["roles"], role))
}
