//! Kind `dialect`: how an assessment that does not grant looks on the wire, in both dialects.

use countersign_core::{
    assessment::Assessment,
    dialect::{
        keycloak,
        uma2::{self, Failure, RequiredClaim, Settings},
    },
    time::UnixTime,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::vectors;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    dialect: String,
    #[serde(default)]
    required_claims: Vec<RequiredClaim>,
    redirect_user: Option<String>,
    interval: Option<u64>,
    ticket: Option<String>,
}

fn keycloak_answer(assessment: &Assessment) -> Value {
    let answer = match assessment {
        Assessment::Granted { .. } => return Value::Null,
        Assessment::Denied { submitted, .. } => keycloak::denied(*submitted),
        Assessment::Refused(refusal) => keycloak::refused(refusal),
    };
    json!({ "status": answer.status,
            "body": { "error": answer.error, "error_description": answer.description } })
}

fn uma_answer(assessment: &Assessment, given: &Given) -> Value {
    let settings = Settings {
        required_claims: &given.required_claims,
        redirect_user: given.redirect_user.as_deref(),
        interval: given.interval,
    };
    Failure::of(assessment, &settings).map_or(
        Value::Null,
        |failure| json!({ "status": failure.status(), "body": failure.body(given.ticket.as_deref()) }),
    )
}

#[test]
fn every_dialect_vector_is_rendered_as_written() {
    vectors::run("dialect", |given: Given, assessment: Assessment| match given.dialect.as_str() {
        "keycloak" => keycloak_answer(&assessment),
        "uma2" => uma_answer(&assessment, &given),
        other => panic!("no dialect `{other}`"),
    });
}

#[test]
fn a_poll_that_comes_too_early_spends_nothing() {
    let early = Failure::TooEarly { retry_after: 7 };
    assert_eq!((early.status(), early.retry_after(), early.rotates()), (429, Some(7), false));
    assert_eq!(early.body(Some("t2")), json!({ "error": "slow_down" }));
    assert_eq!(Failure::InvalidGrant.body(Some("t2")), json!({ "error": "invalid_grant" }));
}

#[test]
fn permissions_are_shown_as_introspection_has_them() {
    let granted = serde_json::from_value::<Vec<_>>(json!([
        { "rsid": "doc-42", "rsname": "diary", "scopes": ["read"], "exp": 20, "nbf": 10 },
        { "rsid": "doc-43" },
        { "scopes": ["read"] }]));
    assert_eq!(
        uma2::permissions(granted.as_ref().unwrap(), None, None),
        json!([{ "resource_id": "doc-42", "resource_scopes": ["read"], "exp": 20, "nbf": 10 },
               { "resource_id": "doc-43", "resource_scopes": [] }])
    );
    // The narrower of the permission's and the token's times (FED-5.1.1-05)
    assert_eq!(
        uma2::permissions(granted.as_ref().unwrap(), Some(UnixTime(5)), Some(UnixTime(15))),
        json!([{ "resource_id": "doc-42", "resource_scopes": ["read"], "exp": 15, "iat": 5, "nbf": 10 },
               { "resource_id": "doc-43", "resource_scopes": [], "exp": 15, "iat": 5 }])
    );
}
