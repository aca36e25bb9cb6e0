//! Requests that come as they are: what the rules of an enforcer make of them.

use countersign_core::{
    edge::{Body, Config, ConfigError, Credential, Event, FetchKind, RequestId, Withdrawals},
    enforcer,
};
use serde_json::{Value, json};

use super::world::{START, STATUSES, World, config, header, list, listed, pat, rpt, rpt_with};

fn rules(rules: &Value) -> Config {
    let rules = enforcer::Config::parse(rules.to_string().as_bytes()).unwrap();
    config().withdrawals(Withdrawals::None).rules(rules).unwrap()
}

/// `bearer-only`, so that whoever comes without a token gets a ticket as well
fn challenging(paths: &Value) -> World {
    World::ready(rules(&json!({ "bearer-only": true, "user-managed-access": {}, "paths": paths })))
}

fn documents() -> Value {
    json!([{ "path": "/open", "enforcement-mode": "DISABLED" },
           { "path": "/documents/42", "id": "42", "methods": [{ "method": "GET", "scopes": ["read"] },
                                                              { "method": "PUT", "scopes": ["write"] }] }])
}

fn bearer(world: &mut World, method: &str, target: &str, token: &str, is_new: bool) -> RequestId {
    let id = world.arrive(method, target, &[("authorization", &format!("Bearer {token}"))]);
    if is_new {
        world.verify(true);
    }
    id
}

fn reasons(world: &mut World, id: RequestId) -> (u16, &'static str) {
    let answer = world.answer(id);
    (answer.status, answer.reason)
}

#[test]
fn a_token_opens_what_the_rules_say_that_it_opens() {
    let mut world = challenging(&documents());
    let id = bearer(&mut world, "GET", "/documents/42?page=2", &rpt(), true);
    let forward = world.forward(id);
    assert!(forward.set.contains(&("x-countersign-resource", "42".into())), "{forward:?}");
    assert!(forward.set.contains(&("x-countersign-scopes", "read".into())), "{forward:?}");

    let id = bearer(&mut world, "PUT", "/documents/42", &rpt(), false);
    world.reply(FetchKind::Pat, 200, &pat("p", 300));
    let fetch = world.fetch(FetchKind::Ticket);
    assert_eq!(fetch.body, Body::Json(r#"[{"resource_id":"42","resource_scopes":["write"]}]"#.into()));
    world.happen(Event::Response { fetch: fetch.id, status: 201, body: br#"{"ticket":"t"}"#.to_vec() });
    assert_eq!(reasons(&mut world, id), (401, "not_permitted"));
}

#[test]
fn an_open_path_needs_nothing_and_own_headers_are_taken_away() {
    let mut world = World::new(rules(&json!({ "paths": documents() })));
    let id = world.arrive("GET", "/open", &[("X-Countersign-Sub", "alice")]);
    let forward = world.forward(id);
    assert_eq!((forward.remove, forward.set.len()), (vec![b"X-Countersign-Sub".to_vec()], 0));
    world.idle();
}

#[test]
fn what_no_ticket_helps_is_refused_at_once() {
    let mut world = challenging(&documents());
    for (method, target) in [("GET", "/elsewhere"), ("get", "/documents/42"), ("GET", "/documents/..;/42")] {
        let id = world.arrive(method, target, &[("authorization", &format!("Bearer {}", rpt()))]);
        let answer = world.answer(id);
        assert_eq!((answer.status, header(&answer, "warning")), (403, None), "{method} {target}");
        world.idle();
    }
    let id = world.arrive("GET", "/documents/42", &[("X-Original-URL", "/open")]);
    assert_eq!(reasons(&mut world, id), (403, "unreadable"));
    world.idle();
}

#[test]
fn without_a_token_only_a_bearer_only_server_gives_tickets() {
    let mut world = challenging(&documents());
    let id = world.arrive("GET", "/documents/42", &[]);
    let answer = world.challenged(id, "not_permitted");
    assert_eq!(answer.reason, "no_token");

    let mut world = World::ready(rules(&json!({ "user-managed-access": {}, "paths": documents() })));
    let id = world.arrive("GET", "/documents/42", &[]);
    assert_eq!(reasons(&mut world, id), (403, "no_token"));
    let id = bearer(&mut world, "GET", "/documents/42", &rpt_with("aud", json!("others")), false);
    world.challenged(id, "wrong_audience");
    world.idle();
}

#[test]
fn without_user_managed_access_nobody_is_asked() {
    for (more, status) in [(json!({}), 403), (json!({ "on-deny-redirect-to": "/denied" }), 302)] {
        let mut all = json!({ "bearer-only": true, "paths": documents() });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut world = World::ready(rules(&all));
        let id = bearer(&mut world, "PUT", "/documents/42", &rpt(), true);
        let answer = world.answer(id);
        assert_eq!((answer.status, answer.reason), (status, "not_permitted"));
        assert_eq!(header(&answer, "location").is_some(), status == 302);
        world.idle();
    }
}

#[test]
fn where_rules_are_off_any_good_token_does() {
    let mut world = World::ready(rules(&json!({ "enforcement-mode": "DISABLED" })));
    let id = bearer(&mut world, "GET", "/anything", &rpt(), true);
    let forward = world.forward(id);
    assert_eq!(forward.set, [("x-countersign-sub", "bob".into()), ("x-countersign-rpt-jti", "rpt-1".into())]);
    let id = world.arrive("GET", "/anything", &[]);
    let answer = world.answer(id);
    assert_eq!(answer.status, 401);
    assert_eq!(header(&answer, "www-authenticate").as_deref(), Some(r#"Bearer realm="documents""#));
}

#[test]
fn the_resource_of_a_path_is_looked_up_once_and_kept_for_a_while() {
    let mut world = challenging(&json!([{ "path": "/documents/{id}", "scopes": ["read"] }]));
    let id = bearer(&mut world, "GET", "/documents/4 2".replace(' ', "").as_str(), &rpt(), true);
    world.reply(FetchKind::Pat, 200, &pat("p", 300));
    let fetch = world.fetch(FetchKind::Resources);
    assert_eq!(fetch.url, "https://as.example/realms/demo/resources?deep=true&uri=/documents/42");
    assert!(matches!(fetch.credential, Credential::Pat(_)));
    assert_eq!(fetch.fresh_for, 30);
    world.happen(Event::Response { fetch: fetch.id, status: 200, body: b"[]".to_vec() });
    let fetch = world.fetch(FetchKind::Resources);
    assert!(fetch.url.ends_with("&uri=/documents/42&matchingUri=true"), "{}", fetch.url);
    let body = br#"[{"_id":"42","name":"a","resource_scopes":[{"name":"read"}]}]"#.to_vec();
    world.happen(Event::Response { fetch: fetch.id, status: 200, body });
    world.forward(id);

    let id = bearer(&mut world, "GET", "/documents/42", &rpt(), false);
    world.forward(id);
    world.idle();
    world.pass(30);
    let id = bearer(&mut world, "GET", "/documents/42", &rpt(), false);
    world.reply(FetchKind::Resources, 200, r#"[{"_id":"42"},{"_id":"43"}]"#);
    assert_eq!(reasons(&mut world, id), (403, "no_resource"), "one of them may be a stranger's");
}

#[test]
fn for_how_long_an_answer_about_a_path_serves_is_as_the_rules_say() {
    for (cache, seconds) in [
        (json!({ "lifespan": 5_000 }), 5),
        (json!({ "lifespan": 0 }), 0),
        (json!({ "max-entries": 0 }), 0),
        (json!({ "lifespan": -1 }), u64::MAX),
    ] {
        let paths = json!([{ "path": "/documents/{id}" }]);
        let all =
            json!({ "bearer-only": true, "user-managed-access": {}, "paths": paths, "path-cache": cache });
        let mut world = World::ready(rules(&all));
        bearer(&mut world, "GET", "/documents/42", &rpt(), true);
        let fetch = world.fetch(FetchKind::Pat);
        assert_eq!(fetch.fresh_for, 0, "a token is not everybody's");
        world.happen(Event::Response { fetch: fetch.id, status: 200, body: pat("p", 300).into() });
        assert_eq!(world.fetch(FetchKind::Resources).fresh_for, seconds, "{cache}");
    }
}

#[test]
fn a_resource_that_cannot_be_looked_up_is_nobodys() {
    for (status, body) in [(500, ""), (200, "{}"), (200, r#"[{"name":"no id"}]"#), (404, "[]")] {
        let mut world = challenging(&json!([{ "path": "/documents/{id}", "scopes": ["read"] }]));
        let id = bearer(&mut world, "GET", "/documents/42", &rpt(), true);
        world.reply(FetchKind::Pat, 200, &pat("p", 300));
        world.reply(FetchKind::Resources, status, body);
        world.warned(id, "not_permitted");
        world.idle();
    }
}

#[test]
fn a_pat_that_is_refused_is_renewed_once_for_a_lookup() {
    let mut world = challenging(&json!([{ "path": "/documents/{id}" }]));
    let id = bearer(&mut world, "GET", "/documents/42", &rpt(), true);
    for _ in 0..2 {
        world.reply(FetchKind::Pat, 200, &pat("p", 300));
        world.reply(FetchKind::Resources, 401, "");
    }
    world.warned(id, "not_permitted");
    world.idle();
}

#[test]
fn claims_go_into_the_ticket() {
    let paths = json!([{ "path": "/documents/42", "id": "42", "scopes": ["write"],
        "claim-information-point": { "claims": { "page": "{request.parameter['page']}",
                                                 "who": "{request.cookie['who']}" } } }]);
    let mut world = challenging(&paths);
    let id = world.arrive("GET", "/documents/42?page=a%2Bb+c&x", &[("Cookie", "x=1; who=bob")]);
    world.reply(FetchKind::Pat, 200, &pat("p", 300));
    let Body::Json(body) = world.fetch(FetchKind::Ticket).body else { panic!("no JSON") };
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body[0]["claims"], json!({ "page": ["a+b c"], "who": ["bob"] }));
    world.happen(Event::Gone(id));
}

#[test]
fn a_withdrawn_token_is_refused_and_the_list_outlives_its_guard() {
    let rules = || {
        let all = json!({ "bearer-only": true, "user-managed-access": {}, "paths": documents() });
        let rules = enforcer::Config::parse(all.to_string().as_bytes()).unwrap();
        config().withdrawals(Withdrawals::List).rules(rules).unwrap()
    };
    let mut first = World::ready(rules());
    let id = bearer(&mut first, "GET", "/documents/42", &listed(0), true);
    first.list(&list(START, 1, &STATUSES));
    first.forward(id);

    let mut second = World::new(rules());
    for (key, value) in first.cached.clone() {
        second.happen(Event::Restored { key: key.into(), value });
    }
    second.verify(true);
    let id = bearer(&mut second, "GET", "/documents/42", &listed(0), true);
    second.forward(id);
    let id = bearer(&mut second, "GET", "/documents/42", &listed(1), true);
    second.challenged(id, "withdrawn");
    second.idle();
    second.pass(6);
    let id = bearer(&mut second, "GET", "/documents/42", &listed(0), false);
    assert!(second.is_waiting(FetchKind::StatusList), "a list of an earlier life grows old as well");
    second.happen(Event::Gone(id));
}

#[test]
fn without_rules_nothing_passes_and_rules_ask_nobody_else() {
    let mut world = World::ready(config());
    let id = world.arrive("GET", "/documents/42", &[]);
    assert_eq!(world.answer(id).status, 403);
    let foreign = br#"{"claim-information-point":{"http":{"url":"http://other.example"}}}"#;
    let foreign = enforcer::Config::parse(foreign).unwrap();
    assert_eq!(config().rules(foreign).map(|_| ()), Err(ConfigError::ForeignClaims));
    let body = br#"{"claim-information-point":{"claims":{"a":"{request.body['/a']}"}}}"#;
    let body = enforcer::Config::parse(body).unwrap();
    assert!(config().rules(body).unwrap().reads_body() && !config().reads_body());
}
