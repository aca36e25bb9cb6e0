//! Policies in the admin API, generic and of every type (`admin-surface` §11, §13).

mod kinds;

use countersign_tests::{
    authz::{Authz, BACKEND, GROUPS, ROLES, generic, listed, names},
    table::Table,
};
use serde_json::{Value, json};

const INVALID: &str = "invalid_request";

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
