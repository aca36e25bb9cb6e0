//! Who is calling: clients by their credentials, everybody else by a bearer token.

use aws_lc_rs::{constant_time, digest};
use axum::http::{HeaderMap, StatusCode, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_core::{
    jws::UnverifiedJws,
    time::UnixTime,
    token::{AccessToken, Claims, Expect, TokenError, UnverifiedToken},
};

use crate::{
    app::App,
    error::ApiError,
    http::extract::{Form, InRealm, decode},
    issue::SignIn,
    keys::{KeyError, KeyringError, MasterKey, Verifier},
    realm::{Client, ClientSession, Realm, Session, User},
    store::{self, StoreError},
};

/// Why a client is not who it says
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientRefused {
    /// Nothing names a client
    #[error("no client credentials")]
    Missing,
    /// There is no such client, or it is switched off
    #[error("unknown or disabled client")]
    Unknown,
    /// The secret is wrong or missing
    #[error("wrong client secret")]
    WrongSecret,
    /// It may not ask for tokens
    #[error("bearer-only client")]
    BearerOnly,
    /// The store
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its secret cannot be opened
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl ClientRefused {
    /// As the token endpoint says it (wire §6.2)
    pub fn at_token(self) -> ApiError {
        const TEXT: &str = "Invalid client or Invalid client credentials";
        match self {
            Self::Missing | Self::Unknown => ApiError::unauthorized("invalid_client", TEXT),
            Self::WrongSecret => ApiError::unauthorized("unauthorized_client", TEXT),
            Self::BearerOnly => ApiError::bad_request("invalid_client", "Bearer-only not allowed"),
            Self::Store(error) => error.into(),
            Self::Key(error) => error.into(),
        }
    }

    /// As the introspection endpoint says it (wire §7.1)
    pub fn at_introspection(self) -> ApiError {
        match self {
            Self::Missing | Self::Unknown => {
                ApiError::unauthorized("invalid_client", "Invalid client or Invalid client credentials")
            }
            Self::WrongSecret => ApiError::unauthorized("invalid_client", "Client authentication failed."),
            Self::BearerOnly => {
                ApiError::new(StatusCode::FORBIDDEN, "invalid_request", "Client not allowed.")
            }
            Self::Store(error) => error.into(),
            Self::Key(error) => error.into(),
        }
    }
}

/// The client that makes this request: by Basic, by `client_id` and `client_secret` in the form, or, if it is public, by
/// `client_id` alone (RFC 6749 §2.3.1)
#[expect(clippy::unused_async, reason = "keys of a client may have to be fetched")]
pub async fn client(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, ClientRefused> {
    let basic = basic(headers);
    let (id, secret) = match &basic {
        Some((id, secret)) => (Some(id.as_str()), Some(secret.as_str())),
        None => (form.get("client_id"), form.get("client_secret")),
    };
    let id = id.ok_or(ClientRefused::Missing)?;
    let found = app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, id))?;
    let client = found.filter(|client| client.enabled).ok_or(ClientRefused::Unknown)?;
    if client.settings.bearer_only {
        return Err(ClientRefused::BearerOnly);
    }
    if client.settings.public_client {
        return Ok(client);
    }
    let stored = client_secret(app.keys.master(), &client)?.ok_or(ClientRefused::WrongSecret)?;
    let given = secret.ok_or(ClientRefused::WrongSecret)?;
    if is_same_secret(&stored, given.as_bytes()) { Ok(client) } else { Err(ClientRefused::WrongSecret) }
}

/// The secret of a client
pub fn client_secret(master: &MasterKey, client: &Client) -> Result<Option<Vec<u8>>, KeyError> {
    client.secret.as_ref().map(|sealed| master.open(&secret_place(&client.id), sealed)).transpose()
}

/// For whom a secret is sealed, by the internal id of the client
pub fn secret_place(id: &str) -> String {
    format!("client:{id}")
}

/// Compares digests, so that neither the place of the first difference nor the length shows in the time
fn is_same_secret(stored: &[u8], given: &[u8]) -> bool {
    let digest = |bytes| digest::digest(&digest::SHA256, bytes);
    constant_time::verify_slices_are_equal(digest(stored).as_ref(), digest(given).as_ref()).is_ok()
}

/// Name and secret of a Basic header, both form-encoded before base64 (RFC 6749 §2.3.1)
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(rest.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    // Many clients do not encode: what does not decode is taken as it is.
    let decoded = |text: &str| decode(text.as_bytes()).unwrap_or_else(|| text.to_owned());
    Some((decoded(id), decoded(secret)))
}

/// The client that a request names, before anything of it was checked
pub fn named_client(headers: &HeaderMap, form: &Form) -> Option<String> {
    basic(headers).map(|(id, _)| id).or_else(|| form.get("client_id").map(str::to_owned))
}

/// [`client`] with the token endpoint's refusals
pub async fn authenticate_client(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, ApiError> {
    client(app, place, headers, form).await.map_err(ClientRefused::at_token)
}

/// [`client`] with the introspection endpoint's refusals; public clients do not introspect
pub async fn authenticate_introspector(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, ApiError> {
    let client = client(app, place, headers, form).await.map_err(ClientRefused::at_introspection)?;
    if client.settings.public_client { Err(ClientRefused::BearerOnly.at_introspection()) } else { Ok(client) }
}

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

/// Why an access token is refused
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// By itself: form, claims, signature
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Issued before everything of its realm, client or user was withdrawn
    #[error("token was withdrawn")]
    NotBefore,
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
}

impl From<AccessToken> for Token {
    fn from(token: AccessToken) -> Self {
        Self(token.into_claims())
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
    let token = verify_signature(app, realm, issuer, token)?;
    live(app, realm, token.into())
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

fn signed_as(app: &App, realm: &Realm, token: &str, expect: &Expect) -> Result<Claims, TokenRefused> {
    let ring = app.keys.current(&app.store, realm)?;
    let pending = UnverifiedToken::parse(token, ring.jwks(), expect, app.clock.now())?;
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
    let claims = Claims::parse(jws.payload()).map_err(TokenError::from)?;
    let now = app.clock.now();
    match claims.check(&jws, &Expect::named(issuer, "Refresh"), now) {
        Err(TokenError::Kind) => claims.check(&jws, &Expect::named(issuer, "Offline"), now)?,
        checked => checked?,
    }
    Ok(claims)
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
    fn basic_credentials_are_decoded_twice() {
        let encoded = STANDARD.encode("my%20app:s%2Bcret:x");
        let (id, secret) = basic(&headers(&format!("basic {encoded}"))).unwrap();
        assert_eq!((id.as_str(), secret.as_str()), ("my app", "s+cret:x"));
        let plain = STANDARD.encode("app:100%");
        assert_eq!(basic(&headers(&format!("Basic {plain}"))).unwrap().1, "100%");
        assert_eq!(basic(&headers("Basic ???")), None);
    }

    #[test]
    fn a_header_that_is_no_bearer_token_is_a_plain_401() {
        assert_eq!(bearer(&HeaderMap::new()), Ok(None));
        assert_eq!(bearer(&headers("bearer abc")), Ok(Some("abc")));
        for value in ["Basic abc", "Bearer", "Bearer ", "abc", "Bearer a b"] {
            assert_eq!(bearer(&headers(value)).unwrap_err().error(), "HTTP 401 Unauthorized", "{value}");
        }
    }

    #[test]
    fn secrets_are_equal_only_as_a_whole() {
        assert!(is_same_secret(b"secret", b"secret"));
        assert!(!is_same_secret(b"secret", b"secret2"));
        assert!(!is_same_secret(b"secret", b""));
    }
}
