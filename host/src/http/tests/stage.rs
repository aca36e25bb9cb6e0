//! A realm whose clock can be set: Alice owns, Bob asks.

use axum::{
    body::Body,
    http::{Method, Request},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::time::UnixTime;
use serde_json::{Value, json};

use super::{Answer, TestServer};
use crate::http::token::uma_ticket::GRANT_TYPE;

/// When the clock of a stage begins
pub(crate) const START: u64 = 1_790_000_000;
const DOCUMENTS: (&str, &str) = ("documents", "documents-secret");

/// Alice owns what `documents` protects, Bob reads through `reader`
pub(crate) struct Stage(pub(crate) TestServer);

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::of(json!({})).await
    }

    pub(crate) async fn of(attributes: Value) -> Self {
        let user = |name: &str| {
            json!({
                "username": name, "enabled": true,
                "credentials": [{ "type": "password", "value": name }],
                "clientRoles": { "documents": ["uma_protection"] },
            })
        };
        let realm = json!({
            "realm": "demo", "enabled": true, "attributes": attributes,
            "roles": { "client": { "documents": [{ "name": "uma_protection" }] } },
            "users": [user("alice"), user("bob")],
            "clients": [
                { "clientId": "documents", "enabled": true, "secret": DOCUMENTS.1, "directAccessGrantsEnabled": true,
                  "serviceAccountsEnabled": true, "authorizationServicesEnabled": true,
                  "authorizationSettings": {
                      "allowRemoteResourceManagement": true, "policyEnforcementMode": "ENFORCING",
                      "scopes": [{ "name": "read" }, { "name": "write" }] } },
                { "clientId": "reader", "enabled": true, "publicClient": true, "directAccessGrantsEnabled": true },
            ],
        });
        Self(TestServer::with(realm).await)
    }

    pub(crate) fn set(&self, seconds: u64) {
        self.0.app.clock.set(UnixTime(START).plus(seconds));
    }

    pub(crate) async fn token(&self, client: &str, user: &str) -> String {
        let mut form = vec![("grant_type", "password"), ("username", user), ("password", user)];
        form.push(("client_id", client));
        if client == DOCUMENTS.0 {
            form.push(("client_secret", DOCUMENTS.1));
        }
        member(&self.post(&form, None).await, "access_token")
    }

    pub(crate) async fn pat(&self) -> String {
        member(&self.post(&[("grant_type", "client_credentials")], Some(DOCUMENTS)).await, "access_token")
    }

    pub(crate) async fn post(&self, form: &[(&str, &str)], basic: Option<(&str, &str)>) -> Answer {
        self.0.form("/realms/demo/protocol/openid-connect/token", basic, form).await
    }

    pub(crate) async fn protection(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/realms/demo/authz/protection/{path}"))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.0.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn register(&self, name: &str) -> String {
        let body = json!({
            "name": name, "owner": "alice", "ownerManagedAccess": true, "resource_scopes": ["read", "write"],
        });
        member(&self.protection(Method::POST, "resource_set", &self.pat().await, Some(body)).await, "_id")
    }

    pub(crate) async fn share(&self, resource: &str, scope: &str, end: Option<u64>) -> Answer {
        let body = json!({
            "resource": resource, "scopeName": scope, "requesterName": "bob", "granted": true,
            "expires_at": end.map(|seconds| UnixTime(START).plus(seconds)),
        });
        self.protection(Method::POST, "permission/ticket", &self.pat().await, Some(body)).await
    }

    pub(crate) async fn ticket(&self, resource: &str) -> String {
        let body = json!([{ "resource_id": resource, "resource_scopes": ["read"] }]);
        member(&self.protection(Method::POST, "permission", &self.pat().await, Some(body)).await, "ticket")
    }

    /// The UMA grant by Bob's token
    pub(crate) async fn uma(&self, token: &str, form: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![("grant_type", GRANT_TYPE)];
        pairs.extend(form);
        let escape =
            |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        let encoded = pairs.iter().map(|(name, value)| format!("{name}={}", escape(value)));
        let encoded = encoded.collect::<Vec<_>>().join("&");
        let request = Request::builder()
            .method(Method::POST)
            .uri("/realms/demo/protocol/openid-connect/token")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.0.send(request.body(Body::from(encoded)).unwrap()).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "reader")];
        self.post(&form, None).await
    }

    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let path = "/realms/demo/protocol/openid-connect/token/introspect";
        self.0.form(path, Some(DOCUMENTS), &[("token", token)]).await.json()
    }
}

pub(crate) fn member(answer: &Answer, name: &str) -> String {
    let body = answer.json();
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned()
}

pub(crate) fn error(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

pub(crate) fn permissions(rpt: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(rpt.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["authorization"]["permissions"].clone()
}
