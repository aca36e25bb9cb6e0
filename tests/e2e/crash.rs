//! kill -9 at random moments while everything is written at once: what was acknowledged is there
//! afterwards, what was redeemed stays redeemed, and nothing is there by half.

use core::{
    hash::BuildHasher as _,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{collections::BTreeMap, hash::RandomState, process::Command, sync::Mutex, thread};

use countersign_tests::{
    count,
    world::{World, document},
};
use serde_json::{Value, json};

/// What was acknowledged before a crash
#[derive(Debug, Default)]
struct Acknowledged {
    /// Resources by id
    registered: Vec<(String, String)>,
    /// Resources that are deleted
    deleted: Vec<String>,
    /// Shares by resource: whether they are granted
    shared: BTreeMap<String, bool>,
    /// Spent tickets, with the RPT and the refresh token that they gave
    redeemed: Vec<(String, String, String)>,
}

/// Writes of one client until the server is gone. Each returns as soon as an answer does not come.
fn writes(
    world: &World,
    client: usize,
    round: usize,
    tokens: &Tokens,
    done: &Mutex<Acknowledged>,
) -> Option<()> {
    for number in 0.. {
        let name = format!("{round}-{client}-{number}");
        let pat = &tokens.pat;
        let request = world.protection("POST", "resource_set", pat).json(&document(&name, "alice"));
        let id = request.try_send().ok()?.expect(201).member("_id");
        done.lock().unwrap().registered.push((id.clone(), name));

        let body =
            json!({ "resource": id, "scopeName": "read", "requesterName": "bob", "granted": number % 3 > 0 });
        let made =
            world.protection("POST", "permission/ticket", pat).json(&body).try_send().ok()?.expect(200);
        let row = made.json()["id"].clone();
        done.lock().unwrap().shared.insert(id.clone(), number % 3 > 0);
        if number % 3 == 0 {
            let body = json!({ "id": row, "granted": true });
            let approve = world.protection("PUT", "permission/ticket", &tokens.alice).json(&body);
            // Until it is acknowledged both are right.
            done.lock().unwrap().shared.remove(&id);
            _ = approve.try_send().ok()?.expect(204);
            done.lock().unwrap().shared.insert(id.clone(), true);
        }

        let body = json!([{ "resource_id": id, "resource_scopes": ["read"] }]);
        let ticket = world.protection("POST", "permission", pat).json(&body).try_send().ok()?.expect(201);
        let ticket = ticket.member("ticket");
        let form = [("grant_type", countersign_tests::world::UMA), ("ticket", &*ticket)];
        // What others delete meanwhile may make an assessment stale again and again: the ticket is as good as before.
        let answer = loop {
            let answer = world.post_token().bearer(&tokens.bob).form(&form).try_send().ok()?;
            if answer.status != 503 {
                break answer.expect(200);
            }
        };
        let (rpt, refresh) = (answer.member("access_token"), answer.member("refresh_token"));
        done.lock().unwrap().redeemed.push((ticket, rpt, refresh));

        if number % 5 == 4 {
            {
                let mut done = done.lock().unwrap();
                done.registered.retain(|(known, _)| *known != id);
                done.shared.remove(&id);
            }
            let gone = world.protection("DELETE", &format!("resource_set/{id}"), pat).try_send().ok()?;
            _ = gone.expect(204);
            done.lock().unwrap().deleted.push(id);
        }
    }
    None
}

struct Tokens {
    pat: String,
    alice: String,
    bob: String,
}

fn tokens(world: &World) -> Tokens {
    Tokens { pat: world.pat(), alice: world.token("alice"), bob: world.token_by("reader", "bob") }
}

#[test]
fn what_was_acknowledged_outlives_a_crash_at_any_moment() {
    let mut world = World::new();
    let random = RandomState::new();
    for round in 0..count(5, 50) {
        let tokens = tokens(&world);
        let done = Mutex::new(Acknowledged::default());
        let moment = Duration::from_millis(100 + random.hash_one(round) % 900);
        let killed = AtomicBool::new(false);
        thread::scope(|scope| {
            for client in 0..6 {
                let (world, tokens, done) = (&world, &tokens, &done);
                scope.spawn(move || writes(world, client, round, tokens, done));
            }
            let id = world.server.id().to_string();
            let killed = &killed;
            scope.spawn(move || {
                // The moment is the point: whatever is in flight then is cut off.
                thread::park_timeout(moment);
                _ = Command::new("kill").arg("-KILL").arg(id).status();
                killed.store(true, Ordering::Relaxed);
            });
        });
        assert!(killed.load(Ordering::Relaxed));
        world.server.crash();
        check(&world, &done.into_inner().unwrap());
    }
}

/// Everything is as it was said to be
fn check(world: &World, done: &Acknowledged) {
    let Tokens { pat, bob, .. } = tokens(world);
    let list = |path: &str| world.protection("GET", path, &pat).send().expect(200).json();
    let resources = list("resource_set?deep=true&max=-1");
    let resources: BTreeMap<_, _> =
        resources.as_array().unwrap().iter().map(|one| (one["_id"].as_str().unwrap(), one)).collect();
    for (id, name) in &done.registered {
        let one = resources.get(id.as_str()).unwrap_or_else(|| panic!("{name} is lost"));
        assert_eq!(one["name"], *name);
    }
    for id in &done.deleted {
        assert!(!resources.contains_key(id.as_str()), "{id} is back");
    }
    for one in resources.values() {
        assert_eq!(one["scopes"].as_array().map(Vec::len), Some(2), "written by half: {one}");
    }
    let rows = list("permission/ticket?returnNames=true&max=-1");
    let mut shares: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in rows.as_array().unwrap() {
        // No share without its resource, its scope and its people.
        for member in ["resourceName", "scopeName", "ownerName", "requesterName"] {
            assert!(row[member].is_string(), "by half: {row}");
        }
        shares.entry(row["resource"].as_str().unwrap()).or_default().push(row);
    }
    for (resource, rows) in &shares {
        assert!(resources.contains_key(resource) && rows.len() == 1, "{resource}: {rows:?}");
    }
    for (resource, granted) in &done.shared {
        let row = shares.get(resource.as_str()).unwrap_or_else(|| panic!("the share of {resource} is lost"));
        assert_eq!(row[0]["granted"], *granted, "{row:?}");
    }
    let mut redeemed = done.redeemed.iter();
    for (ticket, rpt, refresh) in redeemed.by_ref().take(40) {
        world.exchange(&bob, ticket).refused(403, "invalid_ticket", "Invalid permission ticket.");
        // Its row is there, and says what the resource says now.
        let seen = world.introspect(rpt);
        assert_eq!(seen["active"], true, "{seen}");
        let permissions = seen["permissions"].as_array().unwrap();
        for permission in permissions {
            assert!(resources.contains_key(permission["rsid"].as_str().unwrap()), "{permission}");
        }
        let refreshed = world.refresh("reader", refresh);
        let expected = if permissions.is_empty() { 400 } else { 200 };
        assert_eq!(refreshed.status, expected, "{refreshed}");
    }
    for (ticket, ..) in redeemed {
        world.exchange(&bob, ticket).refused(403, "invalid_ticket", "Invalid permission ticket.");
    }
}
