//! Well-known documents: what a client finds out by itself (OIDC Discovery §4, Grant §2; wire §1.1, §1.2).
//!
//! They have Keycloak's keys as far as these mean something here; what is not served is not advertised.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Map, Value, json};

use super::{Family, extract::InRealm, json, token};
use crate::{app::App, status};

/// `GET …/.well-known/uma2-configuration`
pub async fn uma(State(_): State<Arc<App>>, place: InRealm, headers: HeaderMap) -> Response {
    let mut document = common(&place);
    let protection = format!("{}/authz/protection", place_base(&place));
    let mut set = |name: &str, value: String| document.insert(name.to_owned(), value.into());
    set("resource_registration_endpoint", format!("{protection}/resource_set"));
    set("permission_endpoint", format!("{protection}/permission"));
    set("policy_endpoint", format!("{protection}/uma-policy"));
    set("status_list_uri", status::list_uri(&place.issuer));
    set("status_stream_uri", status::stream_uri(&place.issuer));
    answer(&document, &headers)
}

/// `GET …/.well-known/openid-configuration`
pub async fn openid(State(_): State<Arc<App>>, place: InRealm, headers: HeaderMap) -> Response {
    let mut document = common(&place);
    let mut set = |name: &str, value: Value| document.insert(name.to_owned(), value);
    set("subject_types_supported", json!(["public"]));
    set("id_token_signing_alg_values_supported", json!(["RS256", "ES256", "EdDSA"]));
    set("acr_values_supported", json!(["0", "1"]));
    set("claim_types_supported", json!(["normal"]));
    set("claims_parameter_supported", false.into());
    set(
        "claims_supported",
        json!([
            "aud",
            "sub",
            "iss",
            "name",
            "given_name",
            "family_name",
            "preferred_username",
            "email",
            "acr",
            "azp"
        ]),
    );
    set(
        "introspection_endpoint_auth_methods_supported",
        json!(["client_secret_basic", "client_secret_post"]),
    );
    set("request_parameter_supported", false.into());
    set("request_uri_parameter_supported", false.into());
    set("require_request_uri_registration", false.into());
    answer(&document, &headers)
}

/// Where back ends call: the base that the request used, also where people see another one (`frontendUrl`)
fn place_base(place: &InRealm) -> String {
    format!("{}/realms/{}", place.base, place.realm.name)
}

fn common(place: &InRealm) -> Map<String, Value> {
    let base = format!("{}/protocol/openid-connect", place_base(place));
    let scopes: Vec<_> = ["openid"]
        .into_iter()
        .chain(place.realm.settings.default_default_client_scopes.iter().map(String::as_str))
        .chain(place.realm.settings.default_optional_client_scopes.iter().map(String::as_str))
        .collect();
    let document = json!({
        "issuer": place.issuer,
        "token_endpoint": format!("{base}/token"),
        "introspection_endpoint": format!("{base}/token/introspect"),
        "jwks_uri": format!("{base}/certs"),
        "grant_types_supported": token::GRANT_TYPES,
        "response_types_supported": [],
        "response_modes_supported": [],
        "scopes_supported": scopes,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
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
