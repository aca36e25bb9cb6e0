//! Who may call the protection API at all, and what is not there (wire §0, §2.1, §4.6).

use countersign_tests::{
    forge,
    realm::{Realm, resource_server, secret, settings},
    table::Table,
    world::World,
};
use serde_json::json;

const BEARER: (&str, &str) = ("invalid_bearer_token", "Could not obtain bearer access_token from request.");
const SCOPE: (&str, &str) = ("invalid_scope", "Requires uma_protection scope.");

/// Every path of the protection API with a method that it takes
pub(crate) const PATHS: [(&str, &str); 15] = [
    ("POST", "resource_set"),
    ("GET", "resource_set"),
    ("GET", "resource_set/x-1"),
    ("PUT", "resource_set/x-1"),
    ("DELETE", "resource_set/x-1"),
    ("POST", "permission"),
    ("POST", "permission/ticket"),
    ("GET", "permission/ticket"),
    ("PUT", "permission/ticket"),
    ("DELETE", "permission/ticket/x-1"),
    ("GET", "permission/ticket/count"),
    ("POST", "uma-policy/x-1"),
    ("GET", "uma-policy"),
    ("PUT", "uma-policy/x-1"),
    ("DELETE", "uma-policy/x-1"),
];

/// wire §2.1; behaviours E-P1 to E-P4
#[test]
fn the_protection_api_opens_only_to_tokens_of_a_resource_server() {
    let realm = Realm::new("test").set("privateKey", forge::private_key().into());
    let world = World::of(&realm);
    let mut table = Table::new();
    let alice = world.token("alice");
    let public = world.token_by("reader", "alice");
    let robot = world.pat_of("robot");
    let expired = forge::changed(&alice, |claims| claims["exp"] = 1_000_000.into());
    let foreign = forge::changed(&alice, |claims| claims["iss"] = "http://as.example/realms/test".into());
    let stranger = forge::changed(&alice, |claims| claims["azp"] = "nobody".into());
    let refresh = world.sign_in("documents", "alice").member("refresh_token");
    let ticket = world.ticket(&world.pat(), &world.document("a"), &["read"]);
    let none = forge::unsigned(&json!({ "alg": "none", "typ": "JWT" }), &forge::claims(&alice)) + ".";
    for (method, path) in PATHS {
        let send = |token: &str| world.protection(method, path, token).send();
        let name = |what: &str| format!("{method} {path}: {what}");
        let full = format!("authz/protection/{path}");
        table.row(&name("no token"), world.request(method, &full).send(), 403, BEARER.0, BEARER.1);
        let basic = world.request(method, &full).basic("documents", &secret("documents")).send();
        table.bare(&name("Basic"), basic, 401, "HTTP 401 Unauthorized");
        let empty = world.request(method, &full).header("authorization", "Bearer").send();
        table.bare(&name("nothing behind Bearer"), empty, 401, "HTTP 401 Unauthorized");
        for (what, token) in [
            ("garbage", "garbage"),
            ("three dots", "a.b.c"),
            ("tampered", forge::tampered(&alice).as_str()),
            ("expired", &expired),
            ("another issuer", &foreign),
            ("no signature", &none),
            ("a refresh token", &refresh),
            ("a permission ticket", &ticket),
        ] {
            table.row(&name(what), send(token), 403, BEARER.0, BEARER.1);
        }
        let text = "Client application [reader] is not registered as a resource server.";
        table.row(&name("public client"), send(&public), 403, "invalid_clientId", text);
        let text = "Client application [robot] is not registered as a resource server.";
        table.row(&name("client without authorization"), send(&robot), 403, "invalid_clientId", text);
        let text = "Client application with id [nobody] does not exist in realm [test]";
        table.row(&name("unknown client"), send(&stranger), 400, "invalid_clientId", text);
    }
    table.done();
}

/// wire §2.1: `permission` and `uma-policy` ask no role, the resource server itself needs none
#[test]
fn the_role_is_asked_where_keycloak_asks_it() {
    let bare = json!({
        "username": "service-account-documents", "serviceAccountClientId": "documents", "enabled": true,
    });
    let world = World::of(&Realm::new("test").user("service-account-documents", bare));
    let mut table = Table::new();
    let bob = world.token("bob");
    for (method, path) in PATHS {
        let answer = world.protection(method, path, &bob).send();
        if path.starts_with("resource_set") || path.starts_with("permission/ticket") {
            table.row(&format!("{method} {path}"), answer, 403, SCOPE.0, SCOPE.1);
        } else {
            table.holds(&format!("{method} {path}"), answer, "no 403", |answer| answer.status != 403);
        }
    }
    let pat = world.pat();
    assert_eq!(forge::claims(&pat).get("resource_access"), None);
    table.status("PAT without the role: list", world.protection("GET", "resource_set", &pat).send(), 200);
    table.status(
        "PAT without the role: tickets",
        world.protection("GET", "permission/ticket", &pat).send(),
        200,
    );
    table.done();
}

/// wire §2.1: a token is good only under the issuer that made it
#[test]
fn a_token_of_another_realm_or_host_is_refused() {
    let builder = countersign_tests::server::Server::builder().import(Realm::new("other").json());
    let world = World::on(builder, &Realm::new("test"));
    let other = format!("{}/realms/other/protocol/openid-connect/token", world.server.base());
    let form = [("grant_type", "client_credentials")];
    let answer = world.server.http.post(&other).basic("documents", &secret("documents")).form(&form).send();
    let foreign = answer.expect(200).member("access_token");
    world.protection("GET", "resource_set", &foreign).send().refused(403, BEARER.0, BEARER.1);
    world.uma(&foreign, &[("audience", "documents")]).refused(400, "invalid_grant", "Invalid bearer token");
    assert_eq!(world.introspect(&foreign), json!({ "active": false }));

    let pat = world.pat();
    let port = world.server.address().port();
    let by_name = world.protection("GET", "resource_set", &pat).header("host", &format!("localhost:{port}"));
    by_name.send().refused(403, BEARER.0, BEARER.1);
    _ = world.protection("GET", "resource_set", &pat).send().expect(200);
}

/// wire §0.2, §0.4
#[test]
fn unknown_paths_methods_and_slashes_are_answered_as_keycloak_does() {
    let world = World::new();
    let pat = world.pat();
    let mut table = Table::new();
    let base = world.server.base();
    let get = |path: &str| world.server.http.get(&format!("{base}{path}")).send();
    table.bare(
        "unknown realm",
        get("/realms/nope/protocol/openid-connect/certs"),
        404,
        "Realm does not exist",
    );
    table.bare(
        "unknown realm",
        get("/realms/nope/authz/protection/resource_set"),
        404,
        "Realm does not exist",
    );
    table.bare("unknown realm", get("/realms/nope"), 404, "Realm does not exist");
    table.bare("unknown path", get("/nope"), 404, "HTTP 404 Not Found");
    table.bare("unknown document", get("/realms/test/.well-known/nope"), 404, "HTTP 404 Not Found");
    let wrong = "HTTP 405 Method Not Allowed";
    table.bare("below protection", world.protection("GET", "nope", &pat).send(), 405, wrong);
    table.bare("wrong method", world.protection("PATCH", "resource_set", &pat).send(), 405, wrong);
    table.bare("wrong method", world.protection("GET", "permission", &pat).send(), 405, wrong);
    table.bare("entitlement", world.request("GET", "authz/entitlement/x").send(), 405, wrong);
    table.bare("GET token", world.request("GET", "protocol/openid-connect/token").send(), 405, wrong);
    table.status("a slash", world.protection("GET", "resource_set/", &pat).send(), 200);
    table.status("a slash", world.protection("GET", "permission/ticket/", &pat).send(), 200);
    let form = [("grant_type", "client_credentials")];
    let token =
        world.request("POST", "protocol/openid-connect/token/").basic("documents", &secret("documents"));
    table.status("a slash", token.form(&form).send(), 200);
    table.done();

    for answer in [get("/realms/test/protocol/openid-connect/certs"), get("/nope"), get("/realms/test")] {
        for (name, want) in [
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "SAMEORIGIN"),
            ("x-robots-tag", "none"),
        ] {
            assert_eq!(answer.header(name), Some(want), "{name}: {answer}");
        }
    }
    let address = world.server.address();
    let line = world
        .server
        .raw(format!("GET /nope HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes());
    assert!(line.starts_with("HTTP/1.1 404 Not Found\r\n"), "{line}");
}

/// wire §4.6, N34: what another resource server tries changes nothing and hides nothing
#[test]
fn n_34_another_resource_servers_ids_are_unknown_everywhere() {
    let realm = Realm::new("test").client("third", resource_server("third", settings()));
    let world = World::of(&realm);
    let hers = world.document("hers");
    let share = world.share(&hers, "read", "bob");
    let share = share.as_str().unwrap();
    let alice = world.token("alice");
    let policy = json!({ "name": "with carol", "users": ["carol"] });
    let made = world.protection("POST", &format!("uma-policy/{hers}"), &alice).json(&policy).send();
    let policy = made.expect(200).member("id");
    let before = world.everything();
    let mut table = Table::new();
    for token in [world.pat_of("archive"), world.token_by("archive", "alice")] {
        let send = |method: &str, path: &str| world.protection(method, path, &token);
        let body = json!([{ "resource_id": hers, "resource_scopes": ["read"] }]);
        let text = format!("Resource set with id [{hers}] does not exists in this server.");
        let answer = send("POST", "permission").json(&body).send();
        table.row("permission", answer, 400, "invalid_resource_id", &text);
        let body = json!({ "resource": hers, "scopeName": "read", "requesterName": "carol" });
        let answer = send("POST", "permission/ticket").json(&body).send();
        table.row("ticket", answer, 400, "invalid_resource_id", &text);
        for granted in [true, false] {
            let body = json!({ "id": share, "granted": granted });
            let answer = send("PUT", "permission/ticket").json(&body).send();
            table.row("PUT ticket", answer, 400, "invalid_request", "invalid_ticket");
        }
        let answer = send("DELETE", &format!("permission/ticket/{share}")).send();
        table.row("DELETE ticket", answer, 400, "invalid_request", "invalid_ticket");
        let answer = send("GET", &format!("permission/ticket?resourceId={hers}")).send();
        table.body("GET ticket", answer, 200, &json!([]));
        let answer = send("GET", &format!("permission/ticket/count?resourceId={hers}")).send();
        table.body("count", answer, 200, &json!(0));
        let text = format!("Policy with [{policy}] does not exist");
        for method in ["GET", "PUT", "DELETE"] {
            let request = send(method, &format!("uma-policy/{policy}"));
            let body = json!({ "name": "taken over", "users": ["bob"] });
            let answer = if method == "PUT" { request.json(&body).send() } else { request.send() };
            table.row(&format!("{method} uma-policy"), answer, 404, "invalid_request", &text);
        }
        let body = json!({ "name": "new", "users": ["bob"] });
        let answer = send("POST", &format!("uma-policy/{hers}")).json(&body).send();
        let text = format!("Resource [{hers}] cannot be found");
        table.row("POST uma-policy", answer, 400, "invalid_request", &text);
        table.status("uma-policy of it", send("GET", &format!("uma-policy?resource={hers}")).send(), 204);
    }
    let bob = world.token_by("reader", "bob");
    let text = format!("Resource with id [{hers}] does not exist.");
    let answer = world.uma(&bob, &[("audience", "archive"), ("permission", &hers)]);
    table.row("grant", answer, 400, "invalid_resource", &text);
    table.done();
    assert_eq!(world.everything(), before);
}
