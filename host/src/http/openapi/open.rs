//! What anybody may ask: whether the server is well, and what clients and guards need to know of a realm.

use super::{
    document::{Document, Family},
    operation::{Body, get, object},
};

const SERVER: Family = Family {
    tag: "server",
    about: "Whether the server is well",
    security: &[],
    refuses: &[],
    refuses_bodies: &[],
    refuses_changes: &[],
};

const REALM: Family = Family {
    tag: "realm",
    about: "What a realm says of itself to everybody",
    security: &[],
    refuses: &[400, 403, 404, 503],
    refuses_bodies: &[],
    refuses_changes: &[],
};

pub(super) fn describe(document: &mut Document) {
    document.family(SERVER);
    document.family(REALM);
    document.at(SERVER, "/health", [get("Whether the process lives").shows(object("status pdp{}"))]);
    document.at(
        SERVER,
        "/ready",
        [get("Whether requests can be answered").shows(object("status")).refuses(&[503])],
    );
    let metrics = get("Counters in the format of Prometheus");
    document.at(
        SERVER,
        "/metrics",
        [metrics.shows(Body::Text(&["application/openmetrics-text"])).refuses(&[403, 404])],
    );
    document.at(SERVER, "/openapi.json", [get("This document").shows(object("openapi paths{}"))]);
    document.at(
        SERVER,
        "/resources/{file}",
        [get("Styles and scripts of the pages")
            .headers("if-none-match")
            .shows(Body::Text(&["text/css", "text/javascript"]))
            .gives(304, Body::Nothing)
            .refuses(&[404])],
    );
    let realm = "/realms/{realm}";
    let info = object("realm public_key token-service account-service tokens-not-before#");
    document.at(REALM, realm, [get("Name and key of a realm").shows(info)]);
    let uma = object(
        "issuer authorization_endpoint token_endpoint introspection_endpoint permission_endpoint \
                      resource_registration_endpoint policy_endpoint jwks_uri",
    );
    let openid = object(
        "issuer authorization_endpoint token_endpoint jwks_uri userinfo_endpoint \
                         response_types_supported[] grant_types_supported[] scopes_supported[]",
    );
    let authzen = || {
        object(
            "policy_decision_point access_evaluation_endpoint access_evaluations_endpoint \
                search_subject_endpoint search_resource_endpoint search_action_endpoint",
        )
    };
    for (path, what, shown) in [
        ("/realms/{realm}/.well-known/uma2-configuration", "Endpoints of UMA", uma),
        ("/realms/{realm}/.well-known/openid-configuration", "Endpoints of OpenID Connect", openid),
        (
            "/realms/{realm}/.well-known/authzen-configuration",
            "Endpoints of AuthZEN, at Keycloak's place",
            authzen(),
        ),
        ("/.well-known/authzen-configuration/realms/{realm}/authzen", "Endpoints of AuthZEN", authzen()),
    ] {
        document.at(REALM, path, [get(what).shows(shown)]);
    }
    document.at(
        REALM,
        "/realms/{realm}/protocol/openid-connect/certs",
        [get("Keys that tokens are signed with").shows(object("keys[]"))],
    );
    document.at(
        REALM,
        "/realms/{realm}/status-list",
        [get("Which tokens have been withdrawn, as a signed list")
            .query("time")
            .headers("if-none-match")
            .shows(Body::Text(&["application/statuslist+jwt"]))
            .gives(304, Body::Nothing)
            .refuses(&[501])],
    );
    document.at(
        REALM,
        "/realms/{realm}/status-changes",
        [get("Withdrawals as they happen, as a stream of events that does not end")
            .query("since#")
            .headers("last-event-id")
            .shows(Body::Text(&["text/event-stream"]))],
    );
}
