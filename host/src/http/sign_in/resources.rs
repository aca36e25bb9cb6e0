//! The files that pages link to, all in this program: one style sheet and four scripts.

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use crate::{error::ApiError, sign_in::fingerprint};

/// The look of every page
pub const STYLE: &str = "sign-in.css";
/// Sends a form by itself; without it there is a button
pub const FORM_POST: &str = "form-post.js";
/// Tells an app whether its user is still signed in
pub const STATUS: &str = "login-status.js";
/// Tells an app whether this browser lets its frame have cookies
pub const COOKIES: &str = "third-party-cookies.js";

/// Asks the browser for a passkey; without it there is the password
pub const PASSKEY: &str = "passkey.js";

const FILES: [(&str, &str, &str); 5] = [
    (STYLE, "text/css; charset=utf-8", include_str!("resources/sign-in.css")),
    (FORM_POST, "text/javascript; charset=utf-8", include_str!("resources/form-post.js")),
    (STATUS, "text/javascript; charset=utf-8", include_str!("resources/login-status.js")),
    (PASSKEY, "text/javascript; charset=utf-8", include_str!("resources/passkey.js")),
    (COOKIES, "text/javascript; charset=utf-8", include_str!("resources/third-party-cookies.js")),
];

fn find(name: &str) -> Option<(&'static str, &'static str)> {
    FILES.iter().find(|(file, ..)| *file == name).map(|(_, kind, text)| (*kind, *text))
}

/// Address of a file below a base; another content has another address
pub fn url(base: &str, name: &str) -> String {
    let version: String = find(name)
        .map(|(_, text)| fingerprint(text.as_bytes()))
        .unwrap_or_default()
        .chars()
        .take(8)
        .collect();
    format!("{base}/resources/{name}?{version}")
}

/// `GET /resources/{file}`
pub async fn show(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some((kind, text)) = find(&name) else { return ApiError::not_found().into_response() };
    let tag = format!("\"{}\"", fingerprint(text.as_bytes()));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { text.into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
