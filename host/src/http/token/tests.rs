use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    auth,
    http::tests::{Answer, TestServer},
};

const TOKEN: &str = "/realms/demo/protocol/openid-connect/token";
const ISSUER: &str = "https://as.example/realms/demo";
const APP: (&str, &str) = ("app", "app secret");
const API: (&str, &str) = ("api", "api-secret");

async fn server() -> TestServer {
    TestServer::with(json!({
        "realm": "demo",
        "enabled": true,
        "roles": { "realm": [{ "name": "reader" }], "client": { "api": [{ "name": "user" }] } },
        "groups": [{ "name": "staff", "subGroups": [{ "name": "night" }] }],
        "users": [
            {
                "username": "Alice", "enabled": true, "email": "alice@example.com", "firstName": "Alice",
                "lastName": "Owner", "credentials": [{ "type": "password", "value": "pass+wört" }],
                "realmRoles": ["reader"], "clientRoles": { "api": ["user"] }, "groups": ["/staff/night"],
                "attributes": { "team": ["red", "blue"] }
            },
            {
                "username": "mallory", "enabled": false,
                "credentials": [{ "type": "password", "value": "mallory" }]
            },
            {
                "username": "old", "enabled": true,
                "credentials": [{
                    "type": "password",
                    "secretData": "{\"value\":\"rk0Mla9rRtMtCt/5KPBt0CowP47zwlHf1uLYWpVHTEM=\",\"salt\":\"c2FsdA==\"}",
                    "credentialData": "{\"hashIterations\":2,\"algorithm\":\"pbkdf2-sha256\"}"
                }]
            }
        ],
        "clients": [
            {
                "clientId": "app", "enabled": true, "secret": "app secret", "directAccessGrantsEnabled": true,
                "webOrigins": ["+"], "redirectUris": ["https://app.example/*"],
                "protocolMappers": [
                    { "name": "team", "protocol": "openid-connect",
                      "protocolMapper": "oidc-usermodel-attribute-mapper",
                      "config": { "user.attribute": "team", "claim.name": "org.team", "multivalued": "true",
                                  "access.token.claim": "true" } },
                    { "name": "groups", "protocol": "openid-connect",
                      "protocolMapper": "oidc-group-membership-mapper",
                      "config": { "claim.name": "groups", "full.path": "true", "access.token.claim": "true" } },
                    { "name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
                      "config": { "included.client.audience": "closed", "access.token.claim": "true" } }
                ]
            },
            { "clientId": "api", "enabled": true, "secret": "api-secret", "serviceAccountsEnabled": true,
              "authorizationServicesEnabled": true,
              "attributes": { "access.token.signed.response.alg": "ES256" } },
            { "clientId": "spa", "enabled": true, "publicClient": true, "directAccessGrantsEnabled": true,
              "attributes": { "use.refresh.tokens": "false" } },
            { "clientId": "bearer", "enabled": true, "bearerOnly": true },
            { "clientId": "closed", "enabled": false, "secret": "x" }
        ]
    }))
    .await
}

async fn sign_in(server: &TestServer, login: &str, password: &str) -> Answer {
    server
        .form(TOKEN, Some(APP), &[("grant_type", "password"), ("username", login), ("password", password)])
        .await
}

fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), text("error"), text("error_description"))
}

fn is(answer: &Answer, status: u16, error: &str, description: &str) {
    assert_eq!(refusal(answer), (status, error.to_owned(), description.to_owned()));
}

#[tokio::test]
async fn a_password_gives_tokens_that_say_who_she_is() {
    let server = server().await;
    let answer = sign_in(&server, "alice", "pass+wört").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["refresh_expires_in"], 1800);
    assert_eq!(body["scope"], "email profile");
    let token = claims(&body["access_token"]);
    assert_eq!(token["iss"], ISSUER);
    assert_eq!(token["azp"], "app");
    assert_eq!(token["typ"], "Bearer");
    assert_eq!(token["aud"], "api", "a role makes the audience; a disabled client is left out (N37)");
    assert_eq!(token["sid"], body["session_state"]);
    assert_eq!(token["sid"].as_str().unwrap().len(), 24);
    assert!(token["jti"].as_str().unwrap().starts_with("onrtro:"));
    assert_eq!(token["realm_access"]["roles"], json!(["reader"]));
    assert_eq!(token["resource_access"], json!({ "api": { "roles": ["user"] } }));
    assert_eq!(token["allowed-origins"], json!(["https://app.example"]));
    assert_eq!(token["preferred_username"], "alice");
    assert_eq!(token["name"], "Alice Owner");
    assert_eq!(token["org"]["team"], json!(["red", "blue"]));
    assert_eq!(token["groups"], json!(["/staff/night"]));

    let realm = server.app.realm("demo").unwrap().unwrap();
    let verified =
        auth::verify_access_token(&server.app, &realm, ISSUER, body["access_token"].as_str().unwrap())
            .unwrap();
    assert_eq!(verified.user.username, "alice");
    let elsewhere = "https://other.example/realms/demo";
    auth::verify_access_token(&server.app, &realm, elsewhere, body["access_token"].as_str().unwrap())
        .unwrap_err();
    // An e-mail address works as well, in any case.
    assert_eq!(sign_in(&server, "ALICE@example.com", "pass+wört").await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_credentials_show_nothing_of_the_account() {
    let server = server().await;
    for (login, password) in [("alice", "wrong"), ("nobody", "x"), ("mallory", "wrong"), ("alice", "")] {
        let answer = sign_in(&server, login, password).await;
        is(&answer, 401, "invalid_grant", "Invalid user credentials");
    }
    is(&sign_in(&server, "mallory", "mallory").await, 400, "invalid_grant", "Account disabled");
    let form = [("grant_type", "password"), ("username", "alice"), ("password", "pass+wört")];
    let answer = server.form(TOKEN, Some(("app", "wrong")), &form).await;
    is(&answer, 401, "unauthorized_client", "Invalid client or Invalid client credentials");
    for id in ["nobody", "closed"] {
        let answer = server.form(TOKEN, Some((id, "x")), &form).await;
        is(&answer, 401, "invalid_client", "Invalid client or Invalid client credentials");
    }
    let answer = server.form(TOKEN, Some(("bearer", "x")), &form).await;
    is(&answer, 400, "invalid_client", "Bearer-only not allowed");
    let answer = server.form(TOKEN, Some(API), &form).await;
    is(&answer, 400, "unauthorized_client", "Client not allowed for direct access grants");
}

#[tokio::test]
async fn requests_are_refused_before_the_grant_in_keycloaks_words() {
    let server = server().await;
    is(&server.form(TOKEN, None, &[]).await, 400, "invalid_request", "Missing form parameter: grant_type");
    let answer = server.form(TOKEN, None, &[("grant_type", "magic")]).await;
    is(&answer, 400, "unsupported_grant_type", "Unsupported grant_type");
    let answer = server.form(TOKEN, None, &[("grant_type", "password"), ("a", "1"), ("a", "2")]).await;
    is(&answer, 400, "invalid_request", "duplicated parameter");
    let long = "x".repeat(20_001);
    let answer = server.form(TOKEN, None, &[("grant_type", "password"), ("subject_token", &long)]).await;
    let text = "The size of OIDC parameter 'subject_token' is longer than allowed.";
    is(&answer, 400, "invalid_request", text);
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", "pass+wört"),
        ("scope", "everything"),
    ];
    is(&server.form(TOKEN, Some(APP), &form).await, 400, "invalid_scope", "Invalid scopes: everything");
    assert_eq!(server.get(TOKEN).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_older_hash_is_renewed_at_the_first_sign_in() {
    let server = server().await;
    assert_eq!(sign_in(&server, "old", "password").await.status, StatusCode::OK);
    let realm = server.app.realm("demo").unwrap().unwrap();
    let stored = server.app.store.read(|tx| {
        let user = crate::store::user::by_username(tx, &realm.id, "old")?.unwrap();
        crate::store::user::password(tx, &user.id)
    });
    assert!(stored.unwrap().unwrap().credential_data.contains("argon2"));
    assert_eq!(sign_in(&server, "old", "password").await.status, StatusCode::OK);
    assert_eq!(sign_in(&server, "old", "passwort").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_service_account_gets_a_token_without_a_session() {
    let server = server().await;
    let answer = server.form(TOKEN, Some(API), &[("grant_type", "client_credentials")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body.get("refresh_token"), None);
    assert_eq!(body["refresh_expires_in"], 0);
    let token = claims(&body["access_token"]);
    assert!(token["jti"].as_str().unwrap().starts_with("trrtcc:"));
    assert_eq!(token.get("sid"), None);
    assert_eq!(token["client_id"], "api");
    assert_eq!(token["resource_access"]["api"]["roles"], json!(["uma_protection"]));
    let header = body["access_token"].as_str().unwrap().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header["alg"], "ES256", "the client's own algorithm");
    let form = [("grant_type", "client_credentials"), ("client_id", "spa")];
    let answer = server.form(TOKEN, None, &form).await;
    is(&answer, 401, "unauthorized_client", "Public client not allowed to retrieve service account");
    let answer = server.form(TOKEN, Some(APP), &[("grant_type", "client_credentials")]).await;
    is(&answer, 401, "unauthorized_client", "Client not enabled to retrieve service account");
}

#[tokio::test]
async fn a_refresh_lives_as_long_as_the_session_and_belongs_to_its_client() {
    let server = server().await;
    let first = sign_in(&server, "alice", "pass+wört").await.json();
    let refresh = first["refresh_token"].as_str().unwrap().to_owned();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let answer = server.form(TOKEN, Some(APP), &form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let again = answer.json();
    assert_eq!(again["session_state"], first["session_state"]);
    assert!(claims(&again["access_token"])["jti"].as_str().unwrap().starts_with("onrtrt:"));
    let answer = server.form(TOKEN, Some(API), &form).await;
    is(
        &answer,
        400,
        "invalid_grant",
        "Invalid refresh token. Token client and authorized client don't match",
    );
    for wrong in ["garbage", first["access_token"].as_str().unwrap()] {
        let form = [("grant_type", "refresh_token"), ("refresh_token", wrong)];
        is(&server.form(TOKEN, Some(APP), &form).await, 400, "invalid_grant", "Invalid refresh token");
    }
    let form_none = [("grant_type", "refresh_token")];
    is(&server.form(TOKEN, Some(APP), &form_none).await, 400, "invalid_request", "No refresh token");

    let now = server.app.clock.now();
    server.app.clock.set(now.plus(1_800));
    assert_eq!(server.form(TOKEN, Some(APP), &form).await.status, StatusCode::OK, "its last second");
    server.app.clock.set(now.plus(1_801));
    is(&server.form(TOKEN, Some(APP), &form).await, 400, "invalid_grant", "Token is not active");

    server.app.clock.set(now);
    let session = first["session_state"].as_str().unwrap().to_owned();
    server.app.store.write(move |tx| crate::store::session::end(tx, &session)).await.unwrap();
    is(&server.form(TOKEN, Some(APP), &form).await, 400, "invalid_grant", "Session not active");
}

#[tokio::test]
async fn tokens_die_with_their_time_their_session_their_user_and_their_client() {
    let server = server().await;
    let app = &server.app;
    let body = sign_in(&server, "alice", "pass+wört").await.json();
    let token = body["access_token"].as_str().unwrap().to_owned();
    let check = || {
        let realm = app.realm("demo").unwrap().unwrap();
        auth::verify_access_token(app, &realm, ISSUER, &token).map(|verified| verified.user.id)
    };
    check().unwrap();
    let now = app.clock.now();
    app.clock.set(now.plus(300));
    check().unwrap();
    app.clock.set(now.plus(301));
    assert!(check().unwrap_err().is_expired());
    app.clock.set(now);

    let change = |sql: &'static str| app.store.write(move |tx| Ok(tx.execute(sql, [])?));
    for (withdraw, restore) in [
        (
            "UPDATE user SET enabled = 0 WHERE username = 'alice'",
            "UPDATE user SET enabled = 1 WHERE username = 'alice'",
        ),
        (
            "UPDATE client SET enabled = 0 WHERE client_id = 'app'",
            "UPDATE client SET enabled = 1 WHERE client_id = 'app'",
        ),
        (
            "UPDATE realm SET not_before = 1800000000, version = version + 1",
            "UPDATE realm SET not_before = 0, version = version + 1",
        ),
        ("UPDATE user SET not_before = 1800000000", "UPDATE user SET not_before = 0"),
        ("UPDATE client SET not_before = 1800000000", "UPDATE client SET not_before = 0"),
    ] {
        change(withdraw).await.unwrap();
        check().unwrap_err();
        change(restore).await.unwrap();
        check().unwrap();
    }
    let session = body["session_state"].as_str().unwrap().to_owned();
    app.store.write(move |tx| crate::store::session::end(tx, &session)).await.unwrap();
    check().unwrap_err();
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let server = server().await;
    let body = sign_in(&server, "alice", "pass+wört").await.json();
    let token = body["access_token"].as_str().unwrap();
    let realm = server.app.realm("demo").unwrap().unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let mut forged = claims(&body["access_token"]);
    forged["sub"] = "somebody-else".into();
    let forged = URL_SAFE_NO_PAD.encode(forged.to_string());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for token in [
        format!("{header}.{forged}.{signature}"),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        body["refresh_token"].as_str().unwrap().to_owned(),
        String::new(),
    ] {
        auth::verify_access_token(&server.app, &realm, ISSUER, &token).unwrap_err();
    }
    // Another realm has other keys, and another issuer.
    assert_eq!(server.app.realm("other").unwrap().map(|realm| realm.name.clone()), None);
}

#[tokio::test]
async fn a_client_without_refresh_tokens_gets_none() {
    let server = server().await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "spa"),
        ("username", "alice"),
        ("password", "pass+wört"),
        ("scope", "openid"),
    ];
    let body = server.form(TOKEN, None, &form).await.json();
    assert_eq!(body.get("refresh_token"), None);
    assert_eq!(body["refresh_expires_in"], 0);
    assert_eq!(body["scope"], "openid email profile");
}
