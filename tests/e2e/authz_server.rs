//! `authz/resource-server` of the admin API: settings, export, import, and who may (`admin-surface` §10).

use countersign_tests::{
    authz::{ARCHIVE, Authz, BACKEND, DOCUMENTS, generic, names, realm},
    realm::user,
    table::Table,
};
use serde_json::{Value, json};

#[test]
fn settings_are_read_and_changed_member_by_member() {
    let authz = Authz::new();
    let want = json!({
        "id": DOCUMENTS, "clientId": DOCUMENTS, "name": "documents", "allowRemoteResourceManagement": true,
        "policyEnforcementMode": "ENFORCING", "decisionStrategy": "UNANIMOUS",
        "resources": [], "policies": [], "scopes": [],
    });
    assert_eq!(authz.get(""), want);
    let answer = authz.put("", &json!({ "policyEnforcementMode": "PERMISSIVE" })).expect(204);
    assert_eq!(answer.text(), "");
    let mut changed = authz.get("");
    assert_eq!(changed["policyEnforcementMode"], "PERMISSIVE");
    assert_eq!(changed["allowRemoteResourceManagement"], true);
    // What was read can be written, whole.
    changed["decisionStrategy"] = "AFFIRMATIVE".into();
    changed["allowRemoteResourceManagement"] = false.into();
    _ = authz.put("", &changed).expect(204);
    assert_eq!(authz.get(""), changed);
    let pat = authz.world.pat();
    let refused = authz.world.protection("GET", "resource_set", &pat).send();
    refused.refused(400, "not_supported", "Remote management is disabled.");
    let mut table = Table::new();
    for (body, text) in [
        (json!({ "policyEnforcementMode": "MAYBE" }), "Invalid policyEnforcementMode"),
        (json!({ "decisionStrategy": 1 }), "Invalid decisionStrategy"),
        (json!({ "allowRemoteResourceManagement": "x" }), "Invalid allowRemoteResourceManagement"),
    ] {
        table.row(text, authz.put("", &body), 400, "invalid_request", text);
    }
    let unknown = "Invalid json representation for ResourceServerRepresentation. \
                   Unrecognized field \"mode\" at line 1 column 7.";
    table.bare("unknown member", authz.put("", &json!({ "mode": "ENFORCING" })), 400, unknown);
    table.done();
    assert_eq!(authz.get(""), changed);
}

#[test]
fn adm_3_without_authorization_nothing_is_there() {
    let authz = Authz::new();
    let mut table = Table::new();
    for path in ["", "settings", "resource", "scope", "policy", "permission/resource/x"] {
        let answer = authz.at(BACKEND, "GET", path).send();
        table.bare(path, answer, 404, "HTTP 404 Not Found");
    }
    table.bare("no such client", authz.at("nothing", "GET", "").send(), 404, "Could not find client");
    table.done();
}

#[test]
fn who_may_see_and_who_may_change() {
    let realm = realm()
        .user("viewer", json!({ "clientRoles": { "realm-management": ["view-authorization"] } }))
        .user("keeper", json!({ "clientRoles": { "realm-management": ["manage-authorization"] } }))
        .user("other", json!({ "clientRoles": { "realm-management": ["view-clients"] } }));
    _ = user("viewer");
    let authz = Authz::of(&realm);
    let path = format!("clients/{DOCUMENTS}/authz/resource-server/scope");
    let scope = json!({ "name": "new" });
    let get = |token: &str| authz.bare("GET", &path).bearer(token).send();
    let post = |token: &str| authz.bare("POST", &path).bearer(token).json(&scope).send();
    let token = |user: &str| authz.world.token_by("reader", user);
    let mut table = Table::new();
    table.bare("no token", authz.bare("GET", &path).send(), 401, "HTTP 401 Unauthorized");
    table.bare("a bad token", get("nothing"), 401, "HTTP 401 Unauthorized");
    table.bare("another role", get(&token("other")), 403, "HTTP 403 Forbidden");
    table.status("view", get(&token("viewer")), 200);
    table.bare("view is not manage", post(&token("viewer")), 403, "HTTP 403 Forbidden");
    table.status("manage", get(&token("keeper")), 200);
    table.status("manage", post(&token("keeper")), 201);
    // Every change asks for the role before anything else.
    let viewer = token("viewer");
    for (method, path) in [
        ("PUT", ""),
        ("POST", "/import"),
        ("POST", "/resource"),
        ("PUT", "/resource/x"),
        ("DELETE", "/resource/x"),
        ("PUT", "/scope/x"),
        ("DELETE", "/scope/x"),
        ("POST", "/policy"),
        ("PUT", "/policy/x"),
        ("DELETE", "/policy/x"),
        ("POST", "/policy/user"),
        ("PUT", "/policy/user/x"),
        ("DELETE", "/policy/user/x"),
        ("POST", "/permission/scope"),
        ("DELETE", "/permission/scope/x"),
    ] {
        let path = format!("clients/{DOCUMENTS}/authz/resource-server{path}");
        let answer = authz.bare(method, &path).bearer(&viewer).json(&json!({ "name": "x" })).send();
        table.bare(&format!("{method} {path}"), answer, 403, "HTTP 403 Forbidden");
    }
    table.done();
}

/// Policies of every type, a typed resource, a shared one, and permissions on them
fn filled() -> Authz {
    let authz = Authz::new();
    _ = authz.make("scope", &json!({ "name": "view", "displayName": "View", "iconUri": "http://x/i" }));
    _ = authz.make(
        "resource",
        &json!({ "name": "Album", "type": "urn:x:album", "uris": ["/album/*"], "displayName": "Albums",
                 "icon_uri": "http://x/a", "attributes": { "k": ["v"] }, "scopes": ["view", "delete"] }),
    );
    _ = authz.make(
        "resource",
        &json!({ "name": "hers", "owner": "alice", "ownerManagedAccess": true, "scopes": ["view"] }),
    );
    let policies = [
        ("user", json!({ "name": "users", "users": ["alice", "bob"] })),
        (
            "role",
            json!({ "name": "roles", "fetchRoles": true,
            "roles": [{ "id": "Role A", "required": true }, { "id": "documents/editor" }] }),
        ),
        (
            "group",
            json!({ "name": "groups", "groupsClaim": "g",
            "groups": [{ "path": "/staff", "extendChildren": true }] }),
        ),
        ("client", json!({ "name": "clients", "clients": ["reader"] })),
        (
            "client-scope",
            json!({ "name": "client scopes",
            "clientScopes": [{ "id": "profile", "required": true }] }),
        ),
        ("time", json!({ "name": "time", "notBefore": "2026-01-01 00:00:00", "hour": "8", "hourEnd": "17" })),
        ("regex", json!({ "name": "regex", "targetClaim": "email", "pattern": "^.+@x$" })),
        (
            "aggregate",
            json!({ "name": "all", "policies": ["users", "time"], "logic": "NEGATIVE",
            "decisionStrategy": "AFFIRMATIVE", "description": "both" }),
        ),
    ];
    for (kind, body) in policies {
        _ = authz.make(&format!("policy/{kind}"), &body);
    }
    _ = authz.make(
        "permission/resource",
        &json!({ "name": "albums", "resourceType": "urn:x:album", "policies": ["all", "roles"] }),
    );
    _ = authz.make(
        "permission/scope",
        &json!({ "name": "viewing", "scopes": ["view"], "resources": ["Album"], "policies": ["groups"] }),
    );
    authz
}

#[test]
fn adm_6_an_export_has_names_and_no_ids() {
    let authz = filled();
    let export = authz.get("settings");
    let text = export.to_string();
    for id in [DOCUMENTS, &authz.world.id_of("alice"), "40000000-0000", "60000000-0000", "\"_id\"", "\"id\":"]
    {
        assert!(!text.contains(id), "{id} in {export:#}");
    }
    assert_eq!(names(&export["scopes"]), ["delete", "read", "view", "write"]);
    assert_eq!(
        export["resources"],
        json!([
            { "name": "Album", "type": "urn:x:album", "ownerManagedAccess": false, "displayName": "Albums",
              "attributes": { "k": ["v"] }, "uris": ["/album/*"], "icon_uri": "http://x/a",
              "scopes": [{ "name": "delete" }, { "name": "view" }] },
            { "name": "hers", "owner": { "name": "alice" }, "ownerManagedAccess": true, "attributes": {},
              "uris": [], "scopes": [{ "name": "view" }] },
        ])
    );
    let policy = |name: &str| {
        export["policies"].as_array().unwrap().iter().find(|policy| policy["name"] == name).unwrap().clone()
    };
    let head = |name: &str, kind: &str, config: Value| json!({ "name": name, "type": kind, "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "config": config });
    assert_eq!(policy("users"), head("users", "user", json!({ "users": "[\"alice\",\"bob\"]" })));
    assert_eq!(policy("clients"), head("clients", "client", json!({ "clients": "[\"reader\"]" })));
    let config = json!({ "roles":
        "[{\"id\":\"Role A\",\"required\":true},{\"id\":\"documents/editor\",\"required\":false}]",
        "fetchRoles": "true" });
    assert_eq!(policy("roles"), head("roles", "role", config));
    let config = json!({ "groups": "[{\"extendChildren\":true,\"path\":\"/staff\"}]", "groupsClaim": "g" });
    assert_eq!(policy("groups"), head("groups", "group", config));
    let config = json!({ "clientScopes": "[{\"id\":\"profile\",\"required\":true}]" });
    assert_eq!(policy("client scopes"), head("client scopes", "client-scope", config));
    let config = json!({ "nbf": "2026-01-01 00:00:00", "hour": "8", "hourEnd": "17" });
    assert_eq!(policy("time"), head("time", "time", config));
    assert_eq!(
        policy("all"),
        json!({ "name": "all", "type": "aggregate", "logic": "NEGATIVE", "decisionStrategy": "AFFIRMATIVE",
                "description": "both", "config": { "applyPolicies": "[\"time\",\"users\"]" } })
    );
    let config = json!({ "defaultResourceType": "urn:x:album", "applyPolicies": "[\"all\",\"roles\"]" });
    assert_eq!(policy("albums"), head("albums", "resource", config));
    let config =
        json!({ "resources": "[\"Album\"]", "scopes": "[\"view\"]", "applyPolicies": "[\"groups\"]" });
    assert_eq!(policy("viewing"), head("viewing", "scope", config));
}

#[test]
fn adm_5_settings_go_into_another_client_and_may_come_again() {
    let authz = filled();
    let export = authz.get("settings");
    for time in ["first", "again"] {
        let answer = authz.at(ARCHIVE, "POST", "import").json(&export).send().expect(204);
        assert_eq!(answer.text(), "", "{time}");
        assert_eq!(authz.at(ARCHIVE, "GET", "settings").send().expect(200).json(), export, "{time}");
    }
    // In any order, and over what is there: a policy of the same name is changed.
    let mut other = export.clone();
    other["policies"].as_array_mut().unwrap().reverse();
    other["decisionStrategy"] = "AFFIRMATIVE".into();
    for policy in other["policies"].as_array_mut().unwrap() {
        if policy["name"] == "users" {
            policy["config"]["users"] = "[\"carol\"]".into();
        }
    }
    _ = authz.at(ARCHIVE, "POST", "import").json(&other).send().expect(204);
    other["policies"].as_array_mut().unwrap().reverse();
    assert_eq!(authz.at(ARCHIVE, "GET", "settings").send().expect(200).json(), other);
    // The one that it came from is as it was.
    assert_eq!(authz.get("settings"), export);
}

#[test]
fn an_import_that_contradicts_itself_changes_nothing() {
    let authz = filled();
    let before = authz.get("settings");
    let with = |policy: Value| json!({ "scopes": [{ "name": "fresh" }], "policies": [policy] });
    let mut table = Table::new();
    for (name, body, text) in [
        (
            "policy",
            with(generic("p", "aggregate", json!({ "applyPolicies": "[\"nothing\"]" }))),
            "policy `p`: Policy with name [nothing] not defined.",
        ),
        (
            "resource",
            with(generic("p", "resource", json!({ "resources": "[\"nothing\"]" }))),
            "policy `p`: Resource [nothing] does not exist",
        ),
        (
            "user",
            with(generic("p", "user", json!({ "users": "[\"nobody\"]" }))),
            "policy `p`: User [nobody] does not exist",
        ),
        (
            "role",
            with(generic("p", "role", json!({ "roles": "[{\"id\":\"nothing\"}]" }))),
            "policy `p`: Role [nothing] does not exist",
        ),
        (
            "cycle",
            with(generic("p", "aggregate", json!({ "applyPolicies": "[\"p\"]" }))),
            "policy `p`: Cyclic policy [p]",
        ),
        ("type", with(generic("users", "role", json!({}))), "policy `users`: its type cannot be changed"),
        ("list", with(generic("p", "user", json!({ "users": "alice" }))), "policy `p`: Invalid config.users"),
        (
            "owner",
            json!({ "resources": [{ "name": "r", "owner": { "name": "nobody" } }] }),
            "resource `r`: owner `nobody` does not exist",
        ),
        ("mode", json!({ "policyEnforcementMode": "MAYBE" }), "Invalid policyEnforcementMode"),
        (
            "twice",
            json!({ "scopes": [{ "name": "s" }, { "name": "s" }] }),
            "scope `s`: its name or id is in use already",
        ),
    ] {
        let answer = authz.request("POST", "import").json(&body).send();
        table.row(name, answer, 400, "invalid_request", text);
    }
    table.done();
    assert_eq!(authz.get("settings"), before);
}

#[test]
fn adm_8_a_policy_on_a_built_in_role_is_exported_twice() {
    let authz = Authz::new();
    let body = json!({ "name": "profile", "roles": [{ "id": "account/view-profile" }] });
    let made = authz.post("policy/role", &body);
    let first = authz.get("settings");
    assert_eq!(authz.get("settings"), first);
    assert_eq!(
        first["policies"][0]["config"]["roles"],
        "[{\"id\":\"account/view-profile\",\"required\":false}]"
    );
    assert_ne!(made["roles"][0]["id"], "account/view-profile");
}
