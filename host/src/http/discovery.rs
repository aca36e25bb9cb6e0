//! Well-known documents: what a client finds out by itself (OIDC Discovery §4, Grant §2; wire §1.1, §1.2).
//!
//! They have Keycloak's keys as far as these mean something here; what is not served is not advertised.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use countersign_core::dpop;
use serde_json::{Map, Value, json};

use super::{Family, extract::InRealm, gathering, json, token};
use crate::{app::App, auth::client::ASSERTIONS, realm::Dialect, status};

/// `GET …/.well-known/uma2-configuration`
pub async fn uma(State(_): State<Arc<App>>, place: InRealm, headers: HeaderMap) -> Response {
    let mut document = common(&place);
    let protection = format!("{}/authz/protection", place.issuer);
    let mut set = |name: &str, value: String| document.insert(name.to_owned(), value.into());
    set("resource_registration_endpoint", format!("{protection}/resource_set"));
    set("permission_endpoint", format!("{protection}/permission"));
    set("policy_endpoint", format!("{protection}/uma-policy"));
    set("status_list_uri", status::list_uri(&place.issuer));
    set("status_stream_uri", status::stream_uri(&place.issuer));
    if place.realm.uma.dialect == Dialect::Uma2 {
        // PATs (FED-5.1-01), and the format of claim tokens as the one extension (Grant §4)
        let methods: Vec<_> = METHODS.iter().copied().chain(["Bearer"]).collect();
        document.insert("introspection_endpoint_auth_methods_supported".to_owned(), json!(methods));
        document.insert("claims_interaction_endpoint".to_owned(), gathering::endpoint(&place).into());
        document.insert("uma_profiles_supported".to_owned(), json!([token::uma_ticket::ID_TOKEN_FORMAT]));
    }
    answer(&document, &headers)
}

/// `GET …/.well-known/openid-configuration`
pub async fn openid(State(_): State<Arc<App>>, place: InRealm, headers: HeaderMap) -> Response {
    let mut document = common(&place);
    let own = openid_members(&place);
    if let Value::Object(members) = own {
        document.extend(members);
    }
    answer(&document, &headers)
}

/// What OpenID Connect adds (OIDC Discovery §3, RFC 8414 §2, RFC 9449 §5.1, RFC 9207 §3)
fn openid_members(place: &InRealm) -> Value {
    json!({
        "userinfo_endpoint": place.endpoint("userinfo"),
        "end_session_endpoint": place.endpoint("logout"),
        "check_session_iframe": place.endpoint("login-status-iframe.html"),
        "revocation_endpoint": place.endpoint("revoke"),
        "frontchannel_logout_supported": false,
        "frontchannel_logout_session_supported": false,
        "backchannel_logout_supported": false,
        "backchannel_logout_session_supported": false,
        "subject_types_supported": ["public"],
        "prompt_values_supported": ["none", "login", "consent"],
        "acr_values_supported": ["0", "1"],
        "id_token_signing_alg_values_supported": SIGNING,
        "userinfo_signing_alg_values_supported": SIGNING,
        "token_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
        "introspection_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTIONS,
        "dpop_signing_alg_values_supported": dpop::ALGS.split(' ').collect::<Vec<_>>(),
        "claims_supported": [
            "aud", "sub", "iss", "auth_time", "name", "given_name", "family_name", "preferred_username", "email",
            "acr", "azp", "nonce",
        ],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_request_uri_registration": false,
        "require_pushed_authorization_requests": false,
        "tls_client_certificate_bound_access_tokens": false,
        "authorization_response_iss_parameter_supported": true,
    })
}

/// Algorithms that keys are made for
const SIGNING: &[&str] = &["RS256", "ES256", "EdDSA"];
/// How clients prove who they are
const METHODS: &[&str] =
    &["private_key_jwt", "client_secret_basic", "client_secret_post", "client_secret_jwt"];

fn common(place: &InRealm) -> Map<String, Value> {
    let scopes: Vec<_> = ["openid"]
        .into_iter()
        .chain(place.realm.settings.default_default_client_scopes.iter().map(String::as_str))
        .chain(place.realm.settings.default_optional_client_scopes.iter().map(String::as_str))
        .collect();
    let document = json!({
        "issuer": place.issuer,
        "authorization_endpoint": format!("{}/protocol/openid-connect/auth", place.issuer),
        "token_endpoint": place.endpoint("token"),
        "introspection_endpoint": place.endpoint("token/introspect"),
        "jwks_uri": place.endpoint("certs"),
        "grant_types_supported": token::GRANT_TYPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "scopes_supported": scopes,
        "token_endpoint_auth_methods_supported": METHODS,
    });
    if let Value::Object(members) = document { members } else { Map::new() }
}

/// Scripts of any origin may read a public document (wire §1.1)
fn answer(document: &Map<String, Value>, headers: &HeaderMap) -> Response {
    let mut response = json(StatusCode::OK, Family::WellKnown, document);
    if let Some(origin) = headers.get(header::ORIGIN) {
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        answer.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    response
}
