//! The account API: a person's resources (`keycloak-wire` §10; behaviours group ACC).

mod desk;

use countersign_tests::{
    http::{Answer, escape},
    realm::secret,
};
use serde_json::{Value, json};

pub(crate) use self::desk::{Desk, people, realm};
use self::desk::{FRIENDS, OWNER, SERVER};

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

fn scopes(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("Scope {name}")).collect()
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

fn assert_is_resource(desk: &Desk, shown: &Value) {
    let number = desk.ids.iter().position(|id| shown["_id"] == *id).unwrap();
    assert_eq!(shown["name"], format!("Resource {number}"));
    assert_eq!(shown["displayName"], format!("Display Name {number}"));
    assert_eq!(shown["icon_uri"], format!("Icon Uri {number}"));
    assert_eq!(shown["uris"], json!([format!("http://resourceServer.com/resources/{number}")]));
    let client =
        json!({ "clientId": SERVER, "name": "My Resource Server", "baseUrl": "http://resourceserver.com" });
    assert_eq!(shown["client"], client);
    for secret in ["owner", "type", "ownerManagedAccess", "attributes"] {
        assert_eq!(shown.get(secret), None, "{shown}");
    }
}

#[test]
fn acc_1_a_person_sees_her_resources() {
    let desk = Desk::new();
    let answer = desk.answer(&desk.owner, "").expect(200);
    assert_eq!(answer.header("link"), None);
    assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
    let list = answer.json();
    assert_eq!(count(&list), 30);
    for shown in list.as_array().unwrap() {
        assert_is_resource(&desk, shown);
        assert_eq!(names(&shown["scopes"]), scopes(&["A", "B", "C", "D"]));
        assert_eq!(shown.get("permissions"), None);
    }
    // What she owns she sees, also where only the application decides who may use it; and empty scopes are a list.
    let body = json!({ "name": "closed", "owner": OWNER });
    let closed = desk.world.register(&desk.pat, &body);
    let shown = desk.get(&desk.owner, &format!("/{closed}"));
    assert_eq!(shown["scopes"], json!([]));
    assert_eq!(count(&desk.get(&desk.owner, "")), 31);
    // Others own nothing.
    assert_eq!(desk.get(&desk.token("jdoe"), ""), json!([]));
}

#[test]
fn acc_2_her_resources_are_found_by_a_part_of_their_name() {
    let desk = Desk::new();
    for (name, found) in [
        ("Resource 1", 11),
        ("resource 1", 11),
        ("Resource 23", 1),
        ("non-existent\n", 0),
        ("%", 0),
        ("Resource_1", 0),
        ("' OR 1=1", 0),
    ] {
        let list = desk.get(&desk.owner, &format!("?name={}", escape(name)));
        assert_eq!(count(&list), found, "{name}");
    }
}

#[test]
fn acc_4_a_person_sees_what_is_shared_with_him() {
    let desk = Desk::new();
    for friend in FRIENDS {
        let list = desk.get(&desk.token(friend), "/shared-with-me");
        assert_eq!(count(&list), 10, "{friend}");
        for shown in list.as_array().unwrap() {
            assert_is_resource(&desk, shown);
            assert_eq!(names(&shown["scopes"]), scopes(&["A", "B"]), "{friend}");
        }
    }
    assert_eq!(desk.get(&desk.owner, "/shared-with-me"), json!([]));
    // A request gives nothing.
    desk.ticket(&desk.ids[0], "Scope C", "bob", false);
    assert_eq!(count(&desk.get(&desk.token("bob"), "/shared-with-me")), 10);
}

#[test]
fn acc_5_what_is_shared_with_him_is_found_by_a_part_of_its_name() {
    let desk = Desk::new();
    let jdoe = desk.token("jdoe");
    for (name, found) in [("Resource 1", 5), ("resource", 10), ("other", 0)] {
        let list = desk.get(&jdoe, &format!("/shared-with-me?name={}", escape(name)));
        assert_eq!(count(&list), found, "{name}");
    }
}

#[test]
fn acc_7_a_person_sees_what_she_shares_and_with_whom() {
    let desk = Desk::new();
    let list = desk.get(&desk.owner, "/shared-with-others");
    assert_eq!(count(&list), 30);
    for shown in list.as_array().unwrap() {
        assert_is_resource(&desk, shown);
        let [(friend, granted)] = &people(&shown["permissions"])[..] else { panic!("{shown}") };
        let number = desk.ids.iter().position(|id| shown["_id"] == *id).unwrap();
        assert_eq!((friend.as_str(), granted), (FRIENDS[number % 3], &scopes(&["A", "B"])));
    }
    let jdoe = list.as_array().unwrap().iter().flat_map(|shown| shown["permissions"].as_array().unwrap());
    let jdoe = jdoe.clone().find(|one| one["username"] == "jdoe").unwrap();
    assert_eq!(
        (&jdoe["email"], &jdoe["firstName"], &jdoe["lastName"]),
        (&json!("jdoe@test.example"), &json!("jdoe"), &json!("Test"))
    );
    assert_eq!(desk.get(&desk.token("jdoe"), "/shared-with-others"), json!([]));
}

/// The parts that a `Link` header names: relation and query
fn links(answer: &Answer) -> Vec<(String, String)> {
    let all = answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap());
    all.map(|link| {
        let (url, relation) = link.strip_prefix('<').unwrap().split_once(">; rel=\"").unwrap();
        (relation.trim_end_matches('"').to_owned(), url.to_owned())
    })
    .collect()
}

/// Where the parts begin that an answer links to: the next, and the one before
fn around(answer: &Answer) -> (Option<u64>, Option<u64>) {
    let first = |wanted: &str| {
        let url = links(answer).into_iter().find(|(relation, _)| relation == wanted)?.1;
        let (_, rest) = url.split_once("first=")?;
        let (first, rest) = rest.split_once('&')?;
        assert!(rest.starts_with("max=5"), "{url}");
        first.parse().ok()
    };
    (first("next"), first("prev"))
}

#[test]
fn acc_8_lists_come_in_parts_that_link_to_each_other() {
    let desk = Desk::new();
    let part = |first: u64| desk.answer(&desk.owner, &format!("?first={first}&max=5")).expect(200);
    for (first, want) in [
        (0, (Some(5), None)),
        (5, (Some(10), Some(0))),
        (20, (Some(25), Some(15))),
        (25, (None, Some(20))),
        (30, (None, Some(25))),
    ] {
        let answer = part(first);
        assert_eq!(around(&answer), want, "{first}");
        assert_eq!(count(&answer.json()), if first == 30 { 0 } else { 5 });
    }
    // Either alone is no part.
    for query in ["?first=5", "?max=5"] {
        let answer = desk.answer(&desk.owner, query).expect(200);
        assert_eq!((count(&answer.json()), answer.header("link")), (30, None), "{query}");
    }
    desk.answer(&desk.owner, "?first=x&max=5").refused(400, "invalid_request", "Invalid first");
    // Whoever follows the links sees each entry once, whatever is put before it meanwhile.
    for (token, path, all) in [
        (desk.owner.clone(), "", 30),
        (desk.owner.clone(), "/shared-with-others", 30),
        (desk.token("jdoe"), "/shared-with-me", 10),
    ] {
        let mut seen = Vec::new();
        let mut url = desk.world.url(&format!("account/resources{path}?first=0&max=3&name=Resource"));
        loop {
            let request = desk.world.server.http.get(&url).header("accept", "application/json");
            let answer = request.bearer(&token).send().expect(200);
            seen.extend(names(&answer.json()));
            if seen.len() == 3 && path.is_empty() {
                let body = json!({ "name": "A Resource that comes first", "owner": OWNER });
                _ = desk.world.register(&desk.pat, &body);
            }
            let next = links(&answer).into_iter().find(|(relation, _)| relation == "next");
            let Some((_, next)) = next else { break };
            url = next;
        }
        assert_eq!(seen.len(), all, "{path}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all, "{path}");
    }
}

#[test]
fn acc_9_one_resource_is_shown_to_its_owner_alone() {
    let desk = Desk::new();
    let shown = desk.get(&desk.owner, &format!("/{}", desk.ids[7]));
    assert_is_resource(&desk, &shown);
    assert_eq!(names(&shown["scopes"]), scopes(&["A", "B", "C", "D"]));
    let jdoe = desk.token("jdoe");
    for path in ["", "/permissions", "/permissions/requests", "/user?value=bob"] {
        let unknown = desk.answer(&desk.owner, &format!("/nothing{path}")).expect(404);
        assert_eq!(unknown.json(), json!({ "error": "resource_not_found" }), "{path}");
        let foreign = desk.answer(&jdoe, &format!("/{}{path}", desk.ids[7])).expect(400);
        assert_eq!(foreign.json(), json!({ "error": "invalid_resource" }), "{path}");
    }
    let body = json!([{ "username": "bob", "scopes": ["Scope A"] }]);
    assert_eq!(desk.put(&desk.owner, "nothing", &body).expect(404).json()["error"], "resource_not_found");
    assert_eq!(desk.put(&jdoe, &desk.ids[7], &body).expect(400).json()["error"], "invalid_resource");
}

#[test]
fn acc_11_what_is_listed_for_somebody_is_all_that_he_has() {
    let desk = Desk::new();
    // Shared with alice so far.
    let id = &desk.ids[0];
    let body = json!([
        { "username": "jdoe", "scopes": ["Scope C", "Scope D"] },
        { "username": "alice@test.example", "scopes": ["Scope A", "Scope B", "Scope C", "Scope D"] },
    ]);
    let answer = desk.put(&desk.owner, id, &body).expect(204);
    assert_eq!(answer.text(), "");
    let want =
        vec![("alice".to_owned(), scopes(&["A", "B", "C", "D"])), ("jdoe".to_owned(), scopes(&["C", "D"]))];
    assert_eq!(desk.shares(id), want);
    // What people may do follows: the grant looks at the same shares.
    let jdoe = desk.token("jdoe");
    let asked = |scope: &str| {
        let form =
            [("audience", SERVER), ("permission", &format!("{id}#{scope}")), ("response_mode", "decision")];
        desk.world.uma(&jdoe, &form).status
    };
    assert_eq!((asked("Scope C"), asked("Scope A")), (200, 403));
    // Once more is the same, and ids of scopes are as good as names.
    let scope = desk.world.row(&desk.pat, id, "Scope D", "jdoe")["scope"].clone();
    let body = json!([{ "username": "JDOE", "scopes": [scope, "Scope C"] }]);
    _ = desk.put(&desk.owner, id, &body).expect(204);
    assert_eq!(desk.shares(id), want);
}

#[test]
fn acc_12_n_13_a_list_that_says_nothing_is_refused() {
    let desk = Desk::new();
    let id = &desk.ids[0];
    let before = desk.shares(id);
    let put = |body: &Value| desk.put(&desk.owner, id, body);
    assert_eq!(put(&json!([])).expect(400).json(), json!({ "error": "invalid_permissions" }));
    let path = format!("account/v1/resources/{id}/permissions");
    let nothing = desk.world.request("PUT", &path).bearer(&desk.owner).send().expect(400);
    assert_eq!(nothing.json(), json!({ "error": "invalid_permissions" }));
    // N13: scopes that are absent, unknown, or not this resource's.
    let good = json!({ "username": "bob", "scopes": ["Scope A"] });
    for bad in [
        json!({ "username": "jdoe" }),
        json!({ "username": "jdoe", "scopes": null }),
        json!({ "username": "jdoe", "scopes": ["Scope A", "Scope X"] }),
        json!({ "username": "jdoe", "scopes": [""] }),
        json!({ "scopes": ["Scope A"] }),
        json!({ "username": "", "scopes": ["Scope A"] }),
    ] {
        let answer = put(&json!([good, bad])).expect(400);
        assert_eq!(answer.json()["error"], "invalid_permissions", "{bad}");
    }
    let unknown = put(&json!([good, { "username": "nobody", "scopes": ["Scope A"] }])).expect(404);
    assert_eq!(unknown.json(), json!({ "error": "nobody" }));
    for (bad, error) in [
        (
            json!({ "username": "jdoe", "scopes": [], "nope": 1 }),
            "Invalid json representation for Permission.",
        ),
        (json!({ "username": 1 }), "unknown_error"),
        (json!("jdoe"), "unknown_error"),
    ] {
        let answer = put(&json!([good, bad])).expect(400);
        assert!(answer.member("error").starts_with(error), "{answer}");
    }
    // Nothing of all that was done, the good part neither.
    assert_eq!(desk.shares(id), before);
}

#[test]
fn acc_13_a_share_is_taken_back() {
    let desk = Desk::new();
    let id = &desk.ids[0];
    let all = json!(["Scope A", "Scope B", "Scope C", "Scope D"]);
    let body = json!([{ "username": "jdoe", "scopes": all }, { "username": "alice", "scopes": all }]);
    _ = desk.put(&desk.owner, id, &body).expect(204);
    let jdoe = desk.token("jdoe");
    let rpt = desk.world.uma(&jdoe, &[("audience", SERVER), ("permission", id)]).expect(200);
    let rpt = rpt.member("access_token");
    let body = json!([
        { "username": "jdoe", "scopes": ["Scope C"] }, { "username": "alice", "scopes": ["Scope B", "Scope D"] },
    ]);
    _ = desk.put(&desk.owner, id, &body).expect(204);
    let want = vec![("alice".to_owned(), scopes(&["B", "D"])), ("jdoe".to_owned(), scopes(&["C"]))];
    assert_eq!(desk.shares(id), want);
    // A token that is out there is narrower from now on.
    let form = [("token", rpt.as_str()), ("token_type_hint", "requesting_party_token")];
    let basic = desk.world.post_introspect().basic(SERVER, &secret(SERVER));
    let known = basic.form(&form).send().expect(200).json();
    assert_eq!(known["permissions"][0]["scopes"], json!(["Scope C"]), "{known}");
    // Nothing listed: he is out, others stay.
    _ = desk.put(&desk.owner, id, &json!([{ "username": "jdoe", "scopes": [] }])).expect(204);
    assert_eq!(desk.shares(id), &want[..1]);
}

#[test]
fn acc_14_requests_are_grouped_by_who_asks() {
    let desk = Desk::new();
    let id = &desk.ids[2];
    for (who, scope) in [("bob", "D"), ("alice", "C"), ("jdoe", "C"), ("jdoe", "D")] {
        desk.ticket(id, &format!("Scope {scope}"), who, false);
    }
    let requests = |desk: &Desk| people(&desk.get(&desk.owner, &format!("/{id}/permissions/requests")));
    let want = vec![
        ("alice".to_owned(), scopes(&["C"])),
        ("bob".to_owned(), scopes(&["D"])),
        ("jdoe".to_owned(), scopes(&["C", "D"])),
    ];
    assert_eq!(requests(&desk), want);
    // Approve one of jdoe's, which refuses the other; refuse bob's, who keeps what he has.
    let body = json!([
        { "username": "jdoe", "scopes": ["Scope C"] }, { "username": "bob", "scopes": ["Scope A", "Scope B"] },
    ]);
    _ = desk.put(&desk.owner, id, &body).expect(204);
    assert_eq!(requests(&desk), &want[..1]);
    let want = vec![("bob".to_owned(), scopes(&["A", "B"])), ("jdoe".to_owned(), scopes(&["C"]))];
    assert_eq!(desk.shares(id), want);
}

#[test]
fn acc_17_a_person_sees_what_he_waits_for() {
    let desk = Desk::new();
    for (id, scope) in [(0, "C"), (0, "D"), (1, "A")] {
        desk.ticket(&desk.ids[id], &format!("Scope {scope}"), "bob", false);
    }
    let bob = desk.token("bob");
    let list = desk.get(&bob, "/pending-requests");
    let mut waits: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_is_resource(&desk, one);
            (one["name"].as_str().unwrap().to_owned(), names(&one["scopes"]))
        })
        .collect();
    waits.sort();
    let entry = |name: &str, scope: &str| (name.to_owned(), scopes(&[scope]));
    assert_eq!(waits, [entry("Resource 0", "C"), entry("Resource 0", "D"), entry("Resource 1", "A")]);
    assert_eq!(desk.get(&desk.owner, "/pending-requests"), json!([]));
}

#[test]
fn acc_18_who_takes_part_is_found_by_his_exact_name_and_nobody_else() {
    let desk = Desk::new();
    // Shared with alice; jdoe asks.
    let id = &desk.ids[0];
    desk.ticket(id, "Scope C", "jdoe", false);
    let look = |value: &str| desk.answer(&desk.owner, &format!("/{id}/user?value={}", escape(value)));
    for (value, who) in [("alice", "alice"), ("ALICE@test.example", "alice"), ("jdoe", "jdoe")] {
        let want = json!({
            "id": desk.world.id_of(who), "username": who, "firstName": who, "lastName": "Test",
            "email": format!("{who}@test.example"),
        });
        assert_eq!(look(value).expect(200).json(), want);
    }
    assert_eq!(look("bob").expect(403).json(), json!({ "error": "HTTP 403 Forbidden" }));
    for value in ["nobody", "", "ali", "alice%", "*", "%"] {
        assert_eq!(look(value).expect(204).text(), "", "{value}");
    }
}

#[test]
fn acc_19_a_name_that_is_the_address_of_another_names_nobody() {
    let desk = Desk::empty(&realm().user("dave@test.example", json!({ "email": "other@test.example" })));
    let id = desk.register(0);
    // One is called so, dave has the address.
    let body = json!([{ "username": "dave@test.example", "scopes": ["Scope A"] }]);
    assert_eq!(desk.put(&desk.owner, &id, &body).expect(400).json()["error"], "invalid_permissions");
    assert_eq!(desk.shares(&id), []);
}

#[test]
fn acc_20_a_realm_without_user_managed_access() {
    let desk = Desk::empty(&realm().set("userManagedAccessAllowed", json!(false)));
    let id = desk.register(0);
    desk.ticket(&id, "Scope A", "jdoe", true);
    let refusal = json!({ "errorMessage": "User-managed access not enabled" });
    for path in [
        "",
        "/shared-with-me",
        "/shared-with-others",
        "/pending-requests",
        &format!("/{id}"),
        &format!("/{id}/permissions"),
        &format!("/{id}/permissions/requests"),
        &format!("/{id}/user?value=jdoe"),
    ] {
        assert_eq!(desk.answer(&desk.owner, path).expect(403).json(), refusal, "{path}");
    }
    let body = json!([{ "username": "jdoe", "scopes": [] }]);
    assert_eq!(desk.put(&desk.owner, &id, &body).expect(403).json(), refusal);
    // The grant and the protection API go on.
    let jdoe = desk.token("jdoe");
    _ = desk.world.uma(&jdoe, &[("audience", SERVER), ("permission", &id)]).expect(200);
    _ = desk.world.protection("GET", &format!("resource_set/{id}"), &desk.pat).send().expect(200);
}
