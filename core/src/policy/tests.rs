use alloc::{format, string::ToString, vec, vec::Vec};

use serde_json::{Map, Value, json};

use super::*;

fn row(id: &str, kind: &str, config: Value, apply: &[&str]) -> PolicyRow {
    PolicyRow {
        id: id.parse().unwrap(),
        name: id.to_string(),
        kind: kind.to_string(),
        logic: positive(),
        strategy: unanimous(),
        config,
        resources: Vec::new(),
        scopes: ScopeSet::new(),
        resource_type: None,
        apply: apply.iter().map(|id| id.parse().unwrap()).collect(),
        owner: None,
    }
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
    let mut memo = set.memo();
    let permission = set.iter().find(|policy| policy.row.name == permission).unwrap();
    set.permission(permission, &bob(), &mut memo)
}

#[test]
fn a_broken_policy_is_named() {
    let mut odd = row("odd", "user", json!({ "users": ["bob"] }), &[]);
    odd.logic = "MAYBE".to_string();
    let rows =
        [row("fine", "user", json!({ "users": ["bob"] }), &[]), row("x", "nonsense", json!({}), &[]), odd];
    assert_eq!(PolicySet::new(&rows).broken().collect::<Vec<_>>(), ["x", "odd"]);
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
        let mut broken = row("x", kind, config.clone(), &[]);
        broken.logic = "NEGATIVE".to_string();
        let rows = [broken, row("p", "resource", json!({}), &["x"])];
        assert_eq!(asked(&rows, "p"), Some(false), "{kind} {config}");
    }
}

#[test]
fn aggregates_deeper_than_the_limit_do_not_permit() {
    let chain = |length: usize| {
        let mut rows = vec![row("p0", "user", json!({ "users": ["bob"] }), &[])];
        for place in 1..=length {
            rows.push(row(&format!("p{place}"), "aggregate", json!({}), &[&format!("p{}", place - 1)]));
        }
        rows.push(row("top", "resource", json!({}), &[&format!("p{length}")]));
        rows
    };
    assert_eq!(asked(&chain(POLICY_DEPTH - 1), "top"), Some(true));
    assert_eq!(asked(&chain(POLICY_DEPTH), "top"), Some(false));
}

#[test]
fn a_permission_that_is_applied_like_a_policy_does_not_permit() {
    let rows = [
        row("u", "user", json!({ "users": ["bob"] }), &[]),
        row("inner", "resource", json!({}), &["u"]),
        row("outer", "resource", json!({}), &["inner"]),
    ];
    assert_eq!(asked(&rows, "inner"), Some(true));
    assert_eq!(asked(&rows, "outer"), Some(false));
}

#[test]
fn what_a_policy_said_once_is_not_asked_again() {
    let rows = [row("u", "user", json!({ "users": ["bob"] }), &[]), row("p", "resource", json!({}), &["u"])];
    let set = PolicySet::new(&rows);
    let mut memo = set.memo();
    let permission = set.iter().nth(1).unwrap();
    assert_eq!(set.permission(permission, &bob(), &mut memo), Some(true));
    assert_eq!(memo.0, [Some(Effect::Permit), None]);
}
