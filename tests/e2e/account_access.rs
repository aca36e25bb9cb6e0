//! The account API: who may call it, and from where (`keycloak-wire` §10.1).

use countersign_tests::{
    forge,
    http::Answer,
    realm::{Realm, secret},
    world::World,
};
use serde_json::{Value, json};

/// The usual realm with people of fewer roles
fn realm() -> Realm {
    let only = |role: &str| json!({ "clientRoles": { "account": [role] } });
    Realm::new("test")
        .user("viewer", only("view-profile"))
        .user("manager", only("manage-account"))
        .user("grouped", only("view-groups"))
        .user("linker", only("manage-account-links"))
        .user("imported", json!({}))
}

fn get(world: &World, token: &str, path: &str) -> Answer {
    world.request("GET", &format!("account/v1{path}")).bearer(token).send()
}

const UNAUTHORIZED: &str = "HTTP 401 Unauthorized";
const FORBIDDEN: &str = "HTTP 403 Forbidden";

#[test]
fn only_people_with_a_token_for_the_account_are_let_in() {
    let world = World::of(&realm());
    let alice = world.token("alice");
    let parts: Vec<&str> = alice.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], parts[1], "AAAA");
    let audience = forge::claims(&world.token("imported"));
    assert_eq!(audience.get("aud"), None, "{audience}");
    for (who, token) in [
        ("a service account", world.pat()),
        ("imported without a role", world.token("imported")),
        ("forged", forged),
        ("no token", "x".to_owned()),
    ] {
        for path in ["", "/resources", "/sessions", "/supportedLocales", "/resources/x/user?value=bob"] {
            let answer = get(&world, &token, path).expect(401);
            assert_eq!(answer.json(), json!({ "error": UNAUTHORIZED }), "{who} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{who} {path}");
        }
    }
    let bare = world.request("GET", "account/v1/resources").send().expect(401);
    assert_eq!(bare.json(), json!({ "error": UNAUTHORIZED }));
    let basic = world.request("GET", "account/v1/resources").basic("documents", &secret("documents")).send();
    assert_eq!(basic.expect(401).json(), json!({ "error": UNAUTHORIZED }));
    // A sign-in that has ended opens nothing.
    _ = get(&world, &alice, "").expect(200);
    _ = world.request("DELETE", "account/v1/sessions?current=true").bearer(&alice).send().expect(204);
    _ = get(&world, &alice, "").expect(401);
    // Another realm's token neither, and a realm that is not there has no accounts.
    let master = format!("{}/realms/master/account/v1/", world.server.base());
    _ = world.server.http.get(&master).bearer(&world.token("bob")).send().expect(401);
    let nowhere = format!("{}/realms/nowhere/account/v1/", world.server.base());
    _ = world.server.http.get(&nowhere).bearer(&world.token("bob")).send().expect(404);
}

#[test]
fn each_part_needs_its_role() {
    let world = World::of(&realm());
    let hers = world.document("hers");
    let [viewer, manager, grouped, linker] =
        ["viewer", "manager", "grouped", "linker"].map(|user| world.token(user));
    for (path, who) in [
        ("", [200, 200, 403, 403]),
        ("/sessions", [200, 200, 403, 403]),
        ("/credentials", [200, 200, 403, 403]),
        ("/applications", [403, 200, 403, 403]),
        ("/applications/reader/consent", [403, 204, 403, 403]),
        ("/groups", [403, 403, 200, 403]),
        ("/supportedLocales", [200, 200, 200, 200]),
        ("/resources", [200, 200, 403, 403]),
        ("/resources/shared-with-me", [200, 200, 403, 403]),
        ("/resources/shared-with-others", [200, 200, 403, 403]),
        ("/resources/pending-requests", [200, 200, 403, 403]),
        (&format!("/resources/{hers}"), [400, 400, 403, 403]),
        (&format!("/resources/{hers}/permissions"), [400, 400, 403, 403]),
        (&format!("/resources/{hers}/permissions/requests"), [400, 400, 403, 403]),
        (&format!("/resources/{hers}/user?value=bob"), [400, 400, 403, 403]),
    ] {
        for (token, status) in [&viewer, &manager, &grouped, &linker].into_iter().zip(who) {
            let answer = get(&world, token, path).expect(status);
            if status == 403 {
                assert_eq!(answer.json(), json!({ "error": FORBIDDEN }), "{path}");
            }
        }
    }
    // Who only looks changes nothing.
    for (method, path, body) in [
        ("PUT", format!("/resources/{hers}/permissions"), json!([{ "username": "bob", "scopes": ["read"] }])),
        ("POST", String::new(), json!({ "firstName": "X" })),
        ("DELETE", "/sessions".to_owned(), Value::Null),
        ("DELETE", "/sessions/x".to_owned(), Value::Null),
        ("DELETE", "/credentials/x".to_owned(), Value::Null),
        ("PUT", "/applications/reader/consent".to_owned(), json!({ "grantedScopes": [] })),
        ("DELETE", "/applications/reader/consent".to_owned(), Value::Null),
    ] {
        for token in [&viewer, &grouped, &linker] {
            let answer = world.request(method, &format!("account/v1{path}")).bearer(token).json(&body).send();
            assert_eq!(answer.expect(403).json(), json!({ "error": FORBIDDEN }), "{method} {path}");
        }
    }
}

#[test]
fn without_its_client_there_is_no_account_api() {
    let world = World::of(&realm().client("account", json!({ "enabled": false, "publicClient": true })));
    let answer = get(&world, &world.token("alice"), "/resources").expect(404);
    assert_eq!(answer.json(), json!({ "error": "HTTP 404 Not Found" }));
}

#[test]
fn the_plain_path_answers_programs_that_ask_for_json() {
    let world = World::of(&realm());
    let alice = world.token("alice");
    let at = |path: &str| world.request("GET", path).bearer(&alice);
    for path in ["account", "account/", "account/resources"] {
        _ = at(path).header("accept", "text/html").send().expect(406);
        _ = at(path).header("accept", "application/json").send().expect(200);
        _ = at(path).header("accept", "text/plain, application/json;q=0.9").send().expect(200);
        _ = at(path).header("content-type", "application/json; charset=utf-8").send().expect(200);
    }
    for path in ["account/v1", "account/v1/", "account/v1/resources", "account/v1/resources/"] {
        _ = at(path).send().expect(200);
    }
    _ = at("account/v1/nothing").send().expect(404);
    _ = world.request("POST", "account/v1/resources").bearer(&alice).json(&json!({})).send().expect(405);
}

#[test]
fn scripts_of_the_clients_sites_may_call() {
    let world = World::of(&realm());
    let alice = world.token_by("reader", "alice");
    let call = |origin: &str, token: &str| {
        world
            .request("GET", "account/v1/resources?first=0&max=1")
            .bearer(token)
            .header("origin", origin)
            .send()
    };
    let answer = call("https://app.example", &alice).expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("Link"), "{answer}");
    for (origin, token) in [
        ("https://evil.example", alice.as_str()),
        ("null", alice.as_str()),
        ("https://app.example", &world.token("alice")),
    ] {
        let answer = call(origin, token).expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    assert_eq!(call("https://app.example", "x").expect(401).header("access-control-allow-origin"), None);
    for path in ["account/v1/resources/x/permissions", "account/resources/x/permissions"] {
        let asked = world.request("OPTIONS", path).header("origin", "https://app.example");
        let answer = asked.header("access-control-request-method", "PUT").send().expect(200);
        assert!(answer.header("access-control-allow-methods").unwrap().contains("PUT"), "{answer}");
        assert!(answer.header("access-control-allow-headers").unwrap().contains("Authorization"), "{answer}");
    }
}
