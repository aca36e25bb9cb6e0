//! Answers of the authorization endpoint to the client, by way of the browser (RFC 6749 §4.1.2, RFC 9207 §2).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{super::extract::InRealm, pages};
use crate::{
    error::{ApiError, log_seldom},
    percent,
    sign_in::{
        Token,
        request::{Refusal, ResponseMode, ReturnTo},
    },
};

/// The code, in Keycloak's order: it must not come first (wire §1.4)
///
/// `action` is what the client asked the user to do, and what came of it.
pub fn granted(
    place: &InRealm,
    to: &ReturnTo,
    session: &str,
    action: Option<(&str, &str)>,
    code: &Token,
) -> Response {
    let mut parameters = Vec::new();
    parameters.extend(to.state.as_deref().map(|state| ("state", state)));
    if let Some((action, status)) = action {
        parameters.extend([("kc_action_status", status), ("kc_action", action)]);
    }
    parameters.extend([("session_state", session), ("iss", &place.issuer), ("code", code.reveal())]);
    send(place, to, &parameters)
}

/// A refusal
pub fn refused(place: &InRealm, to: &ReturnTo, refusal: &Refusal) -> Response {
    let mut parameters = vec![("error", refusal.error)];
    if !refusal.description.is_empty() {
        parameters.push(("error_description", &refusal.description));
    }
    parameters.extend(to.state.as_deref().map(|state| ("state", state)));
    parameters.push(("iss", &place.issuer));
    send(place, to, &parameters)
}

fn send(place: &InRealm, to: &ReturnTo, parameters: &[(&str, &str)]) -> Response {
    match to.mode {
        ResponseMode::Query => redirect(&with_query(&to.redirect_uri, parameters)),
        ResponseMode::Fragment => redirect(&format!("{}#{}", to.redirect_uri, query(parameters))),
        ResponseMode::Here => redirect(&to.redirect_uri),
        ResponseMode::FormPost => pages::form_post(place, &to.redirect_uri, parameters),
    }
}

/// A URL with parameters behind those that it has
pub fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    let sign = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{url}{sign}{}", query(parameters))
}

/// Sends the browser on, by 302 as Keycloak does; never by 307, which would send a password on (RFC 9700 §4.12)
pub fn redirect(url: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else {
        log_seldom("redirect", &"an address cannot be put into a header");
        return ApiError::server_error().into_response();
    };
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, must-revalidate, max-age=0"));
    response
}

fn query(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", percent::parameter(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TRAP-OAUTH-18
    #[test]
    fn a_value_stays_in_its_parameter() {
        let url = with_query("https://app.example/cb?x=1", &[("state", "a&code=b\r\nSet-Cookie: c#é")]);
        assert_eq!(url, "https://app.example/cb?x=1&state=a%26code%3Db%0D%0ASet-Cookie%3A%20c%23%C3%A9");
        assert_eq!(with_query("https://app.example/cb?", &[("a", "b")]), "https://app.example/cb?a=b");
        assert_eq!(with_query("app:/cb", &[("a", "b"), ("c", "d")]), "app:/cb?a=b&c=d");
        assert_eq!(redirect("https://app.example/\r\nx: y").status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
