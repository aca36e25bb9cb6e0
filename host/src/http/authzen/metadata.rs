//! Where the endpoints are (AuthZEN §9).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Map, Value};

use super::ACCESS;
use crate::{
    app::App,
    http::{Family, extract::InRealm, json},
};

/// `GET /.well-known/authzen-configuration/realms/{realm}/authzen`: where the specification looks (§9.2)
pub(super) async fn standard(State(_): State<Arc<App>>, place: InRealm) -> Response {
    document(&place, format!("{}/authzen", place.issuer))
}

/// `GET /realms/{realm}/.well-known/authzen-configuration`: where Keycloak has it (`keycloak-wire` §15)
pub(super) async fn keycloaks(State(_): State<Arc<App>>, place: InRealm) -> Response {
    document(&place, place.issuer.clone())
}

fn document(place: &InRealm, decision_point: String) -> Response {
    let endpoints = [
        ("access_evaluation_endpoint", "evaluation"),
        ("access_evaluations_endpoint", "evaluations"),
        ("search_subject_endpoint", "search/subject"),
        ("search_resource_endpoint", "search/resource"),
        ("search_action_endpoint", "search/action"),
    ];
    let mut members: Map<String, Value> = endpoints
        .into_iter()
        .map(|(name, path)| (name.to_owned(), format!("{}/{ACCESS}/{path}", place.issuer).into()))
        .collect();
    members.insert("policy_decision_point".to_owned(), decision_point.into());
    json(StatusCode::OK, Family::WellKnown, &members)
}
