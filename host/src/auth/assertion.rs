//! Client assertions: a client proves who it is by a JWT that it signs (RFC 7523).

use aws_lc_rs::{hmac, signature};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::{
    json,
    jws::Alg,
    limits::{JOSE_HEADER_BYTES, TOKEN_BYTES},
    time::UnixTime,
    token::{Claims, SignatureVerifier as _},
};
use serde_json::Value;

use super::client_keys::ClientKey;
use crate::keys::Verifier;

/// What `client_assertion_type` has to be
pub const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds for which an assertion may be good from now on
const LONGEST: u64 = 3_600;
/// Seconds that the client's clock may be ahead
const AHEAD: u64 = 15;

/// Why an assertion is refused; the texts are Keycloak's where it has one
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// `client_assertion_type` is missing or another one
    #[error("Parameter client_assertion_type is missing or has an unexpected value")]
    Type,
    /// No `client_assertion`
    #[error("client_assertion parameter missing")]
    Missing,
    /// Not a JWT of this kind
    #[error("Malformed token")]
    Malformed,
    /// `sub` or `iss` is not the client
    #[error("Issuer mismatch. The issuer should match the subject")]
    Party,
    /// `aud` is not this realm's issuer alone
    #[error("Invalid token audience")]
    Audience,
    /// No `exp`, or it has passed, or `nbf` or `iat` is to come
    #[error("Token is not active")]
    Inactive,
    /// `exp` is too far away
    #[error("Token expiration is too far in the future")]
    TooLong,
    /// No `jti`
    #[error("Missing ID on the token")]
    NoId,
    /// Its `jti` was seen before
    #[error("Token reuse detected")]
    Replayed,
    /// The client signs by another algorithm
    #[error("Invalid signature algorithm")]
    Algorithm,
    /// The signature is wrong
    #[error("Signature on JWT token failed validation")]
    Signature,
}

/// How an assertion is signed
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    /// By a private key of the client
    Key(KeyAlg),
    /// By its secret
    Secret(hmac::Algorithm),
}

/// An algorithm for public keys
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyAlg {
    /// One that this server signs by too
    Known(Alg),
    /// ECDSA on P-521 with SHA-512
    Es512,
}

impl Signing {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::Secret(hmac::HMAC_SHA256),
            "HS384" => Self::Secret(hmac::HMAC_SHA384),
            "HS512" => Self::Secret(hmac::HMAC_SHA512),
            "ES512" => Self::Key(KeyAlg::Es512),
            name => Self::Key(KeyAlg::Known(Alg::from_name(name)?)),
        })
    }
}

/// Whether a client that signs by `wanted` may sign by `used`: Ed25519 has two names (RFC 9864)
fn is_same_alg(wanted: &str, used: &str) -> bool {
    let plain = |name| if name == "Ed25519" { "EdDSA" } else { name };
    plain(wanted) == plain(used)
}

/// An assertion whose signature nobody has checked
pub(super) struct Assertion {
    alg: String,
    signing: Signing,
    kid: Option<String>,
    claims: Claims,
    input: String,
    signature: Vec<u8>,
}

impl Assertion {
    /// Takes a JWT apart; nothing in its header is fetched or trusted (RFC 8725 §3.10)
    pub(super) fn parse(text: &str) -> Result<Self, AssertionError> {
        let parts: Vec<_> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else { return Err(AssertionError::Malformed) };
        if text.len() > TOKEN_BYTES || header.len() > JOSE_HEADER_BYTES {
            return Err(AssertionError::Malformed);
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| AssertionError::Malformed);
        let members = json::object(&decode(header)?).map_err(|_| AssertionError::Malformed)?;
        if ["crit", "b64", "zip", "cty"].iter().any(|name| members.contains_key(*name)) {
            return Err(AssertionError::Malformed);
        }
        let text_of = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(AssertionError::Malformed),
        };
        let typ = text_of("typ")?.unwrap_or("JWT");
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        if !["JWT", "client-authentication+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known)) {
            return Err(AssertionError::Malformed);
        }
        let alg = text_of("alg")?.ok_or(AssertionError::Malformed)?;
        Ok(Self {
            signing: Signing::from_name(alg).ok_or(AssertionError::Algorithm)?,
            alg: alg.to_owned(),
            kid: text_of("kid")?.map(str::to_owned),
            claims: Claims::parse(&decode(payload)?).map_err(|_| AssertionError::Malformed)?,
            input: format!("{header}.{payload}"),
            signature: decode(signature)?,
        })
    }

    /// The client that it claims to be from
    pub(super) fn client_id(&self) -> Result<&str, AssertionError> {
        match (&self.claims.sub, &self.claims.iss) {
            (Some(sub), Some(iss)) if **sub == **iss => Ok(sub),
            _ => Err(AssertionError::Party),
        }
    }

    pub(super) const fn signing(&self) -> Signing {
        self.signing
    }

    /// The algorithm by its name
    pub(super) fn alg(&self) -> &str {
        &self.alg
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Checks everything but signature and first use: for this issuer alone, active, and not for long (RFC 7523 §3).
    ///
    /// An audience beside this server could present it here (TRAP-OAUTH-14), so none may be named.
    pub(super) fn check(
        &self,
        issuer: &str,
        wanted_alg: Option<&str>,
        now: UnixTime,
    ) -> Result<(), AssertionError> {
        if wanted_alg.is_some_and(|wanted| wanted != "any" && !is_same_alg(wanted, &self.alg)) {
            return Err(AssertionError::Algorithm);
        }
        if !matches!(self.claims.aud.as_slice(), [one] if one == issuer) {
            return Err(AssertionError::Audience);
        }
        let latest = now.plus(AHEAD);
        let exp = self.claims.exp.filter(|exp| *exp > now).ok_or(AssertionError::Inactive)?;
        let early = |time: Option<UnixTime>| time.is_some_and(|time| time > latest);
        if early(self.claims.nbf) || early(self.claims.iat) {
            return Err(AssertionError::Inactive);
        }
        if exp > now.plus(LONGEST) {
            return Err(AssertionError::TooLong);
        }
        if self.claims.jti.is_none() { Err(AssertionError::NoId) } else { Ok(()) }
    }

    /// Whether this key of the client made the signature
    pub(super) fn is_signed_by(&self, key: &ClientKey) -> bool {
        match (key, self.signing) {
            (ClientKey::Known(jwk), Signing::Key(KeyAlg::Known(alg))) => {
                jwk.alg() == alg
                    && jwk.is_signature_length(self.signature.len())
                    && Verifier.verify(alg, jwk, self.input.as_bytes(), &self.signature)
            }
            (ClientKey::P521(point), Signing::Key(KeyAlg::Es512)) => {
                let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P521_SHA512_FIXED, point);
                key.verify(self.input.as_bytes(), &self.signature).is_ok()
            }
            _ => false,
        }
    }

    /// Whether the client's secret made the signature
    pub(super) fn is_signed_with(&self, secret: &[u8]) -> bool {
        match self.signing {
            Signing::Secret(alg) if !secret.is_empty() => {
                let key = hmac::Key::new(alg, secret);
                hmac::verify(&key, self.input.as_bytes(), &self.signature).is_ok()
            }
            Signing::Secret(_) | Signing::Key(_) => false,
        }
    }

    /// What must not have been seen before, and until when to remember it
    pub(super) fn first_use(&self) -> Option<(&str, UnixTime)> {
        Some((self.claims.jti.as_deref()?, self.claims.exp?))
    }
}
