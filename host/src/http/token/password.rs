//! The password grant (RFC 6749 §4.3).

use axum::{http::HeaderMap, response::Response};

use super::{Ordinary, begin, issue, scopes};
use crate::{
    app::App,
    auth,
    error::{ApiError, log_seldom},
    http::extract::{Form, InRealm},
    issue::Origin,
    password::{Checked, PasswordHash},
    realm::User,
    store::{self, user::Credential},
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
    let user = check(app, place, login, form.get("password").unwrap_or_default()).await?;
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

/// The user whose password this is.
///
/// Whether there is such a user, and whether his account is switched off, shows only to those who know the password.
async fn check(app: &App, place: &InRealm, login: &str, password: &str) -> Result<User, ApiError> {
    let wrong = || ApiError::unauthorized("invalid_grant", "Invalid user credentials");
    let found = app.store.read(|tx| {
        let Some(user) = store::user::by_login(tx, &place.realm, login)? else { return Ok(None) };
        let stored = store::user::password(tx, &user.id)?;
        Ok(Some((user, stored)))
    })?;
    let hash = match &found {
        Some((user, Some(stored))) if user.service_client.is_none() => {
            PasswordHash::read(&stored.secret_data, &stored.credential_data)
                .inspect_err(|error| log_seldom("password", error))
                .ok()
        }
        _ => None,
    };
    let checked = app.passwords.check(hash, password.to_owned()).await.map_err(|error| {
        log_seldom("password", &error);
        ApiError::temporarily_unavailable()
    })?;
    let (Some((user, Some(stored))), Checked::Right | Checked::Renew(_)) = (found, &checked) else {
        return Err(wrong());
    };
    if !user.enabled {
        return Err(ApiError::invalid_grant("Account disabled"));
    }
    if let Checked::Renew(hash) = checked {
        renew(app, stored, &hash).await;
    }
    Ok(user)
}

/// Stores a better hash of the same password; a sign-in does not fail because of it
async fn renew(app: &App, old: Credential, hash: &PasswordHash) {
    let Ok((secret_data, credential_data)) = hash.write() else { return };
    let new = Credential { id: old.id.clone(), secret_data, credential_data };
    if let Err(error) = app.store.write(move |tx| store::user::rehash(tx, &old, &new)).await {
        log_seldom("password", &error);
    }
}
