//! Attacks by their ids that no vector can hold: too long, too many, or about what becomes of a token.

use countersign_core::{
    jwk::{Jwk, Jwks, ParseJwksError},
    jws::{Alg, Header, ParseJwsError, UnverifiedJws, compact, signing_input},
    limits::TOKEN_BYTES,
    scope::{ParseScopeError, Scope},
    time::UnixTime,
    token::{
        AccessToken, Expect, FromClaims, ParseClaimsError, SignatureVerifier, TokenError, UnverifiedToken,
    },
};
use serde_json::{Value, json};

use crate::vectors::Word;

#[cfg(feature = "guard")]
mod guard;
#[cfg(feature = "pdp")]
mod requests;

const ISSUER: &str = "https://as.example/realms/demo";
const NOW: UnixTime = UnixTime(1_800_000_000);
const KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn keys() -> Jwks {
    Jwks::parse(format!(r#"{{"keys":[{KEY}]}}"#).as_bytes()).unwrap()
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "documents", "typ": "Bearer", "sub": "bob", "jti": "rpt-1", "exp": NOW.0 + 300,
            "authorization": { "permissions": [{ "rsid": "42", "scopes": ["read"] }] } })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn sign(kid: &str, claims: &Value) -> String {
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: Some(kid) };
    compact(signing_input(&header, claims.to_string()), &[7; 64])
}

fn expect() -> Expect {
    Expect::bearer(ISSUER).audience("documents".parse().unwrap())
}

fn check_with(
    token: impl AsRef<[u8]>,
    expect: &Expect,
    verifier: &impl SignatureVerifier,
) -> Result<AccessToken, TokenError> {
    UnverifiedToken::parse(token, &keys(), expect, NOW)?.verify_with(verifier)
}

fn check(claims: &Value) -> Result<AccessToken, TokenError> {
    check_as(claims)
}

fn check_as<T: FromClaims>(claims: &Value) -> Result<T, TokenError> {
    UnverifiedToken::parse_as(sign("k1", claims), &keys(), &expect(), NOW)?.verify_with(&Word(true))
}

/// Finds right what was really signed, and nothing else
struct Genuine<'a>(&'a UnverifiedJws);

impl SignatureVerifier for Genuine<'_> {
    fn verify(&self, _: Alg, _: &Jwk, input: &[u8], signature: &[u8]) -> bool {
        input == self.0.signing_input().as_bytes() && signature == self.0.signature()
    }
}

#[test]
fn trap_jwt_11_a_flood_of_keys_is_bounded() {
    let set = |junk: &str, count: usize| {
        let junk = vec![junk; count].join(",");
        Jwks::parse(format!(r#"{{"keys":[{junk},{KEY}]}}"#).as_bytes())
    };
    assert_eq!(set(r#"{"kty":"oct"}"#, 10_000).map(|keys| keys.keys().len()), Ok(1));
    assert_eq!(set(KEY, 10_000), Err(ParseJwksError::TooLong));
}

#[test]
fn trap_jwt_27_two_to_the_53_is_the_last_moment() {
    const LAST: u64 = 1 << 53;
    assert_eq!(check(&with("exp", json!(LAST))).map(|token| token.expires_at()), Ok(UnixTime(LAST)));
    let refused = Err(TokenError::Claims(ParseClaimsError::Claim("exp")));
    assert_eq!(check(&with("exp", json!(LAST + 1))), refused);
}

#[test]
fn trap_jwt_32_a_token_over_the_cap_is_refused_before_it_is_decoded() {
    for byte in [b'.', b'A', b'!', 0xFF] {
        for length in [TOKEN_BYTES + 1, 1024 * 1024] {
            assert_eq!(UnverifiedJws::parse(vec![byte; length]), Err(ParseJwsError::TooLong), "{byte}");
        }
    }
    assert_eq!(UnverifiedJws::parse(vec![b'.'; TOKEN_BYTES]), Err(ParseJwsError::Parts), "many dots");
    for size in [8, 64, 256] {
        assert!(check(&with("more", json!("a".repeat(size * 1024)))).is_ok(), "{size} KiB");
    }
    let many = |count: u32| {
        let mut text = claims().to_string();
        text.pop();
        text.extend((0..count).map(|name| format!(r#","{name}":0"#)));
        text.push('}');
        let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: Some("k1") };
        let token = compact(signing_input(&header, text), &[7; 64]);
        check_with(token, &expect(), &Word(true)).map(|token| token.claims().other.len())
    };
    assert_eq!(many(20_000), Ok(20_001));
    assert_eq!(many(1_000_000), Err(TokenError::Jws(ParseJwsError::TooLong)));
}

#[test]
fn trap_jwt_33_no_byte_of_a_token_can_be_changed() {
    let token = sign("k1", &claims());
    let genuine = UnverifiedJws::parse(&token).unwrap();
    let is_good = |bytes: &[u8]| check_with(bytes, &expect(), &Genuine(&genuine)).is_ok();
    assert!(is_good(token.as_bytes()));
    for at in 0..token.len() {
        for other in *b"A_.= \n\0" {
            let mut changed = token.clone().into_bytes();
            if changed[at] != other {
                changed[at] = other;
                assert!(!is_good(&changed), "byte {at} is {other}");
            }
        }
        assert!(!is_good(&token.as_bytes()[..at]), "cut off at byte {at}");
    }
    for more in ["A", "AAAA", "=", ".", " "] {
        assert!(!is_good(format!("{token}{more}").as_bytes()), "{more}");
    }
}

#[test]
fn trap_jwt_33_a_signature_of_another_length_is_not_even_tried() {
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: Some("k1") };
    for length in (0..64).chain(65..140) {
        let token = compact(signing_input(&header, claims().to_string()), &vec![7; length]);
        assert!(UnverifiedToken::parse(token, &keys(), &expect(), NOW).is_err(), "{length} bytes");
    }
}

/// An ECDSA signature has a twin that is as good, so a token has several texts.
#[test]
fn trap_jwt_36_a_token_is_the_same_under_another_signature() {
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: Some("k1") };
    let status = json!({ "status_list": { "idx": 4, "uri": "https://as.example/status" } });
    let texts = [1, 2]
        .map(|byte| compact(signing_input(&header, with("status", status.clone()).to_string()), &[byte; 64]));
    assert_ne!(texts[0], texts[1]);
    let [one, other] = texts.map(|text| check_with(text, &expect(), &Word(true)).unwrap());
    assert_eq!(one, other, "nothing that is kept of a token is made of its text");
    assert_eq!(one.claims().jti.as_deref(), Some("rpt-1"));
}

#[test]
fn trap_jwt_42_nothing_of_an_unverified_token_is_shown() {
    let canary = json!({ "iss": ISSUER, "aud": "documents", "typ": "Bearer", "sub": "canary", "jti": "canary",
                         "azp": "canary", "exp": NOW.0 + 300, "email": "canary" });
    let pending = UnverifiedToken::parse(sign("k1", &canary), &keys(), &expect(), NOW).unwrap();
    let mut refused = Vec::new();
    for (name, value) in [
        ("iss", json!("canary")),
        ("aud", json!("canary")),
        ("typ", json!("canary")),
        ("exp", json!("canary")),
        ("sub", json!(["canary"])),
        ("cnf", json!({ "canary": "canary" })),
    ] {
        let mut claims = canary.clone();
        claims[name] = value;
        refused.push(check(&claims).unwrap_err());
    }
    refused.push(check_with(sign("canary", &canary), &expect(), &Word(true)).unwrap_err());
    refused.push(check_with(sign("k1", &canary), &expect(), &Word(false)).unwrap_err());
    refused.push(check_with("canary.canary.canary", &expect(), &Word(true)).unwrap_err());
    for shown in [format!("{pending:?}"), format!("{refused:?}")] {
        assert!(!shown.contains("canary"), "{shown}");
    }
    for error in refused {
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn trap_oauth_16_a_scope_is_one_word_of_bounded_length() {
    for good in ["read", "READ", " read", "read write", "\"read\"", "*", &"r".repeat(255)] {
        assert_eq!(good.parse::<Scope>().unwrap().as_str(), good, "as it was given");
    }
    assert_eq!("".parse::<Scope>(), Err(ParseScopeError::Empty));
    assert_eq!("r".repeat(256).parse::<Scope>(), Err(ParseScopeError::TooLong));
    for bad in ["read\twrite", "read\r\n", "\0", "\u{85}"] {
        assert!(matches!(bad.parse::<Scope>(), Err(ParseScopeError::Control { .. })), "{bad:?}");
    }
}

/// What an identity provider says of somebody is believed by the rules of all tokens.
#[test]
fn trap_uma_14_only_an_id_token_for_this_client_says_who_somebody_is() {
    let expect = Expect::named(ISSUER, "ID").audience("app".parse().unwrap());
    let id_token = || json!({ "iss": ISSUER, "aud": "app", "typ": "ID", "sub": "bob", "exp": NOW.0 + 300 });
    let refused = |name: &str, value: Value| {
        let mut claims = id_token();
        claims[name] = value;
        check_with(sign("k1", &claims), &expect, &Word(true)).map(|_| ()).unwrap_err()
    };
    assert!(check_with(sign("k1", &id_token()), &expect, &Word(true)).is_ok());
    assert_eq!(check_with(sign("k1", &id_token()), &expect, &Word(false)), Err(TokenError::Signature));
    assert_eq!(check_with(sign("evil", &id_token()), &expect, &Word(true)), Err(TokenError::UnknownKey));
    assert_eq!(refused("iss", json!("https://evil.example")), TokenError::Issuer);
    assert_eq!(refused("aud", json!("other-app")), TokenError::Audience);
    assert_eq!(refused("typ", json!("Bearer")), TokenError::Kind);
    assert_eq!(refused("typ", json!("Refresh")), TokenError::Kind);
    assert_eq!(refused("exp", json!(NOW.0 - 1)), TokenError::Expired);
    let unsigned = id_token().to_string();
    assert!(check_with(&unsigned, &expect, &Word(true)).is_err(), "a map of claims");
}

#[test]
fn trap_uma_15_claim_tokens_have_the_algorithm_of_their_key() {
    let claims = json!({ "iss": ISSUER, "typ": "ID", "sub": "bob", "exp": NOW.0 + 300 });
    let expect = Expect::named(ISSUER, "ID");
    for alg in [Alg::Hs512, Alg::Rs256, Alg::Ps256, Alg::Es256, Alg::Es384] {
        for kid in [Some("k1"), None] {
            let header = Header { alg, typ: Some("JWT"), kid };
            let token = compact(signing_input(&header, claims.to_string()), &[7; 64]);
            assert_eq!(check_with(token, &expect, &Word(true)), Err(TokenError::UnknownKey), "{alg}");
        }
    }
}
