//! What answers tell beyond Keycloak's: when to come back, how much fits, and since when anything counts.

use countersign_tests::{admin::Admin, forge::claims, realm::Realm, signer::now, world::World};
use serde_json::{Value, json};

#[test]
fn who_waits_for_an_owner_is_told_when_to_ask_again() {
    for (interval, header) in [(None, Some("5")), (Some("30"), Some("30")), (Some("0"), None)] {
        let mut realm = Realm::new("test");
        if let Some(interval) = interval {
            realm = realm.attribute("countersign.poll_interval", interval);
        }
        let world = World::of(&realm);
        let (pat, bob, hers) = (world.pat(), world.token_by("reader", "bob"), world.document("hers"));
        // Keycloak's body; the header is ours.
        let answer = world.knock(&bob, &hers, &["read"]);
        assert_eq!(answer.header("retry-after"), header, "{interval:?}");
        assert_eq!(answer.json().as_object().unwrap().len(), 2);
        answer.refused(403, "access_denied", "request_submitted");
        let ticket = world.ticket(&pat, &hers, &["read"]);
        let body = world.uma(&bob, &[("ticket", &ticket), ("extended", "true")]).expect(403).json();
        assert_eq!(body["interval"], header.map_or(Value::Null, |text| json!(text.parse::<u64>().unwrap())));
        // Nobody is asked who could change this one.
        let ticket = world.ticket(&pat, &hers, &["read"]);
        let answer = world.uma(&bob, &[("ticket", &ticket), ("submit_request", "false")]);
        assert_eq!(answer.header("retry-after"), None);
        answer.refused(403, "access_denied", "not_authorized");
    }
}

#[test]
fn an_rpt_of_everything_carries_what_fits_the_newest_first() {
    let world = World::of(&Realm::new("test").attribute("countersign.rpt_max_bytes", "8192"));
    let (pat, bob) = (world.pat(), world.token_by("reader", "bob"));
    let ids: Vec<_> =
        (0..60).map(|number| world.document(&format!("a document that is called {number}"))).collect();
    for id in &ids {
        _ = world.share(id, "read", "bob");
    }

    let answer = world.ask(&bob, &[]).expect(200);
    let left_out: usize = answer.header("countersign-truncated").unwrap().parse().unwrap();
    let rpt = answer.member("access_token");
    let permissions = claims(&rpt)["authorization"]["permissions"].as_array().unwrap().clone();
    assert!(rpt.len() <= 8_192, "{}", rpt.len());
    assert!(rpt.len() > 7_900, "more would have fitted: {}", rpt.len());
    assert_eq!(permissions.len() + left_out, 60);
    // It is an RPT like any other.
    assert_eq!(world.introspect(&rpt)["permissions"].as_array().unwrap().len(), permissions.len());

    // What is named is not cut: it is said.
    let named: Vec<_> = ids.iter().map(|id| format!("{id}#read")).collect();
    let named: Vec<_> = named.iter().map(String::as_str).collect();
    let text = "The permissions do not fit into a token of 8192 bytes: ask for less, or use response_mode=permissions.";
    world.ask(&bob, &named).refused(400, "invalid_request", text);
    let body: Vec<_> =
        ids.iter().map(|id| json!({ "resource_id": id, "resource_scopes": ["read"] })).collect();
    let ticket =
        world.protection("POST", "permission", &pat).json(&json!(body)).send().expect(201).member("ticket");
    world.exchange(&bob, &ticket).refused(400, "invalid_request", text);
    // The ticket is not spent, and nothing else has a limit.
    let all = world.uma(&bob, &[("ticket", &ticket), ("response_mode", "permissions")]).expect(200);
    assert_eq!(all.json().as_array().unwrap().len(), 60);
    let few = world.ask(&bob, &named[..3]).expect(200);
    assert_eq!(few.header("countersign-truncated"), None);
}

/// What it cuts is tested where a clock can be set (`host/src/http/expiry/tests.rs`)
#[test]
fn an_administrator_says_since_when_tokens_of_a_resource_server_count() {
    let world = World::administered(&Realm::new("test"));
    let admin = Admin::root(&world.server, "test");
    let path = format!("clients/{}/authz/resource-server", admin.client("documents"));
    for wrong in [json!(now() + 1_000), json!("now"), json!(-1)] {
        let answer = admin.put(&path, &json!({ "notBefore": wrong }));
        answer.refused(400, "invalid_request", "Invalid notBefore");
    }
    let pat = world.pat();
    _ = admin.put(&path, &json!({ "notBefore": 1_000 })).expect(204);
    assert_eq!(admin.read(&path).get("notBefore"), None);
    assert_eq!(admin.read(&format!("{path}?extended=true"))["notBefore"], 1_000);
    // It stays where a later change does not name it, and what came after it counts.
    _ = admin.put(&path, &json!({ "decisionStrategy": "AFFIRMATIVE" })).expect(204);
    assert_eq!(admin.read(&format!("{path}?extended=true"))["notBefore"], 1_000);
    _ = world.protection("GET", "resource_set", &pat).send().expect(200);
}

/// Keycloak's Java client refuses members that it does not know
#[test]
fn no_answer_has_a_member_of_ours_unless_it_is_asked_for() {
    let world = World::new();
    let (pat, alice, hers) = (world.pat(), world.token("alice"), world.document("hers"));
    let end = now() + 1_000;
    let share = json!({ "resource": hers, "scopeName": "read", "requesterName": "bob", "granted": true, "expires_at": end });
    let made = world.protection("POST", "permission/ticket", &pat).json(&share).send().expect(200).json();
    let policy = json!({ "name": "p", "users": ["carol"], "expires_at": end });
    let policy = world
        .protection("POST", &format!("uma-policy/{hers}"), &alice)
        .json(&policy)
        .send()
        .expect(200)
        .json();
    let get = |token: &str, path: &str| world.protection("GET", path, token).send().expect(200).json();
    let ticket = [
        "id",
        "owner",
        "resource",
        "scope",
        "granted",
        "scopeName",
        "resourceName",
        "requester",
        "ownerName",
        "requesterName",
    ];
    let policies = [
        "id",
        "name",
        "description",
        "type",
        "scopes",
        "logic",
        "decisionStrategy",
        "owner",
        "roles",
        "groups",
        "clients",
        "users",
        "condition",
    ];
    let resource = [
        "_id",
        "name",
        "type",
        "owner",
        "ownerManagedAccess",
        "displayName",
        "attributes",
        "uris",
        "resource_scopes",
        "scopes",
        "icon_uri",
    ];
    let id = policy["id"].as_str().unwrap();
    for (answer, known) in [
        (json!([made]), &ticket[..]),
        (get(&pat, "permission/ticket"), &ticket),
        (get(&pat, "permission/ticket?returnNames=true&extended=false"), &ticket),
        (json!([policy]), &policies),
        (get(&alice, "uma-policy"), &policies),
        (json!([get(&alice, &format!("uma-policy/{id}"))]), &policies),
        (get(&pat, "resource_set?deep=true"), &resource),
        (json!([get(&pat, &format!("resource_set/{hers}"))]), &resource),
        (
            world
                .uma(
                    &world.token_by("reader", "bob"),
                    &[("audience", "documents"), ("response_mode", "permissions")],
                )
                .expect(200)
                .json(),
            &["rsid", "rsname", "scopes", "claims"],
        ),
    ] {
        let entries = answer.as_array().unwrap();
        assert!(!entries.is_empty());
        for member in entries.iter().flat_map(|entry| entry.as_object().unwrap().keys()) {
            assert!(known.contains(&member.as_str()), "{member} in {answer}");
        }
    }
}
