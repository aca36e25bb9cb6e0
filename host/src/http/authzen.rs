//! The `AuthZEN` Authorization API 1.0: what policies and shares would permit, for whoever a resource server names
//! (`keycloak-wire` §15).
//!
//! A question becomes the one that the UMA grant asks with `response_mode=decision`; nothing is issued, spent or
//! stored by it.

mod caller;
mod entity;
pub(in crate::http) mod evaluation;
mod judge;
mod metadata;
mod search;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequest, Request},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Map, Value};

use super::{
    Routes as _,
    extract::{Json, Represents},
};
use crate::{app::App, error::ApiError};

/// Where the endpoints are below an issuer
const ACCESS: &str = "authzen/access/v1";
pub(super) fn routes() -> Router<Arc<App>> {
    let at = |name: &str| format!("/realms/{{realm}}/{ACCESS}/{name}");
    Router::new()
        .at(&at("evaluation"), post(evaluation::one))
        .at(&at("evaluations"), post(evaluation::several))
        .at(&at("search/subject"), post(search::subjects))
        .at(&at("search/resource"), post(search::resources))
        .at(&at("search/action"), post(search::actions))
        .at("/realms/{realm}/.well-known/authzen-configuration", get(metadata::keycloaks))
        .at("/.well-known/authzen-configuration/realms/{realm}/authzen", get(metadata::standard))
}

/// An object of a request: members that nobody knows are passed over (AZ-10.1.1-01)
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
struct Document(Map<String, Value>);

impl Represents for Document {
    const CLASS: &'static str = "EvaluationRequest";
}

impl<S: Sync> FromRequest<S> for Document {
    type Rejection = ApiError;

    /// A body of another type is as bad as one that is no object (AZ-10.1-02)
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<Self>::from_request(request, state).await {
            Ok(Json(document)) => Ok(document),
            Err(error) if error.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Err(ApiError::invalid_request("The request body must be of type application/json"))
            }
            Err(error) => Err(error),
        }
    }
}
