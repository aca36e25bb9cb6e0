//! What a token is bound to, and what its presenter holds (RFC 7800 §3, RFC 9449 §6, RFC 8705 §3).

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
};
use core::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Claims;
use crate::dpop::Proof;

/// Why a claim `cnf` binds to nothing that can be proved here
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseConfirmationError {
    /// Not an object, or an empty one
    #[error("claim `cnf` is malformed")]
    Malformed,
    /// A kind other than `jkt` and `x5t#S256`, such as `jwk` or `kid`; to ignore one would be to unbind the token
    #[error("claim `cnf` names a kind of key that is not served")]
    NotServed,
}

/// The claim `cnf`: the keys without which a token is worth nothing
///
/// ```
/// use countersign_core::token::{Confirmation, Possession};
/// use serde_json::json;
///
/// let bound = Confirmation::from_value(&json!({ "x5t#S256": "thumb" }))?;
/// assert!(!bound.is_met_by(&Possession::none()));
/// assert!(bound.is_met_by(&Possession::none().certificate_thumbprint("thumb")));
/// assert!(Confirmation::from_value(&json!({ "x5t#S256": "thumb", "kid": "k" })).is_err());
/// # Ok::<(), countersign_core::token::ParseConfirmationError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirmation {
    jkt: Option<String>,
    certificate: Option<String>,
}

impl Confirmation {
    /// What these claims are bound to: nothing where they have no `cnf`
    pub fn of(claims: &Claims) -> Result<Self, ParseConfirmationError> {
        claims.other.get("cnf").map_or(Ok(Self::default()), Self::from_value)
    }

    /// Reads the value of `cnf`, also that of an introspection answer (RFC 9449 §6.2)
    pub fn from_value(cnf: &Value) -> Result<Self, ParseConfirmationError> {
        let members = cnf.as_object().filter(|members| !members.is_empty());
        let mut confirmation = Self::default();
        for (name, value) in members.ok_or(ParseConfirmationError::Malformed)? {
            let thumbprint = value.as_str().ok_or(ParseConfirmationError::Malformed)?.to_owned();
            match name.as_str() {
                "jkt" => confirmation.jkt = Some(thumbprint),
                "x5t#S256" => confirmation.certificate = Some(thumbprint),
                _ => return Err(ParseConfirmationError::NotServed),
            }
        }
        Ok(confirmation)
    }

    /// Thumbprint of the key that `DPoP` proofs are signed with
    pub fn jkt(&self) -> Option<&str> {
        self.jkt.as_deref()
    }

    /// Whether it binds to nothing
    pub const fn is_none(&self) -> bool {
        self.jkt.is_none() && self.certificate.is_none()
    }

    /// Whether all that it names is held, and a `DPoP` key is held only where it names that key.
    ///
    /// A certificate beside an unbound token does no harm: many connections have one (RFC 8705 §3).
    pub fn is_met_by(&self, held: &Possession) -> bool {
        self.jkt == held.jkt && (self.certificate.is_none() || self.certificate == held.certificate)
    }
}

/// What the presenter of a token has proved to hold
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Possession {
    jkt: Option<String>,
    certificate: Option<String>,
}

impl Possession {
    /// Nothing but the token
    #[must_use]
    pub const fn none() -> Self {
        Self { jkt: None, certificate: None }
    }

    /// Also the key of this proof; the token came with scheme `DPoP` (RFC 9449 §7.1)
    #[must_use]
    pub fn key(mut self, proof: &Proof) -> Self {
        self.jkt = Some(proof.thumbprint().to_string());
        self
    }

    /// Also the certificate, as DER, of the very TLS connection that the token came by (RFC 8705 §3)
    #[must_use]
    pub fn certificate(self, der: &[u8]) -> Self {
        self.certificate_thumbprint(&URL_SAFE_NO_PAD.encode(Sha256::digest(der)))
    }

    /// Like [`certificate`](Self::certificate), by its SHA-256 in base64url. It must come from whoever ended the TLS
    /// connection, never from a header that a client can send.
    #[must_use]
    pub fn certificate_thumbprint(mut self, thumbprint: &str) -> Self {
        self.certificate = Some(thumbprint.to_owned());
        self
    }
}

/// Which kinds, not which keys
impl fmt::Debug for Possession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jkt, certificate } = self;
        f.debug_struct("Possession")
            .field("key", &jkt.is_some())
            .field("certificate", &certificate.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn confirmation(value: &Value) -> Result<Confirmation, ParseConfirmationError> {
        Confirmation::from_value(value)
    }

    #[test]
    fn kinds_that_nobody_can_prove_are_refused() {
        for cnf in [json!({ "kid": "k" }), json!({ "jwk": "x" }), json!({ "jkt": "x", "kid": "k" })] {
            assert_eq!(confirmation(&cnf), Err(ParseConfirmationError::NotServed), "{cnf}");
        }
        for cnf in
            [json!({}), json!(null), json!("jkt"), json!([]), json!({ "jkt": 1 }), json!({ "jkt": null })]
        {
            assert_eq!(confirmation(&cnf), Err(ParseConfirmationError::Malformed), "{cnf}");
        }
    }

    #[test]
    fn both_kinds_must_hold() {
        let held = |jkt: Option<&str>, certificate: Option<&str>| Possession {
            jkt: jkt.map(Into::into),
            certificate: certificate.map(Into::into),
        };
        let both = confirmation(&json!({ "jkt": "k", "x5t#S256": "c" })).unwrap();
        assert!(both.is_met_by(&held(Some("k"), Some("c"))));
        for (jkt, certificate) in [
            (None, None),
            (Some("k"), None),
            (None, Some("c")),
            (Some("c"), Some("k")),
            (Some("K"), Some("c")),
        ] {
            assert!(!both.is_met_by(&held(jkt, certificate)), "{jkt:?} {certificate:?}");
        }
    }

    #[test]
    fn an_unbound_token_goes_with_a_certificate_but_with_no_key() {
        let unbound = Confirmation::of(&Claims::default()).unwrap();
        assert!(unbound.is_none() && unbound.is_met_by(&Possession::none()));
        assert!(unbound.is_met_by(&Possession::none().certificate(b"der")));
        let key = Possession { jkt: Some("k".into()), certificate: None };
        assert!(!unbound.is_met_by(&key));
        let to_certificate = confirmation(&json!({ "x5t#S256": "c" })).unwrap();
        assert!(!to_certificate.is_met_by(&Possession { certificate: Some("c".into()), ..key }));
    }

    #[test]
    fn a_certificate_has_the_thumbprint_of_its_der() {
        // SHA-256 of nothing, a value of FIPS 180-4.
        let empty = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(Possession::none().certificate(b""), Possession::none().certificate_thumbprint(empty));
    }
}
