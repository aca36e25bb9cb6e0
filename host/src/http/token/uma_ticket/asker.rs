//! Who asks, in Keycloak's dialect: by bearer token, by a client with an identity token, or by a client alone
//! (`keycloak-wire` §6.2).

use axum::http::HeaderMap;

use super::ID_TOKEN_FORMAT;
use crate::{
    app::App,
    auth::{self, Verified},
    decide::Party,
    error::ApiError,
    http::extract::{Form, InRealm},
    realm::{Client, Session, User},
    store,
};

/// Who asks, in one of three ways (`keycloak-wire` §6.2)
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) user: User,
    pub(super) client: Client,
    pub(super) session: Option<Session>,
    pub(super) party: Party,
    /// It is the token of a public client, or such a client is asking
    pub(super) public_client: bool,
}

impl Asker {
    pub(super) fn of(verified: Verified, public_client: bool) -> Result<Self, ApiError> {
        let Verified { token, user, client, session, .. } = verified;
        let party = Party::of_token(&user, &client, token.claims())?;
        Ok(Self { user, client, session, party, public_client })
    }
}

/// By bearer, by client and identity token, or by client alone (`keycloak-wire` §6.2)
pub(super) async fn asker(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Asker, ApiError> {
    // A Basic header is no bearer token, and none of the refusals of one.
    if let Some(presented) = auth::presented(headers).ok().flatten() {
        let refused = || ApiError::invalid_grant("Invalid bearer token");
        let held = place.held.clone();
        let verified = auth::verify_presented(app, &place.realm, &place.issuer, presented.token, held)
            .map_err(|error| error.or_else(refused))?;
        let public_client = verified.client.settings.public_client;
        return Asker::of(verified, public_client);
    }
    let client = auth::authenticate_client(app, place, headers, form).await?;
    let public_client = client.settings.public_client;
    let format = form.get("claim_token_format");
    let identity = form.get("claim_token").filter(|_| format.is_none_or(|format| format == ID_TOKEN_FORMAT));
    if let Some(token) = identity {
        let refused = |expired: bool| {
            let (error, text) = if expired {
                ("invalid_claim_token", "Expired token")
            } else {
                ("unauthorized_client", "Invalid signature")
            };
            ApiError::bad_request(error, text)
        };
        let verified =
            auth::verify_identity_token(app, &place.realm, &place.issuer, token).map_err(|error| {
                let expired = error.is_expired();
                error.or_else(|| refused(expired))
            })?;
        if verified.client.id != client.id {
            let text = "Token issued to a different client";
            return Err(ApiError::bad_request("invalid_claim_token", text));
        }
        return Asker::of(verified, public_client);
    }
    if let Some(token) = form.get("subject_token") {
        let refused = || {
            place.event.error("invalid_token");
            ApiError::bad_request("unauthorized_client", "Invalid identity")
        };
        let verified = auth::verify_access_token(app, &place.realm, &place.issuer, token)
            .map_err(|error| error.or_else(refused))?;
        return Asker::of(verified, public_client);
    }
    if format == Some(ID_TOKEN_FORMAT) {
        return Err(ApiError::invalid_request(
            "Subject token can not be null and must be a valid ID or Access Token",
        ));
    }
    service_account(app, place, client)
}

/// The client alone: it asks for its own service account
fn service_account(app: &App, place: &InRealm, client: Client) -> Result<Asker, ApiError> {
    let refused = |text| ApiError::unauthorized("unauthorized_client", text);
    if client.settings.public_client {
        return Err(refused("Public client not allowed to retrieve service account"));
    }
    let user = if client.settings.service_accounts_enabled {
        app.store.read(|tx| store::user::service_account(tx, &place.realm.id, &client.id))?
    } else {
        None
    };
    let user = user
        .filter(|user| user.enabled)
        .ok_or_else(|| refused("Client not enabled to retrieve service account"))?;
    let party = Party::of_record(app, &user, &client)?;
    Ok(Asker { user, client, session: None, party, public_client: false })
}
