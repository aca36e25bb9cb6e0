//! AuthZEN 1.0: searches (checklist §2.19, AZ-8).

use countersign_tests::{
    http::Answer,
    realm::{Realm, with},
    world::document,
};
use serde_json::{Value, json};

use crate::authzen::Desk;

fn search(desk: &Desk, what: &str, body: &Value) -> Answer {
    desk.post(&desk.pat, &format!("search/{what}"), body)
}

/// The ids of the results, or names of actions, in order
fn found(answer: &Value) -> Vec<String> {
    let all = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    let name = |one: &Value| one.get("id").or_else(|| one.get("name")).unwrap().as_str().unwrap().to_owned();
    all.map(name).collect()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

/// Documents of alice with a type
fn desk() -> Desk {
    Desk::of(&Realm::new("test"))
}

fn typed(desk: &Desk, name: &str) -> String {
    desk.world.register(&desk.pat, &with(document(name, "alice"), json!({ "type": "document" })))
}

fn user(id: &str) -> Value {
    json!({ "type": "user", "id": id })
}

/// AZ-8.4-01, AZ-8.5-01, AZ-8.6-01; AZ-8.1-01: what is found is permitted
#[test]
fn searches_count_every_way_to_a_permission() {
    let desk = desk();
    let (one, two, _) = (typed(&desk, "one"), typed(&desk, "two"), typed(&desk, "three"));
    // A share, a policy of the owner, and one for everybody in a group.
    _ = desk.world.share(&one, "read", "bob");
    let alice = desk.world.token("alice");
    for (id, body) in [
        (&two, json!({ "name": "friends", "users": ["bob"], "scopes": ["read", "write"] })),
        (&one, json!({ "name": "staff", "groups": ["/staff"], "scopes": ["read"] })),
    ] {
        _ = desk.world.protection("POST", &format!("uma-policy/{id}"), &alice).json(&body).send().expect(200);
    }
    let [bob, carol] = ["bob", "carol"].map(|name| desk.world.id_of(name));
    let read = json!({ "name": "read" });
    let whose = |resource: &str, action: &str| {
        let body = json!({
            "subject": { "type": "user", "id": "is not looked at" }, "action": { "name": action },
            "resource": { "type": "document", "id": resource },
        });
        let answer = search(&desk, "subject", &body).expect(200).json();
        assert!(answer["results"].as_array().unwrap().iter().all(|one| one["type"] == "user"), "{answer}");
        sorted(found(&answer))
    };
    // An owner's policy lets the owner in as well, in the grant too.
    let own = desk.world.id_of("alice");
    assert_eq!(whose(&one, "read"), sorted(vec![bob.clone(), carol.clone(), own.clone()]));
    assert_eq!(whose(&two, "write"), sorted(vec![bob.clone(), own.clone()]));
    let what = |subject: &str, action: &str| {
        let body = json!({
            "subject": user(subject), "action": { "name": action },
            "resource": { "type": "document", "id": "is not looked at" },
        });
        let answer = search(&desk, "resource", &body).expect(200).json();
        assert!(
            answer["results"].as_array().unwrap().iter().all(|one| one["type"] == "document"),
            "{answer}"
        );
        sorted(found(&answer))
    };
    assert_eq!(what("bob", "read"), sorted(vec![one.clone(), two.clone()]));
    assert_eq!(what("bob", "write"), core::slice::from_ref(&two));
    assert_eq!(what("carol", "read"), core::slice::from_ref(&one));
    let which = |subject: &str, resource: &str| {
        let body = json!({ "subject": user(subject), "resource": { "type": "document", "id": resource } });
        let answer = search(&desk, "action", &body).expect(200).json();
        assert!(answer["results"].as_array().unwrap().iter().all(|one| one.as_object().unwrap().len() == 1));
        found(&answer)
    };
    assert_eq!(which("bob", &two), ["read", "write"]);
    assert_eq!(which("bob", &one), ["read"]);
    assert_eq!(which("carol", &two), Vec::<String>::new());
    // Each of them is what an evaluation says.
    for (subject, resource, action, want) in [
        (&bob, &one, "read", true),
        (&bob, &one, "write", false),
        (&carol, &one, "read", true),
        (&carol, &two, "read", false),
        (&own, &one, "read", true),
        (&own, &two, "write", true),
        (&own, &one, "write", false),
    ] {
        let body = json!({
            "subject": user(subject), "action": { "name": action },
            "resource": { "type": "document", "id": resource },
        });
        let answer = desk.post(&desk.pat, "evaluation", &body).expect(200).json();
        assert_eq!(answer, json!({ "decision": want }), "{body}");
    }
    // What is taken back is gone from the results.
    let row = desk.world.row(&desk.pat, &one, "read", "bob");
    _ = desk.world.withdraw(&desk.pat, &row["id"]).expect(204);
    let body = json!({ "subject": user(&bob), "action": read, "resource": { "type": "document" } });
    assert_eq!(found(&search(&desk, "resource", &body).expect(200).json()), [two]);
}

/// AZ-8.2-01 to AZ-8.2-05, AZ-8.3-01
#[test]
fn results_come_in_pages_that_belong_to_their_search() {
    let desk = desk();
    let ids: Vec<String> = (0..7).map(|number| typed(&desk, &format!("d{number}"))).collect();
    for id in &ids[..5] {
        _ = desk.world.share(id, "read", "bob");
    }
    let mut body =
        json!({ "subject": user("bob"), "action": { "name": "read" }, "resource": { "type": "document" } });
    let all = search(&desk, "resource", &body).expect(200).json();
    assert_eq!(all["page"], json!({ "next_token": "", "count": 5 }));
    let (mut pages, mut seen) = (0, Vec::new());
    body["page"] = json!({ "limit": 2 });
    loop {
        let answer = search(&desk, "resource", &body).expect(200).json();
        assert!(answer["results"].as_array().unwrap().len() <= 2, "{answer}");
        seen.extend(found(&answer));
        pages += 1;
        let token = answer["page"]["next_token"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
        // The next one without a limit: it stays as it was.
        body["page"] = json!({ "token": token });
    }
    assert_eq!((pages, seen.clone()), (3, found(&all)));
    assert_eq!(sorted(seen), sorted(ids[..5].to_vec()));
    // A token is of no use for another search, with another limit, changed, or for another caller.
    body["page"] = json!({ "limit": 2 });
    let token = search(&desk, "resource", &body).expect(200).json()["page"]["next_token"].clone();
    let refused = |pat: &str, kind: &str, body: &Value| {
        let answer = desk.post(pat, &format!("search/{kind}"), body).expect(400);
        assert!(answer.member("error_description").starts_with("`page."), "{answer}");
    };
    body["page"] = json!({ "token": token });
    for (member, value) in [
        ("subject", user("carol")),
        ("action", json!({ "name": "write" })),
        ("resource", json!({ "type": "other" })),
        ("context", json!({ "x": 1 })),
        ("page", json!({ "token": token, "limit": 3 })),
        ("page", json!({ "token": "AAAA" })),
        ("page", json!({ "token": 1 })),
        ("page", json!({ "limit": 0 })),
        ("page", json!({ "limit": "2" })),
    ] {
        let mut other = body.clone();
        other[member] = value;
        refused(&desk.pat, "resource", &other);
    }
    refused(&desk.world.pat_of("archive"), "resource", &body);
    let mut whole = body.clone();
    whole["resource"]["id"] = ids[0].clone().into();
    refused(&desk.pat, "subject", &whole);
    assert_eq!(found(&search(&desk, "resource", &body).expect(200).json()).len(), 2);
    // An action search takes a page too.
    let body = json!({
        "subject": user("bob"), "resource": { "type": "document", "id": ids[0] }, "page": { "limit": 1 },
    });
    let answer = search(&desk, "action", &body).expect(200).json();
    assert_eq!((found(&answer), &answer["page"]["next_token"]), (vec!["read".to_owned()], &json!("")));
}

/// AZ-8-01
#[test]
fn what_is_unknown_finds_nothing_and_what_is_missing_is_named() {
    let desk = desk();
    let id = typed(&desk, "one");
    _ = desk.world.share(&id, "read", "bob");
    let (read, whole) = (json!({ "name": "read" }), json!({ "type": "document", "id": id }));
    for (what, body) in [
        (
            "subject",
            json!({ "subject": { "type": "user" }, "action": read, "resource": { "type": "document", "id": "no" } }),
        ),
        ("subject", json!({ "subject": { "type": "robot" }, "action": read, "resource": whole })),
        ("subject", json!({ "subject": { "type": "user" }, "action": { "name": "fly" }, "resource": whole })),
        ("subject", json!({ "subject": { "type": "client" }, "action": read, "resource": whole })),
        (
            "resource",
            json!({ "subject": user("nobody"), "action": read, "resource": { "type": "document" } }),
        ),
        ("resource", json!({ "subject": user("bob"), "action": read, "resource": { "type": "no" } })),
        ("action", json!({ "subject": user("nobody"), "resource": whole })),
        ("action", json!({ "subject": user("bob"), "resource": { "type": "document", "id": "no" } })),
    ] {
        let answer = search(&desk, what, &body).expect(200).json();
        assert_eq!(answer["results"], json!([]), "{what} {body}");
    }
    let subject = json!({ "type": "user" });
    for (what, body, text) in [
        ("subject", json!({ "action": read, "resource": whole }), "`subject` is missing"),
        ("subject", json!({ "subject": subject, "resource": whole }), "`action` is missing"),
        (
            "subject",
            json!({ "subject": subject, "action": read, "resource": { "type": "x" } }),
            "`resource.id` is missing",
        ),
        (
            "resource",
            json!({ "subject": subject, "action": read, "resource": { "type": "x" } }),
            "`subject.id` is missing",
        ),
        (
            "resource",
            json!({ "subject": user("bob"), "action": read, "resource": {} }),
            "`resource.type` is missing",
        ),
        (
            "action",
            json!({ "subject": user("bob"), "resource": { "type": "x" } }),
            "`resource.id` is missing",
        ),
    ] {
        search(&desk, what, &body).refused(400, "invalid_request", text);
    }
}

#[test]
fn only_the_resource_server_itself_searches() {
    let desk = desk();
    let id = typed(&desk, "one");
    let body = json!({
        "subject": user("bob"), "action": { "name": "read" }, "resource": { "type": "document", "id": id },
    });
    for what in ["subject", "resource", "action"] {
        for token in [desk.world.token("alice"), desk.world.token_by("reader", "bob")] {
            let answer = desk.post(&token, &format!("search/{what}"), &body).expect(403);
            assert_eq!(answer.json(), json!({ "error": "HTTP 403 Forbidden" }), "{what}");
        }
        let robot = desk.post(&desk.world.pat_of("robot"), &format!("search/{what}"), &body).expect(200);
        assert_eq!(robot.json()["results"], json!([]), "{what}");
    }
}
