//! `/health` and `/ready`, for whoever watches this server.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::json;

use super::{Family, json};
use crate::{app::App, error::ApiError};

/// `GET /health`: the process answers, and says which decision component it runs
pub async fn health(State(app): State<Arc<App>>) -> Response {
    let pdp = json!({ "sha256": app.pdp.sha256().to_string(), "origin": app.pdp.origin().to_string() });
    json(StatusCode::OK, Family::WellKnown, &json!({ "status": "UP", "pdp": pdp }))
}

/// `GET /ready`: the store answers too
pub async fn ready(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    app.store.read(|tx| crate::store::realm::names(tx).map(drop))?;
    Ok(json(StatusCode::OK, Family::WellKnown, &json!({ "status": "UP" })))
}
