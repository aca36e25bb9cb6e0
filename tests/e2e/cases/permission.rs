//! PERM: tickets, and the requests that stay behind.

use countersign_tests::{admin::last_of_location, authz::Authz, forge::claims, realm::user, table::Table};
use serde_json::{Value, json};

const SCOPES: [&str; 3] = ["ScopeA", "ScopeB", "ScopeC"];

/// kolo's resource with these scopes, which marta has asked for
fn asked(scopes: &[&str]) -> (Authz, String) {
    let authz = Authz::of_cases();
    let id = authz.world.managed("Resource A", "kolo", scopes);
    authz.world.asks("marta", &id, scopes).denied();
    (authz, id)
}

fn post(authz: &Authz, token: &str, body: &Value) -> countersign_tests::http::Answer {
    authz.world.protection("POST", "permission", token).json(body).send()
}

#[test]
fn perm_1_a_request_for_a_resource_without_scopes() {
    let authz = Authz::of_cases();
    let id = authz.world.managed("Resource A", "kolo", &[]);
    // By name: its owner's ticket, since a PAT or another person names it by id alone (wire §3).
    let ticket = authz.world.ticket(&authz.world.token("kolo"), "Resource A", &[]);
    assert_eq!(claims(&ticket)["permissions"], json!([{ "rsid": id }]));
    authz.world.exchange(&authz.world.token("marta"), &ticket).denied();
    let rows = authz.world.rows_of(&id);
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((&row["granted"], row.get("scope"), &row["resource"]), (&json!(false), None, &json!(id)));
}

#[test]
fn perm_2_a_request_by_id() {
    let (authz, id) = asked(&[]);
    assert_eq!(authz.world.rows_of(&id).len(), 1);
}

#[test]
fn perm_3_a_request_is_one_row_a_scope() {
    let (authz, id) = asked(&SCOPES);
    let rows = authz.world.rows_of(&id);
    let mut scopes: Vec<_> = rows.iter().map(|row| row["scopeName"].as_str().unwrap()).collect();
    scopes.sort_unstable();
    assert_eq!(scopes, SCOPES);
    assert!(rows.iter().all(|row| row["granted"] == false && row["requesterName"] == "marta"));
}

#[test]
fn perm_4_requests_go_with_their_requester() {
    let authz = Authz::of_cases();
    let id = authz.world.managed("Resource A", "kolo", &SCOPES);
    let mut visitor = user("visitor");
    visitor["clientRoles"] = json!({});
    let made = authz.bare("POST", "users").bearer(&authz.token()).json(&visitor).send().expect(201);
    let visitor = last_of_location(&made);
    let ticket = authz.world.ticket(&authz.world.pat(), &id, &SCOPES);
    authz.world.exchange(&authz.world.token("visitor"), &ticket).denied();
    assert_eq!(authz.world.rows_of(&id).len(), 3);
    _ = authz.bare("DELETE", &format!("users/{visitor}")).bearer(&authz.token()).send().expect(204);
    assert_eq!(authz.world.rows_of(&id), Vec::<Value>::new());
}

#[test]
fn perm_5_requests_go_with_their_resource() {
    let (authz, id) = asked(&SCOPES);
    assert_eq!(authz.world.rows_of(&id).len(), 3);
    let pat = authz.world.pat();
    _ = authz.world.protection("DELETE", &format!("resource_set/{id}"), &pat).send().expect(204);
    assert_eq!(authz.world.rows_of(&id), Vec::<Value>::new());
}

#[test]
fn perm_6_one_ticket_for_four_resources() {
    let authz = Authz::of_cases();
    let pat = authz.world.pat();
    let names = ["Resource A", "Resource B", "Resource C", "Resource D"];
    let ids =
        names.map(|name| authz.world.register(&pat, &json!({ "name": name, "ownerManagedAccess": true })));
    let body: Value = names.iter().map(|name| json!({ "resource_id": name })).collect();
    let answer = post(&authz, &pat, &body).expect(201);
    assert_eq!(answer.json().as_object().unwrap().len(), 1);
    let asked = claims(&answer.member("ticket"))["permissions"].clone();
    assert_eq!(asked, ids.iter().map(|id| json!({ "rsid": id })).collect::<Value>());
}

#[test]
fn perm_9_nothing_is_stored_where_no_owner_manages() {
    let authz = Authz::of_cases();
    let pat = authz.world.pat();
    let id = authz.world.register(&pat, &json!({ "name": "Resource A" }));
    let ticket = authz.world.ticket(&pat, "Resource A", &[]);
    authz.world.exchange(&authz.world.token("marta"), &ticket).denied();
    assert_eq!(authz.world.rows_of(&id), Vec::<Value>::new());
}

#[test]
fn perm_10_an_owner_asks_nobody() {
    let authz = Authz::of_cases();
    let id = authz.world.managed("Resource A", "marta", &[]);
    authz.world.asks("marta", &id, &[]).denied();
    assert_eq!(authz.world.rows_of(&id), Vec::<Value>::new());
    authz.world.asks("kolo", &id, &[]).denied();
    assert_eq!(authz.world.rows_of(&id).len(), 1);
}

#[test]
fn perm_12_a_person_names_a_resource_of_the_server() {
    let authz = Authz::of_cases();
    let id = authz.resource("Resource A", &[]);
    for _ in 0..2 {
        let ticket = authz.world.ticket(&authz.world.token("marta"), "Resource A", &[]);
        assert_eq!(claims(&ticket)["permissions"], json!([{ "rsid": id }]));
    }
}

#[test]
fn perm_13_and_14_unknown_resources_and_scopes_are_refused() {
    let authz = Authz::of_cases();
    let pat = authz.world.pat();
    let id = authz.resource("Resource A", &["ScopeA", "ScopeB"]);
    let mut table = Table::new();
    let text = "Resource set with id [Invalid Resource] does not exists in this server.";
    let answer = post(&authz, &pat, &json!([{ "resource_id": "Invalid Resource" }]));
    table.row("PERM-13", answer, 400, "invalid_resource_id", text);
    let answer = post(&authz, &pat, &json!([{}]));
    table.row("PERM-13, nothing", answer, 400, "invalid_resource_id", "Resource id or name not provided.");
    let body = json!([{ "resource_id": id, "resource_scopes": ["ScopeA", "ScopeC"] }]);
    table.row("PERM-14", post(&authz, &pat, &body), 400, "invalid_scope", "Scope [ScopeC] is invalid");
    table.done();
}

#[test]
fn perm_16_requests_are_counted() {
    let authz = Authz::of_cases();
    let scopes = ["ScopeA", "ScopeB", "ScopeC", "ScopeD"];
    let id = authz.world.managed("Resource A", "kolo", &scopes);
    authz.world.asks("marta", &id, &scopes).denied();
    let path = format!("permission/ticket/count?resourceId={id}&returnNames=true");
    let answer = authz.world.protection("GET", &path, &authz.world.pat()).send().expect(200);
    assert_eq!(answer.text(), "4");
}

/// CVE-2026-3190: everybody once saw all (wire §4.4, V12)
#[test]
fn perm_17_requests_are_listed_to_whom_they_concern() {
    let (authz, id) = asked(&SCOPES);
    let seen = |token: &str| {
        let get = |path: &str| authz.world.protection("GET", path, token).send().expect(200);
        let rows = get(&format!("permission/ticket?resourceId={id}")).json().as_array().unwrap().len();
        let count = get(&format!("permission/ticket/count?resourceId={id}")).json();
        assert_eq!(count, json!(rows));
        rows
    };
    for (who, token, want) in [
        ("the resource server", authz.world.pat(), 3),
        ("the owner", authz.world.token("kolo"), 3),
        ("the requester", authz.world.token("marta"), 3),
        ("a stranger", authz.world.token("alice"), 0),
        ("another resource server", authz.world.pat_of("archive"), 0),
    ] {
        assert_eq!(seen(&token), want, "{who}");
    }
    let answer = authz.world.protection("GET", "permission/ticket", &authz.world.token("bob")).send();
    answer.refused(403, "invalid_scope", "Requires uma_protection scope.");
}
