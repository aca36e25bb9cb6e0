//! ENT-1 to ENT-16 and ENT-27 to ENT-45: requests without a ticket, and for whom their RPTs are.

use countersign_tests::{
    authz::{ARCHIVE, Authz},
    case::{self, granted, permissions},
    forge::claims,
    http::Answer,
    realm::{Realm, password, secret, settings, with},
    world::World,
};
use serde_json::{Value, json};

/// Twenty resources that everybody may use
fn twenty() -> Value {
    let names: Vec<_> = (1..=20).map(|number| format!("Resource {number}")).collect();
    let mut policies = vec![
        json!({ "name": "always", "type": "user", "logic": "NEGATIVE", "config": { "users": "[\"dave\"]" } }),
    ];
    policies.extend(names.iter().map(|name| {
        let config = json!({ "resources": format!("[\"{name}\"]"), "applyPolicies": "[\"always\"]" });
        json!({ "name": format!("{name} Permission"), "type": "resource", "config": config })
    }));
    let resources: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
    with(settings(), json!({ "resources": resources, "policies": policies, "scopes": [] }))
}

/// The realm of these cases: twenty resources at each of two resource servers
fn realm() -> Realm {
    let twenty = twenty();
    case::realm()
        .settings(twenty.clone())
        .client("archive", json!({ "authorizationSettings": twenty }))
        .user("marta", json!({ "realmRoles": ["default-roles-test", "offline_access"] }))
}

fn world() -> World {
    Authz::of(&realm()).world
}

fn ask(world: &World, token: &str, server: &str, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("audience", server)];
    all.extend(fields);
    world.uma(token, &all)
}

/// Pairwise subjects are not served: the second resource server has public ones
#[test]
fn ent_1_and_2_and_3_and_4_names_are_shown_unless_they_are_not_wanted() {
    let world = world();
    for server in ["documents", "archive"] {
        let token = world.token_by(server, "marta");
        let named = |fields: &[(&str, &str)]| {
            let list = permissions(ask(&world, &token, server, fields));
            (
                list.len(),
                list.iter().all(|one| one.get("rsname").is_some()),
                list.iter().any(|one| one.get("rsname").is_some()),
            )
        };
        let without = ("response_include_resource_name", "false");
        assert_eq!(named(&[("permission", "Resource 1"), without]), (1, false, false), "{server}");
        assert_eq!(named(&[without]), (20, false, false), "{server}");
        for with in [vec![], vec![("response_include_resource_name", "true")]] {
            let one = [vec![("permission", "Resource 13")], with.clone()].concat();
            assert_eq!(named(&one), (1, true, true), "{server}");
            assert_eq!(named(&with), (20, true, true), "{server}");
        }
    }
}

#[test]
fn ent_5_and_6_and_7_a_confidential_client_sends_claims_and_a_public_one_does_not() {
    let world = world();
    let pushed = World::claim_token(&json!({ "claim-a": "claim-a" }));
    let claim = [("permission", "Resource 13"), ("claim_token", pushed.as_str())];
    let confidential = world.token_by("documents", "marta");
    assert_eq!(granted(ask(&world, &confidential, "documents", &claim)), ["Resource 13"]);
    let public = world.token_by("reader", "marta");
    let text = "Public clients are not allowed to send claims";
    ask(&world, &public, "documents", &claim).refused(403, "invalid_grant", text);
    assert_eq!(granted(ask(&world, &public, "documents", &claim[..1])), ["Resource 13"]);
}

/// Clients whose roles the user holds come after the resource server
fn first_audience(rpt: &Value) -> &Value {
    if rpt["aud"].is_array() { &rpt["aud"][0] } else { &rpt["aud"] }
}

#[test]
fn ent_10_to_13_the_first_audience_is_the_resource_server() {
    let world = world();
    for client in ["backend", "reader"] {
        let token = world.token_by(client, "marta");
        for server in ["documents", "archive"] {
            let answer = ask(&world, &token, server, &[("permission", "Resource 1")]).expect(200);
            let rpt = claims(&answer.member("access_token"));
            assert_eq!((first_audience(&rpt), &rpt["azp"]), (&json!(server), &json!(client)));
        }
    }
}

#[test]
fn ent_15_everything_or_as_much_as_is_wanted() {
    let world = world();
    let token = world.token("marta");
    for (limit, want) in [(None, 20), (Some("10"), 10), (Some("1"), 1)] {
        let fields: Vec<_> = limit.iter().map(|limit| ("response_permissions_limit", *limit)).collect();
        assert_eq!(permissions(ask(&world, &token, "documents", &fields)).len(), want, "{limit:?}");
    }
}

#[test]
fn ent_16_a_name_that_nobody_registered() {
    let authz = Authz::of(&realm().set("eventsEnabled", json!(true)));
    let world = &authz.world;
    let answer = world.ask(&world.token("marta"), &["Sensortest#sensors:view"]);
    // The scope is looked at first (wire §6.5): here it exists on another resource.
    answer.refused(400, "invalid_scope", "One of the given scopes [sensors:view] is invalid");
    let body = json!({ "name": "Sensors", "resource_scopes": ["sensors:view"] });
    _ = world.register(&world.pat(), &body);
    let answer = world.ask(&world.token("marta"), &["Sensortest#sensors:view"]);
    answer.refused(400, "invalid_resource", "Resource with id [Sensortest] does not exist.");
    let events = authz.events("PERMISSION_TOKEN_ERROR");
    let [newest, _] = &events[..] else { panic!("not one event for each request: {events:?}") };
    assert_eq!((&newest["clientId"], &newest["error"]), (&json!("documents"), &json!("invalid_request")));
    assert_eq!(newest["details"]["reason"], "Resource with id [Sensortest] does not exist.");
    assert_eq!(newest["userId"], world.id_of("marta"));
}

#[test]
fn ent_27_an_offline_rpt_outlives_a_restart() {
    let mut world = world();
    let (password, secret) = (password("marta"), secret("documents"));
    let form = [
        ("grant_type", "password"),
        ("username", "marta"),
        ("password", &*password),
        ("client_id", "documents"),
        ("client_secret", &*secret),
        ("scope", "offline_access"),
    ];
    let token = world.post_token().form(&form).send().expect(200).member("access_token");
    let fields = [("permission", "Resource 1")];
    let rpt = ask(&world, &token, "documents", &fields).expect(200).member("access_token");
    _ = world.server.terminate();
    world.server.start_again();
    let active = |world: &World, rpt: &str| {
        let said = world.introspect(rpt);
        assert_eq!(
            (&said["active"], &said["permissions"][0]["rsname"]),
            (&json!(true), &json!("Resource 1"))
        );
    };
    active(&world, &rpt);
    let again = ask(&world, &token, "documents", &fields).expect(200).member("access_token");
    active(&world, &again);
}

#[test]
fn ent_28_mappers_of_the_resource_server_make_an_rpts_claims() {
    let mapper = |client: &str| {
        json!({ "protocolMappers": [{
            "name": "custom", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
            "config": { "claim.name": "custom_claim", "claim.value": client, "jsonType.label": "String",
                        "access.token.claim": "true" } }] })
    };
    let realm = realm().client("reader", mapper("reader")).client("documents", mapper("documents"));
    let world = Authz::of(&realm).world;
    let token = world.token_by("reader", "marta");
    assert_eq!(claims(&token)["custom_claim"], "reader");
    for _ in 0..2 {
        let answer = ask(&world, &token, "documents", &[("permission", "Resource 1")]).expect(200);
        let rpt = claims(&answer.member("access_token"));
        assert_eq!((&rpt["custom_claim"], &rpt["azp"]), (&json!("documents"), &json!("reader")));
    }
}

#[test]
fn ent_29_the_client_that_asked_refreshes() {
    let world = world();
    let token = world.token_by("reader", "marta");
    let answer = ask(&world, &token, "documents", &[("permission", "Resource 1")]).expect(200);
    let rpt = claims(&answer.member("access_token"));
    assert_eq!((&rpt["azp"], first_audience(&rpt)), (&json!("reader"), &json!("documents")));
    assert_eq!(rpt["authorization"]["permissions"].as_array().unwrap().len(), 1);
    let again = world.refresh("reader", &answer.member("refresh_token")).expect(200);
    assert_ne!(again.member("access_token"), answer.member("access_token"));
    assert_ne!(again.member("refresh_token"), answer.member("refresh_token"));
    assert_eq!(granted(again), ["Resource 1"]);
}

#[test]
fn ent_31_and_32_a_token_that_is_dead_or_forged_is_nobodys() {
    let authz = Authz::of(&realm().set("eventsEnabled", json!(true)));
    let world = &authz.world;
    let token = world.token_by("backend", "marta");
    let subject = |token: &str| {
        let fields = [("audience", "documents"), ("permission", "Resource 1"), ("subject_token", token)];
        world.uma_by("documents", &fields)
    };
    assert_eq!(granted(subject(&token)), ["Resource 1"]);
    subject(&format!("{token}x")).refused(400, "unauthorized_client", "Invalid identity");
    let [refused] = &authz.events("PERMISSION_TOKEN_ERROR")[..] else { panic!("not one refusal") };
    assert_eq!((&refused["clientId"], refused.get("userId")), (&json!("documents"), None));
    assert!(!refused.to_string().contains(&token));
    _ = authz.bare("POST", "logout-all").bearer(&authz.token()).send().expect(200);
    subject(&token).refused(400, "unauthorized_client", "Invalid identity");
}

#[test]
fn ent_34_one_resource_server_asks_another() {
    let authz = Authz::of(&realm());
    let resource = json!({ "name": "Resource A" });
    _ = authz.at(ARCHIVE, "POST", "resource").json(&resource).send().expect(201);
    let permission = json!({ "name": "A", "resources": ["Resource A"], "policies": ["always"] });
    _ = authz.at(ARCHIVE, "POST", "permission/resource").json(&permission).send().expect(201);
    let token = authz.world.pat_of("documents");
    let answer = ask(&authz.world, &token, "archive", &[("permission", "Resource A")]);
    assert_eq!(granted(answer), ["Resource A"]);
}

#[test]
fn ent_35_a_client_asks_for_itself_and_gets_nothing_to_refresh() {
    let world = world();
    let answer =
        world.uma_by("robot", &[("audience", "documents"), ("permission", "Resource 1")]).expect(200);
    assert_eq!(answer.json().get("refresh_token"), None);
    let rpt = claims(&answer.member("access_token"));
    assert_eq!((&rpt["azp"], rpt.get("sid")), (&json!("robot"), None));
    assert_eq!(granted(answer), ["Resource 1"]);
}

#[test]
fn ent_38_to_43_a_ticket_names_neither_and_its_rpt_is_for_the_resource_server() {
    let world = world();
    for server in ["documents", "archive"] {
        for client in ["backend", "reader"] {
            let ticket = world.ticket(&world.pat_of(server), "Resource 1", &[]);
            let aud = claims(&ticket)["aud"].to_string();
            assert!(!aud.contains(server) && !aud.contains(client), "{aud}");
            let answer = world.exchange(&world.token_by(client, "marta"), &ticket).expect(200);
            let rpt = claims(&answer.member("access_token"));
            assert_eq!((first_audience(&rpt), &rpt["azp"]), (&json!(server), &json!(client)));
            assert_eq!(granted(answer), ["Resource 1"]);
        }
    }
}

fn modes(world: &World, ticket: &str) -> [Answer; 3] {
    let token = world.token_by("backend", "marta");
    let ask = |mode: &str| {
        let fields = [("ticket", ticket), ("response_mode", mode)];
        world.uma(&token, if mode.is_empty() { &fields[..1] } else { &fields })
    };
    [ask(""), ask("decision"), ask("permissions")]
}

/// With tickets that work until they expire, as the case wants them
#[test]
fn ent_44_one_ticket_three_answers() {
    let world = Authz::of(&realm().attribute("countersign.ticket_use", "until-expiry")).world;
    let ticket = world.ticket(&world.pat(), "Resource 1", &[]);
    let [rpt, decision, list] = modes(&world, &ticket);
    assert_eq!(granted(rpt), ["Resource 1"]);
    assert_eq!(decision.expect(200).json(), json!({ "result": true }));
    assert_eq!(granted(list), ["Resource 1"]);
}

/// Ours: the RPT spends the ticket, and the other two answers come first (design D2)
#[test]
fn ent_44_ours_the_rpt_comes_last() {
    let world = world();
    let ticket = world.ticket(&world.pat(), "Resource 1", &[]);
    for answer in modes(&world, &ticket).into_iter().skip(1) {
        answer.refused(403, "invalid_ticket", "Invalid permission ticket.");
    }
    let ticket = world.ticket(&world.pat(), "Resource 1", &[]);
    let token = world.token_by("backend", "marta");
    let ask = |mode: &str| world.uma(&token, &[("ticket", &*ticket), ("response_mode", mode)]);
    assert_eq!(ask("decision").expect(200).json(), json!({ "result": true }));
    assert_eq!(granted(ask("permissions")), ["Resource 1"]);
    assert_eq!(granted(world.exchange(&token, &ticket)), ["Resource 1"]);
}

#[test]
fn ent_45_everybody_means_his_own_by_a_name() {
    let authz = Authz::of_cases();
    let ids = ["kolo", "marta"].map(|owner| (owner, authz.world.managed("Resource A", owner, &["ScopeA"])));
    _ = authz.permit(&[&ids[0].1, &ids[1].1], "always");
    for (owner, id) in ids {
        let list = permissions(authz.world.ask(&authz.world.token(owner), &["Resource A"]));
        let got: Vec<_> = list.iter().map(|one| one["rsid"].as_str().unwrap()).collect();
        assert_eq!(got, [id], "{owner}");
    }
}
