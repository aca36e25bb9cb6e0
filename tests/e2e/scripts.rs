//! Policies that are JavaScript (behaviours EVAL-0 to EVAL-11, ADM-21; wire §8.7, §8.8).

use core::time::Duration;
use std::{thread, time::Instant};

use countersign_tests::{
    authz::{Authz, realm},
    realm::{Realm, client},
    server::Server,
    world::World,
};
use serde_json::{Value, json};

/// The people, roles and groups that the deployed scripts name
fn people() -> Realm {
    let mut roles = realm().json()["roles"].clone();
    for name in ["role-a", "role-b", "uma_authorization"] {
        roles["realm"].as_array_mut().unwrap().push(json!({ "name": name }));
    }
    roles["client"]["role-mapping-client"] =
        json!([{ "name": "client-role-a" }, { "name": "client-role-b" }]);
    let below_b = json!([{ "name": "Group C" }, { "name": "Group E" }]);
    let groups = json!([{ "name": "Group A", "subGroups": [
        { "name": "Group B", "subGroups": below_b }, { "name": "Group D", "realmRoles": ["role-a"] },
    ] }, { "name": "staff" }]);
    realm()
        .set("roles", roles)
        .set("groups", groups)
        .user("carol", json!({ "groups": [] }))
        .client("role-mapping-client", client("role-mapping-client"))
        .user("alice", json!({ "groups": ["/Group A/Group B/Group E"] }))
        .user("marta", json!({ "realmRoles": ["uma_authorization", "role-a"], "groups": ["/Group A"] }))
        .user("trinity", json!({ "clientRoles": { "role-mapping-client": ["client-role-a"] } }))
        .user(
            "jdoe",
            json!({
                "email": "jdoe@keycloak.org", "groups": ["/Group A/Group B", "/Group A/Group D"],
                "attributes": { "a1": ["1", "2"], "a2": ["3"] },
            }),
        )
}

/// A resource server with the resource `r`, on a server that runs scripts
fn deployed(realm: &Realm) -> Authz {
    let authz = Authz::on(Server::builder().scripts(), realm);
    _ = authz.resource("r", &["read"]);
    authz
}

/// What a deployed script says of `r`, for a user and with attributes
fn says(authz: &Authz, script: &str, user: &str, attributes: &Value) -> String {
    let kind = format!("script-scripts/{script}.js");
    let policy = authz.make("policy", &json!({ "name": kind, "type": kind, "config": {} }));
    let permission =
        authz.make("permission/resource", &json!({ "name": "p", "resources": ["r"], "policies": [policy] }));
    let body = json!({
        "userId": authz.world.id_of(user), "resources": [{ "name": "r" }], "context": { "attributes": attributes },
    });
    let answer = authz.request("POST", "policy/evaluate").json(&body).send().expect(200).json();
    for path in [format!("permission/resource/{permission}"), format!("policy/{policy}")] {
        _ = authz.request("DELETE", &path).send().expect(204);
    }
    answer["status"].as_str().unwrap().to_owned()
}

#[track_caller]
fn table(authz: &Authz, rows: &[(&str, &str, Value, bool)]) {
    for (script, user, attributes, permits) in rows {
        let want = if *permits { "PERMIT" } else { "DENY" };
        assert_eq!(says(authz, script, user, attributes), want, "{script} for {user} with {attributes}");
    }
}

#[test]
fn eval_0_the_deployed_scripts_do_what_they_say() {
    let authz = deployed(&people());
    let with = |name: &str, value: &str| json!({ name: value });
    let address = |value: &str| json!({ "kc.client.network.ip_address": value });
    let none = || json!({});
    table(
        &authz,
        &[
            ("default-policy", "bob", none(), true),
            ("always-deny-policy", "bob", none(), false),
            ("always-deny-with-claim-policy", "bob", none(), false),
            ("add-claim-a-policy", "bob", none(), true),
            ("add-claim-b-policy", "bob", none(), true),
            ("add-claim-c-policy", "bob", none(), true),
            ("only-owner-policy", "bob", none(), false),
            ("resource-visibility-attribute-policy", "bob", none(), true),
            ("withdraw-limit-policy", "bob", with("my.bank.account.withdraw.value", "100"), true),
            ("withdraw-limit-policy", "bob", with("my.bank.account.withdraw.value", "100.5"), false),
            ("withdraw-limit-policy", "bob", none(), false),
            ("enforce-withdraw-limit-policy", "bob", with("withdrawal.amount", "1"), true),
            ("enforce-withdraw-limit-policy", "bob", with("withdrawal.amount", "101"), false),
            ("enforce-withdraw-limit-policy", "bob", with("withdrawal.amount", "much"), false),
            ("allow-value-from-request-claim", "bob", with("request-claim", "expected-value"), true),
            ("allow-value-from-request-claim", "bob", with("request-claim", "other"), false),
            ("only-from-specific-address-policy", "bob", address("127.0.0.1"), true),
            ("only-from-specific-address-policy", "bob", address("10.0.0.1"), false),
            ("deny-from-specific-address-policy", "bob", address("127.3.3.3"), true),
            ("deny-from-specific-address-policy", "bob", address("127.0.0.1"), false),
            ("only-from-specific-domain-or-admin-policy", "jdoe", none(), true),
            ("only-from-specific-domain-or-admin-policy", "bob", none(), false),
            ("allow-user-in-group-name-a-policy", "bob", none(), true),
            ("allow-user-in-group-path-a-policy", "bob", none(), true),
            ("allow-user-in-group-path-b-policy", "bob", none(), false),
            ("allow-alice-in-group-path-a-policy", "bob", none(), true),
            ("allow-alice-in-group-path-a-no-parent-policy", "bob", none(), false),
            ("allow-alice-in-group-child-e-policy", "bob", none(), true),
            ("allow-alice-in-group-path-e-policy", "bob", none(), false),
            ("allow-alice-in-group-name-e-policy", "bob", none(), false),
            ("allow-user-with-attributes", "bob", none(), true),
        ],
    );
}

#[test]
fn eval_0_owners_and_visibility_are_of_the_resource() {
    let authz = deployed(&people());
    let alice = authz.world.id_of("alice");
    let r = json!({ "name": "hers", "owner": { "id": alice }, "attributes": { "visibility": ["private"] } });
    let hers = authz.make("resource", &r);
    for (script, user, permits) in [
        ("only-owner-policy", "alice", true),
        ("only-owner-policy", "bob", false),
        ("resource-visibility-attribute-policy", "bob", false),
    ] {
        let kind = format!("script-scripts/{script}.js");
        let policy = authz.make("policy/js", &json!({ "name": kind, "type": kind }));
        let permission = json!({ "name": "p", "resources": [hers], "policies": [policy] });
        let permission = authz.make("permission/resource", &permission);
        let body = json!({ "userId": authz.world.id_of(user), "resources": [{ "_id": hers }] });
        let answer = authz.request("POST", "policy/evaluate").json(&body).send().expect(200).json();
        assert_eq!(answer["status"], if permits { "PERMIT" } else { "DENY" }, "{script} {user}");
        for path in [format!("permission/resource/{permission}"), format!("policy/{policy}")] {
            _ = authz.request("DELETE", &path).send().expect(204);
        }
    }
}

#[test]
fn eval_3_to_eval_8_roles_and_groups_of_people() {
    let authz = deployed(&people());
    let none = || json!({});
    table(
        &authz,
        &[
            // EVAL-3
            ("allow-marta-in-role-a-policy", "bob", none(), true),
            ("allow-marta-in-role-b-policy", "bob", none(), false),
            // EVAL-4
            ("allow-trinity-in-client-roles-policy", "bob", none(), true),
            ("allow-trinity-in-client-role-b-policy", "bob", none(), false),
            // EVAL-5
            ("allow-group-in-role-policy", "bob", none(), true),
            ("allow-child-group-in-role-policy", "bob", none(), false),
            ("allow-group-name-in-role-policy", "bob", none(), true),
            // EVAL-6, EVAL-7, EVAL-8
            ("allow-user-realm-roles-policy", "bob", none(), true),
            ("allow-user-client-roles-policy", "bob", none(), true),
            ("allow-user-from-groups-policy", "bob", none(), true),
        ],
    );
}

#[test]
fn eval_10_attributes_of_the_resource() {
    let authz = deployed(&people());
    assert_eq!(says(&authz, "allow-resources-with-attributes", "bob", &json!({})), "DENY");
    let id = authz.get("resource?name=r")[0]["_id"].as_str().unwrap().to_owned();
    let body = json!({ "name": "r", "attributes": { "a1": ["1", "2"], "a2": ["3"] } });
    _ = authz.put(&format!("resource/{id}"), &body).expect(204);
    assert_eq!(says(&authz, "allow-resources-with-attributes", "bob", &json!({})), "PERMIT");
}

#[test]
fn eval_11_a_script_that_changes_something_denies_and_changes_nothing() {
    let authz = deployed(&people());
    assert_eq!(says(&authz, "check-readonly-context-policy", "bob", &json!({})), "DENY");
    assert_eq!(authz.get("resource?name=r")[0]["name"], "r");
    told(&authz.world, "for reading only", 1);
}

#[test]
fn adm_21_script_policies_are_made_changed_and_deleted() {
    let authz = deployed(&people());
    let kind = "script-scripts/default-policy.js";
    let body = json!({ "name": "a", "description": "b", "type": kind, "logic": "NEGATIVE",
                       "decisionStrategy": "UNANIMOUS" });
    let made = authz.post("policy/js", &body);
    assert_eq!((&made["type"], &made["logic"]), (&json!(kind), &json!("NEGATIVE")), "{made}");
    assert!(made["code"].as_str().unwrap().contains("$evaluation.grant()"), "{made}");
    let path = format!("policy/js/{}", made["id"].as_str().unwrap());
    let read = authz.get(&path);
    assert_eq!(read["description"], "b");
    let body = json!({ "id": made["id"], "name": "changed", "description": "changed", "type": kind,
                       "logic": "POSITIVE", "decisionStrategy": "AFFIRMATIVE", "code": made["code"] });
    authz.put_policy(&path, &body);
    let read = authz.get(&path);
    assert_eq!((&read["name"], &read["logic"]), (&json!("changed"), &json!("POSITIVE")), "{read}");
    assert_eq!(authz.get(&format!("policy/{}", made["id"].as_str().unwrap()))["type"], kind);
    assert_eq!(authz.get("policy/js/search?name=changed")["id"], made["id"]);
    let listed = authz.get("policy/providers");
    assert!(listed.as_array().unwrap().iter().any(|provider| provider["type"] == kind), "{listed}");
    _ = authz.request("DELETE", &path).send().expect(204);
    _ = authz.request("GET", &path).send().expect(404);
    for (body, text) in [
        (
            json!({ "name": "x", "type": "script-scripts/none.js" }),
            "Script [script-scripts/none.js] is not deployed",
        ),
        (
            json!({ "name": "x", "type": "script-../scripts/loops.js" }),
            "Script [script-../scripts/loops.js] is not deployed",
        ),
        (json!({ "name": "x", "type": "user" }), "Script [user] is not deployed"),
        (
            json!({ "name": "x", "code": "$evaluation.grant()" }),
            "Invalid code: code inside of policies is not run in this \
          realm (`countersign.scripts` is not `inline`)",
        ),
    ] {
        let answer = authz.attempt("policy/js", &body).expect(400).json();
        assert_eq!(answer["error_description"], text, "{body}");
    }
}

/// A realm whose document `doc-0001` is guarded by a script
fn guarded(kind: &str, config: &Value, logic: &str) -> Realm {
    let policies = json!([
        { "name": "script", "type": kind, "config": config, "logic": logic },
        { "name": "p", "type": "resource", "config": { "resources": "[\"doc\"]", "applyPolicies": "[\"script\"]" } },
    ]);
    let resources = json!([{ "name": "doc", "_id": "doc-0001", "scopes": [{ "name": "read" }] }]);
    Realm::new("test").settings(json!({ "resources": resources, "policies": policies }))
}

fn opens(world: &World) -> bool {
    let bob = world.token_by("reader", "bob");
    let answer = world
        .uma(&bob, &[("audience", "documents"), ("permission", "doc-0001"), ("response_mode", "decision")]);
    if answer.status != 200 {
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (403, Some("access_denied")),
            "{answer}"
        );
    }
    answer.status == 200
}

/// Demands that so many lines of the log have these words; what was just written takes its time to be read
#[track_caller]
fn told(world: &World, words: &str, times: usize) {
    let begin = Instant::now();
    let count = || world.server.log().lines().filter(|line| line.contains(words)).count();
    while count() < times && begin.elapsed() < Duration::from_secs(20) {
        thread::yield_now();
    }
    assert_eq!(count(), times, "{words}\n{}", world.server.log());
}

#[test]
fn eval_0_claims_of_scripts_are_in_the_rpt_and_stay_at_introspection() {
    let policies = json!([
        { "name": "a", "type": "script-scripts/add-claim-a-policy.js" },
        { "name": "b", "type": "script-scripts/add-claim-b-policy.js" },
        { "name": "p", "type": "resource", "config": { "resources": "[\"doc\"]", "applyPolicies": "[\"a\",\"b\"]" } },
    ]);
    let resources = json!([{ "name": "doc", "_id": "doc-0001", "scopes": [{ "name": "read" }] }]);
    let realm = Realm::new("test").settings(json!({ "resources": resources, "policies": policies }));
    let world = World::on(Server::builder().scripts(), &realm);
    let bob = world.token_by("reader", "bob");
    let answer = world.uma(&bob, &[("audience", "documents"), ("permission", "doc-0001")]).expect(200);
    let claims = countersign_tests::forge::claims(&answer.member("access_token"));
    let permission = &claims["authorization"]["permissions"][0];
    assert_eq!(permission["claims"], json!({ "claim-a": ["claim-a", "claim-a1"], "claim-b": ["claim-b"] }));
    let form = [("token", answer.member("access_token"))];
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer =
        world.post_introspect().basic("documents", "documents-secret").form(&form).send().expect(200).json();
    assert_eq!(answer["permissions"][0]["rsid"], "doc-0001", "{answer}");
}

#[test]
fn scripts_are_off_unless_they_are_switched_on() {
    for logic in ["POSITIVE", "NEGATIVE"] {
        let world = World::of(&guarded("script-scripts/default-policy.js", &json!({}), logic));
        assert!(!opens(&world) && !opens(&world), "{logic}");
        // Once by the import, once by the evaluation.
        told(&world, "scripts are off: start the server", 2);
    }
    let realm = guarded("script-scripts/default-policy.js", &json!({}), "POSITIVE");
    let world =
        World::on(Server::builder().scripts(), &realm.clone().attribute("countersign.scripts", "off"));
    assert!(!opens(&world));
    told(&world, "scripts are off in this realm", 2);
    assert!(opens(&World::on(Server::builder().scripts(), &realm)));
}

#[test]
fn a_script_that_is_not_deployed_denies_and_is_named() {
    let realm = guarded("script-scripts/none.js", &json!({}), "NEGATIVE");
    let world = World::on(Server::builder().scripts(), &realm);
    assert!(!opens(&world));
    told(&world, "[script-scripts/none.js] is not deployed", 2);
}

#[test]
fn code_inside_of_policies_runs_where_the_realm_wants_it() {
    let realm = guarded("js", &json!({ "code": "$evaluation.grant();\n" }), "POSITIVE");
    assert!(!opens(&World::on(Server::builder().scripts(), &realm)));
    let inline = realm.attribute("countersign.scripts", "inline");
    assert!(!opens(&World::of(&inline)), "the server runs none");
    assert!(opens(&World::on(Server::builder().scripts(), &inline)));
    let authz = deployed(&people().attribute("countersign.scripts", "inline"));
    let made = authz.post("policy/js", &json!({ "name": "x", "code": "$evaluation.grant()" }));
    let path = format!("policy/js/{}", made["id"].as_str().unwrap());
    assert_eq!((&made["type"], &made["code"]), (&json!("js"), &json!("$evaluation.grant()")), "{made}");
    for (code, text) in
        [(json!("if ("), "Invalid code: the script failed: "), (json!("x".repeat(65_537)), "Invalid code: ")]
    {
        for answer in [
            authz.attempt("policy/js", &json!({ "name": "y", "code": code })),
            authz.put(&path, &json!({ "name": "x", "code": code })),
        ] {
            let answer = answer.expect(400).json();
            assert!(answer["error_description"].as_str().unwrap().starts_with(text), "{answer}");
        }
    }
    assert_eq!(authz.get(&path)["code"], "$evaluation.grant()");
}

#[test]
fn what_loops_throws_or_grows_is_denied_soon_and_told_once() {
    for (file, words) in
        [("loops", "took too long"), ("throws", "on purpose"), ("grows", "the script failed")]
    {
        for logic in ["POSITIVE", "NEGATIVE"] {
            let realm = guarded(&format!("script-{file}.js"), &json!({}), logic);
            let world = World::on(Server::builder().scripts(), &realm);
            let begin = Instant::now();
            for _ in 0..3 {
                assert!(!opens(&world), "{file} {logic}");
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "{file} {:?}", begin.elapsed());
            told(&world, words, 1);
        }
    }
}

#[test]
fn only_scripts_that_concern_the_question_are_run() {
    let policies = json!([
        { "name": "good", "type": "script-scripts/default-policy.js" },
        { "name": "bad", "type": "script-throws.js" },
        { "name": "p", "type": "resource", "config": { "resources": "[\"doc\"]", "applyPolicies": "[\"good\"]" } },
        { "name": "q", "type": "resource", "config": { "resources": "[\"other\"]", "applyPolicies": "[\"bad\"]" } },
    ]);
    let resources = json!([{ "name": "doc", "_id": "doc-0001" }, { "name": "other", "_id": "doc-0002" }]);
    let realm = Realm::new("test").settings(json!({ "resources": resources, "policies": policies }));
    let world = World::on(Server::builder().scripts(), &realm);
    assert!(opens(&world));
    told(&world, "on purpose", 0);
    let bob = world.token_by("reader", "bob");
    let all =
        world.uma(&bob, &[("audience", "documents"), ("response_mode", "permissions")]).expect(200).json();
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    told(&world, "on purpose", 1);
}

#[test]
fn many_resources_are_each_asked_about() {
    let resources: Vec<_> = (0..40)
        .map(|n| {
            let visibility = if n % 2 == 0 { "private" } else { "public" };
            json!({ "name": format!("doc {n:02}"), "_id": format!("doc-{n:04}"), "type": "document",
                    "attributes": { "visibility": [visibility] } })
        })
        .collect();
    let policies = json!([
        { "name": "visible", "type": "script-scripts/resource-visibility-attribute-policy.js" },
        { "name": "p", "type": "resource",
          "config": { "defaultResourceType": "document", "applyPolicies": "[\"visible\"]" } },
    ]);
    let realm = Realm::new("test").settings(json!({ "resources": resources, "policies": policies }));
    let world = World::on(Server::builder().scripts(), &realm);
    let bob = world.token_by("reader", "bob");
    let fields =
        [("audience", "documents"), ("response_mode", "permissions"), ("response_permissions_limit", "15")];
    let some = world.uma(&bob, &fields).expect(200).json();
    assert_eq!(some.as_array().unwrap().len(), 15);
    let all = world.uma(&bob, &fields[..2]).expect(200).json();
    let names: Vec<_> = all.as_array().unwrap().iter().map(|one| one["rsname"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 20, "{names:?}");
    assert!(names.iter().all(|name| name[4..].parse::<u32>().unwrap() % 2 == 1), "{names:?}");
}

#[test]
fn pol_1_an_owners_condition_is_a_deployed_script() {
    let world = World::on(Server::builder().scripts(), &Realm::new("test"));
    let id = world.document("doc");
    let alice = world.token("alice");
    let path = format!("uma-policy/{id}");
    let policy = |condition: &str| json!({ "name": "c", "scopes": ["read"], "users": ["bob"], "condition": condition });
    let answer = world
        .protection("POST", &path, &alice)
        .json(&policy("$evaluation.grant()"))
        .send()
        .expect(400)
        .json();
    assert_eq!(answer["error_description"], "Condition is not a deployed script policy");
    let kind = "script-scripts/default-policy.js";
    let made = world.protection("POST", &path, &alice).json(&policy(kind)).send().expect(200).json();
    assert_eq!(made["condition"], kind, "{made}");
    let bob = world.token_by("reader", "bob");
    let permission = format!("{id}#read");
    let asks = || {
        world.uma(
            &bob,
            &[("audience", "documents"), ("permission", &permission), ("response_mode", "decision")],
        )
    };
    _ = asks().expect(200);
    let path = format!("uma-policy/{}", made["id"].as_str().unwrap());
    let denies = policy("script-scripts/always-deny-policy.js");
    _ = world.protection("PUT", &path, &alice).json(&denies).send().expect(201);
    _ = asks().expect(403);
    let read = world.protection("GET", &path, &alice).send().expect(200).json();
    assert_eq!(read["condition"], "script-scripts/always-deny-policy.js");
}

#[test]
fn what_a_server_cannot_deploy_keeps_it_from_starting() {
    let refused = |content: &str, says: &[&str]| {
        let builder = Server::builder();
        let file = builder.folder().write("wrong.js", content);
        let folder = file.parent().unwrap().to_owned();
        builder.arg("--scripts").arg("--scripts-folder").arg(folder).refused().says(says);
    };
    refused("if (", &["wrong.js", "the script failed"]);
    refused(&" ".repeat(70_000), &["wrong.js", "longer than 65536 bytes"]);
    let end = Server::builder().arg("--scripts").arg("--scripts-folder").arg("/nowhere/at/all").refused();
    end.says(&["/nowhere/at/all"]);
    Server::builder().arg("--scripts-folder").arg("x").refused().says(&["scripts = true"]);
}
