//! Answers that all calls of administrators have in common (`admin-surface` §2).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::super::{Family, json};
use crate::{error::ApiError, representation::WrongMember, store::StoreError};

/// 201 with the URL of what was made, and no body
pub fn created(location: &str) -> Result<Response, ApiError> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::CREATED;
    let url = HeaderValue::from_str(location).map_err(|_| ApiError::server_error())?;
    response.headers_mut().insert(header::LOCATION, url);
    Ok(response)
}

/// 204
pub fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// 200 with one representation
pub fn one(body: &impl Serialize) -> Response {
    json(StatusCode::OK, Family::ApiList, body)
}

/// 200 with a list
pub fn list<T: Serialize>(body: &[T]) -> Response {
    json(StatusCode::OK, Family::ApiList, &body)
}

/// 404 in the words of what was looked for: `Could not find client`, `User not found`
pub fn missing(text: &'static str) -> ApiError {
    ApiError::bare(StatusCode::NOT_FOUND, text)
}

/// 409 of the plain API
pub fn conflict(text: impl Into<String>) -> ApiError {
    ApiError::message(StatusCode::CONFLICT, text.into())
}

/// 400 that names the member
pub fn wrong(error: &WrongMember) -> ApiError {
    refused(error.to_string())
}

/// What a change inside a transaction says of a member
pub fn in_store(error: &WrongMember) -> StoreError {
    StoreError::Refused(error.to_string())
}

/// 400 of the plain API
pub fn refused(text: impl Into<String>) -> ApiError {
    ApiError::message(StatusCode::BAD_REQUEST, text.into())
}

/// What the store says of a change, with the words of this noun where something is in the way or not there
pub fn or_else(error: StoreError, taken: impl FnOnce() -> String, missing_text: &'static str) -> ApiError {
    match error {
        StoreError::Conflict(_) => conflict(taken()),
        StoreError::Missing => missing(missing_text),
        StoreError::Refused(text) => refused(text),
        other @ (StoreError::Stale
        | StoreError::Denied
        | StoreError::ReadOnly
        | StoreError::Locked
        | StoreError::Corrupt(_)
        | StoreError::Full
        | StoreError::Unopened
        | StoreError::Foreign
        | StoreError::Newer { .. }
        | StoreError::Stopped
        | StoreError::Other(_)) => other.into(),
    }
}
