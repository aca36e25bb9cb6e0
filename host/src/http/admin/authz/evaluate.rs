use axum::response::Response;
pub(super) async fn evaluate() -> Result<Response, crate::error::ApiError> {
    Err(crate::error::ApiError::not_found())
}
