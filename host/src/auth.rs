//! Who is calling: clients by their credentials, everybody else by a bearer token.

pub mod assertion;
pub mod client;
pub mod client_keys;
pub mod proof;

use axum::http::{HeaderMap, StatusCode, header};
use countersign_core::{
    jws::UnverifiedJws,
    time::UnixTime,
    token::{AccessToken, Claims, Expect, Payload, Possession, TokenError, UnverifiedToken},
};

pub use self::client::{
    ClientRefused, authenticate_client, authenticate_introspector, client, client_secret, named_client,
    secret_place,
};
use crate::{
    app::App,
    error::ApiError,
    issue::SignIn,
    keys::{KeyError, KeyringError, Verifier},
    realm::{Client, ClientSession, Realm, Session, User},
    store::{self, StoreError},
};

/// The token in the value of an `Authorization: Bearer` header (RFC 6750 §2.1)
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    let fits = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ');
    fits.then_some(token)
}

/// The bearer token of a request; a header of another shape is a plain 401 (wire §2.1)
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(header) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = header.to_str().ok().and_then(bearer_token);
    token.map(Some).ok_or_else(|| ApiError::plain(StatusCode::UNAUTHORIZED))
}

/// A token as it came
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Presented<'a> {
    /// The token
    pub token: &'a str,
    /// By scheme `DPoP`: with a proof that its sender holds its key (RFC 9449 §7.1)
    pub with_proof: bool,
}

impl core::fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Presented").field("with_proof", &self.with_proof).finish_non_exhaustive()
    }
}

impl<'a> Presented<'a> {
    /// In the value of an `Authorization` header
    pub fn read(header: &'a str) -> Option<Self> {
        let (scheme, token) = header.split_once(' ')?;
        let token = token.trim();
        let with_proof = scheme.eq_ignore_ascii_case("dpop");
        let fits = with_proof || scheme.eq_ignore_ascii_case("bearer");
        (fits && !token.is_empty() && !token.contains(' ')).then_some(Self { token, with_proof })
    }
}

/// The token of a request, by either scheme; a header of another shape is a plain 401 (wire §2.1)
pub fn presented(headers: &HeaderMap) -> Result<Option<Presented<'_>>, ApiError> {
    let Some(header) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = header.to_str().ok().and_then(Presented::read);
    token.map(Some).ok_or_else(|| ApiError::plain(StatusCode::UNAUTHORIZED))
}

/// Why an access token is refused
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// By itself: form, claims, signature
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Issued before everything of its realm, client or user was withdrawn
    #[error("token was withdrawn")]
    NotBefore,
    /// It was taken back
    #[error("token was revoked")]
    Revoked,
    /// It names no client of the realm
    #[error("the token's client is unknown")]
    UnknownClient(String),
    /// Its client is switched off, or it names none
    #[error("the token's client is disabled")]
    Client,
    /// Its user is gone or switched off
    #[error("the token's user is unknown or disabled")]
    User,
    /// Its sign-in has ended
    #[error("the token's session has ended")]
    Session,
    /// The store
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<KeyringError> for TokenRefused {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Key(error) => Self::Key(error),
            KeyringError::Store(error) => Self::Store(error),
        }
    }
}

impl TokenRefused {
    /// `refusal` where the token is at fault; failures of this server stay failures
    pub fn or_else(self, refusal: impl FnOnce() -> ApiError) -> ApiError {
        match self {
            Self::Store(error) => error.into(),
            Self::Key(error) => error.into(),
            Self::Token(_)
            | Self::NotBefore
            | Self::Revoked
            | Self::UnknownClient(_)
            | Self::Client
            | Self::User
            | Self::Session => refusal(),
        }
    }

    /// Nothing where the token is at fault, which introspection calls inactive; failures of this server stay failures
    pub fn or_inactive(self) -> Result<(), ApiError> {
        match self {
            Self::Store(error) => Err(error.into()),
            Self::Key(error) => Err(error.into()),
            Self::Token(_)
            | Self::NotBefore
            | Self::Revoked
            | Self::UnknownClient(_)
            | Self::Client
            | Self::User
            | Self::Session => Ok(()),
        }
    }

    /// The token is right in everything but its time
    pub const fn is_expired(&self) -> bool {
        matches!(self, Self::Token(TokenError::Expired))
    }
}

/// Claims that this realm stands for: of a token whose signature was checked
#[derive(Debug, Clone, PartialEq)]
pub struct Token(Claims);

impl Token {
    /// What it says
    pub const fn claims(&self) -> &Claims {
        &self.0
    }

    /// How it is presented (RFC 9449 §6.2)
    pub fn token_type(&self) -> &'static str {
        if self.0.other.contains_key("cnf") { "DPoP" } else { "Bearer" }
    }
}

/// A token that is good now, with those whom it names
#[derive(Debug, Clone)]
pub struct Verified {
    /// The token
    pub token: Token,
    /// `sub`
    pub user: User,
    /// `azp`
    pub client: Client,
    /// `sid`; none for a service account's token
    pub session: Option<Session>,
    /// The client's part in that sign-in
    pub part: Option<ClientSession>,
}

impl Verified {
    /// The sign-in with the client's part
    pub fn sign_in(&self) -> Option<SignIn<'_>> {
        let (session, part) = self.session.as_ref().zip(self.part.as_ref())?;
        Some(SignIn { session, part })
    }
}

/// Those whom a token names
#[derive(Debug)]
pub struct Named {
    /// `sub`
    pub user: User,
    /// `azp`
    pub client: Client,
    /// `sid`, with the client's part in it
    pub sign_in: Option<(Session, ClientSession)>,
}

/// Checks an access token of this realm: signature, issuer, time, withdrawal, and that client, user and sign-in live
pub fn verify_access_token(
    app: &App,
    realm: &Realm,
    issuer: &str,
    token: &str,
) -> Result<Verified, TokenRefused> {
    verify_presented(app, realm, issuer, token, Possession::none())
}

/// Whoever the request's bearer token speaks for, where a refusal is nothing but 401 and a challenge (RFC 6750 §3)
pub fn verify_bearer(
    app: &App,
    realm: &Realm,
    issuer: &str,
    headers: &HeaderMap,
) -> Result<Verified, ApiError> {
    let token = bearer(headers).map_err(|_| challenge())?.ok_or_else(challenge)?;
    verify_access_token(app, realm, issuer, token).map_err(|error| error.or_else(challenge))
}

/// 401 that asks for a bearer token and says nothing else
pub fn challenge() -> ApiError {
    ApiError::plain(StatusCode::UNAUTHORIZED).challenged("Bearer")
}

/// The same for a sender who has proved to hold something (RFC 9449 §7.1)
pub fn verify_presented(
    app: &App,
    realm: &Realm,
    issuer: &str,
    token: &str,
    held: Possession,
) -> Result<Verified, TokenRefused> {
    let claims = signed_as(app, realm, token, &Expect::bearer(issuer).held(held))?;
    live(app, realm, Token(claims))
}

/// The same for a client that is only told, or tells, about the token: whoever may present it (RFC 9449 §6.2)
pub fn verify_mentioned(
    app: &App,
    realm: &Realm,
    issuer: &str,
    token: &str,
) -> Result<Verified, TokenRefused> {
    let claims = signed_as(app, realm, token, &Expect::bearer(issuer).any_holder())?;
    live(app, realm, Token(claims))
}

/// Checks who a `claim_token` speaks of: an access token, an ID token or a refresh token of this realm (wire §6.2)
pub fn verify_identity_token(
    app: &App,
    realm: &Realm,
    issuer: &str,
    token: &str,
) -> Result<Verified, TokenRefused> {
    let claims = match verify_signature(app, realm, issuer, token) {
        Ok(token) => token.into_claims(),
        Err(TokenRefused::Token(TokenError::Kind)) => {
            signed_as(app, realm, token, &Expect::named(issuer, "ID"))?
        }
        Err(TokenRefused::Token(TokenError::UnknownKey | TokenError::Issuer)) => {
            verify_refresh_token(app, realm, issuer, token)?
        }
        Err(error) => return Err(error),
    };
    live(app, realm, Token(claims))
}

/// Checks an ID token of this realm, and that those whom it names live: no other kind says who somebody is to a client
/// (TRAP-UMA-14)
pub fn verify_id_token(
    app: &App,
    realm: &Realm,
    issuer: &str,
    token: &str,
) -> Result<Verified, TokenRefused> {
    let claims = signed_as(app, realm, token, &Expect::named(issuer, "ID"))?;
    live(app, realm, Token(claims))
}

/// Checks that an access token was signed here and has not expired, whatever has become of those whom it names
pub fn verify_signature(
    app: &App,
    realm: &Realm,
    issuer: &str,
    token: &str,
) -> Result<AccessToken, TokenRefused> {
    let ring = app.keys.current(&app.store, realm)?;
    let pending = UnverifiedToken::parse(token, ring.jwks(), &Expect::bearer(issuer), app.clock.now())?;
    Ok(pending.verify_with(&Verifier)?)
}

/// The claims of an ID token that was issued here, however long ago: a hint, not a proof (OIDC Core §3.1.2.1
/// `id_token_hint`)
pub fn verify_hint(app: &App, realm: &Realm, issuer: &str, token: &str) -> Result<Option<Claims>, ApiError> {
    let unchecked = UnverifiedJws::parse(token).ok().and_then(|jws| Claims::parse(jws.payload()).ok());
    let Some(then) = unchecked.and_then(|claims| claims.iat) else { return Ok(None) };
    match signed_at(app, realm, token, &Expect::named(issuer, "ID"), then) {
        Ok(claims) => Ok(Some(claims)),
        Err(refused) => refused.or_inactive().map(|()| None),
    }
}

fn signed_as(app: &App, realm: &Realm, token: &str, expect: &Expect) -> Result<Claims, TokenRefused> {
    signed_at(app, realm, token, expect, app.clock.now())
}

fn signed_at(
    app: &App,
    realm: &Realm,
    token: &str,
    expect: &Expect,
    at: UnixTime,
) -> Result<Claims, TokenRefused> {
    let ring = app.keys.current(&app.store, realm)?;
    let pending = UnverifiedToken::parse(token, ring.jwks(), expect, at)?;
    Ok(pending.verify_with(&Verifier)?.into_claims())
}

/// Checks a refresh token: signed by the key that nobody else has (wire §6.11)
pub fn verify_refresh_token(
    app: &App,
    realm: &Realm,
    issuer: &str,
    token: &str,
) -> Result<Claims, TokenRefused> {
    let jws = UnverifiedJws::parse(token).map_err(TokenError::from)?;
    let ring = app.keys.current(&app.store, realm)?;
    if !ring.verify_internal(&jws) {
        return Err(TokenError::Signature.into());
    }
    let payload = Payload::parse(jws.payload()).map_err(TokenError::from)?;
    let claims = payload.claims().map_err(TokenError::from)?;
    let now = app.clock.now();
    match claims.check(&jws, &Expect::named(issuer, "Refresh"), now) {
        Err(TokenError::Kind) => claims.check(&jws, &Expect::named(issuer, "Offline"), now)?,
        checked => checked?,
    }
    Ok(claims.to_claims())
}

fn live(app: &App, realm: &Realm, token: Token) -> Result<Verified, TokenRefused> {
    let now = app.clock.now();
    let alive = app.store.read(|tx| Ok(alive(tx, realm, token.claims(), now)))?;
    let Named { user, client, sign_in } = alive?;
    let (session, part) = sign_in.unzip();
    Ok(Verified { token, user, client, session, part })
}

/// Those whom the claims of a signed token name, if all of them live
pub fn alive(
    tx: &rusqlite::Transaction<'_>,
    realm: &Realm,
    claims: &Claims,
    now: UnixTime,
) -> Result<Named, TokenRefused> {
    let azp = claims.azp.as_ref().ok_or(TokenRefused::Client)?;
    let client = store::realm::client_by_any_id(tx, &realm.id, azp)?
        .ok_or_else(|| TokenRefused::UnknownClient(azp.to_string()))?;
    if !client.enabled {
        return Err(TokenRefused::Client);
    }
    let sub = claims.sub.as_ref().ok_or(TokenRefused::User)?;
    let user =
        store::user::by_id(tx, &realm.id, sub)?.filter(|user| user.enabled).ok_or(TokenRefused::User)?;
    let issued = claims.iat.ok_or(TokenRefused::NotBefore)?;
    if [realm.not_before, client.not_before, user.not_before].iter().any(|before| issued < *before) {
        return Err(TokenRefused::NotBefore);
    }
    if let Some(jti) = &claims.jti
        && store::session::is_revoked(tx, jti)?
    {
        return Err(TokenRefused::Revoked);
    }
    let sign_in = match &claims.sid {
        Some(sid) => {
            let session = store::session::live(tx, realm, sid, now)?
                .filter(|session| session.user_id == user.id)
                .ok_or(TokenRefused::Session)?;
            let part = store::session::part(tx, &session.id, &client.id)?.ok_or(TokenRefused::Session)?;
            Some((session, part))
        }
        // Only a service account has tokens without a sign-in.
        None if user.service_client.is_some() => None,
        None => return Err(TokenRefused::Session),
    };
    Ok(Named { user, client, sign_in })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_header_that_is_no_bearer_token_is_a_plain_401() {
        assert_eq!(bearer(&HeaderMap::new()), Ok(None));
        assert_eq!(bearer(&headers("bearer abc")), Ok(Some("abc")));
        for value in ["Basic abc", "Bearer", "Bearer ", "abc", "Bearer a b"] {
            assert_eq!(bearer(&headers(value)).unwrap_err().error(), "HTTP 401 Unauthorized", "{value}");
        }
    }
}
