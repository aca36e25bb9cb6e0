//! Many at once, and crashes in between (issue "Proof").

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{
    sync::{Barrier, Mutex},
    thread,
};

use countersign_tests::{
    count,
    forge::claims,
    realm::Realm,
    server::Server,
    world::{World, document},
};
use serde_json::json;

const PUBLIC: &str = "https://as.example";

/// One realm served by two processes on one database
fn two() -> [World; 2] {
    let first = World::on(Server::builder().arg("--public-url").arg(PUBLIC), &Realm::new("test"));
    let second = World { server: first.server.sibling(), realm: first.realm.clone() };
    [first, second]
}

fn one_redemption_wins(worlds: &[World], clients: usize) {
    let world = &worlds[0];
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let bob = world.token_by("reader", "bob");
    let ticket = world.ticket(&world.pat(), &hers, &["read"]);
    let (begin, answers) = (Barrier::new(clients), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for client in 0..clients {
            let (world, begin, answers) = (&worlds[client % worlds.len()], &begin, &answers);
            let (bob, ticket) = (&bob, &ticket);
            scope.spawn(move || {
                begin.wait();
                let answer = world.exchange(bob, ticket);
                answers.lock().unwrap().push(answer);
            });
        }
    });
    let mut won = 0;
    for answer in answers.into_inner().unwrap() {
        if answer.status == 200 {
            won += 1;
        } else {
            answer.refused(403, "invalid_ticket", "Invalid permission ticket.");
        }
    }
    assert_eq!(won, 1);
}

#[test]
fn of_two_hundred_redemptions_of_one_ticket_one_wins() {
    one_redemption_wins(&[World::new()], 200);
}

#[test]
fn of_two_hundred_redemptions_at_two_hosts_one_wins() {
    one_redemption_wins(&two(), 200);
}

/// design §6: no grant outlives a withdrawal that came first
fn withdrawal_wins(granting: &World, withdrawing: &World, rounds: usize) {
    let hers = granting.document("hers");
    let (alice, bob) = (granting.token("alice"), granting.token_by("reader", "bob"));
    let pat = granting.pat();
    let [mut granted, mut denied] = [0, 0];
    for round in 0..rounds {
        let row = granting.share(&hers, "read", "bob");
        let ticket = granting.ticket(&pat, &hers, &["read"]);
        let begin = Barrier::new(2);
        let answer = thread::scope(|scope| {
            let grant = scope.spawn(|| {
                begin.wait();
                granting.uma(&bob, &[("ticket", &ticket), ("submit_request", "false")])
            });
            begin.wait();
            _ = withdrawing.withdraw(&alice, &row).expect(204);
            grant.join().unwrap()
        });
        match answer.status {
            200 => {
                granted += 1;
                let rpt = answer.member("access_token");
                for world in [granting, withdrawing] {
                    assert_eq!(world.introspect(&rpt)["permissions"], json!([]), "round {round}");
                }
                let refreshed = granting.refresh("reader", &answer.member("refresh_token"));
                assert_eq!(refreshed.json()["error"], "invalid_grant", "round {round}: {refreshed}");
            }
            403 => {
                denied += 1;
                answer.refused(403, "access_denied", "not_authorized");
            }
            _ => panic!("round {round}: {answer}"),
        }
    }
    println!("{granted} grants came first, {denied} withdrawals");
}

#[test]
fn a_withdrawal_beats_a_grant_at_the_same_time() {
    let world = World::new();
    withdrawal_wins(&world, &world, count(100, 1_000));
}

#[test]
fn a_withdrawal_at_one_host_beats_a_grant_at_another() {
    let [first, second] = two();
    withdrawal_wins(&first, &second, count(100, 1_000));
}

/// Approvals and withdrawals of one share at the same time leave it in one of its states
#[test]
fn many_decisions_about_one_share_leave_one_of_them() {
    let world = World::new();
    let hers = world.document("hers");
    let alice = world.token("alice");
    let body = json!({ "resource": hers, "scopeName": "read", "requesterName": "bob" });
    for _ in 0..count(10, 100) {
        let clients = 8;
        let begin = Barrier::new(clients);
        thread::scope(|scope| {
            for client in 0..clients {
                let (world, begin, alice, body) = (&world, &begin, &alice, &body);
                scope.spawn(move || {
                    begin.wait();
                    let answer = world.protection("POST", "permission/ticket", alice).json(body).send();
                    assert!([200, 400].contains(&answer.status), "{answer}");
                    for row in world.rows(alice) {
                        let answer = if client % 2 == 0 {
                            world.approve(alice, &row["id"])
                        } else {
                            world.withdraw(alice, &row["id"])
                        };
                        assert!([204, 400].contains(&answer.status), "{answer}");
                    }
                });
            }
        });
        let rows = world.rows(&alice);
        assert!(rows.len() <= 1, "{rows:?}");
        for row in &rows {
            _ = world.withdraw(&alice, &row["id"]).expect(204);
        }
    }
}

/// kill -9 between every two steps of the walk
#[test]
fn every_step_of_the_walk_outlives_a_crash() {
    let mut world = World::new();
    let pat = world.pat();
    world.server.crash();
    let hers = world.register(&pat, &document("hers", "alice"));
    world.server.crash();
    let (alice, bob) = (world.token("alice"), world.token_by("reader", "bob"));
    world.server.crash();
    let ticket = world.ticket(&pat, &hers, &["read"]);
    world.server.crash();
    world.exchange(&bob, &ticket).refused(403, "access_denied", "request_submitted");
    world.server.crash();
    let row = world.row(&alice, &hers, "read", "bob");
    assert_eq!(row["granted"], false);
    world.server.crash();
    _ = world.approve(&alice, &row["id"]).expect(204);
    world.server.crash();
    assert_eq!(world.row(&alice, &hers, "read", "bob")["granted"], true);
    let answer = world.exchange(&bob, &ticket).expect(200);
    let (rpt, refresh) = (answer.member("access_token"), answer.member("refresh_token"));
    world.server.crash();
    world.exchange(&bob, &ticket).refused(403, "invalid_ticket", "Invalid permission ticket.");
    assert_eq!(world.introspect(&rpt)["permissions"][0]["scopes"], json!(["read"]));
    world.server.crash();
    let refreshed = world.refresh("reader", &refresh).expect(200);
    let refreshed = (refreshed.member("access_token"), refreshed.member("refresh_token"));
    world.server.crash();
    let permissions = &claims(&refreshed.0)["authorization"]["permissions"];
    assert_eq!(world.introspect(&refreshed.0)["permissions"][0]["rsid"], permissions[0]["rsid"]);
    world.knock(&bob, &hers, &["write"]).refused(403, "access_denied", "request_submitted");
    world.server.crash();
    assert_eq!(world.row(&alice, &hers, "write", "bob")["granted"], false);
    _ = world.withdraw(&alice, &row["id"]).expect(204);
    world.server.crash();
    for token in [&rpt, &refreshed.0] {
        assert_eq!(world.introspect(token)["permissions"], json!([]));
    }
    world.server.crash();
    for token in [&refresh, &refreshed.1] {
        let answer = world.refresh("reader", token);
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")), "{answer}");
    }
    world.knock(&bob, &hers, &["read"]).refused(403, "access_denied", "request_submitted");
    world.server.crash();
    assert_eq!(world.row(&alice, &hers, "read", "bob")["granted"], false);
}

/// Two at the same time
fn at_once<A: Send, B: Send>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B + Send) -> (A, B) {
    let begin = Barrier::new(2);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            begin.wait();
            second()
        });
        begin.wait();
        let first = first();
        (first, other.join().unwrap())
    })
}

fn one_of_two_redemptions_wins(first: &World, second: &World) {
    let hers = first.document("hers");
    _ = first.share(&hers, "read", "bob");
    let (pat, bob) = (first.pat(), first.token_by("reader", "bob"));
    for round in 0..count(100, 1_000) {
        let ticket = first.ticket(&pat, &hers, &["read"]);
        let answers = at_once(|| first.exchange(&bob, &ticket), || second.exchange(&bob, &ticket));
        let (won, lost) = if answers.0.status == 200 { answers } else { (answers.1, answers.0) };
        assert_eq!(won.status, 200, "round {round}: {won} {lost}");
        lost.refused(403, "invalid_ticket", "Invalid permission ticket.");
        if round % 10 == 0 {
            let rpt = won.member("access_token");
            assert_eq!(second.introspect(&rpt)["permissions"][0]["rsid"], hers, "round {round}");
        }
    }
}

#[test]
fn of_two_redemptions_one_wins_in_every_round() {
    let world = World::new();
    one_of_two_redemptions_wins(&world, &world);
}

#[test]
fn of_two_redemptions_at_two_hosts_one_wins_in_every_round() {
    let [first, second] = two();
    one_of_two_redemptions_wins(&first, &second);
}

/// An approval and a withdrawal of the same request: whoever is second finds what the first has left
fn an_approval_against_a_withdrawal(approving: &World, withdrawing: &World) {
    let hers = approving.document("hers");
    let (alice, bob) = (approving.token("alice"), approving.token_by("reader", "bob"));
    let pat = approving.pat();
    let body = json!({ "resource": hers, "scopeName": "read", "requesterName": "bob", "granted": false });
    let [mut first, mut late] = [0, 0];
    for round in 0..count(100, 1_000) {
        let made = approving.protection("POST", "permission/ticket", &pat).json(&body).send().expect(200);
        let row = made.json()["id"].clone();
        let (approved, withdrawn) =
            at_once(|| approving.approve(&alice, &row), || withdrawing.withdraw(&alice, &row));
        assert_eq!(withdrawn.status, 204, "round {round}: {withdrawn}");
        match approved.status {
            204 => first += 1,
            400 => late += 1,
            _ => panic!("round {round}: {approved}"),
        }
        assert!(withdrawing.rows(&alice).is_empty(), "round {round}");
        let form = [
            ("submit_request", "false"),
            ("audience", "documents"),
            ("permission", &*format!("{hers}#read")),
        ];
        let answer = approving.uma(&bob, &form);
        assert_eq!(answer.status, 403, "round {round}: {answer}");
    }
    println!("{first} approvals came first, {late} withdrawals");
}

#[test]
fn an_approval_against_a_withdrawal_leaves_one_of_their_outcomes() {
    let world = World::new();
    an_approval_against_a_withdrawal(&world, &world);
}

#[test]
fn an_approval_against_a_withdrawal_at_two_hosts() {
    let [first, second] = two();
    an_approval_against_a_withdrawal(&first, &second);
}

/// A grant and the end of its resource: whatever is granted is worth nothing afterwards
fn a_deletion_against_a_grant(granting: &World, deleting: &World) {
    let (pat, bob) = (granting.pat(), granting.token_by("reader", "bob"));
    let [mut granted, mut gone] = [0, 0];
    for round in 0..count(100, 1_000) {
        let hers = granting.document(&format!("hers-{round}"));
        _ = granting.share(&hers, "read", "bob");
        let ticket = granting.ticket(&pat, &hers, &["read"]);
        let (answer, deleted) = at_once(
            || granting.exchange(&bob, &ticket),
            || deleting.protection("DELETE", &format!("resource_set/{hers}"), &pat).send(),
        );
        assert_eq!(deleted.status, 204, "round {round}: {deleted}");
        match answer.status {
            200 => {
                granted += 1;
                for world in [granting, deleting] {
                    let seen = world.introspect(&answer.member("access_token"));
                    assert_eq!(seen["permissions"], json!([]), "round {round}");
                }
                let refreshed = granting.refresh("reader", &answer.member("refresh_token"));
                assert_eq!(refreshed.json()["error"], "invalid_grant", "round {round}: {refreshed}");
            }
            400 | 403 => gone += 1,
            _ => panic!("round {round}: {answer}"),
        }
        let rows = deleting.protection("GET", &format!("permission/ticket?resourceId={hers}"), &pat).send();
        assert!(matches!(rows.status, 200 | 400), "{rows}");
        assert!(!rows.text().contains("granted"), "round {round}: {rows}");
    }
    println!("{granted} grants came first, {gone} deletions");
}

#[test]
fn a_deletion_against_a_grant_leaves_nothing_granted() {
    let world = World::new();
    a_deletion_against_a_grant(&world, &world);
}

#[test]
fn a_deletion_at_one_host_against_a_grant_at_another() {
    let [first, second] = two();
    a_deletion_against_a_grant(&first, &second);
}

fn of_two_registrations_one_wins(first: &World, second: &World) {
    let pat = first.pat();
    for round in 0..count(100, 1_000) {
        let name = format!("twice-{round}");
        let register = |world: &World| {
            world.protection("POST", "resource_set", &pat).json(&document(&name, "alice")).send()
        };
        let answers = at_once(|| register(first), || register(second));
        let (won, lost) = if answers.0.status == 201 { answers } else { (answers.1, answers.0) };
        assert_eq!((won.status, lost.status), (201, 409), "round {round}: {won} {lost}");
        let id = won.member("_id");
        let found =
            second.protection("GET", &format!("resource_set?exactName=true&name={name}"), &pat).send();
        assert_eq!(found.expect(200).json(), json!([id]), "round {round}");
    }
}

#[test]
fn of_two_registrations_of_one_name_one_wins() {
    let world = World::new();
    of_two_registrations_one_wins(&world, &world);
}

#[test]
fn of_two_registrations_at_two_hosts_one_wins() {
    let [first, second] = two();
    of_two_registrations_one_wins(&first, &second);
}

/// Changes of other resources of the same resource server, without an end, never keep a grant from being made: when it
/// has been overtaken some times, the others wait
fn grants_go_on(granting: &World, changing: &World) {
    let hers = granting.document("hers");
    _ = granting.share(&hers, "read", "bob");
    let (pat, bob) = (granting.pat(), granting.token_by("reader", "bob"));
    let over = AtomicBool::new(false);
    let changes = AtomicUsize::new(0);
    thread::scope(|scope| {
        for client in 0..6 {
            let (pat, over, changes) = (&pat, &over, &changes);
            scope.spawn(move || {
                for number in 0.. {
                    let id = changing.register(pat, &document(&format!("other-{client}-{number}"), "alice"));
                    let deleted = changing.protection("DELETE", &format!("resource_set/{id}"), pat).send();
                    _ = deleted.expect(204);
                    changes.fetch_add(1, Ordering::Relaxed);
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            for round in 0..count(60, 1_000) {
                let ticket = granting.ticket(&pat, &hers, &["read"]);
                for form in [[("ticket", &*ticket)], [("audience", "documents")]] {
                    let answer = granting.uma(&bob, &form);
                    assert_eq!(answer.status, 200, "round {round}: {answer}");
                    let permissions = &claims(&answer.member("access_token"))["authorization"]["permissions"];
                    assert_eq!(permissions[0]["rsid"], hers, "round {round}");
                }
                let missing = granting.ticket(&pat, &hers, &["write"]);
                granting.exchange(&bob, &missing).refused(403, "access_denied", "request_submitted");
            }
        }));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    let changes = changes.into_inner();
    assert!(changes > 0, "nothing was changed meanwhile");
    println!("{changes} resources came and went meanwhile");
}

#[test]
fn grants_go_on_while_other_resources_come_and_go() {
    let world = World::new();
    grants_go_on(&world, &world);
}

#[test]
fn grants_go_on_while_other_resources_come_and_go_at_another_host() {
    let [first, second] = two();
    grants_go_on(&first, &second);
}

/// kill -9 while four clients write: what was acknowledged is there, and nothing is there by half
#[test]
fn a_crash_during_writes_loses_nothing_that_was_acknowledged() {
    let mut world = World::new();
    let pat = world.pat();
    for round in 0..count(3, 50) {
        let acknowledged = Mutex::new(Vec::new());
        let written = AtomicUsize::new(0);
        let enough = 20 + round * 7 % 40;
        thread::scope(|scope| {
            for client in 0..4 {
                let (world, pat, acknowledged, written) = (&world, &pat, &acknowledged, &written);
                scope.spawn(move || {
                    for number in 0.. {
                        let name = format!("{round}-{client}-{number}");
                        let request =
                            world.protection("POST", "resource_set", pat).json(&document(&name, "alice"));
                        let Ok(answer) = request.try_send() else { return };
                        let id = answer.expect(201).member("_id");
                        acknowledged.lock().unwrap().push((id, name));
                        if written.fetch_add(1, Ordering::Relaxed) == enough {
                            // From within: in the middle of what the others do.
                            let id = world.server.id().to_string();
                            _ = std::process::Command::new("kill").arg("-KILL").arg(id).status();
                        }
                    }
                });
            }
        });
        world.server.crash();
        let list = world.protection("GET", "resource_set?deep=true&max=-1", &pat).send().expect(200).json();
        let there: std::collections::BTreeMap<_, _> =
            list.as_array().unwrap().iter().map(|one| (one["_id"].as_str().unwrap(), one)).collect();
        for (id, name) in acknowledged.into_inner().unwrap() {
            let one = there.get(id.as_str()).unwrap_or_else(|| panic!("{name} is lost"));
            assert_eq!(one["name"], name);
        }
        for one in there.values() {
            assert_eq!(one["scopes"].as_array().map(Vec::len), Some(2), "written by half: {one}");
        }
    }
}
