//! Whatever bytes arrive, the guard's parsers answer and do not panic.

use countersign_core::{
    challenge::{UmaChallenge, challenges},
    jwk::Jwks,
    jws::{Alg, Header, UnverifiedJws, compact, signing_input},
    rpt::Rpt,
    time::UnixTime,
    token::{Expect, SignatureOk, UnverifiedToken},
};
use proptest::{collection::vec, prelude::*};

const KEYS: &[u8] =
    br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn rpt(claims: &str) -> Option<Rpt> {
    let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: Some("k") };
    let token = compact(signing_input(&header, claims), &[0; 64]);
    let keys = Jwks::parse(KEYS).unwrap();
    let pending = UnverifiedToken::parse_as(token, &keys, &Expect::bearer("as"), UnixTime(10)).ok()?;
    Some(pending.accept(SignatureOk::i_have_verified_the_signature()))
}

proptest! {
    #[test]
    fn no_bytes_panic_a_parser(bytes in vec(any::<u8>(), 0..600)) {
        let keys = Jwks::parse(&bytes).or_else(|_| Jwks::parse(KEYS)).unwrap();
        let _ = UnverifiedJws::parse(&bytes);
        let _ = UnverifiedToken::parse(&bytes, &keys, &Expect::bearer("as"), UnixTime(10));
        let _ = UmaChallenge::find([&bytes]);
    }

    #[test]
    fn no_text_that_looks_like_a_challenge_panics(text in r#"(UMA|Basic|[a-z=,"\\ ]| |,|=|"|\\|ticket|as_uri){0,40}"#) {
        let _ = challenges(&text);
        let _ = UmaChallenge::find([&text]);
    }

    /// Every challenge that can be written is read as the same.
    #[test]
    fn a_challenge_is_read_as_it_was_written(realm in "[ -~]{0,40}", server in "[ -~]{1,40}", ticket in "[ -~]{1,40}") {
        let challenge = UmaChallenge::new(&realm, &server, &ticket).unwrap();
        prop_assert_eq!(UmaChallenge::find([challenge.to_string()]).unwrap(), Some(challenge));
    }

    #[test]
    fn claims_of_any_shape_never_permit_by_accident(
        resource in "(42|[a-z]{0,3})",
        scopes in r#"(\["write"\]|\[\]|"read"|null|\{"read":1\}|\["read ","Read"\])"#,
        more in r#"(,"exp":(9|"11"|null))?"#,
    ) {
        let claims = format!(
            r#"{{"iss":"as","typ":"Bearer","exp":20,"authorization":{{"permissions":[{{"rsid":"{resource}","scopes":{scopes}{more}}}]}}}}"#
        );
        if let Some(rpt) = rpt(&claims) {
            let refused = rpt.permits(&"42".parse().unwrap(), &["read".parse().unwrap()], UnixTime(10));
            prop_assert!(refused.is_err());
        }
    }

    /// One changed byte makes another token, or none; never the same claims under another text.
    #[test]
    fn a_token_has_one_spelling(at in 0_usize..200, byte in any::<u8>()) {
        let header = Header { alg: Alg::EdDsa, typ: Some("JWT"), kid: Some("k") };
        let token = compact(signing_input(&header, r#"{"iss":"as","exp":20}"#), &[7; 64]).into_bytes();
        let mut changed = token.clone();
        if let Some(place) = changed.get_mut(at) {
            *place = byte;
        }
        prop_assume!(changed != token);
        prop_assert_ne!(UnverifiedJws::parse(&changed).ok(), UnverifiedJws::parse(&token).ok());
    }
}
