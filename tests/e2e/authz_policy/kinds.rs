//! Policies of every type.

use countersign_tests::{
    authz::{Authz, DOCUMENTS, EDITOR, GROUPS, ROLES, generic, listed},
    realm::with,
    table::Table,
};
use serde_json::{Value, json};

use super::INVALID;

/// Reads, changes and deletes a typed policy; what is read back is `want`, then `changed`
fn lives(authz: &Authz, kind: &str, body: &Value, want: &Value, update: &Value, changed: &Value) {
    let made = authz.post(&format!("policy/{kind}"), body);
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("policy/{kind}/{id}");
    let head = json!({ "id": id, "type": kind, "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS" });
    let read = authz.get(&path);
    assert_eq!(read, with(with(head.clone(), want.clone()), json!({ "name": body["name"] })), "{kind}");
    assert_eq!(made["type"], kind);
    let name = body["name"].as_str().unwrap();
    assert_eq!(authz.get(&format!("policy/{kind}/search?name={name}")), read, "{kind}");
    assert_eq!(authz.get(&format!("policy/{id}"))["type"], kind);

    // Written as it was read
    authz.put_policy(&path, &read);
    assert_eq!(authz.get(&path), read, "{kind}");
    let update = with(
        update.clone(),
        json!({ "name": "changed", "description": "d", "logic": "NEGATIVE",
        "decisionStrategy": "CONSENSUS" }),
    );
    authz.put_policy(&path, &update);
    let head = json!({ "id": id, "type": kind, "logic": "NEGATIVE", "decisionStrategy": "CONSENSUS",
        "name": "changed", "description": "d" });
    assert_eq!(authz.get(&path), with(head, changed.clone()), "{kind}");

    let other = if kind == "user" { "role" } else { "user" };
    let elsewhere = authz.request("GET", &format!("policy/{other}/{id}")).send();
    assert_eq!((elsewhere.status, elsewhere.json()), (404, json!({ "error": "HTTP 404 Not Found" })));
    authz.delete(&path);
    for method in ["GET", "DELETE"] {
        let gone = authz.request(method, &path).send().expect(404);
        assert_eq!(gone.json(), json!({ "error": "HTTP 404 Not Found" }));
    }
    let gone = authz.put(&path, &update).expect(404);
    assert_eq!(gone.json(), json!({ "error": "HTTP 404 Not Found" }));
    _ = authz.request("GET", &format!("policy/{kind}/search?name={name}")).send().expect(204);
}

#[test]
fn adm_16_role_policies() {
    let authz = Authz::new();
    let [a, b] = ROLES;
    lives(
        &authz,
        "role",
        &json!({ "name": "roles", "fetchRoles": true,
                 "roles": [{ "id": "Role A", "required": true }, { "id": "documents/editor" }] }),
        &json!({ "fetchRoles": true,
                 "roles": [{ "id": a, "required": true }, { "id": EDITOR, "required": false }] }),
        &json!({ "roles": [{ "id": b }] }),
        &json!({ "roles": [{ "id": b, "required": false }] }),
    );
    let made =
        authz.post("policy/role", &json!({ "name": "one", "roles": [{ "id": "Role A", "required": true }] }));
    assert_eq!(made["roles"], json!([{ "id": a, "required": true }]));
    let id = made["id"].as_str().unwrap();
    let generic = authz.get(&format!("policy/{id}"));
    assert_eq!(listed(&generic, "roles"), json!([{ "id": a, "required": true }]));

    let twice = |name: &str, id: &str| json!({ "name": "twice", "roles": [{ "id": name }, { "id": id }] });
    let mut table = Table::new();
    let text = |name: &str| format!("Role can't be specified multiple times - {name}");
    let create = authz.attempt("policy/role", &twice("Role A", a));
    table.bare("create", create, 400, &text("Role A"));
    let path = format!("policy/role/{id}");
    table.bare("update", authz.put(&path, &twice("Role B", "Role B")), 400, &text("Role B"));
    table.bare("of a client", authz.put(&path, &twice("documents/editor", EDITOR)), 400, &text("editor"));
    table.done();
    assert_eq!(authz.get(&path)["roles"], json!([{ "id": a, "required": true }]));

    // An unknown role is kept as a text that nobody ever has.
    let unknown = authz.post("policy/role", &json!({ "name": "unknown", "roles": [{ "id": "Role Z" }] }));
    assert_eq!(unknown["roles"], json!([{ "id": "Role Z", "required": false }]));
    let path = format!("policy/role/{}", unknown["id"].as_str().unwrap());
    assert_eq!(authz.get(&path)["roles"], json!([{ "id": "Role Z", "required": false }]));
}

#[test]
fn adm_17_user_policies() {
    let authz = Authz::new();
    let [alice, bob] = ["alice", "bob"].map(|user| authz.world.id_of(user));
    lives(
        &authz,
        "user",
        &json!({ "name": "users", "users": ["alice", "bob", "alice"] }),
        &json!({ "users": [alice, bob] }),
        &json!({ "users": [bob] }),
        &json!({ "users": [bob] }),
    );
    // The answer has users as they were sent; ids are read later.
    let made = authz.post("policy/user", &json!({ "name": "one", "users": ["alice"] }));
    assert_eq!(made["users"], json!(["alice"]));
    let id = made["id"].as_str().unwrap();
    assert_eq!(listed(&authz.get(&format!("policy/{id}")), "users"), json!([alice]));

    let none = authz.post("policy/user", &json!({ "name": "nobody" }));
    assert_eq!(none.get("users"), Some(&json!([])));
    let mut table = Table::new();
    let broken = "For more on this error consult the server log.";
    for (name, config) in [
        ("unknown", json!({ "users": "[\"nobody\"]" })),
        ("empty", json!({ "users": "" })),
        ("absent", json!({})),
    ] {
        let answer = authz.attempt("policy", &generic("x", "user", config));
        table.row(name, answer, 500, "unknown_error", broken);
    }
    let answer = authz.attempt("policy/user", &json!({ "name": "x", "users": ["nobody"] }));
    table.row("typed", answer, 400, INVALID, "User [nobody] does not exist");
    table.done();
    assert_eq!(authz.names("policy"), ["nobody", "one"]);
}

#[test]
fn adm_18_client_policies() {
    let authz = Authz::new();
    lives(
        &authz,
        "client",
        &json!({ "name": "clients", "clients": ["documents"] }),
        &json!({ "clients": [DOCUMENTS] }),
        &json!({ "clients": [] }),
        &json!({ "clients": [] }),
    );
    let made = authz.post("policy/client", &json!({ "name": "one", "clients": ["documents", "reader"] }));
    assert_eq!(made["clients"], json!(["documents", "reader"]));
    let id = made["id"].as_str().unwrap();
    assert_eq!(listed(&authz.get(&format!("policy/{id}")), "clients")[0], DOCUMENTS);
    let answer = authz.attempt("policy/client", &json!({ "name": "x", "clients": ["nothing"] }));
    answer.refused(400, INVALID, "Client [nothing] does not exist");
}

#[test]
fn adm_19_group_policies() {
    let authz = Authz::new();
    let [staff, night] = GROUPS;
    let one = |id: &str, extend: bool| json!({ "id": id, "extendChildren": extend });
    lives(
        &authz,
        "group",
        &json!({ "name": "groups", "groupsClaim": "groups",
                 "groups": [{ "path": "/staff", "extendChildren": true }, { "path": "staff/night" }] }),
        &json!({ "groupsClaim": "groups", "groups": [one(staff, true), one(night, false)] }),
        &json!({ "groups": [{ "id": night, "extendChildren": true }] }),
        &json!({ "groups": [one(night, true)] }),
    );
    let id = authz.make("policy/group", &json!({ "name": "one", "groups": [{ "id": staff }] }));
    assert_eq!(listed(&authz.get(&format!("policy/{id}")), "groups"), json!([one(staff, false)]));
    let answer = authz.attempt("policy/group", &json!({ "name": "x", "groups": [{ "path": "/nowhere" }] }));
    answer.refused(400, INVALID, "Group [/nowhere] does not exist");
}

#[test]
fn client_scope_time_regex_and_aggregate_policies() {
    let authz = Authz::new();
    let id = authz.make(
        "policy/client-scope",
        &json!({ "name": "scopes", "clientScopes": [{ "id": "profile", "required": true }, { "id": "email" }] }),
    );
    let read = authz.get(&format!("policy/client-scope/{id}"));
    assert_eq!(read["clientScopes"][0]["required"], true);
    assert_eq!(read["clientScopes"].as_array().unwrap().len(), 2);
    authz.put_policy(&format!("policy/client-scope/{id}"), &read);
    assert_eq!(authz.get(&format!("policy/client-scope/{id}")), read);

    let hours = json!({ "notBefore": "2026-01-01 00:00:00", "notOnOrAfter": "2027-01-01 00:00:00", "dayMonth": "1",
        "dayMonthEnd": "31", "month": "1", "monthEnd": "12", "year": "2026", "yearEnd": "2027", "hour": "0",
        "hourEnd": "23", "minute": "0", "minuteEnd": "59" });
    let later = json!({ "notOnOrAfter": "2030-01-01 00:00:00" });
    lives(&authz, "time", &with(json!({ "name": "time" }), hours.clone()), &hours, &later, &later);

    let form = json!({ "targetClaim": "email", "pattern": "^.+@x$", "targetContextAttributes": true });
    let other = json!({ "targetClaim": "a.b", "pattern": "c" });
    lives(&authz, "regex", &with(json!({ "name": "regex" }), form.clone()), &form, &other, &other);

    let users = authz.user_policy("users", "alice");
    lives(
        &authz,
        "aggregate",
        &json!({ "name": "aggregate", "policies": ["users", "scopes"] }),
        &json!({ "policies": [id, users] }),
        &json!({ "policies": [] }),
        &json!({ "policies": [] }),
    );
}

#[test]
fn n_10_dates_and_patterns_that_nobody_can_read_are_refused() {
    let authz = Authz::new();
    let time = |body: Value| authz.attempt("policy/time", &with(json!({ "name": "x" }), body));
    let regex = |body: Value| authz.attempt("policy/regex", &with(json!({ "name": "x" }), body));
    let date = |text: &str| format!("Unable not parse a date using format [{text}]");
    let mut table = Table::new();
    table.bare("from", time(json!({ "notBefore": "yesterday" })), 400, &date("yesterday"));
    let both = json!({ "notBefore": "2026-01-01 00:00:00", "notOnOrAfter": "2026-13-01 00:00:00" });
    table.bare("to", time(both), 400, &date("2026-13-01 00:00:00"));
    let order = json!({ "notBefore": "2026-01-02 00:00:00", "notOnOrAfter": "2026-01-01 00:00:00" });
    let text = "Expire time can't be set to a date before start time";
    table.bare("order", time(order), 400, text);
    let config = json!({ "nbf": "x" });
    table.bare("generic", authz.attempt("policy", &generic("x", "time", config)), 400, &date("x"));
    table.row("hour", time(json!({ "hour": "24" })), 400, INVALID, "Invalid hour");
    table.row("end alone", time(json!({ "hourEnd": "8" })), 400, INVALID, "Invalid hour");
    table.row("nothing", time(json!({})), 400, INVALID, "Invalid notBefore");
    table.row("no pattern", regex(json!({ "targetClaim": "a" })), 400, INVALID, "Invalid pattern");
    table.row("no claim", regex(json!({ "pattern": "a" })), 400, INVALID, "Invalid targetClaim");
    let answer = regex(json!({ "targetClaim": "a", "pattern": "(" }));
    table.holds("pattern", answer, "400 with `pattern`", |answer| {
        answer.status == 400
            && answer.json()["error"] == INVALID
            && answer.json()["error_description"].as_str().unwrap().starts_with("`pattern` cannot be used: ")
    });
    let answer = regex(json!({ "targetClaim": "a", "pattern": "(?=a)b" }));
    table.holds("look-ahead", answer, "400 with `pattern`", |answer| {
        answer.status == 400 && answer.json()["error_description"].as_str().unwrap().starts_with("`pattern`")
    });
    table.done();
    assert_eq!(authz.names("policy"), Vec::<String>::new());
}
