//! Answers that all calls of administrators have in common (`admin-surface` §2).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::super::{Family, json};
use crate::{
    error::ApiError,
    http::extract::Query,
    representation::WrongMember,
    store::{Part, StoreError},
};

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

/// The part of a list that a query asks for: `first` and `max`, where `-1` for either is no limit, and `after`, which is
/// ours; `usual` is the number where it says nothing
pub fn part(query: &Query, usual: Option<i64>) -> Result<Part<'_>, ApiError> {
    let first = query.number("first")?.unwrap_or(0).max(0);
    let max = query.number("max")?.or(usual).unwrap_or(-1).max(-1);
    Ok(Part { first, max, after: query.get("after") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_is_no_limit() {
        for (query, first, max, after) in [
            ("first=-1&max=-1", 0, -1, None),
            ("", 0, 100, None),
            ("first=2&max=0", 2, 0, None),
            ("after=x&max=5", 0, 5, Some("x")),
        ] {
            let query = Query::parse(query).unwrap();
            assert_eq!(part(&query, Some(100)).unwrap(), Part { first, max, after });
        }
        assert!(part(&Query::parse("max=x").unwrap(), None).is_err());
    }
}
