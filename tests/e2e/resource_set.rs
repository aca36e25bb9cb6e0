//! Registration of resources (wire §2).

use countersign_tests::{
    realm::Realm,
    table::Table,
    world::{World, document},
};
use serde_json::{Value, json};

use crate::protection::PATHS;

/// wire §2.2: the answer differs by operation
#[test]
fn a_resource_is_shown_in_keycloaks_three_shapes() {
    let world = World::new();
    let (pat, alice) = (world.pat(), world.id_of("alice"));
    let full = json!({
        "name": "alice album", "type": "urn:x:album", "displayName": "Alice album", "owner": "alice",
        "ownerManagedAccess": true, "uris": ["/album/1"], "icon_uri": "http://x/i",
        "resource_scopes": ["read", { "name": "album:view" }], "attributes": { "k": ["v"], "one": "w" },
    });
    let answer = world.protection("POST", "resource_set", &pat).json(&full).send().expect(201);
    assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
    assert_eq!(answer.header("location"), None);
    let made = answer.json();
    let id = made["_id"].as_str().unwrap();
    let with_ids = made["scopes"].clone();
    let scopes: Vec<_> = with_ids.as_array().unwrap().iter().map(|scope| scope["name"].clone()).collect();
    assert_eq!(scopes, ["album:view", "read"]);
    assert!(with_ids[0]["id"].is_string());
    let want = json!({
        "name": "alice album", "type": "urn:x:album", "displayName": "Alice album", "_id": id,
        "owner": { "id": alice, "name": "alice" }, "ownerManagedAccess": true, "uris": ["/album/1"],
        "icon_uri": "http://x/i", "resource_scopes": with_ids, "scopes": with_ids,
    });
    assert_eq!(made, want);

    let read = world.protection("GET", &format!("resource_set/{id}"), &pat).send().expect(200).json();
    let names = json!([{ "name": "album:view" }, { "name": "read" }]);
    let want = json!({
        "name": "alice album", "type": "urn:x:album", "displayName": "Alice album", "_id": id,
        "owner": { "id": alice }, "ownerManagedAccess": true, "uris": ["/album/1"], "icon_uri": "http://x/i",
        "resource_scopes": names, "scopes": names, "attributes": { "k": ["v"], "one": ["w"] },
    });
    assert_eq!(read, want);

    let answer = world.protection("GET", "resource_set?deep=true", &pat).send().expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let want = json!([{
        "name": "alice album", "type": "urn:x:album", "displayName": "Alice album", "_id": id,
        "owner": { "id": alice, "name": "alice" }, "ownerManagedAccess": true, "uris": ["/album/1"],
        "icon_uri": "http://x/i", "scopes": with_ids, "attributes": { "k": ["v"], "one": ["w"] },
    }]);
    assert_eq!(answer.json(), want);

    // Without anything optional: the owner is the resource server.
    let bare = world.protection("POST", "resource_set", &pat).json(&json!({ "name": "bare" })).send();
    let bare = bare.expect(201).json();
    assert_eq!(bare["owner"]["name"], "documents");
    assert_eq!((&bare["resource_scopes"], bare.get("scopes")), (&json!([]), None));
    assert_eq!((&bare["uris"], &bare["ownerManagedAccess"]), (&json!([]), &json!(false)));
}

/// wire §2.3, N3, N33, N35, §0.2; behaviours E-P6
#[test]
fn n_3_and_33_and_35_registrations_are_refused_as_listed() {
    let world = World::new();
    let (pat, alice, carol) = (world.pat(), world.token("alice"), world.token("carol"));
    let post = |token: &str, body: &Value| world.protection("POST", "resource_set", token).json(body).send();
    _ = post(&pat, &document("taken", "alice")).expect(201);
    let hers = world.register(&alice, &json!({ "name": "hers", "_id": "hers-0001" }));
    assert_eq!(hers, "hers-0001");
    let before = world.everything();
    let mut table = Table::new();
    let text = "Resource with name [taken] already exists.";
    table.row("same name and owner", post(&pat, &document("taken", "alice")), 409, "invalid_request", text);
    table.row("the same by herself", post(&alice, &json!({ "name": "taken" })), 409, "invalid_request", text);
    for body in [json!({}), json!({ "name": "" }), json!({ "name": null }), json!({ "type": "x" })] {
        let answer = post(&pat, &body);
        table.row(&format!("N3: {body}"), answer, 400, "invalid_request", "Resource name not provided.");
    }
    for owner in [json!("nobody"), json!({ "name": "nobody" }), json!({ "id": "nobody" })] {
        let answer = post(&pat, &json!({ "name": "x", "owner": owner }));
        let text = "Owner must be a valid username or user identifier.";
        table.row(&format!("N33: {owner}"), answer, 400, "invalid_request", text);
    }
    let theft = post(&carol, &json!({ "name": "mine now", "_id": "hers-0001" }));
    let text = "You don't have permission to manage this resource";
    table.row("N35", theft, 403, "forbidden", text);
    let send = |kind: &str, body: &str| {
        world.protection("POST", "resource_set", &pat).body(kind, body.to_owned()).send()
    };
    for (body, error) in
        [("{nope", "invalid_request"), ("[]", "unknown_error"), (r#"{"name":1}"#, "unknown_error")]
    {
        table.row(body, send("application/json", body), 400, error, "Cannot parse the JSON");
    }
    for body in [r#"{"name":"x","uris":"/a"}"#, r#"{"name":"x","resource_scopes":"read"}"#, r#""x""#, "1"] {
        table.row(body, send("application/json", body), 400, "unknown_error", "Cannot parse the JSON");
    }
    let text = "Invalid json representation for UmaResourceRepresentation. Unrecognized field \"description\" \
                at line 1 column 25.";
    let body = r#"{"name":"x","description":"y"}"#;
    table.holds("an unknown member", send("application/json", body), text, |answer| {
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        answer.status == 400 && error.starts_with(text.split(" at line").next().unwrap())
    });
    table.status("an empty body", send("application/json", ""), 400);
    table.status("null", send("application/json", "null"), 400);
    table.row(
        "a list of members",
        send("application/json", r#"["x"]"#),
        400,
        "unknown_error",
        "Cannot parse the JSON",
    );
    let text = "The content-type header value did not match the value in @Consumes";
    table.bare("another type", send("text/plain", r#"{"name":"x"}"#), 415, text);
    table.done();
    assert_eq!(world.everything(), before);
}

/// design D1, N33: who may be named as the owner, and by whom
#[test]
fn the_pat_names_the_owner_and_a_person_is_the_owner() {
    let world = World::new();
    let (pat, alice, bob) = (world.pat(), world.id_of("alice"), world.id_of("bob"));
    let server = world.register(&pat, &json!({ "name": "own" }));
    let shown = |token: &str, body: Value| {
        let answer = world.protection("POST", "resource_set", token).json(&body).send();
        answer.expect(201).json()["owner"].clone()
    };
    let read = world.protection("GET", &format!("resource_set/{server}"), &pat).send().expect(200).json();
    let server = read["owner"]["id"].as_str().unwrap().to_owned();
    let owners = [json!("alice"), json!(alice), json!({ "name": "alice" }), json!({ "id": alice })];
    for (number, owner) in owners.into_iter().enumerate() {
        let got = shown(&pat, json!({ "name": format!("a {number}"), "owner": owner }));
        assert_eq!(got, json!({ "id": alice, "name": "alice" }), "{owner}");
    }
    for (number, owner) in [json!("documents"), json!(server), json!(null)].into_iter().enumerate() {
        let got = shown(&pat, json!({ "name": format!("d {number}"), "owner": owner }));
        assert_eq!(got, json!({ "id": server, "name": "documents" }), "{owner}");
    }
    // Anybody else is the owner himself, whomever he names.
    for (number, owner) in
        [json!("bob"), json!(bob), json!("nobody"), json!("documents")].into_iter().enumerate()
    {
        let got = shown(&world.token("alice"), json!({ "name": format!("p {number}"), "owner": owner }));
        assert_eq!(got["id"], alice, "{owner}");
    }
}

/// wire §2.4, §2.5, §2.6, N3, N5; behaviours E-P7a to E-P7c
#[test]
fn n_3_and_5_reading_replacing_and_deleting_is_for_the_owner_and_the_resource_server() {
    let world = World::new();
    let (pat, alice, carol) = (world.pat(), world.token("alice"), world.token("carol"));
    let archive = world.pat_of("archive");
    let hers = world.document("hers");
    _ = world.document("other");
    let before = world.everything();
    let mut table = Table::new();
    for method in ["GET", "PUT", "DELETE"] {
        let send = |token: &str, id: &str| {
            let request = world.protection(method, &format!("resource_set/{id}"), token);
            if method == "PUT" { request.json(&json!({ "name": "hers" })).send() } else { request.send() }
        };
        table.bare(&format!("{method} unknown, PAT"), send(&pat, "no-such"), 404, "HTTP 404 Not Found");
        let text = "Resource not found";
        table.row(&format!("{method} unknown, person"), send(&alice, "no-such"), 404, "not_found", text);
        table.bare(&format!("{method} of another server"), send(&archive, &hers), 404, "HTTP 404 Not Found");
        let text = "You don't have permission to manage this resource";
        table.row(&format!("{method} not hers"), send(&carol, &hers), 403, "forbidden", text);
        let foreign = world.token_by("archive", "alice");
        let answer = send(&foreign, &hers);
        table.row(
            &format!("{method} by her through another server"),
            answer,
            404,
            "not_found",
            "Resource not found",
        );
    }
    let put = |body: &Value| world.protection("PUT", &format!("resource_set/{hers}"), &pat).json(body).send();
    table.row("N3", put(&json!({ "type": "x" })), 400, "invalid_request", "Resource name not provided.");
    let text = "Resource with name [other] already exists.";
    table.row("N5", put(&json!({ "name": "other" })), 409, "invalid_request", text);
    table.holds(
        "an unknown member",
        put(&json!({ "name": "x", "nope": 1 })),
        "ResourceRepresentation",
        |answer| {
            answer.status == 400
                && answer.text().contains("Invalid json representation for ResourceRepresentation.")
        },
    );
    table.done();
    assert_eq!(world.everything(), before);

    // §2.4: full replacement; `attributes` only if they are there; the owner and the id stay.
    let full = json!({
        "name": "hers", "type": "t", "uris": ["/a"], "icon_uri": "i", "displayName": "d", "_id": "other-id",
        "resource_scopes": ["read"], "ownerManagedAccess": true, "attributes": { "k": ["v"] }, "owner": "bob",
    });
    assert!(put(&full).expect(204).body.is_empty());
    _ = put(&json!({ "name": "renamed" })).expect(204);
    let now = world.protection("GET", &format!("resource_set/{hers}"), &alice).send().expect(200).json();
    let want = json!({
        "name": "renamed", "_id": hers, "owner": { "id": world.id_of("alice") }, "ownerManagedAccess": false,
        "uris": [], "resource_scopes": [], "attributes": { "k": ["v"] },
    });
    assert_eq!(now, want);
    _ = world.protection("DELETE", &format!("resource_set/{hers}"), &alice).send().expect(204);
    _ = world.protection("GET", &format!("resource_set/{hers}"), &pat).send().expect(404);
}

/// wire §2.4, §2.5: stored tickets go with their scope and their resource, and so do permissions of RPTs
#[test]
fn shares_go_with_the_scope_and_the_resource() {
    let world = World::new();
    let pat = world.pat();
    let document = world.document("document 42");
    for scope in ["read", "write"] {
        _ = world.share(&document, scope, "bob");
    }
    let bob = world.token_by("reader", "bob");
    let rpt = world.ask(&bob, &[&document]).expect(200).member("access_token");
    assert_eq!(world.introspect(&rpt)["permissions"][0]["scopes"], json!(["read", "write"]));
    let narrower = json!({ "name": "document 42", "ownerManagedAccess": true, "resource_scopes": ["write"] });
    _ = world.protection("PUT", &format!("resource_set/{document}"), &pat).json(&narrower).send().expect(204);
    assert_eq!(world.rows(&pat).len(), 1);
    assert_eq!(world.introspect(&rpt)["permissions"][0]["scopes"], json!(["write"]));

    let ticket = world.ticket(&pat, &document, &["write"]);
    _ = world.protection("DELETE", &format!("resource_set/{document}"), &pat).send().expect(204);
    assert!(world.rows(&pat).is_empty());
    let seen = world.introspect(&rpt);
    assert_eq!((&seen["active"], &seen["permissions"]), (&json!(true), &json!([])));
    // §6.5 row 9: the ticket of a resource that is gone
    let text = format!("Resource with id [{document}] does not exist.");
    world.exchange(&bob, &ticket).refused(400, "invalid_resource", &text);
}

/// wire §2.7, N9
#[test]
fn n_9_lists_are_filtered_paged_and_seen_by_caller() {
    let world = World::new();
    let (pat, alice, bob) = (world.pat(), world.token("alice"), world.id_of("bob"));
    let make = |name: &str, owner: &str, kind: &str, uri: &str, scope: &str| {
        let body = json!({
            "name": name, "owner": owner, "type": kind, "uris": [uri], "resource_scopes": [scope],
        });
        world.register(&pat, &body)
    };
    let album = make("Holiday Album", "alice", "urn:x:album", "/album/1", "view");
    let letter = make("letter", "bob", "urn:x:letter", "/letter", "open");
    let board = make("board", "documents", "urn:x:board", "/board/*", "view");
    let list = |token: &str, query: &str| {
        world.protection("GET", &format!("resource_set?{query}"), token).send().expect(200).json()
    };
    let none = json!([]);
    let rows = [
        ("", json!([album, board, letter])),
        ("max=-1", json!([album, board, letter])),
        ("max=1", json!([album])),
        ("max=0", none.clone()),
        ("first=1&max=1", json!([board])),
        ("first=9", none.clone()),
        (&format!("_id={letter}"), json!([letter])),
        ("_id=nope", none.clone()),
        ("name=album", json!([album])),
        ("name=ALBUM&exactName=true", none.clone()),
        ("name=holiday%20album&exactName=true", json!([album])),
        ("uri=/Album/1", json!([album])),
        ("uri=/album", none.clone()),
        ("uri=/board/7", none.clone()),
        ("uri=/album/1&matchingUri=true", json!([album])),
        ("owner=alice", json!([album])),
        (&format!("owner={bob}"), json!([letter])),
        ("owner=documents", json!([board])),
        ("owner=nobody", none.clone()),
        ("type=album", json!([album])),
        ("type=URN:X", json!([album, board, letter])),
        ("type=nope", none.clone()),
        ("scope=vie", json!([album, board])),
        ("scope=nope", none.clone()),
        ("unknown=1", json!([album, board, letter])),
    ];
    for (query, want) in rows {
        assert_eq!(list(&pat, query), want, "{query}");
    }
    let one = list(&pat, &format!("_id={letter}&deep=true"));
    assert_eq!((one.as_array().unwrap().len(), &one[0]["_id"]), (1, &json!(letter)));
    // A person sees his own.
    for (query, want) in [("", json!([album])), ("owner=bob", none.clone()), ("name=e", none.clone())] {
        assert_eq!(list(&alice, query), want, "alice: {query}");
    }
    assert_eq!(list(&world.pat_of("archive"), ""), none);
    let mut table = Table::new();
    for (query, text) in [
        ("max=x", "Invalid max"),
        ("first=1.5", "Invalid first"),
        ("first=99999999999999999999", "Invalid first"),
    ] {
        let answer = world.protection("GET", &format!("resource_set?{query}"), &pat).send();
        table.row(&format!("N9: {query}"), answer, 400, "invalid_request", text);
    }
    table.done();
}

/// wire §2.8; behaviours E-P5, E-P25
#[test]
fn sec_4_with_remote_management_off_only_reading_and_sharing_is_left() {
    let off = json!({
        "allowRemoteResourceManagement": false,
        "resources": [{
            "name": "hers", "_id": "hers-0001", "owner": { "name": "alice" }, "ownerManagedAccess": true,
            "scopes": [{ "name": "read" }],
        }],
    });
    let world = World::of(&Realm::new("test").settings(off));
    let (pat, alice) = (world.pat(), world.token("alice"));
    let mut table = Table::new();
    for token in [&pat, &alice] {
        for (method, path) in PATHS.into_iter().filter(|(_, path)| path.starts_with("resource_set")) {
            let path = path.replace("x-1", "hers-0001");
            let request = world.protection(method, &path, token);
            let answer = match method {
                "POST" | "PUT" => request.json(&json!({ "name": "hers" })).send(),
                _ => request.send(),
            };
            let text = "Remote management is disabled.";
            table.row(&format!("{method} {path}"), answer, 400, "not_supported", text);
        }
    }
    table.status("GET uma-policy", world.protection("GET", "uma-policy", &alice).send(), 200);
    let policy = json!({ "name": "p", "users": ["bob"] });
    let answer = world.protection("POST", "uma-policy/hers-0001", &alice).json(&policy).send();
    table.holds("POST uma-policy", answer, "request_not_supported", |answer| {
        let body = answer.json();
        let text = body["error_description"].as_str().unwrap_or_default();
        answer.status == 403
            && body["error"] == "request_not_supported"
            && text.starts_with("Remote Resource Management not enabled on resource server [")
    });
    table.done();
    let bob = world.token_by("reader", "bob");
    world.knock(&bob, "hers-0001", &["read"]).refused(403, "access_denied", "request_submitted");
    _ = world.approve(&alice, &world.row(&alice, "hers-0001", "read", "bob")["id"]).expect(204);
    _ = world.knock(&bob, "hers-0001", &["read"]).expect(200);
}
