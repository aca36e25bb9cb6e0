use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::*;

fn question(json: &str) -> Question {
    serde_json::from_str(json).unwrap()
}

const SHARED: &str = r#"{
    "now": 1700000000, "server": { "id": "rs" }, "requester": { "id": "bob", "client": "app" },
    "asks": [{ "by": "id", "resource": "doc-42", "scopes": ["read", "write"] }], "submit": true,
    "facts": { "scopes": ["read", "write"],
        "resources": [{ "id": "doc-42", "name": "d", "owner": "alice", "owner_managed": true,
                        "scopes": ["read", "write"] }],
        "shares": [{ "id": "s1", "resource": "doc-42", "scope": "read",
                     "requester": { "user": "bob" }, "state": "granted" }] } }"#;

fn scopes(assessment: &Assessment) -> Vec<String> {
    match assessment {
        Assessment::Granted { permissions, .. } => {
            permissions.iter().flat_map(|p| &p.scopes).map(ToString::to_string).collect()
        }
        Assessment::Denied { .. } | Assessment::Refused(_) => Vec::new(),
    }
}

#[test]
fn withdrawing_a_share_never_widens_the_answer() {
    let before = question(SHARED);
    let mut after = before.clone();
    after.facts.shares.clear();
    assert_eq!(scopes(&assess(&before)), ["read"]);
    assert!(scopes(&assess(&after)).is_empty());
}

#[test]
fn asking_for_the_same_twice_is_asking_once() {
    let once = question(SHARED);
    let mut twice = once.clone();
    twice.asks.extend(once.asks.clone());
    assert_eq!(assess(&once), assess(&twice));
}

#[test]
fn the_order_of_facts_does_not_matter() {
    let one = question(SHARED);
    let mut other = one.clone();
    other.facts.resources.reverse();
    other.facts.shares.reverse();
    assert_eq!(assess(&one), assess(&other));
}

#[test]
fn a_question_with_an_unknown_member_is_not_read() {
    let odd = SHARED.replacen("\"now\"", "\"noww\": 1, \"now\"", 1);
    assert!(serde_json::from_str::<Question>(&odd).is_err());
}

#[test]
fn an_assessment_survives_its_document() {
    let answer = assess(&question(SHARED));
    let document = serde_json::to_string(&answer).unwrap();
    assert_eq!(serde_json::from_str::<Assessment>(&document).unwrap(), answer);
}

/// An owner's policy with an end is a policy until then, and an RPT that rests on it says so
#[test]
fn an_owners_policy_ends() {
    let mut question = question(SHARED);
    question.facts.shares.clear();
    question.facts.policies = serde_json::from_str(
        r#"[{ "id": "p", "type": "uma", "owner": "alice", "resources": ["doc-42"], "scopes": ["write"],
              "config": { "users": ["bob"] }, "expires_at": 1700000060 }]"#,
    )
    .unwrap();
    let Assessment::Granted { permissions, .. } = assess(&question) else { panic!("it has not ended") };
    assert_eq!(permissions.first().unwrap().exp, Some(UnixTime(1_700_000_059)));
    question.now = UnixTime(1_700_000_059);
    assert_eq!(scopes(&assess(&question)), ["write"]);
    question.now = UnixTime(1_700_000_060);
    assert!(scopes(&assess(&question)).is_empty());
}
