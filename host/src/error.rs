//! Every refusal that leaves this server, in Keycloak's shapes.

use core::time::Duration;
use std::{
    borrow::Cow,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::store::StoreError;

/// A refusal: status, `error`, and `error_description` where the endpoint gives one (RFC 6749 §5.2).
///
/// Texts are fixed or name what the caller sent; sources are logged, never sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    error: Cow<'static, str>,
    description: Option<Cow<'static, str>>,
    shape: Shape,
    retry_after: Option<u64>,
    member: Option<Box<(&'static str, Value)>>,
    challenge: Option<&'static str>,
}

/// Which members the body has
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `error` and `error_description`
    OAuth,
    /// `errorMessage` alone, as administrators' endpoints have it
    Message,
    /// `field`, `errorMessage` and `params`: a value that the profile of people does not take
    Violation,
    /// No body
    Empty,
}

impl ApiError {
    /// `error` and `error_description`
    pub fn new(
        status: StatusCode,
        error: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { description: Some(description.into()), ..Self::bare(status, error) }
    }

    /// `error` alone
    pub fn bare(status: StatusCode, error: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            error: error.into(),
            description: None,
            shape: Shape::OAuth,
            retry_after: None,
            member: None,
            challenge: None,
        }
    }

    /// `errorMessage` alone, as the admin API answers
    pub fn message(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { shape: Shape::Message, ..Self::bare(status, message) }
    }

    /// 400 for a value that the profile of people does not take; `params` begin with the field
    pub fn violation(field: &str, message: &'static str, params: &[Value]) -> Self {
        let body = json!({ "field": field, "errorMessage": message, "params": params });
        Self { shape: Shape::Violation, ..Self::bare(StatusCode::BAD_REQUEST, body.to_string()) }
    }

    /// A [violation](Self::violation) as the first of a list, as the account API has it
    #[must_use]
    pub fn in_list(self) -> Self {
        if self.shape != Shape::Violation {
            return self;
        }
        Self { error: format!("{{\"errors\":[{}]}}", self.error).into(), ..self }
    }

    /// A status without a body
    pub fn empty(status: StatusCode) -> Self {
        Self { shape: Shape::Empty, ..Self::bare(status, "") }
    }

    /// 400 with `error` and `error_description`
    pub fn bad_request(
        error: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    /// 400 `invalid_request`
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request("invalid_request", description)
    }

    /// 400 `invalid_grant` (RFC 6749 §5.2)
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request("invalid_grant", description)
    }

    /// 401 with `error` and `error_description`
    pub fn unauthorized(
        error: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error, description)
    }

    /// 403 with `error` and `error_description`
    pub fn forbidden(error: impl Into<Cow<'static, str>>, description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, error, description)
    }

    /// A plain status: `{"error":"HTTP 404 Not Found"}`
    pub fn plain(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Unknown");
        Self::bare(status, format!("HTTP {} {reason}", status.as_u16()))
    }

    /// 404 for anything that is not there
    pub fn not_found() -> Self {
        Self::plain(StatusCode::NOT_FOUND)
    }

    /// 503: the engine or the store could not answer now; nothing was changed
    pub fn temporarily_unavailable() -> Self {
        Self {
            retry_after: Some(1),
            ..Self::bare(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
        }
    }

    /// 429: too many requests; come back in so many seconds
    pub fn too_many(seconds: u64) -> Self {
        let text = "Too many requests. Come back later.";
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", text);
        Self { retry_after: Some(seconds), ..error }
    }

    /// 500 for what should not happen; the cause is in the log
    pub fn server_error() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "unknown_error",
            "For more on this error consult the server log.",
        )
    }

    /// With a challenge, if it is a 401 (RFC 9110 §11.6.1)
    #[must_use]
    pub fn challenged(self, challenge: &'static str) -> Self {
        let challenge = (self.status == StatusCode::UNAUTHORIZED).then_some(challenge);
        Self { challenge, ..self }
    }

    /// With the time after which asking again makes sense, in seconds (RFC 9110 §10.2.3)
    #[must_use]
    pub fn retry_after(self, seconds: Option<u64>) -> Self {
        Self { retry_after: seconds, ..self }
    }

    /// With one member more in the body
    #[must_use]
    pub fn with_member(self, name: &'static str, value: Value) -> Self {
        Self { member: Some(Box::new((name, value))), ..self }
    }

    /// The status of the answer
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The `error` member
    pub fn error(&self) -> &str {
        &self.error
    }

    /// The `error_description` member
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::temporarily_unavailable(),
            StoreError::Missing => Self::not_found(),
            StoreError::Denied => Self::plain(StatusCode::FORBIDDEN),
            StoreError::Refused(text) => Self::invalid_request(text),
            StoreError::Conflict(text) => {
                tracing::debug!(store.error = %text, "a change conflicts with what is stored");
                Self::new(StatusCode::CONFLICT, "conflict", "Duplicate resource error")
            }
            StoreError::Locked | StoreError::Full | StoreError::ReadOnly | StoreError::Stopped => {
                log_seldom("store", &error);
                Self::temporarily_unavailable()
            }
            StoreError::Corrupt(_)
            | StoreError::Unopened
            | StoreError::Foreign
            | StoreError::Newer { .. }
            | StoreError::Other(_) => {
                log_seldom("store", &error);
                Self::server_error()
            }
        }
    }
}

/// Logs a failure of one kind at most once a second, with the number of those left out
pub fn log_seldom(kind: &'static str, error: &dyn core::fmt::Display) {
    static LAST: Mutex<Vec<(&'static str, Instant, u64)>> = Mutex::new(Vec::new());
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let left_out = match last.iter_mut().find(|(name, ..)| *name == kind) {
        Some((_, at, count)) if now.duration_since(*at) < Duration::from_secs(1) => {
            *count = count.saturating_add(1);
            return;
        }
        Some((_, at, count)) => {
            *at = now;
            core::mem::take(count)
        }
        None => {
            last.push((kind, now, 0));
            0
        }
    };
    drop(last);
    tracing::error!(failure.kind = kind, failure.left_out = left_out, "{error}");
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = match (self.shape, &self.description) {
            (Shape::Empty, _) => None,
            (Shape::Message, _) => Some(json!({ "errorMessage": self.error })),
            // Written when it was made.
            (Shape::Violation, _) => serde_json::from_str(&self.error).ok(),
            (Shape::OAuth, None) => Some(json!({ "error": self.error })),
            (Shape::OAuth, Some(text)) => Some(json!({ "error": self.error, "error_description": text })),
        };
        if let (Some(more), Some(members)) = (self.member, body.as_mut().and_then(Value::as_object_mut)) {
            let (name, value) = *more;
            members.insert(name.to_owned(), value);
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        if let Some(body) = body {
            *response.body_mut() = Body::from(body.to_string());
            insert(&mut response, header::CONTENT_TYPE, "application/json");
        }
        if let Some(challenge) = self.challenge {
            insert(&mut response, header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

fn insert(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_statuses_read_as_keycloaks() {
        assert_eq!(ApiError::not_found().error(), "HTTP 404 Not Found");
        assert_eq!(ApiError::plain(StatusCode::METHOD_NOT_ALLOWED).error(), "HTTP 405 Method Not Allowed");
        assert_eq!(ApiError::plain(StatusCode::UNAUTHORIZED).error(), "HTTP 401 Unauthorized");
    }

    #[test]
    fn a_stale_store_is_a_503_with_retry_after() {
        let response = ApiError::from(StoreError::Stale).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
    }
}
