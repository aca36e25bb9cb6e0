//! Refresh as the realm says, and how long sign-ins last (RFC 6749 §6, RFC 9700 §4.14.2; wire §6.11, §12).

use countersign_tests::{
    forge::claims,
    http::Answer,
    realm::{Realm, password, secret},
    world::World,
};
use serde_json::{Value, json};

fn refresh(world: &World, client: &str, token: &str, scope: Option<&str>) -> Answer {
    let secret = secret(client);
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client)];
    if client != "reader" {
        form.push(("client_secret", &secret));
    }
    form.extend(scope.map(|scope| ("scope", scope)));
    world.post_token().form(&form).send()
}

fn sign_in(world: &World, client: &str, user: &str, scope: &str) -> Answer {
    let (password, secret) = (password(user), secret(client));
    let mut form = vec![("grant_type", "password"), ("username", user), ("password", &*password)];
    form.extend([("client_id", client), ("scope", scope)]);
    if client != "reader" {
        form.push(("client_secret", &*secret));
    }
    world.post_token().form(&form).send()
}

/// GRANT-12 for ordinary tokens: the default
#[test]
fn a_refresh_token_may_be_used_again_unless_the_realm_says_otherwise() {
    let world = World::new();
    let first = world.sign_in("reader", "alice").member("refresh_token");
    for _ in 0..3 {
        let answer = refresh(&world, "reader", &first, None).expect(200);
        assert_eq!(claims(&answer.member("refresh_token"))["typ"], "Refresh");
    }
}

/// TRAP-OAUTH-12
#[test]
fn a_refresh_token_that_is_used_up_takes_all_of_its_clients_tokens_along() {
    let realm = Realm::new("test").set("revokeRefreshToken", json!(true));
    let world = World::of(&realm);
    let userinfo =
        |token: &str| world.request("GET", "protocol/openid-connect/userinfo").bearer(token).send().status;
    let first = sign_in(&world, "reader", "alice", "openid").expect(200);
    let second = refresh(&world, "reader", &first.member("refresh_token"), None).expect(200);
    let third = refresh(&world, "reader", &second.member("refresh_token"), None).expect(200);
    assert_eq!(userinfo(&third.member("access_token")), 200);
    let elsewhere = sign_in(&world, "backend", "alice", "openid").expect(200);

    let text = "Maximum allowed refresh token reuse exceeded";
    refresh(&world, "reader", &first.member("refresh_token"), None).refused(400, "invalid_grant", text);
    // Whoever has the newest one is out as well: nobody knows which of the two is the thief.
    let answer = refresh(&world, "reader", &third.member("refresh_token"), None);
    answer.refused(400, "invalid_grant", "Session not active");
    assert_eq!(userinfo(&third.member("access_token")), 401);
    assert_eq!(userinfo(&elsewhere.member("access_token")), 200, "another sign-in goes on");
}

#[test]
fn a_realm_may_allow_some_reuse() {
    let realm =
        Realm::new("test").set("revokeRefreshToken", json!(true)).set("refreshTokenMaxReuse", json!(2));
    let world = World::of(&realm);
    let token = world.sign_in("reader", "alice").member("refresh_token");
    for _ in 0..3 {
        _ = refresh(&world, "reader", &token, None).expect(200);
    }
    let text = "Maximum allowed refresh token reuse exceeded";
    refresh(&world, "reader", &token, None).refused(400, "invalid_grant", text);
}

/// The refresh token of an RPT is used up in the same way
#[test]
fn reuse_of_an_rpts_refresh_token_is_seen_too() {
    let world = World::of(&Realm::new("test").set("revokeRefreshToken", json!(true)));
    let id = world.document("report");
    _ = world.share(&id, "read", "bob");
    let rpt = world.knock(&world.token_by("reader", "bob"), &id, &["read"]).expect(200);
    let token = rpt.member("refresh_token");
    _ = world.refresh("reader", &token).expect(200);
    let text = "Maximum allowed refresh token reuse exceeded";
    world.refresh("reader", &token).refused(400, "invalid_grant", text);
    assert_eq!(world.introspect(&rpt.member("access_token"))["active"], false);
}

/// RFC6749-6-01
#[test]
fn a_refresh_may_ask_for_less_and_never_for_more() {
    let world = World::new();
    let first = sign_in(&world, "reader", "alice", "openid phone").expect(200);
    let token = first.member("refresh_token");
    let less = refresh(&world, "reader", &token, Some("phone")).expect(200);
    assert_eq!(less.json()["scope"], "email phone profile");
    assert_eq!(less.json().get("id_token"), None);
    let again = refresh(&world, "reader", &less.member("refresh_token"), None).expect(200);
    assert_eq!(again.json()["scope"], first.json()["scope"], "the refresh token keeps what was granted");
    let id = claims(&again.member("id_token"));
    assert_eq!(id["sub"], claims(&first.member("id_token"))["sub"]);
    for more in ["address", "phone offline_access", "everything"] {
        let answer = refresh(&world, "reader", &token, Some(more));
        answer.refused(400, "invalid_scope", &format!("Invalid scopes: {more}"));
    }
}

#[test]
fn the_shortest_of_the_lives_counts() {
    // A slow machine may need some seconds between the begin of a session and its tokens.
    let lives = |realm: &Realm| {
        let world = World::of(realm);
        let answer = world.sign_in("backend", "alice").json();
        let seconds = |name: &str| answer[name].as_u64().unwrap().div_ceil(10) * 10;
        (seconds("expires_in"), seconds("refresh_expires_in"))
    };
    let realm = Realm::new("test");
    assert_eq!(lives(&realm), (300, 1_800));
    assert_eq!(lives(&realm.clone().set("ssoSessionMaxLifespan", json!(200))), (200, 200));
    assert_eq!(lives(&realm.clone().set("ssoSessionIdleTimeout", json!(700))), (300, 700));
    assert_eq!(lives(&realm.clone().set("clientSessionIdleTimeout", json!(600))), (300, 600));
    assert_eq!(lives(&realm.clone().set("clientSessionMaxLifespan", json!(250))), (250, 250));
    let own = json!({ "attributes": {
        "access.token.lifespan": "60", "client.session.idle.timeout": "90", "client.session.max.lifespan": "80",
    } });
    assert_eq!(lives(&realm.client("backend", own)), (60, 80));
}

#[test]
fn an_offline_token_goes_on_where_the_sign_in_has_ended() {
    let roles = json!({ "realmRoles": ["default-roles-test", "offline_access"] });
    let world = World::of(&Realm::new("test").user("alice", roles));
    let answer = sign_in(&world, "reader", "alice", "openid offline_access").expect(200);
    assert_eq!(answer.json()["refresh_expires_in"], 0);
    let token = answer.member("refresh_token");
    let says = claims(&token);
    assert_eq!(says["typ"], "Offline");
    assert_ne!(says["sid"], answer.json()["session_state"], "it has a session of its own");

    // The sign-in ends with a token of its own; the offline one goes on.
    let online = refresh(&world, "reader", &token, None).expect(200);
    assert_eq!(claims(&online.member("access_token"))["sid"], says["sid"]);
    assert!(claims(&online.member("access_token"))["jti"].as_str().unwrap().starts_with("ofrtrt:"));
    let userinfo =
        |token: &str| world.request("GET", "protocol/openid-connect/userinfo").bearer(token).send().status;
    assert_eq!(userinfo(&online.member("access_token")), 200);
    let form = [("client_id", "reader"), ("refresh_token", &*token)];
    _ = world.request("POST", "protocol/openid-connect/logout").form(&form).send().expect(204);
    refresh(&world, "reader", &token, None).refused(400, "invalid_grant", "Session not active");
    assert_eq!(userinfo(&online.member("access_token")), 401);
    assert_eq!(userinfo(&answer.member("access_token")), 200, "the sign-in itself goes on");
}

#[test]
fn offline_access_needs_the_role_and_a_limit_shows() {
    let roles = json!({ "realmRoles": ["offline_access"] });
    let realm = Realm::new("test")
        .user("alice", roles)
        .user("bob", json!({ "realmRoles": [] }))
        .set("offlineSessionMaxLifespanEnabled", json!(true))
        .set("offlineSessionMaxLifespan", json!(5_000))
        .set("clientOfflineSessionIdleTimeout", json!(4_000));
    let world = World::of(&realm);
    let text = "Offline tokens not allowed for the user or client";
    sign_in(&world, "reader", "bob", "offline_access").refused(400, "not_allowed", text);
    let answer = sign_in(&world, "reader", "alice", "offline_access").expect(200);
    assert_eq!(answer.json()["refresh_expires_in"], 4_000);
    // A client without refresh tokens gets one where it asks for it.
    let own = json!({ "attributes": { "use.refresh.tokens": "false" } });
    let world = World::of(&realm.client("backend", own));
    let answer = sign_in(&world, "backend", "alice", "email").expect(200);
    assert_eq!(answer.json().get("refresh_token"), None);
    let answer = sign_in(&world, "backend", "alice", "offline_access").expect(200);
    assert_eq!(claims(&answer.member("refresh_token"))["typ"], "Offline");
}

/// wire §1.4
#[test]
fn a_client_ends_a_sign_in_by_the_refresh_token() {
    let world = World::new();
    let logout =
        |fields: &[(&str, &str)]| world.request("POST", "protocol/openid-connect/logout").form(fields).send();
    let answer = world.sign_in("backend", "alice");
    let (token, key) = (answer.member("refresh_token"), secret("backend"));
    // Without a refresh token it is a person who signs out, and there is nobody to be signed out.
    assert!(
        logout(&[("client_id", "backend"), ("client_secret", &key)])
            .expect(200)
            .text()
            .contains("Signed out")
    );
    let credentials = "Invalid client or Invalid client credentials";
    let wrong = [("client_id", "backend"), ("client_secret", "wrong"), ("refresh_token", &*token)];
    logout(&wrong).refused(401, "unauthorized_client", credentials);
    let text = "Invalid refresh token. Token client and authorized client don't match";
    logout(&[("client_id", "reader"), ("refresh_token", &token)]).refused(400, "invalid_grant", text);
    let good = [("client_id", "backend"), ("client_secret", &*key)];
    for other in [&*answer.member("access_token"), "garbage"] {
        let form = [&good[..], &[("refresh_token", other)]].concat();
        logout(&form).refused(400, "invalid_grant", "Invalid refresh token");
    }
    let form = [&good[..], &[("refresh_token", &*token)]].concat();
    let answer = logout(&form).expect(204);
    assert_eq!(answer.json(), Value::Null);
    refresh(&world, "backend", &token, None).refused(400, "invalid_grant", "Session not active");
}
