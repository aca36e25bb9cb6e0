//! The client credentials grant (RFC 6749 §4.4): a client's service account, for a resource server its PAT.

use axum::{http::HeaderMap, response::Response};

use super::{Ordinary, issue, scopes};
use crate::{
    app::App,
    auth,
    error::ApiError,
    http::extract::{Form, InRealm},
    issue::{Origin, subject},
    keys::random_session_id,
    realm::Session,
    store,
};

/// Answers with an access token, without a refresh token unless the client says otherwise (RFC 6749 §4.4.3)
pub(super) async fn grant(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let client = auth::authenticate_client(app, &place.realm, headers, form)?;
    let refused = |text: &'static str| ApiError::unauthorized("unauthorized_client", text);
    if client.settings.public_client {
        return Err(refused("Public client not allowed to retrieve service account"));
    }
    let disabled = "Client not enabled to retrieve service account";
    if !client.settings.service_accounts_enabled {
        return Err(refused(disabled));
    }
    let scopes = scopes(place, &client, form)?;
    let account = app.store.read(|tx| {
        let user = store::user::service_account(tx, &place.realm.id, &client.id)?;
        user.filter(|user| user.enabled).map(|user| subject(tx, user)).transpose()
    })?;
    let subject = account.ok_or_else(|| refused(disabled))?;
    let session = if client.attribute("client_credentials.use_refresh_token") == Some("true") {
        let now = app.clock.now();
        let session = Session {
            id: random_session_id()?,
            user_id: subject.user.id.clone(),
            started_at: now,
            expires_at: now.plus(place.realm.settings.sso_session_max_lifespan),
        };
        let (realm, stored) = (place.realm.id.clone(), session.clone());
        app.store.write(move |tx| store::session::insert(tx, &realm, &stored)).await?;
        Some(session)
    } else {
        None
    };
    let ordinary = Ordinary {
        client: &client,
        subject: &subject,
        session: session.as_ref(),
        scopes: &scopes,
        origin: Origin::ClientCredentials,
    };
    issue(app, place, ordinary).await
}
