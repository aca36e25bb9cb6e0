use alloc::{format, string::ToString};

use serde_json::{Value, json};

use super::*;
use crate::{
    jwk::Jwks,
    jws::{Alg, Header, compact, signing_input},
    token::{Expect, SignatureOk, UnverifiedToken},
};

const NOW: UnixTime = UnixTime(1_000);
const EXP: u64 = 1_300;

fn rpt_with(authorization: &Value) -> Rpt {
    let keys =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let claims = json!({ "iss": "as", "typ": "Bearer", "exp": EXP, "authorization": authorization });
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: None };
    let token = compact(signing_input(&header, claims.to_string()), &[0; 64]);
    let (keys, expect) = (Jwks::parse(keys).unwrap(), Expect::bearer("as"));
    let pending = UnverifiedToken::parse_as::<Rpt>(token, &keys, &expect, NOW).unwrap();
    pending.accept(SignatureOk::i_have_verified_the_signature())
}

fn rpt(permissions: &Value) -> Rpt {
    rpt_with(&json!({ "permissions": permissions }))
}

fn id(text: &str) -> ResourceId {
    text.parse().unwrap()
}

fn scopes(names: &[&str]) -> Vec<Scope> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn missing(names: &[&str]) -> NotPermitted {
    NotPermitted::Scopes(scopes(names).into_iter().collect())
}

#[test]
fn all_scopes_must_be_there() {
    let rpt = rpt(&json!([{ "rsid": "42", "scopes": ["read", "print"] }]));
    for good in [&["read"][..], &["read", "print"], &["read", "read"], &[]] {
        assert!(rpt.permits(&id("42"), &scopes(good), NOW).is_ok(), "{good:?}");
    }
    assert_eq!(rpt.permits(&id("42"), &scopes(&["read", "write"]), NOW), Err(missing(&["write"])));
    assert_eq!(rpt.permits(&id("42"), &scopes(&["READ"]), NOW), Err(missing(&["READ"])));
    assert_eq!(rpt.permits(&id("43"), &scopes(&["read"]), NOW), Err(NotPermitted::Resource));
}

#[test]
fn scopes_of_several_entries_add_up() {
    let rpt = rpt(&json!([
        { "rsid": "42", "scopes": ["read"], "claims": { "org": ["a"] } },
        { "rsid": "7", "scopes": ["delete"] },
        { "rsid": "42", "scopes": ["write"], "claims": { "org": ["b"] } },
    ]));
    let granted = rpt.permits(&id("42"), &scopes(&["read", "write"]), NOW).unwrap();
    assert_eq!(granted.permission.scopes, scopes(&["read", "write"]).into_iter().collect());
    assert_eq!(granted.permission.claims["org"], ["a", "b"]);
    assert_eq!(rpt.permits(&id("42"), &scopes(&["delete"]), NOW), Err(missing(&["delete"])));
}

#[test]
fn a_permission_without_scopes_permits_only_what_names_none() {
    let rpt = rpt(&json!([{ "rsid": "42" }]));
    assert!(rpt.permits(&id("42"), &[], NOW).is_ok());
    assert_eq!(rpt.permits(&id("42"), &scopes(&["read"]), NOW), Err(missing(&["read"])));
    assert_eq!(rpt.permits_any(&id("42"), &scopes(&["read"]), NOW), Err(missing(&["read"])));
}

#[test]
fn one_of_the_scopes_is_enough_if_asked_so() {
    let rpt = rpt(&json!([{ "rsid": "42", "scopes": ["read"] }]));
    assert!(rpt.permits_any(&id("42"), &scopes(&["write", "read"]), NOW).is_ok());
    assert_eq!(rpt.permits_any(&id("42"), &scopes(&["write"]), NOW), Err(missing(&["write"])));
    assert_eq!(rpt.permits_any(&id("42"), &[], NOW), Err(missing(&[])), "none of none");
}

#[test]
fn a_name_counts_only_where_the_resource_server_owns_the_resource() {
    let rpt = rpt(&json!([
        { "rsid": "1", "rsname": "shared-document", "scopes": ["read"] },
        { "rsid": "2", "rsname": "front page", "rsowned": true, "scopes": ["read"] },
    ]));
    assert!(rpt.permits_named("front page", &scopes(&["read"]), NOW).is_ok());
    assert_eq!(rpt.permits_named("shared-document", &scopes(&["read"]), NOW), Err(NotPermitted::Resource));
    assert_eq!(rpt.permits_named("Front Page", &scopes(&["read"]), NOW), Err(NotPermitted::Resource));
    assert_eq!(rpt.permits(&id("front page"), &scopes(&["read"]), NOW), Err(NotPermitted::Resource));
    assert_eq!(rpt.permits_named("2", &scopes(&["read"]), NOW), Err(NotPermitted::Resource));
}

#[test]
fn a_permission_has_times_of_its_own() {
    let rpt = rpt(&json!([
        { "rsid": "ends", "scopes": ["read"], "exp": 1_100 },
        { "rsid": "begins", "scopes": ["read"], "nbf": 1_200 },
    ]));
    let at = |name: &str, now| {
        rpt.permits(&id(name), &scopes(&["read"]), UnixTime(now)).map(|granted| granted.until)
    };
    assert_eq!(at("ends", 1_100), Ok(UnixTime(1_100)));
    assert_eq!(at("ends", 1_101), Err(NotPermitted::Resource));
    assert_eq!(at("begins", 1_199), Err(NotPermitted::Resource));
    assert_eq!(at("begins", 1_200), Ok(UnixTime(EXP)));
    assert_eq!(at("begins", EXP), Ok(UnixTime(EXP)));
    assert_eq!(at("begins", EXP + 1), Err(NotPermitted::Expired));
}

#[test]
fn an_answer_holds_no_longer_than_its_shortest_part() {
    let rpt = rpt(&json!([
        { "rsid": "42", "scopes": ["read"] },
        { "rsid": "42", "scopes": ["write"], "exp": 1_100 },
    ]));
    let granted =
        |now| rpt.permits(&id("42"), &scopes(&["read"]), UnixTime(now)).map(|granted| granted.until);
    assert_eq!(granted(1_100), Ok(UnixTime(1_100)));
    assert_eq!(granted(1_101), Ok(UnixTime(EXP)), "what is left still permits");
}

#[test]
fn its_permissions_are_those_that_can_be_read_in_order() {
    let rpt =
        rpt(&json!([{ "rsid": "7" }, { "rsid": 8 }, { "rsid": "42", "scopes": ["read"] }, { "rsid": "7" }]));
    let ids: Vec<_> = rpt.permissions().iter().filter_map(|permission| permission.rsid.as_deref()).collect();
    assert_eq!(ids, ["7", "42", "7"]);
}

#[test]
fn a_malformed_entry_permits_nothing_and_spoils_nothing() {
    for bad in [
        json!({ "rsid": "42", "scopes": "read write" }),
        json!({ "rsid": "42", "scopes": null }),
        json!({ "rsid": "42", "scopes": ["read", 1] }),
        json!({ "rsid": 42, "scopes": ["read"] }),
        json!({ "rsid": ["42"], "scopes": ["read"] }),
        json!({ "scopes": ["read"] }),
        json!({ "resource_id": "42", "scopes": ["read"] }),
        json!({ "rsid": "42", "scopes": ["read"], "exp": "1" }),
        json!({ "rsid": "42", "scopes": ["read"], "rsowned": "no" }),
        json!({ "__proto__": { "rsid": "42" } }),
        json!(["42", "read"]),
        json!(null),
    ] {
        let rpt = rpt(&json!([bad, { "rsid": "7", "scopes": ["read"] }]));
        assert!(rpt.permits(&id("42"), &scopes(&["read"]), NOW).is_err(), "{bad}");
        assert!(rpt.permits(&id("7"), &scopes(&["read"]), NOW).is_ok(), "{bad}");
    }
    for authorization in [json!(null), json!([]), json!({ "permissions": { "rsid": "42" } }), json!({})] {
        assert!(rpt_with(&authorization).permissions().is_empty(), "{authorization}");
    }
}

#[test]
fn introspection_says_what_is_left_by_either_spelling() {
    let rpt = rpt(&json!([{ "rsid": "42", "scopes": ["read", "write"] }]));
    let left = |permissions: Value| {
        let answer = json!({ "active": true, "permissions": permissions }).to_string();
        match rpt.introspected(answer.as_bytes()) {
            Some(Introspected::Active(left)) => left,
            other => panic!("{other:?}"),
        }
    };
    for entry in [
        json!({ "rsid": "42", "scopes": ["read"] }),
        json!({ "resource_id": "42", "resource_scopes": ["read"] }),
        json!({ "rsid": "42", "resource_id": "7", "scopes": ["read"], "resource_scopes": ["write"] }),
        json!({ "resource_scopes": ["write"], "scopes": ["read"], "resource_id": "7", "rsid": "42" }),
    ] {
        let left = left(json!([entry]));
        assert!(left.permits(&id("42"), &scopes(&["read"]), NOW).is_ok(), "{entry}");
        assert!(left.permits(&id("42"), &scopes(&["write"]), NOW).is_err(), "{entry}");
        assert_eq!(left.expires_at(), UnixTime(EXP));
    }
    for none in [
        json!([]),
        json!(null),
        json!([{ "resource_id": 42 }]),
        json!([{ "resource_id": "42", "resource_scopes": null }]),
    ] {
        assert!(left(none.clone()).permissions().is_empty(), "{none}");
    }
    assert_eq!(rpt.introspected(br#"{"active":false}"#), Some(Introspected::Inactive));
    for unreadable in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":true,"active":false}"#,
    ] {
        assert_eq!(rpt.introspected(unreadable.as_bytes()), None, "{unreadable}");
    }
    let long = format!(r#"{{"active":true,"more":"{}"}}"#, "x".repeat(EDGE_ANSWER_BYTES));
    assert_eq!(rpt.introspected(long.as_bytes()), None);
}

#[test]
fn a_text_that_nobody_has_looked_at_was_granted_to_nobody() {
    let rpt = rpt(&json!([{ "rsid": "42", "rsname": "n", "rsowned": true, "scopes": ["read"] }]));
    let permits = |resource: &str, names: &[&str]| {
        rpt.permits_texts(resource, names.iter().copied(), NOW).map(GrantedBy::into_owned)
    };
    assert_eq!(permits("42", &["read"]), rpt.permits(&id("42"), &scopes(&["read"]), NOW));
    assert_eq!(permits("42", &["write", "read", "print"]), Err(missing(&["print", "write"])));
    for (resource, names) in [("", &["read"][..]), ("4\n2", &[]), ("42", &[""]), ("42", &["read", "a\nb"])] {
        assert_eq!(permits(resource, names), Err(NotPermitted::Resource), "{resource:?} {names:?}");
    }
    let named = |names: &[&str]| rpt.permits_named_texts("n", names.iter().copied(), NOW).is_ok();
    assert!(named(&["read"]) && named(&[]) && !named(&["write"]) && !named(&[""]));
}

#[test]
fn a_claim_is_read_as_serde_reads_it() {
    for entry in [
        json!({}),
        json!({ "rsid": null, "rsname": null, "exp": null, "nbf": null }),
        json!({ "rsid": "42", "rsname": "n", "rsowned": true, "scopes": ["b", "a", "a"], "more": 1 }),
        json!({ "rsid": "42", "claims": { "org": ["a", "b"], "none": [] }, "exp": 5, "nbf": 6 }),
        json!({ "rsid": "" }),
        json!({ "rsid": "a\nb" }),
        json!({ "rsname": 1 }),
        json!({ "rsowned": null }),
        json!({ "scopes": null }),
        json!({ "scopes": [""] }),
        json!({ "claims": null }),
        json!({ "claims": { "org": "a" } }),
        json!({ "claims": { "org": [1] } }),
        json!({ "exp": -1 }),
        json!({ "exp": "1" }),
        json!({ "nbf": 1.5 }),
    ] {
        let text = entry.to_string();
        let document = Document::parse(text.as_bytes()).unwrap();
        let read = claim::permission(document.root(), Spelling::Token);
        assert_eq!(read, serde_json::from_value(entry).ok(), "{text}");
    }
}

#[test]
fn refusals_have_codes_and_words() {
    assert_eq!(NotPermitted::Expired.denial(), Denial::Expired);
    assert_eq!(NotPermitted::Resource.denial(), Denial::NotPermitted);
    assert_eq!(missing(&["b", "a"]).denial(), Denial::NotPermitted);
    assert_eq!(missing(&["b", "a"]).to_string(), "token permits this resource without the scopes `a`, `b`");
}
