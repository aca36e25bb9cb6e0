//! Permissions in the admin API, and what they do (`admin-surface` §11).

use countersign_tests::authz::{Authz, listed};
use serde_json::{Value, json};

const DENIED: (u16, &str, &str) = (403, "access_denied", "not_authorized");

/// Makes a permission of this type, changes every member, switches it to a resource type and deletes it
fn lives(kind: &str) {
    let authz = Authz::new();
    let [one, two] = ["Resource A", "Resource B"].map(|name| authz.resource(name, &["Scope A", "Scope B"]));
    let [a, b] = ["Policy A", "Policy B"].map(|name| authz.user_policy(name, "alice"));
    let of_scopes = kind == "scope";
    let scopes: &[&str] = if of_scopes { &["Scope A"] } else { &[] };
    let mut body = json!({
        "name": "Permission", "description": "d", "decisionStrategy": "CONSENSUS", "logic": "NEGATIVE",
        "resources": ["Resource A"], "policies": ["Policy A", b],
    });
    if of_scopes {
        body["scopes"] = json!(scopes);
    }
    let made = authz.post(&format!("permission/{kind}"), &body);
    let id = made["id"].as_str().unwrap().to_owned();
    let path = format!("permission/{kind}/{id}");
    assert_eq!(made["resources"], json!([one]));
    assert_eq!(made["policies"], json!([a, b]));
    assert_eq!((&made["type"], &made["logic"]), (&json!(kind), &json!("NEGATIVE")));
    let want = json!({
        "id": id, "name": "Permission", "description": "d", "type": kind, "logic": "NEGATIVE",
        "decisionStrategy": "CONSENSUS",
    });
    let read = authz.get(&path);
    assert_eq!(read, want);
    assert_eq!(authz.get(&format!("permission/{kind}/search?name=Permission")), want);
    assert_eq!(authz.names(&format!("{path}/associatedPolicies")), ["Policy A", "Policy B"]);
    assert_eq!(authz.names(&format!("{path}/resources")), ["Resource A"]);
    assert_eq!(authz.names(&format!("{path}/scopes")), scopes);
    assert_eq!(authz.names(&format!("resource/{one}/permissions")), ["Permission"]);
    assert_eq!(authz.names(&format!("policy/{a}/dependentPolicies")), ["Permission"]);

    // Lists that are absent stay as they are.
    authz.put_policy(&path, &read);
    assert_eq!(authz.names(&format!("{path}/associatedPolicies")), ["Policy A", "Policy B"]);
    assert_eq!(authz.names(&format!("{path}/resources")), ["Resource A"]);
    assert_eq!(authz.names(&format!("{path}/scopes")), scopes);

    let change = json!({
        "name": "Changed", "decisionStrategy": "AFFIRMATIVE", "logic": "POSITIVE", "resources": [one, two],
        "policies": ["Policy A"], "description": "changed",
    });
    authz.put_policy(&path, &change);
    let read = authz.get(&path);
    assert_eq!((&read["name"], &read["description"]), (&json!("Changed"), &json!("changed")));
    assert_eq!((&read["logic"], &read["decisionStrategy"]), (&json!("POSITIVE"), &json!("AFFIRMATIVE")));
    assert_eq!(authz.names(&format!("{path}/associatedPolicies")), ["Policy A"]);
    assert_eq!(authz.names(&format!("{path}/resources")), ["Resource A", "Resource B"]);

    // The other member switches it to a type.
    authz.put_policy(&path, &json!({ "name": "Changed", "resourceType": "t" }));
    assert_eq!(authz.get(&path)["resourceType"], "t");
    assert_eq!(authz.names(&format!("{path}/resources")), Vec::<String>::new());
    authz.put_policy(&path, &json!({ "name": "Changed", "resources": ["Resource B"], "policies": [] }));
    assert_eq!(authz.get(&path).get("resourceType"), None);
    assert_eq!(authz.names(&format!("{path}/resources")), ["Resource B"]);
    assert_eq!(authz.names(&format!("{path}/associatedPolicies")), Vec::<String>::new());

    let typed = authz.post(&format!("permission/{kind}"), &json!({ "name": "typed", "resourceType": "t" }));
    assert_eq!(typed["resourceType"], "t");
    let again = authz.attempt(&format!("permission/{kind}"), &json!({ "name": "typed" }));
    again.refused(409, "Policy with name [typed] already exists", "Conflicting policy");
    for (member, text) in [
        ("resources", "Resource [nothing] does not exist"),
        ("scopes", "Scope [nothing] does not exist"),
        ("policies", "Policy [nothing] does not exist"),
    ] {
        let answer =
            authz.attempt(&format!("permission/{kind}"), &json!({ "name": "x", member: ["nothing"] }));
        answer.refused(400, "invalid_request", text);
    }

    let other = if of_scopes { "resource" } else { "scope" };
    _ = authz.request("GET", &format!("permission/{other}/{id}")).send().expect(404);
    authz.delete(&path);
    _ = authz.request("GET", &path).send().expect(404);
    _ = authz.request("GET", &format!("permission/{kind}/search?name=Changed")).send().expect(204);
    assert_eq!(authz.names("permission"), ["typed"]);
}

#[test]
fn adm_13_resource_permissions() {
    lives("resource");
}

#[test]
fn adm_14_scope_permissions() {
    lives("scope");
}

#[test]
fn permissions_decide_from_the_moment_they_are_stored() {
    let authz = Authz::new();
    let id = authz.resource("r", &["read", "write"]);
    let alice = authz.world.token_by("reader", "alice");
    let ask = |permission: &str| authz.world.ask(&alice, &[permission]);
    let (status, error, text) = DENIED;
    ask(&id).refused(status, error, text);

    let policy = authz.user_policy("alice", "alice");
    let all = json!({ "name": "all", "resources": ["r"], "policies": ["alice"] });
    let permission = authz.make("permission/resource", &all);
    let rpt = ask(&id).expect(200).member("access_token");
    let scopes = |rpt: &str| authz.world.introspect(rpt)["permissions"][0]["scopes"].clone();
    assert_eq!(scopes(&rpt), json!(["read", "write"]));

    // A denied permission takes its scope from everybody, also from what was issued, when somebody asks.
    let bob = authz.user_policy("bob", "bob");
    let only = json!({ "name": "writing", "scopes": ["write"], "policies": [bob] });
    let narrower = authz.make("permission/scope", &only);
    assert_eq!(scopes(&rpt), json!(["read"]));
    ask(&format!("{id}#write")).refused(status, error, text);
    authz.delete(&format!("permission/scope/{narrower}"));
    assert_eq!(scopes(&rpt), json!(["read", "write"]));

    // Negative logic, and a policy that lets nobody in
    let form = authz.get(&format!("policy/user/{policy}"));
    let mut negative = form.clone();
    negative["logic"] = "NEGATIVE".into();
    authz.put_policy(&format!("policy/user/{policy}"), &negative);
    ask(&id).refused(status, error, text);
    let mut empty = form;
    empty["users"] = json!([]);
    authz.put_policy(&format!("policy/user/{policy}"), &empty);
    ask(&id).refused(status, error, text);
    empty["logic"] = "NEGATIVE".into();
    authz.put_policy(&format!("policy/user/{policy}"), &empty);
    ask(&id).refused(status, error, text);
    authz.delete(&format!("permission/resource/{permission}"));
    ask(&id).refused(status, error, text);
}

#[test]
fn permissions_that_apply_to_a_resource_are_found_by_type_parent_and_scope_too() {
    let authz = Authz::new();
    let parent = authz.make("resource", &json!({ "name": "parent", "type": "t", "scopes": ["read"] }));
    let child = authz
        .make("resource", &json!({ "name": "child", "type": "t", "owner": "alice", "scopes": ["write"] }));
    let other = authz.resource("other", &["read"]);
    for (kind, body) in [
        ("resource", json!({ "name": "of the parent", "resources": [parent] })),
        ("resource", json!({ "name": "of the type", "resourceType": "t" })),
        ("scope", json!({ "name": "of the scope", "scopes": ["write"] })),
        ("scope", json!({ "name": "of scope and resource", "scopes": ["write"], "resources": [other] })),
        ("scope", json!({ "name": "of scope and type", "scopes": ["write"], "resourceType": "t" })),
    ] {
        _ = authz.make(&format!("permission/{kind}"), &body);
    }
    let of = |id: &str| authz.names(&format!("resource/{id}/permissions"));
    assert_eq!(of(&child), ["of scope and type", "of the parent", "of the scope", "of the type"]);
    assert_eq!(of(&parent), ["of scope and type", "of the parent", "of the type"]);
    assert_eq!(of(&other), ["of scope and resource"]);
}

#[test]
fn a_permission_goes_with_its_only_resource() {
    let authz = Authz::new();
    let [one, two] = ["one", "two"].map(|name| authz.resource(name, &["read"]));
    _ = authz.make("permission/resource", &json!({ "name": "single", "resources": [one] }));
    let both = authz.make("permission/resource", &json!({ "name": "both", "resources": [one, two] }));
    authz.delete(&format!("resource/{one}"));
    assert_eq!(authz.names("permission"), ["both"]);
    let config = authz.get(&format!("policy/{both}"));
    assert_eq!(listed(&config, "resources"), json!([two]));
    assert_eq!(config["config"].get("scopes"), None::<&Value>);
}
