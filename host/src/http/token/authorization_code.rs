//! The authorization code grant (RFC 6749 §4.1.3), in Keycloak's order: the code is spent before anything of it is
//! compared, so that whoever guesses has one guess.

use axum::{http::HeaderMap, response::Response};

use super::{Ordinary, issue};
use crate::{
    app::App,
    auth,
    error::ApiError,
    http::extract::{Form, InRealm},
    issue::{Origin, Scopes},
    realm::{Client, Session, User},
    sign_in::{Token, pkce},
    store::{
        self,
        audit::{self, Event},
        sign_in::{Redeemed, Redeeming},
    },
};

/// Answers a code with tokens
pub(super) async fn grant(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let client = auth::authenticate_client(app, place, headers, form).await?;
    let Some(code) = form.get("code") else {
        return Err(ApiError::invalid_request("Missing parameter: code"));
    };
    let redeemed = redeem(app, place, &client, code).await?;
    let stored = &redeemed.grant;
    place.event.session(&redeemed.session_id);
    place.event.detail("code_id", &redeemed.session_id);
    if form.get("redirect_uri") != Some(stored.redirect_uri.as_str()) {
        return Err(ApiError::invalid_grant("Incorrect redirect_uri"));
    }
    if redeemed.client_id != client.id {
        return Err(ApiError::invalid_grant("Auth error: Found different client_id in clientSession"));
    }
    pkce::verify(stored.challenge.as_ref(), form.get("code_verifier"))
        .map_err(|refused| ApiError::invalid_grant(refused.to_string()))?;
    let (session, user) = signed_in(app, place, &redeemed)?;
    let scopes = Scopes::resolve(&place.realm, &client, stored.scope.as_deref())
        .map_err(|_| ApiError::bad_request("invalid_scope", "Client no longer has requested scopes"))?;
    let ordinary = Ordinary {
        client: &client,
        user,
        session: Some(&session),
        scopes: &scopes,
        origin: Origin::Code,
        nonce: stored.nonce.as_deref(),
        acr: Some(&stored.acr),
    };
    issue(app, place, ordinary).await
}

/// Spends the code. A second use ends the sign-in that the first one got tokens of: one of the two was a thief
/// (RFC 6749 §4.1.2; wire §1.4).
async fn redeem(app: &App, place: &InRealm, client: &Client, code: &str) -> Result<Redeemed, ApiError> {
    let invalid = || ApiError::invalid_grant("Code not valid");
    let code = Token::read(code).ok_or_else(invalid)?;
    let (realm_id, client_id, now) = (place.realm.id.clone(), client.id.clone(), app.clock.now());
    let event = Event::new("code.replayed", &realm_id, &client.client_id, now);
    let redeeming = app
        .store
        .write(move |tx| {
            let redeeming = store::sign_in::redeem(tx, &realm_id, &code, now)?;
            if let Redeeming::Again(redeemed) = &redeeming
                && redeemed.client_id == client_id
            {
                store::session::end(tx, &redeemed.session_id)?;
                audit::record(tx, &event)?;
            }
            Ok(redeeming)
        })
        .await?;
    match redeeming {
        Redeeming::First(redeemed) => Ok(redeemed),
        Redeeming::Again(_) | Redeeming::Unknown => Err(invalid()),
    }
}

/// The session of the code and its user, if both still are
fn signed_in(app: &App, place: &InRealm, redeemed: &Redeemed) -> Result<(Session, User), ApiError> {
    let (realm, now) = (&*place.realm, app.clock.now());
    let found = app.store.read(|tx| {
        let Some(session) = store::session::live(tx, realm, &redeemed.session_id, now)? else {
            return Ok(None);
        };
        let user = store::user::by_id(tx, &realm.id, &session.user_id)?;
        Ok(user.map(|user| (session, user)))
    })?;
    let (session, user) = found.ok_or_else(|| ApiError::invalid_grant("Code not valid"))?;
    if !user.enabled {
        return Err(ApiError::invalid_grant("User disabled"));
    }
    Ok((session, user))
}
