//! Bodies, headers and lists that are longer than allowed, at every endpoint that there is: refused, and nothing kept.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign::{
    app::{App, IssuerPolicy},
    clock::Clock,
    keys::MasterKey,
    pdp::{Pdp, PdpSource},
    store::Store,
};
use countersign_tests::{
    admin::Admin,
    folder::Folder,
    realm::{Realm, secret},
    table::Table,
    world::World,
};
use regex::Regex;
use serde_json::json;

/// Somewhat longer than a body may be
const TOO_LONG: usize = 2 * 1024 * 1024 + 1;

/// Calls that never read a body, and so do not mind one
const NO_BODY: [&str; 2] = ["/logout-all", "/partial-export"];

/// The template of every path that is served, without those that end in a slash
fn routes() -> Vec<String> {
    let folder = Folder::new();
    let store = Store::open(&folder.path().join("routes.db")).unwrap();
    let master = Arc::new(MasterKey::from_text(&STANDARD.encode([7; 32]), "a test").unwrap());
    let issuers = IssuerPolicy::Fixed("https://as.example".to_owned());
    let app = App::new(store, Clock::system(), issuers, Pdp::new(PdpSource::Embedded).unwrap(), master);
    let router = format!("{:?}", countersign::app(Arc::new(app)));
    let template = Regex::new("RouteId\\([0-9]+\\): \"(/[^\"]*)\"").unwrap();
    let mut found: Vec<_> = template.captures_iter(&router).map(|found| found[1].to_owned()).collect();
    found.retain(|path| !path.ends_with('/') && !path.contains("__private"));
    found.sort_unstable();
    found.dedup();
    assert!(found.len() > 80, "the router does not tell its routes any more: {}", found.len());
    found
}

fn world() -> World {
    let realm = Realm::new("test");
    World::administered(&realm)
}

#[test]
fn no_endpoint_takes_a_body_that_is_too_long() {
    let world = world();
    let root = Admin::root(&world.server, "test").token;
    let pat = world.pat();
    let before = world.server.resident();
    let mut table = Table::new();
    let placeholder = Regex::new("\\{[^}]*\\}").unwrap();
    for route in routes() {
        let path = placeholder
            .replace_all(&route.replace("{realm}", "test"), "00000000-0000-0000-0000-000000000000")
            .into_owned();
        let token = if path.starts_with("/admin") { &root } else { &pat };
        for (method, kind, unit) in [
            ("POST", "application/json", "["),
            ("PUT", "application/json", "["),
            ("POST", "application/x-www-form-urlencoded", "a=b&"),
        ] {
            let url = format!("{}{path}", world.server.base());
            let request = world.server.http.request(method, &url).bearer(token);
            let Ok(answer) = request.body(kind, unit.repeat(TOO_LONG / unit.len() + 1)).try_send() else {
                // Closed before all of it was sent: refused as well.
                continue;
            };
            let reads_none = NO_BODY.iter().any(|end| path.ends_with(end));
            table.holds(&format!("{method} {path} {kind}"), answer, "a refusal", |answer| {
                (400..500).contains(&answer.status)
                    || answer.status == 501
                    || reads_none && answer.status == 200
            });
        }
    }
    table.done();
    // 2 MiB for each of some hundred requests would show.
    let after = world.server.resident();
    assert!(after < before + 64 * 1024, "{before} KiB before, {after} KiB after");
}

#[test]
fn endpoints_that_read_a_body_say_that_it_is_too_long() {
    let world = world();
    let pat = world.pat();
    let root = Admin::root(&world.server, "test");
    let form = "application/x-www-form-urlencoded";
    let long = |unit: &str| unit.repeat(TOO_LONG / unit.len() + 1);
    let mut table = Table::new();
    for path in ["token", "token/introspect", "revoke"] {
        let request = world.request("POST", &format!("protocol/openid-connect/{path}"));
        let request = request.basic("documents", &secret("documents"));
        if let Ok(answer) = request.body(form, long("a=b&")).try_send() {
            table.status(path, answer, 413);
        }
    }
    for path in ["resource_set", "permission", "permission/ticket"] {
        let request = world.protection("POST", path, &pat).body("application/json", long("["));
        if let Ok(answer) = request.try_send() {
            table.status(path, answer, 413);
        }
    }
    for path in ["users", "clients", "roles", "groups"] {
        let request = root.request("POST", path).body("application/json", long("["));
        if let Ok(answer) = request.try_send() {
            table.status(path, answer, 413);
        }
    }
    table.done();
}

#[test]
fn lists_values_and_depths_have_bounds() {
    let world = world();
    let (pat, bob) = (world.pat(), world.token_by("reader", "bob"));
    let before = world.everything();
    let scopes: Vec<_> = (0..20_000).map(|number| format!("s{number}")).collect();
    let mut table = Table::new();
    let refused = |answer: &countersign_tests::http::Answer| (400..500).contains(&answer.status);
    let register =
        |body: &serde_json::Value| world.protection("POST", "resource_set", &pat).json(body).send();
    table.holds(
        "a scope",
        register(&json!({ "name": "x", "resource_scopes": ["s".repeat(256)] })),
        "4xx",
        refused,
    );
    table.holds("a name", register(&json!({ "name": "n".repeat(1_000_000) })), "4xx", refused);
    table.holds("uris", register(&json!({ "name": "x", "uris": ["/u".repeat(10_000)] })), "4xx", refused);
    let mut deep = json!("x");
    for _ in 0..120 {
        deep = json!([deep]);
    }
    table.holds("depth", register(&json!({ "name": "x", "attributes": { "a": deep } })), "4xx", refused);
    let asked: Vec<_> = (0..20_000).map(|number| json!({ "resource_id": format!("{number}") })).collect();
    let answer = world.protection("POST", "permission", &pat).json(&json!(asked)).send();
    table.holds("a permission request", answer, "4xx", refused);
    let fields: Vec<_> = scopes.iter().map(|scope| ("permission", scope.as_str())).collect();
    let mut form = vec![("audience", "documents")];
    form.extend(fields);
    table.holds("permissions", world.uma(&bob, &form), "4xx", refused);
    let long = "v".repeat(20_001);
    table.holds("a parameter", world.uma(&bob, &[("audience", &long)]), "4xx", refused);
    let answer = world
        .request("GET", ".well-known/uma2-configuration")
        .header("x-long", &"h".repeat(300_000))
        .try_send();
    if let Ok(answer) = answer {
        table.status("a header", answer, 431);
    }
    table.done();
    assert_eq!(world.everything(), before);
}

/// RFC 9112 §9.6: else the next request on the connection is lost
#[test]
fn an_answer_before_the_body_was_read_says_that_the_connection_ends() {
    let world = World::new();
    let body = json!({ "name": "x".repeat(100_000) });
    let send = |token: &str| world.protection("POST", "resource_set", token).json(&body).send();
    assert_eq!(send("x").expect(403).header("connection"), Some("close"));
    // Refused as well, after it was read
    assert_eq!(send(&world.pat()).expect(400).header("connection"), None);
    let answer = world.request("GET", "authz/protection/resource_set").send().expect(403);
    assert_eq!(answer.header("connection"), None, "there was no body");
}
