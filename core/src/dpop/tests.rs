use alloc::{format, vec, vec::Vec};

use serde_json::{Map, json};

use super::*;
use crate::{
    jwk::Jwks,
    jws::{Header, compact, signing_input},
    token::{Expect, Possession, SignatureOk, TokenError, UnverifiedToken},
};

// The figures of RFC 9449 §4 made anew: key, token and both hashes were computed elsewhere.
const THUMBPRINT: &str = "3VDqrsgAbIcSrsq1rsxVlhtQMe4kZpUjCr4kgVaAU9g";
const TOKEN: &str = "rpt.7Qm2fWcXo9uKZ1sVbYt4-demo";
const ATH: &str = "JYaYcRmZEM0NPS4jdVVyGAWmiHjNE6acKWiW8OoJKVI";
const NOW: UnixTime = UnixTime(1_793_500_055);
const URI: &str = "https://files.lakehouse.example/north/cloud.laz?tile=4";

fn jwk() -> Value {
    json!({ "kty": "EC", "crv": "P-256",
        "x": "LcyMnO0xRtUM95czVt0wj7aX6w8yaMZhJsFJGV4H1Z4", "y": "DboPvSrlMaJRtF24oCGtKzgOgmHegLXc4ZsMB9jkKD8" })
}

fn header() -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk() })
}

fn claims() -> Value {
    json!({ "jti": "c1f0b7a2-3f6e-4a53-9d38-0b1f5f6a7e21", "htm": "GET",
        "htu": "https://files.lakehouse.example/north/cloud.laz", "iat": 1_793_500_050, "ath": ATH })
}

fn encode(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    compact(format!("{}.{}", part(header), part(claims)), &[7; 64])
}

fn check_at(proofs: &[String], nonces: &[&str], now: UnixTime) -> Result<Proof, ProofError> {
    let uri = URI.parse().unwrap();
    let request = ProofRequest::new("GET", &uri).access_token(TOKEN).nonces(nonces);
    let pending = UnverifiedProof::parse(proofs, &request, now)?;
    assert_eq!(pending.signature(), [7; 64]);
    Ok(pending.accept(SignatureOk::i_have_verified_the_signature()))
}

fn check(header: &Value, claims: &Value) -> Result<(), ProofError> {
    check_at(&[encode(header, claims)], &[], NOW).map(|_| ())
}

fn with(of: &Value, name: &str, value: Value) -> Value {
    let mut changed = of.clone();
    changed[name] = value;
    changed
}

fn without(of: &Value, name: &str) -> Value {
    let mut changed: Map<_, _> = of.as_object().unwrap().clone();
    changed.remove(name);
    Value::Object(changed)
}

/// An RPT of an issuer, with this `cnf`
fn token(cnf: Option<Value>, typ: &str, held: Possession) -> Result<(), TokenError> {
    let keys =
        br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let mut claims = json!({ "iss": "as", "typ": typ, "exp": NOW.0 });
    if let Some(cnf) = cnf {
        claims["cnf"] = cnf;
    }
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: None };
    let token = compact(signing_input(&header, claims.to_string()), &[0; 64]);
    let expect = Expect::bearer("as").held(held);
    UnverifiedToken::parse(token, &Jwks::parse(keys).unwrap(), &expect, NOW).map(|_| ())
}

fn proof() -> Proof {
    check_at(&[encode(&header(), &claims())], &[], NOW).unwrap()
}

#[test]
fn the_worked_shape_is_accepted_with_its_hashes() {
    let proof = proof();
    assert_eq!(proof.thumbprint(), THUMBPRINT);
    assert_eq!(hash(TOKEN.as_bytes()), ATH);
    assert_eq!(proof.replay_key().until(), UnixTime(1_793_500_110));
}

#[test]
fn trap_jwt_44_only_one_header_counts() {
    let one = encode(&header(), &claims());
    assert_eq!(check_at(&[], &[], NOW).map(|_| ()), Err(ProofError::Count));
    assert_eq!(check_at(&[one.clone(), one.clone()], &[], NOW).map(|_| ()), Err(ProofError::Count));
    for joined in [format!("{one},{one}"), format!("{one}, {one}"), format!(" {one}"), String::new()] {
        let refused = check_at(core::slice::from_ref(&joined), &[], NOW).map(|_| ());
        assert!(matches!(refused, Err(ProofError::Jws(_))), "{joined}");
    }
}

#[test]
fn trap_jwt_44_the_key_is_public_asymmetric_and_strong() {
    let with_jwk = |jwk: Value| check(&with(&header(), "jwk", jwk), &claims());
    assert_eq!(
        check(&without(&header(), "jwk"), &claims()),
        Err(ProofError::Key(ParseJwkError::Member("jwk")))
    );
    for jwk in [json!("x"), json!(null), json!([])] {
        assert_eq!(with_jwk(jwk), Err(ProofError::Key(ParseJwkError::Member("jwk"))));
    }
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let refused = with_jwk(with(&jwk(), private, json!("AQAB")));
        assert_eq!(refused, Err(ProofError::Key(ParseJwkError::Private)), "{private}");
    }
    let symmetric = with_jwk(json!({ "kty": "oct" }));
    assert_eq!(symmetric, Err(ProofError::Key(ParseJwkError::NotServed)));
    assert_eq!(
        with_jwk(with(&jwk(), "crv", json!("P-384"))),
        Err(ProofError::Key(ParseJwkError::Member("x")))
    );
    assert_eq!(
        with_jwk(with(&jwk(), "use", json!("enc"))),
        Err(ProofError::Key(ParseJwkError::NotForSignatures))
    );
    let modulus = URL_SAFE_NO_PAD.encode([0xFF; 128]);
    let weak =
        json!({ "typ": "dpop+jwt", "alg": "RS256", "jwk": { "kty": "RSA", "n": modulus, "e": "AQAB" } });
    assert_eq!(check(&weak, &claims()), Err(ProofError::Key(ParseJwkError::Strength)));
}

#[test]
fn trap_jwt_44_the_algorithm_is_asymmetric_and_that_of_the_key() {
    for alg in ["none", "HS256", "ES512", "es256"] {
        let refused = check(&with(&header(), "alg", json!(alg)), &claims());
        assert_eq!(refused, Err(ProofError::Jws(ParseJwsError::Algorithm)), "{alg}");
    }
    assert_eq!(check(&with(&header(), "alg", json!("HS512")), &claims()), Err(ProofError::Algorithm));
    for (alg, of_key) in
        [("ES384", None), ("RS256", None), ("ES256", Some("ES384")), ("ES256", Some("RS256"))]
    {
        let mut header = with(&header(), "alg", json!(alg));
        if let Some(of_key) = of_key {
            header["jwk"]["alg"] = json!(of_key);
        }
        let refused = check(&header, &claims());
        assert_eq!(refused, Err(ProofError::Key(ParseJwkError::NotServed)), "{alg} {of_key:?}");
    }
    let rsa = |alg: &str| {
        let modulus = URL_SAFE_NO_PAD.encode([0xFF; 256]);
        json!({ "typ": "dpop+jwt", "alg": alg, "jwk": { "kty": "RSA", "n": modulus, "e": "AQAB" } })
    };
    // Past the key: a signature of 64 bytes is none of RSA.
    assert_eq!(check(&rsa("PS256"), &claims()), Err(ProofError::Signature));
    let mut two = rsa("PS256");
    two["jwk"]["alg"] = json!("RS256");
    assert_eq!(check(&two, &claims()), Err(ProofError::Key(ParseJwkError::NotServed)));
}

#[test]
fn trap_jwt_44_no_other_kind_passes_as_a_proof() {
    for typ in ["JWT", "at+jwt", "dpop", "", "dpop+jwt;x"] {
        assert_eq!(check(&with(&header(), "typ", json!(typ)), &claims()), Err(ProofError::Kind), "{typ}");
    }
    assert_eq!(check(&without(&header(), "typ"), &claims()), Err(ProofError::Kind));
}

#[test]
fn trap_jwt_44_required_claims_are_there_and_bounded() {
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        assert_eq!(check(&header(), &without(&claims(), name)), Err(ProofError::Missing(name)), "{name}");
    }
    let jti = |jti: Value| check(&header(), &with(&claims(), "jti", jti));
    for bad in [json!(""), json!("x".repeat(256)), json!(1), json!(null), json!("a\nb")] {
        assert_eq!(jti(bad), Err(ProofError::Claims(ParseClaimsError::Claim("jti"))));
    }
    assert_eq!(jti(json!("x".repeat(255))), Ok(()));
    assert_eq!(jti(json!("x".repeat(1 << 20))), Err(ProofError::TooLong));
    let twice = claims().to_string().replacen('{', "{\"htm\":\"GET\",", 1);
    let text = compact(
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header().to_string()), URL_SAFE_NO_PAD.encode(twice)),
        &[7; 64],
    );
    let refused = check_at(&[text], &[], NOW).map(|_| ());
    assert_eq!(refused, Err(ProofError::Claims(ParseClaimsError::Malformed)));
}

#[test]
fn trap_jwt_44_the_method_is_compared_exactly() {
    for htm in
        [json!("get"), json!("Get"), json!("POST"), json!("GET "), json!(""), json!(["GET"]), json!(null)]
    {
        assert_eq!(check(&header(), &with(&claims(), "htm", htm.clone())), Err(ProofError::Method), "{htm}");
    }
}

#[test]
fn trap_jwt_44_the_uri_is_compared_in_one_spelling() {
    let htu = |htu: &str| check(&header(), &with(&claims(), "htu", json!(htu)));
    for same in [
        "HTTPS://FILES.lakehouse.example/north/cloud.laz",
        "https://files.lakehouse.example:443/north/cloud.laz",
        "https://files.lakehouse.example/x/../north/%63loud.laz",
    ] {
        assert_eq!(htu(same), Ok(()), "{same}");
    }
    for other in [
        "https://files.lakehouse.example/north/cloud.laz?tile=4",
        "https://files.lakehouse.example/north/cloud.laz?",
        "https://files.lakehouse.example/north/cloud.laz#x",
        "https://evil.example/north/cloud.laz",
        "https://files.lakehouse.example.evil.example/north/cloud.laz",
        "https://files.lakehouse.example/north%2Fcloud.laz",
        "https://files.lakehouse.example/north/cloud.laz/",
        "https://files.lakehouse.example/North/cloud.laz",
        "https://files.lakehouse.example:8443/north/cloud.laz",
        "https://x@files.lakehouse.example/north/cloud.laz",
        "http://files.lakehouse.example/north/cloud.laz",
        "/north/cloud.laz",
        "",
    ] {
        assert_eq!(htu(other), Err(ProofError::Uri), "{other}");
    }
    assert_eq!(check(&header(), &with(&claims(), "htu", json!(1))), Err(ProofError::Uri));
}

#[test]
fn trap_jwt_44_a_proof_is_good_for_a_minute() {
    let iat = |iat: u64| check(&header(), &with(&claims(), "iat", json!(iat)));
    assert_eq!(iat(NOW.0 - PROOF_SECONDS), Ok(()));
    assert_eq!(iat(NOW.0 - PROOF_SECONDS - 1), Err(ProofError::TooOld));
    assert_eq!(iat(NOW.0 + PROOF_AHEAD_SECONDS), Ok(()));
    assert_eq!(iat(NOW.0 + PROOF_AHEAD_SECONDS + 1), Err(ProofError::NotYetValid));
    for iat in [json!("1"), json!(-1), json!(1e300)] {
        let refused = check(&header(), &with(&claims(), "iat", iat));
        assert_eq!(refused, Err(ProofError::Claims(ParseClaimsError::Claim("iat"))));
    }
    assert_eq!(check(&header(), &with(&claims(), "exp", json!(NOW.0 - 1))), Err(ProofError::TooOld));
    let later = with(&claims(), "nbf", json!(NOW.0 + PROOF_AHEAD_SECONDS + 1));
    assert_eq!(check(&header(), &later), Err(ProofError::NotYetValid));
}

#[test]
fn trap_jwt_44_a_used_proof_has_the_replay_key_of_its_first_use() {
    let first = proof().replay_key();
    let again = with(&with(&claims(), "iat", json!(NOW.0)), "more", json!(1));
    let again = check_at(&[encode(&header(), &again)], &[], NOW).unwrap().replay_key();
    assert_eq!(first.as_bytes(), again.as_bytes(), "same key and jti, other text");
    let other = with(&claims(), "jti", json!("c1f0b7a2-3f6e-4a53-9d38-0b1f5f6a7e22"));
    let other = check_at(&[encode(&header(), &other)], &[], NOW).unwrap().replay_key();
    assert_ne!(first.as_bytes(), other.as_bytes());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let by_another = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": key });
    let by_another = check_at(&[encode(&by_another, &claims())], &[], NOW).unwrap().replay_key();
    assert_ne!(first.as_bytes(), by_another.as_bytes(), "nobody uses up the ids of others");
}

#[test]
fn trap_jwt_44_the_proof_is_for_the_token_that_it_came_with() {
    for ath in [json!(THUMBPRINT), json!(""), json!(null), json!(format!("{ATH}="))] {
        assert_eq!(check(&header(), &with(&claims(), "ath", ath.clone())), Err(ProofError::Token), "{ath}");
    }
    let uri = URI.parse().unwrap();
    let at_token_endpoint = ProofRequest::new("GET", &uri);
    let text = encode(&header(), &without(&claims(), "ath"));
    assert!(UnverifiedProof::parse([text], &at_token_endpoint, NOW).is_ok(), "no token, no hash");
}

#[test]
fn trap_jwt_44_the_key_is_that_of_the_token() {
    let held = || Possession::none().key(&proof());
    assert_eq!(token(Some(json!({ "jkt": THUMBPRINT })), "Bearer", held()), Ok(()));
    assert_eq!(token(Some(json!({ "jkt": THUMBPRINT })), "DPoP", held()), Ok(()));
    assert_eq!(token(Some(json!({ "jkt": ATH })), "DPoP", held()), Err(TokenError::Bound));
}

#[test]
fn trap_jwt_45_a_bound_token_needs_all_that_it_names() {
    let key = || Possession::none().key(&proof());
    let jkt = json!({ "jkt": THUMBPRINT });
    assert_eq!(token(Some(jkt), "Bearer", Possession::none()), Err(TokenError::Bound), "as Bearer");
    assert_eq!(token(None, "Bearer", key()), Err(TokenError::Bound), "unbound as DPoP");
    assert_eq!(token(None, "DPoP", Possession::none()), Err(TokenError::Bound), "DPoP by name only");
    let both = || Some(json!({ "jkt": THUMBPRINT, "x5t#S256": "c" }));
    assert_eq!(token(both(), "Bearer", key()), Err(TokenError::Bound));
    let certificate = Possession::none().certificate_thumbprint("c");
    assert_eq!(token(both(), "Bearer", certificate.clone()), Err(TokenError::Bound));
    assert_eq!(token(both(), "Bearer", key().certificate_thumbprint("c")), Ok(()));
    assert_eq!(token(None, "Bearer", certificate), Ok(()), "many connections have a certificate");
    for unknown in [json!({ "kid": "k" }), json!({ "jkt": THUMBPRINT, "jwk": "x" }), json!({}), json!(null)] {
        assert_eq!(token(Some(unknown.clone()), "Bearer", key()), Err(TokenError::Bound), "{unknown}");
    }
}

#[test]
fn trap_jwt_46_the_expected_uri_is_the_callers_and_no_header_is_read() {
    // The only inputs are proof headers and a request made from configuration, so another host never fits.
    let uri = "https://forwarded.example/north/cloud.laz".parse().unwrap();
    let request = ProofRequest::new("GET", &uri).access_token(TOKEN);
    let refused = UnverifiedProof::parse([encode(&header(), &claims())], &request, NOW).map(|_| ());
    assert_eq!(refused, Err(ProofError::Uri));
}

#[test]
fn trap_jwt_47_a_proof_without_nonce_is_no_way_around_one() {
    let nonces = ["n2", "n1"];
    let check =
        |claims: &Value, nonces: &[&str]| check_at(&[encode(&header(), claims)], nonces, NOW).map(|_| ());
    assert_eq!(check(&claims(), &nonces), Err(ProofError::Nonce));
    for wrong in [json!("n3"), json!(""), json!(null), json!(["n1"])] {
        assert_eq!(check(&with(&claims(), "nonce", wrong), &nonces), Err(ProofError::Nonce));
    }
    for good in nonces {
        assert_eq!(check(&with(&claims(), "nonce", json!(good)), &nonces), Ok(()));
    }
    assert_eq!(check(&with(&claims(), "nonce", json!("stray")), &[]), Ok(()), "nobody asked");
}

#[test]
fn neither_errors_nor_debug_output_hold_credentials() {
    let uri: HttpUri = URI.parse().unwrap();
    let request = ProofRequest::new("GET", &uri).access_token(TOKEN);
    let pending = UnverifiedProof::parse([encode(&header(), &claims())], &request, NOW).unwrap();
    for shown in
        [format!("{request:?}"), format!("{pending:?}"), format!("{:?}", Possession::none().key(&proof()))]
    {
        assert!(!shown.contains("7Qm2") && !shown.contains("BwcHBwc"), "{shown}");
    }
}

#[test]
fn every_algorithm_of_the_challenge_is_read() {
    let read: Vec<_> = ALGS.split(' ').map(|name| Alg::from_name(name).map(Alg::name)).collect();
    let want: Vec<_> = ALGS.split(' ').map(Some).collect();
    assert_eq!(read, want);
    assert_eq!(
        vec![ProofError::Nonce.oauth_code(), ProofError::Count.oauth_code()],
        ["use_dpop_nonce", "invalid_dpop_proof"]
    );
}
