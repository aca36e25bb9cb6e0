//! Realms whose dialect is `uma2`: a client and a resource server written from the specifications (Grant, FedAuthz).
//!
//! Waiting between two polls is tested in the host, where a clock can be set.

mod gathering;
mod persisted;
mod way_back;

use countersign_tests::{
    forge::claims,
    http::Answer,
    realm::{Realm, password, secret},
    table::Table,
    world::{UMA, World},
};
use serde_json::{Value, json};

/// The format of ID tokens
const ID_TOKEN: &str = "http://openid.net/specs/openid-connect-core-1_0.html#IDToken";

fn realm() -> Realm {
    let mapper = json!({
        "name": "dept", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
        "config": { "user.attribute": "dept", "claim.name": "dept", "id.token.claim": "true" },
    });
    let required = json!([{ "name": "dept", "friendly_name": "Department" }]).to_string();
    let back = json!({ "countersign.claims_redirect_uris": BACK.join("##") });
    Realm::new("test")
        .attribute("countersign.dialect", "uma2")
        .attribute("countersign.required_claims", &required)
        .client(
            "backend",
            json!({
                "protocolMappers": [mapper], "attributes": back, "redirectUris": ["https://app.example/cb"],
            }),
        )
}

/// Where `backend` may have people sent back to after a page of claims gathering
const BACK: [&str; 2] = ["https://app.example/back", "https://app.example/other?x=1"];

fn world() -> World {
    World::of(&realm())
}

/// A document of alice's
fn register(world: &World, name: &str) -> String {
    let body = json!({ "name": name, "owner": "alice", "resource_scopes": ["read", "write"] });
    world.protection("POST", "resource_set", &world.pat()).json(&body).send().expect(201).member("_id")
}

/// The ID token of a user of the confidential client `backend`
fn id_token(world: &World, user: &str) -> String {
    let (phrase, secret) = (password(user), secret("backend"));
    let form = [
        ("grant_type", "password"),
        ("username", user),
        ("password", &*phrase),
        ("scope", "openid"),
        ("client_id", "backend"),
        ("client_secret", &*secret),
    ];
    world.post_token().form(&form).send().expect(200).member("id_token")
}

/// The UMA grant of `backend`
fn present(world: &World, fields: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", UMA)];
    form.extend(fields);
    world.post_token().basic("backend", &secret("backend")).form(&form).send()
}

fn present_for(world: &World, user: &str, ticket: &str) -> Answer {
    let token = id_token(world, user);
    present(world, &[("ticket", ticket), ("claim_token", &token), ("claim_token_format", ID_TOKEN)])
}

fn error(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

/// FED-4.1-01, FED-4.1-03, FED-4.2-01, FED-4.3-01, FED-4.3-02, FED-4.3-03
#[test]
fn fed_4_a_permission_is_asked_for_as_one_object_or_as_a_list() {
    let world = world();
    let (pat, hers) = (world.pat(), register(&world, "hers"));
    let foreign = json!({ "name": "theirs", "resource_scopes": ["read"] });
    let foreign = world.protection("POST", "resource_set", &world.pat_of("archive")).json(&foreign).send();
    let foreign = foreign.expect(201).member("_id");
    let post = |body: &Value| world.protection("POST", "permission", &pat).json(body).send();
    let one = json!({ "resource_id": hers, "resource_scopes": ["read"] });
    for body in [
        one.clone(),
        json!([one]),
        json!([one, { "resource_id": hers, "resource_scopes": [] }]),
        json!({ "rsid": hers, "scopes": ["read"] }),
        json!({ "resource_id": hers, "resource_scopes": ["read"], "of_an_extension": true }),
    ] {
        let answer = post(&body).expect(201).json();
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["ticket"], "{body}");
    }
    let mut table = Table::new();
    let no_such = "No such resource is registered.";
    for (body, error, text) in [
        (json!([]), "invalid_request", "The list of permissions is empty."),
        (json!("x"), "invalid_request", "An object, or a list of objects, is expected."),
        (json!([1]), "invalid_request", "Every permission is an object."),
        (json!({ "resource_scopes": [] }), "invalid_request", "`resource_id` is missing or is no text."),
        (json!({ "resource_id": hers }), "invalid_request", "`resource_scopes` is missing or is no list."),
        (
            json!({ "resource_id": hers, "resource_scopes": [1] }),
            "invalid_request",
            "`resource_scopes` holds something that is no text.",
        ),
        (
            json!({ "resource_id": hers, "rsid": hers, "resource_scopes": [] }),
            "invalid_request",
            "`resource_id` and `rsid` are the same.",
        ),
        // Names are no ids, foreign ids look unknown, also with a scope that nobody knows.
        (json!({ "resource_id": "hers", "resource_scopes": [] }), "invalid_resource_id", no_such),
        (json!({ "resource_id": foreign, "resource_scopes": ["nope"] }), "invalid_resource_id", no_such),
        (
            json!([{ "resource_id": hers, "resource_scopes": ["nope"] }, { "resource_id": "x", "resource_scopes": [] }]),
            "invalid_resource_id",
            no_such,
        ),
        (
            json!({ "resource_id": hers, "resource_scopes": ["nope"] }),
            "invalid_scope",
            "Scope [nope] is invalid",
        ),
    ] {
        table.row(&body.to_string(), post(&body), 400, error, text);
    }
    let twice = format!("{{\"resource_id\":\"{hers}\",\"resource_id\":\"{hers}\",\"resource_scopes\":[]}}");
    let answer = world.protection("POST", "permission", &pat).body("application/json", twice).send();
    table.row("a member twice", answer, 400, "invalid_request", "Cannot parse the JSON");
    table.done();
}

/// FED-3.1-01, -02, -03, -04, FED-3.2-02, -04, -06, -07, -08, FED-3.2.1-01, FED-3.2.2-01, FED-3.2.3-01, FED-3.2.5-01
#[test]
fn fed_3_resources_are_registered_read_replaced_listed_and_deleted() {
    let world = world();
    let pat = world.pat();
    let send = |method: &str, path: &str| world.protection(method, path, &pat);
    let body = json!({
        "resource_scopes": ["list", "https://files.example/scopes/export"], "name": "Survey",
        "name#de": "Vermessung", "description": "Point clouds", "icon_uri": "https://files.example/i.svg",
        "type": "https://files.example/types/folder", "of_an_extension": { "a": 1 },
        "_id": "mine", "user_access_policy_uri": "https://evil.example",
    });
    let answer = send("POST", "resource_set/").json(&body).send().expect(201);
    let id = answer.member("_id");
    let place = format!("{}/authz/protection/resource_set/{id}", world.issuer());
    assert_eq!(answer.header("location"), Some(&*place));
    assert_ne!(id, "mine");
    let read = || send("GET", &format!("resource_set/{id}")).send().expect(200).json();
    let mut want = body.clone();
    want.as_object_mut().unwrap().remove("user_access_policy_uri");
    want["_id"] = id.clone().into();
    want["ownerManagedAccess"] = true.into();
    want["resource_scopes"] = json!(["https://files.example/scopes/export", "list"]);
    assert_eq!(read(), want);

    // A replacement is whole: what it leaves out is gone.
    let answer =
        send("PUT", &format!("resource_set/{id}")).json(&json!({ "resource_scopes": ["list"] })).send();
    assert_eq!(answer.expect(200).json(), json!({ "_id": id }));
    let want = json!({ "_id": id, "name": id, "resource_scopes": ["list"], "ownerManagedAccess": true });
    assert_eq!(read(), want);
    assert_eq!(send("GET", "resource_set").send().expect(200).json(), json!([id]));

    let mut table = Table::new();
    for (body, text) in [
        (json!({ "name": "x" }), "`resource_scopes` is missing."),
        (json!({ "resource_scopes": "read" }), "`resource_scopes` is a list."),
        (json!({ "resource_scopes": [1] }), "`resource_scopes` holds something that is no text."),
        (json!({ "resource_scopes": [], "name": 1 }), "`name` is a text."),
        (json!({ "resource_scopes": [], "description#de": 1 }), "`description#de` is a text."),
        (json!([]), "A resource description is an object."),
        (
            json!({ "resource_scopes": [], "description": "x".repeat(17_000) }),
            "The description is longer than 16384 bytes.",
        ),
    ] {
        table.row(text, send("POST", "resource_set").json(&body).send(), 400, "invalid_request", text);
    }
    let twice = send("POST", "resource_set")
        .body("application/json", "{\"resource_scopes\":[],\"name\":\"a\",\"name\":\"b\"}");
    table.row("a member twice", twice.send(), 400, "invalid_request", "Cannot parse the JSON");
    table.done();

    // Somebody else's resource looks like none, whatever is done to it.
    let other = world.pat_of("archive");
    for (method, path) in [
        ("GET", id.as_str()),
        ("PUT", id.as_str()),
        ("DELETE", id.as_str()),
        ("GET", "nothing"),
        ("DELETE", "nothing"),
    ] {
        let request = world.protection(method, &format!("resource_set/{path}"), &other);
        let answer =
            if method == "PUT" { request.json(&json!({ "resource_scopes": [] })) } else { request }.send();
        assert_eq!(
            (answer.status, answer.text()),
            (404, "{\"error\":\"not_found\"}".to_owned()),
            "{method} {path}"
        );
    }
    _ = send("DELETE", &format!("resource_set/{id}")).send().expect(204);
    assert_eq!(error(&send("DELETE", &format!("resource_set/{id}")).send()), (404, "not_found".to_owned()));
    assert_eq!(send("GET", "resource_set").send().expect(200).json(), json!([]));
}

/// FED-1.3-02, FED-1.3-07, FED-5.1-01
#[test]
fn fed_1_3_a_pat_is_demanded_in_the_words_of_rfc_6750() {
    let world = world();
    let send = |token: Option<&str>| {
        let request = world.request("GET", "authz/protection/resource_set");
        match token {
            Some(token) => request.bearer(token),
            None => request,
        }
        .send()
    };
    let none = send(None).expect(401);
    assert_eq!((none.header("www-authenticate"), &*none.text()), (Some("Bearer"), ""));
    let wrong = send(Some("no.such.token")).expect(401);
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    let stranger = world.token("bob");
    let body = json!({ "resource_scopes": [] });
    let answer = world.protection("POST", "resource_set", &stranger).json(&body).send().expect(403);
    let body = answer.json();
    assert_eq!((&body["error"], &body["scope"]), (&json!("insufficient_scope"), &json!("uma_protection")));
    for token in [&*stranger, "x"] {
        let answer = world.post_introspect().bearer(token).form(&[("token", &*stranger)]).send();
        assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
    }
}

/// GRANT-3.3.6-03, -04, -09, GRANT-3.3.5-01, -02, -08, GRANT-5.5-01, GRANT-3.3.1-07, TRAP-UMA-02
#[test]
fn grant_3_3_a_client_says_for_whom_it_asks_and_waits_for_the_owner() {
    let world = world();
    let (pat, hers) = (world.pat(), register(&world, "hers"));
    let ticket = world.ticket(&pat, &hers, &["read"]);
    // Nobody has said who asks.
    let asked = present(&world, &[("ticket", &ticket)]).expect(403);
    assert_eq!(asked.header("cache-control"), Some("no-store"));
    let body = asked.json();
    assert_eq!(body["error"], "need_info");
    assert_eq!(body["required_claims"][0]["claim_token_format"], json!([ID_TOKEN]));
    assert_eq!(body["required_claims"][0]["issuer"], json!([world.issuer()]));
    let second = asked.member("ticket");
    assert_ne!(second, ticket);
    assert_eq!(error(&present(&world, &[("ticket", &ticket)])), (400, "invalid_grant".to_owned()));
    // What is no ID token of this client is no claim (TRAP-UMA-14).
    let mut ticket = second;
    let access = world.token_by("backend", "bob");
    for (token, format) in
        [(&*access, ID_TOKEN), ("x", ID_TOKEN), (&*access, "urn:ietf:params:oauth:token-type:jwt")]
    {
        let fields = [("ticket", &*ticket), ("claim_token", token), ("claim_token_format", format)];
        let answer = present(&world, &fields);
        assert_eq!(error(&answer), (403, "need_info".to_owned()), "{format}");
        ticket = answer.member("ticket");
    }
    // The owner is asked, and asked once.
    let answer = present_for(&world, "bob", &ticket).expect(403);
    assert_eq!(answer.header("retry-after"), Some("5"));
    let body = answer.json();
    assert_eq!((&body["error"], &body["interval"]), (&json!("request_submitted"), &json!(5)));
    let next = answer.member("ticket");
    assert_ne!(next, ticket);
    let row = world.row(&pat, &hers, "read", "bob");
    assert_eq!(row["granted"], false);
    // Too early: nothing is spent.
    let early = present_for(&world, "bob", &next);
    assert_eq!(error(&early), (429, "slow_down".to_owned()));
    assert!(early.header("retry-after").is_some());
    // Another client cannot take it over (TRAP-UMA-03).
    let bob = world.token_by("reader", "bob");
    let foreign = world.exchange(&bob, &next);
    assert_eq!((foreign.status, foreign.text()), (400, "{\"error\":\"invalid_grant\"}".to_owned()));

    _ = world.approve(&pat, &row["id"]).expect(204);
    let ticket = world.ticket(&pat, &hers, &["read"]);
    let granted = present_for(&world, "bob", &ticket).expect(200);
    assert_eq!(granted.header("cache-control"), Some("no-store"));
    let body = granted.json();
    assert_eq!((body.get("ticket"), body.get("scope")), (None, None));
    assert!(body["expires_in"].is_u64() && body["token_type"] == "Bearer");
    assert_eq!(error(&present_for(&world, "bob", &ticket)), (400, "invalid_grant".to_owned()));

    // FED-5.1.1-01 to -04: by PAT, without `scope`
    let rpt = granted.member("access_token");
    let told = world.post_introspect().bearer(&pat).form(&[("token", &*rpt)]).send().expect(200).json();
    assert_eq!((&told["active"], told.get("scope")), (&json!(true), None));
    let said = claims(&rpt);
    let want = json!([{
        "resource_id": hers, "resource_scopes": ["read"], "exp": said["exp"], "iat": said["iat"],
    }]);
    assert_eq!(told["permissions"], want);
    // Any hint will do, and client authentication too (FED-5.1-02, -03).
    let form = [("token", &*rpt), ("token_type_hint", "pct")];
    let again =
        world.post_introspect().basic("documents", &secret("documents")).form(&form).send().expect(200);
    assert_eq!(again.json(), told);
    // FED-5.1.1-06, -07: another resource server learns nothing, and nothing is left after a withdrawal.
    let other = world.post_introspect().bearer(&world.pat_of("archive")).form(&[("token", &*rpt)]).send();
    assert_eq!(other.expect(200).json(), json!({ "active": false }));
    _ = world.withdraw(&pat, &row["id"]).expect(204);
    let after = world.post_introspect().bearer(&pat).form(&[("token", &*rpt)]).send().expect(200);
    assert_eq!(after.json(), json!({ "active": false }));
}

/// GRANT-3.3.1-03, -13, GRANT-3.3.6-01, -08, TRAP-UMA-04, TRAP-UMA-36
#[test]
fn grant_3_3_6_requests_are_refused_in_the_words_of_the_specification() {
    let world = world();
    let (pat, hers) = (world.pat(), register(&world, "hers"));
    let fresh = || world.ticket(&pat, &hers, &["read"]);
    let one = fresh();
    let token = id_token(&world, "bob");
    for (fields, status, name) in [
        (vec![], 400, "invalid_request"),
        // Keycloak's way without a ticket does not exist here.
        (vec![("audience", "documents"), ("permission", &*hers)], 400, "invalid_request"),
        (vec![("ticket", &*one), ("ticket", &*one)], 400, "invalid_request"),
        (vec![("ticket", &*one), ("claim_token", &*token)], 400, "invalid_request"),
        (vec![("ticket", &*one), ("claim_token_format", ID_TOKEN)], 400, "invalid_request"),
        (vec![("ticket", "x")], 400, "invalid_grant"),
        (vec![("ticket", &*pat)], 400, "invalid_grant"),
    ] {
        assert_eq!(error(&present(&world, &fields)), (status, name.to_owned()), "{fields:?}");
    }
    // None of these has used it up, nor has a stranger.
    let form = [("grant_type", UMA), ("ticket", &*one)];
    let stranger = world.post_token().basic("backend", "wrong").form(&form).send();
    assert!(matches!(stranger.status, 400 | 401));
    // Parameters of Keycloak change nothing.
    let fields = [
        ("ticket", &*one),
        ("claim_token", &*token),
        ("claim_token_format", ID_TOKEN),
        ("submit_request", "false"),
        ("response_mode", "decision"),
        ("permission", &*hers),
        ("audience", "archive"),
    ];
    assert_eq!(error(&present(&world, &fields)), (403, "request_submitted".to_owned()));
    // What is the resource server's own has no owner to ask.
    let own = json!({ "resource_scopes": ["read"] });
    let own = world.protection("POST", "resource_set", &pat).json(&own).send().expect(201).member("_id");
    let denied = present_for(&world, "bob", &world.ticket(&pat, &own, &["read"])).expect(403);
    assert_eq!(denied.text(), "{\"error\":\"request_denied\"}");
}

/// The realm with a resource `lab` that is open to whoever's `dept` is `research`
fn with_lab(realm: Realm) -> Realm {
    let policies = json!([
        { "name": "research only", "type": "regex", "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS",
          "config": { "targetClaim": "dept", "pattern": "research", "targetContextAttributes": "true" } },
        { "name": "lab", "type": "resource", "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS",
          "config": { "resources": "[\"lab\"]", "applyPolicies": "[\"research only\"]" } },
    ]);
    let resources = json!([{ "name": "lab", "scopes": [{ "name": "read" }] }]);
    realm.settings(json!({ "policies": policies, "resources": resources }))
}

/// The id of `lab`
fn lab(world: &World) -> String {
    let found = world.protection("GET", "resource_set?name=lab", &world.pat()).send().expect(200).json();
    found[0].as_str().unwrap().to_owned()
}

/// A claim that a policy needs is asked for, and an ID token brings it (GRANT-3.3.6-03, -05, -15)
#[test]
fn a_claim_that_a_policy_needs_is_asked_for() {
    let realm = with_lab(realm()).user("carol", json!({ "attributes": { "dept": ["research"] } }));
    let world = World::of(&realm);
    let (pat, lab) = (world.pat(), lab(&world));
    let ticket = || world.ticket(&pat, &lab, &["read"]);
    let asked = present_for(&world, "bob", &ticket()).expect(403).json();
    assert_eq!(asked["error"], "need_info");
    assert_eq!(asked["required_claims"], json!([{ "friendly_name": "Department", "name": "dept" }]));
    let rpt = present_for(&world, "carol", &ticket()).expect(200).member("access_token");
    assert_eq!(claims(&rpt)["authorization"]["permissions"][0]["rsid"], lab);
}

/// GRANT-3.3.5-06, GRANT-3.3.5.1-02, -03, GRANT-3.3.1-11
#[test]
fn an_upgrade_brings_the_old_permissions_and_ends_the_old_rpt() {
    let world = world();
    let pat = world.pat();
    let [one, other] = ["one", "other"].map(|name| register(&world, name));
    for id in [&one, &other] {
        for user in ["bob", "carol"] {
            let share =
                json!({ "resource": id, "scopeName": "read", "requesterName": user, "granted": true });
            _ = world.protection("POST", "permission/ticket", &pat).json(&share).send().expect(200);
        }
    }
    let old =
        present_for(&world, "bob", &world.ticket(&pat, &one, &["read"])).expect(200).member("access_token");
    let ask = |user: &str, ticket: &str| {
        let token = id_token(&world, user);
        let fields =
            [("ticket", ticket), ("rpt", &*old), ("claim_token", &*token), ("claim_token_format", ID_TOKEN)];
        present(&world, &fields).expect(200)
    };
    // Carol does not get what was Bob's.
    let hers = ask("carol", &world.ticket(&pat, &other, &["read"]));
    assert_eq!(hers.json()["upgraded"], false);
    let rpt = claims(&hers.member("access_token"));
    assert_eq!(rpt["authorization"]["permissions"].as_array().unwrap().len(), 1);
    let his = ask("bob", &world.ticket(&pat, &other, &["read"]));
    assert_eq!(his.json()["upgraded"], true);
    let rpt = claims(&his.member("access_token"));
    assert_eq!(rpt["authorization"]["permissions"].as_array().unwrap().len(), 2);
    let told = world.post_introspect().bearer(&pat).form(&[("token", &*old)]).send().expect(200);
    assert_eq!(told.json(), json!({ "active": false }));
}

/// GRANT-2-01, GRANT-2-04, FED-2-01 to -03
#[test]
fn grant_2_the_document_says_what_there_is() {
    let uma2 = world();
    let document = uma2.request("GET", ".well-known/uma2-configuration").send().expect(200).json();
    assert_eq!(document["issuer"], uma2.issuer());
    assert_eq!(document["uma_profiles_supported"], json!([ID_TOKEN]));
    assert_eq!(document["claims_interaction_endpoint"], uma2.url("uma/claims"));
    let methods = document["introspection_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("Bearer")));
    for endpoint in
        ["token_endpoint", "permission_endpoint", "resource_registration_endpoint", "introspection_endpoint"]
    {
        assert!(document[endpoint].is_string(), "{endpoint}");
    }
    // In Keycloak's dialect there is none of it.
    let usual = World::of(&Realm::new("test"));
    let document = usual.request("GET", ".well-known/uma2-configuration").send().expect(200).json();
    assert_eq!(document.get("uma_profiles_supported"), None);
    assert_eq!(document.get("claims_interaction_endpoint"), None);
    assert_eq!(usual.request("GET", "uma/claims").send().status, 404);
}
