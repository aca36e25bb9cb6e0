//! `/metrics` (design §9): what was done is counted, and only those who may read it do.

use countersign_tests::{realm::Realm, server::Server, world::World};

/// The value of a line of the text
fn value(text: &str, line: &str) -> f64 {
    let found = text.lines().find_map(|each| each.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no `{line}` in\n{text}"))
}

fn count(text: &str, line: &str) -> u64 {
    let found = text.lines().find_map(|each| each.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no `{line}` in\n{text}"))
}

fn metrics(server: &Server) -> String {
    let answer = server.http.get(&format!("{}/metrics", server.base())).send().expect(200);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(kind));
    answer.text()
}

#[test]
fn a_walk_is_counted() {
    let world = World::new();
    let (hers, bob) = (world.document("hers"), world.token_by("reader", "bob"));
    world.knock(&bob, &hers, &["read"]).refused(403, "access_denied", "request_submitted");
    let alice = world.token("alice");
    _ = world.approve(&alice, &world.row(&alice, &hers, "read", "bob")["id"]).expect(204);
    let answer = world.knock(&bob, &hers, &["read"]).expect(200);
    _ = world.refresh("reader", &answer.member("refresh_token")).expect(200);
    _ = world.uma(&bob, &[("audience", "nobody")]).expect(400);
    let text = metrics(&world.server);
    let token = "{route=\"/realms/{realm}/protocol/openid-connect/token\",method=\"POST\"";
    assert!(value(&text, &format!("countersign_http_requests_total{token},status=\"200\"}}")) >= 3.0);
    assert_eq!(count(&text, &format!("countersign_http_requests_total{token},status=\"403\"}}")), 1);
    assert_eq!(count(&text, &format!("countersign_http_requests_total{token},status=\"400\"}}")), 1);
    let took = value(&text, &format!("countersign_http_request_duration_seconds_sum{token}}}"));
    assert!(took > 0.0, "{took}");
    assert_eq!(count(&text, "countersign_decisions_total{outcome=\"granted\"}"), 1);
    assert_eq!(count(&text, "countersign_decisions_total{outcome=\"denied\"}"), 1);
    assert_eq!(count(&text, "countersign_tickets_issued_total"), 2);
    assert_eq!(count(&text, "countersign_tickets_redeemed_total"), 1);
    assert_eq!(count(&text, "countersign_rpts_issued_total"), 1);
    assert_eq!(count(&text, "countersign_rpts_refreshed_total"), 1);
    assert_eq!(count(&text, "countersign_audit_dropped_total"), 0);
    assert_eq!(count(&text, "countersign_engine_call_seconds_count"), 2);
    for name in ["store_read", "store_write", "store_commit"] {
        assert!(value(&text, &format!("countersign_{name}_seconds_count")) > 0.0, "{name}");
    }
    let memory = value(&text, "countersign_process_resident_memory_bytes") / 1024.0;
    let really = f64::from(u32::try_from(world.server.resident()).unwrap());
    assert!((memory / really - 1.0).abs() < 0.25, "{memory} KiB, really {really} KiB");
    // Paths are counted by their template: a caller cannot make the list long.
    let _ =
        world.server.http.get(&format!("{}/realms/test/x/{}", world.server.base(), "y".repeat(50))).send();
    let text = metrics(&world.server);
    assert!(!text.contains("yyy") && !text.contains(&hers), "{text}");
    assert!(
        value(&text, "countersign_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"404\"}")
            > 0.0
    );
}

#[test]
fn an_engine_that_fails_is_counted_by_kind() {
    let world = World::on(Server::builder().pdp("trap.wat"), &Realm::new("test"));
    let (hers, bob) = (world.document("hers"), world.token_by("reader", "bob"));
    _ = world.knock(&bob, &hers, &["read"]).expect(503);
    let text = metrics(&world.server);
    assert_eq!(count(&text, "countersign_engine_failures_total{kind=\"trap\"}"), 1);
    assert_eq!(count(&text, "countersign_decisions_total{outcome=\"failed\"}"), 1);
}

#[test]
fn strangers_do_not_read_it() {
    let ask = |server: &Server, forwarded: &str| {
        let request = server.http.get(&format!("{}/metrics", server.base()));
        request.header("x-forwarded-for", forwarded).send().status
    };
    // Somebody's proxy on this machine, of which nobody has told the server.
    let server = Server::builder().start();
    assert_eq!(ask(&server, "127.0.0.1"), 403);
    drop(server);
    let server = Server::builder().arg("--trusted-proxies").arg("127.0.0.1").start();
    assert_eq!((ask(&server, "10.1.2.3"), ask(&server, "198.51.100.7")), (403, 403));
    drop(server);
    let server = Server::builder().arg("--metrics").arg("all").start();
    assert_eq!(ask(&server, "198.51.100.7"), 200);
    drop(server);
    let server = Server::builder().arg("--metrics").arg("off").start();
    assert_eq!(server.http.get(&format!("{}/metrics", server.base())).send().status, 404);
    drop(server);
    Server::builder().arg("--metrics").arg("some").refused().says(&["--metrics", "`local`"]);
}
