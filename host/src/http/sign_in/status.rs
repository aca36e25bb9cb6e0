//! Frames by which apps learn whether their user is still signed in (OpenID Connect Session Management §3), as
//! `keycloak-js` asks for them.
//!
//! Cookies here are `SameSite=Lax`: an app on another site does not get them in a frame. The second pair of pages tells
//! `keycloak-js` so, which then does without.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    super::{
        extract::{InRealm, Query},
        token::cors,
    },
    cookies::Cookies,
    pages,
};
use crate::{app::App, error::ApiError, store};

/// `GET …/login-status-iframe.html`
pub async fn iframe(place: InRealm) -> Response {
    let init = format!("{}/protocol/openid-connect/login-status-iframe.html/init", place.issuer);
    let cookie = Cookies::status_name(&place);
    pages::login_status(&place, &cookie, &init)
}

/// `GET …/login-status-iframe.html/init`: whether that site is one of the client's
pub async fn init(State(app): State<Arc<App>>, place: InRealm, query: Query) -> Result<Response, ApiError> {
    let (Some(id), Some(origin)) = (query.get("client_id"), query.get("origin")) else {
        return Err(ApiError::plain(StatusCode::FORBIDDEN));
    };
    let client = app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, id))?;
    let known =
        client.filter(|client| client.enabled && cors::is_site_of(client, super::front(&place), origin));
    if known.is_none() {
        return Err(ApiError::plain(StatusCode::FORBIDDEN));
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET …/3p-cookies/step1.html`
pub async fn step1(place: InRealm) -> Response {
    let next = format!("{}/protocol/openid-connect/3p-cookies/step2.html", place.issuer);
    pages::cookie_probe(&place, Some(&next))
}

/// `GET …/3p-cookies/step2.html`
pub async fn step2(place: InRealm) -> Response {
    pages::cookie_probe(&place, None)
}
