//! Tokens that are taken back: by list, by stream, and when neither can be had.

use countersign_core::edge::{Body, Config, Credential, Event, FetchKind, OnStale, StreamId, Withdrawals};
use serde_json::json;

use super::world::{ISSUER, LIST, STATUSES, World, config, list, listed, metadata, rpt, rpt_with, sign};

fn by_list() -> Config {
    config().withdrawals(Withdrawals::List)
}

/// The same with the token at place 0 taken back
fn withdrawn() -> [u8; 12] {
    let mut statuses = STATUSES;
    statuses[0] = 1;
    statuses
}

/// A world whose guard has let the token at place 0 through
fn open(config: Config) -> World {
    let mut world = World::ready(config);
    let id = world.bearer(&listed(0));
    world.verify(true);
    let now = world.now;
    world.list(&list(now, 1, &STATUSES));
    world.forward(id);
    world
}

fn message(stream: StreamId, text: &str) -> Event {
    Event::Message { stream, data: text.into() }
}

/// A world whose guard follows a stream from change 1 on
fn following() -> (World, StreamId) {
    let mut world = World::ready(config());
    world.tick();
    let now = world.now;
    world.list(&list(now, 1, &STATUSES));
    let stream = world.listen().id;
    world.happen(message(stream, r#"{"seq":1}"#));
    world.idle();
    (world, stream)
}

#[test]
fn a_list_decides_at_every_check() {
    let mut world = open(by_list());
    for (idx, denial) in [(1, "withdrawn"), (12, "withdrawn"), (1 << 40, "withdrawn")] {
        let id = world.bearer(&listed(idx));
        world.verify(true);
        world.challenged(id, denial);
    }
    world.passes(&listed(2));
    world.passes(&rpt());
    world.idle();
}

#[test]
fn trap_jwt_48_a_status_that_cannot_be_followed_is_no_status() {
    let mut world = open(by_list());
    let place = |idx: serde_json::Value, uri: &str| {
        rpt_with("status", json!({ "status_list": { "idx": idx, "uri": uri } }))
    };
    for token in [
        place(json!(-1), LIST),
        place(json!("0"), LIST),
        place(json!(1_u64 << 53), LIST),
        place(json!(0), "https://as.example/realms/other/status"),
        place(json!(0), "http://127.0.0.1/"),
        rpt_with("status", json!(null)),
    ] {
        let id = world.bearer(&token);
        world.verify(true);
        world.challenged(id, "invalid_token");
    }
    world.idle();
}

#[test]
fn a_withdrawal_bites_after_the_ttl_of_the_list() {
    let mut world = open(by_list());
    world.now += 5;
    world.passes(&listed(0));
    world.now += 1;
    let id = world.bearer(&listed(0));
    let second = world.bearer(&listed(0));
    let now = world.now;
    world.list(&list(now, 2, &withdrawn()));
    world.challenged(id, "withdrawn");
    world.challenged(second, "withdrawn");
    let id = world.bearer(&listed(0));
    world.challenged(id, "withdrawn");
    world.idle();
}

#[test]
fn a_list_in_use_is_renewed_by_the_clock() {
    let mut world = open(by_list());
    world.pass(3);
    world.idle();
    world.pass(1);
    let now = world.now;
    world.list(&list(now, 2, &withdrawn()));
    world.pass(100);
    world.idle();
    let id = world.bearer(&listed(0));
    world.challenged(id, "withdrawn");
    world.pass(1);
    assert!(world.is_waiting(FetchKind::StatusList), "somebody uses it again");
}

#[test]
fn a_list_that_cannot_be_had_serves_a_minute_and_no_longer() {
    let mut world = open(by_list());
    let known = world.now;
    let mut passed = 0;
    while world.now < known + 60 {
        world.now += 1;
        let id = world.bearer(&listed(0));
        if world.is_waiting(FetchKind::StatusList) {
            world.fail(FetchKind::StatusList);
        }
        world.forward(id);
        passed += 1;
    }
    assert_eq!(passed, 60);
    world.now += 1;
    for _ in 0..3 {
        let id = world.bearer(&listed(0));
        if world.is_waiting(FetchKind::StatusList) {
            world.fail(FetchKind::StatusList);
        }
        world.warned(id, "status_unavailable");
    }
    world.passes(&rpt());
    world.now += 8;
    let id = world.bearer(&listed(0));
    let now = world.now;
    world.list(&list(now, 1, &STATUSES));
    world.forward(id);
}

#[test]
fn a_guard_may_be_told_to_go_on_until_exp() {
    let mut world = open(by_list().on_stale(OnStale::UntilExp, 10));
    for (idx, is_good) in [(0, true), (1, false), (2, true), (9, true)] {
        world.now += 100;
        let id = world.bearer(&listed(idx));
        if idx > 0 {
            world.verify(true);
        }
        if world.is_waiting(FetchKind::StatusList) {
            world.fail(FetchKind::StatusList);
        }
        if is_good {
            world.forward(id);
        } else {
            world.challenged(id, "withdrawn");
        }
    }
    let mut world = World::ready(by_list().on_stale(OnStale::UntilExp, 10));
    let id = world.bearer(&listed(0));
    world.verify(true);
    world.fail(FetchKind::StatusList);
    world.forward(id);
}

#[test]
fn without_any_list_nothing_with_a_status_is_let_through() {
    let mut world = World::ready(by_list());
    let id = world.bearer(&listed(0));
    world.verify(true);
    world.fail(FetchKind::StatusList);
    world.warned(id, "status_unavailable");
    let mut document: serde_json::Value = serde_json::from_str(&metadata()).unwrap();
    document.as_object_mut().unwrap().remove("status_list_uri");
    let mut world = World::new(by_list());
    world.tick();
    world.reply(FetchKind::Metadata, 200, &document.to_string());
    world.tick();
    world.reply(FetchKind::Keys, 200, &super::world::keys(&["k1"]));
    let id = world.bearer(&listed(0));
    world.verify(true);
    world.challenged(id, "invalid_token");
}

#[test]
fn trap_jwt_48_what_is_no_list_of_the_issuer_is_no_list() {
    let now = super::world::START;
    let good = list(now, 1, &STATUSES);
    let other = |iss: &str, sub: &str| {
        sign(
            "statuslist+jwt",
            "k1",
            &json!({ "iss": iss, "sub": sub, "iat": now, "exp": now + 60,
            "status_list": { "bits": 2, "lst": "eNo76fITAAPfAgc" } }),
        )
    };
    for (status, body) in [
        (302, good.clone()),
        (304, String::new()),
        (404, good.clone()),
        (500, good.clone()),
        (200, String::new()),
        (200, "<html>".into()),
        (200, other("https://evil.example", LIST)),
        (200, other(ISSUER, "https://as.example/realms/other/status")),
        (200, list(now - 3_601, 1, &STATUSES)),
        (200, list(now + 61, 1, &STATUSES)),
    ] {
        let mut world = World::ready(by_list());
        let id = world.bearer(&listed(0));
        world.verify(true);
        world.reply(FetchKind::StatusList, status, &body);
        world.warned(id, "status_unavailable");
        world.idle();
    }
    let mut world = World::ready(by_list());
    let id = world.bearer(&listed(0));
    world.verify(true);
    world.reply(FetchKind::StatusList, 200, &good);
    world.verify(false);
    world.warned(id, "status_unavailable");
    world.idle();
}

#[test]
fn trap_jwt_49_an_older_list_gives_nothing_back() {
    let mut world = open(by_list());
    let issued = world.now;
    world.now += 6;
    let id = world.bearer(&listed(0));
    world.list(&list(issued + 6, 2, &withdrawn()));
    world.challenged(id, "withdrawn");
    let id = world.bearer(&listed(4));
    world.verify(true);
    world.forward(id);
    world.now += 6;
    let id = world.bearer(&listed(4));
    world.list(&list(issued + 1, 1, &STATUSES));
    world.forward(id);
    let id = world.bearer(&listed(0));
    world.challenged(id, "withdrawn");
}

#[test]
fn a_list_by_a_new_key_has_the_keys_looked_for() {
    let mut world = World::ready(by_list());
    let id = world.bearer(&listed(0));
    world.verify(true);
    let now = world.now;
    let by_new = sign(
        "statuslist+jwt",
        "k2",
        &json!({ "sub": LIST, "iat": now, "exp": now + 60,
        "status_list": { "bits": 2, "lst": "eNo76fITAAPfAgc" } }),
    );
    world.reply(FetchKind::StatusList, 200, &by_new);
    world.warned(id, "status_unavailable");
    world.reply(FetchKind::Keys, 200, &super::world::keys(&["k1", "k2"]));
    world.now += 1;
    let id = world.bearer(&listed(2));
    world.verify(true);
    world.list(&by_new);
    world.forward(id);
}

#[test]
fn a_withdrawal_bites_at_the_next_check_where_there_is_a_stream() {
    let (mut world, stream) = following();
    world.passes(&listed(0));
    world.happen(message(stream, r#"{"seq":2,"changes":[[0,1]]}"#));
    let id = world.bearer(&listed(0));
    world.challenged(id, "withdrawn");
    world.passes(&listed(2));
    world.idle();
}

#[test]
fn a_stream_that_is_alive_spares_the_list() {
    let (mut world, stream) = following();
    for _ in 0..20 {
        world.pass(10);
        world.happen(message(stream, r#"{"seq":1}"#));
        world.passes(&listed(0));
        world.idle();
    }
}

#[test]
fn a_gap_loads_the_list_before_anything_else_is_let_through() {
    let (mut world, stream) = following();
    world.passes(&listed(0));
    world.passes(&listed(4));
    world.happen(message(stream, r#"{"seq":3,"changes":[[4,1]]}"#));
    let fourth = world.bearer(&listed(4));
    let zeroth = world.bearer(&listed(0));
    world.challenged(fourth, "withdrawn");
    let mut now_withdrawn = withdrawn();
    now_withdrawn[4] = 1;
    let now = world.now;
    world.list(&list(now, 3, &now_withdrawn));
    world.challenged(zeroth, "withdrawn");
    world.passes(&listed(2));
    world.happen(message(stream, r#"{"seq":4,"changes":[[2,1]]}"#));
    let id = world.bearer(&listed(2));
    world.challenged(id, "withdrawn");
    world.idle();
}

#[test]
fn a_list_that_lacks_what_the_stream_spoke_of_is_loaded_again() {
    let (mut world, stream) = following();
    world.happen(message(stream, r#"{"seq":3}"#));
    let now = world.now;
    world.list(&list(now, 2, &STATUSES));
    world.idle();
    world.pass(1);
    let now = world.now;
    world.list(&list(now, 3, &withdrawn()));
    let id = world.bearer(&listed(0));
    world.verify(true);
    world.challenged(id, "withdrawn");
}

#[test]
fn a_message_that_cannot_be_read_is_a_gap() {
    let (mut world, stream) = following();
    world.happen(message(stream, "{}"));
    world.now += 1;
    let id = world.bearer(&listed(0));
    world.verify(true);
    let now = world.now;
    world.list(&list(now, 1, &STATUSES));
    world.now += 1;
    world.tick();
    let now = world.now;
    if world.is_waiting(FetchKind::StatusList) {
        world.list(&list(now, 2, &withdrawn()));
    }
    world.forward(id);
    let id = world.bearer(&listed(0));
    world.challenged(id, "withdrawn");
}

#[test]
fn a_guard_that_was_cut_off_misses_nothing() {
    let (mut world, stream) = following();
    world.passes(&listed(0));
    world.happen(Event::Closed(stream));
    world.happen(message(stream, r#"{"seq":2,"changes":[]}"#));
    world.now += 6;
    let id = world.bearer(&listed(0));
    let now = world.now;
    world.list(&list(now, 5, &STATUSES));
    world.forward(id);
    world.pass(1);
    let listen = world.listen();
    assert_eq!(listen.since, Some(5));
    assert_ne!(listen.id, stream);
    world.happen(message(listen.id, r#"{"seq":7,"changes":[]}"#));
    let id = world.bearer(&listed(0));
    let now = world.now;
    world.list(&list(now, 7, &withdrawn()));
    world.challenged(id, "withdrawn");
}

#[test]
fn a_silent_stream_is_opened_anew_and_its_silence_is_no_news() {
    let (mut world, stream) = following();
    world.passes(&listed(0));
    world.now += 16;
    let id = world.bearer(&listed(0));
    let now = world.now;
    world.list(&list(now, 2, &withdrawn()));
    world.challenged(id, "withdrawn");
    world.pass(1);
    assert_ne!(world.listen().id, stream);
}

#[test]
fn a_stream_that_never_spoke_proves_nothing() {
    let mut world = World::ready(config());
    world.tick();
    let now = world.now;
    world.list(&list(now, 1, &STATUSES));
    world.listen();
    world.passes(&listed(0));
    world.now += 6;
    let id = world.bearer(&listed(0));
    let now = world.now;
    world.list(&list(now, 2, &withdrawn()));
    world.challenged(id, "withdrawn");
}

#[test]
fn a_narrowed_token_permits_what_introspection_says() {
    let answer = |permissions: &str| format!(r#"{{"active":true,"permissions":{permissions}}}"#);
    for (status, body, denial) in [
        (200, answer(r#"[{"rsid":"42","scopes":["read"]}]"#), None),
        (200, answer(r#"[{"resource_id":"42","resource_scopes":["read","write"]}]"#), None),
        (200, answer(r#"[{"rsid":"42","scopes":["write"]}]"#), Some("not_permitted")),
        (200, answer("[]"), Some("not_permitted")),
        (200, r#"{"active":true}"#.into(), Some("not_permitted")),
        (200, r#"{"active":false}"#.into(), Some("withdrawn")),
    ] {
        let mut world = open(by_list());
        let id = world.bearer(&listed(3));
        world.verify(true);
        let fetch = world.fetch(FetchKind::Introspection);
        assert_eq!(
            (fetch.url.as_str(), &fetch.credential),
            ("https://as.example/realms/demo/introspect", &Credential::Client)
        );
        let Body::Form(form) = &fetch.body else { panic!("{fetch:?}") };
        assert_eq!(form.expose(), format!("token_type_hint=requesting_party_token&token={}", listed(3)));
        world.happen(Event::Response { fetch: fetch.id, status, body: body.into() });
        match denial {
            None => drop(world.forward(id)),
            Some(denial) => drop(world.challenged(id, denial)),
        }
        world.idle();
    }
}

#[test]
fn a_narrowed_token_permits_nothing_where_nobody_can_be_asked() {
    for (status, body) in [(500, r#"{"active":true}"#), (200, "x"), (200, r#"{"active":"true"}"#), (401, "")]
    {
        let mut world = open(by_list());
        let id = world.bearer(&listed(3));
        world.verify(true);
        world.reply(FetchKind::Introspection, status, body);
        world.warned(id, "status_unavailable");
    }
    let config = Config::new(ISSUER, "documents".parse().unwrap()).unwrap().withdrawals(Withdrawals::List);
    let mut world = open(config);
    let id = world.bearer(&listed(3));
    world.verify(true);
    world.warned(id, "withdrawn");
    world.idle();
}
