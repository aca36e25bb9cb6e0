use countersign_core::{
    jwk::{Jwk, Jwks},
    jws::Alg,
    time::UnixTime,
    token::{Expect, SignatureVerifier, TokenError, UnverifiedToken},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::vectors;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    issuer: String,
    audience: String,
    leeway: u64,
    keys: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    token: String,
    now: u64,
    signature_ok: bool,
}

/// Takes the vector's word for the signature.
struct Says(bool);

impl SignatureVerifier for Says {
    fn verify(&self, _: Alg, _: &Jwk, _: &[u8], _: &[u8]) -> bool {
        self.0
    }
}

#[test]
fn tokens_are_taken_and_refused_alike() {
    vectors::run("token", |vector| {
        let (given, request): (&Given, &Request) = (&vector.given, &vector.request);
        let keys = Jwks::parse(given.keys.to_string().as_bytes()).expect("a key set");
        let expect =
            Expect::bearer(&given.issuer).audience(given.audience.parse().unwrap()).leeway(given.leeway);
        match UnverifiedToken::parse(&request.token, &keys, &expect, UnixTime(request.now))
            .and_then(|pending| pending.verify_with(&Says(request.signature_ok)))
        {
            Ok(token) => {
                json!({ "accepted": true, "sub": token.claims().sub, "expires_at": token.expires_at().0 })
            }
            Err(error) => refused(error),
        }
    });
}

fn refused(error: TokenError) -> Value {
    json!({ "accepted": false, "code": error.denial().code() })
}
