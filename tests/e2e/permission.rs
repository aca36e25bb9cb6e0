//! Permission tickets for resource servers, and stored ones (wire §3, §4).

use countersign_tests::{
    forge::{self, claims},
    table::Table,
    world::World,
};
use serde_json::{Value, json};

/// wire §3; behaviours E-P8 to E-P11
#[test]
fn tickets_are_refused_as_listed() {
    let world = World::new();
    let (pat, alice) = (world.pat(), world.token("alice"));
    let hers = world.document("hers");
    let read = world.register(&pat, &json!({ "name": "read only", "resource_scopes": ["read"] }));
    let post = |token: &str, body: &Value| world.protection("POST", "permission", token).json(body).send();
    let mut table = Table::new();
    for body in [json!([]), json!(null)] {
        let text = "Invalid permission request.";
        table.row(&body.to_string(), post(&pat, &body), 400, "invalid_permission_request", text);
    }
    let empty = world.protection("POST", "permission", &pat).body("application/json", "").send();
    table.row("no body", empty, 400, "invalid_permission_request", "Invalid permission request.");
    for body in [json!([{}]), json!([{ "resource_scopes": [] }]), json!([{ "resource_id": "" }])] {
        let text = "Resource id or name not provided.";
        table.row(&body.to_string(), post(&pat, &body), 400, "invalid_resource_id", text);
    }
    let text = "Resource set with id [nope] does not exists in this server.";
    table.row("unknown", post(&pat, &json!([{ "resource_id": "nope" }])), 400, "invalid_resource_id", text);
    // A PAT names a user's resource only by its id.
    let text = "Resource set with id [hers] does not exists in this server.";
    table.row("by name", post(&pat, &json!([{ "resource_id": "hers" }])), 400, "invalid_resource_id", text);
    for scope in ["write", "nope"] {
        let body = json!([{ "resource_id": read, "resource_scopes": ["read", scope] }]);
        let text = format!("Scope [{scope}] is invalid");
        table.row(scope, post(&pat, &body), 400, "invalid_scope", &text);
    }
    let body = json!([{ "resource_scopes": ["nope"] }]);
    table.row("scope alone", post(&pat, &body), 400, "invalid_scope", "Scope [nope] is invalid");
    // UMA's single object is refused, as Keycloak refuses it.
    for (body, error) in [
        (json!({ "resource_id": hers, "resource_scopes": ["read"] }), "unknown_error"),
        (json!([{ "resource_id": 1 }]), "unknown_error"),
        (json!([{ "resource_id": hers, "resource_scopes": "read" }]), "unknown_error"),
        (json!("x"), "unknown_error"),
    ] {
        table.row(&body.to_string(), post(&pat, &body), 400, error, "Cannot parse the JSON");
    }
    let broken = world.protection("POST", "permission", &pat).body("application/json", "[{").send();
    table.row("broken", broken, 400, "invalid_request", "Cannot parse the JSON");
    let unknown = post(&pat, &json!([{ "resource_id": hers, "nope": 1 }]));
    table.holds("an unknown member", unknown, "PermissionRequest", |answer| {
        let text = "Invalid json representation for PermissionRequest. Unrecognized field \\\"nope\\\"";
        answer.status == 400 && answer.text().contains(text)
    });
    table.status("by name, by its owner", post(&alice, &json!([{ "resource_id": "hers" }])), 201);
    table.status("by name, the server's", post(&alice, &json!([{ "resource_id": "read only" }])), 201);
    table.status("scope alone", post(&pat, &json!([{ "resource_scopes": ["read"] }])), 201);
    table.status(
        "a server's id is ignored",
        post(&pat, &json!([{ "resource_id": hers, "resource_server_id": "x" }])),
        201,
    );
    table.done();
    assert!(world.rows(&pat).is_empty());
}

/// wire §3, design §5, D2
#[test]
fn a_ticket_is_a_signed_token_whose_key_nobody_is_told() {
    let world = World::new();
    let (pat, alice) = (world.pat(), world.token("alice"));
    let hers = world.document("hers");
    let body = json!([
        { "resource_id": hers, "resource_scopes": ["read"], "claims": { "organization": ["acme"], "one": "x" } },
        { "resource_id": hers, "resource_scopes": ["write"], "claims": { "one": ["y"] } },
    ]);
    let answer = world.protection("POST", "permission", &pat).json(&body).send().expect(201);
    assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
    let members = answer.json().as_object().unwrap().len();
    assert_eq!(members, 1);
    let ticket = answer.member("ticket");
    let header = forge::part(&ticket, 0);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("HS512"), &json!("JWT")));
    let said = claims(&ticket);
    assert_eq!((&said["aud"], &said["azp"]), (&json!(world.issuer()), &json!("documents")));
    assert_eq!(said["sub"], claims(&pat)["sub"]);
    assert_eq!(said["claims"], json!({ "organization": ["acme"], "one": ["y"] }));
    let want = json!([{ "scopes": ["read"], "rsid": hers }, { "scopes": ["write"], "rsid": hers }]);
    assert_eq!(said["permissions"], want);
    assert_eq!((said.get("iss"), said.get("typ")), (None, None));
    let (uuid, millis) = said["jti"].as_str().unwrap().rsplit_once('-').unwrap();
    assert_eq!((uuid.len(), millis.len()), (36, 13));
    let keys = world.request("GET", "protocol/openid-connect/certs").send().expect(200).json();
    let kids: Vec<_> = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    assert!(!kids.contains(&header["kid"]), "the key of tickets is published");
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["kty"] != "oct"));
    // Any person of the resource server may ask for one, without the role (§2.1).
    _ = world.ticket(&world.token("bob"), &hers, &["read"]);
    _ = world.ticket(&alice, &hers, &["read"]);
}

/// wire §4.1, in its order; behaviours E-P12 to E-P17
#[test]
fn stored_tickets_are_refused_as_listed() {
    let world = World::new();
    let (pat, alice, carol) = (world.pat(), world.token("alice"), world.token("carol"));
    let hers = world.document("hers");
    let closed =
        world.register(&pat, &json!({ "name": "closed", "owner": "alice", "resource_scopes": ["read"] }));
    let read =
        json!({ "name": "half", "owner": "alice", "ownerManagedAccess": true, "resource_scopes": ["read"] });
    let half = world.register(&pat, &read);
    _ = world.share(&hers, "read", "bob");
    let before = world.everything();
    let post =
        |token: &str, body: &Value| world.protection("POST", "permission/ticket", token).json(body).send();
    let mut table = Table::new();
    let empty = world.protection("POST", "permission/ticket", &pat).body("application/json", "").send();
    table.row("no body", empty, 400, "invalid_request", "invalid_permission");
    table.row("null", post(&pat, &json!(null)), 400, "invalid_request", "invalid_permission");
    let mut body = json!({ "id": "x" });
    let invalid = "invalid_permission";
    table.row("id", post(&pat, &body), 400, invalid, "created permissions should not have id");
    body = json!({});
    table.row("resource", post(&pat, &body), 400, invalid, "created permissions should have resource");
    body["resource"] = "nope".into();
    table.row("scope", post(&pat, &body), 400, invalid, "created permissions should have scope or scopeName");
    body["scopeName"] = "nope".into();
    let text = "created permissions should have requester or requesterName";
    table.row("requester", post(&pat, &body), 400, invalid, text);
    body["requesterName"] = "nobody".into();
    let text = "Resource set with id [nope] does not exists in this server.";
    table.row("unknown resource", post(&pat, &body), 400, "invalid_resource_id", text);
    body["resource"] = closed.clone().into();
    let text = format!(
        "permissions for [{closed}] can be only created by the owner or by the resource server itself"
    );
    table.row("not hers", post(&carol, &body), 403, "not_authorised", &text);
    let text = "permission can only be created for resources with user-managed access enabled";
    table.row("not owner-managed", post(&alice, &body), 400, invalid, text);
    body["resource"] = half.clone().into();
    let text = "Requester does not exists in this server as user.";
    table.row("unknown requester", post(&alice, &body), 400, invalid, text);
    body["requesterName"] = "bob".into();
    table.row("unknown scope", post(&alice, &body), 400, "invalid_scope", "Scope [nope] is invalid");
    body["scopeName"] = "write".into();
    let text = format!("Resource set with id [{half}] does not have Scope [write]");
    table.row("scope of others", post(&alice, &body), 400, "invalid_resource_id", &text);
    body = json!({ "resource": hers, "scopeName": "read", "requesterName": "bob" });
    table.row("twice", post(&alice, &body), 400, invalid, "Permission already exists");
    let unknown = post(&pat, &json!({ "nope": 1 }));
    table.holds("an unknown member", unknown, "400", |answer| {
        answer.status == 400 && answer.text().contains("Unrecognized field \\\"nope\\\"")
    });
    table.row("types", post(&pat, &json!({ "resource": 1 })), 400, "unknown_error", "Cannot parse the JSON");
    table.done();
    assert_eq!(world.everything(), before);

    // §4.1: 200, ids only; ids instead of names.
    let scope = before["documents"]["tickets"][0]["scope"].clone();
    let carol = world.id_of("carol");
    let made =
        post(&alice, &json!({ "resource": hers, "scope": scope, "requester": carol })).expect(200).json();
    let want = json!({
        "id": made["id"], "owner": world.id_of("alice"), "resource": hers, "scope": scope, "granted": false,
        "requester": carol,
    });
    assert_eq!(made, want);
}

/// wire §4.2, §4.3; behaviours E-P18 to E-P20
#[test]
fn stored_tickets_are_decided_by_the_owner_and_left_by_the_requester() {
    let world = World::new();
    let (pat, alice, bob, carol) =
        (world.pat(), world.token("alice"), world.token("bob"), world.token("carol"));
    let hers = world.document("hers");
    let [read, write] = ["read", "write"].map(|scope| world.share(&hers, scope, "bob"));
    let carols = world.share(&hers, "read", "carol");
    let before = world.everything();
    let put =
        |token: &str, body: &Value| world.protection("PUT", "permission/ticket", token).json(body).send();
    let mut table = Table::new();
    for body in [json!({}), json!({ "id": "nope", "granted": true }), json!({ "granted": true }), json!(null)]
    {
        table.row(&body.to_string(), put(&pat, &body), 400, "invalid_request", "invalid_ticket");
    }
    for (resource, shown) in [(json!(null), "null".to_owned()), (json!(hers), hers.clone())] {
        let body = json!({ "id": read, "granted": true, "resource": resource });
        let text =
            format!("permissions for [{shown}] can be updated only by the owner or by the resource server");
        table.row("not hers", put(&carol, &body), 403, "not_authorised", &text);
    }
    // The requester may leave, not decide.
    let answer = put(&carol, &json!({ "id": carols, "granted": false }));
    table.holds("the requester decides", answer, "403 not_authorised", |answer| {
        answer.status == 403 && answer.json()["error"] == "not_authorised"
    });
    table.row("unknown", world.withdraw(&pat, &json!("nope")), 400, "invalid_request", "invalid_ticket");
    let answer = world.withdraw(&carol, &read);
    table.holds("a stranger", answer, "403 not_authorised", |answer| {
        let body = answer.json();
        let text = body["error_description"].as_str().unwrap_or_default().to_owned();
        answer.status == 403
            && body["error"] == "not_authorised"
            && text.starts_with("permissions for [")
            && text.ends_with("] can be deleted only by the owner, the requester, or the resource server")
    });
    let text = "Requires uma_protection scope.";
    table.row("the requester without the role", world.withdraw(&bob, &read), 403, "invalid_scope", text);
    table.done();
    assert_eq!(world.everything(), before);

    // Approving twice is no error; `granted` false or absent takes away; other members are ignored.
    _ = world.approve(&alice, &read).expect(204);
    assert_eq!(world.everything(), before);
    _ = world.withdraw(&carol, &carols).expect(204);
    assert!(put(&alice, &json!({ "id": read, "scopeName": "write" })).expect(204).body.is_empty());
    _ = put(&pat, &json!({ "id": write, "granted": false })).expect(204);
    assert!(world.rows(&pat).is_empty());
}

/// wire §4.4, N9
#[test]
fn n_9_stored_tickets_are_listed_to_those_whom_they_concern() {
    let world = World::new();
    let (pat, alice, carol) = (world.pat(), world.token("alice"), world.token("carol"));
    let (hers, other) = (world.document("hers"), world.document("other"));
    let bobs = world.share(&hers, "read", "bob");
    let carols = world.share(&other, "write", "carol");
    let body = json!({ "resource": hers, "scopeName": "write", "requesterName": "bob" });
    let pending = world.protection("POST", "permission/ticket", &pat).json(&body).send().expect(200).json();
    let ids = |token: &str, query: &str| {
        let answer = world.protection("GET", &format!("permission/ticket?{query}"), token).send().expect(200);
        let mut ids: Vec<_> = answer.json().as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
        let count = world.protection("GET", &format!("permission/ticket/count?{query}"), token).send();
        if !query.contains("max") && !query.contains("first") {
            assert_eq!(count.expect(200).json(), json!(ids.len()), "{query}");
        }
        ids.sort_by_key(ToString::to_string);
        ids
    };
    let sorted = |ids: &[&Value]| {
        let mut ids: Vec<Value> = ids.iter().map(|id| (*id).clone()).collect();
        ids.sort_by_key(ToString::to_string);
        ids
    };
    let waiting = &pending["id"];
    let all = sorted(&[&bobs, &carols, waiting]);
    let bob = world.id_of("bob");
    let scope = pending["scope"].as_str().unwrap();
    for (query, want) in [
        ("", all.clone()),
        ("granted=true", sorted(&[&bobs, &carols])),
        ("granted=false", sorted(&[waiting])),
        (&format!("resourceId={hers}"), sorted(&[&bobs, waiting])),
        ("resourceId=hers", vec![]),
        ("scopeId=write", sorted(&[&carols, waiting])),
        (&format!("scopeId={scope}"), sorted(&[&carols, waiting])),
        ("scopeId=nope", vec![]),
        ("requester=carol", sorted(&[&carols])),
        (&format!("requester={bob}"), sorted(&[&bobs, waiting])),
        ("requester=nobody", vec![]),
        ("owner=alice", all.clone()),
        ("owner=bob", vec![]),
        ("max=0", vec![]),
    ] {
        assert_eq!(ids(&pat, query), want, "{query}");
    }
    assert_eq!(ids(&pat, "max=2").len(), 2);
    assert_eq!(ids(&pat, "first=2").len(), 1);
    assert_eq!(ids(&alice, ""), all);
    assert_eq!(ids(&carol, ""), sorted(&[&carols]));
    assert_eq!(ids(&carol, "requester=bob"), Vec::<Value>::new());
    assert_eq!(ids(&world.pat_of("archive"), ""), Vec::<Value>::new());
    let row = world.row(&pat, &other, "write", "carol");
    let want = json!({
        "id": carols, "owner": world.id_of("alice"), "resource": other, "scope": row["scope"], "granted": true,
        "requester": world.id_of("carol"), "scopeName": "write", "resourceName": "other",
        "requesterName": "carol", "ownerName": "alice",
    });
    assert_eq!(row, want);
    let mut table = Table::new();
    for (query, text) in [("max=x", "Invalid max"), ("first=x", "Invalid first")] {
        let answer = world.protection("GET", &format!("permission/ticket?{query}"), &pat).send();
        table.row(&format!("N9: {query}"), answer, 400, "invalid_request", text);
    }
    table.done();
}
