//! Clients, client scopes and mappers over HTTP (`admin-surface` §7, §8; behaviours ADM).

use countersign_tests::{
    admin::{Admin, usual},
    forge,
    realm::{password, secret, with},
    world::World,
};
use serde_json::{Value, json};

fn named(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

fn confidential(id: &str) -> Value {
    json!({ "clientId": id, "secret": secret(id), "directAccessGrantsEnabled": true, "redirectUris": ["https://x.example/*"] })
}

#[test]
fn a_client_is_made_found_changed_and_deleted() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let id = root.create("clients", &confidential("shop"));
    root.post("clients", &confidential("shop")).conflicts(409, "Client shop already exists");
    let found = root.read("clients?clientId=shop");
    assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &json!(id)));
    assert_eq!(root.read("clients?clientId=sho"), json!([]));
    assert_eq!(root.read("clients?clientId=HO&search=true")[0]["clientId"], "shop");
    let client = root.read(&format!("clients/{id}"));
    for (member, value) in [
        ("enabled", json!(true)),
        ("publicClient", json!(false)),
        ("protocol", json!("openid-connect")),
        ("secret", json!(secret("shop"))),
        ("fullScopeAllowed", json!(true)),
        ("redirectUris", json!(["https://x.example/*"])),
        ("standardFlowEnabled", json!(true)),
    ] {
        assert_eq!(client[member], value, "{member}");
    }
    assert!(client.get("authorizationSettings").is_none());
    assert!(named_scopes(&client).contains(&"profile".to_owned()));
    _ = world.token_by("shop", "bob");

    _ = root.put(&format!("clients/{id}"), &client).expect(204);
    assert_eq!(root.read(&format!("clients/{id}")), client);
    // Attributes are merged; what is absent stays.
    let attributes = |one: Value| json!({ "attributes": one });
    _ = root.put(&format!("clients/{id}"), &attributes(json!({ "a": "1", "b": "2" }))).expect(204);
    _ = root.put(&format!("clients/{id}"), &attributes(json!({ "a": "", "c": "3" }))).expect(204);
    let changed = root.read(&format!("clients/{id}"));
    assert_eq!(
        (&changed["attributes"], &changed["secret"]),
        (&json!({ "b": "2", "c": "3" }), &client["secret"])
    );
    root.put(&format!("clients/{id}"), &json!({ "clientId": "documents" }))
        .conflicts(409, "Client documents already exists");

    // Switched off, it gets no tokens, and those that it has are dead.
    let token = world.token_by("shop", "bob");
    _ = root.put(&format!("clients/{id}"), &json!({ "enabled": false })).expect(204);
    assert_eq!(world.introspect(&token), json!({ "active": false }));
    _ = root.put(&format!("clients/{id}"), &json!({ "enabled": true })).expect(204);

    let path = format!("clients/{id}/client-secret");
    assert_eq!(root.read(&path), json!({ "type": "secret", "value": secret("shop") }));
    let renewed = root.post(&path, &json!({})).expect(200).json();
    assert_ne!(renewed["value"], secret("shop"));
    assert_eq!(root.read(&path), renewed);
    let adapter = root.read(&format!("clients/{id}/installation/providers/keycloak-oidc-keycloak-json"));
    assert_eq!(
        adapter,
        json!({
            "realm": "test", "auth-server-url": format!("{}/", world.server.base()), "ssl-required": "none",
            "resource": "shop", "credentials": { "secret": renewed["value"] }, "confidential-port": 0,
        })
    );

    _ = root.delete(&format!("clients/{id}")).expect(204);
    for answer in [
        root.get(&format!("clients/{id}")),
        root.delete(&format!("clients/{id}")),
        root.put(&format!("clients/{id}"), &json!({})),
        root.get(&path),
    ] {
        answer.bare(404, "Could not find client");
    }
}

fn named_scopes(client: &Value) -> Vec<String> {
    let list = client["defaultClientScopes"].as_array().unwrap().iter();
    list.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_realm_has_keycloaks_clients_and_client_scopes() {
    let server = usual();
    let root = Admin::root(&server, "test");
    _ = root.post("/", &json!({ "realm": "bare" })).expect(201);
    let bare = root.at("bare");
    let clients = bare.read("clients");
    let ids: Vec<_> =
        clients.as_array().unwrap().iter().map(|one| one["clientId"].as_str().unwrap()).collect();
    let built_in =
        ["account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console"];
    assert_eq!(ids, built_in);
    let scopes = bare.read("client-scopes");
    for name in [
        "profile",
        "email",
        "basic",
        "acr",
        "web-origins",
        "service_account",
        "address",
        "phone",
        "offline_access",
        "microprofile-jwt",
        "organization",
        "roles",
    ] {
        assert!(named(&scopes).contains(&name), "{name}");
    }
    let default = bare.read("roles/default-roles-bare/composites");
    for name in ["offline_access", "uma_authorization", "manage-account", "view-profile"] {
        assert!(named(&default).contains(&name), "{name}");
    }
    let management = bare.client("realm-management");
    let all = bare.read(&format!("clients/{management}/roles/realm-admin/composites"));
    assert_eq!(all.as_array().unwrap().len(), 18);
}

/// The step of the published guide: user-managed access is switched on by a `PUT` of the client
#[test]
fn guide_enables_user_managed_access_on_a_client_by_put() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let id = root.create("clients", &confidential("guide"));
    let mut client = root.read("clients?clientId=guide")[0].clone();
    client["authorizationServicesEnabled"] = true.into();
    client["serviceAccountsEnabled"] = true.into();
    client["attributes"]["use.refresh.tokens"] = "true".into();
    _ = root.put(&format!("clients/{id}"), &client).expect(204);
    let read = root.read(&format!("clients/{id}"));
    assert_eq!(read["authorizationServicesEnabled"], true);
    assert_eq!(read["attributes"]["use.refresh.tokens"], "true");
    // From there on as the guide goes: PAT, resource.
    let pat = world.pat_of("guide");
    _ = world.register(&pat, &json!({ "name": "first", "resource_scopes": ["view"] }));
}

#[test]
fn adm_1_switching_authorization_on_makes_a_service_account_with_its_role() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let id = root.create("clients", &confidential("shop"));
    let account = format!("clients/{id}/service-account-user");
    root.get(&account).bare(400, "Service account not enabled for the client 'shop'");
    let switch = |on: bool| {
        let body = json!({ "authorizationServicesEnabled": on, "serviceAccountsEnabled": on });
        _ = root.put(&format!("clients/{id}"), &body).expect(204);
    };
    switch(true);
    let user = root.read(&account);
    assert_eq!(user["username"], "service-account-shop");
    let mapped = root.read(&format!("users/{}/role-mappings", user["id"].as_str().unwrap()));
    assert_eq!(mapped["clientMappings"]["shop"]["mappings"][0]["name"], "uma_protection");
    assert_eq!(mapped["realmMappings"][0]["name"], "default-roles-test");
    // 26.5 and later: no default resource.
    let list = |pat: &str| world.protection("GET", "resource_set", pat).send().expect(200).json();
    let pat = world.pat_of("shop");
    assert_eq!(list(&pat), json!([]));
    _ = world.register(&pat, &json!({ "name": "one" }));
    assert_eq!(list(&pat).as_array().unwrap().len(), 1);
    // Off and on again: everything below is gone, the role is there again.
    switch(false);
    assert_ne!(world.protection("GET", "resource_set", &pat).send().status, 200);
    root.get(&account).bare(400, "Service account not enabled for the client 'shop'");
    switch(true);
    let pat = world.pat_of("shop");
    assert_eq!(list(&pat), json!([]));
    let claims = forge::claims(&pat);
    assert_eq!(claims["resource_access"]["shop"]["roles"], json!(["uma_protection"]));
    let form = [("grant_type", "client_credentials")];
    _ = world.post_token().basic("shop", &secret("shop")).form(&form).send().expect(200);
}

#[test]
fn adm_4_a_client_with_authorization_settings_is_made_and_deleted() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let resources: Vec<Value> =
        (0..21).map(|n| json!({ "name": format!("Resource {n}"), "scopes": [{ "name": "view" }] })).collect();
    let policies: Vec<Value> = (0..20)
        .flat_map(|n| {
            let role = json!([{ "id": "manager", "required": false }]).to_string();
            let policy = format!("Policy {n}");
            [
                json!({ "name": policy, "type": "role", "config": { "roles": role } }),
                json!({
                    "name": format!("Permission {n}"), "type": "resource",
                    "config": { "resources": json!([format!("Resource {n}")]).to_string(),
                                "applyPolicies": json!([policy]).to_string() },
                }),
            ]
        })
        .collect();
    let settings = json!({
        "policyEnforcementMode": "PERMISSIVE", "resources": resources, "policies": policies,
        "scopes": [{ "name": "view" }, { "name": "a" }, { "name": "b" }, { "name": "c" }, { "name": "d" }],
    });
    let own = json!({ "authorizationServicesEnabled": true, "authorizationSettings": settings });
    let id = root.create("clients", &with(confidential("shop"), own));
    let pat = world.pat_of("shop");
    for name in ["Resource 1", "Resource 15", "Resource 20"] {
        let path = format!("resource_set?name={}&exactName=true", name.replace(' ', "%20"));
        assert_eq!(
            world.protection("GET", &path, &pat).send().expect(200).json().as_array().unwrap().len(),
            1
        );
    }
    let ask = |user: &str, resource: &str| {
        let form = [("audience", "shop"), ("permission", resource), ("response_mode", "decision")];
        world.uma(&world.token(user), &form).status
    };
    assert_eq!((ask("carol", "Resource 3"), ask("bob", "Resource 3")), (200, 403));
    // PERMISSIVE: what no permission names is open.
    assert_eq!(ask("bob", "Resource 20"), 200);
    // The role that a policy named is deleted: the policy grants nothing from then on.
    _ = root.delete("roles/manager").expect(204);
    assert_eq!(ask("carol", "Resource 3"), 403);
    _ = root.delete(&format!("clients/{id}")).expect(204);
    assert_ne!(world.protection("GET", "resource_set", &pat).send().status, 200);
    assert_eq!(root.read("users?username=service-account-shop"), json!([]));
}

#[test]
fn authorization_is_refused_for_a_public_client() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let text = "Only confidential clients are allowed to set authorization settings";
    let public = json!({ "clientId": "app", "publicClient": true, "authorizationServicesEnabled": true });
    root.post("clients", &public).conflicts(400, text);
    assert_eq!(root.read("clients?clientId=app"), json!([]));
    let reader = root.client("reader");
    root.put(&format!("clients/{reader}"), &json!({ "authorizationServicesEnabled": true }))
        .conflicts(400, text);
    root.post("clients", &json!({ "clientId": "" })).conflicts(400, "clientId has 1 to 255 characters");
    let wrong = json!({ "clientId": "app", "redirectUris": 1 });
    let answer = root.post("clients", &wrong).expect(400);
    assert!(answer.text().contains("redirectUris"), "{answer}");
}

#[test]
fn sign_ins_of_a_client_are_listed() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    _ = world.token_by("reader", "alice");
    _ = world.token_by("reader", "bob");
    let id = root.client("reader");
    let sessions = root.read(&format!("clients/{id}/user-sessions?first=-1&max=-1"));
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    assert_eq!(root.read(&format!("clients/{id}/session-count")), json!({ "count": 2 }));
    assert_eq!(root.read(&format!("clients/{id}/user-sessions?max=1")).as_array().unwrap().len(), 1);
}

#[test]
fn client_scopes_and_their_mappers_reach_tokens() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let mapper = json!({
        "name": "team", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": { "claim.name": "team", "claim.value": "red", "access.token.claim": "true" },
    });
    let new = json!({ "name": "team", "description": "x", "protocol": "openid-connect", "protocolMappers": [mapper] });
    let id = root.create("client-scopes", &new);
    root.post("client-scopes", &new).conflicts(409, "Client Scope team already exists");
    let scope = root.read(&format!("client-scopes/{id}"));
    assert_eq!((&scope["name"], &scope["protocolMappers"][0]["name"]), (&json!("team"), &json!("team")));
    _ = root.put(&format!("client-scopes/{id}"), &scope).expect(204);
    assert_eq!(root.read(&format!("client-scopes/{id}")), scope);

    let reader = root.client("reader");
    let claims = || forge::claims(&world.token_by("reader", "bob"));
    assert!(claims().get("team").is_none());
    _ = root.put(&format!("clients/{reader}/default-client-scopes/{id}"), &json!({})).expect(204);
    assert!(named(&root.read(&format!("clients/{reader}/default-client-scopes"))).contains(&"team"));
    assert_eq!(claims()["team"], "red");
    root.put(&format!("clients/{reader}/default-client-scopes/x"), &json!({}))
        .bare(404, "Client scope not found");
    _ = root.delete(&format!("clients/{reader}/default-client-scopes/{id}")).expect(204);
    assert!(claims().get("team").is_none());
    _ = root.put(&format!("clients/{reader}/optional-client-scopes/{id}"), &json!({})).expect(204);
    assert!(named(&root.read(&format!("clients/{reader}/optional-client-scopes"))).contains(&"team"));

    for base in [format!("clients/{reader}"), format!("client-scopes/{id}")] {
        let models = format!("{base}/protocol-mappers/models");
        let fresh = with(mapper.clone(), json!({ "name": "other" }));
        let made = root.create(&models, &fresh);
        root.post(&models, &fresh).conflicts(409, "Protocol mapper exists with same name");
        let read = root.read(&format!("{models}/{made}"));
        assert_eq!((&read["name"], &read["config"]), (&json!("other"), &mapper["config"]));
        let changed = with(read, json!({ "config": { "claim.name": "x" } }));
        _ = root.put(&format!("{models}/{made}"), &changed).expect(204);
        assert_eq!(root.read(&format!("{models}/{made}")), changed);
        assert!(named(&root.read(&models)).contains(&"other"));
        _ = root.delete(&format!("{models}/{made}")).expect(204);
        root.get(&format!("{models}/{made}")).bare(404, "Model not found");
        root.delete(&format!("{models}/{made}")).bare(404, "Model not found");
    }
    _ = root.delete(&format!("client-scopes/{id}")).expect(204);
    root.get(&format!("client-scopes/{id}")).bare(404, "Could not find client scope");
    assert!(!named(&root.read(&format!("clients/{reader}/optional-client-scopes"))).contains(&"team"));
    _ = claims();
    _ = password("bob");
}
