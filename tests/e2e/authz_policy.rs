//! Policies in the admin API, generic and of every type (`admin-surface` §11, §13).

use countersign_tests::{
    authz::{Authz, BACKEND, DOCUMENTS, EDITOR, GROUPS, ROLES, generic, listed, names},
    realm::with,
    table::Table,
};
use serde_json::{Value, json};

const INVALID: &str = "invalid_request";

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

#[test]
fn n_14_what_is_wrong_with_a_policy_is_named() {
    let authz = Authz::new();
    let mut table = Table::new();
    let user = |body: Value| authz.attempt("policy/user", &body);
    table.row("nameless", user(json!({})), 400, INVALID, "Policy name not provided.");
    table.row("logic", user(json!({ "name": "x", "logic": "MAYBE" })), 400, INVALID, "Invalid logic");
    let body = json!({ "name": "x", "decisionStrategy": "MAYBE" });
    table.row("strategy", user(body), 400, INVALID, "Invalid decisionStrategy");
    table.row("users", user(json!({ "name": "x", "users": "alice" })), 400, INVALID, "Invalid users");
    let text = "Invalid json representation for UserPolicyRepresentation. \
                Unrecognized field \"roles\" at line 1 column 19.";
    table.bare("of another type", user(json!({ "name": "x", "roles": [] })), 400, text);
    let text = "Invalid json representation for PolicyRepresentation. \
                Unrecognized field \"users\" at line 1 column 33.";
    let body = "{\"name\":\"x\",\"type\":\"user\",\"users\":[]}";
    let answer = authz.request("POST", "policy").body("application/json", body).send();
    table.bare("typed member in the generic form", answer, 400, text);
    table.row("type", authz.attempt("policy", &json!({ "name": "x" })), 400, INVALID, "Invalid type");
    let generically = |kind: &str| authz.attempt("policy", &generic("x", kind, json!({})));
    let text = "Couldn't find policy provider with type [horoscope]";
    table.row("unknown type", generically("horoscope"), 400, INVALID, text);
    let text = "Couldn't find policy provider with type [uma]";
    table.row("an owner's", generically("uma"), 400, INVALID, text);
    let text = "Script [script-scripts/x.js] is not deployed";
    table.row("script", generically("script-scripts/x.js"), 400, INVALID, text);
    let answer = authz.attempt("policy/js", &json!({ "name": "x", "type": "script-scripts/x.js" }));
    table.row("js", answer, 400, INVALID, text);
    let nowhere = "HTTP 404 Not Found";
    table.bare("type in the path", authz.attempt("policy/horoscope", &json!({ "name": "x" })), 404, nowhere);
    let answer = authz.attempt("policy/script-scripts/x.js", &json!({ "name": "x" }));
    table.holds("script in the path", answer, "404 or 405", |answer| matches!(answer.status, 404 | 405));
    let answer = authz.attempt("policy/aggregate", &json!({ "name": "x", "policies": ["nothing"] }));
    table.row("policy", answer, 400, INVALID, "Policy [nothing] does not exist");
    let answer = authz.request("POST", "policy").body("application/json", "{").send();
    table.row("no JSON", answer, 400, INVALID, "Cannot parse the JSON");
    let answer = authz.request("POST", "policy").body("application/json", "[]").send();
    table.row("no object", answer, 400, "unknown_error", "Cannot parse the JSON");
    for path in ["policy/search", "policy/user/search", "permission/search"] {
        table.status(path, authz.request("GET", path).send(), 400);
    }
    for parameter in ["first", "max"] {
        let answer = authz.request("GET", &format!("policy?{parameter}=x")).send();
        table.row(parameter, answer, 400, INVALID, &format!("Invalid {parameter}"));
    }
    table.done();

    let mut table = Table::new();
    _ = authz.user_policy("taken", "alice");
    let id = authz.user_policy("other", "alice");
    let text = "Policy with name [taken] already exists";
    let body = json!({ "name": "taken" });
    table.row("POST", user(body.clone()), 409, text, "Conflicting policy");
    let answer = authz.attempt("policy", &generic("taken", "client", json!({ "clients": "[\"reader\"]" })));
    table.row("generic", answer, 409, text, "Conflicting policy");
    table.row("permission", authz.attempt("permission/scope", &body), 409, text, "Conflicting policy");
    table.row("PUT", authz.put(&format!("policy/user/{id}"), &body), 409, text, "Conflicting policy");
    table.done();
    assert_eq!(authz.names("policy"), ["other", "taken"]);
}

#[test]
fn aggregates_never_contain_themselves() {
    let authz = Authz::new();
    let aggregate = |name: &str, policies: &[&str]| json!({ "name": name, "policies": policies });
    let leaf = authz.user_policy("leaf", "alice");
    let a = authz.make("policy/aggregate", &aggregate("a", &[&leaf]));
    let b = authz.make("policy/aggregate", &aggregate("b", &[&a, "leaf"]));
    let c = authz.make("policy/aggregate", &aggregate("c", &["b"]));
    let mut table = Table::new();
    for (name, below) in [("itself", &a), ("one level", &b), ("two levels", &c)] {
        let answer = authz.put(&format!("policy/aggregate/{a}"), &aggregate("a", &[below]));
        table.row(name, answer, 400, INVALID, "Cyclic policy [a]");
    }
    let config = json!({ "applyPolicies": json!([c]).to_string() });
    let answer = authz.put(&format!("policy/{a}"), &generic("a", "aggregate", config));
    table.row("generic", answer, 400, INVALID, "Cyclic policy [a]");
    table.done();
    assert_eq!(names(&authz.get(&format!("policy/{a}/associatedPolicies"))), ["leaf"]);
}

#[test]
fn adm_22_a_generic_policy_shows_what_it_hangs_together_with_from_both_ends() {
    let authz = Authz::new();
    let resources: Vec<_> =
        ["Resource A", "Resource B"].map(|name| authz.resource(name, &["Scope X"])).into();
    let scopes: Vec<_> =
        ["Scope A", "Scope B"].map(|name| authz.make("scope", &json!({ "name": name }))).into();
    // The tests of Keycloak's own client associate permissions.
    let others: Vec<_> =
        ["Policy A", "Policy B"].map(|name| authz.make("policy", &generic(name, "scope", json!({})))).into();
    let config = |resources: &[String], scopes: &[String], policies: &[String]| {
        json!({
            "configA": "configuration for A", "configB": "configuration for B",
            "resources": json!(resources).to_string(), "scopes": json!(scopes).to_string(),
            "applyPolicies": json!(policies).to_string(),
        })
    };
    let body = generic("Test Generic Policy", "scope", config(&resources, &scopes, &others));
    let made = authz.post("policy", &body);
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("policy/{id}");
    let read = authz.get(&path);
    assert_eq!(read, made);
    assert_eq!(read["config"]["configA"], "configuration for A");
    assert_eq!(read["config"]["configB"], "configuration for B");
    let sides = |resources: &[&str], scopes: &[&str], policies: &[&str]| {
        assert_eq!(authz.names(&format!("{path}/resources")), resources);
        assert_eq!(authz.names(&format!("{path}/scopes")), scopes);
        assert_eq!(authz.names(&format!("{path}/associatedPolicies")), policies);
    };
    sides(&["Resource A", "Resource B"], &["Scope A", "Scope B"], &["Policy A", "Policy B"]);
    for other in &others {
        assert_eq!(authz.names(&format!("policy/{other}/dependentPolicies")), ["Test Generic Policy"]);
    }
    for resource in &resources {
        assert_eq!(authz.names(&format!("resource/{resource}/permissions")), ["Test Generic Policy"]);
    }
    for scope in &scopes {
        assert_eq!(authz.names(&format!("scope/{scope}/permissions")), ["Test Generic Policy"]);
    }

    // An update removes what it leaves out, and keeps lists that it does not have.
    let config = config(&resources[..1], &scopes[..1], &others[..1]);
    authz.put_policy(&path, &generic("Test Generic Policy", "scope", config));
    sides(&["Resource A"], &["Scope A"], &["Policy A"]);
    assert_eq!(authz.names(&format!("policy/{}/dependentPolicies", others[1])), Vec::<String>::new());
    assert_eq!(authz.names(&format!("resource/{}/permissions", resources[1])), Vec::<String>::new());
    assert_eq!(authz.names(&format!("scope/{}/permissions", scopes[1])), Vec::<String>::new());
    authz.put_policy(&path, &generic("Test Generic Policy", "scope", json!({ "configC": "c" })));
    sides(&["Resource A"], &["Scope A"], &["Policy A"]);
    let read = authz.get(&path);
    assert_eq!((&read["config"]["configC"], read["config"].get("configA")), (&json!("c"), None));
    authz.put_policy(
        &path,
        &generic("Test Generic Policy", "scope", json!({ "scopes": "[]", "applyPolicies": "[]" })),
    );
    sides(&["Resource A"], &[], &[]);
    assert_eq!(
        authz.put(&path, &generic("x", "user", json!({}))).expect(400).json()["error_description"],
        "Invalid type"
    );

    authz.delete(&path);
    assert_eq!(authz.names(&format!("resource/{}/permissions", resources[0])), Vec::<String>::new());
}

#[test]
fn adm_22_fields_and_filters_of_lists() {
    let authz = Authz::new();
    let resource = authz.resource("r", &["read"]);
    let user = authz.user_policy("user", "alice");
    let scope =
        authz.make("permission/scope", &json!({ "name": "scoped", "scopes": ["read"], "policies": [user] }));
    let permission = authz.make("permission/resource", &json!({ "name": "permission", "resources": ["r"] }));
    for (query, want) in [
        ("", vec!["permission", "scoped", "user"]),
        ("?permission=true", vec!["permission", "scoped"]),
        ("?permission=false", vec!["user"]),
        ("?name=S", vec!["permission", "scoped", "user"]),
        ("?name=sco", vec!["scoped"]),
        ("?type=user", vec!["user"]),
        ("?type=scope", vec!["scoped"]),
        ("?resource=r", vec!["permission"]),
        (&format!("?resource={resource}"), vec!["permission"]),
        ("?resource=nothing", vec![]),
        ("?scope=read", vec!["scoped"]),
        ("?scope=nothing", vec![]),
        (&format!("?policyId={scope}"), vec!["scoped"]),
        ("?name=permission&permission=true&first=-1&max=-1", vec!["permission"]),
        ("?first=1&max=1", vec!["scoped"]),
        ("?owner=nobody", vec![]),
    ] {
        assert_eq!(authz.names(&format!("policy{query}")), want, "{query}");
    }
    assert_eq!(authz.names("permission"), ["permission", "scoped"]);
    assert_eq!(authz.get("policy/search?name=user")["id"], user);
    _ = authz.request("GET", "policy/search?name=use").send().expect(204);

    let plain = authz.get(&format!("policy/{permission}"));
    assert!(plain.get("resourcesData").is_none() && plain.get("scopesData").is_none(), "{plain}");
    let full = authz.get(&format!("policy/{permission}?fields=*"));
    assert_eq!(
        (&full["resourcesData"][0]["_id"], &full["resourcesData"][0]["name"]),
        (&json!(resource), &json!("r"))
    );
    assert_eq!(full["scopesData"], json!([]));
    let list = authz.get("policy?permission=true&name=scoped&fields=*&first=-1&max=-1");
    assert_eq!(list[0]["scopesData"][0]["name"], "read");
    let list = authz.get("policy?permission=true&name=scoped&first=-1&max=-1");
    assert!(list[0].get("scopesData").is_none(), "{list}");

    let providers: Vec<_> = authz
        .get("policy/providers")
        .as_array()
        .unwrap()
        .iter()
        .map(|provider| provider["type"].as_str().unwrap().to_owned())
        .collect();
    for kind in
        ["user", "role", "group", "client", "client-scope", "time", "regex", "aggregate", "resource", "scope"]
    {
        assert!(providers.contains(&kind.to_owned()), "{kind} in {providers:?}");
    }
}

#[test]
fn a_deleted_policy_leaves_permissions_and_aggregates() {
    let authz = Authz::new();
    let [one, two] = ["one", "two"].map(|name| authz.user_policy(name, "alice"));
    let aggregate = authz.make("policy/aggregate", &json!({ "name": "both", "policies": [one, two] }));
    let permission =
        authz.make("permission/scope", &json!({ "name": "p", "scopes": ["read"], "policies": [one] }));
    authz.delete(&format!("policy/{one}"));
    assert_eq!(authz.names(&format!("policy/{aggregate}/associatedPolicies")), ["two"]);
    assert_eq!(
        authz.names(&format!("permission/scope/{permission}/associatedPolicies")),
        Vec::<String>::new()
    );
}

#[test]
fn policies_of_owners_are_seen_and_not_written() {
    let authz = Authz::new();
    let hers = authz.world.document("hers");
    let alice = authz.world.token("alice");
    let body = json!({ "name": "for bob", "users": ["bob"], "scopes": ["read"] });
    let made = authz.world.protection("POST", &format!("uma-policy/{hers}"), &alice).json(&body).send();
    let id = made.expect(200).member("id");
    assert_eq!(authz.names("policy"), Vec::<String>::new());
    assert_eq!(authz.names(&format!("policy?owner={}", authz.world.id_of("alice"))), ["for bob"]);
    let read = authz.get(&format!("policy/{id}"));
    assert_eq!((&read["type"], &read["owner"]), (&json!("uma"), &json!(authz.world.id_of("alice"))));
    assert!(!authz.get("settings").to_string().contains("for bob"));
    let answer = authz.put(&format!("policy/{id}"), &read);
    answer.refused(400, INVALID, "Policies of owners are changed by their owners.");

    // Deleted by the administrator, it takes what it gave along.
    let bob = authz.world.token_by("reader", "bob");
    let rpt = authz.world.ask(&bob, &[&hers]).expect(200).member("access_token");
    authz.delete(&format!("policy/{id}"));
    assert_eq!(authz.world.introspect(&rpt)["permissions"], json!([]));
}

#[test]
fn whoever_is_deleted_leaves_the_policies_and_opens_nothing() {
    let authz = Authz::new();
    let gone = |path: &str| {
        _ = authz.bare("DELETE", path).bearer(&authz.token()).send().expect(204);
    };
    let alice = authz.world.id_of("alice");
    let id = authz.resource("r", &[]);
    let [a, b] = ROLES;
    let role = authz.make("policy/role", &json!({ "name": "roles", "roles": [{ "id": a }, { "id": b }] }));
    let user = authz.make("policy/user", &json!({ "name": "users", "users": ["bob"], "logic": "NEGATIVE" }));
    let group =
        authz.make("policy/group", &json!({ "name": "groups", "groups": [{ "path": "/staff/night" }] }));
    let client = authz.make("policy/client", &json!({ "name": "clients", "clients": ["backend"] }));
    _ = authz.make("permission/resource", &json!({ "name": "p", "resources": ["r"], "policies": ["users"] }));
    let decide = || {
        let body = json!({ "userId": alice, "resources": [{ "_id": id }] });
        authz.request("POST", "policy/evaluate").json(&body).send().expect(200).json()["status"].clone()
    };
    assert_eq!(decide(), "PERMIT");

    gone(&format!("roles-by-id/{a}"));
    assert_eq!(authz.get(&format!("policy/role/{role}"))["roles"], json!([{ "id": b, "required": false }]));
    gone("roles/Role%20B");
    assert_eq!(authz.get(&format!("policy/role/{role}"))["roles"], json!([]));
    assert_eq!(listed(&authz.get(&format!("policy/{role}")), "roles"), json!([]));
    gone(&format!("users/{}", authz.world.id_of("bob")));
    assert_eq!(authz.get(&format!("policy/user/{user}"))["users"], json!([]));
    gone(&format!("groups/{}", GROUPS[1]));
    assert_eq!(authz.get(&format!("policy/group/{group}"))["groups"], json!([]));
    gone(&format!("clients/{BACKEND}"));
    assert_eq!(authz.get(&format!("policy/client/{client}"))["clients"], json!([]));
    // Everybody but bob is not everybody once he is gone: a list that lost all it named grants nothing.
    assert_eq!(decide(), "DENY");
}
