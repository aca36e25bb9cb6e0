use alloc::{format, string::ToString, vec, vec::Vec};

use serde_json::{Map, Value, json};

use super::*;
use crate::{
    limits::POLICY_DEPTH,
    permission::Claims,
    requester::{Directory, Requester},
    time::{UnixTime, WallClock},
};

fn row(id: &str, kind: &str, config: &Value, apply: &[&str]) -> PolicyRow {
    serde_json::from_value(json!({ "id": id, "name": id, "type": kind, "config": config, "apply": apply }))
        .unwrap()
}

fn bob() -> Requester {
    Requester {
        id: "bob".parse().unwrap(),
        client: "app".parse().unwrap(),
        roles: crate::requester::Roles::default(),
        recorded_roles: None,
        groups: Vec::new(),
        claims: Map::new(),
    }
}

fn asked(rows: &[PolicyRow], permission: &str) -> Option<bool> {
    let set = PolicySet::new(rows);
    let (requester, claims, directory) = (bob(), Claims::new(), Directory::default());
    let at = Circumstances {
        requester: &requester,
        token_roles: &requester.roles,
        wall_clock: WallClock::at(UnixTime(0), 0),
        context: &claims,
        claims: &claims,
        directory: &directory,
        outcomes: &[],
    };
    Evaluator::new(&set, at).permission(set.get(&permission.parse().unwrap()).unwrap())
}

#[test]
fn a_broken_policy_is_named() {
    let mut odd = row("odd", "user", &json!({ "users": ["bob"] }), &[]);
    odd.logic = "MAYBE".to_string();
    let rows =
        [row("fine", "user", &json!({ "users": ["bob"] }), &[]), row("x", "nonsense", &json!({}), &[]), odd];
    let set = PolicySet::new(&rows);
    let report: Vec<_> = set.faults().map(|(policy, fault)| (policy.name.as_str(), fault)).collect();
    assert_eq!(report, [("x", Fault::UnknownType("nonsense".into())), ("odd", Fault::Logic)]);
}

#[test]
fn every_kind_of_unreadable_configuration_is_broken() {
    for (kind, config) in [
        ("user", json!({})),
        ("user", json!({ "users": "bob" })),
        ("user", json!({ "users": [] })),
        ("role", json!({ "roles": [{}] })),
        ("group", json!({ "groups": [{ "id": "g" }] })),
        ("client", json!({ "clients": [1] })),
    ] {
        let mut broken = row("x", kind, &config, &[]);
        broken.logic = "NEGATIVE".to_string();
        let rows = [broken, row("p", "resource", &json!({}), &["x"])];
        assert_eq!(asked(&rows, "p"), Some(false), "{kind} {config}");
    }
}

#[test]
fn aggregates_deeper_than_the_limit_do_not_permit() {
    let chain = |length: usize| {
        let mut rows = vec![row("p0", "user", &json!({ "users": ["bob"] }), &[])];
        for place in 1..=length {
            rows.push(row(&format!("p{place}"), "aggregate", &json!({}), &[&format!("p{}", place - 1)]));
        }
        rows.push(row("top", "resource", &json!({}), &[&format!("p{length}")]));
        rows
    };
    assert_eq!(asked(&chain(POLICY_DEPTH), "top"), Some(true));
    assert_eq!(asked(&chain(POLICY_DEPTH + 1), "top"), Some(false));
}

#[test]
fn a_permission_that_is_applied_like_a_policy_does_not_permit() {
    let rows = [
        row("u", "user", &json!({ "users": ["bob"] }), &[]),
        row("inner", "resource", &json!({}), &["u"]),
        row("outer", "resource", &json!({}), &["inner"]),
    ];
    assert_eq!(asked(&rows, "inner"), Some(true));
    assert_eq!(asked(&rows, "outer"), Some(false));
}

#[test]
fn a_policy_that_is_named_twice_counts_once() {
    let mut rows = [
        row("yes", "user", &json!({ "users": ["bob"] }), &[]),
        row("no", "user", &json!({ "users": ["carol"] }), &[]),
        row("p", "resource", &json!({}), &["yes", "yes", "no"]),
    ];
    rows[2].strategy = "CONSENSUS".to_string();
    assert_eq!(asked(&rows, "p"), Some(false));
    rows[2].apply.pop();
    assert_eq!(asked(&rows, "p"), Some(true));
}

#[test]
fn a_set_that_was_changed_is_what_its_rows_would_have_made() {
    let all = [
        row("a", "user", &json!({ "users": ["bob"] }), &[]),
        row("b", "aggregate", &json!({}), &["a", "c"]),
        row("c", "aggregate", &json!({}), &["b"]),
        row("p", "resource", &json!({}), &["b"]),
    ];
    let mut set = PolicySet::from_rows(all[1..].to_vec());
    assert!(set.faults().any(|(_, fault)| fault == Fault::MissingReference("a".parse().unwrap())));
    let harmless = row("c", "user", &json!({ "users": ["bob"] }), &[]);
    set.apply([
        PolicyDelta::Put(all[0].clone().into()),
        PolicyDelta::Put(harmless.clone().into()),
        PolicyDelta::Remove("nothing".parse().unwrap()),
    ]);
    assert_eq!((set.len(), set.faults().count()), (4, 0));
    let again = PolicySet::from_snapshot(&set.snapshot()).unwrap();
    let ids = |set: &PolicySet<'_>| {
        let mut ids: Vec<_> = set.iter().map(|policy| policy.row.clone().into_owned()).collect();
        ids.sort_by(|one, other| one.id.cmp(&other.id));
        ids
    };
    assert_eq!(ids(&again), ids(&set));
    set.apply(["a", "b", "c", "p"].map(|id| PolicyDelta::Remove(id.parse().unwrap())));
    assert!(set.is_empty() && set.iter().next().is_none());
}

#[test]
fn only_a_snapshot_of_this_version_is_read() {
    let text = |version: u64| format!(r#"{{"version":{version},"policies":[]}}"#);
    assert!(PolicySet::from_snapshot(text(1).as_bytes()).is_ok());
    assert_eq!(PolicySet::from_snapshot(text(2).as_bytes()).err(), Some(ParseSnapshotError::Version(2)));
    assert_eq!(PolicySet::from_snapshot(b"{}").err(), Some(ParseSnapshotError::Malformed));
}

#[test]
fn every_type_that_is_said_to_be_evaluated_is_known() {
    for kind in EVALUATED {
        let set = PolicySet::from_rows([row("x", kind, &json!({}), &[])]);
        let unknown = set.faults().any(|(_, fault)| matches!(fault, Fault::UnknownType(_)));
        assert!(!unknown, "{kind}");
    }
}
