//! Who asks: the client of the token, for its own resources (`keycloak-wire` §15).

use core::net::IpAddr;
use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use countersign_core::time::UnixTime;

use crate::{
    app::App,
    auth,
    error::ApiError,
    http::extract::InRealm,
    realm::{Client, Realm},
};

/// A client with a good token
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The realm
    pub(super) realm: Arc<Realm>,
    /// Its issuer
    pub(super) issuer: String,
    /// From where the request came
    pub(super) address: IpAddr,
    /// The client that the token was issued to
    pub(super) client: Client,
    /// It has resources: otherwise nothing is permitted there
    pub(super) is_server: bool,
    /// The token is the client's own, not one of a person who uses it
    pub(super) is_itself: bool,
    /// The time of the request
    pub(super) now: UnixTime,
}

impl Caller {
    /// Searches list people and resources: they are for the resource server itself
    pub(super) fn require_itself(&self) -> Result<(), ApiError> {
        if self.is_itself { Ok(()) } else { Err(ApiError::plain(StatusCode::FORBIDDEN)) }
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let InRealm { realm, issuer, address, .. } = InRealm::from_request_parts(parts, app).await?;
        let verified = auth::verify_bearer(app, &realm, &issuer, &parts.headers)?;
        let settings = app.store.resource_server(&verified.client.id)?;
        let issued = verified.token.claims().iat;
        if settings.is_some_and(|settings| issued.is_none_or(|issued| issued.0 < settings.not_before)) {
            return Err(auth::challenge());
        }
        let is_itself = verified.user.identity() == verified.client.id;
        let (client, now) = (verified.client, app.clock.now());
        Ok(Self { realm, issuer, address, client, is_server: settings.is_some(), is_itself, now })
    }
}
