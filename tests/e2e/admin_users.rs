//! People over HTTP (`admin-surface` §4).

use countersign_tests::{
    admin::{Admin, sign_in, usual},
    realm::{password, user},
    world::World,
};
use serde_json::{Value, json};

fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one["username"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_user_is_made_found_changed_and_deleted() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let id = root.create("users", &user("Erin"));
    let erin = root.read(&format!("users/{id}"));
    assert_eq!(erin["username"], "erin");
    for (member, value) in [
        ("enabled", json!(true)),
        ("emailVerified", json!(true)),
        ("email", json!("erin@test.example")),
        ("totp", json!(false)),
        ("requiredActions", json!([])),
        ("disableableCredentialTypes", json!([])),
        ("notBefore", json!(0)),
    ] {
        assert_eq!(erin[member], value, "{member}");
    }
    assert!(erin["createdTimestamp"].as_u64().unwrap() > 1_700_000_000_000 && erin["access"].is_object());
    assert!(erin.get("credentials").is_none(), "{erin}");
    // She has the default role, and may sign in.
    let roles = root.read(&format!("users/{id}/role-mappings"));
    assert_eq!(roles["realmMappings"][0]["name"], "default-roles-test");
    _ = sign_in(&server, "test", "erin", &password("Erin")).expect(200);

    root.post("users", &user("erin")).conflicts(409, "User exists with same username");
    let same_mail = json!({ "username": "else", "email": "ERIN@test.example" });
    root.post("users", &same_mail).conflicts(409, "User exists with same email");
    assert_eq!(root.read("users?username=else"), json!([]), "a 409 changes nothing");

    // What was read may be sent back whole; what is absent stays.
    _ = root.put(&format!("users/{id}"), &erin).expect(204);
    assert_eq!(root.read(&format!("users/{id}")), erin);
    _ = root.put(&format!("users/{id}"), &json!({ "lastName": "Else" })).expect(204);
    let changed = root.read(&format!("users/{id}"));
    assert_eq!((&changed["lastName"], &changed["firstName"]), (&json!("Else"), &json!("Erin")));
    root.put(&format!("users/{id}"), &json!({ "username": "alice" }))
        .conflicts(409, "User exists with same username");

    _ = root.delete(&format!("users/{id}")).expect(204);
    root.get(&format!("users/{id}")).bare(404, "User not found");
    root.delete(&format!("users/{id}")).bare(404, "User not found");
    root.put(&format!("users/{id}"), &json!({})).bare(404, "User not found");
    root.put(&format!("users/{id}/reset-password"), &json!({ "value": "x" })).bare(404, "User not found");
}

#[test]
fn bad_values_name_their_member() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let refused = |body: Value, field: &str, message: &str, params: Value| {
        let answer = root.post("users", &body).expect(400);
        let want = json!({ "field": field, "errorMessage": message, "params": params });
        assert_eq!(answer.json(), want);
    };
    refused(json!({ "username": "ab" }), "username", "error-invalid-length", json!(["username", 3, 255]));
    refused(
        json!({ "username": "erin", "email": "no address" }),
        "email",
        "error-invalid-email",
        json!(["email", "no address"]),
    );
    refused(json!({}), "username", "error-user-attribute-required", json!(["username"]));
    let nowhere = json!({ "username": "erin", "groups": ["/nowhere"] });
    root.post("users", &nowhere).conflicts(400, "Unable to find group specified by path: /nowhere");
    assert_eq!(root.read("users?username=erin"), json!([]));
    root.get("users?max=x").refused(400, "invalid_request", "Invalid max");
}

#[test]
fn searches_find_parts_and_whole_values() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let found = |query: &str| names(&root.read(&format!("users?{query}")));
    assert_eq!(found(""), ["alice", "bob", "carol", "dave"]);
    assert_eq!(found("search=AL"), ["alice"]);
    assert_eq!(found("search=test.example&max=2&first=1"), ["bob", "carol"]);
    assert_eq!(found("max=-1&first=-1").len(), 4);
    // As in Keycloak, service accounts are found by their names alone.
    assert_eq!(found("username=BO"), ["bob", "service-account-robot"]);
    assert_eq!(found("username=bo&exact=true"), Vec::<String>::new());
    assert_eq!(found("username=BOB&exact=true"), ["bob"]);
    assert_eq!(found("email=alice@test.example&exact=true"), ["alice"]);
    assert_eq!(found("enabled=false"), ["dave"]);
    assert_eq!(found("search=%25"), Vec::<String>::new());
    // Service accounts are found by name and not among people.
    assert_eq!(found("username=service-account-documents"), ["service-account-documents"]);
    assert_eq!(root.read("users/count"), 4);
    let brief = &root.read("users?username=alice&briefRepresentation=true")[0];
    assert!(brief.get("notBefore").is_none() && brief["email"] == "alice@test.example", "{brief}");
}

#[test]
fn attributes_outside_the_profile_need_its_policy() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let with_team = json!({ "username": "erin", "attributes": { "team": ["red"] } });
    let id = root.create("users", &with_team);
    assert!(root.read(&format!("users/{id}")).get("attributes").is_none());
    let mut profile = root.read("users/profile");
    assert_eq!(profile["attributes"][0]["name"], "username");
    profile["unmanagedAttributePolicy"] = "ENABLED".into();
    assert_eq!(root.put("users/profile", &profile).expect(200).json(), profile);
    assert_eq!(root.read("users/profile"), profile);
    _ = root
        .put(&format!("users/{id}"), &json!({ "attributes": { "team": ["blue"], "x": "1" } }))
        .expect(204);
    assert_eq!(root.read(&format!("users/{id}"))["attributes"], json!({ "team": ["blue"], "x": ["1"] }));
    // Given attributes replace all of them; absent ones change nothing.
    _ = root.put(&format!("users/{id}"), &json!({ "firstName": "E" })).expect(204);
    assert_eq!(root.read(&format!("users/{id}"))["attributes"], json!({ "team": ["blue"], "x": ["1"] }));
    _ = root.put(&format!("users/{id}"), &json!({ "attributes": { "y": ["2"] } })).expect(204);
    assert_eq!(root.read(&format!("users/{id}"))["attributes"], json!({ "y": ["2"] }));
    assert_eq!(root.put("users/profile", &json!({ "attributes": [] })).status, 400);
}

#[test]
fn passwords_are_set_and_never_shown() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let id = root.user("bob");
    let path = format!("users/{id}/reset-password");
    let set =
        |value: &str, temporary: bool| json!({ "type": "password", "value": value, "temporary": temporary });
    _ = root.put(&path, &set("another-password", false)).expect(204);
    _ = sign_in(&server, "test", "bob", "another-password").expect(200);
    assert_ne!(sign_in(&server, "test", "bob", &password("bob")).status, 200);
    _ = root.put(&path, &set("third-password", true)).expect(204);
    assert_eq!(root.read(&format!("users/{id}"))["requiredActions"], json!(["UPDATE_PASSWORD"]));
    root.put(&path, &set("", false)).bare(400, "Empty password not allowed");
    let shown = root.get(&format!("users/{id}/credentials")).expect(200);
    assert_eq!(shown.json()[0]["type"], "password");
    assert!(!shown.text().contains("salt") && !shown.text().contains("secretData"), "{shown}");
    assert!(!server.log().contains("third-password"));
}

#[test]
fn roles_and_groups_of_a_user() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let (id, documents) = (root.user("bob"), root.client("documents"));
    let manager = root.read("roles/manager");
    let realm = format!("users/{id}/role-mappings/realm");
    _ = root.post(&realm, &json!([{ "id": manager["id"], "name": "manager" }])).expect(204);
    _ = root.post(&realm, &json!([{ "name": "manager" }])).expect(204);
    let of = |path: &str| -> Vec<String> {
        let list = root.read(path);
        list.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of(&realm), ["default-roles-test", "manager"]);
    let composite = of(&format!("{realm}/composite"));
    assert_eq!(composite, ["default-roles-test", "manager", "offline_access", "uma_authorization"]);
    assert!(!of(&format!("{realm}/available")).contains(&"manager".to_owned()));
    root.post(&realm, &json!([{ "id": "nothing", "name": "nothing" }])).bare(404, "Role not found");
    // All or nothing.
    let half = json!([{ "name": "offline_access" }, { "name": "nothing" }]);
    root.post(&realm, &half).bare(404, "Role not found");
    assert_eq!(of(&realm), ["default-roles-test", "manager"]);

    let clients = format!("users/{id}/role-mappings/clients/{documents}");
    let editor = root.read(&format!("clients/{documents}/roles/editor"));
    _ = root.post(&clients, &json!([editor])).expect(204);
    assert_eq!(of(&clients), ["editor"]);
    assert_eq!(of(&format!("{clients}/composite")), ["editor"]);
    let all = root.read(&format!("users/{id}/role-mappings"));
    assert_eq!(all["clientMappings"]["documents"]["id"], documents.as_str());
    assert_eq!(all["clientMappings"]["documents"]["mappings"][0]["name"], "editor");
    _ = root.delete_with(&clients, &json!([editor])).expect(204);
    _ = root.delete_with(&clients, &json!([editor])).expect(204);
    assert_eq!(of(&clients), Vec::<String>::new());
    let none = root.create("users", &json!({ "username": "plain" }));
    _ = root
        .delete_with(
            &format!("users/{none}/role-mappings/realm"),
            &json!([root.read("roles/default-roles-test")]),
        )
        .expect(204);
    assert_eq!(root.read(&format!("users/{none}/role-mappings")), json!({}));

    let staff = root.read("group-by-path/staff")["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        _ = root.put(&format!("users/{id}/groups/{staff}"), &json!({})).expect(204);
    }
    assert_eq!(root.read(&format!("users/{id}/groups"))[0]["path"], "/staff");
    _ = root.delete(&format!("users/{id}/groups/{staff}")).expect(204);
    assert_eq!(root.read(&format!("users/{id}/groups")), json!([]));
    root.put(&format!("users/{id}/groups/nothing"), &json!({})).bare(404, "Group not found");
}

/// design §5: what hangs on a user ends with him
#[test]
fn n_16_who_is_deleted_or_switched_off_takes_his_tokens_shares_and_resources_along() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let (alice, bob, pat) = (world.token("alice"), world.token("bob"), world.pat());
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let rpt = world.knock(&bob, &hers, &["read"]).expect(200).member("access_token");
    assert_eq!(world.introspect(&rpt)["active"], true);

    let id = root.user("bob");
    assert_eq!(root.read(&format!("users/{id}/sessions"))[0]["username"], "bob");
    _ = root.put(&format!("users/{id}"), &json!({ "enabled": false })).expect(204);
    assert_eq!(world.introspect(&rpt)["active"], false);
    assert_eq!(root.read(&format!("users/{id}/sessions")), json!([]));
    // Switched on again, his old sign-in is still over.
    _ = root.put(&format!("users/{id}"), &json!({ "enabled": true })).expect(204);
    assert_eq!(world.introspect(&rpt)["active"], false);

    _ = root.delete(&format!("users/{id}")).expect(204);
    assert_eq!(world.rows(&pat), Vec::<Value>::new(), "his shares are gone");
    let carol = world.token("carol");
    _ = world.share(&hers, "read", "carol");
    let rpt = world.knock(&carol, &hers, &["read"]).expect(200).member("access_token");
    _ = root.delete(&format!("users/{}", root.user("alice"))).expect(204);
    assert_eq!(world.introspect(&rpt)["permissions"], json!([]), "what she owned is gone");
    let gone = world.protection("GET", &format!("resource_set/{hers}"), &pat).send();
    assert_eq!(gone.status, 404, "{gone}");
    assert_ne!(world.uma(&alice, &[("audience", "documents")]).status, 200);
}

#[test]
fn a_logout_ends_the_sign_ins_of_a_user() {
    let server = usual();
    let world = World { server, realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let (token, id) = (world.token_by("documents", "bob"), root.user("bob"));
    assert_eq!(world.introspect(&token)["active"], true);
    let session = &root.read(&format!("users/{id}/sessions"))[0];
    let documents = root.client("documents");
    assert_eq!(session["clients"][documents.as_str()], "documents");
    for member in ["id", "ipAddress", "start", "lastAccess", "rememberMe", "userId"] {
        assert!(!session[member].is_null(), "{member}: {session}");
    }
    _ = root.post(&format!("users/{id}/logout"), &json!({})).expect(204);
    assert_eq!(world.introspect(&token)["active"], false);
    assert_eq!(root.read(&format!("users/{id}/sessions")), json!([]));
}
