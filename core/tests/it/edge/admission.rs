//! Which requests are let through, and what goes with them.

use countersign_core::edge::{Config, Event, FetchKind, RequestId, Withdrawals};
use serde_json::json;

use super::world::{ISSUER, World, config, header, keys, listed, metadata, request, rpt, rpt_with, sign};

fn plain() -> Config {
    config().withdrawals(Withdrawals::None)
}

fn without_credentials() -> Config {
    Config::new(ISSUER, "documents".parse().unwrap()).unwrap()
}

#[test]
fn a_token_that_permits_is_let_through_and_remembered() {
    let mut world = World::ready(plain());
    let id = world.bearer(&rpt());
    world.verify(true);
    let forward = world.forward(id);
    assert!(forward.remove.is_empty());
    assert_eq!(
        forward.set,
        [
            ("x-countersign-sub", "bob".into()),
            ("x-countersign-resource", "42".into()),
            ("x-countersign-rpt-jti", "rpt-1".into()),
            ("x-countersign-scopes", "read".into()),
        ]
    );
    let again = world.bearer(&rpt());
    world.forward(again);
    world.idle();
}

#[test]
fn trap_oauth_21_a_remembered_token_is_checked_for_each_request() {
    let mut world = World::ready(plain());
    world.passes(&rpt());
    for (resource, scope) in [("43", "read"), ("42", "write")] {
        let mut request = request(900, &[("Authorization", &format!("Bearer {}", rpt()))]);
        request.resource = resource.parse().unwrap();
        request.scopes = vec![scope.parse().unwrap()];
        world.happen(Event::Request(request));
        world.challenged(RequestId(900), "not_permitted");
    }
    let longer = format!("{}A", rpt());
    let id = world.bearer(&longer);
    world.challenged(id, "invalid_signature");
    world.now += 300;
    world.passes(&rpt());
    world.now += 1;
    let id = world.bearer(&rpt());
    world.challenged(id, "expired");
}

#[test]
fn a_wrong_signature_is_never_let_through() {
    let mut world = World::ready(plain());
    for _ in 0..2 {
        let id = world.bearer(&rpt());
        let verify = world.signature().id;
        world.happen(Event::Verified { verify, is_right: false });
        world.happen(Event::Verified { verify, is_right: true });
        world.challenged(id, "invalid_signature");
        world.idle();
    }
}

#[test]
fn trap_jwt_43_all_bad_tokens_get_the_same_answer() {
    let mut world = World::ready(plain());
    let mut answers = Vec::new();
    for (token, denial) in [
        (rpt_with("iss", json!("https://evil.example")), "wrong_issuer"),
        (rpt_with("aud", json!("other")), "wrong_audience"),
        (rpt_with("exp", json!(1)), "expired"),
        (rpt_with("typ", json!("Refresh")), "invalid_token"),
        ("no.token".into(), "invalid_token"),
    ] {
        let id = world.bearer(&token);
        answers.push(world.challenged(id, denial).headers);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn only_one_credential_in_the_right_place_counts() {
    let mut world = World::ready(plain());
    world.passes(&rpt());
    let bearer = format!("Bearer {}", rpt());
    for headers in [
        vec![],
        vec![("Authorization", bearer.as_str()), ("authorization", bearer.as_str())],
        vec![("X-Authorization", bearer.as_str())],
        vec![("Authorization", "Basic Ym9iOnNlY3JldA==")],
        vec![("Cookie", bearer.as_str())],
    ] {
        let id = world.send(&headers);
        world.challenged(id, "invalid_token");
    }
}

#[test]
fn trap_oauth_19_headers_of_the_guard_come_from_the_guard_only() {
    let mut world = World::ready(plain());
    let bearer = format!("Bearer {}", rpt_with("sub", json!("Ines \u{e9}\u{2028}")));
    let id = world.send(&[
        ("Authorization", &bearer),
        ("X-Countersign-Sub", "admin"),
        ("x_countersign_scopes", "all"),
        ("X-COUNTERSIGN_RPT-JTI", "1"),
        ("X-Countersign-Later", "1"),
        ("X-Forwarded-For", "::1"),
    ]);
    world.verify(true);
    let forward = world.forward(id);
    let removed: Vec<_> = forward.remove.iter().map(|name| String::from_utf8_lossy(name)).collect();
    assert_eq!(
        removed,
        ["X-Countersign-Sub", "x_countersign_scopes", "X-COUNTERSIGN_RPT-JTI", "X-Countersign-Later"]
    );
    assert_eq!(forward.set[0], ("x-countersign-sub", "Ines%20%C3%A9%E2%80%A8".into()));
}

#[test]
fn trap_jwt_06_no_name_of_a_key_leads_anywhere() {
    let mut world = World::ready(plain());
    for kid in ["../../dev/null", "' OR 1=1--", "|cmd", "\0", "https://evil.example/jwks"] {
        let id = world.bearer(&sign("JWT", kid, &super::world::claims()));
        let fetch = world.fetch(FetchKind::Keys);
        assert_eq!(fetch.url, "https://as.example/realms/demo/jwks", "{kid}");
        world.happen(Event::Response { fetch: fetch.id, status: 200, body: keys(&["k1"]).into() });
        world.challenged(id, "unknown_key");
        world.now += 30;
    }
    let id = world.bearer(&sign("JWT", &"k".repeat(64 * 1024), &super::world::claims()));
    world.challenged(id, "invalid_token");
}

#[test]
fn trap_jwt_09_no_address_of_a_token_is_fetched() {
    let evil = "http://169.254.169.254/latest";
    let mut world = World::ready(without_credentials().withdrawals(Withdrawals::List));
    let status = json!({ "status_list": { "idx": 0, "uri": evil } });
    let id = world.bearer(&rpt_with("status", status));
    world.verify(true);
    world.warned(id, "invalid_token");
    let id = world.bearer(&rpt_with("iss", json!(evil)));
    world.warned(id, "wrong_issuer");
    world.idle();
}

#[test]
fn a_request_that_waits_too_long_is_refused() {
    let mut world = World::ready(plain());
    let id = world.bearer(&rpt());
    let verify = world.signature().id;
    world.pass(14);
    world.idle();
    world.pass(1);
    world.warned(id, "keys_unavailable");
    world.happen(Event::Verified { verify, is_right: true });
    world.idle();
}

#[test]
fn a_client_that_has_gone_gets_nothing() {
    let mut world = World::ready(plain());
    let id = world.bearer(&rpt());
    world.happen(Event::Gone(id));
    world.verify(true);
    world.idle();
    let id = world.bearer(&rpt());
    world.verify(true);
    world.forward(id);
}

#[test]
fn waiting_requests_are_bounded() {
    let mut world = World::new(plain());
    for _ in 0..1_024 {
        world.bearer(&rpt());
    }
    world.fetch(FetchKind::Metadata);
    world.idle();
    let id = world.bearer(&rpt());
    let answer = world.answer(id);
    assert_eq!((answer.status, header(&answer, "retry-after").as_deref()), (503, Some("1")));
    assert_eq!(answer.denial.code(), "engine_failed");
}

#[test]
fn a_warm_start_needs_no_fetch() {
    let mut before = World::ready(plain());
    before.passes(&rpt());
    let restored = |now: u64| {
        let mut world = World::new(plain());
        world.now = now;
        for (key, value) in before.cached.clone() {
            world.happen(Event::Restored { key: key.into(), value });
        }
        world
    };
    let mut world = restored(before.now + 100);
    world.passes(&rpt());
    world.idle();
    for now in [before.now + 3_601, before.now - 1] {
        let mut world = restored(now);
        world.bearer(&rpt());
        world.fetch(FetchKind::Metadata);
    }
    let mut world = World::new(plain());
    for value in [vec![], vec![0; 7], vec![0; 8], vec![0; 100]] {
        world.happen(Event::Restored { key: "jwks".into(), value });
    }
    world.bearer(&rpt());
    world.fetch(FetchKind::Metadata);
}

#[test]
fn fixed_keys_and_metadata_are_not_fetched() {
    use countersign_core::{edge::Metadata, jwk::Jwks};
    let keys = Jwks::parse(keys(&["k1"]).as_bytes()).unwrap();
    let metadata = Metadata::parse(metadata().as_bytes(), ISSUER).unwrap();
    let config = without_credentials().withdrawals(Withdrawals::None).keys(keys).metadata(metadata);
    let mut world = World::new(config);
    world.passes(&rpt());
    let id = world.bearer(&sign("JWT", "k9", &super::world::claims()));
    world.warned(id, "unknown_key");
    world.pass(9_999);
    world.idle();
}

#[test]
fn without_withdrawals_a_status_is_not_looked_at() {
    let mut world = World::ready(plain());
    world.passes(&listed(1));
    world.idle();
}
