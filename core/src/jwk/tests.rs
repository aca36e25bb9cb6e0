use alloc::{format, string::ToString, vec};

use super::*;
use crate::jws::{Header, compact, signing_input};

const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

fn parse(members: &str) -> Result<Jwk, ParseJwkError> {
    Jwk::parse(format!("{{{members}}}").as_bytes())
}

fn rsa_with(bytes: usize, last: u8, e: &str) -> String {
    let mut n = vec![0xC5; bytes];
    *n.last_mut().unwrap() = last;
    format!(r#""kty":"RSA","n":"{}","e":"{e}""#, URL_SAFE_NO_PAD.encode(n))
}

fn token(alg: Alg, kid: Option<&str>) -> UnverifiedJws {
    let header = Header { alg, typ: None, kid };
    UnverifiedJws::parse(compact(signing_input(&header, "{}"), &[0; 64])).unwrap()
}

#[test]
fn the_thumbprint_is_that_of_the_specification() {
    // RFC 7638 §3.1
    let key = parse(concat!(
        r#""kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"#,
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJ",
        "ZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF",
        r#"44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29""#
    ))
    .unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert_eq!((key.alg(), key.kid()), (Alg::Rs256, Some("2011-04-29")));
    assert!(key.is_signature_length(256) && !key.is_signature_length(255));
}

#[test]
fn symmetric_and_unknown_keys_are_not_served() {
    for members in [
        r#""kty":"oct","k":"c2VjcmV0""#,
        r#""kty":"oct","k":"c2VjcmV0","alg":"HS512""#,
        r#""kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#,
        r#""kty":"OKP","crv":"Ed448","x":"AA""#,
        r#""kty":"EC","crv":"secp256k1","x":"AA","y":"AA""#,
        r#""kty":"rsa""#,
    ] {
        assert_eq!(parse(members), Err(ParseJwkError::NotServed), "{members}");
    }
}

#[test]
fn the_algorithm_must_fit_the_key() {
    assert_eq!(parse(&format!(r#"{ED},"alg":"Ed25519""#)).map(|key| key.alg()), Ok(Alg::EdDsa));
    for alg in ["ES256", "HS512", "none", "RSA-OAEP"] {
        assert_eq!(parse(&format!(r#"{ED},"alg":"{alg}""#)), Err(ParseJwkError::NotServed), "{alg}");
    }
    let ps256 = parse(&format!(r#"{},"alg":"PS256""#, rsa_with(256, 1, "AQAB"))).unwrap();
    assert_eq!(ps256.alg(), Alg::Ps256);
}

#[test]
fn keys_for_something_else_are_refused() {
    for member in [r#""use":"enc""#, r#""use":1"#, r#""key_ops":["sign"]"#, r#""key_ops":"verify""#] {
        assert_eq!(parse(&format!("{ED},{member}")), Err(ParseJwkError::NotForSignatures), "{member}");
    }
    assert!(parse(&format!(r#"{ED},"use":"sig","key_ops":["verify"]"#)).is_ok());
}

#[test]
fn a_published_private_key_is_refused() {
    assert_eq!(parse(&format!(r#"{ED},"d":"AA""#)), Err(ParseJwkError::Private));
    let rsa = rsa_with(256, 1, "AQAB");
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(parse(&format!(r#"{rsa},"{member}":"AQ""#)), Err(ParseJwkError::Private), "{member}");
    }
}

#[test]
fn weak_rsa_keys_are_refused() {
    for (bytes, last, e) in [
        (128, 1, "AQAB"),
        (255, 1, "AQAB"),
        (256, 2, "AQAB"),
        (2048, 1, "AQAB"),
        (256, 1, "Aw"),
        (256, 1, "AQ"),
        (256, 1, "AQAA"),
        (256, 1, "AAAAAAAAAAAD"),
    ] {
        assert_eq!(parse(&rsa_with(bytes, last, e)), Err(ParseJwkError::Strength), "{bytes} {last} {e}");
    }
    assert!(parse(&rsa_with(256, 1, "AQAB")).is_ok());
    assert!(parse(&rsa_with(256, 1, "AAEAAQ")).is_ok(), "leading zeros do not count");
}

#[test]
fn coordinates_have_exactly_the_size_of_the_curve() {
    let coordinate = |length: usize| URL_SAFE_NO_PAD.encode(vec![1; length]);
    let key = |crv: &str, x: usize, y: usize| {
        parse(&format!(r#""kty":"EC","crv":"{crv}","x":"{}","y":"{}""#, coordinate(x), coordinate(y)))
    };
    assert_eq!(key("P-256", 32, 32).map(|key| key.alg()), Ok(Alg::Es256));
    assert_eq!(key("P-384", 48, 48).map(|key| key.alg()), Ok(Alg::Es384));
    assert_eq!(key("P-256", 31, 32), Err(ParseJwkError::Member("x")));
    assert_eq!(key("P-256", 32, 33), Err(ParseJwkError::Member("y")));
    assert_eq!(key("P-384", 32, 32), Err(ParseJwkError::Member("x")));
}

#[test]
fn what_is_written_is_read_again() {
    let key = parse(&format!(r#"{ED},"kid":"k1""#)).unwrap();
    let json = key.to_json();
    assert_eq!(Jwk::from_members(json.as_object().unwrap()), Ok(key));
    assert_eq!(json["use"], "sig");
}

#[test]
fn a_key_is_found_by_name_and_algorithm() {
    let named = |kid: &str| parse(&format!(r#"{ED},"kid":"{kid}""#)).unwrap();
    let jwks: Jwks =
        [named("a"), named("b"), parse(&rsa_with(256, 1, "AQAB")).unwrap()].into_iter().collect();
    let found = |alg, kid| jwks.key_for(&token(alg, kid)).map(|key| key.kid().map(ToString::to_string));
    assert_eq!(found(Alg::EdDsa, Some("a")), Some(Some("a".to_string())));
    assert_eq!(found(Alg::EdDsa, Some("c")), None);
    assert_eq!(found(Alg::Es256, Some("a")), None, "the algorithm is the key's");
    assert_eq!(found(Alg::EdDsa, None), None, "two fit");
    assert_eq!(found(Alg::Rs256, None), Some(None), "the only one that fits");
    assert_eq!(found(Alg::Ps256, None), None, "one key, one algorithm");
    assert_eq!(found(Alg::Hs512, Some("a")), None);
}

#[test]
fn two_keys_of_one_name_and_algorithm_are_none() {
    let twin = || parse(&format!(r#"{ED},"kid":"a""#)).unwrap();
    let jwks: Jwks = [twin(), twin()].into_iter().collect();
    assert_eq!(jwks.key_for(&token(Alg::EdDsa, Some("a"))), None);
}

#[test]
fn a_set_is_bounded_and_skips_what_it_cannot_use() {
    let many = vec![format!("{{{ED}}}"); JWKS_KEYS + 9].join(",");
    assert_eq!(Jwks::parse(format!(r#"{{"keys":[{many}]}}"#).as_bytes()).unwrap().keys().len(), JWKS_KEYS);
    let mixed = format!(r#"{{"keys":[1,null,{{}},{{"kty":"XX"}},{{{ED}}}],"more":true}}"#);
    assert_eq!(Jwks::parse(mixed.as_bytes()).unwrap().keys().len(), 1);
    for bad in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(Jwks::parse(bad.as_bytes()), Err(ParseJwksError::Malformed), "{bad}");
    }
    assert_eq!(Jwks::parse(&vec![b' '; JWKS_BYTES + 1]), Err(ParseJwksError::TooLong));
}
