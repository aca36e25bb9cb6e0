//! The shared vectors of kind `enforcer`, on this crate alone.
//!
//! - `given.config` is the configuration; `given.exp` and `given.permissions` are those of the token, which there is
//!   none of without `exp`; `given.claims` are more claims of it.
//! - `request` has `method`, `target` and `now`; `found`, the answer to the lookup, if one was asked; and whatever of
//!   `parameters`, `headers`, `cookies` (pairs), `body`, `uri`, `relative_path`, `remote_addr`, `secure` it needs.
//! - `want` has `error` for a configuration that is refused. Else it has `demand`, with `lookup` where one is to be
//!   made; `resource`, `scopes` and `mode` of a protected path; `claims` where there are any; `verdict`, which is
//!   `permitted` or why not; and `answer` where it is refused.

use countersign_core::{
    enforcer::{
        Answer, Config, Demand, Enforcer, Found, Query, Request, ScopesEnforcementMode, Target, Verdict,
    },
    jwk::Jwks,
    jws::{Alg, Header, compact, signing_input},
    rpt::Rpt,
    time::UnixTime,
    token::{Expect, SignatureOk, UnverifiedToken},
};
use serde_json::{Map, Value, json};

use crate::vectors;

const KEYS: &[u8] =
    br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// The token of a case, as text and as what it is once verified
fn token(given: &Value) -> Option<(String, Rpt)> {
    let exp = given["exp"].as_u64()?;
    let mut claims = Map::from_iter([
        ("iss".to_owned(), json!("as")),
        ("typ".to_owned(), json!("Bearer")),
        ("exp".to_owned(), json!(exp)),
    ]);
    if let Some(permissions) = given.get("permissions") {
        claims.insert("authorization".to_owned(), json!({ "permissions": permissions }));
    }
    claims.extend(given["claims"].as_object().cloned().unwrap_or_default());
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: None };
    let token = compact(signing_input(&header, Value::Object(claims).to_string()), &[0; 64]);
    let keys = Jwks::parse(KEYS).unwrap();
    let pending = UnverifiedToken::parse_as(&token, &keys, &Expect::bearer("as"), UnixTime(0)).unwrap();
    Some((token, pending.accept(SignatureOk::i_have_verified_the_signature())))
}

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    let pairs = value.as_array().map(Vec::as_slice).unwrap_or_default();
    pairs.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect()
}

fn found(value: &Value) -> Vec<Found> {
    let one = |found: &Value| Found {
        id: found["id"].as_str().unwrap().parse().unwrap(),
        scopes: serde_json::from_value(found["scopes"].clone()).unwrap(),
    };
    value.as_array().unwrap().iter().map(one).collect()
}

fn query(query: &Query) -> Value {
    match query {
        Query::Name(name) => json!({ "name": name }),
        Query::Uri(uri) => json!({ "uri": uri }),
        Query::MatchingUri(uri) => json!({ "matchingUri": uri }),
    }
}

fn answer(answer: Answer<'_>) -> Value {
    match answer {
        Answer::Unauthorized => json!("unauthorized"),
        Answer::Challenge => json!("challenge"),
        Answer::Redirect(location) => json!({ "redirect": location }),
        Answer::Forbidden => json!("forbidden"),
    }
}

fn seen(given: &Value, asked: &Value) -> Value {
    let enforcer = match Config::parse(given["config"].to_string().as_bytes()) {
        Ok(config) => Enforcer::new(config),
        Err(error) => return json!({ "error": error.to_string() }),
    };
    let token = token(given);
    let (parameters, headers, cookies) =
        (pairs(&asked["parameters"]), pairs(&asked["headers"]), pairs(&asked["cookies"]));
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    let request = Request {
        method: text("method"),
        target: text("target").as_bytes(),
        uri: text("uri"),
        relative_path: text("relative_path"),
        secure: asked["secure"] == true,
        remote_addr: text("remote_addr"),
        parameters: &parameters,
        headers: &headers,
        cookies: &cookies,
        body: text("body").as_bytes(),
        access_token: token.as_ref().map(|(text, _)| text.as_str()),
    };
    let mut demand = enforcer.demand_of(&request);
    let mut seen = Map::new();
    let mut put = |name: &str, value: Value| drop(seen.insert(name.to_owned(), value));
    if let Some(answer) = asked.get("found") {
        assert!(demand.lookup().is_some(), "nothing is asked for by {asked}");
        demand = enforcer.resolve(demand, &found(answer));
    }
    if let Some(lookup) = demand.lookup() {
        put("lookup", lookup.0.iter().map(query).collect());
    }
    put(
        "demand",
        json!(match &demand {
            Demand::Open => "open",
            Demand::Authenticated => "authenticated",
            Demand::Unmapped(_) => "unmapped",
            Demand::Protected(_) => "protected",
            Demand::Unreadable => "unreadable",
        }),
    );
    if let Demand::Protected(protected) = &demand {
        if let Target::Known(id) = &protected.resource {
            put("resource", json!(id));
        }
        put("scopes", json!(protected.scopes));
        put(
            "mode",
            json!(match protected.mode {
                ScopesEnforcementMode::All => "ALL",
                ScopesEnforcementMode::Any => "ANY",
                ScopesEnforcementMode::Disabled => "DISABLED",
            }),
        );
    }
    let claims = enforcer.claims(&demand, &request);
    if !claims.is_empty() {
        put("claims", json!(claims));
    }
    let now = UnixTime(asked["now"].as_u64().unwrap());
    match demand.decide(token.as_ref().map(|(_, rpt)| rpt), &claims, now) {
        Verdict::Permitted { .. } => put("verdict", json!("permitted")),
        Verdict::Refused(refusal) => {
            put("verdict", json!(refusal.code()));
            put("answer", answer(enforcer.answer(&demand, &refusal)));
        }
    }
    Value::Object(seen)
}

#[test]
fn every_enforcer_vector_is_answered_as_written() {
    vectors::run("enforcer", |given, request| seen(&given, &request));
}
