use countersign_core::{
    jwk::Jwks,
    jws::{Alg, Header, compact, signing_input},
    rpt::{NotPermitted, Rpt},
    scope::Scope,
    time::UnixTime,
    token::{Expect, SignatureOk, UnverifiedToken},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::vectors;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    permissions: Value,
    exp: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    resource: Option<String>,
    resource_name: Option<String>,
    scopes: Vec<String>,
    now: u64,
}

/// A token around the permissions, its signature taken for granted
fn rpt(given: &Given) -> Rpt {
    let key =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let claims = json!({ "iss": "as", "typ": "Bearer", "exp": given.exp,
                         "authorization": { "permissions": given.permissions } });
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: None };
    let token = compact(signing_input(&header, claims.to_string()), &[0; 64]);
    let (keys, expect) = (Jwks::parse(key).unwrap(), Expect::bearer("as"));
    let pending = UnverifiedToken::parse_as(token, &keys, &expect, UnixTime(0)).expect("a good token");
    pending.accept(SignatureOk::i_have_verified_the_signature())
}

fn answer(rpt: &Rpt, request: &Request) -> Result<Value, NotPermitted> {
    let scopes: Result<Vec<Scope>, _> = request.scopes.iter().map(|scope| scope.parse()).collect();
    let (scopes, now) = (scopes.map_err(|_| NotPermitted::Resource)?, UnixTime(request.now));
    let granted = match (&request.resource, &request.resource_name) {
        (Some(id), None) => rpt.permits(&id.parse().map_err(|_| NotPermitted::Resource)?, &scopes, now)?,
        (None, Some(name)) => rpt.permits_named(name, &scopes, now)?,
        _ => panic!("a request names an id or a name"),
    };
    Ok(json!({ "permitted": true, "scopes": granted.permission.scopes, "until": granted.until.0 }))
}

#[test]
fn permissions_permit_and_deny_alike() {
    vectors::run("permits", |vector| {
        answer(&rpt(&vector.given), &vector.request)
            .unwrap_or_else(|refusal| json!({ "permitted": false, "code": refusal.denial().code() }))
    });
}
