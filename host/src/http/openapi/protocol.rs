//! OpenID Connect and OAuth: what clients ask themselves, and what browsers are sent to.

use serde_json::json;

use super::{
    document::{Document, Family},
    operation::{Body, get, object, open, post, written},
};

const CLIENTS: Family = Family {
    tag: "protocol",
    about: "OAuth 2.0, OpenID Connect and the UMA grant. A client authenticates with its secret, in the header or \
            in the form, with an assertion, or, if it is public, by its name alone",
    security: &["client"],
    refuses: &[400, 401, 403, 404, 408, 413, 429, 503],
    refuses_bodies: &[],
    refuses_changes: &[],
};

/// Refusals are pages here, but for those that come before there is a realm
const BROWSERS: Family = Family {
    tag: "browser",
    about: "Pages: sign-in, consent, sign-out",
    security: &[],
    refuses: &[408, 413, 429],
    refuses_bodies: &[],
    refuses_changes: &[],
};

const BASE: &str = "/realms/{realm}/protocol/openid-connect";
/// A page, or a refusal that comes before there is one
const PAGE: Body = Body::Text(&["text/html", "application/json"]);
/// How a client says who it is, in a form
const TOKEN: &str = "grant_type client_id client_secret client_assertion client_assertion_type scope code \
                     code_verifier redirect_uri refresh_token username password totp otp \
                     audience ticket claim_token claim_token_format rpt pct permission* \
                     permission_resource_format permission_resource_matching_uri response_mode \
                     response_include_resource_name response_permissions_limit submit_request \
                     subject_token subject_token_type requested_token_type actor_token actor_token_type resource \
                     subject_issuer requested_issuer requested_subject";
const AUTHORIZE: &str = "client_id redirect_uri response_type response_mode scope state nonce prompt max_age \
                         login_hint id_token_hint code_challenge code_challenge_method kc_action";
const LOGOUT: &str = "id_token_hint client_id post_logout_redirect_uri state";

pub(super) fn describe(document: &mut Document) {
    clients(document);
    browsers(document);
}

fn clients(document: &mut Document) {
    document.family(CLIENTS);
    let at = |name: &str| format!("{BASE}/{name}");
    let permission = json!({ "type": "object", "properties": {
        "rsid": { "type": "string" }, "rsname": { "type": "string" },
        "scopes": { "type": "array", "items": { "type": "string" } },
    } });
    let answer = json!({ "anyOf": [
        open("access_token token_type expires_in#"),
        open("result?"),
        { "type": "array", "items": permission },
    ] });
    document.at(
        CLIENTS,
        &at("token"),
        [post("Tokens, RPTs and decisions, by every grant")
            .headers("dpop")
            .takes(Body::Fields(TOKEN))
            .shows(written(answer))],
    );
    document.at(
        CLIENTS,
        &at("token/introspect"),
        [post("Whether a token is good, and what for")
            .takes(Body::Fields("token token_type_hint extended client_id client_secret client_assertion client_assertion_type"))
            .shows(object("active?"))],
    );
    document.at(
        CLIENTS,
        &at("revoke"),
        [post("Ends a token and what came with it")
            .takes(Body::Fields(
                "token token_type_hint client_id client_secret client_assertion client_assertion_type",
            ))
            // Without a body, or with an error where the token was good for nothing
            .shows(object("error error_description"))],
    );
    let shown = || Body::Text(&["application/json", "application/jwt"]);
    let refused = || Body::Text(&["text/plain", "application/json"]);
    let user = |operation: super::operation::Operation| {
        [400, 401, 403].into_iter().fold(operation.shows(shown()), |all, status| all.gives(status, refused()))
    };
    let family = Family { security: &["token"], ..CLIENTS };
    document.at(
        family,
        &at("userinfo"),
        [
            user(get("Who the user of a token is")),
            user(post("The same").may_take(Body::Fields("access_token"))),
        ],
    );
}

fn browsers(document: &mut Document) {
    document.family(BROWSERS);
    let at = |name: &str| format!("{BASE}/{name}");
    let page = |operation: super::operation::Operation| {
        [400, 401, 403, 404, 500, 503]
            .into_iter()
            .fold(operation.shows(PAGE).gives(302, Body::Nothing), |all, status| all.gives(status, PAGE))
    };
    document.at(
        BROWSERS,
        &at("auth"),
        [
            page(get("Begins a sign-in").query(AUTHORIZE)),
            page(post("The same").takes(Body::Fields(AUTHORIZE))),
        ],
    );
    let place = "session_code execution client_id tab_id";
    document.at(
        BROWSERS,
        "/realms/{realm}/login-actions/authenticate",
        [
            page(get("The step that a sign-in is at").query(place)),
            page(post("Answers that step").query(place).takes(Body::Fields(
                "username password rememberMe otp password-new password-confirm totp totpSecret accept cancel \
                 cancel-aia credentialId clientDataJSON authenticatorData signature userHandle attestationObject \
                 transports authenticatorLabel",
            ))),
        ],
    );
    document.at(
        BROWSERS,
        "/realms/{realm}/uma/claims",
        [page(
            get("Where a person says what a ticket needs (UMA Grant §3.3.2)")
                .query("client_id ticket claims_redirect_uri state"),
        )],
    );
    document.at(
        BROWSERS,
        "/realms/{realm}/uma/claims/form",
        [
            page(get("The form for that").query("interaction")),
            page(
                post("Answers it; only claims that the ticket needs count")
                    .query("interaction")
                    .takes(Body::Fields("session remember accept cancel")),
            ),
        ],
    );
    document.at(
        BROWSERS,
        &at("logout"),
        [
            page(get("Begins a sign-out").query(LOGOUT)),
            page(post("The same; with a refresh token, a client ends its user's sign-in").takes(
                Body::Fields(
                    "id_token_hint client_id client_secret refresh_token post_logout_redirect_uri state",
                ),
            ))
            .done(),
        ],
    );
    document.at(
        BROWSERS,
        &at("logout/logout-confirm"),
        [page(
            post("Confirms it")
                .query("session_code client_id tab_id")
                .may_take(Body::Fields("confirmLogout")),
        )],
    );
    let frame = |what| page(get(what));
    document.at(
        BROWSERS,
        &at("login-status-iframe.html"),
        [frame("Tells an app in a frame whether its user is still there")],
    );
    document.at(
        BROWSERS,
        &at("login-status-iframe.html/init"),
        [frame("Whether a site may ask that").query("client_id origin").done()],
    );
    document.at(BROWSERS, &at("3p-cookies/step1.html"), [frame("Whether frames of other sites see cookies")]);
    document.at(BROWSERS, &at("3p-cookies/step2.html"), [frame("The second step of that")]);
}
