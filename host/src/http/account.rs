//! The account API: what people see and change of their own (`keycloak-wire` §10).
//!
//! Every path stands below `/realms/{realm}/account` and below `/realms/{realm}/account/v1`. The first is shared with
//! pages, so it answers in JSON only who asks for that.

pub(in crate::http) mod applications;
mod audit;
mod caller;
pub(in crate::http) mod credentials;
pub(in crate::http) mod groups;
mod page;
pub(in crate::http) mod permissions;
pub(in crate::http) mod profile;
pub(in crate::http) mod resources;
pub(in crate::http) mod sessions;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, delete, get},
};

use self::caller::Caller;
use super::{Routes as _, token::cors};
use crate::{app::App, error::ApiError};

/// Where the API is, the plain place last
const BASES: [&str; 2] = ["/realms/{realm}/account/v1", "/realms/{realm}/account"];
/// What a script may do
const METHODS: &str = "GET, POST, PUT, DELETE, OPTIONS";
/// What a script may read of an answer
const EXPOSED: HeaderValue = HeaderValue::from_static("Access-Control-Allow-Methods, Link");

pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let [versioned, plain] = BASES.map(|base| routes(app, base));
    versioned.merge(plain.route_layer(middleware::from_fn(for_programs)))
}

fn routes(app: &Arc<App>, base: &str) -> Router<Arc<App>> {
    let list: [(&str, MethodRouter<Arc<App>>); 17] = [
        ("", get(profile::read).post(profile::change)),
        ("/sessions", get(sessions::list).delete(sessions::end_all)),
        ("/sessions/{id}", delete(sessions::end)),
        ("/credentials", get(credentials::list)),
        ("/credentials/{id}", delete(credentials::remove)),
        ("/applications", get(applications::list)),
        (
            "/applications/{client}/consent",
            get(applications::consent)
                .post(applications::allow)
                .put(applications::allow)
                .delete(applications::revoke),
        ),
        ("/groups", get(groups::list)),
        ("/audit", get(audit::own)),
        ("/supportedLocales", get(profile::locales)),
        ("/resources", get(resources::owned)),
        ("/resources/shared-with-me", get(resources::shared_with_me)),
        ("/resources/shared-with-others", get(resources::shared_with_others)),
        ("/resources/pending-requests", get(resources::pending)),
        ("/resources/{id}", get(resources::read)),
        ("/resources/{id}/permissions", get(permissions::list).put(permissions::put)),
        ("/resources/{id}/permissions/requests", get(permissions::requests)),
    ];
    let mut router = Router::new().at(&format!("{base}/resources/{{id}}/user"), open(get(permissions::user)));
    for (path, methods) in list {
        router = router.at(&format!("{base}{path}"), open(methods));
    }
    router.route_layer(middleware::from_fn_with_state(Arc::clone(app), guarded))
}

/// Scripts ask beforehand what they may do
fn open(methods: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
    methods.options(|headers: HeaderMap| async move { cors::preflight_for(&headers, METHODS) })
}

/// Whoever comes with a good token is let in, and scripts of his client's sites see the answer
async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let origin = parts.headers.get(header::ORIGIN).cloned();
    let caller = match Caller::of(&mut parts, &app).await {
        Ok(caller) => Arc::new(caller),
        Err(refused) => return refused.into_response(),
    };
    parts.extensions.insert(Arc::clone(&caller));
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(origin) = origin
        && cors::is_site_of(&caller.client, &caller.base, origin.to_str().unwrap_or_default())
    {
        cors::allow(response.headers_mut(), origin);
        response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// Programs say that they want JSON; what browsers ask for is a page
async fn for_programs(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS || is_of_program(request.headers()) {
        return next.run(request).await;
    }
    ApiError::new(
        StatusCode::NOT_ACCEPTABLE,
        "HTTP 406 Not Acceptable",
        "This path answers in JSON: send `Accept: application/json`, or use the path below `account/v1`.",
    )
    .into_response()
}

fn is_of_program(headers: &HeaderMap) -> bool {
    [header::ACCEPT, header::CONTENT_TYPE].into_iter().any(|name| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let mut kinds = values.flat_map(|value| value.split(','));
        kinds.any(|kind| {
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        })
    })
}
