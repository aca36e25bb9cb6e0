//! The refresh grant (RFC 6749 §6, UMA Grant §3.6).
//!
//! A user's tokens are made anew from what he is now. An RPT gets what its grant still holds: nothing is assessed,
//! nothing is added (wire N30, N31).

use std::sync::Arc;

use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use countersign_core::{
    time::UnixTime,
    token::{Claims, Confirmation},
};

use super::{Ordinary, issue};
use crate::{
    app::App,
    auth::{self, Named, TokenRefused},
    error::ApiError,
    http::{
        Family,
        extract::{Form, InRealm},
        json,
    },
    issue::{GRANT_CLAIM, Origin, RptRequest, Scopes, rpt},
    realm::{Client, Session, User},
    store::{self, StoreError, audit::Event, grant::NewRpt},
};

/// How often an RPT is made again when its grant was narrowed meanwhile
const ATTEMPTS: usize = 3;

/// Answers a refresh token with new tokens
pub(super) async fn grant(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let caller = auth::authenticate_client(app, place, headers, form).await?;
    let Some(token) = form.get("refresh_token") else {
        return Err(ApiError::invalid_request("No refresh token"));
    };
    let claims =
        auth::verify_refresh_token(app, &place.realm, &place.issuer, token).map_err(|error| match error {
            error if error.is_expired() => ApiError::invalid_grant("Token is not active"),
            error => error.or_else(|| ApiError::invalid_grant("Invalid refresh token")),
        })?;
    if claims.azp.as_ref().is_none_or(|azp| **azp != *caller.client_id) {
        return Err(ApiError::invalid_grant(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    let now = app.clock.now();
    let alive = app.store.read(|tx| Ok(auth::alive(tx, &place.realm, &claims, now)))?;
    let Named { user, client, sign_in } = alive.map_err(|error| match error {
        TokenRefused::User => ApiError::invalid_grant("User disabled"),
        TokenRefused::NotBefore => ApiError::invalid_grant("Stale token"),
        TokenRefused::Session => ApiError::invalid_grant("Session not active"),
        TokenRefused::Token(_)
        | TokenRefused::Revoked
        | TokenRefused::UnknownClient(_)
        | TokenRefused::Client
        | TokenRefused::Store(_)
        | TokenRefused::Key(_) => error.or_else(|| ApiError::invalid_grant("Invalid refresh token")),
    })?;
    place.event.user(&user.id);
    // INVARIANT: every refresh token is made with a session.
    let (session, _) = sign_in.ok_or_else(|| ApiError::invalid_grant("Session not active"))?;
    place.event.session(&session.id);
    let bound = Confirmation::of(&claims).map_err(|_| ApiError::invalid_grant("Invalid refresh token"))?;
    if bound.jkt().is_some() && bound.jkt() != place.key.as_deref() {
        return Err(ApiError::bad_request(
            "invalid_dpop_proof",
            "DPoP proof and token binding verification failed",
        ));
    }
    let scopes = scopes(place, &client, form, claims.scope.as_deref().unwrap_or_default())?;
    if place.realm.settings.revoke_refresh_token {
        use_up(app, place, &client, &session, &claims).await?;
    }
    match claims.other.get(GRANT_CLAIM).map(|id| id.as_str().unwrap_or_default().to_owned()) {
        Some(grant_id) => {
            let issued = claims.iat.unwrap_or_default();
            again(app, place, (user, client, session), grant_id, issued).await
        }
        None => ordinary(app, place, (user, client, session), &scopes).await,
    }
}

/// The scopes of the first tokens, or fewer where that is wished (RFC 6749 §6)
fn scopes(place: &InRealm, client: &Client, form: &Form, granted: &str) -> Result<Scopes, ApiError> {
    let granted = Scopes::again(&place.realm, client, granted);
    let Some(asked) = form.get("scope") else { return Ok(granted) };
    granted.narrowed(&place.realm, client, asked).map_err(|_| {
        let asked: String = asked.chars().take(1_000).collect();
        ApiError::bad_request("invalid_scope", format!("Invalid scopes: {asked}"))
    })
}

/// Counts a use of the token. One that was used too often is in more hands than one: the client's part in the sign-in
/// ends, and all tokens of it (RFC 9700 §4.14.2).
async fn use_up(
    app: &App,
    place: &InRealm,
    client: &Client,
    session: &Session,
    claims: &Claims,
) -> Result<(), ApiError> {
    // INVARIANT: every refresh token is made with both.
    let (Some(jti), Some(until)) = (claims.jti.as_ref(), claims.exp) else {
        return Err(ApiError::invalid_grant("Invalid refresh token"));
    };
    let (jti, session_id, client_id) = (jti.to_string(), session.id.clone(), client.id.clone());
    let reuse = place.realm.settings.refresh_token_max_reuse;
    let within = app.store.write(move |tx| {
        let within = store::session::use_refresh_token(tx, &jti, &session_id, reuse, until)?;
        if !within {
            store::session::withdraw(tx, &session_id, &client_id)?;
        }
        Ok(within)
    });
    if within.await? {
        Ok(())
    } else {
        Err(ApiError::invalid_grant("Maximum allowed refresh token reuse exceeded"))
    }
}

async fn ordinary(
    app: &App,
    place: &InRealm,
    (user, client, session): (User, Client, Session),
    scopes: &Scopes,
) -> Result<Response, ApiError> {
    let ordinary = Ordinary {
        client: &client,
        user,
        session: Some(&session),
        scopes,
        origin: Origin::Refresh,
        nonce: None,
        acr: None,
    };
    issue(app, place, ordinary).await
}

/// An RPT with what its grant still holds
async fn again(
    app: &App,
    place: &InRealm,
    (user, client, session): (User, Client, Session),
    grant_id: String,
    issued: UnixTime,
) -> Result<Response, ApiError> {
    let gone = || ApiError::invalid_grant("Invalid refresh token");
    let (realm, session_id) = (Arc::clone(&place.realm), session.id.clone());
    let now = app.clock.now();
    app.store.write(move |tx| store::session::touch(tx, &realm, &session_id, now)).await.map_err(
        |error| {
            if error == StoreError::Missing {
                ApiError::invalid_grant("Session not active")
            } else {
                error.into()
            }
        },
    )?;
    for _ in 0..ATTEMPTS {
        let now = app.clock.now();
        let (held, server) = app.store.read(|tx| {
            let server = store::session::grant_server(tx, &grant_id, &client.id)?;
            let server = match server {
                Some(id) if store::server::counts(tx, &id, issued)? => {
                    store::realm::client_by_id(tx, &place.realm.id, &id)?
                }
                Some(_) | None => None,
            };
            Ok((store::grant::held(tx, &grant_id, now)?, server))
        })?;
        let server = server.filter(|server| server.enabled).ok_or_else(gone)?;
        if held.is_empty() {
            return Err(gone());
        }
        let request = RptRequest {
            realm: &place.realm,
            issuer: &place.issuer,
            client: &client,
            server: &server,
            user: &user,
            session: Some(&session),
            permissions: &held,
            address: place.address,
            key: place.key.as_deref(),
            grant: Some(&grant_id),
            now,
        };
        let issued = rpt(app, &request).await?;
        let new = NewRpt {
            jti: issued.jti.clone(),
            realm_id: place.realm.id.clone(),
            server_id: server.id.clone(),
            client_id: client.id.clone(),
            requester: user.id.clone(),
            session_id: Some(session.id.clone()),
            issued_at: now,
            expires_at: issued.expires_at,
            status_index: issued.status_index,
            permissions: held,
            // The grant row is there already.
            grant: None,
        };
        place.event.detail("token_id", &issued.jti);
        let event = Event::new("rpt.refreshed", &place.realm.id, &client.client_id, now)
            .kept(place.event.done(&place.realm, now));
        match app.store.record_refreshed(new, grant_id.clone(), event).await {
            Ok(()) => return Ok(json(StatusCode::OK, Family::Token, &issued.refreshed_body())),
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::temporarily_unavailable())
}
