//! Metadata and keys: when they are fetched, and what happens where they cannot be.

use countersign_core::edge::{Config, Event, FetchKind, Withdrawals};
use serde_json::json;

use super::world::{ISSUER, START, World, claims, config, keys, metadata, rpt, sign};

fn plain() -> Config {
    config().withdrawals(Withdrawals::None)
}

fn signed_by(kid: &str) -> String {
    let mut claims = claims();
    claims["exp"] = json!(START + 100_000);
    sign("JWT", kid, &claims)
}

#[test]
fn all_who_wait_share_one_flight() {
    let mut world = World::new(plain());
    let ids: Vec<_> = (0..10).map(|_| world.bearer(&rpt())).collect();
    let fetch = world.fetch(FetchKind::Metadata);
    assert_eq!(fetch.url, "https://as.example/realms/demo/.well-known/uma2-configuration");
    world.idle();
    world.happen(Event::Response { fetch: fetch.id, status: 200, body: metadata().into() });
    let fetch = world.fetch(FetchKind::Keys);
    assert_eq!(fetch.url, "https://as.example/realms/demo/jwks");
    world.idle();
    world.happen(Event::Response { fetch: fetch.id, status: 200, body: keys(&["k1"]).into() });
    for _ in &ids {
        world.verify(true);
    }
    for id in ids {
        world.forward(id);
    }
    world.idle();
}

#[test]
fn trap_oauth_26_a_server_that_is_down_at_start_opens_no_door() {
    let mut world = World::new(plain());
    let id = world.bearer(&rpt());
    world.fail(FetchKind::Metadata);
    world.warned(id, "keys_unavailable");
    for _ in 0..5 {
        let id = world.bearer(&rpt());
        world.warned(id, "keys_unavailable");
    }
    world.idle();
    // Pauses of 1, 2, 4, 8 and 8 seconds
    for pause in [1, 2, 4, 8, 8] {
        world.now += pause - 1;
        world.tick();
        world.idle();
        world.now += 1;
        world.tick();
        world.fail(FetchKind::Metadata);
    }
    world.now += 8;
    let id = world.bearer(&rpt());
    world.reply(FetchKind::Metadata, 200, &metadata());
    world.reply(FetchKind::Keys, 200, &keys(&["k1"]));
    world.verify(true);
    world.forward(id);
}

#[test]
fn trap_jwt_12_the_last_good_keys_serve_an_hour_while_the_server_is_down() {
    let mut world = World::ready(plain());
    let fetched = world.now;
    world.passes(&signed_by("k1"));
    while world.now < fetched + 599 {
        world.pass(1);
        world.idle();
    }
    let mut attempts = 0;
    while world.now < fetched + 3_600 {
        world.now += 1;
        world.passes(&signed_by("k1"));
        if world.is_waiting(FetchKind::Keys) {
            world.fail(FetchKind::Keys);
            attempts += 1;
        }
    }
    assert!((300..500).contains(&attempts), "{attempts} attempts in 50 minutes");
    world.now += 1;
    let id = world.bearer(&signed_by("k1"));
    if world.is_waiting(FetchKind::Keys) {
        world.fail(FetchKind::Keys);
    }
    world.warned(id, "keys_unavailable");
}

#[test]
fn keys_are_renewed_behind_the_callers_backs() {
    let mut world = World::ready(plain());
    world.passes(&signed_by("k1"));
    world.now += 600;
    world.passes(&signed_by("k1"));
    world.passes(&signed_by("k1"));
    world.reply(FetchKind::Keys, 200, &keys(&["k1"]));
    world.idle();
    world.now += 599;
    world.passes(&signed_by("k1"));
    world.idle();
}

#[test]
fn keys_are_as_old_as_the_question() {
    let mut world = World::ready(plain());
    world.now += 600;
    world.tick();
    let asked = world.now;
    world.now += 9;
    world.reply(FetchKind::Keys, 200, &keys(&["k1"]));
    world.now = asked + 600;
    world.tick();
    assert!(world.is_waiting(FetchKind::Keys));
}

#[test]
fn trap_jwt_12_a_new_key_is_found_and_an_old_one_forgotten() {
    let mut world = World::ready(plain());
    world.passes(&signed_by("k1"));
    let id = world.bearer(&signed_by("k2"));
    world.reply(FetchKind::Keys, 200, &keys(&["k2"]));
    world.verify(true);
    world.forward(id);
    world.now += 30;
    let id = world.bearer(&signed_by("k1"));
    world.challenged(id, "unknown_key");
    world.passes(&signed_by("k2"));
}

#[test]
fn a_key_that_goes_while_its_signature_is_checked_counts_no_more() {
    let mut world = World::ready(plain());
    let id = world.bearer(&signed_by("k1"));
    let late = world.signature().id;
    let other = world.bearer(&signed_by("k2"));
    world.reply(FetchKind::Keys, 200, &keys(&["k2"]));
    world.happen(Event::Verified { verify: late, is_right: true });
    world.challenged(id, "unknown_key");
    world.verify(true);
    world.forward(other);
}

#[test]
fn trap_jwt_12_a_flood_of_unknown_keys_makes_one_fetch_in_half_a_minute() {
    let mut world = World::ready(plain());
    world.passes(&signed_by("k1"));
    let begin = world.now;
    let mut fetched_at = Vec::new();
    while world.now < begin + 100 {
        for n in 0..5 {
            let id = world.bearer(&signed_by(&format!("x{n}")));
            if world.is_waiting(FetchKind::Keys) {
                fetched_at.push(world.now - begin);
                world.reply(FetchKind::Keys, 200, &keys(&["k1"]));
            }
            world.challenged(id, "unknown_key");
        }
        world.now += 1;
    }
    assert_eq!(fetched_at, [0, 30, 60, 90]);
}

#[test]
fn an_unknown_key_waits_for_keys_that_are_on_their_way() {
    let mut world = World::ready(plain());
    let first = world.bearer(&signed_by("k2"));
    let second = world.bearer(&signed_by("k2"));
    world.reply(FetchKind::Keys, 200, &keys(&["k1", "k2"]));
    world.verify(true);
    world.verify(true);
    world.forward(first);
    world.forward(second);
    world.idle();
}

#[test]
fn what_comes_late_twice_or_out_of_order_counts_for_nothing() {
    let mut world = World::new(plain());
    let id = world.bearer(&rpt());
    let slow = world.fetch(FetchKind::Metadata).id;
    world.now += 10;
    world.tick();
    world.warned(id, "keys_unavailable");
    let evil = metadata().replace(ISSUER, "https://evil.example");
    world.now += 1;
    let id = world.bearer(&rpt());
    let second = world.fetch(FetchKind::Metadata).id;
    for body in [metadata(), evil] {
        world.happen(Event::Response { fetch: slow, status: 200, body: body.into() });
    }
    world.idle();
    world.happen(Event::Response { fetch: second, status: 200, body: metadata().into() });
    let first_keys = world.fetch(FetchKind::Keys).id;
    world.happen(Event::Failed(second));
    world.happen(Event::Response { fetch: first_keys, status: 200, body: keys(&["k1"]).into() });
    world.happen(Event::Response { fetch: first_keys, status: 200, body: keys(&["k2"]).into() });
    world.verify(true);
    world.forward(id);
    world.idle();
}

#[test]
fn trap_jwt_11_a_poisoned_or_broken_key_set_changes_nothing() {
    let mut world = World::ready(plain());
    world.passes(&signed_by("k1"));
    let huge = " ".repeat(300_000);
    for (status, body) in [
        (500, keys(&["k2"])),
        (302, keys(&["k2"])),
        (204, keys(&["k2"])),
        (200, "<html>".into()),
        (200, "{}".into()),
        (200, huge),
    ] {
        world.now += 600;
        world.passes(&signed_by("k1"));
        world.reply(FetchKind::Keys, status, &body);
        world.passes(&signed_by("k1"));
        world.now += 10;
        world.tick();
        world.reply(FetchKind::Keys, 200, &keys(&["k1"]));
    }
}

#[test]
fn trap_uma_31_metadata_that_are_not_the_issuers_open_no_door() {
    for body in [
        metadata().replace(&format!("\"issuer\":\"{ISSUER}\""), "\"issuer\":\"https://evil.example\""),
        metadata().replace("https://as.example/realms/demo/jwks", "http://as.example/realms/demo/jwks"),
        metadata().replace("https://as.example/realms/demo/token", "http://localhost/token"),
        "{}".into(),
        String::new(),
    ] {
        let mut world = World::new(plain());
        let id = world.bearer(&rpt());
        world.reply(FetchKind::Metadata, 200, &body);
        world.warned(id, "keys_unavailable");
        world.idle();
    }
}
