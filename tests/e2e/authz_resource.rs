//! Resources and scopes in the admin API (`admin-surface` §10).

use countersign_tests::{
    authz::{ARCHIVE, Authz, DOCUMENTS, names},
    table::Table,
};
use serde_json::{Value, json};

#[test]
fn a_resource_is_made_read_changed_and_deleted() {
    let authz = Authz::new();
    let body = json!({
        "name": "Album", "type": "t", "displayName": "Albums", "uris": ["/album/*"], "icon_uri": "http://x/i",
        "ownerManagedAccess": true, "attributes": { "a": ["1", "2"], "b": "3" }, "scopes": ["view", { "name": "read" }],
    });
    let made = authz.post("resource", &body);
    let id = made["_id"].as_str().unwrap().to_owned();
    let scopes = made["scopes"].clone();
    assert_eq!(names(&scopes), ["read", "view"]);
    let want = json!({
        "name": "Album", "type": "t", "displayName": "Albums", "uris": ["/album/*"], "icon_uri": "http://x/i",
        "ownerManagedAccess": true, "attributes": { "a": ["1", "2"], "b": ["3"] }, "scopes": scopes, "_id": id,
        "owner": { "id": DOCUMENTS, "name": "documents" },
    });
    assert_eq!(made, want);
    assert_eq!(authz.get(&format!("resource/{id}")), want);
    assert_eq!(authz.get("resource"), json!([want]));
    assert_eq!(authz.get("resource/search?name=Album"), want);
    assert_eq!(authz.get(&format!("resource/{id}/attributes")), json!({ "a": ["1", "2"], "b": ["3"] }));
    assert_eq!(names(&authz.get(&format!("resource/{id}/scopes"))), ["read", "view"]);

    // Written as it was read; without scopes it has none, and its attributes stay.
    assert_eq!(authz.put(&format!("resource/{id}"), &want).expect(204).text(), "");
    assert_eq!(authz.get(&format!("resource/{id}")), want);
    _ = authz.put(&format!("resource/{id}"), &json!({ "name": "Renamed" })).expect(204);
    let short = authz.get(&format!("resource/{id}"));
    assert_eq!(
        (&short["name"], &short["scopes"], &short["uris"]),
        (&json!("Renamed"), &json!([]), &json!([]))
    );
    assert_eq!(short["attributes"], want["attributes"]);
    assert_eq!(short["ownerManagedAccess"], false);

    authz.delete(&format!("resource/{id}"));
    let mut table = Table::new();
    let gone = format!("resource/{id}");
    table.bare("GET", authz.request("GET", &gone).send(), 404, "HTTP 404 Not Found");
    table.bare("PUT", authz.put(&gone, &json!({ "name": "x" })), 404, "HTTP 404 Not Found");
    table.bare("DELETE", authz.request("DELETE", &gone).send(), 404, "HTTP 404 Not Found");
    for below in ["permissions", "scopes", "attributes"] {
        let answer = authz.request("GET", &format!("{gone}/{below}")).send();
        table.bare(below, answer, 404, "HTTP 404 Not Found");
    }
    table.status("search", authz.request("GET", "resource/search?name=Album").send(), 204);
    table.status("search for nothing", authz.request("GET", "resource/search").send(), 400);
    table.done();
}

#[test]
fn an_administrator_names_the_owner_in_every_way() {
    let authz = Authz::new();
    let alice = authz.world.id_of("alice");
    for (place, (owner, id)) in [
        (json!("alice"), alice.as_str()),
        (json!(alice), &alice),
        (json!({ "id": alice }), &alice),
        (json!({ "id": "alice" }), &alice),
        (json!("documents"), DOCUMENTS),
        (json!(DOCUMENTS), DOCUMENTS),
        (Value::Null, DOCUMENTS),
    ]
    .into_iter()
    .enumerate()
    {
        let made = authz.post("resource", &json!({ "name": format!("r{place}"), "owner": owner }));
        assert_eq!(made["owner"]["id"], *id, "{owner}");
    }
    let mut table = Table::new();
    let attempt = |owner: Value| authz.attempt("resource", &json!({ "name": "x", "owner": owner }));
    let invalid = "invalid_request";
    let text = "You must specify the resource owner.";
    table.row("name alone", attempt(json!({ "name": "alice" })), 400, invalid, text);
    let text = "Owner must be a valid username or user identifier.";
    table.row("nobody", attempt(json!("nobody")), 400, invalid, text);
    let text = "Resource with name [r0] already exists.";
    let again = authz.attempt("resource", &json!({ "name": "r0", "owner": "alice" }));
    table.row("taken", again, 409, invalid, text);
    let text = "Resource name not provided.";
    table.row("nameless", authz.attempt("resource", &json!({})), 400, invalid, text);
    let text = "Invalid json representation for ResourceRepresentation. Unrecognized field \"x\" at line 1 column 4.";
    table.bare("unknown member", authz.attempt("resource", &json!({ "x": 1 })), 400, text);
    table.row("first", authz.request("GET", "resource?first=x").send(), 400, invalid, "Invalid first");
    table.row("max", authz.request("GET", "resource?max=x").send(), 400, invalid, "Invalid max");
    table.done();
    // The same name of another owner is another resource.
    _ = authz.post("resource", &json!({ "name": "r0" }));
}

#[test]
fn an_id_of_ones_own_updates_when_it_is_there() {
    let authz = Authz::new();
    let body = json!({ "_id": "mine", "name": "one", "scopes": ["read"] });
    assert_eq!(authz.post("resource", &body)["_id"], "mine");
    let again = authz.post("resource", &json!({ "_id": "mine", "name": "two" }));
    assert_eq!((&again["name"], &again["scopes"]), (&json!("two"), &json!([])));
    assert_eq!(authz.names("resource"), ["two"]);
}

#[test]
fn lists_of_resources_are_filtered_as_the_protection_api_does() {
    let authz = Authz::new();
    _ = authz.make("resource", &json!({ "name": "Alpha", "uris": ["/a/*"], "type": "t", "scopes": ["one"] }));
    _ = authz.make("resource", &json!({ "name": "beta", "uris": ["/b"], "scopes": ["two"] }));
    _ = authz.make("resource", &json!({ "name": "gamma", "owner": "alice" }));
    for (query, want) in [
        ("", vec!["Alpha", "beta", "gamma"]),
        ("?name=A", vec!["Alpha", "beta", "gamma"]),
        ("?name=alpha&exactName=true", vec!["Alpha"]),
        ("?uri=/b", vec!["beta"]),
        ("?uri=/a/1", vec![]),
        ("?uri=/a/1&matchingUri=true", vec!["Alpha"]),
        ("?uri=/z/1&matchingUri=true", vec![]),
        ("?owner=alice", vec!["gamma"]),
        ("?owner=documents", vec!["Alpha", "beta"]),
        ("?owner=nobody", vec![]),
        ("?type=t", vec!["Alpha"]),
        ("?scope=tw", vec!["beta"]),
        ("?first=1&max=1", vec!["beta"]),
        ("?max=-1&deep=true", vec!["Alpha", "beta", "gamma"]),
        ("?max=0", vec![]),
    ] {
        assert_eq!(authz.names(&format!("resource{query}")), want, "{query}");
    }
}

#[test]
fn a_scope_is_made_changed_and_deleted() {
    let authz = Authz::new();
    let made =
        authz.post("scope", &json!({ "name": "view", "displayName": "View", "iconUri": "http://x/i" }));
    let id = made["id"].as_str().unwrap().to_owned();
    let want = json!({ "id": id, "name": "view", "displayName": "View", "iconUri": "http://x/i" });
    assert_eq!(made, want);
    assert_eq!(authz.get(&format!("scope/{id}")), want);
    assert_eq!(authz.get("scope/search?name=view"), want);
    assert_eq!(authz.names("scope"), ["read", "view", "write"]);
    assert_eq!(authz.names("scope?name=I"), ["view", "write"]);
    assert_eq!(authz.names(&format!("scope?scopeId={id}")), ["view"]);
    assert_eq!(authz.names("scope?first=1&max=1"), ["view"]);

    // The same name again changes it.
    let again = authz.post("scope", &json!({ "name": "view", "displayName": "Look" }));
    assert_eq!(again, json!({ "id": id, "name": "view", "displayName": "Look" }));
    _ = authz.put(&format!("scope/{id}"), &json!({ "id": id, "name": "see" })).expect(204);
    assert_eq!(authz.get(&format!("scope/{id}")), json!({ "id": id, "name": "see" }));

    let resource = authz.resource("r", &["see"]);
    assert_eq!(names(&authz.get(&format!("scope/{id}/resources"))), ["r"]);
    let mut table = Table::new();
    let text = json!({ "errorMessage": "Scopes can not be removed while associated with resources." });
    table.body("in use", authz.request("DELETE", &format!("scope/{id}")).send(), 400, &text);
    let taken = authz.put(&format!("scope/{id}"), &json!({ "name": "read" }));
    table.row("taken", taken, 409, "invalid_request", "Scope with name [read] already exists.");
    let nameless = "Scope name is empty, too long or has control characters.";
    table.row("nameless", authz.attempt("scope", &json!({})), 400, "invalid_request", nameless);
    table.bare("GET", authz.request("GET", "scope/nothing").send(), 404, "HTTP 404 Not Found");
    table.bare("PUT", authz.put("scope/nothing", &json!({ "name": "x" })), 404, "HTTP 404 Not Found");
    table.holds("DELETE", authz.request("DELETE", "scope/nothing").send(), "404 and nothing", |answer| {
        answer.status == 404 && answer.body.is_empty()
    });
    table.status("search", authz.request("GET", "scope/search?name=vie").send(), 204);
    table.status("search for nothing", authz.request("GET", "scope/search").send(), 400);
    for below in ["permissions", "resources"] {
        let answer = authz.request("GET", &format!("scope/nothing/{below}")).send();
        table.bare(below, answer, 404, "HTTP 404 Not Found");
    }
    table.done();
    authz.delete(&format!("resource/{resource}"));
    authz.delete(&format!("scope/{id}"));
    assert_eq!(authz.names("scope"), ["read", "write"]);
}

#[test]
fn nothing_of_another_resource_server_is_seen_or_changed() {
    let authz = Authz::new();
    let resource = authz.resource("r", &["read"]);
    let scope = authz.make("scope", &json!({ "name": "s" }));
    let policy = authz.user_policy("p", "alice");
    let mut table = Table::new();
    for path in [
        format!("resource/{resource}"),
        format!("resource/{resource}/permissions"),
        format!("scope/{scope}"),
        format!("policy/{policy}"),
        format!("policy/user/{policy}"),
        format!("policy/{policy}/associatedPolicies"),
    ] {
        table.bare(&path, authz.at(ARCHIVE, "GET", &path).send(), 404, "HTTP 404 Not Found");
    }
    for path in [format!("resource/{resource}"), format!("policy/{policy}")] {
        table.bare(&path, authz.at(ARCHIVE, "DELETE", &path).send(), 404, "HTTP 404 Not Found");
    }
    table.status("scope", authz.at(ARCHIVE, "DELETE", &format!("scope/{scope}")).send(), 404);
    let user = json!({ "name": "x", "policies": [policy] });
    let text = format!("Policy [{policy}] does not exist");
    let answer = authz.at(ARCHIVE, "POST", "policy/aggregate").json(&user).send();
    table.row("aggregate", answer, 400, "invalid_request", &text);
    table.done();
    assert_eq!(authz.names("resource"), ["r"]);
}

/// What alice has on a document by an administrator's permission, in a live RPT
fn holder(authz: &Authz) -> (String, String, String) {
    let id = authz.resource("shared", &["read", "write"]);
    let alice = authz.user_policy("alice", "alice");
    _ = authz.make("permission/resource", &json!({ "name": "p", "resources": [id], "policies": [alice] }));
    let token = authz.world.token_by("reader", "alice");
    let answer = authz.world.ask(&token, &[&id]).expect(200);
    (id, answer.member("access_token"), answer.member("refresh_token"))
}

fn scopes_of(authz: &Authz, rpt: &str) -> Value {
    authz.world.introspect(rpt)["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|permission| permission["scopes"].clone())
        .collect()
}

#[test]
fn taking_a_scope_or_a_resource_away_narrows_what_was_issued() {
    let authz = Authz::new();
    let (id, rpt, refresh) = holder(&authz);
    assert_eq!(scopes_of(&authz, &rpt), json!([["read", "write"]]));

    _ = authz.put(&format!("resource/{id}"), &json!({ "name": "shared", "scopes": ["read"] })).expect(204);
    assert_eq!(scopes_of(&authz, &rpt), json!([["read"]]));
    let refreshed = authz.world.refresh("reader", &refresh).expect(200);
    assert_eq!(scopes_of(&authz, &refreshed.member("access_token")), json!([["read"]]));

    authz.delete(&format!("resource/{id}"));
    assert_eq!(scopes_of(&authz, &rpt), json!([]));
    let refused = authz.world.refresh("reader", &refreshed.member("refresh_token"));
    assert_eq!((refused.status, refused.json()["error"].clone()), (400, json!("invalid_grant")));
}

#[test]
fn a_scope_that_is_renamed_or_deleted_leaves_every_token() {
    let authz = Authz::new();
    let (id, rpt, refresh) = holder(&authz);
    let write = authz.get("scope/search?name=write")["id"].as_str().unwrap().to_owned();
    _ = authz.put(&format!("scope/{write}"), &json!({ "name": "edit" })).expect(204);
    assert_eq!(scopes_of(&authz, &rpt), json!([["read"]]));
    let refreshed = authz.world.refresh("reader", &refresh).expect(200).member("access_token");
    assert_eq!(scopes_of(&authz, &refreshed), json!([["read"]]));
    // The permission stands: asked anew, the scope is there under its new name.
    let token = authz.world.token_by("reader", "alice");
    let anew = authz.world.ask(&token, &[&format!("{id}#edit")]).expect(200).member("access_token");
    assert_eq!(scopes_of(&authz, &anew), json!([["edit"]]));
}
