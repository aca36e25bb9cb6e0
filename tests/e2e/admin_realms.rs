//! Realms over HTTP, and who may administer them (`admin-surface` §1-§3).

use countersign_tests::{
    admin::{Admin, administered, sign_in, usual},
    realm::{Realm, password, user, with},
    server::Server,
    world::World,
};
use serde_json::{Value, json};

#[test]
fn without_a_good_token_of_the_right_realm_nothing_is_answered() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let url = format!("{}/admin/realms/test/users", server.base());
    for request in
        [server.http.get(&url), server.http.get(&url).bearer("x"), server.http.get(&url).basic("a", "b")]
    {
        request.send().bare(401, "HTTP 401 Unauthorized");
    }
    // A realm that is not there tells strangers nothing.
    let nowhere = format!("{}/admin/realms/nowhere", server.base());
    server.http.get(&nowhere).send().bare(401, "HTTP 401 Unauthorized");
    root.get("/nowhere").bare(404, "Realm not found.");
    // A good token of another realm is a foreign one; one without roles is refused.
    _ = root.create("/", &json!({ "realm": "other", "enabled": true, "users": [user("eve")] }));
    let eve = Admin::by(&server, "other", "eve", &password("eve"), "test");
    eve.get("users").bare(401, "HTTP 401 Unauthorized");
    eve.at("other").get("users").bare(403, "HTTP 403 Forbidden");
    eve.at("other").get("").bare(403, "HTTP 403 Forbidden");
    eve.post("/", &json!({ "realm": "hers" })).bare(401, "HTTP 401 Unauthorized");
    for path in ["test/identity-provider/instances", "test/authentication/flows", "test/users/x/consents"] {
        let answer = root.get(&format!("/{path}"));
        answer.refused(501, "not_supported", &format!("/admin/realms/{path}"));
    }
}

#[test]
fn roles_open_a_realm_and_are_read_from_the_record() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let clerk = root.create("users", &with(user("clerk"), json!({ "enabled": true })));
    let management = root.client("realm-management");
    let give = |role: &str| {
        let role = root.read(&format!("clients/{management}/roles/{role}"));
        let path = format!("users/{clerk}/role-mappings/clients/{management}");
        _ = root.post(&path, &json!([role])).expect(204);
    };
    let by = Admin::by(&server, "test", "clerk", &password("clerk"), "test");
    by.get("users").bare(403, "HTTP 403 Forbidden");
    give("view-users");
    // The same token, which is older than the role.
    _ = by.get("users").expect(200);
    _ = by.get("groups").expect(200);
    by.get("clients").bare(403, "HTTP 403 Forbidden");
    by.post("users", &user("mallory")).bare(403, "HTTP 403 Forbidden");
    assert_eq!(by.read(""), json!({ "realm": "test" }));
    give("manage-users");
    _ = by.create("users", &user("frank"));
    // Whoever manages people makes nobody an administrator, not himself either.
    let admin = root.read(&format!("clients/{management}/roles/realm-admin"));
    let path = format!("users/{clerk}/role-mappings/clients/{management}");
    by.post(&path, &json!([admin])).bare(403, "HTTP 403 Forbidden");
    let boss = root.create("groups", &json!({ "name": "bosses" }));
    let mapped = format!("groups/{boss}/role-mappings/clients/{management}");
    _ = root.post(&mapped, &json!([admin])).expect(204);
    by.put(&format!("users/{clerk}/groups/{boss}"), &json!({})).bare(403, "HTTP 403 Forbidden");
    let joins = with(user("greta"), json!({ "groups": ["/bosses"] }));
    by.post("users", &joins).bare(403, "HTTP 403 Forbidden");
    assert_eq!(root.read("users?username=greta"), json!([]), "a refusal leaves nothing behind");
    give("realm-admin");
    _ = by.get("clients").expect(200);
    _ = by.put("", &json!({ "displayName": "Clerk's" })).expect(204);
    _ = by.put(&format!("users/{clerk}/groups/{boss}"), &json!({})).expect(204);
}

#[test]
fn an_app_without_full_scope_does_not_administer() {
    let realm = Realm::new("test").client("narrow", json!({ "fullScopeAllowed": false }));
    let server = administered(Server::builder().import(realm.json()));
    let root = Admin::root(&server, "test");
    let (carol, management) = (root.user("carol"), root.client("realm-management"));
    let role = root.read(&format!("clients/{management}/roles/view-users"));
    _ = root.post(&format!("users/{carol}/role-mappings/clients/{management}"), &json!([role])).expect(204);
    let world = World { server, realm: "test".to_owned() };
    let users = |client: &str| {
        let token = world.token_by(client, "carol");
        let url = format!("{}/admin/realms/test/users", world.server.base());
        world.server.http.get(&url).bearer(&token).send().status
    };
    assert_eq!((users("backend"), users("narrow")), (200, 403));
    // Unless the role is one of those that it may show.
    let root = Admin::root(&world.server, "test");
    let narrow = root.client("narrow");
    let path = format!("clients/{narrow}/scope-mappings/clients/{management}");
    _ = root.post(&path, &json!([role])).expect(204);
    assert_eq!(users("narrow"), 200);
}

#[test]
fn whoever_makes_a_realm_administers_it_and_no_other() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let master = root.at("master");
    let maker = master.create("users", &user("maker"));
    let role = master.read("roles/create-realm");
    _ = master.post(&format!("users/{maker}/role-mappings/realm"), &json!([role])).expect(204);
    let by = Admin::by(&server, "master", "maker", &password("maker"), "made");
    _ = by.post("/", &json!({ "realm": "made", "enabled": true })).expect(201);
    _ = by.create("users", &user("alice"));
    by.at("test").get("users").bare(403, "HTTP 403 Forbidden");
    by.at("test").delete("").bare(403, "HTTP 403 Forbidden");
    let names: Vec<_> = by.read("/").as_array().unwrap().iter().map(|realm| realm["realm"].clone()).collect();
    assert_eq!(names, ["made"]);
    assert!(!master.read("clients?clientId=made-realm")[0].is_null());
    _ = by.delete("").expect(204);
    assert_eq!(master.read("clients?clientId=made-realm"), json!([]));
}

#[test]
fn a_realm_is_made_read_changed_and_deleted() {
    let server = administered(Server::builder());
    let root = Admin::root(&server, "made");
    let answer = root.post("/", Realm::new("made").json()).expect(201);
    assert_eq!(answer.header("location"), Some(format!("{}/admin/realms/made", server.base()).as_str()));
    assert!(answer.body.is_empty(), "{answer}");
    root.post("/", &json!({ "realm": "made" })).conflicts(409, "Realm made already exists");
    _ = sign_in(&server, "made", "alice", &password("alice")).expect(200);

    let realm = root.read("");
    assert_eq!((&realm["realm"], &realm["enabled"]), (&json!("made"), &json!(true)));
    assert_eq!(realm["accessTokenLifespan"], 300);
    assert_eq!(realm["defaultRole"]["name"], "default-roles-made");
    for member in ["users", "clients", "roles", "groups", "components", "clientScopes"] {
        assert!(realm.get(member).is_none(), "{member}");
    }
    let names: Vec<_> =
        root.read("/").as_array().unwrap().iter().map(|realm| realm["realm"].clone()).collect();
    assert_eq!(names, ["made", "master"]);

    // What is absent stays as it was; what was read may be sent back whole.
    _ = root.put("", &json!({ "accessTokenLifespan": 120, "displayName": "Made" })).expect(204);
    let changed = root.read("");
    assert_eq!((&changed["accessTokenLifespan"], &changed["displayName"]), (&json!(120), &json!("Made")));
    assert_eq!(changed["userManagedAccessAllowed"], true);
    _ = root.put("", &changed).expect(204);
    assert_eq!(root.read(""), changed);
    // Members without effect here are kept and given back.
    _ = root.put("", &json!({ "bruteForceProtected": true, "browserFlow": "mine" })).expect(204);
    assert_eq!(
        (&root.read("")["bruteForceProtected"], &root.read("")["browserFlow"]),
        (&json!(true), &json!("mine"))
    );

    // Our own settings.
    _ = root.put("", &json!({ "attributes": { "countersign.ticket_lifespan": "60" } })).expect(204);
    assert_eq!(root.read("")["attributes"]["countersign.ticket_lifespan"], "60");
    let text = "member `attributes`: unknown setting `countersign.ticket_lifespam`; did you mean \
                `countersign.ticket_lifespan`?";
    root.put("", &json!({ "attributes": { "countersign.ticket_lifespam": "60" } })).conflicts(400, text);
    assert_eq!(root.read("")["attributes"].as_object().unwrap().len(), 1);

    // Renamed, it is found under its new name only.
    _ = root.put("", &json!({ "realm": "renamed" })).expect(204);
    root.get("").bare(404, "Realm not found.");
    let renamed = root.at("renamed");
    assert_eq!(renamed.read("")["id"], realm["id"]);
    renamed.put("", &json!({ "realm": "master" })).conflicts(409, "Realm master already exists");
    _ = renamed.delete("").expect(204);
    renamed.get("").bare(404, "Realm not found.");
    renamed.delete("").bare(404, "Realm not found.");
    assert_eq!(sign_in(&server, "renamed", "alice", &password("alice")).status, 404);
    // The same again begins anew: what was known of the first is forgotten.
    _ = root.post("/", &json!({ "realm": "renamed", "id": realm["id"], "enabled": true })).expect(201);
    assert_eq!(renamed.read("users"), json!([]));
    assert_eq!(renamed.read("")["accessTokenLifespan"], 300);
    root.at("master").delete("").conflicts(400, "The realm `master` cannot be deleted");
}

#[test]
fn unknown_members_are_refused_with_their_place() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let refused = |method: &str, path: &str, body: &str, class: &str, field: &str, place: &str| {
        let answer = root.request(method, path).body("application/json", body).send();
        let text =
            format!("Invalid json representation for {class}. Unrecognized field \"{field}\" at {place}.");
        answer.bare(400, &text);
    };
    refused("POST", "/", "{\"realm\":\"x\",\n\"nome\":1}", "RealmRepresentation", "nome", "line 2 column 6");
    let deep = "{\"realm\":\"x\",\"users\":[{\"username\":\"a\",\"nome\":1}]}";
    refused("POST", "/", deep, "RealmRepresentation", "nome", "line 1 column 44");
    refused("POST", "users", "{\"nome\":1}", "UserRepresentation", "nome", "line 1 column 7");
    refused("POST", "clients", "{\"nome\":1}", "ClientRepresentation", "nome", "line 1 column 7");
    refused("POST", "roles", "{\"nome\":1}", "RoleRepresentation", "nome", "line 1 column 7");
    refused("POST", "groups", "{\"nome\":1}", "GroupRepresentation", "nome", "line 1 column 7");
    refused("POST", "client-scopes", "{\"nome\":1}", "ClientScopeRepresentation", "nome", "line 1 column 7");
    root.get("/x").bare(404, "Realm not found.");
}

/// Hostile files are refused with place and reason, and change nothing (wire §9)
#[test]
fn a_hostile_realm_changes_nothing() {
    let server = usual();
    let root = Admin::root(&server, "bad");
    let refused = |body: &Value, words: &[&str]| {
        let answer = root.post("/", body).expect(400);
        let text = answer.json()["errorMessage"].as_str().unwrap_or_default().to_owned();
        for word in words {
            assert!(text.contains(word), "{word}: {answer}");
        }
        root.get("").bare(404, "Realm not found.");
    };
    let of = |a: &str, b: &str| json!({ "name": a, "composites": { "realm": [b] } });
    let roles = json!({ "realm": [of("a", "b"), of("b", "c"), of("c", "a")] });
    refused(&json!({ "realm": "bad", "roles": roles }), &["roles", "`a`", "contains itself"]);
    let mut group = json!({ "name": "g" });
    for _ in 0..40 {
        group = json!({ "name": "g", "subGroups": [group] });
    }
    refused(&json!({ "realm": "bad", "groups": [group] }), &["groups[0].subGroups[0]", "deeper than 32"]);
    let twice = json!([{ "id": "same", "username": "one" }, { "id": "same", "username": "two" }]);
    refused(&json!({ "realm": "bad", "users": twice }), &["user `two`", "in use already"]);
    let twice = json!([{ "username": "one" }, { "username": "ONE" }]);
    refused(&json!({ "realm": "bad", "users": twice }), &["users[1].username", "twice"]);
    let many: Vec<Value> = (0..100_001).map(|n| json!({ "name": format!("r{n}") })).collect();
    refused(&json!({ "realm": "bad", "roles": { "realm": many } }), &["roles", "at most 100000"]);
    refused(&json!({ "realm": "a/b" }), &["slash"]);
    refused(&json!({}), &["realm"]);
    let deep = format!("{{\"realm\":\"bad\",\"attributes\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let answer = root.request("POST", "/").body("application/json", deep).send();
    assert_eq!(answer.status, 400, "{answer}");
    root.get("").bare(404, "Realm not found.");
}

/// Its length is said beforehand, or it comes in pieces: nobody waits for the rest
#[test]
fn a_realm_of_100_megabytes_is_refused_over_http() {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
    };
    let server = usual();
    let root = Admin::root(&server, "test");
    let head = |more: &str| {
        format!(
            "POST /admin/realms HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Connection: close\r\n{more}\r\n\r\n",
            server.address(),
            root.token
        )
    };
    let answer = |stream: &mut TcpStream| {
        let mut text = Vec::new();
        // The server may close before everything is read.
        _ = stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    };
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(head("Content-Length: 104857600").as_bytes()).unwrap();
    let said = answer(&mut stream);
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(head("Transfer-Encoding: chunked").as_bytes()).unwrap();
    let piece = [b"100000\r\n".to_vec(), vec![b' '; 0x10_0000], b"\r\n".to_vec()].concat();
    let mut sent = 0_usize;
    while sent < 100 && stream.write_all(&piece).is_ok() {
        sent += 1;
    }
    assert!((64..100).contains(&sent), "{sent} MiB were taken");
    root.get("/huge").bare(404, "Realm not found.");
    assert_eq!(root.read("")["realm"], "test");
}

/// Behaviours ADM-23: there is no switch for a feature; what is not served says so with its path
#[test]
fn adm_23_what_is_not_served_is_a_501_that_names_the_path() {
    let server = usual();
    let root = Admin::root(&server, "test");
    for (method, path) in [
        ("GET", "test/identity-provider/instances"),
        ("GET", "test/authentication/flows"),
        ("POST", "test/clients-initial-access"),
        ("PUT", "test/localization/en"),
        ("DELETE", "test/user-storage/x"),
    ] {
        let answer = root.request(method, &format!("/{path}")).send();
        answer.refused(501, "not_supported", &format!("/admin/realms/{path}"));
    }
}
