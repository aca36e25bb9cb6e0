//! Which permissions apply to a unit, and what they grant together (Keycloak wire §8.2 step 3, §8.4).

use serde_json::Value;

use super::{
    policies::{self, Verdict},
    question::{Scopes, flag, is_the_requesters, is_the_servers, list, text, texts},
    shares,
    units::{self, Consulted, Unit},
};

/// What a permission is; the kinds differ in what they grant and deny
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Resource,
    Scope,
    Uma,
    /// A row of no known type: it denies all that was requested
    Unreadable,
}

/// A permission that applies to the unit, with its own result
struct Applied {
    kind: Kind,
    scopes: Scopes,
    /// Attached to the resource itself; else reached through its type, its parent, or the scope
    lists_resource: bool,
    lists_nothing: bool,
    /// Nothing, if no policy is associated with it: it is there, and contributes nothing
    result: Option<bool>,
}

/// What the permissions grant of the unit's scopes; `None` if nothing
pub(super) fn granted(question: &Value, unit: &Unit<'_>, consulted: &mut Consulted) -> Option<Scopes> {
    let groups = collect(question, unit, consulted);
    if groups.iter().all(Vec::is_empty) {
        // R2: nothing applies. PERMISSIVE does not open what owners manage to others (Keycloak wire §0.3, §8.5).
        let closed = unit.resource.is_some_and(|resource| {
            flag(resource, "owner_managed") && !is_the_requesters(question, resource)
        });
        consulted.opened = text(&question["server"], "mode") == "PERMISSIVE" && !closed;
        return consulted.opened.then(|| unit.scopes.clone());
    }
    combine(question, unit, &groups)
}

/// The four groups in their order: those of the resource, of its type, of its parents, of the scopes alone
fn collect(question: &Value, unit: &Unit<'_>, consulted: &mut Consulted) -> [Vec<Applied>; 4] {
    let mut groups = [const { Vec::new() }; 4];
    for row in list(&question["facts"], "policies") {
        let Some(kind) = kind(row) else { continue };
        let end = row.get("expires_at").and_then(Value::as_i64);
        // From that second on it is as if deleted.
        if end.is_some_and(|end| end <= question["now"].as_i64().unwrap_or(i64::MAX)) {
            continue;
        }
        if kind == Kind::Uma && unit.without_owners {
            continue;
        }
        let Some(group) = group(question, unit, row, kind) else { continue };
        // What an owner says about one resource says nothing about those that inherit from it.
        let inherited = kind == Kind::Uma && group > 0;
        let result = if inherited { None } else { result(question, unit, row, kind, consulted) };
        let scopes: Scopes = texts(row, "scopes").into_iter().collect();
        if let Some(end) = end
            && kind == Kind::Uma
            && result == Some(true)
        {
            consulted.ends.push((scopes.clone(), end));
        }
        groups[group].push(Applied {
            kind,
            scopes,
            lists_resource: group == 0,
            lists_nothing: texts(row, "resources").is_empty(),
            result,
        });
    }
    if let Some(resource) = unit.resource {
        for share in shares::on(question, resource, !unit.without_owners) {
            groups[0].push(Applied {
                kind: Kind::Uma,
                scopes: share.scopes,
                lists_resource: true,
                lists_nothing: false,
                result: Some(share.permits),
            });
        }
    }
    groups
}

fn kind(row: &Value) -> Option<Kind> {
    match text(row, "type") {
        "resource" => Some(Kind::Resource),
        "scope" => Some(Kind::Scope),
        "uma" => Some(Kind::Uma),
        other if policies::is_known(other) => None,
        _ => Some(Kind::Unreadable),
    }
}

/// By which of the four ways the permission is found, the first if by several
fn group(question: &Value, unit: &Unit<'_>, row: &Value, kind: Kind) -> Option<usize> {
    let resources = texts(row, "resources");
    let row_type = row.get("resource_type");
    if let Some(resource) = unit.resource {
        let names = |resource: &Value| resources.iter().any(|id| id == text(resource, "id"));
        if names(resource) {
            return Some(0);
        }
        if kind != Kind::Uma && row_type.is_some() && row_type == resource.get("type") {
            return Some(1);
        }
        if units::parents(question, resource).iter().any(|parent| names(parent)) {
            return Some(2);
        }
    }
    let by_scope = matches!(kind, Kind::Scope | Kind::Unreadable)
        && resources.is_empty()
        && row_type.is_none()
        && texts(row, "scopes").iter().any(|scope| unit.scopes.contains(scope));
    by_scope.then_some(3)
}

/// A permission's own result: its strategy over its policies; its `logic` is not read (Keycloak wire §8.3)
fn result(
    question: &Value,
    unit: &Unit<'_>,
    row: &Value,
    kind: Kind,
    consulted: &mut Consulted,
) -> Option<bool> {
    if kind == Kind::Unreadable || policies::logic(row).is_none() {
        return Some(false);
    }
    let Some(strategy) = policies::strategy(row) else { return Some(false) };
    if kind == Kind::Uma {
        // An owner's policy is about his own resources (TRAP-UMA-09).
        let owner = row.get("owner");
        if owner.is_none() || unit.resource.and_then(|resource| resource.get("owner")) != owner {
            return Some(false);
        }
        // §8.5: for the owner it always permits, with the default strategy.
        if owner == question["requester"].get("id") && strategy == "UNANIMOUS" {
            return Some(true);
        }
    }
    let mut verdicts = policies::associated(question, unit, row, consulted);
    if kind == Kind::Uma {
        verdicts.extend(policies::of_uma(question, unit, row, consulted));
    }
    if verdicts.is_empty() {
        return None;
    }
    Some(policies::combine(strategy, &verdicts) == Verdict::Permit)
}

/// Keycloak wire §8.4. Inside a group the permits come first, so that the order of rows does not matter.
fn combine(question: &Value, unit: &Unit<'_>, groups: &[Vec<Applied>; 4]) -> Option<Scopes> {
    let requested = &unit.scopes;
    let own: Scopes =
        unit.resource.map(|resource| texts(resource, "scopes")).unwrap_or_default().into_iter().collect();
    let managed = unit.resource.is_some_and(|resource| flag(resource, "owner_managed"));
    let users = unit.resource.is_some_and(|resource| !is_the_servers(question, resource));

    let (mut granted, mut denied) = (Scopes::new(), Scopes::new());
    let mut owners: Vec<&Applied> = Vec::new();
    let mut resource_granted = false;
    let (mut permitted_whole, mut some_denial) = (false, false);
    for group in groups {
        for permission in group.iter().filter(|permission| permission.result == Some(true)) {
            match permission.kind {
                Kind::Scope => {
                    for scope in &permission.scopes & requested {
                        if unit.resource.is_some() && !own.contains(&scope) {
                            denied.remove(&scope);
                        }
                        granted.insert(scope);
                    }
                }
                Kind::Resource => {
                    granted.extend(requested.iter().cloned());
                    permitted_whole = true;
                }
                Kind::Uma if managed => owners.push(permission),
                Kind::Uma | Kind::Unreadable => {}
            }
            // What an owner gives counts while he manages the access (Keycloak wire §8.5).
            let counts = match permission.kind {
                Kind::Resource | Kind::Unreadable => true,
                Kind::Scope => users,
                Kind::Uma => managed,
            };
            resource_granted |= counts && permission.lists_resource;
        }
        for permission in group.iter().filter(|permission| permission.result == Some(false)) {
            let (counts, scopes) = match permission.kind {
                Kind::Unreadable => (true, requested),
                Kind::Resource => (permission.lists_resource || !resource_granted, requested),
                Kind::Scope | Kind::Uma => {
                    (permission.lists_resource || permission.lists_nothing, &permission.scopes)
                }
            };
            if counts {
                denied.extend(scopes.iter().cloned());
                some_denial = true;
            }
        }
    }

    if text(&question["server"], "strategy") == "AFFIRMATIVE" {
        denied = &denied - &granted;
    }
    granted = &granted - &denied;
    if requested.is_empty() {
        // A resource without scopes: only what says so without scopes opens it (GRANT-3.3.4-05).
        let by_owner = owners.iter().any(|permission| permission.scopes.is_empty());
        return (by_owner || permitted_whole && !some_denial).then(Scopes::new);
    }
    for permission in owners {
        granted.extend(&permission.scopes & requested);
    }
    (!granted.is_empty()).then_some(granted)
}
