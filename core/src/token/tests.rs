use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Value, json};

use super::*;
use crate::{
    jwk::Jwk,
    jws::{Alg, Header, compact, signing_input},
};

const ISSUER: &str = "https://as.example/realms/demo";
const NOW: UnixTime = UnixTime(1_700_000_000);
const KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

struct Says(bool);

impl SignatureVerifier for Says {
    fn verify(&self, alg: Alg, key: &Jwk, input: &[u8], signature: &[u8]) -> bool {
        self.0 && alg == key.alg() && input.contains(&b'.') && signature.len() == 64
    }
}

fn jwks() -> Jwks {
    Jwks::parse(format!(r#"{{"keys":[{KEY}]}}"#).as_bytes()).unwrap()
}

fn expect() -> Expect {
    Expect::bearer(ISSUER).audience("api".parse().unwrap())
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "api", "exp": NOW.0 + 300, "iat": NOW.0, "jti": "t:1", "sub": "bob",
            "typ": "Bearer", "azp": "app", "scope": "email", "sid": "s1" })
}

fn pending() -> Pending {
    UnverifiedToken::parse(encode(Some("JWT"), &claims().to_string()), &jwks(), &expect(), NOW).unwrap()
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().insert(name.into(), value);
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn encode(typ: Option<&str>, claims: &str) -> String {
    compact(signing_input(&Header { alg: Alg::EdDsa, typ, kid: Some("k1") }, claims), &[9; 64])
}

fn check_at(typ: Option<&str>, claims: &Value, now: UnixTime) -> Result<AccessToken, TokenError> {
    UnverifiedToken::parse(encode(typ, &claims.to_string()), &jwks(), &expect(), now)?
        .verify_with(&Says(true))
}

fn check(claims: &Value) -> Result<AccessToken, TokenError> {
    check_at(Some("JWT"), claims, NOW)
}

#[test]
fn a_good_token_gives_its_claims() {
    let token = check(&claims()).unwrap();
    assert_eq!(token.expires_at(), NOW.plus(300));
    let claims = token.claims();
    assert_eq!(claims.iss.as_deref(), Some(ISSUER));
    assert_eq!(claims.sub.as_deref(), Some("bob"));
    assert_eq!(claims.azp.as_deref(), Some("app"));
    assert_eq!(claims.jti.as_deref(), Some("t:1"));
    assert_eq!(claims.scope.as_deref(), Some("email"));
    assert_eq!(claims.sid.as_deref(), Some("s1"));
    assert!(claims.other.is_empty());
    assert_eq!(token.clone().into_claims(), *claims);
}

#[test]
fn only_a_right_signature_makes_a_token() {
    assert_eq!(pending().verify_with(&Says(false)), Err(TokenError::Signature));
    assert!(pending().verify_with(&Says(true)).is_ok());
    let accepted = pending().accept(SignatureOk::i_have_verified_the_signature());
    assert_eq!(accepted.claims().sub.as_deref(), Some("bob"));
}

#[test]
fn what_is_to_be_verified_is_what_came() {
    let token = encode(Some("JWT"), &claims().to_string());
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    assert_eq!(pending().signing_input(), signing_input.as_bytes());
    assert_eq!(pending().signature(), [9; 64]);
    assert_eq!((pending().alg(), pending().key().kid()), (Alg::EdDsa, Some("k1")));
}

#[test]
fn a_pending_token_shows_its_key_and_no_credential() {
    let shown = format!("{:?}", pending());
    assert!(shown.starts_with("Pending") && shown.contains("k1"), "{shown}");
    assert!(!shown.contains("bob") && !shown.contains("signature") && !shown.contains("eyJ"), "{shown}");
}

#[test]
fn a_signature_of_another_length_is_not_even_tried() {
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: Some("k1") };
    for length in [1, 63, 65, 132] {
        let token = compact(signing_input(&header, claims().to_string()), &[9; 132][..length]);
        let refused = UnverifiedToken::parse(token, &jwks(), &expect(), NOW).map(|_| ());
        assert_eq!(refused, Err(TokenError::Signature), "{length}");
    }
}

#[test]
fn a_token_lives_through_the_second_of_its_exp() {
    let exp = NOW.plus(300);
    assert!(check_at(Some("JWT"), &claims(), exp).is_ok());
    assert_eq!(check_at(Some("JWT"), &claims(), exp.plus(1)), Err(TokenError::Expired));
    assert!(check_at(Some("JWT"), &with("exp", json!(1_700_000_300.9)), exp).is_ok());
}

#[test]
fn times_that_are_no_times_are_refused() {
    for exp in [
        json!("1700000300"),
        json!(-1),
        json!(true),
        json!(null),
        json!(9_007_199_254_740_993_u64),
        json!(1e300),
    ] {
        let refused = check(&with("exp", exp.clone()));
        assert_eq!(refused, Err(TokenError::Claims(ParseClaimsError::Claim("exp"))), "{exp}");
    }
    assert_eq!(check(&without("exp")), Err(TokenError::LifeTime));
    assert_eq!(check_at(Some("JWT"), &with("iat", json!(NOW.0 + 301)), NOW), Err(TokenError::LifeTime));
}

#[test]
fn a_token_of_the_future_waits_for_the_leeway_only() {
    for name in ["nbf", "iat"] {
        let ahead = with(name, json!(NOW.0 + 5));
        assert_eq!(check(&ahead), Err(TokenError::NotYetValid), "{name}");
        let with_leeway = |seconds| {
            let expect = expect().leeway(seconds);
            UnverifiedToken::parse(encode(Some("JWT"), &ahead.to_string()), &jwks(), &expect, NOW).map(|_| ())
        };
        assert_eq!(with_leeway(4), Err(TokenError::NotYetValid));
        assert_eq!(with_leeway(5), Ok(()));
    }
    let far = with("nbf", json!(NOW.0 + 61)).to_string();
    let refused = UnverifiedToken::parse(encode(Some("JWT"), &far), &jwks(), &expect().leeway(9_999), NOW);
    assert_eq!(refused.map(|_| ()), Err(TokenError::NotYetValid), "leeway is capped");
}

#[test]
fn leeway_does_not_lengthen_a_life() {
    let token = encode(Some("JWT"), &claims().to_string());
    let late = UnverifiedToken::parse(token, &jwks(), &expect().leeway(60), NOW.plus(301)).map(|_| ());
    assert_eq!(late, Err(TokenError::Expired));
}

#[test]
fn the_issuer_is_compared_exactly() {
    for iss in [
        "https://as.example/realms/demo/",
        "https://AS.example/realms/demo",
        "https://as.example:443/realms/demo",
        "http://as.example/realms/demo",
        "https://as.example/realms/dem",
        "",
    ] {
        assert_eq!(check(&with("iss", json!(iss))), Err(TokenError::Issuer), "{iss}");
    }
    assert_eq!(check(&without("iss")), Err(TokenError::Issuer));
    let list = check(&with("iss", json!([ISSUER])));
    assert_eq!(list, Err(TokenError::Claims(ParseClaimsError::Claim("iss"))));
}

#[test]
fn the_audience_is_a_member_or_nothing() {
    for aud in [json!("api"), json!(["api"]), json!(["account", "api"])] {
        assert!(check(&with("aud", aud.clone())).is_ok(), "{aud}");
    }
    for aud in [json!("ap"), json!("api2"), json!("api/"), json!("API"), json!([]), json!("")] {
        assert_eq!(check(&with("aud", aud.clone())), Err(TokenError::Audience), "{aud}");
    }
    for aud in [json!(1), json!([["api"]]), json!(["api", 1]), json!({ "api": 1 }), json!(null)] {
        let refused = check(&with("aud", aud.clone()));
        assert_eq!(refused, Err(TokenError::Claims(ParseClaimsError::Claim("aud"))), "{aud}");
    }
    assert_eq!(check(&without("aud")), Err(TokenError::Audience));
}

#[test]
fn no_other_kind_of_token_passes_as_a_bearer_token() {
    for typ in ["ID", "Refresh", "Offline", "Logout", "bearer", ""] {
        assert_eq!(check(&with("typ", json!(typ))), Err(TokenError::Kind), "{typ}");
    }
    assert_eq!(check(&without("typ")), Err(TokenError::Kind), "a permission ticket has none");
    for jose in
        [None, Some("logout+jwt"), Some("dpop+jwt"), Some("at+jwt;x"), Some(" JWT"), Some("statuslist+jwt")]
    {
        assert_eq!(check_at(jose, &claims(), NOW), Err(TokenError::Kind), "{jose:?}");
    }
    for jose in ["JWT", "jwt", "application/jwt", "at+jwt", "application/at+jwt"] {
        assert!(check_at(Some(jose), &claims(), NOW).is_ok(), "{jose}");
    }
    assert!(check_at(Some("at+jwt"), &without("typ"), NOW).is_ok(), "RFC 9068 has no such claim");
    assert_eq!(check_at(Some("at+jwt"), &with("typ", json!("ID")), NOW), Err(TokenError::Kind));
}

#[test]
fn a_bound_token_is_no_bearer_token() {
    for cnf in [json!({ "jkt": "x" }), json!({}), json!(null), json!({ "x5t#S256": "x" })] {
        assert_eq!(check(&with("cnf", cnf)), Err(TokenError::Bound));
    }
    assert_eq!(check(&with("typ", json!("DPoP"))), Err(TokenError::Bound));
}

#[test]
fn claims_given_twice_are_refused() {
    for twice in [r#""aud":"x""#, r#""\u0065xp":9999999999"#] {
        let text = claims().to_string().replacen('{', &format!("{{{twice},"), 1);
        let refused = UnverifiedToken::parse(encode(Some("JWT"), &text), &jwks(), &expect(), NOW).map(|_| ());
        assert_eq!(refused, Err(TokenError::Claims(ParseClaimsError::Malformed)), "{twice}");
    }
}

#[test]
fn a_key_must_fit_and_claims_come_first() {
    let header = |alg, kid| Header { alg, typ: Some("JWT"), kid };
    let parse = |header: &Header<'_>, claims: &Value| {
        let token = compact(signing_input(header, claims.to_string()), &[9; 64]);
        UnverifiedToken::parse(token, &jwks(), &expect(), NOW).map(|_| ())
    };
    for (alg, kid) in
        [(Alg::EdDsa, "k2"), (Alg::Es256, "k1"), (Alg::Hs512, "k1"), (Alg::Rs256, "../../dev/null")]
    {
        assert_eq!(parse(&header(alg, Some(kid)), &claims()), Err(TokenError::UnknownKey), "{alg} {kid}");
    }
    assert_eq!(parse(&header(Alg::EdDsa, None), &claims()), Ok(()));
    let foreign = with("iss", json!("https://evil.example"));
    assert_eq!(parse(&header(Alg::EdDsa, Some("k2")), &foreign), Err(TokenError::Issuer));
}

#[test]
fn tickets_and_refresh_tokens_have_checks_of_their_own() {
    let check = |claims: &Value, expect: &Expect| {
        let header = Header { alg: Alg::Hs512, typ: Some("JWT"), kid: None };
        let jws = UnverifiedJws::parse(compact(signing_input(&header, claims.to_string()), &[9; 64]))?;
        Payload::parse(jws.payload())?.claims()?.check(&jws, expect, NOW)
    };
    let ticket =
        json!({ "aud": ISSUER, "exp": NOW.0, "iat": NOW.0, "jti": "x", "azp": "api", "permissions": [] });
    let expect_ticket = Expect::unnamed(ISSUER.parse().unwrap());
    assert_eq!(check(&ticket, &expect_ticket), Ok(()));
    assert_eq!(check(&claims(), &expect_ticket), Err(TokenError::Kind));
    let refresh = with("typ", json!("Refresh"));
    assert_eq!(check(&refresh, &Expect::named(ISSUER, "Refresh")), Ok(()));
    assert_eq!(check(&ticket, &Expect::named(ISSUER, "Refresh")), Err(TokenError::Kind));
}

#[test]
fn every_error_has_its_code() {
    let codes: Vec<String> = [
        TokenError::Kind,
        TokenError::Issuer,
        TokenError::Audience,
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::Bound,
        TokenError::UnknownKey,
        TokenError::Signature,
    ]
    .iter()
    .map(|error| error.denial().to_string())
    .collect();
    assert_eq!(
        codes,
        [
            "invalid_token",
            "wrong_issuer",
            "wrong_audience",
            "expired",
            "not_yet_valid",
            "bound_token",
            "unknown_key",
            "invalid_signature"
        ]
    );
}
