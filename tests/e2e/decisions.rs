//! What the right server decides where Keycloak does not (wire §6.6, §6.8, §13.1 N17 to N25), and the policy types
//! over HTTP (wire §8).

use countersign_tests::{
    forge::claims,
    http::Answer,
    realm::{Realm, secret},
    world::{UMA, World, document},
};
use serde_json::{Value, json};

fn permissions(answer: Answer) -> Value {
    claims(&answer.expect(200).member("access_token"))["authorization"]["permissions"].clone()
}

fn denied(answer: Answer) {
    answer.refused(403, "access_denied", "not_authorized");
}

/// N17
#[test]
fn n_17_a_limit_gives_at_most_that_many_permissions_in_the_order_of_the_request() {
    let world = World::new();
    let names = ["c", "a", "b"];
    let ids = names.map(|name| world.document(name));
    let refused = world.document("refused");
    for id in &ids {
        _ = world.share(id, "read", "bob");
    }
    let bob = world.token_by("reader", "bob");
    for (limit, want) in [("0", 0), ("1", 1), ("2", 2), ("9", 3)] {
        let mut fields = vec![("audience", "documents"), ("response_permissions_limit", limit)];
        fields.push(("permission", &refused));
        fields.extend(ids.iter().map(|id| ("permission", id.as_str())));
        let answer = world.uma(&bob, &fields);
        if want == 0 {
            denied(answer);
            continue;
        }
        let got: Vec<_> =
            permissions(answer).as_array().unwrap().iter().map(|one| one["rsid"].clone()).collect();
        assert_eq!(json!(got), json!(ids[..want]), "{limit}");
        let everything = [("audience", "documents"), ("response_permissions_limit", limit)];
        assert_eq!(permissions(world.uma(&bob, &everything)).as_array().unwrap().len(), want, "{limit}");
    }
}

/// N18, N19, N20
#[test]
fn n_18_to_20_a_name_means_what_its_owner_shared_and_nothing_else() {
    let world = World::new();
    let pat = world.pat();
    let hers = world.document("album");
    let his = world.register(&pat, &document("album", "carol"));
    _ = world.share(&hers, "read", "bob");
    _ = world.share(&his, "write", "bob");
    let bob = world.token_by("reader", "bob");
    let mut got = permissions(world.ask(&bob, &["album"])).as_array().unwrap().clone();
    got.sort_by_key(|one| one["rsid"] != json!(hers));
    let want = json!([
        { "rsid": hers, "rsname": "album", "scopes": ["read"] },
        { "rsid": his, "rsname": "album", "scopes": ["write"] },
    ]);
    assert_eq!(json!(got), want, "N18");
    assert_eq!(
        permissions(world.ask(&bob, &["album#write"])),
        json!([{ "rsid": his, "rsname": "album", "scopes": ["write"] }]),
        "N18: each its own owner's"
    );

    let lone = world.document("lone");
    _ = world.share(&lone, "read", "bob");
    denied(world.ask(&bob, &["lone#write"]));

    // N20: by name as by id, also with an earlier RPT.
    let rpt = world.ask(&bob, &[&hers]).expect(200).member("access_token");
    for named in ["lone", &lone] {
        let answer = world.uma(&bob, &[("audience", "documents"), ("permission", named), ("rpt", &rpt)]);
        let got = permissions(answer);
        let mut ids: Vec<_> = got.as_array().unwrap().iter().map(|one| one["rsid"].clone()).collect();
        ids.sort_by_key(|id| *id != json!(hers));
        assert_eq!(json!(ids), json!([hers, lone]), "{named}");
    }
}

/// wire §6.8, N21
#[test]
fn n_21_an_earlier_rpt_is_added_and_assessed_again() {
    let world = World::new();
    let (one, two) = (world.document("one"), world.document("two"));
    let row = world.share(&one, "read", "bob");
    _ = world.share(&two, "read", "bob");
    let bob = world.token_by("reader", "bob");
    let first = world.ask(&bob, &[&one]).expect(200);
    assert_eq!(first.json()["upgraded"], false);
    let rpt = first.member("access_token");
    let upgrade = |permission: &str| {
        world.uma(&bob, &[("audience", "documents"), ("permission", permission), ("rpt", &rpt)])
    };
    let answer = upgrade(&two).expect(200);
    assert_eq!(answer.json()["upgraded"], true, "N21: a resource without scopes is met by what is granted");
    assert_eq!(permissions(answer).as_array().unwrap().len(), 2);
    // What is newly asked for must be granted.
    denied(upgrade(&format!("{two}#write")));
    // What was withdrawn does not come along.
    _ = world.withdraw(&world.token("alice"), &row).expect(204);
    let got = permissions(upgrade(&two));
    assert_eq!(got, json!([{ "rsid": two, "rsname": "two", "scopes": ["read"] }]));
}

/// N22
#[test]
fn n_22_no_permission_without_scopes_where_scopes_were_asked() {
    let policies = json!([
        { "name": "bob", "type": "user", "config": { "users": "[\"bob\"]" } },
        { "name": "write of hers", "type": "scope", "config": {
            "resources": "[\"hers-0001\"]", "scopes": "[\"write\"]", "applyPolicies": "[\"bob\"]" } },
    ]);
    let resources = json!([{
        "name": "hers", "_id": "hers-0001", "owner": { "name": "alice" }, "ownerManagedAccess": true,
        "scopes": [{ "name": "read" }, { "name": "write" }],
    }]);
    let realm = Realm::new("test").settings(json!({ "resources": resources, "policies": policies }));
    let world = World::of(&realm);
    let bob = world.token_by("reader", "bob");
    let want = json!([{ "rsid": "hers-0001", "rsname": "hers", "scopes": ["write"] }]);
    assert_eq!(permissions(world.ask(&bob, &["hers-0001#write"])), want);
    denied(world.ask(&bob, &["hers-0001#read"]));
}

/// N24, N25; wire §6.4, §6.9
#[test]
fn n_24_and_25_pushed_claims_are_merged_without_ours_and_shown() {
    let world = World::new();
    let pat = world.pat();
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let body = json!([{
        "resource_id": hers, "resource_scopes": ["read"],
        "claims": { "org": ["acme"], "kc.time.date_time": ["2000-01-01 00:00:00"], "same": ["ticket"] },
    }]);
    let answer = world.protection("POST", "permission", &pat).json(&body).send().expect(201);
    let ticket = answer.member("ticket");
    let pushed = World::claim_token(&json!({ "same": ["pushed"], "more": "1", "kc.realm.name": ["other"] }));
    let format = "urn:ietf:params:oauth:token-type:jwt";
    let fields = [("ticket", ticket.as_str()), ("claim_token", &pushed), ("claim_token_format", format)];
    let got = permissions(world.uma(&world.token_by("backend", "bob"), &fields));
    let want = json!([{
        "rsid": hers, "rsname": "hers", "scopes": ["read"],
        "claims": { "org": ["acme"], "same": ["ticket"], "more": ["1"] },
    }]);
    assert_eq!(got, want);
}

fn policy(name: &str, kind: &str, config: impl Into<Value>) -> Value {
    json!({ "name": name, "type": kind, "config": config.into() })
}

/// wire §8.3, §8.4, §8.7: every policy type that is served, on one board
#[test]
fn policies_of_an_import_decide() {
    let scopes = ["user", "role", "group", "below", "client", "all", "not"];
    let mut policies = vec![
        policy("u", "user", json!({ "users": "[\"carol\"]" })),
        policy("r", "role", json!({ "roles": "[{\"id\":\"manager\",\"required\":true}]" })),
        policy("g", "group", json!({ "groups": "[{\"path\":\"/staff\",\"extendChildren\":false}]" })),
        policy("b", "group", json!({ "groups": "[{\"path\":\"/staff\",\"extendChildren\":true}]" })),
        policy("c", "client", json!({ "clients": "[\"backend\"]" })),
        policy("a", "aggregate", json!({ "applyPolicies": "[\"u\",\"r\"]" })),
    ];
    let mut not = policy("n", "user", json!({ "users": "[\"carol\"]" }));
    not["logic"] = "NEGATIVE".into();
    policies.push(not);
    for (scope, leaf) in scopes.iter().zip(["u", "r", "g", "b", "c", "a", "n"]) {
        let config = json!({ "scopes": format!("[\"{scope}\"]"), "applyPolicies": format!("[\"{leaf}\"]") });
        policies.push(policy(&format!("{scope} permission"), "scope", config));
    }
    let names: Vec<_> = scopes.iter().map(|scope| json!({ "name": scope })).collect();
    let resources = json!([{ "name": "board", "_id": "board-0001", "scopes": names }]);
    let settings = json!({ "resources": resources, "policies": policies, "scopes": names });
    let realm = Realm::new("test").settings(settings).user("bob", json!({ "groups": ["/staff/night"] }));
    let world = World::of(&realm);
    let scopes_of = |token: &str| {
        let got = permissions(world.ask(token, &["board-0001"]));
        let mut scopes: Vec<String> = serde_json::from_value(got[0]["scopes"].clone()).unwrap();
        scopes.sort();
        scopes
    };
    let carol = scopes_of(&world.token_by("backend", "carol"));
    assert_eq!(carol, ["all", "below", "client", "group", "role", "user"]);
    assert_eq!(scopes_of(&world.token_by("reader", "bob")), ["below", "not"]);
    assert_eq!(scopes_of(&world.token_by("reader", "alice")), ["not"]);
}

/// design §4: what cannot be evaluated denies, whatever its logic
#[test]
fn a_policy_of_an_unknown_type_never_grants() {
    let mut broken = policy("script", "script-evil.js", json!({}));
    broken["logic"] = "NEGATIVE".into();
    let permission =
        policy("p", "resource", json!({ "resources": "[\"board-0001\"]", "applyPolicies": "[\"script\"]" }));
    let resources = json!([{ "name": "board", "_id": "board-0001", "scopes": [{ "name": "read" }] }]);
    let settings = json!({ "resources": resources, "policies": [broken, permission] });
    let world = World::of(&Realm::new("test").settings(settings));
    denied(world.ask(&world.token_by("reader", "bob"), &["board-0001"]));
    let log = world.server.log();
    assert!(log.contains("script-evil.js") && log.contains("documents"), "{log}");
}

/// wire §8.2
#[test]
fn the_enforcement_mode_is_obeyed() {
    for (mode, open) in [("ENFORCING", false), ("PERMISSIVE", true), ("DISABLED", true)] {
        let resources = json!([{ "name": "board", "_id": "board-0001", "scopes": [{ "name": "read" }] }]);
        let settings = json!({ "policyEnforcementMode": mode, "resources": resources });
        let world = World::of(&Realm::new("test").settings(settings));
        let answer = world.ask(&world.token_by("reader", "bob"), &["board-0001"]);
        assert_eq!(answer.status, if open { 200 } else { 403 }, "{mode}: {answer}");
        // CVE-2026-9799: never what an owner manages.
        let hers = world.document("hers");
        let answer = world.ask(&world.token_by("reader", "bob"), &[&hers]);
        assert_eq!(answer.status, if mode == "DISABLED" { 200 } else { 403 }, "{mode}: {answer}");
    }
}

/// wire §6.3, §6.6
#[test]
fn resources_are_found_by_id_name_uri_type_and_scope() {
    let policies = json!([
        policy("bob", "user", json!({ "users": "[\"bob\"]" })),
        policy(
            "p",
            "resource",
            json!({ "defaultResourceType": "urn:x:board", "applyPolicies": "[\"bob\"]" })
        ),
    ]);
    let resources = json!([{
        "name": "board", "_id": "board-0001", "type": "urn:x:board", "uris": ["/board/*"],
        "scopes": [{ "name": "read" }],
    }]);
    let world =
        World::of(&Realm::new("test").settings(json!({ "resources": resources, "policies": policies })));
    let bob = world.token_by("reader", "bob");
    let want = json!([{ "rsid": "board-0001", "rsname": "board", "scopes": ["read"], "rsowned": true }]);
    for permission in ["board-0001", "board", "board#read", "#read"] {
        assert_eq!(permissions(world.ask(&bob, &[permission])), want, "{permission}");
    }
    let uri = |uri: &str, matching: &str| {
        let fields = [
            ("audience", "documents"),
            ("permission", uri),
            ("permission_resource_format", "uri"),
            ("permission_resource_matching_uri", matching),
        ];
        world.uma(&bob, &fields)
    };
    assert_eq!(permissions(uri("/board/*", "false")), want);
    uri("/board/7", "false").refused(400, "invalid_resource", "Resource with uri [/board/7] does not exist.");
    // Everything, and ids without `-` are none.
    assert_eq!(permissions(world.uma(&bob, &[("audience", "documents")])), want);
    world.ask(&bob, &["nodash"]).refused(
        400,
        "invalid_resource",
        "Resource with id [nodash] does not exist.",
    );
}

/// wire §6.9: a service account has no login, so its RPT cannot be refreshed
#[test]
fn a_service_account_gets_an_rpt_without_a_refresh_token() {
    let world = World::new();
    let hers = world.document("hers");
    let policy = json!({ "name": "for the robot", "clients": ["robot"], "scopes": ["read"] });
    let alice = world.token("alice");
    _ = world.protection("POST", &format!("uma-policy/{hers}"), &alice).json(&policy).send().expect(200);
    let fields = [("grant_type", UMA), ("audience", "documents"), ("permission", hers.as_str())];
    let answer = world.post_token().basic("robot", &secret("robot")).form(&fields).send().expect(200);
    let body = answer.json();
    assert_eq!((body.get("refresh_token"), &body["refresh_expires_in"]), (None, &json!(0)));
    let rpt = answer.member("access_token");
    assert_eq!(claims(&rpt).get("sid"), None);
    assert_eq!(world.introspect(&rpt)["permissions"][0]["scopes"], json!(["read"]));
}
