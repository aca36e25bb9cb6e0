//! The shared vectors of kinds `token`, `permits` and `challenge`, tokens on the word of each vector that its
//! signature is right.

use countersign_core::{
    challenge::UmaChallenge,
    jwk::Jwks,
    jws::{Alg, Header, compact, signing_input},
    rpt::{Granted, NotPermitted, Rpt},
    scope::Scope,
    time::UnixTime,
    token::{Expect, SignatureOk, UnverifiedToken},
};
use serde_json::{Map, Value, json};

use crate::vectors::{self, Word};

const KEY: &[u8] =
    br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn moment(value: &Value) -> UnixTime {
    UnixTime(value["now"].as_u64().unwrap())
}

fn token(given: &Value, request: &Value) -> Value {
    let keys = Jwks::parse(given["keys"].to_string().as_bytes()).unwrap();
    let expect = Expect::bearer(text(given, "issuer"))
        .audience(text(given, "audience").parse().unwrap())
        .leeway(given["leeway"].as_u64().unwrap());
    let verifier = Word(request["signature_ok"].as_bool().unwrap());
    match UnverifiedToken::parse(text(request, "token"), &keys, &expect, moment(request))
        .and_then(|pending| pending.verify_with(&verifier))
    {
        Ok(token) => {
            json!({ "accepted": true, "sub": token.claims().sub, "expires_at": token.expires_at().0 })
        }
        Err(error) => json!({ "accepted": false, "code": error.denial().code() }),
    }
}

/// A token around the permissions, its signature taken for granted
fn rpt(given: &Value) -> Rpt {
    let claims = json!({ "iss": "as", "typ": "Bearer", "exp": given["exp"],
                         "authorization": { "permissions": given["permissions"] } });
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: None };
    let token = compact(signing_input(&header, claims.to_string()), &[0; 64]);
    let keys = Jwks::parse(KEY).unwrap();
    let pending = UnverifiedToken::parse_as(token, &keys, &Expect::bearer("as"), UnixTime(0)).unwrap();
    pending.accept(SignatureOk::i_have_verified_the_signature())
}

fn granted(rpt: &Rpt, request: &Value) -> Result<Granted, NotPermitted> {
    let scopes: Result<Vec<Scope>, _> =
        request["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap().parse()).collect();
    // What is no scope and no id was granted to nobody.
    let scopes = scopes.map_err(|_| NotPermitted::Resource)?;
    if let Some(name) = request.get("resource_name") {
        return rpt.permits_named(name.as_str().unwrap(), &scopes, moment(request));
    }
    let resource = text(request, "resource").parse().map_err(|_| NotPermitted::Resource)?;
    rpt.permits(&resource, &scopes, moment(request))
}

fn permits(given: &Value, request: &Value) -> Value {
    match granted(&rpt(given), request) {
        Ok(Granted { permission, until }) => {
            json!({ "permitted": true, "scopes": permission.scopes, "until": until.0 })
        }
        Err(refusal) => json!({ "permitted": false, "code": refusal.denial().code() }),
    }
}

fn shown(uma: &UmaChallenge) -> Value {
    let mut members = Map::new();
    members.extend(uma.realm().map(|realm| ("realm".into(), realm.into())));
    members.insert("as_uri".into(), uma.as_uri().into());
    members.insert("ticket".into(), uma.ticket().into());
    members.into()
}

fn challenge(request: &Value) -> Value {
    let answer = match (request.get("build"), request.get("find")) {
        (Some(of), None) => UmaChallenge::new(text(of, "realm"), text(of, "as_uri"), text(of, "ticket"))
            .map(|challenge| json!({ "header": challenge.to_string() }))
            .ok(),
        (None, Some(values)) => {
            UmaChallenge::find(values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()))
                .map(|found| json!({ "challenge": found.as_ref().map(shown) }))
                .ok()
        }
        _ => None,
    };
    answer.unwrap_or_else(|| json!({ "code": "invalid_challenge" }))
}

#[test]
fn every_token_vector_is_answered_as_written() {
    vectors::run("token", |given: Value, request: Value| token(&given, &request));
}

#[test]
fn every_permits_vector_is_answered_as_written() {
    vectors::run("permits", |given: Value, request: Value| permits(&given, &request));
}

#[test]
fn every_challenge_vector_is_answered_as_written() {
    vectors::run("challenge", |_: Value, request: Value| challenge(&request));
}
