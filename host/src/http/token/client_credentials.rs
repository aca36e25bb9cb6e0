//! The client credentials grant (RFC 6749 §4.4): a client's service account, for a resource server its PAT.

use axum::{http::HeaderMap, response::Response};

use super::{Ordinary, begin, issue, scopes};
use crate::{
    app::App,
    auth,
    error::ApiError,
    http::extract::{Form, InRealm},
    issue::Origin,
    store,
};

/// Answers with an access token, without a refresh token unless the client says otherwise (RFC 6749 §4.4.3)
pub(super) async fn grant(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let client = auth::authenticate_client(app, place, headers, form).await?;
    let refused = |text: &'static str| ApiError::unauthorized("unauthorized_client", text);
    if client.settings.public_client {
        return Err(refused("Public client not allowed to retrieve service account"));
    }
    let disabled = "Client not enabled to retrieve service account";
    if !client.settings.service_accounts_enabled {
        return Err(refused(disabled));
    }
    let scopes = scopes(place, &client, form)?;
    let user = app.store.read(|tx| store::user::service_account(tx, &place.realm.id, &client.id))?;
    let user = user.filter(|user| user.enabled).ok_or_else(|| refused(disabled))?;
    let refreshing = client.attribute("client_credentials.use_refresh_token") == Some("true");
    let session = refreshing.then(|| begin(app, place, &user)).transpose()?;
    let ordinary = Ordinary {
        client: &client,
        user,
        session: session.as_ref(),
        scopes: &scopes,
        origin: Origin::ClientCredentials,
        nonce: None,
        acr: None,
    };
    issue(app, place, ordinary).await
}
