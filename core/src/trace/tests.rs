use alloc::string::{String, ToString};

use serde_json::{Value, json};

use super::{DecidedBy, Stage, Trace};
use crate::assessment::{Assessment, Question, assess, explain};

fn traced(question: Value) -> (Assessment, Trace) {
    let question: Question = serde_json::from_value(question).unwrap();
    let (answer, trace) = explain(&question);
    assert_eq!(answer, assess(&question), "asking why changes nothing");
    (answer, trace)
}

/// Bob asks for two scopes of Alice's document; he has a share of one, and a policy of the server is in the way
fn shared() -> Value {
    json!({ "now": 1_700_000_000, "server": { "id": "rs" }, "requester": { "id": "bob", "client": "app" },
        "asks": [{ "by": "id", "resource": "doc-42" }], "submit": true,
        "facts": {
            "resources": [{ "id": "doc-42", "name": "diary", "owner": "alice", "owner_managed": true,
                            "scopes": ["read", "write"] }],
            "shares": [
                { "id": "s1", "resource": "doc-42", "scope": "read", "requester": { "user": "bob" },
                  "state": "granted" },
                { "id": "s2", "resource": "doc-42", "scope": "write", "requester": { "user": "bob" },
                  "state": "granted", "expires_at": 1_600_000_000 }],
            "policies": [
                { "id": "p1", "name": "secret club", "type": "user", "config": { "users": ["carol"] } },
                { "id": "p2", "name": "of the server", "type": "resource", "resources": ["doc-42"], "apply": ["p1"] },
                { "id": "p3", "name": "alice's own", "type": "uma", "owner": "alice", "resources": ["doc-42"],
                  "scopes": ["write"], "config": { "roles": [{ "name": "editor" }] } }] } })
}

/// What is shown of policies that nobody had to ask gives no claim and asks for none
#[test]
fn what_is_told_besides_counts_for_nothing() {
    let question = |policies: Value| {
        json!({ "now": 1_700_000_000, "server": { "id": "rs" }, "requester": { "id": "bob", "client": "web" },
            "asks": [{ "by": "id", "resource": "r-1" }], "gatherable": ["dept"],
            "facts": {
                "resources": [{ "id": "r-1", "name": "album", "owner": "rs", "scopes": ["view"] }],
                "outcomes": [{ "policy": "script", "said": "permit", "claims": { "x": ["1"] } }],
                "policies": policies } })
    };
    let leaf = json!({ "id": "leaf", "type": "regex",
        "config": { "pattern": "ops", "targetClaim": "dept", "targetContextAttributes": true } });
    let script = json!({ "id": "script", "type": "script-x" });
    let all = json!({ "id": "all", "type": "user", "config": { "users": ["bob"] } });
    let over = |id: &str, kind: &str, child: &str| json!({ "id": id, "type": kind, "resources": ["r-1"], "apply": [child] });
    let needs = |policies: Value| {
        let Assessment::Denied { needs, .. } = traced(question(policies)).0 else {
            panic!("nothing here is granted")
        };
        needs
    };
    assert!(needs(json!([leaf, over("p", "unknown", "leaf")])).is_empty());
    // One that had to be asked misses the claim, whoever was told of it before.
    for (first, second) in [("a", "b"), ("b", "a")] {
        let both = json!([leaf, over(first, "unknown", "leaf"), over(second, "resource", "leaf")]);
        assert_eq!(needs(both), ["dept"]);
    }
    let granted = json!([script, all, over("a", "unknown", "script"), over("b", "resource", "all")]);
    let mut granted = question(granted);
    granted["server"]["strategy"] = "AFFIRMATIVE".into();
    let Assessment::Granted { permissions, .. } = traced(granted).0 else {
        panic!("the user policy grants it")
    };
    assert!(permissions[0].claims.is_empty());
}

#[test]
fn the_operator_sees_every_share_permission_and_policy() {
    let (_, trace) = traced(shared());
    assert_eq!(trace.stage, Stage::Partial);
    let unit = &trace.units[0];
    assert_eq!(unit.by, DecidedBy::Permissions);
    assert_eq!(
        unit.shares.iter().map(|share| share.standing).collect::<alloc::vec::Vec<_>>(),
        ["granted", "expired"]
    );
    assert_eq!(unit.permissions.len(), 2);
    assert_eq!(trace.policies[0].name.as_deref(), Some("secret club"));
    let changes = unit.to_change.join("\n");
    for part in
        ["share `s2` of `write` is expired", "realm role `editor`: not held", "user `bob`: not one of"]
    {
        assert!(changes.contains(part), "{part} is not in\n{changes}");
    }
}

#[test]
fn an_owner_sees_his_own_and_no_other_policy() {
    let (_, trace) = traced(shared());
    let alice = serde_json::to_string(&trace.for_owner(&"alice".parse().unwrap())).unwrap();
    assert!(alice.contains("alice's own") && alice.contains("\"other_rules\":true"), "{alice}");
    for secret in ["secret club", "of the server", "carol", "p1", "p2"] {
        assert!(!alice.contains(secret), "{secret} is in {alice}");
    }
    assert!(trace.for_owner(&"dave".parse().unwrap()).resources.is_empty());
}

#[test]
fn a_requester_cannot_tell_a_refusal_from_a_resource_that_does_not_exist() {
    let mut closed = shared();
    closed["facts"]["shares"] = json!([]);
    closed["submit"] = json!(false);
    let mut missing = closed.clone();
    missing["facts"]["resources"] = json!([]);
    let (answer, of_closed) = traced(closed);
    assert!(matches!(answer, Assessment::Denied { .. }));
    let (answer, of_missing) = traced(missing);
    assert!(matches!(answer, Assessment::Refused(_)));
    assert_eq!(of_closed.for_requester(), of_missing.for_requester());
    assert_eq!(serde_json::to_value(of_closed.for_requester()).unwrap(), "denied");
}

#[test]
fn stages_tell_what_comes_next() {
    let mut asked = shared();
    asked["facts"]["shares"] = json!([]);
    assert_eq!(traced(asked.clone()).1.stage, Stage::Submitted);
    asked["facts"]["policies"] = json!([
        { "id": "p1", "name": "of age", "type": "regex",
          "config": { "targetClaim": "age", "pattern": "adult", "targetContextAttributes": true } },
        { "id": "p2", "type": "resource", "resources": ["doc-42"], "apply": ["p1"] }]);
    asked["gatherable"] = json!(["age"]);
    assert_eq!(traced(asked.clone()).1.stage, Stage::NeedInfo);
    asked["pushed_claims"] = json!({ "age": ["adult"] });
    assert_eq!(traced(asked.clone()).1.stage, Stage::Granted);
    asked["facts"]["truncated"] = json!(true);
    let (_, trace) = traced(asked);
    assert!(trace.truncated && trace.stage == Stage::Denied);
}

#[test]
fn rules_without_policies_are_named() {
    let by = |change: &dyn Fn(&mut Value)| {
        let mut question = shared();
        question["facts"]["shares"] = json!([]);
        question["facts"]["policies"] = json!([]);
        change(&mut question);
        traced(question).1.units[0].by
    };
    assert_eq!(by(&|_| ()), DecidedBy::Nothing);
    assert_eq!(by(&|question| question["server"]["mode"] = json!("DISABLED")), DecidedBy::Disabled);
    assert_eq!(
        by(&|question| {
            question["server"]["mode"] = json!("PERMISSIVE");
            question["facts"]["resources"][0]["owner_managed"] = json!(false);
        }),
        DecidedBy::Permissive
    );
    assert_eq!(
        by(&|question| {
            question["server"]["owner_access"] = json!("always");
            question["requester"]["id"] = json!("alice");
        }),
        DecidedBy::OwnerAccess
    );
}

#[test]
fn aggregates_scripts_and_broken_policies_are_told_once_each() {
    let mut question = shared();
    question["facts"]["policies"] = json!([
        { "id": "a", "name": "both", "type": "aggregate", "apply": ["b", "c"] },
        { "id": "b", "name": "again", "type": "aggregate", "apply": ["c", "a"] },
        { "id": "c", "name": "script", "type": "script-x.js", "logic": "NEGATIVE" },
        { "id": "p", "name": "p", "type": "scope", "resources": ["doc-42"], "scopes": ["write"],
          "apply": ["a", "c", "gone"] },
        { "id": "q", "name": "q", "type": "scope", "resources": ["doc-42"], "scopes": ["write"] }]);
    question["facts"]["outcomes"] = json!([{ "policy": "c", "resource": "doc-42", "said": "permit" }]);
    let (_, trace) = traced(question);
    let told: alloc::vec::Vec<_> = trace.policies.iter().map(|policy| policy.id.as_str()).collect();
    assert_eq!(told, ["a", "c", "gone"]);
    let changes: String = trace.units[0].to_change.join("\n");
    for part in [
        "policy `both` is broken: the aggregate leads back to itself",
        "policy `script` (its logic is NEGATIVE) must permit: script: permits",
        "policy `gone` does not exist",
        "permission `q` says nothing: associate a policy",
    ] {
        assert!(changes.contains(part), "{part} is not in\n{changes}");
    }
    assert_eq!(trace.policies[1].looked_at[0].to_string(), "script: permits");
}
