//! Alice shares document 42 with Bob (design §3; wire §2, §3, §4, §6, §7).

use countersign_tests::{
    forge::{claims, part},
    http::Answer,
    realm::{Realm, secret},
    world::{World, document},
};
use serde_json::{Value, json};

/// Alice's document, a pending request of bob's for `read`, her approval and bob's RPT
struct Shared {
    world: World,
    document: String,
    row: Value,
    answer: Answer,
}

fn shared(world: World, scopes: &[&str]) -> Shared {
    let document = world.document("document 42");
    let (alice, bob) = (world.token("alice"), world.token_by("reader", "bob"));
    let ticket = world.ticket(&world.pat(), &document, scopes);
    world.exchange(&bob, &ticket).refused(403, "access_denied", "request_submitted");
    for scope in scopes {
        let row = world.row(&alice, &document, scope, "bob");
        _ = world.approve(&alice, &row["id"]).expect(204);
    }
    let row = world.row(&alice, &document, scopes[0], "bob");
    let answer = world.exchange(&bob, &ticket).expect(200);
    Shared { world, document, row, answer }
}

#[test]
fn n_29_a_document_is_asked_for_approved_opened_and_taken_back() {
    let world = World::new();
    let (pat, alice, bob) = (world.pat(), world.token("alice"), world.token_by("reader", "bob"));

    // §2.3, design D1: the PAT names the owner.
    let answer =
        world.protection("POST", "resource_set", &pat).json(&document("document 42", "alice")).send();
    let registered = answer.expect(201).json();
    assert_eq!(registered["owner"], json!({ "id": world.id_of("alice"), "name": "alice" }));
    let id = registered["_id"].as_str().unwrap();

    // §3, §6.7: the ticket is denied, and becomes one request.
    let ticket = world.ticket(&pat, id, &["read"]);
    let begin = claims(&ticket);
    assert_eq!(begin["exp"].as_u64().unwrap() - begin["iat"].as_u64().unwrap(), 300, "design D2");
    world.exchange(&bob, &ticket).refused(403, "access_denied", "request_submitted");
    let rows = world.rows(&alice);
    let [pending] = &rows[..] else { panic!("not one request: {rows:?}") };
    assert_eq!(pending["granted"], false);
    assert_eq!(
        [&pending["resource"], &pending["scopeName"], &pending["requesterName"], &pending["ownerName"]],
        [id, "read", "bob", "alice"]
    );

    // Polling changes nothing (design §5).
    world.exchange(&bob, &ticket).refused(403, "access_denied", "request_submitted");
    assert_eq!(world.rows(&alice), rows);

    // §4.2
    _ = world.approve(&alice, &pending["id"]).expect(204);
    assert_eq!(world.row(&alice, id, "read", "bob")["granted"], true);

    // §6.9, §6.10: the same ticket now works.
    let answer = world.exchange(&bob, &ticket).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    let rpt = answer.member("access_token");
    let want = json!([{ "rsid": id, "rsname": "document 42", "scopes": ["read"] }]);
    assert_eq!(claims(&rpt)["authorization"]["permissions"], want);

    // Write was not shared (partial success stores the request, §6.7).
    world.knock(&bob, id, &["write"]).refused(403, "access_denied", "request_submitted");
    assert_eq!(world.row(&alice, id, "write", "bob")["granted"], false);
    let answer = world.knock(&bob, id, &["read", "write"]).expect(200);
    assert_eq!(claims(&answer.member("access_token"))["authorization"]["permissions"], want);

    // §7.1, design D3
    let seen = world.introspect(&rpt);
    assert_eq!(seen["active"], true);
    let both = json!([{
        "rsid": id, "resource_id": id, "rsname": "document 42", "scopes": ["read"], "resource_scopes": ["read"],
    }]);
    assert_eq!(seen["permissions"], both);

    // Withdrawn: nothing is left, at once (N29).
    _ = world.withdraw(&alice, &pending["id"]).expect(204);
    let seen = world.introspect(&rpt);
    assert_eq!((&seen["active"], &seen["permissions"]), (&json!(true), &json!([])));
    world.knock(&bob, id, &["read"]).refused(403, "access_denied", "request_submitted");
    assert_eq!(world.row(&alice, id, "read", "bob")["granted"], false);
}

/// wire §6.9, §6.10, §6.12, design D10
#[test]
fn an_rpt_says_exactly_what_keycloaks_says_and_two_things_more() {
    let Shared { world, document, answer, .. } = shared(World::new(), &["read"]);
    let body = answer.json();
    let mut members: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    members.sort();
    let want = [
        "access_token",
        "expires_in",
        "not-before-policy",
        "refresh_expires_in",
        "refresh_token",
        "token_type",
        "upgraded",
    ];
    assert_eq!(members, want);
    assert_eq!((&body["upgraded"], &body["token_type"]), (&json!(false), &json!("Bearer")));
    assert_eq!((&body["expires_in"], &body["not-before-policy"]), (&json!(300), &json!(0)));
    assert_eq!(body["refresh_expires_in"], 1800);

    let rpt = answer.member("access_token");
    let header = part(&rpt, 0);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    let said = claims(&rpt);
    assert_eq!(said["iss"], world.issuer());
    assert_eq!(said["aud"], "documents");
    assert_eq!(said["sub"], world.id_of("bob"));
    assert_eq!(said["typ"], "Bearer");
    assert_eq!(said["azp"], "reader");
    assert_eq!(said["preferred_username"], "bob");
    assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 300);
    let jti = said["jti"].as_str().unwrap();
    assert!(jti.starts_with("onrtna:") || jti.starts_with("ntrtna:"), "{jti}");
    assert_eq!(said["sid"].as_str().unwrap().len(), 24);
    assert_eq!(
        said["authorization"],
        json!({ "permissions": [{ "rsid": document, "rsname": "document 42", "scopes": ["read"] }] })
    );

    let refresh = answer.member("refresh_token");
    assert_eq!(part(&refresh, 0)["alg"], "HS512");
    assert_eq!(claims(&refresh)["typ"], "Refresh");
    assert_eq!(claims(&refresh)["authorization"], said["authorization"]);
}

/// design D10: only what the resource server owns is marked
#[test]
fn rsowned_marks_resources_of_the_resource_server_and_no_others() {
    let only_bob = json!([
        { "name": "bob", "type": "user", "config": { "users": "[\"bob\"]" } },
        { "name": "board permission", "type": "resource",
          "config": { "resources": "[\"board\"]", "applyPolicies": "[\"bob\"]" } },
    ]);
    let board = json!([{ "name": "board", "_id": "board-0001", "scopes": [{ "name": "read" }] }]);
    let realm = Realm::new("test").settings(json!({ "resources": board, "policies": only_bob }));
    let world = World::of(&realm);
    let bob = world.token_by("reader", "bob");
    let answer = world.ask(&bob, &["board-0001#read"]).expect(200);
    let permissions = &claims(&answer.member("access_token"))["authorization"]["permissions"];
    let want = json!([{ "rsid": "board-0001", "rsname": "board", "scopes": ["read"], "rsowned": true }]);
    assert_eq!(*permissions, want);

    // `permissions` mode is Keycloak's, without the mark.
    let answer = world.uma(
        &bob,
        &[("audience", "documents"), ("permission", "board-0001"), ("response_mode", "permissions")],
    );
    let want = json!([{ "rsid": "board-0001", "rsname": "board", "scopes": ["read"] }]);
    assert_eq!(answer.expect(200).json(), want);
}

/// wire §6.9; design §5: these modes demand an unspent ticket and do not spend it
#[test]
fn decision_and_permissions_answer_without_a_token_and_leave_the_ticket_alone() {
    let Shared { world, document, .. } = shared(World::new(), &["read"]);
    let bob = world.token_by("reader", "bob");
    let ticket = world.ticket(&world.pat(), &document, &["read"]);
    for _ in 0..2 {
        let answer = world.uma(&bob, &[("ticket", &ticket), ("response_mode", "decision")]);
        assert_eq!(answer.expect(200).json(), json!({ "result": true }));
        let answer = world.uma(&bob, &[("ticket", &ticket), ("response_mode", "permissions")]);
        let want = json!([{ "rsid": document, "rsname": "document 42", "scopes": ["read"] }]);
        assert_eq!(answer.expect(200).json(), want);
    }
    let nameless = [
        ("ticket", ticket.as_str()),
        ("response_mode", "permissions"),
        ("response_include_resource_name", "false"),
    ];
    let want = json!([{ "rsid": document, "scopes": ["read"] }]);
    assert_eq!(world.uma(&bob, &nameless).expect(200).json(), want);

    // What they deny is stored as a request all the same; a denial stays 403.
    let write = world.ticket(&world.pat(), &document, &["write"]);
    world.uma(&bob, &[("ticket", &write), ("response_mode", "decision")]).refused(
        403,
        "access_denied",
        "request_submitted",
    );
    assert_eq!(world.row(&world.token("alice"), &document, "write", "bob")["granted"], false);

    _ = world.exchange(&bob, &ticket).expect(200);
    for mode in ["decision", "permissions"] {
        world.uma(&bob, &[("ticket", &ticket), ("response_mode", mode)]).refused(
            403,
            "invalid_ticket",
            "Invalid permission ticket.",
        );
    }
}

/// wire §6.7
#[test]
fn submit_request_false_stores_nothing() {
    let world = World::new();
    let document = world.document("document 42");
    let bob = world.token_by("reader", "bob");
    let ticket = world.ticket(&world.pat(), &document, &["read"]);
    for submit in ["false", "no", "0"] {
        world.uma(&bob, &[("ticket", &ticket), ("submit_request", submit)]).refused(
            403,
            "access_denied",
            "not_authorized",
        );
    }
    // Without a ticket nothing is submitted, whatever is said.
    let fields = [("audience", "documents"), ("permission", document.as_str()), ("submit_request", "true")];
    world.uma(&bob, &fields).refused(403, "access_denied", "not_authorized");
    assert!(world.rows(&world.pat()).is_empty());
}

/// wire §6.7: a resource without scopes is one row without a scope; an entry without scopes asks for all
#[test]
fn requests_are_stored_one_row_a_scope() {
    let world = World::new();
    let (pat, bob) = (world.pat(), world.token_by("reader", "bob"));
    let both = world.document("both");
    world.knock(&bob, &both, &[]).refused(403, "access_denied", "request_submitted");
    let mut scopes: Vec<_> = world.rows(&pat).into_iter().map(|row| row["scopeName"].clone()).collect();
    scopes.sort_by_key(ToString::to_string);
    assert_eq!(scopes, ["read", "write"]);

    let bare = json!({ "name": "bare", "owner": "alice", "ownerManagedAccess": true });
    let bare = world.register(&pat, &bare);
    world.knock(&bob, &bare, &[]).refused(403, "access_denied", "request_submitted");
    let rows: Vec<_> = world.rows(&pat).into_iter().filter(|row| row["resource"] == bare.as_str()).collect();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.get("scope"), None);
    _ = world.approve(&world.token("alice"), &row["id"]).expect(204);
    let answer = world.knock(&bob, &bare, &[]).expect(200);
    let want = json!([{ "rsid": bare, "rsname": "bare" }]);
    assert_eq!(claims(&answer.member("access_token"))["authorization"]["permissions"], want);
}

/// wire §6.7: what cannot be asked for is submitted all the same, and stores nothing
#[test]
fn requests_that_nobody_could_approve_are_not_stored() {
    let world = World::new();
    let (pat, alice, bob) = (world.pat(), world.token("alice"), world.token_by("reader", "bob"));
    let closed = json!({ "name": "closed", "owner": "alice", "resource_scopes": ["read"] });
    let closed = world.register(&pat, &closed);
    let own = json!({ "name": "own", "ownerManagedAccess": true, "resource_scopes": ["read"] });
    let own = world.register(&pat, &own);
    let hers = world.document("hers");
    for (token, resource) in [(&bob, &closed), (&bob, &own), (&alice, &hers)] {
        world.knock(token, resource, &["read"]).refused(403, "access_denied", "request_submitted");
    }
    assert!(world.rows(&pat).is_empty());
}

/// wire §7.1, design D3, D4
#[test]
fn n_32_introspection_shows_permissions_with_and_without_the_hint() {
    let Shared { world, document, answer, .. } = shared(World::new(), &["read"]);
    let rpt = answer.member("access_token");
    let brief = world.introspect(&rpt);
    let mut members: Vec<_> = brief.as_object().unwrap().keys().map(String::as_str).collect();
    members.retain(|member| *member != "acr");
    members.sort_unstable();
    assert_eq!(members, ["active", "aud", "exp", "iat", "jti", "permissions", "typ"]);

    let by = |client: &str, token: &str, hint: Option<&str>| {
        let mut form = vec![("token", token)];
        form.extend(hint.map(|hint| ("token_type_hint", hint)));
        let answer = world.post_introspect().basic(client, &secret(client)).form(&form).send().expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        answer.json()
    };
    let permissions = json!([{ "rsid": document, "rsname": "document 42", "scopes": ["read"] }]);
    for hint in [None, Some("access_token")] {
        let full = by("documents", &rpt, hint);
        assert_eq!(full["active"], true);
        assert_eq!(full["authorization"], json!({ "permissions": permissions }));
        assert_eq!(full["permissions"], brief["permissions"]);
        assert_eq!(full["sub"], world.id_of("bob"));
        assert_eq!(
            [&full["username"], &full["client_id"], &full["token_type"], &full["azp"]],
            ["bob", "reader", "Bearer", "reader"]
        );
    }

    // N32: its own PAT, and tokens issued to it.
    assert_eq!(by("documents", &world.pat(), None)["active"], true);
    assert_eq!(by("documents", &world.token("bob"), None)["active"], true);
    // Neither named nor the holder.
    let dead = json!({ "active": false });
    for (client, token) in [
        ("archive", rpt.as_str()),
        ("archive", &world.pat()),
        ("backend", &rpt),
        ("documents", &answer.member("refresh_token")),
        ("documents", "garbage"),
        ("documents", "a.b.c"),
    ] {
        assert_eq!(by(client, token, None), dead, "{client}");
        assert_eq!(by(client, token, Some("requesting_party_token")), dead, "{client}");
    }
}

/// design D5, N30, N31
#[test]
fn n_30_and_31_a_refresh_keeps_what_is_left_and_nothing_else() {
    let Shared { world, document, row, answer } = shared(World::new(), &["read", "write"]);
    let alice = world.token("alice");
    let first = world.refresh("reader", &answer.member("refresh_token")).expect(200);
    let permissions = |answer: &Answer| {
        let rpt = claims(&answer.member("access_token"));
        assert_eq!(rpt["aud"], "documents", "N31");
        rpt["authorization"]["permissions"].clone()
    };
    let named = |scopes: &[&str]| json!([{ "rsid": document, "rsname": "document 42", "scopes": scopes }]);
    assert_eq!(permissions(&first), named(&["read", "write"]));

    // Read goes, write stays: also for the refresh token from before.
    _ = world.withdraw(&alice, &row["id"]).expect(204);
    for token in [answer.member("refresh_token"), first.member("refresh_token")] {
        assert_eq!(permissions(&world.refresh("reader", &token).expect(200)), named(&["write"]));
    }
    // What was withdrawn does not come back by itself once it is shared again (Grant §3.6).
    let again = world.share(&document, "read", "bob");
    assert_eq!(
        permissions(&world.refresh("reader", &answer.member("refresh_token")).expect(200)),
        named(&["write"])
    );
    _ = world.withdraw(&alice, &again).expect(204);
    let write = world.row(&alice, &document, "write", "bob");
    _ = world.withdraw(&alice, &write["id"]).expect(204);
    let answer = world.refresh("reader", &answer.member("refresh_token"));
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_grant")), "{answer}");
}

/// design D2, N28
#[test]
fn n_28_a_ticket_is_redeemed_once_and_by_nobody_else_after_that() {
    let Shared { world, document, .. } = shared(World::new(), &["read"]);
    _ = world.share(&document, "read", "carol");
    let ticket = world.ticket(&world.pat(), &document, &["read"]);
    _ = world.exchange(&world.token_by("reader", "bob"), &ticket).expect(200);
    for user in ["bob", "carol"] {
        world.exchange(&world.token_by("reader", user), &ticket).refused(
            403,
            "invalid_ticket",
            "Invalid permission ticket.",
        );
    }
}

/// design §9: `ticket_use`
#[test]
fn a_realm_may_have_tickets_that_work_until_they_expire() {
    let realm = Realm::new("test").attribute("countersign.ticket_use", "until-expiry");
    let Shared { world, document, .. } = shared(World::of(&realm), &["read"]);
    let ticket = world.ticket(&world.pat(), &document, &["read"]);
    for _ in 0..2 {
        _ = world.exchange(&world.token_by("reader", "bob"), &ticket).expect(200);
    }
}

/// wire §5, §4.5: an owner's policy shares too, and takes back at once
#[test]
fn a_policy_of_the_owner_shares_and_takes_back() {
    let world = World::new();
    let document = world.document("document 42");
    let (alice, carol) = (world.token("alice"), world.token_by("reader", "carol"));
    let kinds = [
        json!({ "users": ["carol"] }),
        json!({ "roles": ["manager"] }),
        json!({ "groups": ["/staff"] }),
        json!({ "clients": ["reader"] }),
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        let mut policy = json!({ "name": format!("policy {number}"), "scopes": ["read"] });
        policy.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
        let made = world.protection("POST", &format!("uma-policy/{document}"), &alice).json(&policy).send();
        let id = made.expect(200).member("id");
        let answer = world.ask(&carol, &[&format!("{document}#read")]).expect(200);
        let rpt = answer.member("access_token");
        assert_eq!(world.introspect(&rpt)["permissions"][0]["scopes"], json!(["read"]), "{kind}");
        world.ask(&carol, &[&format!("{document}#write")]).refused(403, "access_denied", "not_authorized");
        _ = world.protection("DELETE", &format!("uma-policy/{id}"), &alice).send().expect(204);
        assert_eq!(world.introspect(&rpt)["permissions"], json!([]), "{kind}");
        world.ask(&carol, &[&format!("{document}#read")]).refused(403, "access_denied", "not_authorized");
    }
}

/// wire §4.5: the policy of a share is a view of it
#[test]
fn a_share_is_seen_and_changed_as_a_policy() {
    let Shared { world, document, answer, .. } = shared(World::new(), &["read", "write"]);
    let alice = world.token("alice");
    let list = world.protection("GET", "uma-policy", &alice).send().expect(200).json();
    let [policy] = &list.as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!((&policy["users"], &policy["type"]), (&json!(["bob"]), &json!("uma")));
    assert_eq!(policy["scopes"], json!(["read", "write"]));
    let path = format!("uma-policy/{}", policy["id"].as_str().unwrap());
    let narrower = json!({ "name": policy["name"], "users": ["bob"], "scopes": ["write"] });
    let changed = world.protection("PUT", &path, &alice).json(&narrower).send().expect(201);
    assert!(changed.body.is_empty());
    let rpt = answer.member("access_token");
    assert_eq!(world.introspect(&rpt)["permissions"][0]["scopes"], json!(["write"]));
    let rows = world.rows(&alice);
    assert!(rows.iter().all(|row| row["scopeName"] == "write" && row["resource"] == document.as_str()));
    _ = world.protection("DELETE", &path, &alice).send().expect(204);
    assert!(world.rows(&alice).is_empty());
    assert_eq!(world.introspect(&rpt)["permissions"], json!([]));
}

/// design §9: `owner_access`
#[test]
fn an_owner_gets_in_by_policy_alone_unless_the_realm_says_otherwise() {
    let world = World::new();
    let document = world.document("hers");
    let alice = world.token_by("reader", "alice");
    world.ask(&alice, &[&document]).refused(403, "access_denied", "not_authorized");
    drop(world);

    let world = World::of(&Realm::new("test").attribute("countersign.owner_access", "always"));
    let document = world.document("hers");
    let alice = world.token_by("reader", "alice");
    let answer = world.ask(&alice, &[&document]).expect(200);
    let permissions = &claims(&answer.member("access_token"))["authorization"]["permissions"];
    assert_eq!(permissions[0]["scopes"], json!(["read", "write"]));
    world.ask(&world.token_by("reader", "bob"), &[&document]).refused(403, "access_denied", "not_authorized");
}
