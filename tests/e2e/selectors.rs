//! Ways to name resources, and policies that look at more than who asks (wire §6.3, §8.7; behaviours R10, SEC-14).

use countersign_tests::{
    http::Answer,
    realm::{Realm, secret},
    world::World,
};
use serde_json::{Value, json};

/// Names of the permitted resources, or nothing
fn named(answer: &Answer) -> Vec<String> {
    if answer.status != 200 {
        return Vec::new();
    }
    let list = answer.json();
    let names = list.as_array().unwrap().iter().map(|one| one["rsname"].as_str().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// A world whose resource server lets everybody read albums
fn albums() -> World {
    let resource = |name: &str, owner: &str, uris: &[&str]| {
        json!({ "name": name, "_id": format!("{name}-0001"), "type": "album", "owner": { "name": owner }, "uris": uris,
                "ownerManagedAccess": owner != "documents", "scopes": [{ "name": "read" }, { "name": "write" }] })
    };
    let resources = json!([
        resource("all", "documents", &["/albums/*"]),
        resource("one", "documents", &["/albums/{id}"]),
        resource("hers", "alice", &["/*"]),
        resource("his", "bob", &[]),
    ]);
    let policies = json!([
        { "name": "bob", "type": "user", "config": { "users": "[\"bob\"]" } },
        { "name": "albums", "type": "resource",
          "config": { "defaultResourceType": "album", "applyPolicies": "[\"bob\"]" } },
    ]);
    World::of(&Realm::new("test").settings(json!({ "resources": resources, "policies": policies })))
}

fn ask(world: &World, fields: &[(&str, &str)]) -> Answer {
    let bob = world.token_by("reader", "bob");
    let mut all = vec![("audience", "documents"), ("response_mode", "permissions")];
    all.extend_from_slice(fields);
    world.uma(&bob, &all)
}

#[test]
fn a_type_means_the_servers_the_callers_or_all_resources_of_it() {
    let world = albums();
    for (prefix, want) in [
        ("resource-type:album", vec!["all", "one"]),
        ("resource-type-owner:album", vec!["his"]),
        ("resource-type-instance:album", vec!["hers", "his"]),
        ("resource-type-any:album", vec!["all", "hers", "his", "one"]),
    ] {
        assert_eq!(named(&ask(&world, &[("permission", prefix)])), want, "{prefix}");
    }
    let some = ask(&world, &[("permission", "resource-type-owner:album#read")]).expect(200);
    assert_eq!(some.json()[0]["scopes"], json!(["read"]));
    ask(&world, &[("permission", "resource-type:nothing")]).refused(
        400,
        "invalid_resource",
        "Resource with id [nothing] does not exist.",
    );
}

#[test]
fn n_27_a_uri_means_the_servers_pattern_that_fits_best_and_nobody_elses() {
    let world = albums();
    let at = |uri: &str, matching: &str| {
        let fields = [
            ("permission", uri),
            ("permission_resource_format", "uri"),
            ("permission_resource_matching_uri", matching),
        ];
        ask(&world, &fields)
    };
    assert_eq!(named(&at("/albums/7", "true")), ["one"]);
    assert_eq!(named(&at("/albums/7/photos", "true")), ["all"]);
    assert_eq!(named(&at("/albums//7/?page=2", "true")), ["one"], "N27");
    assert_eq!(named(&at("/albums/*", "false")), ["all"], "exactly");
    for (uri, matching) in [("/albums/7", "false"), ("/elsewhere", "true"), ("/albums/%2e%2e/x", "true")] {
        at(uri, matching).refused(
            400,
            "invalid_resource",
            &format!("Resource with uri [{uri}] does not exist."),
        );
    }
}

/// A world in which one policy decides about the resource `gate-0001`
fn gate(policy: Value) -> World {
    let mut policy = policy;
    policy["name"] = json!("the policy");
    let resources = json!([{ "name": "gate", "_id": "gate-0001", "scopes": [{ "name": "read" }] }]);
    let permission = json!({ "name": "gate", "type": "resource",
        "config": { "resources": "[\"gate-0001\"]", "applyPolicies": "[\"the policy\"]" } });
    let settings = json!({ "resources": resources, "policies": [policy, permission] });
    let scopes = json!([{ "id": "cs-1", "name": "reading", "protocol": "openid-connect",
        "attributes": { "include.in.token.scope": "true" } }, {
        "id": "cs-2", "name": "profile", "protocol": "openid-connect", "protocolMappers": [{
            "name": "username", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-property-mapper",
            "config": { "user.attribute": "username", "claim.name": "preferred_username",
                        "access.token.claim": "true" } }] }]);
    World::of(
        &Realm::new("test")
            .set("clientScopes", scopes)
            .settings(settings)
            .client("scoped", json!({ "secret": secret("scoped"), "defaultClientScopes": ["reading"] })),
    )
}

fn opens(world: &World, client: &str, fields: &[(&str, &str)]) -> bool {
    let bob = world.token_by(client, "bob");
    let mut all =
        vec![("audience", "documents"), ("permission", "gate-0001#read"), ("response_mode", "decision")];
    all.extend_from_slice(fields);
    match world.uma(&bob, &all).status {
        200 => true,
        403 => false,
        other => panic!("{other}"),
    }
}

#[test]
fn times_patterns_and_client_scopes_decide() {
    let time = |config: Value| gate(json!({ "type": "time", "config": config }));
    assert!(opens(
        &time(json!({ "nbf": "2001-01-01 00:00:00", "noa": "2999-01-01 00:00:00" })),
        "reader",
        &[]
    ));
    assert!(!opens(&time(json!({ "noa": "2001-01-01" })), "reader", &[]));
    assert!(!opens(&time(json!({ "nbf": "tomorrow" })), "reader", &[]), "unreadable");

    let world = gate(json!({ "type": "regex",
        "config": { "targetClaim": "preferred_username", "pattern": "b.b" } }));
    assert!(opens(&world, "reader", &[]));
    let rpt =
        world.ask(&world.token_by("reader", "bob"), &["gate-0001#read"]).expect(200).member("access_token");
    assert_eq!(
        world.introspect(&rpt)["permissions"][0]["scopes"],
        json!(["read"]),
        "assessed anew, by its claims"
    );

    let world = gate(json!({ "type": "regex", "config": {
        "targetClaim": "department", "pattern": "(?i)ops|dev", "targetContextAttributes": "true" } }));
    let pushed = |department: &str| World::claim_token(&json!({ "department": [department] }));
    let format = ("claim_token_format", "urn:ietf:params:oauth:token-type:jwt");
    let with = |department: &str| opens(&world, "backend", &[format, ("claim_token", &pushed(department))]);
    assert!(with("OPS") && !with("sales"));

    let world = gate(json!({ "type": "client-scope", "config": { "clientScopes": "[{\"id\":\"cs-1\"}]" } }));
    assert!(opens(&world, "scoped", &[]));
    assert!(!opens(&world, "reader", &[]));
}

#[test]
fn a_script_that_nobody_runs_denies_whatever_its_logic() {
    for logic in ["POSITIVE", "NEGATIVE"] {
        let world = gate(json!({ "type": "script-scripts/always.js", "logic": logic, "config": {} }));
        assert!(!opens(&world, "reader", &[]), "{logic}");
    }
}

#[test]
fn everything_is_read_in_pages() {
    let world = World::new();
    let pat = world.pat();
    let names: Vec<String> = (0..1_100).map(|place| format!("doc {place:04}")).collect();
    let last: Vec<String> = names
        .iter()
        .map(|name| world.register(&pat, &countersign_tests::world::document(name, "alice")))
        .collect();
    let bob = world.token_by("reader", "bob");
    for id in last.iter().step_by(100) {
        _ = world.share(id, "read", "bob");
    }
    let answer = world.uma(&bob, &[("audience", "documents"), ("response_mode", "permissions")]);
    assert_eq!(named(&answer).len(), 11);
    let alice = world.uma(
        &world.token_by("reader", "alice"),
        &[("audience", "documents"), ("response_mode", "permissions")],
    );
    assert_eq!(alice.status, 403, "owners have no access without a policy (wire §8.5)");
}
