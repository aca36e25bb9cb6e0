//! The log: one JSON object a line, ids by which requests are found again, and no secret.

use core::time::Duration;
use std::{thread, time::Instant};

use countersign_tests::{
    browser::{self, Browser, challenge},
    realm::{Realm, password, secret},
    server::Server,
    world::World,
};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

fn verbose() -> World {
    let builder = Server::builder().env("COUNTERSIGN_LOG", "trace,countersign::http=trace");
    World::on(builder.env("COUNTERSIGN_LOG_FORMAT", "json"), &Realm::new("test"))
}

fn lines(world: &World) -> Vec<Value> {
    let log = world.server.log();
    let lines = log.lines().filter(|line| !line.starts_with("countersign listening on"));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

/// The lines once there are enough: what was just written takes its time to be read
fn lines_with(world: &World, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let begin = Instant::now();
    loop {
        let lines = lines(world);
        if enough(&lines) || begin.elapsed() > PATIENCE {
            return lines;
        }
        thread::yield_now();
    }
}

#[test]
fn a_request_is_found_again_by_its_id() {
    let world = verbose();
    let answer =
        world.request("GET", ".well-known/uma2-configuration").header("x-request-id", "my-id.1").send();
    assert_eq!(answer.header("x-request-id"), Some("my-id.1"));
    let other = world.request("GET", "nowhere").header("x-request-id", "bad id\u{7f}").try_send();
    if let Ok(other) = other {
        assert_ne!(other.header("x-request-id"), Some("bad id\u{7f}"));
    }
    let made = world.request("GET", "nowhere").send().header("x-request-id").unwrap().to_owned();
    let answered = |lines: &[Value]| lines.iter().filter(|line| line["message"] == "answered").count();
    let lines = lines_with(&world, |lines| answered(lines) >= 3);
    let of = |id: &str| {
        let found =
            lines.iter().find(|line| line["span"]["request.id"] == id && line["message"] == "answered");
        found.unwrap_or_else(|| panic!("no line of {id} in {lines:#?}"))
    };
    let line = of("my-id.1");
    assert_eq!(line["span"]["http.route"], "/realms/{realm}/.well-known/uma2-configuration");
    assert_eq!((&line["http.status"], &line["span"]["http.method"]), (&json!(200), &json!("GET")));
    assert_eq!(of(&made)["http.status"], 404);
}

/// Everything that is written at the most talkative is looked through for every secret of a whole walk
#[test]
fn no_secret_of_a_whole_walk_is_in_the_log() {
    let world = verbose();
    let (hers, bob) = (world.document("hers"), world.token_by("reader", "bob"));
    let ticket = world.ticket(&world.pat(), &hers, &["read"]);
    world.exchange(&bob, &ticket).refused(403, "access_denied", "request_submitted");
    let alice = world.token("alice");
    let row = world.row(&alice, &hers, "read", "bob");
    _ = world.approve(&alice, &row["id"]).expect(204);
    let answer = world.exchange(&bob, &ticket).expect(200);
    let (rpt, refresh) = (answer.member("access_token"), answer.member("refresh_token"));
    assert_eq!(world.introspect(&rpt)["active"], true);
    let answer = world.refresh("reader", &refresh).expect(200);
    _ = world.introspect(&answer.member("access_token"));
    // Wrong ones are not told either: somebody may have mistyped the right one.
    let wrong = "not-quite-the-password-of-bob";
    world.server.http.keep_secret(wrong);
    let form =
        [("grant_type", "password"), ("client_id", "reader"), ("username", "bob"), ("password", wrong)];
    _ = world.post_token().form(&form).send().expect(401);
    _ = world
        .post_token()
        .basic("documents", wrong)
        .form(&[("grant_type", "client_credentials")])
        .send()
        .expect(401);
    let forged = format!("{rpt}x");
    _ = world.protection("GET", "resource_set", &forged).send();
    _ = world.request("GET", &format!("protocol/openid-connect/userinfo?access_token={rpt}")).send();
    _ = world
        .request("GET", &format!("authz/protection/permission/ticket?ticket={ticket}"))
        .bearer(&rpt)
        .send();
    assert!(lines_with(&world, |lines| lines.len() > 20).len() > 20);
    // The rest is done by the end of the server: it looks for all that came back, and for passwords and secrets.
    let log = world.server.log();
    for each in [&ticket, &rpt, &refresh, &bob, &alice, &password("bob"), &secret("documents")] {
        assert!(!log.contains(each.as_str()), "a secret is in the log");
    }
}

#[test]
fn no_secret_of_a_sign_in_is_in_the_log() {
    let builder = Server::builder().env("COUNTERSIGN_LOG", "trace").env("COUNTERSIGN_LOG_FORMAT", "json");
    let world = World::on(builder, &browser::realm());
    let verifier = "v".repeat(50);
    let url = world
        .authorize("web", &[("code_challenge", &challenge(&verifier)), ("code_challenge_method", "S256")]);
    let mut browser = Browser::new(&world);
    let page = world.sign_in_by(&mut browser, &url, "alice");
    let code = page.parameter("code");
    world.server.http.keep_secret(&code);
    world.server.http.keep_secret(&verifier);
    for end in ["IDENTITY", "KNOWN"] {
        if let Some(cookie) = browser.cookie(end) {
            world.server.http.keep_secret(cookie);
        }
    }
    _ = world.redeem("web", &code, &[("code_verifier", &verifier)]);
    let log = world.server.log();
    assert!(!log.contains(&code) && !log.contains(&verifier), "a code is in the log");
}
