//! ID tokens, userinfo and discovery (OpenID Connect Core §2, §5.3, RFC 6750 §3; wire §1.2, §1.4).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::{
    jwk::Jwks,
    time::UnixTime,
    token::{Expect, UnverifiedToken},
};
use countersign_tests::{
    forge::{self, claims, part},
    http::{Answer, Request},
    realm::{Realm, password, secret},
    signer::now,
    world::World,
};
use serde_json::{Value, json};

/// A sign-in of alice with more scopes
fn sign_in(world: &World, client: &str, scope: &str) -> Answer {
    let (password, secret) = (password("alice"), secret(client));
    let mut form = vec![("grant_type", "password"), ("username", "alice"), ("password", &*password)];
    form.extend([("client_id", client), ("scope", scope)]);
    if client != "reader" {
        form.push(("client_secret", &*secret));
    }
    world.post_token().form(&form).send()
}

fn userinfo(world: &World, method: &str) -> Request {
    world.request(method, "protocol/openid-connect/userinfo")
}

/// Signed by a key that the realm publishes
fn is_published(world: &World, token: &str, typ: &'static str) {
    let certs = world.request("GET", "protocol/openid-connect/certs").send().expect(200);
    let keys = Jwks::parse(&certs.body).unwrap();
    let expect = Expect::named(&world.issuer(), typ);
    let pending = UnverifiedToken::parse(token, &keys, &expect, UnixTime(now())).unwrap();
    _ = pending.verify_with(&countersign::keys::Verifier).unwrap();
}

#[test]
fn an_id_token_says_who_signed_in_and_to_which_token_it_belongs() {
    let world = World::of(
        &Realm::new("test")
            .client("backend", json!({ "attributes": { "id.token.signed.response.alg": "EdDSA" } })),
    );
    let plain = sign_in(&world, "reader", "email").expect(200).json();
    assert_eq!(plain.get("id_token"), None, "only openid brings one");
    for (client, alg) in [("reader", "RS256"), ("backend", "EdDSA")] {
        let answer = sign_in(&world, client, "openid").expect(200);
        assert_eq!(answer.json()["scope"], "openid email profile");
        let (id, access) = (answer.member("id_token"), answer.member("access_token"));
        is_published(&world, &id, "ID");
        assert_eq!(part(&id, 0)["alg"], alg);
        let (says, access_says) = (claims(&id), claims(&access));
        for name in ["iss", "sub", "sid", "exp", "azp", "email", "name", "preferred_username", "acr"] {
            assert_eq!(says[name], access_says[name], "{name}");
        }
        assert_eq!(
            (&says["typ"], &says["aud"], &says["azp"]),
            (&json!("ID"), &json!(client), &json!(client))
        );
        let hash = says["at_hash"].as_str().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(hash).unwrap().len(), if alg == "EdDSA" { 32 } else { 16 });
        for name in ["realm_access", "resource_access", "allowed-origins", "scope", "nonce", "auth_time"] {
            assert_eq!(says.get(name), None, "{name}");
        }
    }
}

#[test]
fn userinfo_says_what_the_scopes_of_the_token_allow() {
    let world = World::new();
    let token = sign_in(&world, "reader", "openid").expect(200).member("access_token");
    for method in ["GET", "POST"] {
        let answer = userinfo(&world, method).bearer(&token).send().expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let want = json!({
            "sub": claims(&token)["sub"], "preferred_username": "alice", "name": "alice Test",
            "given_name": "alice", "family_name": "Test", "email": "alice@test.example", "email_verified": true,
        });
        assert_eq!(answer.json(), want);
    }
    // A form may carry it (RFC 6750 §2.2), and a site that the client names may read the answer.
    let answer = userinfo(&world, "POST")
        .header("origin", "https://app.example")
        .form(&[("access_token", &token)])
        .send()
        .expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    let answer = userinfo(&world, "GET").header("origin", "https://evil.example").bearer(&token).send();
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[test]
fn userinfo_is_signed_for_clients_that_want_it_so() {
    for name in ["user.info.response.signature.alg", "userinfo.signed.response.alg"] {
        let attributes = json!({ "attributes": { name: "ES256" } });
        let world = World::of(&Realm::new("test").client("backend", attributes));
        let token = sign_in(&world, "backend", "openid").expect(200).member("access_token");
        let answer = userinfo(&world, "GET").bearer(&token).send().expect(200);
        assert_eq!(answer.header("content-type"), Some("application/jwt"));
        let jwt = answer.text();
        assert_eq!(part(&jwt, 0)["alg"], "ES256");
        let says = claims(&jwt);
        assert_eq!((&says["iss"], &says["aud"]), (&json!(world.issuer()), &json!("backend")));
        assert_eq!(says["sub"], claims(&token)["sub"]);
        assert_eq!(says["email"], "alice@test.example");
    }
}

/// RFC 6750 §3.1, RFC6750-2-01, RFC6750-3-02
#[test]
fn userinfo_refuses_with_a_challenge_and_an_empty_body() {
    let realm = Realm::new("test").set("privateKey", json!(forge::private_key()));
    let world = World::of(&realm);
    let answer = sign_in(&world, "reader", "openid").expect(200);
    let token = answer.member("access_token");
    let challenge = |answer: Answer, status: u16| {
        assert_eq!(answer.text(), "", "{answer}");
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
        answer.expect(status).header("www-authenticate").unwrap().to_owned()
    };
    for answer in [
        userinfo(&world, "GET").send(),
        userinfo(&world, "GET").basic("reader", "x").send(),
        userinfo(&world, "GET").header("authorization", "Bearer").send(),
    ] {
        assert_eq!(challenge(answer, 401), "Bearer realm=\"test\"", "no token, no error");
    }
    let refresh = answer.member("refresh_token");
    let id = answer.member("id_token");
    let expired = forge::changed(&token, |claims| claims["exp"] = (now() - 10).into());
    for token in [&*forge::tampered(&token), &refresh, &id, &expired, "garbage", "a.b.c"] {
        let text = challenge(userinfo(&world, "GET").bearer(token).send(), 401);
        assert!(text.contains("error=\"invalid_token\""), "{text}");
    }
    let without = sign_in(&world, "reader", "email").expect(200).member("access_token");
    let text = challenge(userinfo(&world, "GET").bearer(&without).send(), 403);
    assert!(text.contains("error=\"insufficient_scope\""), "{text}");
    let twice = userinfo(&world, "POST").bearer(&token).form(&[("access_token", &token)]).send();
    assert!(challenge(twice, 400).contains("error=\"invalid_request\""));
    let twice = userinfo(&world, "GET").bearer(&token).bearer(&token).send();
    assert!(challenge(twice, 400).contains("error=\"invalid_request\""));
    // In a URL it would be in every log.
    let in_query =
        world.request("GET", &format!("protocol/openid-connect/userinfo?access_token={token}")).send();
    assert_eq!(challenge(in_query, 401), "Bearer realm=\"test\"");
    _ = userinfo(&world, "DELETE").bearer(&token).send().expect(405);

    let form = [("client_id", "reader"), ("refresh_token", &*refresh)];
    _ = world.request("POST", "protocol/openid-connect/logout").form(&form).send().expect(204);
    let text = challenge(userinfo(&world, "GET").bearer(&token).send(), 401);
    assert!(text.contains("user_session_not_found"), "{text}");
}

/// wire §1.2
#[test]
fn discovery_has_keycloaks_keys_as_far_as_they_are_served() {
    const KEYS: &str = "issuer authorization_endpoint token_endpoint introspection_endpoint userinfo_endpoint \
        end_session_endpoint frontchannel_logout_session_supported frontchannel_logout_supported jwks_uri \
        check_session_iframe grant_types_supported acr_values_supported response_types_supported \
        subject_types_supported prompt_values_supported id_token_signing_alg_values_supported \
        userinfo_signing_alg_values_supported response_modes_supported token_endpoint_auth_methods_supported \
        token_endpoint_auth_signing_alg_values_supported introspection_endpoint_auth_methods_supported \
        introspection_endpoint_auth_signing_alg_values_supported claims_supported claim_types_supported \
        claims_parameter_supported scopes_supported request_parameter_supported request_uri_parameter_supported \
        require_request_uri_registration code_challenge_methods_supported \
        tls_client_certificate_bound_access_tokens dpop_signing_alg_values_supported revocation_endpoint \
        revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported \
        backchannel_logout_supported backchannel_logout_session_supported require_pushed_authorization_requests \
        authorization_response_iss_parameter_supported";
    let world = World::new();
    let document = world.request("GET", ".well-known/openid-configuration").send().expect(200).json();
    let mut want: Vec<_> = KEYS.split_whitespace().collect();
    want.sort_unstable();
    let mut got: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    got.sort_unstable();
    assert_eq!(got, want);
    assert_eq!(document["issuer"], world.issuer());
    for (name, path) in [
        ("token_endpoint", "token"),
        ("userinfo_endpoint", "userinfo"),
        ("revocation_endpoint", "revoke"),
        ("introspection_endpoint", "token/introspect"),
        ("end_session_endpoint", "logout"),
        ("authorization_endpoint", "auth"),
    ] {
        assert_eq!(document[name], world.url(&format!("protocol/openid-connect/{path}")), "{name}");
    }
    assert_eq!(document["response_modes_supported"], json!(["query", "fragment", "form_post"]));
    assert_eq!(document["code_challenge_methods_supported"], json!(["plain", "S256"]));
    for (name, list) in document.as_object().unwrap() {
        assert_ne!(list, &json!([]), "{name} (RFC 8414 §3.2)");
        if name.ends_with("_signing_alg_values_supported") {
            assert!(!list.as_array().unwrap().contains(&json!("none")), "{name} (RFC 8414 §2)");
        }
    }
}

/// Scripts of a site ask before they send a header of their own
#[test]
fn a_browser_may_ask_before_it_sends() {
    let world = World::new();
    for path in ["token", "userinfo", "revoke"] {
        let answer = world
            .request("OPTIONS", &format!("protocol/openid-connect/{path}"))
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST")
            .send()
            .expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
        let headers = answer.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("Authorization") && headers.contains("DPoP"), "{headers}");
    }
}

/// A token without openid, and one that a service account has
#[test]
fn a_service_account_has_an_id_token_and_userinfo_too() {
    let world = World::new();
    let form = [("grant_type", "client_credentials"), ("scope", "openid")];
    let answer = world.post_token().basic("robot", &secret("robot")).form(&form).send().expect(200);
    assert_eq!(claims(&answer.member("id_token"))["client_id"], "robot");
    let token = answer.member("access_token");
    let says: Value = userinfo(&world, "GET").bearer(&token).send().expect(200).json();
    assert_eq!(says["preferred_username"], "service-account-robot");
}
