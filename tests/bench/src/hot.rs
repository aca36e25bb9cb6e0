//! The two hottest paths, to be run under an instruction counter: what a count of instructions says does not
//! depend on how busy the machine is.

use core::hint::black_box;

use countersign_core::{
    assessment::{Question, assess},
    ids::ResourceId,
    jwk::Jwks,
    jws::{Alg, Header, compact, signing_input},
    rpt::Rpt,
    scope::Scope,
    time::UnixTime,
    token::{Expect, SignatureOk, UnverifiedToken},
};
use serde_json::json;

/// A path through the core
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path {
    /// One small question, from JSON to JSON, as the component answers it
    Assess,
    /// An RPT of one permission, from its text to the answer, as a guard checks it: without signature
    Rpt,
}

impl Path {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "assess" => Some(Self::Assess),
            "rpt" => Some(Self::Rpt),
            _ => None,
        }
    }

    /// Goes it so many times
    pub(crate) fn run(self, times: u32) {
        match self {
            Self::Assess => assessment(times),
            Self::Rpt => check(times),
        }
    }
}

fn assessment(times: u32) {
    let question = json!({
        "now": 1_700_000_000,
        "server": { "id": "rs" },
        "requester": { "id": "bob", "client": "app", "roles": { "realm": ["user"] } },
        "asks": [{ "by": "id", "resource": "doc-42", "scopes": ["read"] }],
        "facts": {
            "scopes": ["read"],
            "resources": [{ "id": "doc-42", "name": "document 42", "owner": "alice", "owner_managed": true,
                            "scopes": ["read", "write"] }],
            "shares": [{ "id": "s1", "resource": "doc-42", "scope": "read", "requester": { "user": "bob" },
                         "state": "granted" }]
        }
    })
    .to_string();
    for _ in 0..times {
        let question: Question = serde_json::from_str(black_box(&question)).expect("a question");
        let answer = serde_json::to_string(&assess(&question)).expect("an answer");
        assert!(black_box(answer).starts_with(r#"{"outcome":"granted""#));
    }
}

fn check(times: u32) {
    let keys =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let keys = Jwks::parse(keys).expect("a key set");
    let issuer = "http://localhost:8080/realms/demo";
    let claims = json!({
        "exp": 1_700_000_300, "iat": 1_700_000_000, "jti": "onrtna:1", "iss": issuer, "aud": "documents",
        "sub": "8d1f3c0e-5b0a-4a5e-9d3e-2f1f0c6a7b11", "typ": "Bearer", "azp": "reader", "acr": "1",
        "realm_access": { "roles": ["default-roles-demo", "offline_access", "uma_authorization"] },
        "authorization": { "permissions": [{ "scopes": ["read"], "rsid": "doc-42", "rsname": "document 42" }] },
        "scope": "email profile", "email_verified": false, "preferred_username": "bob"
    });
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: Some("k1") };
    let token = compact(signing_input(&header, claims.to_string()), &[7; 64]);
    let expect = Expect::bearer(issuer).audience("documents".parse().expect("a client id"));
    let resource: ResourceId = "doc-42".parse().expect("an id");
    let scopes: [Scope; 1] = ["read".parse().expect("a scope")];
    let now = UnixTime(1_700_000_100);
    for _ in 0..times {
        let pending = UnverifiedToken::parse_as::<Rpt>(black_box(&token), &keys, &expect, now);
        let rpt = pending.expect("a good token").accept(SignatureOk::i_have_verified_the_signature());
        assert!(black_box(rpt.permits(&resource, &scopes, now)).is_ok());
    }
}
