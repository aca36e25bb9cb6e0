//! `/metrics`, for Prometheus.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{extract::ClientAddress, observe::is_near};
use crate::{app::App, error::ApiError, metrics::Exposure};

/// `GET /metrics`: everything that is counted (`OpenMetrics` 1.0)
pub async fn show(
    State(app): State<Arc<App>>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    const KIND: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    match app.exposure {
        Exposure::Off => return Err(ApiError::not_found()),
        Exposure::Local if !is_near(address, &headers) => return Err(ApiError::plain(StatusCode::FORBIDDEN)),
        Exposure::Local | Exposure::All => {}
    }
    let text = app.metrics.text().map_err(|_| ApiError::server_error())?;
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, KIND);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
