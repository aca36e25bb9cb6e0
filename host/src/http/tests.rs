pub(crate) mod stage;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    app::{App, IssuerPolicy},
    clock::Clock,
    import::{self, document::RealmFile},
    keys::MasterKey,
    pdp::{Pdp, PdpSource},
    store::tests::TempStore,
};
use countersign_core::time::UnixTime;

pub(crate) const BASE: &str = "https://as.example";

/// A server on a database of its own, asked without a network
pub(crate) struct TestServer {
    pub(crate) app: Arc<App>,
    router: Router,
    _temp: TempStore,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl TestServer {
    pub(crate) fn new() -> Self {
        let temp = TempStore::new();
        let clock = Clock::manual(UnixTime(1_790_000_000));
        let issuers = IssuerPolicy::Fixed(BASE.to_owned());
        let pdp = Pdp::new(PdpSource::Embedded).unwrap();
        let master = Arc::new(MasterKey::from_text(&STANDARD.encode([7; 32]), "a test").unwrap());
        let app = Arc::new(App::new(temp.store.clone(), clock, issuers, pdp, master));
        Self { router: crate::app(Arc::clone(&app)), app, _temp: temp }
    }

    /// With one realm, as a file of an import describes it
    pub(crate) async fn with(realm: serde_json::Value) -> Self {
        let server = Self::new();
        let file: RealmFile = serde_json::from_value(realm).unwrap();
        let app = &server.app;
        import::document(&app.store, app.keys.master(), file, None, &app.scripts, app.clock.now())
            .await
            .unwrap();
        server
    }

    /// Sends a form, with credentials of a client or without
    pub(crate) async fn form(
        &self,
        path: &str,
        basic: Option<(&str, &str)>,
        form: &[(&str, &str)],
    ) -> Answer {
        let encode = |text: &str| {
            text.bytes()
                .flat_map(|byte| format!("%{byte:02x}").into_bytes())
                .map(char::from)
                .collect::<String>()
        };
        let pairs = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
        if let Some((id, secret)) = basic {
            let credentials = STANDARD.encode(format!("{id}:{secret}"));
            request = request.header("authorization", format!("Basic {credentials}"));
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = TowerToHyperService::new(self.router.clone()).call(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_as_keycloaks() {
    let server = TestServer::new();
    let answer = server.get("/nothing").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.body, r#"{"error":"HTTP 404 Not Found"}"#);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
    assert_eq!(answer.header("x-robots-tag"), "none");

    let answer = server.get("/realms/x/authz/protection/nothing").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.body, r#"{"error":"HTTP 405 Method Not Allowed"}"#);

    let request = Request::builder().method(Method::DELETE).uri("/health").body(Body::empty()).unwrap();
    let answer = server.send(request).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.body, r#"{"error":"HTTP 405 Method Not Allowed"}"#);

    let answer = server.get("/realms/nobody").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.body, r#"{"error":"Realm does not exist"}"#);
}

#[tokio::test]
async fn a_realm_tells_what_clients_need_to_know() {
    let server =
        TestServer::with(serde_json::json!({ "realm": "demo", "enabled": true, "clients": [] })).await;
    let base = "https://as.example/realms/demo";
    let document = server.get("/realms/demo/.well-known/uma2-configuration/").await;
    assert_eq!(document.header("content-type"), "application/json");
    assert_eq!(document.header("cache-control"), "no-cache, must-revalidate, no-transform, no-store");
    let document = document.json();
    assert_eq!(document["issuer"], base);
    assert_eq!(document["permission_endpoint"], format!("{base}/authz/protection/permission"));
    let openid = server.get("/realms/demo/.well-known/openid-configuration").await.json();
    assert_eq!(openid["token_endpoint"], format!("{base}/protocol/openid-connect/token"));

    let keys = server.get("/realms/demo/protocol/openid-connect/certs").await.json();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "the key of tickets is never published");
    assert_eq!(keys[0]["alg"], "RS256");
    assert_eq!(keys[0].as_object().unwrap().get("d"), None);
    let info = server.get("/realms/demo").await;
    assert_eq!(info.header("access-control-allow-origin"), "*");
    assert_eq!(info.json()["token-service"], format!("{base}/protocol/openid-connect"));
    assert!(info.json()["public_key"].as_str().unwrap().starts_with("MIIB"));
    assert_eq!(server.get("/realms/demo/.well-known/other").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_realm_that_is_switched_off_answers_nobody() {
    let server =
        TestServer::with(serde_json::json!({ "realm": "off", "enabled": false, "clients": [] })).await;
    let answer = server.get("/realms/off/.well-known/uma2-configuration").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["error_description"], "Realm not enabled");
}

#[tokio::test]
async fn a_trailing_slash_changes_nothing() {
    let server = TestServer::new();
    for path in ["/health", "/health/", "/ready", "/ready/"] {
        assert_eq!(server.get(path).await.status, StatusCode::OK, "{path}");
    }
}

/// Every path with its methods, as the router has them, but for `HEAD`, preflights and slashes at the end
fn endpoints(served: &Router) -> Vec<String> {
    let text = format!("{served:?}");
    let routes = text.split("fallback_router").next().unwrap();
    let (routes, paths) = routes.split_once("Node { paths: {").unwrap();
    let methods: std::collections::HashMap<&str, Vec<&str>> = routes
        .split("RouteId(")
        .skip(1)
        .map(|route| {
            let (id, rest) = route.split_once(')').unwrap();
            let allowed = rest.split_once("allow_header: Bytes(b\"").unwrap().1.split_once('"').unwrap().0;
            let mut methods: Vec<_> =
                allowed.split(',').filter(|method| !matches!(*method, "HEAD" | "OPTIONS")).collect();
            methods.sort_unstable();
            (id, methods)
        })
        .collect();
    let mut lines: Vec<_> = paths
        .split("RouteId(")
        .skip(1)
        .map(|path| {
            let (id, rest) = path.split_once(')').unwrap();
            (methods[id].join(","), rest.split('"').nth(1).unwrap().to_owned())
        })
        .filter(|(_, path)| !path.ends_with('/'))
        .map(|(methods, path)| format!("{path} {methods}"))
        .collect();
    lines.sort_unstable();
    lines
}

/// The list is what the end-to-end tests go by: each of its lines is tried with ids of others
#[test]
fn the_list_of_endpoints_is_that_of_the_router() {
    let found = endpoints(&TestServer::new().router).join("\n");
    let listed = include_str!("../../../tests/endpoints.txt").trim_end();
    assert!(found.lines().count() > 100, "{found}");
    assert!(found == listed, "`tests/endpoints.txt` should be:\n{found}");
}
