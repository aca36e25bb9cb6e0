//! Tickets and the token that they are asked for with.

use countersign_core::{
    challenge::UmaChallenge,
    edge::{Body, Config, Credential, Event, FetchKind, Withdrawals},
};

use super::world::{ISSUER, START, World, config, header, metadata, pat, rpt_with};

fn plain() -> Config {
    config().withdrawals(Withdrawals::None)
}

#[test]
fn a_request_without_token_is_challenged_with_a_ticket() {
    let mut world = World::new(plain().realm("My \"Files\"").unwrap());
    let id = world.send(&[]);
    world.reply(FetchKind::Metadata, 200, &metadata());
    let fetch = world.fetch(FetchKind::Pat);
    assert_eq!(
        (fetch.url.as_str(), &fetch.credential),
        ("https://as.example/realms/demo/token", &Credential::Client)
    );
    let Body::Form(form) = &fetch.body else { panic!("{fetch:?}") };
    assert_eq!(form.expose(), "grant_type=client_credentials");
    let mut world = World::ready(plain().realm("My \"Files\"").unwrap());
    let id_again = world.send(&[]);
    assert_eq!(id, id_again);
    world.reply(FetchKind::Pat, 200, &pat("pat-1", 300));
    let fetch = world.fetch(FetchKind::Ticket);
    assert_eq!(fetch.url, "https://as.example/realms/demo/permission");
    assert_eq!(fetch.body, Body::Json(r#"[{"resource_id":"42","resource_scopes":["read"]}]"#.into()));
    let Credential::Pat(token) = &fetch.credential else { panic!("{fetch:?}") };
    assert_eq!(token.expose(), "pat-1");
    world.happen(Event::Response { fetch: fetch.id, status: 201, body: br#"{"ticket":"t.i.c"}"#.into() });
    let answer = world.answer(id);
    assert_eq!(answer.status, 401);
    let challenge = header(&answer, "www-authenticate").unwrap();
    assert_eq!(challenge, format!(r#"UMA realm="My \"Files\"",as_uri="{ISSUER}",ticket="t.i.c""#));
    assert_eq!(UmaChallenge::find([challenge]).unwrap().unwrap().ticket(), "t.i.c");
    assert_eq!(header(&answer, "cache-control").as_deref(), Some("no-store"));
    assert!(header(&answer, "access-control-expose-headers").unwrap().contains("WWW-Authenticate"));
    assert_eq!(header(&answer, "warning"), None);
    world.idle();
}

#[test]
fn a_token_is_kept_only_by_guards_that_say_so() {
    let lived = |config: Config| {
        let mut world = World::ready(config);
        world.send(&[]);
        world.reply(FetchKind::Pat, 200, &pat("pat-1", 300));
        world.cached.into_iter().find(|(key, _)| *key == "pat").map(|(_, value)| value)
    };
    assert_eq!(lived(plain()), None);
    let value = lived(plain().keeps_pat()).unwrap();

    let next = |config: Config, value: &[u8], later: u64| {
        let mut world = World::ready(config);
        world.now += later;
        world.happen(Event::Restored { key: "pat".into(), value: value.into() });
        world.send(&[]);
        world
    };
    let fetch = next(plain().keeps_pat(), &value, 200).fetch(FetchKind::Ticket);
    let Credential::Pat(token) = fetch.credential else { panic!("it is asked for with the token") };
    assert_eq!(token.expose(), "pat-1");
    let of_the_future = [&(START + 10).to_be_bytes(), &value[8..]].concat();
    for (config, value, later) in [
        (plain(), value.as_slice(), 0),
        (plain().keeps_pat(), value.as_slice(), 290),
        (plain().keeps_pat(), of_the_future.as_slice(), 0),
        (plain().keeps_pat(), &value[..20], 0),
        (plain().keeps_pat(), b"", 0),
    ] {
        next(config, value, later).fetch(FetchKind::Pat);
    }
}

#[test]
fn each_request_gets_a_ticket_of_its_own_by_one_token() {
    let mut world = World::ready(plain());
    let ids: Vec<_> = (0..3).map(|_| world.send(&[])).collect();
    world.reply(FetchKind::Pat, 200, &pat("pat-1", 300));
    for (n, id) in ids.into_iter().enumerate() {
        world.reply(FetchKind::Ticket, 201, &format!(r#"{{"ticket":"t{n}"}}"#));
        let challenge = header(&world.answer(id), "www-authenticate").unwrap();
        assert!(challenge.ends_with(&format!("ticket=\"t{n}\"")), "{challenge}");
    }
    let id = world.send(&[]);
    world.challenged(id, "invalid_token");
    world.idle();
}

#[test]
fn without_credentials_there_is_a_warning_and_no_ticket() {
    let config = Config::new(ISSUER, "documents".parse().unwrap()).unwrap().withdrawals(Withdrawals::None);
    let mut world = World::ready(config);
    let id = world.send(&[]);
    world.warned(id, "invalid_token");
    world.idle();
}

#[test]
fn trap_uma_35_no_answer_but_a_ticket_makes_a_challenge() {
    for (status, body) in [
        (400, r#"{"error":"invalid_resource_id"}"#),
        (404, ""),
        (500, r#"{"ticket":"t"}"#),
        (302, r#"{"ticket":"t"}"#),
        (201, ""),
        (201, "<html>"),
        (201, "{}"),
        (201, r#"{"ticket":""}"#),
        (201, r#"{"ticket":1}"#),
        (201, r#"{"ticket":"a","ticket":"b"}"#),
        (201, "{\"ticket\":\"a\\r\\nset-cookie: x\"}"),
    ] {
        let mut world = World::ready(plain());
        let id = world.send(&[]);
        world.reply(FetchKind::Pat, 200, &pat("pat-1", 300));
        world.reply(FetchKind::Ticket, status, body);
        world.warned(id, "invalid_token");
        world.idle();
    }
    let mut world = World::ready(plain());
    let id = world.send(&[]);
    world.reply(FetchKind::Pat, 200, &pat("pat-1", 300));
    world.fail(FetchKind::Ticket);
    world.warned(id, "invalid_token");
}

#[test]
fn a_server_without_tokens_or_tickets_is_not_asked() {
    for missing in ["token_endpoint", "permission_endpoint"] {
        let mut document: serde_json::Value = serde_json::from_str(&metadata()).unwrap();
        document.as_object_mut().unwrap().remove(missing);
        let mut world = World::new(plain());
        let id = world.send(&[]);
        world.reply(FetchKind::Metadata, 200, &document.to_string());
        if missing == "permission_endpoint" {
            world.reply(FetchKind::Pat, 200, &pat("pat-1", 300));
        }
        world.warned(id, "invalid_token");
        world.idle();
    }
}

#[test]
fn the_token_is_renewed_before_it_ends() {
    let mut world = World::ready(plain());
    let ask = |world: &mut World| {
        let id = world.send(&[]);
        world.challenged(id, "invalid_token");
    };
    ask(&mut world);
    world.now += 259;
    ask(&mut world);
    world.idle();
    world.now += 1;
    let id = world.send(&[]);
    let renewal = world.fetch(FetchKind::Pat);
    world.reply(FetchKind::Ticket, 201, r#"{"ticket":"t"}"#);
    world.answer(id);
    world.happen(Event::Response { fetch: renewal.id, status: 200, body: pat("pat-2", 300).into() });
    world.now += 30;
    let id = world.send(&[]);
    let Credential::Pat(token) = world.fetch(FetchKind::Ticket).credential else { panic!("{id:?}") };
    assert_eq!(token.expose(), "pat-2");
    world.pass(228);
    assert!(!world.is_waiting(FetchKind::Pat));
    world.pass(2);
    assert!(world.is_waiting(FetchKind::Pat), "also by the clock alone");
    world.fail(FetchKind::Pat);
    world.pass(300);
    let mut attempts = 0;
    while world.is_waiting(FetchKind::Pat) {
        world.fetch(FetchKind::Pat);
        attempts += 1;
    }
    assert!((1..4).contains(&attempts), "{attempts} attempts, and none for a token that nobody uses");
}

#[test]
fn an_expired_token_is_not_sent() {
    let mut world = World::ready(plain());
    let id = world.send(&[]);
    world.challenged(id, "invalid_token");
    world.now += 290;
    let id = world.send(&[]);
    world.fail(FetchKind::Pat);
    world.warned(id, "invalid_token");
    let id = world.send(&[]);
    world.warned(id, "invalid_token");
    world.idle();
    world.now += 1;
    let id = world.send(&[]);
    world.challenged(id, "invalid_token");
}

#[test]
fn a_token_that_is_refused_is_renewed_once() {
    for status in [401, 403] {
        let mut world = World::ready(plain());
        let id = world.send(&[]);
        world.reply(FetchKind::Pat, 200, &pat("pat-1", 300));
        world.reply(FetchKind::Ticket, status, "");
        world.reply(FetchKind::Pat, 200, &pat("pat-2", 300));
        let fetch = world.fetch(FetchKind::Ticket);
        assert!(matches!(&fetch.credential, Credential::Pat(token) if token.expose() == "pat-2"));
        world.happen(Event::Response { fetch: fetch.id, status, body: vec![] });
        world.warned(id, "invalid_token");
        world.idle();
    }
}

#[test]
fn what_is_no_token_opens_no_door() {
    for (status, body) in [
        (401, r#"{"error":"invalid_client"}"#.to_owned()),
        (500, pat("p", 300)),
        (200, String::new()),
        (200, pat("p\r\nx: y", 300)),
        (200, pat("p", 0)),
    ] {
        let mut world = World::ready(plain());
        let id = world.send(&[]);
        world.reply(FetchKind::Pat, status, &body);
        world.warned(id, "invalid_token");
        world.idle();
    }
}

#[test]
fn tickets_under_way_are_bounded() {
    let mut world = World::ready(plain());
    let id = world.send(&[]);
    world.challenged(id, "invalid_token");
    let ids: Vec<_> = (0..64).map(|_| world.send(&[])).collect();
    let more = world.send(&[]);
    world.warned(more, "invalid_token");
    for id in ids {
        world.challenged(id, "invalid_token");
    }
    world.idle();
}

#[test]
fn debug_output_holds_no_credential() {
    let mut world = World::ready(plain());
    let token = rpt_with("sub", "bob".into());
    let request = super::world::request(1, &[("Authorization", &format!("Bearer {token}"))]);
    let signature = token.rsplit('.').next().unwrap().to_owned();
    let shown = format!("{request:?} {:?}", countersign_core::edge::Event::Request(request.clone()));
    assert!(!shown.contains(&signature), "{shown}");
    let id = world.send(&[]);
    world.reply(FetchKind::Pat, 200, &pat("secret-pat", 300));
    let shown = format!("{:?} {:?}", world.fetch(FetchKind::Ticket), world.guard());
    assert!(!shown.contains("secret-pat"), "{shown} {id:?}");
}
