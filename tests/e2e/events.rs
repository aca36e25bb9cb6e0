//! Events of people and clients, where the realm keeps them (`admin-surface` §9, wire §6.13).

use countersign_tests::{
    admin::{Admin, administered},
    browser::{Browser, realm},
    realm::{password, secret},
    server::Server,
    world::World,
};
use serde_json::{Value, json};

/// The realm with browsers, which keeps what happens
fn world(kept: &Value) -> World {
    let realm = realm().set("eventsEnabled", true.into()).set("enabledEventTypes", kept.clone());
    let server = administered(Server::builder().import(realm.json()));
    World { server, realm: "test".to_owned() }
}

/// The newest event
fn newest(root: &Admin<'_>) -> Value {
    root.read("events?max=1")[0].clone()
}

#[track_caller]
fn is(event: &Value, kind: &str, client: &str, error: Option<&str>) {
    assert_eq!((event["type"].as_str(), event["error"].as_str()), (Some(kind), error), "{event}");
    assert_eq!(event["clientId"], client, "{event}");
    assert_eq!(event["ipAddress"], "127.0.0.1", "{event}");
}

#[test]
fn a_walk_through_the_pages_is_kept_from_the_sign_in_to_its_end() {
    let world = world(&json!([]));
    let root = Admin::root(&world.server, "test");
    let alice = root.user("alice");
    let mut browser = Browser::new(&world);
    let form = browser.get(&world.authorize("web", &[])).expect(200);
    let wrong = [("username", "alice"), ("password", "wrong-password")];
    _ = browser.submit(&form, &wrong).expect(200);
    let event = newest(&root);
    is(&event, "LOGIN_ERROR", "web", Some("invalid_user_credentials"));
    assert_eq!((&event["userId"], &event["details"]["username"]), (&json!(alice), &json!("alice")));
    assert!(!event.to_string().contains("wrong-password"), "{event}");
    _ = browser.submit(&form, &[("username", "nobody"), ("password", "x")]).expect(200);
    is(&newest(&root), "LOGIN_ERROR", "web", Some("user_not_found"));

    let back = world.sign_in_by(&mut browser, &world.authorize("web", &[]), "alice");
    let session = back.parameter("session_state");
    let event = newest(&root);
    is(&event, "LOGIN", "web", None);
    assert_eq!((&event["userId"], &event["sessionId"]), (&json!(alice), &json!(session)));
    assert_eq!(event["details"]["redirect_uri"], "https://app.example/cb");

    let code = back.parameter("code");
    let tokens = world.redeem("web", &code, &[]).expect(200);
    let event = newest(&root);
    is(&event, "CODE_TO_TOKEN", "web", None);
    assert_eq!((&event["userId"], &event["sessionId"]), (&json!(alice), &json!(session)));
    assert_eq!(event["details"]["client_auth_method"], "client-secret");
    world.redeem("web", "nothing", &[]).refused(400, "invalid_grant", "Code not valid");
    is(&newest(&root), "CODE_TO_TOKEN_ERROR", "web", Some("invalid_code"));

    let token = tokens.member("refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*token)];
    _ = world.post_token().basic("web", &secret("web")).form(&form).send().expect(200);
    is(&newest(&root), "REFRESH_TOKEN", "web", None);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x.y.z")];
    _ = world.post_token().basic("web", &secret("web")).form(&form).send().expect(400);
    is(&newest(&root), "REFRESH_TOKEN_ERROR", "web", Some("invalid_token"));

    let id_token = tokens.member("id_token");
    _ = browser
        .get(&world.url(&format!("protocol/openid-connect/logout?id_token_hint={id_token}")))
        .expect(200);
    let event = newest(&root);
    is(&event, "LOGOUT", "web", None);
    assert_eq!((&event["userId"], &event["sessionId"]), (&json!(alice), &json!(session)));
    // Nothing of it is a secret.
    let all = root.read("events").to_string();
    for hidden in [&*code, &*token, &*id_token, &*secret("web"), &*password("alice")] {
        assert!(!all.contains(hidden), "{all}");
    }
}

#[test]
fn requests_that_are_refused_before_a_page_are_kept() {
    let world = world(&json!([]));
    let root = Admin::root(&world.server, "test");
    let mut browser = Browser::new(&world);
    for (parameter, value, error) in [
        ("client_id", "nobody", "client_not_found"),
        ("redirect_uri", "https://evil.example/", "invalid_redirect_uri"),
    ] {
        _ = browser.get(&world.authorize("web", &[(parameter, value)])).expect(400);
        let event = newest(&root);
        assert_eq!((&event["type"], &event["error"]), (&json!("LOGIN_ERROR"), &json!(error)), "{event}");
    }
    browser.get(&world.authorize("web", &[("prompt", "none")])).tells("login_required");
    is(&newest(&root), "LOGIN_ERROR", "web", Some("not_logged_in"));
    // Consent that is not given
    let page = world.sign_in_by(&mut browser, &world.authorize("asking", &[]), "alice");
    let page = browser.get(&page.location()).expect(200);
    browser.submit(&page, &[("cancel", "No")]).tells("access_denied");
    is(&newest(&root), "LOGIN_ERROR", "asking", Some("rejected_by_user"));
}

#[test]
fn grants_of_clients_and_people_are_kept_with_who_asked() {
    let world = world(&json!([]));
    let root = Admin::root(&world.server, "test");
    let pat = world.pat();
    let event = newest(&root);
    is(&event, "CLIENT_LOGIN", "documents", None);
    assert!(event["userId"].is_string() && event["details"]["grant_type"] == "client_credentials", "{event}");
    let form = [("grant_type", "client_credentials")];
    _ = world.post_token().basic("documents", "wrong").form(&form).send().expect(401);
    is(&newest(&root), "CLIENT_LOGIN_ERROR", "documents", Some("invalid_client_credentials"));
    _ = world.post_token().basic("nobody", "wrong").form(&form).send().expect(401);
    is(&newest(&root), "CLIENT_LOGIN_ERROR", "nobody", Some("client_not_found"));

    let alice = world.token("alice");
    is(&newest(&root), "LOGIN", "documents", None);
    assert_eq!(newest(&root)["details"]["username"], "alice");
    let form = [("grant_type", "password"), ("username", "dave"), ("password", "x")];
    _ = world.post_token().basic("documents", &secret("documents")).form(&form).send().expect(401);
    is(&newest(&root), "LOGIN_ERROR", "documents", Some("user_disabled"));

    // The UMA grant (wire §6.13): of what is shared with bob, and of what is not
    let resource = world.document("plan");
    _ = world.share(&resource, "read", "bob");
    let bob = world.token_by("reader", "bob");
    _ = world.knock(&bob, &resource, &["read"]).expect(200);
    let event = newest(&root);
    is(&event, "PERMISSION_TOKEN", "reader", None);
    assert!(event["details"]["token_id"].is_string(), "{event}");
    world.knock(&bob, &resource, &["write"]).refused(403, "access_denied", "request_submitted");
    let event = newest(&root);
    is(&event, "PERMISSION_TOKEN_ERROR", "reader", Some("access_denied"));
    assert_eq!(event["details"]["reason"], "request_submitted");
    assert_eq!(event["userId"], world.id_of("bob"));
    let form =
        [("grant_type", countersign_tests::world::UMA), ("audience", "documents"), ("subject_token", "x")];
    _ = world.post_token().basic("documents", &secret("documents")).form(&form).send().expect(400);
    let event = newest(&root);
    is(&event, "PERMISSION_TOKEN_ERROR", "documents", Some("invalid_token"));
    assert!(event.get("userId").is_none(), "{event}");
    // Nobody is told of a request of which he did not hear.
    assert!(!root.read("events").to_string().contains(&pat));

    // Giving back, and the end from behind
    let form = [("token", &*alice)];
    _ = world
        .request("POST", "protocol/openid-connect/revoke")
        .basic("documents", &secret("documents"))
        .form(&form)
        .send()
        .expect(200);
    is(&newest(&root), "REVOKE_GRANT", "documents", None);
    let refresh = world.sign_in("documents", "alice").member("refresh_token");
    let form = [("refresh_token", &*refresh)];
    let answer =
        world.request("POST", "protocol/openid-connect/logout").basic("documents", &secret("documents"));
    _ = answer.form(&form).send().expect(204);
    is(&newest(&root), "LOGOUT", "documents", None);
}

#[test]
fn only_what_the_realm_names_is_kept_and_nothing_where_it_keeps_nothing() {
    let world = world(&json!(["LOGIN"]));
    let root = Admin::root(&world.server, "test");
    _ = world.pat();
    _ = world.token("alice");
    let events = root.read("events");
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events[0]["type"], "LOGIN");
    let mut config = root.read("events/config");
    config["eventsEnabled"] = false.into();
    _ = root.put("events/config", &config).expect(204);
    _ = world.token("alice");
    assert_eq!(root.read("events").as_array().unwrap().len(), 1);
}

#[test]
fn a_password_that_somebody_changes_is_an_event_of_its_own() {
    let realm = realm()
        .set("eventsEnabled", true.into())
        .user("alice", json!({ "requiredActions": ["UPDATE_PASSWORD"] }));
    let world = World::administered(&realm);
    let root = Admin::root(&world.server, "test");
    let mut browser = Browser::new(&world);
    let page = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice");
    let page = browser.get(&page.location()).expect(200);
    let short = [("password-new", "short"), ("password-confirm", "short")];
    _ = browser.submit(&page, &short).expect(200);
    is(&newest(&root), "UPDATE_PASSWORD_ERROR", "app", Some("password_rejected"));
    let long = [("password-new", "a-new-long-one"), ("password-confirm", "a-new-long-one")];
    _ = browser.submit(&page, &long).parameter("code");
    let events = root.read("events?max=2");
    assert_eq!(
        (&events[0]["type"], &events[1]["type"]),
        (&json!("LOGIN"), &json!("UPDATE_PASSWORD")),
        "{events}"
    );
}

/// Behaviours ADM-22: the same with admin events on; ADM-2: what is deleted is gone
#[test]
fn adm_2_and_22_changes_of_a_resource_server_are_kept_among_what_administrators_do() {
    let world = world(&json!([]));
    let root = Admin::root(&world.server, "test");
    let mut config = root.read("events/config");
    config["adminEventsEnabled"] = true.into();
    _ = root.put("events/config", &config).expect(204);
    let base = format!("clients/{}/authz/resource-server", root.client("documents"));
    let events = |count: usize| -> Vec<(String, String, String)> {
        let list = root.read(&format!("admin-events?max={count}"));
        let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        let one = |event: &Value| {
            (text(event, "operationType"), text(event, "resourceType"), text(event, "resourcePath"))
        };
        list.as_array().unwrap().iter().map(one).collect()
    };
    let kept = |operation: &str, kind: &str, path: &str| {
        let want = (operation.to_owned(), format!("AUTHORIZATION_{kind}"), format!("{base}{path}"));
        assert_eq!(events(1), [want]);
    };
    let post = |path: &str, body: Value| root.post(&format!("{base}/{path}"), &body).expect(201).json();
    let id = |made: &Value, name: &str| made[name].as_str().unwrap().to_owned();

    let resource = id(&post("resource", json!({ "name": "Default Resource", "scopes": ["read"] })), "_id");
    kept("CREATE", "RESOURCE", &format!("/resource/{resource}"));
    let scope = id(&post("scope", json!({ "name": "print" })), "id");
    kept("CREATE", "SCOPE", &format!("/scope/{scope}"));
    assert_eq!(id(&post("scope", json!({ "name": "print", "displayName": "Print" })), "id"), scope);
    kept("UPDATE", "SCOPE", &format!("/scope/{scope}"));
    let policy = id(&post("policy/user", json!({ "name": "owners", "users": ["alice"] })), "id");
    kept("CREATE", "POLICY", &format!("/policy/user/{policy}"));
    let body = json!({ "name": "p", "resources": [resource], "policies": [policy] });
    let permission = id(&post("permission/resource", body), "id");
    kept("CREATE", "POLICY", &format!("/permission/resource/{permission}"));
    let changed = json!({ "name": "owners", "users": ["alice", "bob"] });
    _ = root.put(&format!("{base}/policy/user/{policy}"), &changed).expect(201);
    kept("UPDATE", "POLICY", &format!("/policy/user/{policy}"));
    _ = root.put(&base, &json!({ "decisionStrategy": "AFFIRMATIVE" })).expect(204);
    kept("UPDATE", "RESOURCE_SERVER", "");
    // Everything is seen from both ends as before.
    let below = root.read(&format!("{base}/policy/{permission}/associatedPolicies"));
    assert_eq!(below[0]["id"], policy);
    _ = root.delete(&format!("{base}/policy/{permission}")).expect(204);
    kept("DELETE", "POLICY", &format!("/permission/resource/{permission}"));
    _ = root.delete(&format!("{base}/resource/{resource}")).expect(204);
    kept("DELETE", "RESOURCE", &format!("/resource/{resource}"));
    assert_eq!(root.read(&format!("{base}/resource")), json!([]));
    // What is refused was not done, and is not kept.
    let before = events(50).len();
    _ = root.post(&format!("{base}/policy/user"), &json!({ "name": "owners", "users": [] })).expect(409);
    _ = root.delete(&format!("{base}/resource/{resource}")).expect(404);
    assert_eq!(events(50).len(), before);
}
