//! Answers that all calls of administrators have in common (`admin-surface` §2).

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::super::{Family, json};
use crate::{error::ApiError, http::extract::Query, representation::WrongMember, store::StoreError};

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

/// Part of a list: `first` and `max`, where `-1` for either is no limit
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// So many are passed over
    pub first: i64,
    /// At most so many; negative for all
    pub max: i64,
}

impl Page {
    /// What a query asks for; `usual` is the number where it says nothing
    pub fn of(query: &Query, usual: Option<i64>) -> Result<Self, ApiError> {
        let first = query.number("first")?.unwrap_or(0).max(0);
        let max = query.number("max")?.or(usual).unwrap_or(-1).max(-1);
        Ok(Self { first, max })
    }

    /// As the store takes it
    pub const fn pair(self) -> (i64, i64) {
        (self.first, self.max)
    }

    /// This part of a list that is in memory
    pub fn cut<T>(self, all: impl IntoIterator<Item = T>) -> Vec<T> {
        let first = usize::try_from(self.first).unwrap_or(usize::MAX);
        let max = usize::try_from(self.max).unwrap_or(usize::MAX);
        all.into_iter().skip(first).take(max).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Page {
        Page::of(&Query::parse(query).unwrap(), Some(100)).unwrap()
    }

    #[test]
    fn minus_one_is_no_limit() {
        assert_eq!(page("first=-1&max=-1"), Page { first: 0, max: -1 });
        assert_eq!(page(""), Page { first: 0, max: 100 });
        assert_eq!(page("first=2&max=1").cut(0..9), [2]);
        assert_eq!(page("max=-1").cut(0..3), [0, 1, 2]);
        assert!(page("max=0").cut(0..3).is_empty());
    }
}
