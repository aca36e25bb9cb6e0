//! Clients by their credentials (RFC 6749 §2.3).

use aws_lc_rs::{constant_time, digest};
use axum::http::{HeaderMap, StatusCode, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    assertion::{self, Assertion, AssertionError, Signing},
    client_keys,
    proof::hex,
};
use crate::{
    app::App,
    error::ApiError,
    http::extract::{Form, InRealm, decode},
    keys::{KeyError, MasterKey},
    limit::TooMany,
    realm::Client,
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
    /// Credentials in more than one place (RFC 6749 §2.3)
    #[error("more than one way of client authentication")]
    TwoWays,
    /// Its assertion
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// It has no key that could have signed its assertion
    #[error("no key of the client fits")]
    NoKey,
    /// The store
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It has asked too often
    #[error("too many requests")]
    TooMany(u64),
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
            Self::TwoWays => ApiError::invalid_request("More than one way of client authentication is used"),
            Self::Assertion(error) => ApiError::bad_request(
                "invalid_client",
                format!("Client authentication with signed JWT failed: {error}"),
            ),
            Self::NoKey => ApiError::bad_request("invalid_client", "Unable to load public key"),
            Self::TooMany(seconds) => ApiError::too_many(seconds),
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
            Self::WrongSecret | Self::Assertion(_) | Self::NoKey => {
                ApiError::unauthorized("invalid_client", "Client authentication failed.")
            }
            Self::TwoWays | Self::TooMany(_) => self.at_token(),
            Self::BearerOnly => {
                ApiError::new(StatusCode::FORBIDDEN, "invalid_request", "Client not allowed.")
            }
            Self::Store(error) => error.into(),
            Self::Key(error) => error.into(),
        }
    }
}

/// Algorithms of client assertions
pub const ASSERTIONS: &[&str] = &[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256",
    "HS384", "HS512",
];

/// The client that makes this request, by the one way that it is registered for: its secret, by Basic or in the form
/// (RFC 6749 §2.3.1), or a JWT that it signs by its secret or by a key (RFC 7523 §2.2). A public client only names
/// itself.
pub async fn client(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, ClientRefused> {
    let answer = proved(app, place, headers, form).await;
    match &answer {
        Ok(client) => {
            app.limits.client(&client.id, client.is_confidential(), place.address).map_err(
                |TooMany(seconds)| {
                    app.metrics.limited("client");
                    ClientRefused::TooMany(seconds)
                },
            )?;
        }
        Err(
            ClientRefused::Unknown
            | ClientRefused::WrongSecret
            | ClientRefused::Assertion(_)
            | ClientRefused::NoKey,
        ) => app.limits.failed(place.address),
        Err(_) => {}
    }
    answer
}

async fn proved(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, ClientRefused> {
    let basic = basic(headers);
    let assertion = form.get("client_assertion").is_some() || form.get("client_assertion_type").is_some();
    let ways = [basic.is_some(), assertion, form.get("client_secret").is_some()];
    if ways.into_iter().filter(|used| *used).count() > 1 {
        return Err(ClientRefused::TwoWays);
    }
    if let Some((id, secret)) = &basic {
        // One request is from one client.
        if form.get("client_id").is_some_and(|named| named != id) {
            return Err(ClientRefused::TwoWays);
        }
        return by_secret(app, place, id, Some(secret));
    }
    if assertion {
        return by_assertion(app, place, form).await;
    }
    let id = form.get("client_id").ok_or(ClientRefused::Missing)?;
    by_secret(app, place, id, form.get("client_secret"))
}

/// The client of this name, if it is switched on and may ask for tokens
fn known(app: &App, place: &InRealm, id: &str) -> Result<Client, ClientRefused> {
    place.event.client(id);
    let found = app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, id))?;
    let client = found.filter(|client| client.enabled).ok_or_else(|| {
        place.event.error("client_not_found");
        ClientRefused::Unknown
    })?;
    if client.settings.bearer_only { Err(ClientRefused::BearerOnly) } else { Ok(client) }
}

fn by_secret(app: &App, place: &InRealm, id: &str, given: Option<&str>) -> Result<Client, ClientRefused> {
    let client = known(app, place, id)?;
    if client.settings.public_client {
        return Ok(client);
    }
    place.event.detail("client_auth_method", SECRET);
    // Whoever signs has no secret to show, even if one is stored.
    if matches!(&*client.settings.client_authenticator_type, PRIVATE_KEY | SECRET_JWT) {
        return Err(ClientRefused::WrongSecret);
    }
    let stored = client_secret(app.keys.master(), &client)?.filter(|stored| !stored.is_empty());
    let (stored, given) = stored.zip(given).ok_or(ClientRefused::WrongSecret)?;
    if is_same_secret(&stored, given.as_bytes()) { Ok(client) } else { Err(ClientRefused::WrongSecret) }
}

/// `clientAuthenticatorType` of a client that shows its secret
const SECRET: &str = "client-secret";
/// `clientAuthenticatorType` of a client that signs by a key
const PRIVATE_KEY: &str = "client-jwt";
/// `clientAuthenticatorType` of a client that signs by its secret
const SECRET_JWT: &str = "client-secret-jwt";

async fn by_assertion(app: &App, place: &InRealm, form: &Form) -> Result<Client, ClientRefused> {
    if form.get("client_assertion_type") != Some(assertion::TYPE) {
        return Err(AssertionError::Type.into());
    }
    let text = form.get("client_assertion").ok_or(AssertionError::Missing)?;
    let given = Assertion::parse(text)?;
    let id = given.client_id()?;
    if form.get("client_id").is_some_and(|named| named != id) {
        return Err(AssertionError::Party.into());
    }
    let client = known(app, place, id)?;
    place.event.detail("client_auth_method", &client.settings.client_authenticator_type);
    let wanted = client.attribute("token.endpoint.auth.signing.alg");
    given.check(&place.issuer, wanted, app.clock.now())?;
    let good = match (given.signing(), &*client.settings.client_authenticator_type) {
        _ if client.settings.public_client => return Err(AssertionError::Algorithm.into()),
        (Signing::Key(_), PRIVATE_KEY) => {
            let key = client_keys::find(app, &client, &given).await.ok_or(ClientRefused::NoKey)?;
            given.is_signed_by(&key)
        }
        (Signing::Secret(_), SECRET_JWT) => {
            let secret = client_secret(app.keys.master(), &client)?.unwrap_or_default();
            given.is_signed_with(&secret)
        }
        _ => return Err(AssertionError::Algorithm.into()),
    };
    if !good {
        return Err(AssertionError::Signature.into());
    }
    let (jti, until) = given.first_use().ok_or(AssertionError::NoId)?;
    let name =
        format!("assertion:{}:{}", client.id, hex(digest::digest(&digest::SHA256, jti.as_bytes()).as_ref()));
    let first = app.store.write(move |tx| store::session::spend(tx, &name, until)).await?;
    if first { Ok(client) } else { Err(AssertionError::Replayed.into()) }
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

/// How a client that used the header may try again
const CHALLENGE: &str = "Basic realm=\"clients\", charset=\"UTF-8\"";

/// [`client`] with the token endpoint's refusals
pub async fn authenticate_client(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, ApiError> {
    let answer = client(app, place, headers, form).await;
    // Whoever used the header is told by which scheme (RFC 6749 §5.2).
    let header = headers.contains_key(header::AUTHORIZATION);
    answer.map_err(|refused| {
        let error = refused.at_token();
        if header { error.challenged(CHALLENGE) } else { error }
    })
}

/// [`client`] with the introspection endpoint's refusals; public clients do not introspect. A secret that comes twice
/// alike is one way here, since `keycloak-connect` says it in the header and in the form.
pub async fn authenticate_introspector(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, ApiError> {
    let once = said_once(headers, form);
    let form = once.as_ref().unwrap_or(form);
    let client = client(app, place, headers, form).await.map_err(ClientRefused::at_introspection)?;
    if client.settings.public_client { Err(ClientRefused::BearerOnly.at_introspection()) } else { Ok(client) }
}

/// The form without its secret, if the header says the same secret of the same client
fn said_once(headers: &HeaderMap, form: &Form) -> Option<Form> {
    let (id, secret) = basic(headers)?;
    let again = form.get("client_secret")?;
    let same = form.get("client_id") == Some(&*id) && is_same_secret(secret.as_bytes(), again.as_bytes());
    same.then(|| form.without("client_secret"))
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
    fn secrets_are_equal_only_as_a_whole() {
        assert!(is_same_secret(b"secret", b"secret"));
        assert!(!is_same_secret(b"secret", b"secret2"));
        assert!(!is_same_secret(b"secret", b""));
    }
}
