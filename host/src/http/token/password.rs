//! The password grant (RFC 6749 §4.3).

use axum::{http::HeaderMap, response::Response};

use super::{Ordinary, begin, issue, scopes};
use crate::{
    app::App,
    auth,
    error::ApiError,
    http::extract::{Form, InRealm},
    issue::Origin,
    realm::User,
    sign_in::{
        credentials::{self, Attempt, Refused},
        required,
    },
};

/// Signs a user in
pub(super) async fn grant(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let client = auth::authenticate_client(app, place, headers, form).await?;
    if !client.settings.direct_access_grants_enabled {
        return Err(ApiError::bad_request(
            "unauthorized_client",
            "Client not allowed for direct access grants",
        ));
    }
    let scopes = scopes(place, &client, form)?;
    let Some(login) = form.get("username") else {
        return Err(ApiError::unauthorized("invalid_request", "Missing parameter: username"));
    };
    let user = check(app, place, login, form).await?;
    let session = begin(app, place, &user)?;
    let ordinary = Ordinary {
        client: &client,
        user,
        session: Some(&session),
        scopes: &scopes,
        origin: Origin::Password,
        nonce: None,
        acr: None,
    };
    issue(app, place, ordinary).await
}

/// The user whose password this is, and whose one-time code, if he has set one up
async fn check(app: &App, place: &InRealm, login: &str, form: &Form) -> Result<User, ApiError> {
    let refused = |refused| match refused {
        Refused::Wrong => ApiError::unauthorized("invalid_grant", "Invalid user credentials"),
        Refused::Disabled => ApiError::invalid_grant("Account disabled"),
        Refused::Failed(error) => error,
    };
    let (realm, address) = (&place.realm, place.address);
    let password = form.get("password").unwrap_or_default();
    let attempt = Attempt { login, password, address, browser: None, event: &place.event };
    let user = credentials::check(app, realm, attempt).await.map_err(refused)?.user;
    credentials::check_code(app, realm, &user, form.get("totp"), address, None).await.map_err(refused)?;
    if app.store.read(|tx| required::first(tx, realm, &user))?.is_some() {
        place.event.error("resolve_required_actions");
        return Err(ApiError::invalid_grant("Account is not fully set up"));
    }
    credentials::succeeded(app, realm, &user, None).await?;
    Ok(user)
}
