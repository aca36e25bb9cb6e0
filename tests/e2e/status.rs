//! Withdrawals on their way to guards: the status list and the stream of changes (checklist §2.18; design §5, §7).

use countersign_core::{
    jwk::Jwks,
    status::{Status, StatusList, StatusRef, UnverifiedStatusList},
    time::UnixTime,
    token::{Payload, SignatureOk},
};
use countersign_tests::{
    forge::{claims, part},
    stream::Events,
    until,
    world::World,
};
use serde_json::{Value, json};

const PATIENCE: core::time::Duration = core::time::Duration::from_mins(1);

/// The list as a guard reads it
fn list(world: &World) -> StatusList {
    let answer = world.request("GET", "status-list").send().expect(200);
    assert_eq!(answer.header("content-type"), Some("application/statuslist+jwt"));
    let token = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!(part(&token, 0)["typ"], "statuslist+jwt");
    let keys = world.request("GET", "protocol/openid-connect/certs").send().expect(200);
    let (issuer, now) = (world.issuer(), UnixTime(claims(&token)["iat"].as_u64().unwrap()));
    let keys = Jwks::parse(&keys.body).unwrap();
    let uri = format!("{issuer}/status-list");
    let pending = UnverifiedStatusList::parse(&token, &keys, &issuer, &uri, now).unwrap();
    // The arithmetic is `jsonwebtoken`'s business, and the guard's tests have it.
    pending.accept(SignatureOk::i_have_verified_the_signature())
}

fn place(world: &World, rpt: &str) -> StatusRef {
    let payload = claims(rpt).to_string();
    let place =
        StatusRef::of(&Payload::parse(payload.as_bytes()).unwrap().claims().unwrap()).unwrap().unwrap();
    assert_eq!(place.uri(), format!("{}/status-list", world.issuer()));
    place
}

/// Bob's RPT for what alice has shared with him
struct Shared {
    world: World,
    document: String,
    rows: Vec<Value>,
    rpt: String,
}

fn shared(scopes: &[&str]) -> Shared {
    let world = World::new();
    let document = world.document("plan");
    let rows = scopes.iter().map(|scope| world.share(&document, scope, "bob")).collect();
    let asked = format!("{document}#{}", scopes.join(","));
    let rpt = world.ask(&world.token_by("reader", "bob"), &[&asked]).expect(200).member("access_token");
    Shared { world, document, rows, rpt }
}

fn stream(world: &World, since: Option<u64>) -> Events {
    Events::open(world.server.address(), "/realms/test/status-changes", since)
}

#[test]
fn the_discovery_document_says_where_both_are() {
    let world = World::new();
    let document = world.request("GET", ".well-known/uma2-configuration").send().expect(200).json();
    assert_eq!(document["status_list_uri"], format!("{}/status-list", world.issuer()));
    assert_eq!(document["status_stream_uri"], format!("{}/status-changes", world.issuer()));
}

#[test]
fn what_is_taken_back_is_marked_in_the_list() {
    let Shared { world, rows, rpt, .. } = shared(&["read", "write"]);
    let place = place(&world, &rpt);
    assert_eq!(list(&world).status(place.idx()), Status::Valid);
    _ = world.withdraw(&world.token("alice"), &rows[0]).expect(204);
    assert_eq!(list(&world).status(place.idx()), Status::Narrowed, "write is left");
    _ = world.withdraw(&world.token("alice"), &rows[1]).expect(204);
    assert_eq!(list(&world).status(place.idx()), Status::Invalid);
    assert_eq!(list(&world).seq(), Some(2));
}

#[test]
fn the_stream_tells_as_it_happens() {
    let Shared { world, rows, rpt, .. } = shared(&["read", "write"]);
    let place = place(&world, &rpt).idx();
    let mut events = stream(&world, None);
    let alice = world.token("alice");
    _ = world.withdraw(&alice, &rows[0]).expect(204);
    assert_eq!(events.change(), json!({ "seq": 1, "changes": [[place, 3]] }));
    _ = world.withdraw(&alice, &rows[1]).expect(204);
    assert_eq!(events.change(), json!({ "seq": 2, "changes": [[place, 1]] }));
}

#[test]
fn a_guard_that_was_cut_off_catches_up_by_number() {
    let Shared { world, rows, rpt, .. } = shared(&["read", "write"]);
    let place = place(&world, &rpt).idx();
    let alice = world.token("alice");
    _ = world.withdraw(&alice, &rows[0]).expect(204);
    _ = world.withdraw(&alice, &rows[1]).expect(204);
    let mut events = stream(&world, Some(1));
    assert_eq!(events.change(), json!({ "seq": 2, "changes": [[place, 1]] }), "the first is known");
    let mut events = stream(&world, Some(0));
    assert_eq!(events.change()["seq"], 1);
    assert_eq!(events.change()["seq"], 2);
    // Whoever knows of more than there is hears the number and loads the list.
    let mut events = stream(&world, Some(9));
    assert_eq!(events.next(), Some(json!({ "seq": 2 })));
    world.request("GET", "status-changes?since=x").send().refused(400, "invalid_request", "Invalid since");
}

#[test]
fn a_change_of_another_process_on_the_same_file_is_told_too() {
    let Shared { world, rows, rpt, .. } = shared(&["read"]);
    let place = place(&world, &rpt).idx();
    let other = world.server.sibling();
    let mut events = Events::open(other.address(), "/realms/test/status-changes", Some(0));
    _ = world.withdraw(&world.token("alice"), &rows[0]).expect(204);
    assert_eq!(events.change(), json!({ "seq": 1, "changes": [[place, 1]] }));
}

#[test]
fn a_deleted_resource_takes_its_tokens_along() {
    let Shared { world, document, rpt, .. } = shared(&["read"]);
    let place = place(&world, &rpt).idx();
    _ = world.protection("DELETE", &format!("resource_set/{document}"), &world.pat()).send().expect(204);
    assert_eq!(list(&world).status(place), Status::Invalid);
}

#[test]
fn a_sign_in_that_ends_takes_its_tokens_along() {
    let world = World::new();
    let document = world.document("plan");
    _ = world.share(&document, "read", "bob");
    let tokens = world.sign_in("reader", "bob");
    let asked = format!("{document}#read");
    let rpt = world.ask(&tokens.member("access_token"), &[&asked]).expect(200).member("access_token");
    let place = place(&world, &rpt).idx();
    let form = [("client_id", "reader"), ("refresh_token", &*tokens.member("refresh_token"))];
    _ = world.request("POST", "protocol/openid-connect/logout").form(&form).send().expect(204);
    assert_eq!(list(&world).status(place), Status::Invalid);
}

#[test]
fn a_server_that_stops_ends_its_streams() {
    let Shared { mut world, .. } = shared(&["read"]);
    let mut events = stream(&world, None);
    assert!(world.server.terminate().success());
    until("the end of the stream", PATIENCE, || events.next().is_none().then_some(()));
}

#[test]
fn places_are_drawn_at_random_and_each_token_has_its_own() {
    let Shared { world, document, rpt, .. } = shared(&["read"]);
    let asked = format!("{document}#read");
    let mut places = vec![place(&world, &rpt).idx()];
    for _ in 0..20 {
        let rpt = world.ask(&world.token_by("reader", "bob"), &[&asked]).expect(200).member("access_token");
        places.push(place(&world, &rpt).idx());
    }
    let in_order = places.is_sorted();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 21);
    assert!(!in_order, "{places:?}");
}

/// TSL-8.4-01, TSL-8.1-01
#[test]
fn a_list_that_is_known_is_not_sent_again_and_history_is_not_kept() {
    let world = World::new();
    let answer = world.request("GET", "status-list").send().expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=5"));
    let tag = answer.header("etag").unwrap().to_owned();
    let again = world.request("GET", "status-list").header("if-none-match", &tag).send().expect(304);
    assert!(again.body.is_empty());
    _ = world.request("GET", "status-list?time=1").send().expect(501);
}
