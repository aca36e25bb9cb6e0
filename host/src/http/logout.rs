//! The end of a sign-in, as a client asks for it from behind: with the refresh token (wire §1.4).

use axum::{
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::{
    extract::{Form, InRealm},
    token::cors,
};
use crate::{app::App, auth, error::ApiError, event, store};

/// Ends the sign-in that a refresh token belongs to.
///
/// An offline token ends its offline session.
pub async fn back_channel(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let origin = cors::origin(app, place, headers, form)?;
    place.event.kind("LOGOUT");
    let ended = end(app, place, headers, form).await;
    if let Err(error) = &ended {
        event::refused(app, place, error).await;
    }
    let mut response =
        ended.map_or_else(ApiError::into_response, |()| StatusCode::NO_CONTENT.into_response());
    if let Some(origin) = origin {
        cors::allow(response.headers_mut(), origin);
    }
    Ok(response)
}

async fn end(app: &App, place: &InRealm, headers: &HeaderMap, form: &Form) -> Result<(), ApiError> {
    let client = auth::authenticate_client(app, place, headers, form).await?;
    if form.has_duplicates() {
        return Err(ApiError::invalid_request("duplicated parameter"));
    }
    let token = form.get("refresh_token").ok_or_else(|| ApiError::invalid_request("No refresh token"))?;
    let claims = match auth::verify_refresh_token(app, &place.realm, &place.issuer, token) {
        Ok(claims) => claims,
        Err(refused) => {
            return Err(refused.or_else(|| ApiError::invalid_grant("Invalid refresh token")));
        }
    };
    if claims.azp.as_ref().is_none_or(|azp| **azp != *client.client_id) {
        return Err(ApiError::invalid_grant(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    if let Some(session) = claims.sid {
        if let Some(user) = &claims.sub {
            place.event.user(user.as_str());
        }
        place.event.session(&session);
        let kept = place.event.done(&place.realm, app.clock.now());
        app.store
            .write(move |tx| {
                store::session::end(tx, &session)?;
                event::record(tx, kept.as_ref())
            })
            .await?;
    }
    Ok(())
}
