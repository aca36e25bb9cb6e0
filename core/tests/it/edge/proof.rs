//! Tokens that are bound to a key, and proofs of it.

use countersign_core::edge::{Answer, Config, Event, FetchKind, RequestId, Withdrawals};
use serde_json::{Value, json};

use super::world::{START, World, config, header, request, rpt, rpt_with};

const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const THUMBPRINT: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

fn plain() -> Config {
    config().withdrawals(Withdrawals::None)
}

fn bound() -> String {
    rpt_with("cnf", json!({ "jkt": THUMBPRINT }))
}

fn proof(token: &str, changes: &Value) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use sha2::{Digest, Sha256};

    let header =
        json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": { "kty": "OKP", "crv": "Ed25519", "x": KEY } });
    let mut claims = json!({ "jti": "p1", "htm": "GET", "htu": "https://files.example/documents/42",
        "iat": START, "ath": URL_SAFE_NO_PAD.encode(Sha256::digest(token)) });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&header), part(&claims), URL_SAFE_NO_PAD.encode([7; 64]))
}

fn send(world: &mut World, token: &str, proof: &str) -> RequestId {
    world.send(&[("Authorization", &format!("DPoP {token}")), ("DPoP", proof)])
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.denial.code()), (401, "invalid_proof"));
    let challenge = header(answer, "www-authenticate").unwrap();
    assert!(
        challenge.starts_with("DPoP algs=\"ES256 ") && challenge.ends_with(&format!("error=\"{code}\"")),
        "{challenge}"
    );
    assert_eq!(header(answer, "cache-control").as_deref(), Some("no-store"));
}

#[test]
fn a_bound_token_with_its_proof_is_let_through() {
    let mut world = World::ready(plain());
    let id = send(&mut world, &bound(), &proof(&bound(), &json!({})));
    world.verify(true);
    world.verify(true);
    world.forward(id);
    let id = send(&mut world, &bound(), &proof(&bound(), &json!({ "jti": "p2" })));
    world.verify(true);
    world.forward(id);
    world.idle();
}

#[test]
fn trap_jwt_44_a_bad_proof_is_refused_before_anything_else() {
    let good = proof(&bound(), &json!({}));
    let mut world = World::ready(plain());
    for changes in [
        json!({ "htm": "get" }),
        json!({ "htu": "https://files.example/documents/43" }),
        json!({ "htu": "https://files.example/documents/42?page=2" }),
        json!({ "iat": START - 61 }),
        json!({ "iat": START + 6 }),
        json!({ "ath": THUMBPRINT }),
        json!({ "jti": null }),
    ] {
        let id = send(&mut world, &bound(), &proof(&bound(), &changes));
        refused(&world.answer(id), "invalid_dpop_proof");
    }
    let dpop = format!("DPoP {}", bound());
    for headers in [
        vec![("Authorization", dpop.as_str())],
        vec![("Authorization", dpop.as_str()), ("DPoP", good.as_str()), ("dpop", good.as_str())],
    ] {
        let id = world.send(&headers);
        refused(&world.answer(id), "invalid_dpop_proof");
    }
    let id = send(&mut world, &bound(), &good);
    world.verify(false);
    refused(&world.answer(id), "invalid_dpop_proof");
    world.idle();
}

#[test]
fn trap_jwt_44_a_proof_is_used_once() {
    let mut world = World::ready(plain());
    let good = proof(&bound(), &json!({}));
    let id = send(&mut world, &bound(), &good);
    world.verify(true);
    world.verify(true);
    world.forward(id);
    for _ in 0..3 {
        let id = send(&mut world, &bound(), &good);
        world.verify(true);
        refused(&world.answer(id), "invalid_dpop_proof");
    }
    let unverified = proof(&bound(), &json!({ "jti": "p3" }));
    let id = send(&mut world, &bound(), &unverified);
    world.verify(false);
    refused(&world.answer(id), "invalid_dpop_proof");
    let id = send(&mut world, &bound(), &unverified);
    world.verify(true);
    world.forward(id);
}

#[test]
fn trap_jwt_45_tokens_and_schemes_go_together() {
    let mut world = World::ready(plain());
    let first = send(&mut world, &bound(), &proof(&bound(), &json!({})));
    world.verify(true);
    world.verify(true);
    world.forward(first);
    // Remembered or not: as Bearer it is worth nothing.
    let id = world.bearer(&bound());
    let answer = world.challenged(id, "bound_token");
    assert!(answer.headers.iter().any(|(_, value)| value.starts_with("DPoP algs=")), "{:?}", answer.headers);
    world.passes(&rpt());
    for jti in ["p5", "p6"] {
        let id = send(&mut world, &rpt(), &proof(&rpt(), &json!({ "jti": jti })));
        world.verify(true);
        world.challenged(id, "bound_token");
    }
    for cnf in [json!({ "kid": "k" }), json!({ "jkt": THUMBPRINT, "x5t#S256": "c" }), json!({ "jkt": KEY })] {
        let token = rpt_with("cnf", cnf.clone());
        let id = send(&mut world, &token, &proof(&token, &json!({ "jti": cnf.to_string() })));
        world.verify(true);
        world.challenged(id, "bound_token");
    }
}

#[test]
fn trap_jwt_46_a_certificate_counts_only_if_the_runtime_says_so() {
    let mut world = World::ready(plain());
    let token = rpt_with("cnf", json!({ "x5t#S256": "c" }));
    let bearer = format!("Bearer {token}");
    let headers =
        [("Authorization", bearer.as_str()), ("X-Client-Cert", "c"), ("X-Forwarded-Host", "evil.example")];
    let id = world.send(&headers);
    world.challenged(id, "bound_token");
    let mut with_certificate = request(900, &headers);
    with_certificate.certificate = Some("c".into());
    world.happen(Event::Request(with_certificate));
    world.verify(true);
    world.forward(RequestId(900));
    let id = world.send(&headers);
    world.challenged(id, "bound_token");
    let elsewhere = proof(&bound(), &json!({ "htu": "https://evil.example/documents/42" }));
    let dpop = format!("DPoP {}", bound());
    let id =
        world.send(&[("Authorization", &dpop), ("DPoP", &elsewhere), ("X-Forwarded-Host", "evil.example")]);
    refused(&world.answer(id), "invalid_dpop_proof");
}

#[test]
fn trap_jwt_47_a_nonce_is_asked_for_and_given() {
    let mut world = World::ready(plain());
    let mut ask = |id: u64, changes: &Value| {
        let proof = proof(&bound(), changes);
        let dpop = format!("DPoP {}", bound());
        let mut request = request(id, &[("Authorization", &dpop), ("DPoP", &proof)]);
        request.nonces = vec!["n2".into(), "n1".into()];
        world.happen(Event::Request(request));
        RequestId(id)
    };
    let (none, wrong) = (ask(1, &json!({})), ask(2, &json!({ "nonce": "n0" })));
    let good = ask(3, &json!({ "nonce": "n1" }));
    for id in [none, wrong] {
        let answer = world.answer(id);
        refused(&answer, "use_dpop_nonce");
        assert_eq!(header(&answer, "dpop-nonce").as_deref(), Some("n2"));
    }
    world.verify(true);
    world.verify(true);
    world.forward(good);
    assert!(!world.is_waiting(FetchKind::Keys));
}
