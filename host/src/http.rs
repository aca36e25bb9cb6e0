//! The HTTP face: which path is answered by whom, and what every answer has in common.

pub mod account;
pub mod admin;
pub mod authzen;
pub mod certs;
pub mod discovery;
pub mod expiry;
pub mod extract;
pub mod gathering;
pub mod health;
pub mod introspect;
pub mod limit;
pub mod logout;
pub mod metrics;
pub mod observe;
pub mod openapi;
pub mod permission;
pub mod protection;
pub mod realm_info;
pub mod resource_set;
pub mod revoke;
pub mod serve;
pub mod sign_in;
pub mod status;
pub mod stored_ticket;
pub mod token;
pub mod uma_policy;
pub mod unread;
pub mod userinfo;

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Bytes,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, delete, get, post},
};
use serde::Serialize;

use crate::{app::App, error::ApiError};

/// Longest body of a request, in bytes
pub const BODY_BYTES: usize = 2 * 1024 * 1024;

/// Routes with and without a trailing slash, as Keycloak takes them (wire §0.4)
pub trait Routes {
    /// Answers `path` and `path/`
    #[must_use]
    fn at(self, path: &str, methods: MethodRouter<Arc<App>>) -> Self;
}

impl Routes for Router<Arc<App>> {
    fn at(self, path: &str, methods: MethodRouter<Arc<App>>) -> Self {
        self.route(path, methods.clone()).route(&format!("{path}/"), methods)
    }
}

/// Everything that this server answers
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .at("/health", get(health::health))
        .at("/metrics", get(metrics::show))
        .at("/openapi.json", get(openapi::show))
        .at("/ready", get(health::ready))
        .at("/realms/{realm}", get(realm_info::show))
        .at("/realms/{realm}/.well-known/uma2-configuration", get(discovery::uma))
        .at("/realms/{realm}/.well-known/openid-configuration", get(discovery::openid))
        .at("/realms/{realm}/status-list", get(status::list))
        .at("/realms/{realm}/status-changes", get(status::changes))
        .merge(protocol().route_layer(middleware::from_fn_with_state(Arc::clone(&app), limit::limit)))
        .merge(sign_in::routes().route_layer(middleware::from_fn_with_state(Arc::clone(&app), limit::limit)))
        .merge(
            gathering::routes().route_layer(middleware::from_fn_with_state(Arc::clone(&app), limit::limit)),
        )
        .merge(protection_api())
        .merge(account::router(&app))
        .merge(authzen::routes())
        .merge(admin::router())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

fn protocol() -> Router<Arc<App>> {
    const BASE: &str = "/realms/{realm}/protocol/openid-connect";
    Router::new()
        .at(&format!("{BASE}/certs"), get(certs::show))
        .at(&format!("{BASE}/revoke"), post(revoke::revoke).options(token::cors::preflight))
        .at(&format!("{BASE}/token"), post(token::token).options(token::cors::preflight))
        .at(&format!("{BASE}/token/introspect"), post(introspect::introspect))
        .at(
            &format!("{BASE}/userinfo"),
            get(userinfo::show).post(userinfo::show).options(token::cors::preflight),
        )
}

fn protection_api() -> Router<Arc<App>> {
    const BASE: &str = "/realms/{realm}/authz/protection";
    let resource = get(resource_set::read).put(resource_set::replace).delete(resource_set::delete);
    let tickets = get(stored_ticket::list).post(stored_ticket::create).put(stored_ticket::update);
    let policy =
        get(uma_policy::read).post(uma_policy::create).put(uma_policy::replace).delete(uma_policy::delete);
    Router::new()
        .at(&format!("{BASE}/resource_set"), get(resource_set::list).post(resource_set::create))
        .at(&format!("{BASE}/resource_set/{{id}}"), resource)
        .at(&format!("{BASE}/permission"), post(permission::issue))
        .at(&format!("{BASE}/permission/ticket"), tickets)
        .at(&format!("{BASE}/permission/ticket/count"), get(stored_ticket::count))
        .at(&format!("{BASE}/permission/ticket/{{id}}"), delete(stored_ticket::delete))
        .at(
            &format!("{BASE}/uma-policy"),
            get(uma_policy::list).route_layer(Extension(protection::ByAudience)),
        )
        .at(&format!("{BASE}/uma-policy/{{id}}"), policy.route_layer(Extension(protection::ByAudience)))
}

/// Unknown paths below the protection API answer as Keycloak's: 405 (wire §0.2)
async fn unknown(request: Request) -> ApiError {
    let path = request.uri().path();
    if path == "/admin" || path.starts_with("/admin/") {
        admin::not_supported(path)
    } else if path.starts_with("/realms/") && path.contains("/authz/") {
        ApiError::plain(StatusCode::METHOD_NOT_ALLOWED)
    } else {
        ApiError::not_found()
    }
}

async fn wrong_method() -> ApiError {
    ApiError::plain(StatusCode::METHOD_NOT_ALLOWED)
}

/// Marks a page that other sites may show in a frame
#[derive(Debug, Clone, Copy)]
struct AnyFrame;

/// On every answer (wire §0.4); a page may be stricter about frames
fn common_headers(mut response: Response) -> Response {
    const COMMON: [(HeaderName, HeaderValue); 5] = [
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("none")),
    ];
    let any_frame = response.extensions().get::<AnyFrame>().is_some();
    let headers = response.headers_mut();
    for (name, value) in COMMON {
        headers.entry(name).or_insert(value);
    }
    if any_frame {
        headers.remove(header::X_FRAME_OPTIONS);
    }
    response
}

/// How an endpoint's successes are labelled (wire §0.4)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Token endpoint: `application/json`, not stored
    Token,
    /// Introspection: `application/json`, not reused
    Introspection,
    /// Well-known documents: `application/json`, not reused
    WellKnown,
    /// Protection, account and admin API: `application/json;charset=UTF-8`
    Api,
    /// The same for lists, which are not reused
    ApiList,
}

/// A JSON answer, labelled as its family is
pub fn json(status: StatusCode, family: Family, body: &impl Serialize) -> Response {
    if let Ok(bytes) = serde_json::to_vec(body) {
        labelled(status, family, bytes)
    } else {
        crate::error::log_seldom("render", &"an answer could not be written as JSON");
        ApiError::server_error().into_response()
    }
}

/// JSON that is written already, labelled as its family is
pub fn labelled(status: StatusCode, family: Family, bytes: Vec<u8>) -> Response {
    let mut response = Bytes::from(bytes).into_response();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = match family {
        Family::Token | Family::Introspection | Family::WellKnown => "application/json",
        Family::Api | Family::ApiList => "application/json;charset=UTF-8",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let cache = match family {
        Family::Token => Some("no-store"),
        Family::Introspection | Family::ApiList => Some("no-cache"),
        Family::WellKnown => Some("no-cache, must-revalidate, no-transform, no-store"),
        Family::Api => None,
    };
    if let Some(cache) = cache {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    }
    if family == Family::Token {
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    }
    response
}

#[cfg(test)]
pub(crate) mod tests;
