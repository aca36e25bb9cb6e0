use alloc::string::ToString;

use serde_json::json;

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
    let pending =
        UnverifiedToken::parse(token, &Jwks::parse(keys).unwrap(), &Expect::bearer("as"), NOW).unwrap();
    Rpt::new(pending.accept(SignatureOk::i_have_verified_the_signature()))
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
fn without_claims_it_permits_the_same_and_says_no_more() {
    let whole = rpt(&json!([{ "rsid": "42", "scopes": ["read"] }]));
    assert_eq!(whole.token().claims().iss.as_deref(), Some("as"));
    let bare = whole.clone().without_claims();
    assert_eq!(*bare.token().claims(), crate::token::Claims::default());
    for now in [NOW, UnixTime(EXP), UnixTime(EXP + 1)] {
        for names in [&["read"][..], &["write"], &[]] {
            let asked = scopes(names);
            assert_eq!(bare.permits(&id("42"), &asked, now), whole.permits(&id("42"), &asked, now));
        }
    }
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
        assert_eq!(claim::permission(&entry), serde_json::from_value(entry.clone()).ok(), "{entry}");
    }
}

#[test]
fn refusals_have_codes_and_words() {
    assert_eq!(NotPermitted::Expired.denial(), Denial::Expired);
    assert_eq!(NotPermitted::Resource.denial(), Denial::NotPermitted);
    assert_eq!(missing(&["b", "a"]).denial(), Denial::NotPermitted);
    assert_eq!(missing(&["b", "a"]).to_string(), "token permits this resource without the scopes `a`, `b`");
}
