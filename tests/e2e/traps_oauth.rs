//! Traps of OAuth and HTTP (checklist 4.2) that no test of a feature is about.

use countersign_tests::{
    http::Answer,
    realm::secret,
    table::Table,
    world::{UMA, World},
};
use serde_json::json;

/// Clients are made by administrators alone, so nobody brings an address of his own that this server would send
/// somebody to.
#[test]
fn trap_oauth_09_and_23_no_client_registers_itself() {
    let world = World::new();
    let openid = world.request("GET", ".well-known/openid-configuration").send().expect(200).json();
    assert_eq!(openid.get("registration_endpoint"), None);
    let client = json!({ "client_name": "x", "redirect_uris": ["https://evil.example/"] });
    let pat = world.pat();
    for path in
        ["clients-registrations", "clients-registrations/default", "clients-registrations/openid-connect"]
    {
        _ = world.request("POST", path).json(&client).send().expect(404);
        _ = world.request("POST", path).bearer(&pat).json(&client).send().expect(404);
    }
}

#[test]
fn trap_oauth_16_no_scope_makes_a_resource_server() {
    let world = World::new();
    let robot = |scopes: &[&str]| {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scopes.iter().map(|scope| ("scope", *scope)));
        world.post_token().basic("robot", &secret("robot")).form(&form).send()
    };
    let many = (0..10_000).map(|number| format!("s{number}")).collect::<Vec<_>>().join(" ");
    let mut got = 0;
    for scope in [
        "uma_protection",
        "UMA_PROTECTION",
        "uma_protection\topenid",
        " ",
        "\"uma_protection\"",
        "a\\b",
        &many,
    ] {
        let answer = robot(&[scope]);
        assert!(matches!(answer.status, 200 | 400), "{answer}");
        if answer.status == 200 {
            got += 1;
            let token = answer.member("access_token");
            assert_eq!(world.protection("GET", "resource_set", &token).send().status, 403, "{scope}");
        }
    }
    assert_ne!(got, 0, "no token at all was tried");
    _ = robot(&["openid", "uma_protection"]).expect(400);
}

#[test]
fn trap_oauth_17_a_parameter_comes_once_and_in_a_form() {
    let world = World::new();
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let bob = world.token_by("reader", "bob");
    let ticket = world.ticket(&world.pat(), &hers, &["read"]);
    let send = |fields: &[(&str, &str)]| world.post_token().bearer(&bob).form(fields).send();
    let mut table = Table::new();
    table.status("twice", send(&[("grant_type", UMA), ("ticket", &ticket), ("ticket", &ticket)]), 400);
    table.status("two grants", send(&[("grant_type", UMA), ("grant_type", UMA), ("ticket", &ticket)]), 400);
    table.status("as a list", send(&[("grant_type", UMA), ("ticket[]", &ticket)]), 400);
    let url = format!("protocol/openid-connect/token?grant_type={UMA}&ticket={ticket}");
    table.status("in the URL", world.request("POST", &url).bearer(&bob).send(), 400);
    let url = format!("protocol/openid-connect/token?ticket={ticket}");
    let answer = world.request("POST", &url).bearer(&bob).form(&[("grant_type", UMA)]).send();
    table.status("half in the URL", answer, 400);
    let document = json!({ "grant_type": UMA, "ticket": ticket });
    table.status("as JSON", world.post_token().bearer(&bob).json(&document).send(), 400);
    table.done();
    // None of that has spent it.
    _ = world.exchange(&bob, &ticket).expect(200);
}

#[test]
fn trap_oauth_18_nothing_that_is_sent_becomes_a_header() {
    let world = World::new();
    let pat = world.pat();
    let quiet = |answer: &Answer| {
        assert!(answer.headers.keys().all(|name| !name.as_str().contains("evil")), "{answer}");
    };
    for realm in ["a%0d%0ax-evil:%201", "test%0d%0a%0d%0ax-evil:%201", "test%0ax-evil:1"] {
        let url = format!("{}/realms/{realm}/protocol/openid-connect/userinfo", world.server.base());
        quiet(&world.server.http.get(&url).bearer("x").send().expect(404));
    }
    let name = "n\r\nx-evil: 1";
    let resource = json!({ "name": name, "owner": "alice", "resource_scopes": ["read"] });
    let answer = world.protection("POST", "resource_set", &pat).json(&resource).send();
    assert!(matches!(answer.status, 201 | 400), "{answer}");
    quiet(&answer);
    let answer = world.protection("GET", "resource_set/x%0d%0ax-evil:%201", &pat).send();
    quiet(&answer.expect(404));
    let fields = [("grant_type", "password"), ("client_id", "a\r\nx-evil: 1")];
    let answer = world.post_token().form(&fields).send();
    assert!(matches!(answer.status, 400 | 401), "{answer}");
    quiet(&answer);
}

#[test]
fn trap_oauth_19_and_20_no_header_makes_another_request_of_it() {
    let world = World::new();
    let (hers, pat) = (world.document("hers"), world.pat());
    let resource = format!("resource_set/{hers}");
    let issuer = world.issuer();
    for (name, value) in [
        ("x-http-method-override", "DELETE"),
        ("x-http-method", "DELETE"),
        ("x-method-override", "DELETE"),
        ("x-original-url", "/admin/realms"),
        ("x-rewrite-url", "/admin/realms"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/evil"),
        ("forwarded", "host=evil.example;proto=https"),
    ] {
        let answer = world.protection("GET", &resource, &pat).header(name, value).send().expect(200);
        assert_eq!(answer.member("_id"), hers, "{name}");
        let answer = world.request("GET", ".well-known/uma2-configuration").header(name, value).send();
        assert_eq!(answer.expect(200).member("issuer"), issuer, "{name}");
    }
    for name in ["x-remote-user", "x-forwarded-user", "remote-user", "x-ssl-client-cert", "ssl-client-cert"] {
        let answer = world.request("GET", "authz/protection/resource_set").header(name, "alice").send();
        assert_eq!(answer.status, 403, "{name}");
    }
    // `HEAD` is decided as `GET` is.
    let head = |token: Option<&str>| {
        let request = world.request("HEAD", &format!("authz/protection/{resource}"));
        token
            .map_or_else(
                || world.request("HEAD", &format!("authz/protection/{resource}")),
                |token| request.bearer(token),
            )
            .send()
    };
    assert_eq!(head(None).status, 403);
    assert_eq!(head(Some(&world.token_by("reader", "bob"))).status, 403);
    let answer = head(Some(&pat)).expect(200);
    assert!(answer.body.is_empty());
    // A path means one thing.
    for path in [
        "//realms/test",
        "/realms//test",
        "/realms/test/..;/master",
        "/realms/test%2fprotocol",
        "/REALMS/test",
        "/realms/test./protocol/openid-connect/certs",
        "/realms/%2e%2e/admin/realms",
        "/realms/test/authz/protection/../../../../admin/realms",
    ] {
        let bytes = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {pat}\r\nConnection: close\r\n\r\n",
            world.server.address()
        );
        let answer = world.server.raw(bytes.as_bytes());
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(matches!(status, "400" | "404" | "405"), "{path}: {answer}");
    }
}
