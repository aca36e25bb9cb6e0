//! A second implementation of UMA assessment, to hold the first one against.
//!
//! It was written from the texts alone (Keycloak on the wire §3–§8 and §13.1, the engine rules R1–R15, UMA Grant
//! §3.3.4), on plain JSON, to be obvious rather than fast: every question walks every row, nothing is indexed or
//! remembered, and nothing is shared with the crate that it judges. Where the texts leave something open, the narrower
//! reading was taken.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "plain JSON and small numbers; a witness that panics has failed the test"
)]

mod asks;
mod attributes;
mod clock;
mod leaves;
mod permissions;
mod policies;
mod question;
mod regexes;
mod shares;
mod units;
mod uris;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use self::{
    asks::Refusal,
    question::{Scopes, flag, list, text, texts},
    units::{Granted, Unit},
};

/// The assessment of a question, both as `tests/vectors/README.md` describes them
pub(crate) fn assess(question: &Value) -> Value {
    // A limit that was hit while loading: nothing that follows from half the facts may grant.
    if flag(&question["facts"], "truncated") {
        return denied(question, Vec::new(), &BTreeSet::new(), None);
    }
    if flag(question, "everything") {
        return match asks::refuse_scopes_of_no_resource(question, &[]) {
            Ok(()) => everything(question),
            Err(refusal) => refused(&refusal),
        };
    }
    let mut units = Vec::new();
    let demands = match asks::resolve(question, &mut units) {
        Ok(demands) => demands,
        Err(refusal) => return refused(&refusal),
    };
    let old = units::merge_earlier_rpt(question, &mut units);

    let mut needs = BTreeSet::new();
    let answers: Vec<Option<Granted>> =
        units.iter().map(|unit| units::assess(question, unit, &mut needs)).collect();
    let pending = pending(question, &units, &answers);
    let permissions = permissions(question, &units, &answers);

    // Keycloak wire §6.8: with an earlier RPT, every new permission must be granted; UMA Grant §3.3.4 step 8: the
    // same of every scope, where partial answers are not wanted.
    let whole = demands.iter().all(|demand| {
        (question.get("rpt").is_none() || demand.is_met_in_part(&answers))
            && (!flag(question, "all_or_nothing") || demand.is_met_in_full(&answers))
    });
    if permissions.is_empty() || !whole {
        return denied(question, pending, &needs, None);
    }
    let upgraded = question.get("rpt").is_some()
        && old.iter().all(|entry| permissions.iter().any(|permission| same_permission(entry, permission)));
    granted(permissions, upgraded, pending, None)
}

/// Keycloak wire §6.6 "Nothing": all that the requester has, in the order of ids
fn everything(question: &Value) -> Value {
    let mut resources: Vec<&Value> = list(&question["facts"], "resources").iter().collect();
    resources.sort_by_key(|resource| text(resource, "id"));
    if let Some(after) = question.get("after").and_then(Value::as_str) {
        resources.retain(|resource| text(resource, "id") > after);
    }
    let (mut units, mut answers, mut needs) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut next = None;
    let mut last: Option<&Value> = None;
    for resource in &resources {
        let Some(unit) = units::of_everything(question, resource) else { continue };
        // What stands behind a limit that is reached is for the next question.
        if answers.iter().filter(|answer: &&Option<_>| answer.is_some()).count() >= limit(question) {
            next = last.map(|resource| text(resource, "id").to_owned());
            break;
        }
        answers.push(units::assess(question, &unit, &mut needs));
        units.push(unit);
        last = Some(resource);
    }
    if units.len() == answers.len() && next.is_none() && flag(&question["facts"], "more") {
        next = resources.last().map(|resource| text(resource, "id").to_owned());
    }
    let shown = permissions(question, &units, &answers);
    if shown.is_empty() {
        return denied(question, Vec::new(), &needs, next);
    }
    let upgraded = question.get("rpt").is_some()
        && list(question, "rpt").iter().all(|old| shown.iter().any(|new| same_permission(old, new)));
    granted(shown, upgraded, Vec::new(), next)
}

/// The granted permissions in the order of the units, at most `limit` (N17)
fn permissions(question: &Value, units: &[Unit<'_>], answers: &[Option<Granted>]) -> Vec<Value> {
    let mut shown = Vec::new();
    for (unit, answer) in units.iter().zip(answers) {
        let Some(granted) = answer else { continue };
        if shown.len() >= limit(question) {
            break;
        }
        let mut permission = Map::new();
        if let Some(resource) = unit.resource {
            permission.insert("rsid".into(), resource["id"].clone());
            if question.get("names").is_none_or(|names| names == true) {
                permission.insert("rsname".into(), resource["name"].clone());
            }
            if text(resource, "owner") == text(&question["server"], "id") {
                permission.insert("rsowned".into(), true.into());
            }
        }
        if !granted.scopes.is_empty() {
            permission.insert("scopes".into(), json!(granted.scopes));
        }
        if !granted.claims.is_empty() {
            permission.insert("claims".into(), json!(granted.claims));
        }
        if let Some(exp) = granted.exp {
            permission.insert("exp".into(), exp.into());
        }
        shown.push(Value::Object(permission));
    }
    shown
}

fn limit(question: &Value) -> usize {
    question
        .get("limit")
        .and_then(Value::as_u64)
        .and_then(|limit| limit.try_into().ok())
        .unwrap_or(usize::MAX)
}

/// Two permissions are the same if they have the resource and at least one scope in common, or both none (R11)
fn same_permission(one: &Value, other: &Value) -> bool {
    let (one_scopes, other_scopes) = (texts(one, "scopes"), texts(other, "scopes"));
    one.get("rsid") == other.get("rsid")
        && (one_scopes.iter().any(|scope| other_scopes.contains(scope))
            || one_scopes.is_empty() && other_scopes.is_empty())
}

/// What becomes a request to an owner (Keycloak wire §6.7, R13)
fn pending(question: &Value, units: &[Unit<'_>], answers: &[Option<Granted>]) -> Vec<Value> {
    if !flag(question, "submit") {
        return Vec::new();
    }
    let mut requests: Vec<(String, Scopes)> = Vec::new();
    for ask in list(question, "asks").iter().filter(|ask| ask["by"] == "id") {
        let Some(resource) = question::resource(question, text(ask, "resource")) else { continue };
        let owner = text(resource, "owner");
        if !flag(resource, "owner_managed")
            || owner == text(&question["requester"], "id")
            || owner == text(&question["server"], "id")
        {
            continue;
        }
        let granted = units
            .iter()
            .zip(answers)
            .find(|(unit, _)| unit.resource.is_some_and(|of| of["id"] == resource["id"]))
            .and_then(|(_, answer)| answer.as_ref());
        let available: Scopes = texts(resource, "scopes").into_iter().collect();
        let named: Scopes = texts(ask, "scopes").into_iter().collect();
        let wanted: Scopes = if named.is_empty() { available.clone() } else { &named & &available };
        let id = text(resource, "id").to_owned();
        if available.is_empty() {
            // A resource without scopes: one request without scopes.
            let asked = named.is_empty() && granted.is_none();
            if asked && !shares::is_refused(question, &id, None) && requests.iter().all(|(of, _)| *of != id) {
                requests.push((id, Scopes::new()));
            }
            continue;
        }
        let missing: Scopes = wanted
            .into_iter()
            .filter(|scope| granted.is_none_or(|granted| !granted.scopes.contains(scope)))
            .filter(|scope| !shares::is_refused(question, &id, Some(scope)))
            .collect();
        if missing.is_empty() {
            continue;
        }
        match requests.iter_mut().find(|(of, _)| *of == id) {
            Some((_, scopes)) => scopes.extend(missing),
            None => requests.push((id, missing)),
        }
    }
    requests
        .into_iter()
        .map(|(resource, scopes)| {
            if scopes.is_empty() {
                json!({"resource": resource})
            } else {
                json!({"resource": resource, "scopes": scopes})
            }
        })
        .collect()
}

fn granted(permissions: Vec<Value>, upgraded: bool, pending: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = json!({"outcome": "granted", "upgraded": upgraded});
    answer["permissions"] = permissions.into();
    finish(&mut answer, pending, next);
    answer
}

fn denied(question: &Value, pending: Vec<Value>, needs: &BTreeSet<String>, next: Option<String>) -> Value {
    let mut answer = json!({"outcome": "denied", "submitted": flag(question, "submit")});
    if !needs.is_empty() {
        answer["needs"] = json!(needs);
    }
    finish(&mut answer, pending, next);
    answer
}

fn finish(answer: &mut Value, pending: Vec<Value>, next: Option<String>) {
    if !pending.is_empty() {
        answer["pending"] = pending.into();
    }
    if let Some(next) = next {
        answer["next"] = next.into();
    }
}

fn refused(refusal: &Refusal) -> Value {
    match refusal {
        Refusal::Resource(resource) => {
            json!({"outcome": "refused", "code": "invalid_resource", "resource": resource})
        }
        Refusal::Uri(uri) => json!({"outcome": "refused", "code": "invalid_uri", "uri": uri}),
        Refusal::MissingUri => json!({"outcome": "refused", "code": "missing_uri"}),
        Refusal::Scopes(scopes) => json!({"outcome": "refused", "code": "invalid_scope", "scopes": scopes}),
    }
}
