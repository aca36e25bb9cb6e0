//! The audit trail (design §6): changes and decisions, for administrators and, his own part, for an owner.

use core::time::Duration;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use countersign_tests::{
    admin::{Admin, PASSWORD, administered},
    realm::Realm,
    server::{Builder, Server, program},
    until,
    world::{World, document},
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

fn world(change: impl FnOnce(Builder) -> Builder) -> World {
    let realm = Realm::new("test");
    let builder = change(Server::builder()).import(realm.json());
    World { server: administered(builder), realm: realm.name().to_owned() }
}

fn trail(world: &World, query: &str) -> Vec<Value> {
    let admin = Admin::root(&world.server, "test");
    let Value::Array(rows) = admin.request("GET", &format!("audit{query}")).send().expect(200).json() else {
        panic!("no list")
    };
    rows
}

/// Rows of one event, once there are so many decisions in all of them
fn decisions(world: &World, event: &str, count: u64) -> Vec<Value> {
    until(event, PATIENCE, || {
        let rows = trail(world, &format!("?event={event}"));
        let found: u64 = rows.iter().map(|row| row["count"].as_u64().unwrap()).sum();
        (found >= count).then_some(rows)
    })
}

#[test]
fn changes_are_there_at_once_with_who_and_whose() {
    let world = world(|builder| builder);
    let hers = world.document("hers");
    let (alice, bob) = (world.id_of("alice"), world.id_of("bob"));
    let row = world.share(&hers, "read", "bob");
    _ = world.withdraw(&world.token("alice"), &row).expect(204);
    let rows = trail(&world, &format!("?resource={hers}"));
    let told: Vec<_> = rows.iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row["owner"] == alice.as_str() && row["count"] == 1), "{rows:?}");
    assert_eq!((&rows[0]["actor"], &rows[0]["requester"]), (&json!(alice), &json!(bob)));
    // What is asked for has a row as well, and so has what is deleted.
    let token = world.token_by("reader", "bob");
    world.knock(&token, &hers, &["read"]).refused(403, "access_denied", "request_submitted");
    let rows = trail(&world, "?event=share.requested");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((&rows[0]["actor"], &rows[0]["owner"]), (&json!(bob), &json!(alice)));
    _ = world.protection("DELETE", &format!("resource_set/{hers}"), &world.pat()).send().expect(204);
    assert_eq!(trail(&world, &format!("?resource={hers}"))[0]["owner"], alice.as_str());
}

#[test]
fn a_repeated_refusal_is_one_row_with_a_count() {
    let world = world(|builder| builder);
    let hers = world.document("hers");
    let bob = world.token_by("reader", "bob");
    for _ in 0..20 {
        world.ask(&bob, &[&format!("{hers}#read")]).refused(403, "access_denied", "not_authorized");
    }
    world.ask(&bob, &[&format!("{hers}#write")]).refused(403, "access_denied", "not_authorized");
    let rows = decisions(&world, "decision.denied", 21);
    // A day may end in between.
    assert!((2..=4).contains(&rows.len()), "{rows:?}");
    let row = rows.iter().find(|row| row["detail"]["scopes"] == json!(["read"])).unwrap();
    assert_eq!((&row["resource"], &row["requester"]), (&json!(hers), &json!(world.id_of("bob"))));
    assert_eq!((&row["owner"], &row["detail"]["purpose"]), (&json!(world.id_of("alice")), &json!("grant")));
    let health = world.server.http.get(&format!("{}/health", world.server.base())).send().json();
    assert_eq!(row["detail"]["pdp"], health["pdp"]["sha256"]);
}

#[test]
fn which_decisions_are_written_down_is_the_operators_choice() {
    let walk = |world: &World| {
        let hers = world.document("hers");
        _ = world.share(&hers, "read", "bob");
        let bob = world.token_by("reader", "bob");
        let ask = |scope: &str| {
            let permission = format!("{hers}#{scope}");
            world.uma(
                &bob,
                &[("audience", "documents"), ("permission", &permission), ("response_mode", "decision")],
            )
        };
        _ = ask("read").expect(200);
        _ = ask("write").expect(403);
        let rpt = world.ask(&bob, &[&format!("{hers}#read")]).expect(200).member("access_token");
        assert_eq!(world.introspect(&rpt)["active"], true);
    };
    let all = world(|builder| builder.arg("--audit-decisions").arg("all"));
    walk(&all);
    let rows = decisions(&all, "decision.granted", 2);
    let mut purposes: Vec<_> = rows.iter().map(|row| row["detail"]["purpose"].as_str().unwrap()).collect();
    purposes.sort_unstable();
    assert_eq!(purposes, ["decision", "introspection"], "an RPT has a row of its own");
    assert_eq!(trail(&all, "?event=rpt.issued").len(), 1);
    assert_eq!(decisions(&all, "decision.denied", 1).len(), 1);
    drop(all);

    // What is not written cannot be waited for: what stops the server has everything written.
    let mut denied = world(|builder| builder);
    walk(&denied);
    denied.server.terminate();
    denied.server.start_again();
    assert_eq!(trail(&denied, "?event=decision.granted").len(), 0);
    assert_eq!(trail(&denied, "?event=decision.denied").len(), 1);
    drop(denied);
    let mut off = world(|builder| builder.env("COUNTERSIGN_AUDIT_DECISIONS", "off"));
    walk(&off);
    off.server.terminate();
    off.server.start_again();
    assert_eq!(trail(&off, "?event=decision.denied&event=decision.granted").len(), 0);
    assert_eq!(trail(&off, "?event=rpt.issued").len(), 1, "changes are always written");
}

/// However it was asked for; a search is no decision about anybody
#[test]
fn a_decision_by_authzen_is_one_too() {
    let mut world = world(|builder| builder.arg("--audit-decisions").arg("all"));
    let mut document = document("hers", "alice");
    document["type"] = "document".into();
    let hers = world.register(&world.pat(), &document);
    _ = world.share(&hers, "read", "bob");
    let pat = world.pat();
    let post = |path: &str, action: &str| {
        let body = json!({ "subject": { "type": "user", "id": "bob" }, "action": { "name": action },
                           "resource": { "type": "document", "id": hers } });
        let request = world.request("POST", &format!("authzen/access/v1/{path}")).bearer(&pat);
        request.json(&body).send().expect(200).json()
    };
    assert_eq!(post("evaluation", "read")["decision"], true);
    assert_eq!(post("evaluation?reasons=operator", "write")["decision"], false);
    for kind in ["subject", "resource", "action"] {
        _ = post(&format!("search/{kind}"), "read");
    }
    world.server.terminate();
    world.server.start_again();
    let rows = trail(&world, "?event=decision.granted&event=decision.denied");
    let told: Vec<_> = rows.iter().map(|row| (&row["event"], &row["detail"]["purpose"])).collect();
    let (granted, denied, access) = (json!("decision.granted"), json!("decision.denied"), json!("access"));
    assert_eq!(told.len(), 2, "{rows:?}");
    assert!(told.contains(&(&granted, &access)) && told.contains(&(&denied, &access)), "{rows:?}");
}

#[test]
fn pages_follow_each_other_and_filters_hold() {
    let world = world(|builder| builder);
    for number in 0..5 {
        _ = world.document(&format!("d{number}"));
    }
    let all = trail(&world, "?event=resource.created");
    assert_eq!(all.len(), 5, "{all:?}");
    let ids: Vec<_> = all.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    let first = trail(&world, "?event=resource.created&max=2");
    let next = trail(&world, &format!("?event=resource.created&max=2&before={}", first[1]["id"]));
    assert_eq!([first, next].concat(), all[..4]);
    let newer = trail(&world, &format!("?event=resource.created&after={}", ids[4]));
    assert_eq!(newer.iter().map(|row| row["id"].as_i64().unwrap()).rev().collect::<Vec<_>>(), ids[..4]);
    let now = all[0]["time"].as_u64().unwrap();
    assert_eq!(trail(&world, &format!("?from={}", now + 3_600_000)).len(), 0);
    assert_eq!(trail(&world, &format!("?to={}", now - 3_600_000)).len(), 0);
    assert_eq!(trail(&world, "?actor=nobody").len(), 0);
    assert_eq!(trail(&world, "?max=0").len(), 0);
    let admin = Admin::root(&world.server, "test");
    for (query, member) in
        [("max=x", "max"), ("before=x", "before"), ("after=-", "after"), ("from=x", "from")]
    {
        let answer = admin.request("GET", &format!("audit?{query}")).send().expect(400);
        assert!(answer.text().contains(member), "{answer}");
    }
}

#[test]
fn only_those_who_may_see_events_read_it_and_an_owner_only_his_own() {
    let world = world(|builder| builder);
    let (hers, carols) = (
        world.document("hers"),
        world.register(
            &world.pat(),
            &json!({
                "name": "carols", "owner": "carol", "ownerManagedAccess": true, "resource_scopes": ["read"],
            }),
        ),
    );
    let url = format!("{}/admin/realms/test/audit", world.server.base());
    let status = |token: &str| world.server.http.get(&url).bearer(token).send().status;
    assert_eq!((status(&world.token("alice")), status("x")), (403, 401));
    assert_eq!(world.server.http.get(&url).send().status, 401);

    let own = |token: &str| world.request("GET", "account/v1/audit").bearer(token).send();
    assert_eq!(own(&world.token("bob")).expect(200).json(), json!([]));
    _ = world.request("GET", "account/v1/audit").send().expect(401);
    _ = own(&world.pat()).expect(401);
    let alice = world.id_of("alice");
    let rows = own(&world.token("alice")).expect(200).json();
    let rows = rows.as_array().unwrap();
    assert!(rows.iter().any(|row| row["resource"] == hers.as_str()), "{rows:?}");
    assert!(rows.iter().all(|row| row["owner"] == alice.as_str() && row["resource"] != carols.as_str()));
    // A filter does not open what is not his.
    let carol = world.id_of("carol");
    let others =
        world.request("GET", &format!("account/v1/audit?owner={carol}")).bearer(&world.token("alice"));
    assert_eq!(others.send().expect(200).json().as_array().unwrap().len(), rows.len());
}

/// A command that is ended with the test
struct Following(Child);

impl Drop for Following {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn somebody_at_a_terminal_follows_it() {
    let world = world(|builder| builder);
    let hers = world.document("hers");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(program());
        command.args(["admin", "--url", &world.server.base(), "--realm", "test", "audit"]).args(arguments);
        command.env("COUNTERSIGN_ADMIN_USERNAME", "root").env("COUNTERSIGN_ADMIN_PASSWORD", PASSWORD);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    };
    let listed = command(&["list"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.starts_with("TIME") && listed.contains("resource.created"), "{listed}");
    let mut tail = Following(
        command(&["tail", "--event", "decision.denied", "--event", "resource.created"]).spawn().unwrap(),
    );
    let mut lines = BufReader::new(tail.0.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("resource.created") && first.contains(&hers), "{first}");
    let bob = world.token_by("reader", "bob");
    world.ask(&bob, &[&format!("{hers}#read")]).refused(403, "access_denied", "not_authorized");
    let next = lines.next().unwrap().unwrap();
    assert!(next.contains("decision.denied") && next.contains("scopes=[\"read\"]"), "{next}");
    // The same again is told again, with its count.
    world.ask(&bob, &[&format!("{hers}#read")]).refused(403, "access_denied", "not_authorized");
    let again = lines.next().unwrap().unwrap();
    assert!(again.contains("decision.denied"), "{again}");
}
