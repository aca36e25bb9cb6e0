//! Signed tokens: from bytes that anybody may have sent to claims that an issuer stands for (RFC 8725).
//!
//! The arithmetic is the caller's: [`UnverifiedToken::parse`] checks everything else and hands out a
//! [`Pending`], which becomes an [`AccessToken`] only with a [`SignatureOk`].

use alloc::{string::String, sync::Arc};

use crate::{
    denial::Denial,
    ids::ClientId,
    jwk::Jwks,
    jws::{ParseJwsError, UnverifiedJws},
    limits::LEEWAY_SECONDS,
    time::UnixTime,
};

pub use claims::{Claims, ParseClaimsError, Payload, RawClaims};
pub use confirmation::{Confirmation, ParseConfirmationError, Possession};
pub use pending::{Pending, SignatureOk, SignatureVerifier};

mod claims;
mod confirmation;
mod pending;

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
    /// Its `cnf` asks for more than its presenter has proved to hold, or for what nobody here can prove; or it came
    /// with a `DPoP` proof and is bound to no key (RFC 9449 §7.1)
    #[error("token is not bound to what its presenter holds")]
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
    held: Possession,
    any_holder: bool,
}

impl Expect {
    /// A bearer access token of this issuer: JOSE `typ` `JWT` with claim `typ` `Bearer` (Keycloak), or JOSE
    /// `typ` `at+jwt` (RFC 9068 §2.1). Tokens with `cnf` are refused, unless [`held`](Self::held) meets it.
    pub fn bearer(issuer: &str) -> Self {
        Self {
            issuer: Some(issuer.into()),
            audience: None,
            kind: Kind::Bearer,
            leeway: 0,
            held: Possession::none(),
            any_holder: false,
        }
    }

    /// A token of this issuer whose claim `typ` is this: `Refresh`, `ID`
    pub fn named(issuer: &str, typ: &'static str) -> Self {
        Self {
            issuer: Some(issuer.into()),
            audience: None,
            kind: Kind::Named(typ),
            leeway: 0,
            held: Possession::none(),
            any_holder: false,
        }
    }

    /// A token without claim `typ` and without `iss`, for this audience: a permission ticket, whose key alone
    /// says who made it
    pub const fn unnamed(audience: ClientId) -> Self {
        Self {
            issuer: None,
            audience: Some(audience),
            kind: Kind::Unnamed,
            leeway: 0,
            held: Possession::none(),
            any_holder: false,
        }
    }

    /// Demands this audience as well
    #[must_use]
    pub fn audience(mut self, audience: ClientId) -> Self {
        self.audience = Some(audience);
        self
    }

    /// What the presenter of a bearer token has proved to hold; nothing by default.
    ///
    /// A token with `cnf` is good only with all that it names, and with a `DPoP` proof only such a token is good.
    #[must_use]
    pub fn held(mut self, possession: Possession) -> Self {
        self.held = possession;
        self
    }

    /// Leaves open who may present a bearer token: for whoever is asked about a token without being given it to use, as
    /// introspection is (RFC 9449 §6.2). The claim `cnf` says who may.
    #[must_use]
    pub const fn any_holder(mut self) -> Self {
        self.any_holder = true;
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

impl RawClaims<'_> {
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
        if self.iss.as_deref() != expect.issuer.as_deref() {
            return Err(TokenError::Issuer);
        }
        if expect.audience.as_ref().is_some_and(|audience| !self.aud().any(|aud| *aud == **audience)) {
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
        if expect.kind == Kind::Bearer && !expect.any_holder {
            self.check_possession(&expect.held)
        } else {
            Ok(())
        }
    }

    fn check_possession(&self, held: &Possession) -> Result<(), TokenError> {
        let confirmation = self.confirmation().map_err(|_| TokenError::Bound)?;
        if self.typ.as_deref() == Some("DPoP") && confirmation.jkt().is_none() {
            return Err(TokenError::Bound);
        }
        if confirmation.is_met_by(held) { Ok(()) } else { Err(TokenError::Bound) }
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
        Self::parse_as(token, keys, expect, now)
    }

    /// Like [`parse`](Self::parse), for whoever keeps something else of a token than all of its claims
    pub fn parse_as<T: FromClaims>(
        token: impl AsRef<[u8]>,
        keys: &Jwks,
        expect: &Expect,
        now: UnixTime,
    ) -> Result<Pending<T>, TokenError> {
        let jws = UnverifiedJws::parse(token)?;
        let payload = Payload::parse(jws.payload())?;
        let claims = payload.claims()?;
        claims.check(&jws, expect, now)?;
        let key = keys.key_for(&jws).ok_or(TokenError::UnknownKey)?;
        // INVARIANT: `check` refuses a token without `exp`.
        let content = T::from_claims(&claims, claims.exp.ok_or(TokenError::LifeTime)?);
        Pending::new(jws, Arc::clone(key), content)
    }
}

/// What is kept of a token whose signature is found right
pub trait FromClaims: Sized {
    /// Takes it out of checked claims; the last good second is that of `exp`
    fn from_claims(claims: &RawClaims<'_>, expires_at: UnixTime) -> Self;
}

impl<A: FromClaims, B: FromClaims> FromClaims for (A, B) {
    fn from_claims(claims: &RawClaims<'_>, expires_at: UnixTime) -> Self {
        (A::from_claims(claims, expires_at), B::from_claims(claims, expires_at))
    }
}

/// A token that its issuer stands for: a user's token, a PAT, an RPT
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken {
    claims: Claims,
    expires_at: UnixTime,
}

impl FromClaims for AccessToken {
    fn from_claims(claims: &RawClaims<'_>, expires_at: UnixTime) -> Self {
        Self { claims: claims.to_claims(), expires_at }
    }
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

    /// What it says, to keep
    #[must_use]
    pub fn into_claims(self) -> Claims {
        self.claims
    }
}

#[cfg(test)]
mod tests;
