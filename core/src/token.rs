//! Signed tokens: from bytes that anybody may have sent to claims that an issuer stands for (RFC 8725).
//!
//! The arithmetic is the caller's: [`UnverifiedToken::parse`] checks everything else and hands out a
//! [`Pending`], which becomes an [`AccessToken`] only with a [`SignatureOk`].

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use crate::{
    denial::Denial,
    ids::ClientId,
    jwk::{Jwk, Jwks},
    jws::{Alg, ParseJwsError, UnverifiedJws},
    limits::LEEWAY_SECONDS,
    time::UnixTime,
};

pub use claims::{Claims, ParseClaimsError};

mod claims;

/// Why a token is refused
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWS
    #[error(transparent)]
    Jws(#[from] ParseJwsError),
    /// Not claims
    #[error(transparent)]
    Claims(#[from] ParseClaimsError),
    /// Of another kind: an ID token, a refresh token, a ticket (RFC 8725 §3.12)
    #[error("token is of another kind")]
    Kind,
    /// It has no `exp`, or ends before it was issued
    #[error("token has no life time")]
    LifeTime,
    /// `iss` is not the expected issuer, character for character
    #[error("token is from another issuer")]
    Issuer,
    /// `aud` does not name the expected audience
    #[error("token is for another audience")]
    Audience,
    /// `exp` has passed
    #[error("token has expired")]
    Expired,
    /// `nbf` or `iat` is to come
    #[error("token is not valid yet")]
    NotYetValid,
    /// It has `cnf`, so it is no bearer token
    #[error("token is bound to a key")]
    Bound,
    /// No key of the issuer, or more than one, fits `kid` and algorithm
    #[error("token names no key of the issuer")]
    UnknownKey,
    /// The signature is wrong
    #[error("token signature is wrong")]
    Signature,
}

impl TokenError {
    /// The code that every binding shows
    pub const fn denial(self) -> Denial {
        match self {
            Self::Jws(_) | Self::Claims(_) | Self::Kind | Self::LifeTime => Denial::InvalidToken,
            Self::Issuer => Denial::WrongIssuer,
            Self::Audience => Denial::WrongAudience,
            Self::Expired => Denial::Expired,
            Self::NotYetValid => Denial::NotYetValid,
            Self::Bound => Denial::BoundToken,
            Self::UnknownKey => Denial::UnknownKey,
            Self::Signature => Denial::InvalidSignature,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bearer,
    Named(&'static str),
    Unnamed,
}

/// What a token must say of itself
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    issuer: Option<String>,
    audience: Option<ClientId>,
    kind: Kind,
    leeway: u64,
}

impl Expect {
    /// A bearer access token of this issuer: JOSE `typ` `JWT` with claim `typ` `Bearer` (Keycloak), or JOSE
    /// `typ` `at+jwt` (RFC 9068 §2.1). Tokens with `cnf` are refused.
    pub fn bearer(issuer: &str) -> Self {
        Self { issuer: Some(issuer.into()), audience: None, kind: Kind::Bearer, leeway: 0 }
    }

    /// A token of this issuer whose claim `typ` is this: `Refresh`, `ID`
    pub fn named(issuer: &str, typ: &'static str) -> Self {
        Self { issuer: Some(issuer.into()), audience: None, kind: Kind::Named(typ), leeway: 0 }
    }

    /// A token without claim `typ` and without `iss`, for this audience: a permission ticket, whose key alone
    /// says who made it
    pub const fn unnamed(audience: ClientId) -> Self {
        Self { issuer: None, audience: Some(audience), kind: Kind::Unnamed, leeway: 0 }
    }

    /// Demands this audience as well
    #[must_use]
    pub fn audience(mut self, audience: ClientId) -> Self {
        self.audience = Some(audience);
        self
    }

    /// Lets the issuer's clock be ahead by some seconds, at most [`LEEWAY_SECONDS`]. It concerns `nbf` and `iat`;
    /// nothing makes a token live longer than `exp`.
    #[must_use]
    pub const fn leeway(mut self, seconds: u64) -> Self {
        self.leeway = if seconds < LEEWAY_SECONDS { seconds } else { LEEWAY_SECONDS };
        self
    }
}

impl Claims {
    /// Checks the claims of a token whose JOSE `typ` is that of `jws`; the signature is another matter.
    ///
    /// A token is good up to and including the second of its `exp` (Keycloak's rule).
    pub fn check(&self, jws: &UnverifiedJws, expect: &Expect, now: UnixTime) -> Result<(), TokenError> {
        let typ = self.typ.as_deref();
        let kind_fits = match expect.kind {
            Kind::Bearer if jws.is_typ("at+jwt") => typ.is_none_or(|typ| typ == "Bearer"),
            // Keycloak names bound tokens so; which error they get is decided below.
            Kind::Bearer => jws.is_typ("JWT") && matches!(typ, Some("Bearer" | "DPoP")),
            Kind::Named(name) => jws.is_typ("JWT") && typ == Some(name),
            Kind::Unnamed => jws.is_typ("JWT") && typ.is_none(),
        };
        if !kind_fits {
            return Err(TokenError::Kind);
        }
        if self.iss != expect.issuer {
            return Err(TokenError::Issuer);
        }
        if expect.audience.as_ref().is_some_and(|audience| !self.aud.iter().any(|aud| **aud == **audience)) {
            return Err(TokenError::Audience);
        }
        let exp = self.exp.ok_or(TokenError::LifeTime)?;
        if self.iat.is_some_and(|iat| iat > exp) {
            return Err(TokenError::LifeTime);
        }
        if exp < now {
            return Err(TokenError::Expired);
        }
        let latest = now.plus(expect.leeway);
        if self.nbf.is_some_and(|nbf| nbf > latest) || self.iat.is_some_and(|iat| iat > latest) {
            return Err(TokenError::NotYetValid);
        }
        if expect.kind == Kind::Bearer && (self.other.contains_key("cnf") || typ == Some("DPoP")) {
            return Err(TokenError::Bound);
        }
        Ok(())
    }
}

/// A token nobody has vouched for
#[derive(Debug, Clone, Copy)]
pub struct UnverifiedToken;

impl UnverifiedToken {
    /// Checks everything but the signature: form, claims, and that exactly one key of the issuer fits.
    ///
    /// Claims come before keys, so that a foreign or expired token never makes anybody fetch keys.
    ///
    /// ```
    /// use countersign_core::{jwk::Jwks, time::UnixTime, token::{Expect, TokenError, UnverifiedToken}};
    ///
    /// let expect = Expect::bearer("https://as.example/realms/demo");
    /// let refused = UnverifiedToken::parse(b"no.token", &Jwks::default(), &expect, UnixTime(0));
    /// assert_eq!(refused.map(|_| ()).map_err(|error| error.denial().code()), Err("invalid_token"));
    /// ```
    pub fn parse(
        token: impl AsRef<[u8]>,
        keys: &Jwks,
        expect: &Expect,
        now: UnixTime,
    ) -> Result<Pending, TokenError> {
        let jws = UnverifiedJws::parse(token)?;
        let claims = Claims::parse(jws.payload())?;
        claims.check(&jws, expect, now)?;
        let key = keys.key_for(&jws).ok_or(TokenError::UnknownKey)?;
        if !key.is_signature_length(jws.signature().len()) {
            return Err(TokenError::Signature);
        }
        // INVARIANT: `check` refuses a token without `exp`.
        let expires_at = claims.exp.ok_or(TokenError::LifeTime)?;
        let (signing_input, signature) = jws.into_signed();
        Ok(Pending {
            key: Arc::clone(key),
            signing_input,
            signature,
            token: AccessToken { claims, expires_at },
        })
    }
}

/// Whoever can check signatures
pub trait SignatureVerifier {
    /// Whether `signature` over `input` is right under `key` by `alg`. An error is a no.
    fn verify(&self, alg: Alg, key: &Jwk, input: &[u8], signature: &[u8]) -> bool;
}

/// The word of the caller that a signature is right
#[derive(Debug)]
pub struct SignatureOk(());

impl SignatureOk {
    /// For platforms whose verification is not a function call: say so only after it has answered yes for
    /// the [`Pending`] that this is passed to
    #[must_use]
    pub const fn i_have_verified_the_signature() -> Self {
        Self(())
    }
}

/// A token that is right in everything but the signature, which has yet to be checked
#[must_use]
pub struct Pending {
    key: Arc<Jwk>,
    signing_input: String,
    signature: Vec<u8>,
    token: AccessToken,
}

impl Pending {
    /// The key's algorithm, which is also the token's
    pub fn alg(&self) -> Alg {
        self.key.alg()
    }

    /// The key to check with
    pub const fn key(&self) -> &Arc<Jwk> {
        &self.key
    }

    /// What the signature is over
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The signature to check
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The verified token, if the verifier says so
    pub fn verify_with(self, verifier: &impl SignatureVerifier) -> Result<AccessToken, TokenError> {
        if verifier.verify(self.alg(), &self.key, self.signing_input(), &self.signature) {
            Ok(self.accept(SignatureOk(())))
        } else {
            Err(TokenError::Signature)
        }
    }

    /// The verified token, on the caller's word
    #[must_use]
    pub fn accept(self, _: SignatureOk) -> AccessToken {
        self.token
    }
}

/// Without claims and signature: together they are a credential
impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A token that its issuer stands for: a user's token, a PAT, an RPT
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken {
    claims: Claims,
    expires_at: UnixTime,
}

impl AccessToken {
    /// What it says
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Its last good second
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    #[cfg(feature = "guard")]
    pub(crate) fn without_claims(self) -> Self {
        Self { claims: Claims::default(), ..self }
    }

    /// What it says, to keep
    #[must_use]
    pub fn into_claims(self) -> Claims {
        self.claims
    }
}

#[cfg(test)]
mod tests;
