//! How a person shows who she is: which credentials she has, and none of their secrets.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

use super::caller::{Person, Role};
use crate::{
    app::App,
    error::ApiError,
    http::{Family, extract::Query, json},
    sign_in::passkey,
    store::{self, user::people::StoredCredential},
};

/// All credentials of one type
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CredentialContainer"))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Container {
    #[serde(rename = "type")]
    kind: &'static str,
    category: &'static str,
    display_name: &'static str,
    helptext: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_action: Option<&'static str>,
    removeable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_credential_metadatas: Option<Vec<Metadata>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CredentialMetadata"))]
struct Metadata {
    credential: Credential,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct Credential {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_label: Option<String>,
    created_date: u64,
}

impl From<&StoredCredential> for Metadata {
    fn from(stored: &StoredCredential) -> Self {
        let credential = Credential {
            id: stored.id.clone(),
            kind: stored.kind.clone(),
            user_label: stored.label.clone(),
            created_date: stored.created_at.0.saturating_mul(1000),
        };
        Self { credential }
    }
}

/// The types that a sign-in here knows: name, category, and the texts that Keycloak's pages have for them
const KINDS: [(&str, &str, &str, &str); 3] = [
    ("password", "basic-authentication", "password-display-name", "password-help-text"),
    ("otp", "two-factor", "otp-display-name", "otp-help-text"),
    (passkey::KIND, "passwordless", "webauthn-passwordless-display-name", "webauthn-passwordless-help-text"),
];

/// `GET account/credentials`; `type` names one type, `user-credentials=false` leaves her own out
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount, Role::ViewProfile])?;
    let with_own = query.flag("user-credentials").unwrap_or(true);
    let stored = app.store.read(|tx| store::user::people::credentials(tx, &caller.user.id))?;
    let wanted = KINDS.into_iter().filter(|(kind, ..)| query.get("type").is_none_or(|only| only == *kind));
    let containers: Vec<_> = wanted
        .map(|(kind, category, display_name, helptext)| Container {
            kind,
            category,
            display_name,
            helptext,
            create_action: (kind == passkey::KIND).then_some(passkey::REGISTER),
            removeable: kind == passkey::KIND,
            user_credential_metadatas: with_own
                .then(|| stored.iter().filter(|one| one.kind == kind).map(Metadata::from).collect()),
        })
        .collect();
    Ok(json(StatusCode::OK, Family::Api, &containers))
}

/// The credential that a path names
#[derive(Debug, serde::Deserialize)]
pub(super) struct Place {
    id: String,
}

/// `DELETE account/credentials/{id}`: a passkey of her own; somebody else's is as good as none
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount])?;
    let stored = app.store.read(|tx| store::user::people::credentials(tx, &caller.user.id))?;
    let missing = || ApiError::bare(StatusCode::NOT_FOUND, "Credential not found");
    let found = stored.iter().find(|one| one.id == place.id).ok_or_else(missing)?;
    if found.kind != passkey::KIND {
        let text = format!("Credential type {} cannot be removed", found.kind);
        return Err(ApiError::bare(StatusCode::BAD_REQUEST, text));
    }
    let by = caller.clone();
    let removed = app
        .store
        .write(move |tx| {
            let removed = store::passkey::remove(tx, &by.user.id, &place.id)?;
            if removed {
                store::audit::record(tx, &by.event("passkey.remove"))?;
            }
            Ok(removed)
        })
        .await?;
    if removed { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(missing()) }
}
