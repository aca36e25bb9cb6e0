//! `GET /realms/{realm}` (wire §1.3).

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use countersign_core::jws::Alg;
use serde_json::json;

use super::{Family, extract::InRealm, json};
use crate::{app::App, error::ApiError};

/// What old Java, Node and PHP clients read before anything else
pub async fn show(State(app): State<Arc<App>>, place: InRealm) -> Result<Response, ApiError> {
    let ring = app.keys.with(&app.store, &place.realm, Alg::Rs256).await?;
    let mut response = json(
        StatusCode::OK,
        Family::ApiList,
        &json!({
            "realm": place.realm.name,
            "public_key": ring.public_der(),
            "token-service": format!("{}/protocol/openid-connect", place.issuer),
            "account-service": format!("{}/account", place.issuer),
            "tokens-not-before": place.realm.not_before,
        }),
    );
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}
