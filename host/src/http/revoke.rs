//! Revocation: a client gives a token back (RFC 7009; wire §7.2).

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use countersign_core::token::Claims;
use serde_json::json;

use super::{
    Family,
    extract::{Form, InRealm},
    json,
    token::cors,
};
use crate::{
    app::App,
    auth::{self, TokenRefused},
    error::ApiError,
    event::{self, Kept},
    realm::Client,
    sign_in::Token,
    store,
};

/// `POST …/protocol/openid-connect/revoke`
pub async fn revoke(
    State(app): State<Arc<App>>,
    place: InRealm,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, ApiError> {
    let origin = cors::origin(&app, &place, &headers, &form)?;
    place.event.kind("REVOKE_GRANT");
    let answer = answer(&app, &place, &headers, &form).await;
    if let Err(error) = &answer {
        event::refused(&app, &place, error).await;
    }
    let mut response = answer.unwrap_or_else(ApiError::into_response);
    if let Some(origin) = origin {
        cors::allow(response.headers_mut(), origin);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn answer(app: &App, place: &InRealm, headers: &HeaderMap, form: &Form) -> Result<Response, ApiError> {
    let client = auth::authenticate_client(app, place, headers, form).await?;
    if form.has_duplicates() {
        return Err(ApiError::invalid_request("duplicated parameter"));
    }
    let token = form.get("token").ok_or_else(|| ApiError::invalid_request("Token not provided"))?;
    // A hint is not needed: each kind has keys of its own.
    let done = if let Some(claims) =
        live(auth::verify_refresh_token(app, &place.realm, &place.issuer, token))?
    {
        own(&client, &claims)?;
        end_part(app, place, &client, &claims).await?
    } else if let Some(verified) = live(auth::verify_mentioned(app, &place.realm, &place.issuer, token))? {
        let claims = verified.token.claims();
        own(&client, claims)?;
        take_back(app, place, claims).await?
    } else if let Some(pct) = Token::read(token) {
        // A hint `pct` is known by that it changes nothing (GRANT-3.7-02).
        app.store.write(move |tx| store::gathering::revoke(tx, &client.id, &pct)).await?
    } else {
        false
    };
    if done {
        return Ok(StatusCode::OK.into_response());
    }
    // Nothing is left to be done for a token that is good for nothing (RFC 7009 §2.2); the body is Keycloak's.
    let body = json!({ "error": "invalid_token", "error_description": "Invalid token" });
    Ok(json(StatusCode::OK, Family::Token, &body))
}

/// What a token says, if it is good for anything
fn live<T>(checked: Result<T, TokenRefused>) -> Result<Option<T>, ApiError> {
    match checked {
        Ok(token) => Ok(Some(token)),
        Err(refused) => refused.or_inactive().map(|()| None),
    }
}

/// It was issued to this client, else it is none of its business
fn own(client: &Client, claims: &Claims) -> Result<(), ApiError> {
    if claims.azp.as_ref().is_some_and(|azp| **azp == *client.client_id) {
        Ok(())
    } else {
        Err(ApiError::invalid_request("Unmatching clients"))
    }
}

/// Of a refresh token: with it goes everything that the client got by this sign-in
async fn end_part(app: &App, place: &InRealm, client: &Client, claims: &Claims) -> Result<bool, ApiError> {
    let Some(session) = claims.sid.clone() else { return Ok(false) };
    let (client, kept) = (client.id.clone(), kept(app, place, claims));
    app.store
        .write(move |tx| {
            store::session::withdraw(tx, &session, &client)?;
            event::record(tx, kept.as_ref())
        })
        .await?;
    Ok(true)
}

/// Of an access token, an RPT too: it alone
async fn take_back(app: &App, place: &InRealm, claims: &Claims) -> Result<bool, ApiError> {
    let (Some(jti), Some(until)) = (claims.jti.as_ref(), claims.exp) else { return Ok(false) };
    let (jti, kept) = (jti.to_string(), kept(app, place, claims));
    app.store
        .write(move |tx| {
            store::session::revoke(tx, &jti, until)?;
            event::record(tx, kept.as_ref())
        })
        .await?;
    Ok(true)
}

/// What the realm keeps of the withdrawal
fn kept(app: &App, place: &InRealm, claims: &Claims) -> Option<Kept> {
    if let Some(user) = &claims.sub {
        place.event.user(user.as_str());
    }
    if let Some(session) = &claims.sid {
        place.event.session(session);
    }
    place.event.done(&place.realm, app.clock.now())
}
