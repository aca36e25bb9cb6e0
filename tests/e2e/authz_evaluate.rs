//! `policy/evaluate` of the admin API (`admin-surface` §12).

use countersign_tests::{
    authz::{Authz, DOCUMENTS, ROLES, names, realm},
    table::Table,
};
use serde_json::{Value, json};

fn evaluate(authz: &Authz, body: &Value) -> Value {
    authz.request("POST", "policy/evaluate").json(body).send().expect(200).json()
}

#[test]
fn eval_1_the_clock_and_the_attribute_that_sets_it() {
    let authz = Authz::new();
    _ = authz.resource("r", &[]);
    let until = |date: &str| json!({ "name": "time", "notOnOrAfter": date });
    let id = authz.make("policy/time", &until("2099-01-01 00:00:00"));
    _ = authz.make("permission/resource", &json!({ "name": "p", "resources": ["r"], "policies": ["time"] }));
    let alice = authz.world.id_of("alice");
    let body = json!({ "userId": alice, "resources": [{ "name": "r" }] });
    assert_eq!(evaluate(&authz, &body)["status"], "PERMIT");
    let at = |date: &str| {
        let mut body = body.clone();
        body["context"] = json!({ "attributes": { "kc.time.date_time": date } });
        evaluate(&authz, &body)["status"].clone()
    };
    assert_eq!(at("2100-01-01 00:00:00"), "DENY");
    assert_eq!(at("2098-12-31 23:59:59"), "PERMIT");
    authz.put_policy(&format!("policy/time/{id}"), &until("2020-01-01 00:00:00"));
    assert_eq!(evaluate(&authz, &body)["status"], "DENY");
    assert_eq!(at("2019-01-01 00:00:00"), "PERMIT");
}

#[test]
fn eval_13_a_client_role_that_comes_through_a_composite() {
    let mut roles = realm().json()["roles"].clone();
    roles["realm"].as_array_mut().unwrap().push(
        json!({ "name": "composite", "composite": true, "composites": { "client": { "documents": ["editor"] } } }),
    );
    let realm = realm().set("roles", roles).user("composed", json!({ "realmRoles": ["composite"] }));
    let authz = Authz::of(&realm);
    _ = authz.resource("r", &["read"]);
    let role = json!({ "name": "editors", "roles": [{ "id": "documents/editor", "required": true }] });
    _ = authz.make("policy/role", &role);
    _ = authz
        .make("permission/resource", &json!({ "name": "p", "resources": ["r"], "policies": ["editors"] }));
    let status = |user: &str| {
        let body = json!({ "userId": authz.world.id_of(user), "resources": [{ "name": "r" }] });
        evaluate(&authz, &body)["status"].clone()
    };
    assert_eq!(status("composed"), "PERMIT");
    assert_eq!(status("alice"), "DENY");
}

#[test]
fn eval_15_a_client_alone_is_its_service_account_and_everything_is_evaluated() {
    let authz = Authz::new();
    _ = authz.resource("mine", &["read"]);
    _ = authz.resource("open", &["read"]);
    _ = authz.make("policy/client", &json!({ "name": "itself", "clients": ["documents"] }));
    _ = authz
        .make("permission/resource", &json!({ "name": "p", "resources": ["open"], "policies": ["itself"] }));
    let answer = evaluate(&authz, &json!({ "clientId": DOCUMENTS }));
    let results = answer["results"].as_array().unwrap();
    let told: Vec<_> =
        results.iter().map(|one| (one["resource"]["name"].clone(), one["status"].clone())).collect();
    assert_eq!(told.len(), 2, "{answer:#}");
    assert!(told.contains(&(json!("open with scopes [read]"), json!("PERMIT"))), "{told:?}");
    assert!(told.contains(&(json!("mine with scopes [read]"), json!("DENY"))), "{told:?}");
    assert_eq!(answer["status"], "DENY");
    assert_eq!(answer["rpt"]["azp"], "documents");
    assert_eq!(answer["rpt"]["preferred_username"], "service-account-documents");
    assert_eq!(answer["rpt"]["authorization"]["permissions"].as_array().unwrap().len(), 1);
}

#[test]
fn the_answer_shows_permissions_policies_and_the_rpt() {
    let authz = Authz::new();
    let album =
        authz.make("resource", &json!({ "name": "Album", "type": "album", "scopes": ["view", "delete"] }));
    let users = authz.make("policy/role", &json!({ "name": "Only Users", "roles": [{ "id": "Role A" }] }));
    let not =
        authz.make("policy/aggregate", &json!({ "name": "not", "policies": [users], "logic": "NEGATIVE" }));
    let body = json!({ "name": "Delete permission", "scopes": ["delete"], "resources": ["Album"], "policies": [users] });
    let delete = authz.make("permission/scope", &body);
    let body = json!({ "name": "View permission", "scopes": ["view"], "policies": [not] });
    let view = authz.make("permission/scope", &body);
    let alice = authz.world.id_of("alice");
    let answer = evaluate(&authz, &json!({ "userId": alice, "resources": [{ "_id": album }] }));
    let scope = |name: &str| authz.get(&format!("scope/search?name={name}"))["id"].clone();
    let [d, v] = ["delete", "view"].map(|name| json!({ "id": scope(name), "name": name }));
    let leaf = json!({
        "policy": { "id": users, "name": "Only Users", "type": "role", "logic": "POSITIVE",
                    "decisionStrategy": "UNANIMOUS", "config": {} },
        "status": "DENY", "associatedPolicies": [], "scopes": [],
    });
    let want = json!({
        "resource": { "name": "Album with scopes [delete, view]", "_id": album },
        "scopes": [d, v],
        "policies": [
            { "policy": { "id": delete, "name": "Delete permission", "type": "scope", "resources": ["Album"],
                          "scopes": ["delete"], "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "config": {} },
              "status": "DENY", "associatedPolicies": [leaf], "scopes": ["delete"] },
            { "policy": { "id": view, "name": "View permission", "type": "scope", "scopes": ["view"],
                          "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "config": {} },
              "status": "PERMIT", "scopes": ["view"], "associatedPolicies": [
                { "policy": { "id": not, "name": "not", "type": "aggregate", "logic": "POSITIVE",
                              "decisionStrategy": "UNANIMOUS", "config": {} },
                  "status": "PERMIT", "associatedPolicies": [leaf], "scopes": [] }] },
        ],
        "status": "PERMIT", "allowedScopes": [v], "deniedScopes": [d],
    });
    assert_eq!(answer["results"], json!([want]), "{answer:#}");
    assert_eq!((&answer["status"], &answer["entitlements"]), (&json!("PERMIT"), &json!(false)));
    let rpt = &answer["rpt"];
    assert_eq!(
        (&rpt["sub"], &rpt["aud"], &rpt["typ"]),
        (&json!(alice), &json!("documents"), &json!("Bearer"))
    );
    assert_eq!(rpt["authorization"]["permissions"][0]["scopes"], json!(["view"]));
    assert!(answer.get("trace").is_none());

    // Roles that are named count as if she had them.
    let body = json!({ "userId": alice, "roleIds": [ROLES[0]], "resources": [{ "_id": album }] });
    assert_eq!(evaluate(&authz, &body)["results"][0]["allowedScopes"], json!([d]));
    // By type, and by scope alone
    let body = json!({ "userId": alice, "resources": [{ "type": "album", "scopes": [{ "name": "view" }] }] });
    assert_eq!(evaluate(&authz, &body)["results"][0]["allowedScopes"], json!([v]));
    let body = json!({ "userId": alice, "resources": [{ "scopes": ["delete"] }] });
    assert_eq!(names(&evaluate(&authz, &body)["results"][0]["scopes"]), ["delete"]);

    // The operator is told why.
    let body = json!({ "userId": alice, "resources": [{ "_id": album }] });
    let told = authz.request("POST", "policy/evaluate?trace=true").json(&body).send().expect(200).json();
    let change = told["trace"]["units"][0]["to_change"].to_string();
    assert!(change.contains("Only Users") && change.contains("realm role `Role A`: not held"), "{change}");
}

#[test]
fn a_share_appears_as_a_policy_of_its_owner() {
    let authz = Authz::new();
    let hers = authz.world.document("hers");
    _ = authz.world.share(&hers, "read", "bob");
    let ask = |user: &str| {
        evaluate(&authz, &json!({ "userId": authz.world.id_of(user), "resources": [{ "_id": hers }] }))
    };
    let answer = ask("bob");
    let policy = &answer["results"][0]["policies"][0];
    assert_eq!(policy["policy"]["description"], "Resource owner (alice) grants access to bob");
    assert_eq!((&policy["status"], &policy["scopes"]), (&json!("PERMIT"), &json!(["read"])));
    assert_eq!(answer["results"][0]["allowedScopes"][0]["name"], "read");
    assert_eq!(ask("carol")["status"], "DENY");
}

#[test]
fn attributes_are_set_as_they_are() {
    let authz = Authz::new();
    _ = authz.resource("r", &[]);
    let body = json!({ "name": "realm", "targetClaim": "kc.realm.name", "pattern": "other", "targetContextAttributes": true });
    _ = authz.make("policy/regex", &body);
    _ = authz.make("permission/resource", &json!({ "name": "p", "resources": ["r"], "policies": ["realm"] }));
    let mut body = json!({ "userId": authz.world.id_of("alice"), "resources": [{ "name": "r" }] });
    assert_eq!(evaluate(&authz, &body)["status"], "DENY");
    body["context"] = json!({ "attributes": { "kc.realm.name": "other" } });
    assert_eq!(evaluate(&authz, &body)["status"], "PERMIT");
}

#[test]
fn what_does_not_exist_is_named() {
    let authz = Authz::new();
    let alice = authz.world.id_of("alice");
    let ask = |body: Value| authz.attempt("policy/evaluate", &body);
    let mut table = Table::new();
    let invalid = "invalid_request";
    for (body, text) in [
        (json!({ "userId": "nobody" }), "User [nobody] does not exist"),
        (json!({ "clientId": "nothing" }), "Client [nothing] does not exist"),
        (json!({ "userId": alice, "roleIds": ["nothing"] }), "Role [nothing] does not exist"),
        (json!({ "userId": alice, "resources": [{ "name": "x" }] }), "Resource [x] does not exist"),
        (json!({ "userId": alice, "resources": [{ "_id": "x" }] }), "Resource [x] does not exist"),
        (json!({ "userId": alice, "resources": [{ "scopes": ["x"] }] }), "Scope [x] does not exist"),
        (
            json!({ "userId": alice, "context": { "attributes": { "kc.time.date_time": "now" } } }),
            "Invalid kc.time.date_time",
        ),
    ] {
        table.row(text, ask(body), 400, invalid, text);
    }
    let text = "Neither a user nor a client with a service account is named.";
    table.row("no account", ask(json!({ "clientId": "reader" })), 400, invalid, text);
    table.done();
}
