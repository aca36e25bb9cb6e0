//! 429 for those who ask too often (design D11).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::extract::ClientAddress;
use crate::{app::App, error::ApiError, limit::TooMany};

/// Lets a request in, unless its address has asked or failed too often
pub async fn limit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let ClientAddress(address) = request.extensions().get().copied().unwrap_or_default();
    match app.limits.arrive(address) {
        Ok(()) => next.run(request).await,
        Err(TooMany(seconds)) => {
            app.metrics.limited("address");
            ApiError::too_many(seconds).into_response()
        }
    }
}
