//! What handlers take from a request.

mod form;
mod json;
mod sent;

use core::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use std::sync::Arc;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use countersign_core::token::Possession;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

pub use self::{
    form::{Form, Query, decode},
    json::{Json, Members, OptionalJson, Represents},
    sent::{Sent, is_secret},
};
use super::BODY_BYTES;
use crate::{app::App, error::ApiError, event::Draft, realm::Realm, sign_in::throttle::is_public};

/// How long a client may take to send a body
const BODY_TIME: Duration = Duration::from_secs(30);

/// The realm that the path names, and the URLs that this request sees
#[derive(Debug, Clone)]
pub struct InRealm {
    /// The realm, switched on
    pub realm: Arc<Realm>,
    /// Its issuer
    pub issuer: String,
    /// Base of all URLs, without a slash at its end
    pub base: String,
    /// From where the request came
    pub address: IpAddr,
    /// Thumbprint of the key that the sender has proved to hold, which tokens are then bound to (RFC 9449 §5)
    pub key: Option<String>,
    /// What the sender of a token has proved to hold with it, at the token endpoint (RFC 9449 §7.1)
    pub held: Possession,
    /// What the realm's events will say of this request
    pub event: Draft,
}

impl InRealm {
    /// An endpoint of OpenID Connect, at the realm's own address (`frontendUrl`) if it has one: for people and back
    /// ends alike (behaviours DISC-2)
    pub fn endpoint(&self, name: &str) -> String {
        format!("{}/protocol/openid-connect/{name}", self.issuer)
    }

    /// The same, with an event of its own kind for a part of what the request does
    #[must_use]
    pub fn apart(&self, kind: &'static str) -> Self {
        Self { event: self.event.apart(kind), ..self.clone() }
    }
}

impl FromRequestParts<Arc<App>> for InRealm {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let params =
            RawPathParams::from_request_parts(parts, app).await.map_err(|_| ApiError::not_found())?;
        let name = params.iter().find(|(name, _)| *name == "realm").map(|(_, value)| value);
        let realm = name.map(|name| app.realm(name)).transpose()?.flatten();
        let Some(realm) = realm else {
            return Err(ApiError::bare(StatusCode::NOT_FOUND, "Realm does not exist"));
        };
        let base = app.issuers.base(parts)?;
        let ClientAddress(address) = parts.extensions.get().copied().unwrap_or_default();
        if !base.starts_with("https://") && needs_tls(&realm, address) {
            return Err(ApiError::forbidden("invalid_request", "HTTPS required"));
        }
        if !realm.enabled {
            return Err(ApiError::forbidden("access_denied", "Realm not enabled"));
        }
        Ok(Self {
            issuer: realm.issuer(&base),
            base,
            realm,
            address,
            key: None,
            held: Possession::none(),
            event: Draft::new(address),
        })
    }
}

/// Whether the realm answers somebody from there by TLS alone (`sslRequired`; wire §6.1)
fn needs_tls(realm: &Realm, address: IpAddr) -> bool {
    match realm.settings.ssl_required.to_ascii_lowercase().as_str() {
        "none" => false,
        "external" => is_public(address),
        _ => true,
    }
}

/// The address that the request came from
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl Default for ClientAddress {
    /// Where no network is in between
    fn default() -> Self {
        Self(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = core::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

/// The media type of the body, in lower case and without parameters
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = value.split(';').next().unwrap_or_default().trim();
    (!kind.is_empty()).then(|| kind.to_ascii_lowercase())
}

/// The whole body, if it is not too long and comes in time
async fn body(body: Body, most: usize) -> Result<Bytes, ApiError> {
    let too_long = || {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request",
            "The request body is longer than allowed.",
        )
    };
    // Its length is said beforehand as a rule: then nothing of it is waited for.
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > most {
        return Err(too_long());
    }
    match tokio::time::timeout(BODY_TIME, Limited::new(body, most).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => Err(ApiError::invalid_request("The request body could not be read.")),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "invalid_request",
            "The request body did not come in time.",
        )),
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    /// A body of another type has no parameters: the endpoint then misses those that it needs (wire §6.1)
    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_form = media_type(request.headers()).as_deref() == Some("application/x-www-form-urlencoded");
        let bytes = body(request.into_body(), BODY_BYTES).await?;
        if is_form { Self::parse(&bytes) } else { Ok(Self::default()) }
    }
}
