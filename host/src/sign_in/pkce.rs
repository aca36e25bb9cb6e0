//! Proof key for code exchange (RFC 7636): whoever redeems a code shows that the sign-in was hers.

use aws_lc_rs::{constant_time, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::realm::Client;

/// The attribute by which a client demands a method
pub const ATTRIBUTE: &str = "pkce.code.challenge.method";

/// What an authorization request binds its code to
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    method: Method,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Method {
    Plain,
    S256,
}

impl Challenge {
    /// `code_challenge`
    pub fn value(&self) -> &str {
        &self.value
    }

    /// `code_challenge_method`
    pub const fn method(&self) -> &'static str {
        match self.method {
            Method::Plain => "plain",
            Method::S256 => "S256",
        }
    }
}

/// Why a challenge is refused, in Keycloak's words
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeRefused {
    /// The client demands one (RFC 7636 §4.4.1)
    #[error("Missing parameter: code_challenge")]
    Missing,
    /// The client demands a method and none was sent
    #[error("Missing parameter: code_challenge_method")]
    MissingMethod,
    /// A method that is not known, or that this client may not use
    #[error("Invalid parameter: code_challenge_method")]
    Method,
    /// Not the text of a challenge
    #[error("Invalid parameter: code_challenge")]
    Value,
}

/// Why a verifier is refused, in Keycloak's words
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifierRefused {
    /// A challenge was sent, and no verifier
    #[error("PKCE code verifier not specified")]
    Missing,
    /// A verifier without a challenge: somebody took the challenge away (RFC 9700 §4.8.2)
    #[error("PKCE code verifier specified but challenge not present in authorization")]
    Unasked,
    /// Not the text of a verifier
    #[error("PKCE verification failed: Invalid code verifier")]
    Value,
    /// It does not fit
    #[error("PKCE verification failed: Code mismatch")]
    Mismatch,
}

/// 43 to 128 unreserved characters (RFC 7636 §4.1)
fn is_key(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// The challenge of a request, if it has one.
///
/// `plain` hides nothing from whoever reads the request: only a client whose attribute says so may use it
/// (RFC 7636 §7.2).
pub fn challenge(
    client: &Client,
    value: Option<&str>,
    method: Option<&str>,
) -> Result<Option<Challenge>, ChallengeRefused> {
    let demanded = client.attribute(ATTRIBUTE);
    let Some(value) = value else {
        return match (demanded, method) {
            (None, None) => Ok(None),
            _ => Err(ChallengeRefused::Missing),
        };
    };
    let method = match (method, demanded) {
        (Some("S256"), _) => Method::S256,
        (Some("plain") | None, Some("plain")) => Method::Plain,
        (None, Some(_)) => return Err(ChallengeRefused::MissingMethod),
        _ => return Err(ChallengeRefused::Method),
    };
    let fits = match method {
        Method::Plain => is_key(value),
        Method::S256 => URL_SAFE_NO_PAD.decode(value).is_ok_and(|bytes| bytes.len() == 32),
    };
    if fits { Ok(Some(Challenge { method, value: value.to_owned() })) } else { Err(ChallengeRefused::Value) }
}

/// Checks the verifier of a token request (RFC 7636 §4.6)
pub fn verify(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), VerifierRefused> {
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(VerifierRefused::Unasked),
        (Some(_), None) => return Err(VerifierRefused::Missing),
        (Some(challenge), Some(verifier)) => (challenge, verifier),
    };
    if !is_key(verifier) {
        return Err(VerifierRefused::Value);
    }
    let shown = match challenge.method {
        Method::Plain => verifier.to_owned(),
        Method::S256 => URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())),
    };
    constant_time::verify_slices_are_equal(shown.as_bytes(), challenge.value.as_bytes())
        .map_err(|_| VerifierRefused::Mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realm::ClientSettings;
    use countersign_core::time::UnixTime;

    /// RFC 7636, Appendix B
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn client(demanded: Option<&str>) -> Client {
        let mut settings = ClientSettings::default();
        settings.attributes.extend(demanded.map(|method| (ATTRIBUTE.to_owned(), method.to_owned())));
        Client {
            id: "1".to_owned(),
            client_id: "app".to_owned(),
            enabled: true,
            secret: None,
            not_before: UnixTime(0),
            settings,
        }
    }

    #[test]
    fn the_verifier_of_the_rfc_fits_its_challenge() {
        let challenge = challenge(&client(None), Some(CHALLENGE), Some("S256")).unwrap();
        assert_eq!(verify(challenge.as_ref(), Some(VERIFIER)), Ok(()));
        let other = format!("{}A", VERIFIER.get(..42).unwrap());
        assert_eq!(verify(challenge.as_ref(), Some(&other)), Err(VerifierRefused::Mismatch));
        assert_eq!(verify(challenge.as_ref(), Some(CHALLENGE)), Err(VerifierRefused::Mismatch));
    }

    /// TRAP-OAUTH-04
    #[test]
    fn nothing_weaker_passes() {
        let padded = format!("{CHALLENGE}=");
        let sent = |demanded, value, method| challenge(&client(demanded), value, method);
        for (demanded, value, method, refused) in [
            (Some("S256"), None, None, ChallengeRefused::Missing),
            (Some("plain"), None, None, ChallengeRefused::Missing),
            (None, None, Some("S256"), ChallengeRefused::Missing),
            (Some("S256"), Some(CHALLENGE), None, ChallengeRefused::MissingMethod),
            (Some("S256"), Some(CHALLENGE), Some("plain"), ChallengeRefused::Method),
            (None, Some(CHALLENGE), None, ChallengeRefused::Method),
            (None, Some(CHALLENGE), Some("plain"), ChallengeRefused::Method),
            (None, Some(CHALLENGE), Some("s256"), ChallengeRefused::Method),
            (None, Some("short"), Some("S256"), ChallengeRefused::Value),
            (None, Some(padded.as_str()), Some("S256"), ChallengeRefused::Value),
            (Some("plain"), Some("short"), Some("plain"), ChallengeRefused::Value),
        ] {
            assert_eq!(sent(demanded, value, method), Err(refused), "{demanded:?} {value:?} {method:?}");
        }
        assert_eq!(sent(None, None, None), Ok(None));
        let plain = sent(Some("plain"), Some(VERIFIER), None).unwrap();
        assert_eq!(verify(plain.as_ref(), Some(VERIFIER)), Ok(()));
        assert_eq!(verify(plain.as_ref(), None), Err(VerifierRefused::Missing));
        assert_eq!(verify(None, Some(VERIFIER)), Err(VerifierRefused::Unasked));
        assert_eq!(verify(None, None), Ok(()));
        for bad in ["a".repeat(42), "a".repeat(129), "!".repeat(43), String::new()] {
            assert_eq!(verify(plain.as_ref(), Some(&bad)), Err(VerifierRefused::Value), "{bad}");
        }
        assert_eq!(verify(plain.as_ref(), Some(&"a".repeat(128))), Err(VerifierRefused::Mismatch));
    }
}
