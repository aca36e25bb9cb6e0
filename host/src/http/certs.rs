//! The public keys of a realm (RFC 7517 §5; wire §1.3).

use std::sync::Arc;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{Family, extract::InRealm, labelled};
use crate::{app::App, error::ApiError, issue::realm_alg};

/// `GET …/protocol/openid-connect/certs`
pub async fn show(State(app): State<Arc<App>>, place: InRealm) -> Result<Response, ApiError> {
    // A guard that starts before the first token finds the key already.
    let ring = app.keys.with(&app.store, &place.realm, realm_alg(&place.realm)).await?;
    Ok(labelled(StatusCode::OK, Family::WellKnown, ring.document().to_vec()).into_response())
}
