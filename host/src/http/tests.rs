use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use crate::{
    app::{App, IssuerPolicy},
    clock::Clock,
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
        let app = App::new(temp.store.clone(), clock, IssuerPolicy::Fixed(BASE.to_owned()));
        let app = Arc::new(app);
        Self { router: crate::app(Arc::clone(&app)), app, _temp: temp }
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
}

#[tokio::test]
async fn a_trailing_slash_changes_nothing() {
    let server = TestServer::new();
    for path in ["/health", "/health/", "/ready", "/ready/"] {
        assert_eq!(server.get(path).await.status, StatusCode::OK, "{path}");
    }
}
