//! Input that no client would send: never a 500, nothing written, nothing told (issue "Bad input").

use countersign_tests::{
    forge::{self, claims},
    realm::{Realm, secret},
    table::Table,
    world::World,
};
use serde_json::json;

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// A request in bytes, with `Connection: close`
fn request(world: &World, line: &str, headers: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", world.server.address()).into_bytes();
    for header in headers {
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let world = World::new();
    let pat = world.pat();
    let before = world.everything();
    let bearer = format!("Authorization: Bearer {pat}").into_bytes();
    let form: &[u8] = b"Content-Type: application/x-www-form-urlencoded";
    let json: &[u8] = b"Content-Type: application/json";
    let token = "POST /realms/test/protocol/openid-connect/token";
    let resources = "POST /realms/test/authz/protection/resource_set";
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("form", request(&world, token, &[form], b"grant_type=\xff\xfe"), &[400]),
        ("escape", request(&world, token, &[form], b"grant_type=%zz"), &[400]),
        ("half an escape", request(&world, token, &[form], b"grant_type=%2"), &[400]),
        ("escaped bytes", request(&world, token, &[form], b"grant_type=password&username=%ff%fe"), &[400]),
        ("JSON", request(&world, resources, &[&bearer, json], b"{\"name\":\"\xff\"}"), &[400]),
        ("half a surrogate", request(&world, resources, &[&bearer, json], br#"{"name":"\ud800"}"#), &[400]),
        ("deep", request(&world, resources, &[&bearer, json], &b"[".repeat(100_000)), &[400]),
        ("header", request(&world, resources, &[b"Authorization: Bearer \xff\xfe", json], b"{}"), &[401, 403]),
        ("Basic", request(&world, token, &[b"Authorization: Basic \xff", form], b"grant_type=client_credentials"), &[400, 401]),
        ("Basic of bytes", request(&world, token, &[b"Authorization: Basic //4=", form], b"grant_type=client_credentials"), &[400, 401]),
        ("Basic without colon", request(&world, token, &[b"Authorization: Basic YWJj", form], b"grant_type=client_credentials"), &[400, 401]),
        ("path", request(&world, "GET /realms/%ff/protocol/openid-connect/certs", &[], b""), &[400, 404]),
        ("id", request(&world, "GET /realms/test/authz/protection/resource_set/%ff%00", &[&bearer], b""), &[400, 404]),
        ("nul", request(&world, "GET /realms/test/authz/protection/resource_set/%00", &[&bearer], b""), &[400, 404]),
        ("query", request(&world, "GET /realms/test/authz/protection/resource_set?name=%ff", &[&bearer], b""), &[400]),
        ("origin", request(&world, token, &[b"Origin: \xff\xfe", form], b"grant_type=client_credentials"), &[400, 401, 403]),
        ("host", b"GET /realms/test HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n".to_vec(), &[400]),
        ("no host", b"GET /realms/test HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(), &[400]),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(), &[0, 400]),
        ("two lengths", b"POST /realms/test HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(), &[400]),
        ("length and chunks", format!("{token} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", world.server.address()).into_bytes(), &[400]),
        ("a bad chunk", format!("{token} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", world.server.address()).into_bytes(), &[0, 400]),
    ];
    let mut wrong = Vec::new();
    for (name, bytes, want) in cases {
        let answer = world.server.raw(&bytes);
        if !want.contains(&status(&answer)) {
            wrong.push(format!("{name}: want {want:?}\n{answer}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(world.everything(), before);
}

#[test]
fn what_is_too_long_is_refused() {
    let world = World::new();
    let pat = world.pat();
    let before = world.everything();
    let bearer = format!("Authorization: Bearer {pat}").into_bytes();
    let json: &[u8] = b"Content-Type: application/json";
    let form: &[u8] = b"Content-Type: application/x-www-form-urlencoded";
    let big = vec![b' '; 3 * 1024 * 1024];
    for path in [
        "authz/protection/resource_set",
        "authz/protection/permission",
        "authz/protection/permission/ticket",
        "authz/protection/uma-policy/x-1",
    ] {
        let answer =
            world.server.raw(&request(&world, &format!("POST /realms/test/{path}"), &[&bearer, json], &big));
        assert!([400, 413].contains(&status(&answer)), "{path}: {answer}");
    }
    for path in ["token", "token/introspect"] {
        let line = format!("POST /realms/test/protocol/openid-connect/{path}");
        let answer = world.server.raw(&request(&world, &line, &[form], &big));
        assert_eq!(status(&answer), 413, "{path}: {answer}");
    }
    // Said to be long, and never sent: the answer does not wait for it.
    let line = "POST /realms/test/protocol/openid-connect/token";
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nContent-Length: 9999999999999\r\nConnection: close\r\n",
        world.server.address()
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(form);
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(&big);
    assert_eq!(status(&world.server.raw(&bytes)), 413);
    let header = [&b"X-Long: "[..], &vec![b'a'; 1024 * 1024]].concat();
    let answer = world.server.raw(&request(&world, "GET /realms/test", &[&header], b""));
    assert_eq!(status(&answer), 431, "{answer}");
    let many: Vec<Vec<u8>> = (0..2_000).map(|number| format!("X-{number}: a").into_bytes()).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let answer = world.server.raw(&request(&world, "GET /realms/test", &many, b""));
    assert_eq!(status(&answer), 431, "{answer}");
    let line = format!("GET /realms/{}", "a".repeat(1024 * 1024));
    let answer = world.server.raw(&request(&world, &line, &[], b""));
    assert!([414, 431].contains(&status(&answer)), "{answer}");
    let many = "a=1&".repeat(50_000);
    let answer = world.server.raw(&request(
        &world,
        "POST /realms/test/protocol/openid-connect/token",
        &[form],
        many.as_bytes(),
    ));
    assert_eq!(status(&answer), 400, "{answer}");

    let long = "x".repeat(100_000);
    let mut table = Table::new();
    let post = |path: &str, body: &serde_json::Value| world.protection("POST", path, &pat).json(body).send();
    let below_500 = |answer: &countersign_tests::http::Answer| (400..500).contains(&answer.status);
    for body in [
        json!({ "name": long }),
        json!({ "name": "x", "_id": long }),
        json!({ "name": "x", "owner": long }),
        json!({ "name": "x", "resource_scopes": [long] }),
    ] {
        table.holds("resource_set", post("resource_set", &body), "4xx", below_500);
    }
    let items: Vec<_> = (0..5_000).map(|_| json!({ "resource_scopes": ["read"] })).collect();
    table.holds("permission", post("permission", &items.into()), "4xx", below_500);
    table.holds("permission", post("permission", &json!([{ "resource_id": long }])), "4xx", below_500);
    table.done();
    assert_eq!(world.everything(), before);
}

/// Wrong kinds of every member, of every body that the protection API takes
#[test]
fn members_of_the_wrong_kind_are_never_a_500() {
    let world = World::new();
    let (pat, alice) = (world.pat(), world.token("alice"));
    let hers = world.document("hers");
    let made = world.protection("POST", &format!("uma-policy/{hers}"), &alice);
    let policy = made.json(&json!({ "name": "p", "users": ["bob"] })).send().expect(200).member("id");
    let before = world.everything();
    let resource = [
        "_id",
        "name",
        "displayName",
        "type",
        "uris",
        "uri",
        "icon_uri",
        "ownerManagedAccess",
        "resource_scopes",
        "scopes",
        "attributes",
    ];
    let ticket = [
        "id",
        "owner",
        "resource",
        "scope",
        "granted",
        "scopeName",
        "resourceName",
        "requester",
        "ownerName",
        "requesterName",
    ];
    let owners = [
        "id",
        "name",
        "description",
        "scopes",
        "roles",
        "groups",
        "clients",
        "users",
        "condition",
        "logic",
        "decisionStrategy",
        "resources",
        "policies",
    ];
    let item = ["resource_id", "resource_scopes", "claims", "resource_server_id"];
    let mut table = Table::new();
    let mut post = |method: &str, path: &str, token: &str, members: &[&str], in_list: bool| {
        for member in members {
            for value in [
                json!(1),
                json!(-1.5e300),
                json!(true),
                json!({ "a": 1 }),
                json!([[1]]),
                json!([null]),
                json!({ "name": 7 }),
            ] {
                let mut body = json!({ "name": "hers" });
                if in_list {
                    body = json!({});
                }
                body[member] = value;
                // A truth value is what these two take.
                if body[member].is_boolean() && ["granted", "ownerManagedAccess"].contains(member) {
                    continue;
                }
                let body = if in_list { json!([body]) } else { body };
                let answer = world.protection(method, path, token).json(&body).send();
                table.holds(&format!("{method} {path} {body}"), answer, "400", |answer| answer.status == 400);
            }
        }
    };
    post("POST", "resource_set", &pat, &resource, false);
    post("PUT", &format!("resource_set/{hers}"), &pat, &resource, false);
    post("POST", "permission", &pat, &item, true);
    post("POST", "permission/ticket", &pat, &ticket, false);
    post("PUT", "permission/ticket", &pat, &ticket, false);
    post("POST", &format!("uma-policy/{hers}"), &alice, &owners, false);
    post("PUT", &format!("uma-policy/{policy}"), &alice, &owners, false);
    table.done();
    assert_eq!(world.everything(), before);
}

/// Names that mean something to a shell, to SQL, to a browser or to a terminal are only names
#[test]
fn odd_names_are_kept_as_they_are() {
    let world = World::new();
    let (pat, bob) = (world.pat(), world.token_by("reader", "bob"));
    let names = [
        "'; DROP TABLE resource; --",
        "%",
        "_",
        "a%b",
        "\\",
        "\"",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "𝒜lice’s ⛄",
        "\u{202e}txt.exe",
        "a\nb",
        "a\tb",
        " ",
        "null",
        "\u{0}",
    ];
    for name in names {
        let body = json!({ "name": name, "owner": "alice", "ownerManagedAccess": true, "resource_scopes": ["read"] });
        let answer = world.protection("POST", "resource_set", &pat).json(&body).send();
        if name.contains('\u{0}') && answer.status == 400 {
            continue;
        }
        let id = answer.expect(201).member("_id");
        let query = countersign_tests::http::escape(name);
        let list = format!("resource_set?exactName=true&name={query}");
        let found = world.protection("GET", &list, &pat).send().expect(200).json();
        // A blank is no value of a parameter for nobody but us; everything else is found by its exact name alone.
        assert_eq!(found, json!([id]), "{name:?}");
        world.knock(&bob, &id, &["read"]).refused(403, "access_denied", "request_submitted");
        let row = world.row(&pat, &id, "read", "bob");
        assert_eq!(row["resourceName"], name);
        _ = world.approve(&pat, &row["id"]).expect(204);
        let rpt = world.knock(&bob, &id, &["read"]).expect(200).member("access_token");
        assert_eq!(claims(&rpt)["authorization"]["permissions"][0]["rsname"], name);
        assert_eq!(world.introspect(&rpt)["permissions"][0]["rsname"], name);
    }
    assert!(!world.server.log().contains('\u{202e}'));
}

/// RFC 8725: algorithms are pinned by the key, types are kept apart
#[test]
fn forged_tokens_open_nothing() {
    let realm = Realm::new("test").set("privateKey", forge::private_key().into());
    let world = World::of(&realm);
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let pat = world.pat();
    let bob = world.token_by("reader", "bob");
    let rpt = world.ask(&bob, &[&hers]).expect(200).member("access_token");
    let keys = world.request("GET", "protocol/openid-connect/certs").send().expect(200).json();
    let kid = forge::part(&pat, 0)["kid"].clone();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
    let info = world.request("GET", "").send().expect(200).json();
    let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    // That the key is the one we have, so that what follows is refused for the right reason.
    let good = forge::changed(&pat, |_| {});
    _ = world.protection("GET", "resource_set", &good).send().expect(200);

    let said = claims(&pat);
    let mut tokens = vec![
        ("none", forge::unsigned(&header("none"), &said) + "."),
        ("None", forge::unsigned(&header("NoNe"), &said) + "."),
        ("no alg", forge::signed(&json!({ "typ": "JWT", "kid": kid }), &said)),
        ("wrong alg", forge::signed(&header("RS512"), &said)),
        ("PS256", forge::signed(&header("PS256"), &said)),
        ("ES256", forge::signed(&header("ES256"), &said)),
        ("crit", forge::signed(&json!({ "alg": "RS256", "kid": kid, "crit": ["x"], "x": 1 }), &said)),
        ("unknown kid", forge::signed(&json!({ "alg": "RS256", "kid": "nope" }), &said)),
        ("own key", forge::signed(&json!({ "alg": "RS256", "kid": "x", "jwk": key }), &said)),
    ];
    let public = info["public_key"].as_str().unwrap().as_bytes().to_vec();
    let modulus = key["n"].as_str().unwrap().as_bytes().to_vec();
    for secret in [&public, &modulus, &Vec::new(), &secret("documents").into_bytes()] {
        tokens.push(("HS256", forge::hashed(&header("HS256"), &said, secret)));
    }
    for (name, member, value) in [
        ("typ Refresh", "typ", json!("Refresh")),
        ("typ ID", "typ", json!("ID")),
        ("not yet", "nbf", json!(4_000_000_000_u64)),
        ("expired", "exp", json!(1)),
        ("exp is text", "exp", json!("4000000000")),
        ("exp is nothing", "exp", json!(null)),
        ("exp is huge", "exp", json!(1e300)),
        ("negative", "exp", json!(-1)),
        ("issuer with a slash", "iss", json!(format!("{}/", world.issuer()))),
        ("issuers", "iss", json!([world.issuer()])),
        ("sub is a number", "sub", json!(1)),
        ("no azp", "azp", json!(null)),
    ] {
        tokens.push((name, forge::changed(&pat, |claims| claims[member] = value.clone())));
    }
    let mut table = Table::new();
    for (name, token) in &tokens {
        let answer = world.protection("GET", "resource_set", token).send();
        table.holds(&format!("{name}: protection"), answer, "403 or 400", |answer| {
            (answer.status == 403 && answer.json()["error"] == "invalid_bearer_token") || answer.status == 400
        });
        let form = [("token", token.as_str())];
        let answer = world.post_introspect().basic("documents", &secret("documents")).form(&form).send();
        table.body(&format!("{name}: introspection"), answer, 200, &json!({ "active": false }));
        let answer = world.uma(token, &[("audience", "documents"), ("permission", &hers)]);
        table.row(&format!("{name}: grant"), answer, 400, "invalid_grant", "Invalid bearer token");
    }
    // An RPT that was never issued, although its signature is good: its `jti` is not on record.
    let wider = forge::changed(&rpt, |claims| {
        claims["jti"] = "onrtna:00000000-0000-0000-0000-000000000000".into();
        claims["authorization"]["permissions"][0]["scopes"] = json!(["read", "write"]);
    });
    table.done();
    let seen = world.introspect(&wider);
    assert!(seen["active"] == false || seen["permissions"][0]["scopes"] == json!(["read"]), "{seen}");
}

/// Every parameter of the grant with odd values
#[test]
fn parameters_of_the_grant_are_never_a_500() {
    let world = World::new();
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let bob = world.token_by("backend", "bob");
    let ticket = world.ticket(&world.pat(), &hers, &["write"]);
    let before = world.everything();
    let mut table = Table::new();
    let values = [
        "\u{0}",
        "#",
        "##",
        "#,,",
        ",",
        "a#b#c",
        " ",
        "\u{ffff}",
        "-",
        "{}",
        "true",
        "-1",
        "é",
        "resource-type:",
        "resource-type-owner:#x",
        "%00",
    ];
    let names = [
        "permission",
        "audience",
        "ticket",
        "rpt",
        "scope",
        "claim_token",
        "claim_token_format",
        "response_mode",
        "response_permissions_limit",
        "response_include_resource_name",
        "permission_resource_format",
        "permission_resource_matching_uri",
        "submit_request",
        "subject_token",
        "pct",
        "client_id",
        "client_secret",
    ];
    for name in names {
        for value in values {
            let fields = [
                ("audience", "documents"),
                ("permission", hers.as_str()),
                (name, value),
                ("submit_request", "false"),
            ];
            let answer = world.uma(&bob, &fields);
            table.holds(&format!("{name}={value:?}"), answer, "no 5xx", |answer| answer.status < 500);
            let fields = [("ticket", ticket.as_str()), ("submit_request", "false"), (name, value)];
            let answer = world.uma(&bob, &fields);
            table.holds(&format!("ticket and {name}={value:?}"), answer, "no 5xx", |answer| {
                answer.status < 500
            });
        }
    }
    for path in ["resource_set", "permission/ticket", "permission/ticket/count", "uma-policy"] {
        for name in [
            "_id",
            "name",
            "uri",
            "owner",
            "type",
            "scope",
            "matchingUri",
            "exactName",
            "deep",
            "first",
            "max",
            "scopeId",
            "resourceId",
            "requester",
            "granted",
            "returnNames",
            "resource",
        ] {
            for value in values {
                let query = format!("{path}?{name}={}", countersign_tests::http::escape(value));
                let answer = world.protection("GET", &query, &world.pat()).send();
                table.holds(&query, answer, "no 5xx", |answer| answer.status < 500);
            }
        }
    }
    table.done();
    assert_eq!(world.everything(), before);
}

/// The log at its most talkative
#[test]
fn even_a_debug_log_has_no_secret() {
    let builder = countersign_tests::server::Server::builder().env("COUNTERSIGN_LOG", "trace");
    let world = World::on(builder, &Realm::new("test"));
    let hers = world.document("hers");
    let bob = world.sign_in("reader", "bob");
    let ticket = world.ticket(&world.pat(), &hers, &["read"]);
    _ = world.exchange(&bob.member("access_token"), &ticket).expect(403);
    let row = world.row(&world.pat(), &hers, "read", "bob");
    _ = world.approve(&world.token("alice"), &row["id"]).expect(204);
    let answer = world.exchange(&bob.member("access_token"), &ticket).expect(200);
    _ = world.introspect(&answer.member("access_token"));
    _ = world.refresh("reader", &answer.member("refresh_token")).expect(200);
    _ = world.uma("garbage", &[("ticket", &ticket)]).expect(400);
    assert!(world.server.log().len() > 200, "the log is as talkative as it was asked to be");
    // What was handed out is looked for when the server is dropped.
}
