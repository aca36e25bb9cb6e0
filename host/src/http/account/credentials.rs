//! How a person shows who she is: which credentials she has, and none of their secrets.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;

use super::caller::{Person, Role};
use crate::{
    app::App,
    error::ApiError,
    http::{Family, extract::Query, json},
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
    created_date: u64,
}

impl From<&StoredCredential> for Metadata {
    fn from(stored: &StoredCredential) -> Self {
        let credential = Credential {
            id: stored.id.clone(),
            kind: stored.kind.clone(),
            created_date: stored.created_at.0.saturating_mul(1000),
        };
        Self { credential }
    }
}

/// The types that a sign-in here knows: name, category, and the texts that Keycloak's pages have for them
const KINDS: [(&str, &str, &str, &str); 2] = [
    ("password", "basic-authentication", "password-display-name", "password-help-text"),
    ("otp", "two-factor", "otp-display-name", "otp-help-text"),
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
            removeable: false,
            user_credential_metadatas: with_own
                .then(|| stored.iter().filter(|one| one.kind == kind).map(Metadata::from).collect()),
        })
        .collect();
    Ok(json(StatusCode::OK, Family::Api, &containers))
}
