//! A decision component that misbehaves permits nothing and harms nobody (design §4).

use core::time::Duration;
use std::{thread, time::Instant};

use countersign_tests::{count, realm::secret, server::Builder, world::World};
use serde_json::json;

/// What an answer may take: 50 ms of processor, and a queue on a machine that does other things too
const PATIENCE: Duration = Duration::from_secs(5);
/// Growth of the process over all requests, in KiB: what an allocator keeps, and no request's memory
const GROWTH: u64 = 24 * 1024;
/// Clients at the same time
const CLIENTS: usize = 4;

fn survives(guest: &str, requests: usize) {
    let mut world = World::new();
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let bob = world.token_by("reader", "bob");
    let rpt = world.ask(&bob, &[&hers]).expect(200).member("access_token");
    let pat = world.pat();
    let [ticket, write] = ["read", "write"].map(|scope| world.ticket(&pat, &hers, &[scope]));
    let before = world.everything();

    world.server.restart_with(|builder| builder.pdp(guest));
    let begin = Instant::now();
    let ask = |number: usize| {
        let begin = Instant::now();
        let answer = match number % 5 {
            0 => world.exchange(&bob, &ticket),
            1 => world.exchange(&bob, &write),
            2 => world.uma(&bob, &[("ticket", &write), ("response_mode", "decision")]),
            3 => world.ask(&bob, &[&hers]),
            _ => {
                let form = [("token", rpt.as_str())];
                world.post_introspect().basic("documents", &secret("documents")).form(&form).send()
            }
        };
        assert_eq!(answer.status, 503, "{guest}, request {number}: {answer}");
        assert_eq!(answer.json(), json!({ "error": "temporarily_unavailable" }));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(begin.elapsed() < PATIENCE, "{guest}, request {number}: {:?}", begin.elapsed());
    };
    let all = |range: core::ops::Range<usize>| {
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (range, ask) = (range.clone(), &ask);
                scope.spawn(move || range.skip(client).step_by(CLIENTS).for_each(ask));
            }
        });
    };
    let warm = (requests / 5).clamp(10, 500);
    all(0..warm);
    let held = world.server.resident();
    all(warm..requests.max(warm + 10));
    let grown = world.server.resident().saturating_sub(held);
    assert!(grown < GROWTH, "{guest}: grown by {grown} KiB in {requests} requests");

    // It goes on, and said so about once a second, not once a request.
    _ = world.server.http.get(&format!("{}/health", world.server.base())).send().expect(200);
    _ = world.protection("GET", "resource_set", &pat).send().expect(200);
    let lines = world.server.log().lines().filter(|line| line.contains("decision engine failed")).count();
    let most = usize::try_from(begin.elapsed().as_secs()).unwrap() + 2;
    assert!((1..=most).contains(&lines), "{guest}: {lines} lines in {:?}", begin.elapsed());

    world.server.restart_with(Builder::built_in_pdp);
    assert_eq!(world.everything(), before, "{guest}: something was stored");
    let answer = world.exchange(&bob, &ticket);
    assert_eq!(answer.status, 200, "{guest}: the ticket was spent: {answer}");
    assert_eq!(world.introspect(&rpt)["permissions"][0]["scopes"], json!(["read"]));
}

#[test]
fn a_component_that_traps() {
    survives("trap.wat", count(300, 10_000));
}

#[test]
fn a_component_that_answers_garbage() {
    survives("garbage.wat", count(300, 10_000));
}

#[test]
fn a_component_that_never_ends() {
    survives("loop.wat", count(20, 200));
}

#[test]
fn a_component_that_takes_all_memory() {
    survives("hoard.wat", count(20, 200));
}

#[test]
fn a_component_that_points_outside_of_its_memory() {
    survives("wild.wat", count(50, 1_000));
}

#[test]
fn a_component_that_refuses_every_question() {
    survives("refuse.wat", count(50, 1_000));
}
