//! Scripts of which sites may use the token endpoint (wire §6.1): those that the client names.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::super::extract::{Form, InRealm};
use crate::{
    app::App,
    auth,
    error::ApiError,
    realm::{Client, ClientSettings},
    store,
};

/// The origin to answer with, if one was sent and the client is known; a site that the client does not name is
/// refused before anything is done
pub(crate) fn origin(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Option<HeaderValue>, ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(None) };
    let Some(client) = client(app, place, headers, form)? else { return Ok(None) };
    let text = origin.to_str().unwrap_or_default();
    // The pages of this server ask here too.
    if text == place.base || allows(&client.settings, text) {
        return Ok(Some(origin.clone()));
    }
    Err(ApiError::bare(StatusCode::FORBIDDEN, "Invalid origin"))
}

/// What a script of that site may see
pub(crate) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    const EXPOSED: HeaderValue = HeaderValue::from_static("Access-Control-Allow-Methods");
    let set: [(HeaderName, HeaderValue); 4] = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED),
        (header::VARY, HeaderValue::from_static("Origin")),
    ];
    for (name, value) in set {
        headers.insert(name, value);
    }
}

/// What a browser asks before it lets a script send more than a form; the answer gives nothing away, for the call
/// itself is still refused to sites that the client does not name
pub(crate) async fn preflight(headers: HeaderMap) -> Response {
    preflight_for(&headers, "GET, POST, OPTIONS")
}

/// The same for an endpoint with these methods
pub(in crate::http) fn preflight_for(headers: &HeaderMap, methods: &'static str) -> Response {
    let mut response = StatusCode::OK.into_response();
    if let Some(origin) = headers.get(header::ORIGIN) {
        let answer = response.headers_mut();
        allow(answer, origin.clone());
        let set = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "Origin, Accept, X-Requested-With, Content-Type, Authorization, DPoP",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "3600"),
        ];
        for (name, value) in set {
            answer.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// The client that asks: of a bearer token only once its signature was checked (CVE-2026-37977)
fn client(app: &App, place: &InRealm, headers: &HeaderMap, form: &Form) -> Result<Option<Client>, ApiError> {
    let bearer = auth::bearer(headers).ok().flatten();
    let named = match bearer {
        Some(token) => match auth::verify_signature(app, &place.realm, &place.issuer, token) {
            Ok(token) => token.claims().azp.as_ref().map(ToString::to_string),
            Err(refused) => {
                refused.or_inactive()?;
                None
            }
        },
        None => auth::named_client(headers, form),
    };
    let Some(named) = named else { return Ok(None) };
    Ok(app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, &named))?)
}

/// Whether scripts of that site are the client's, or this server's own
pub(in crate::http) fn is_site_of(client: &Client, base: &str, origin: &str) -> bool {
    origin == base || allows(&client.settings, origin)
}

/// `webOrigins`: an origin, `*` for all, `+` for those of the redirect URIs
pub(crate) fn allows(settings: &ClientSettings, origin: &str) -> bool {
    settings.web_origins.iter().any(|allowed| match allowed.as_str() {
        "*" => true,
        "+" => settings.redirect_uris.iter().any(|uri| origin_of(uri) == Some(origin)),
        allowed => allowed.trim_end_matches('/') == origin,
    })
}

/// Scheme, host and port of a URL
fn origin_of(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let host = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    uri.get(..scheme.len().checked_add("://".len())?.checked_add(host)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(origins: &[&str], redirects: &[&str]) -> ClientSettings {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        ClientSettings {
            web_origins: owned(origins),
            redirect_uris: owned(redirects),
            ..ClientSettings::default()
        }
    }

    #[test]
    fn only_named_sites_are_allowed() {
        let app = "https://app.example";
        assert!(allows(&settings(&[app], &[]), app));
        assert!(allows(&settings(&["*"], &[]), app));
        assert!(allows(&settings(&["+"], &["https://app.example/back?x"]), app));
        assert!(allows(&settings(&["+"], &["https://app.example"]), app));
        for (origins, redirects) in [
            (&[][..], &["https://app.example/"][..]),
            (&["+"], &["https://app.example.evil/", "https://app.example:444/", "*", "/back"]),
            (&["https://app.example.evil", "http://app.example", "null"], &[]),
        ] {
            assert!(!allows(&settings(origins, redirects), app), "{origins:?} {redirects:?}");
        }
    }
}
