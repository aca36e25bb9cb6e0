//! Persisted claims tokens (Grant §3.3.1, §3.3.5, §3.7).

use std::fs;

use countersign_tests::{browser::Browser, http::Answer, realm::secret, world::World};

use serde_json::json;

use super::{
    BACK, ID_TOKEN, error,
    gathering::{SEND, fill, laboratory, shown, ticket},
    id_token, lab, present, present_for, realm, with_lab,
};

/// Bob's answer, which he lets be remembered: the success that it leads to
fn remembered(world: &World, lab: &str) -> Answer {
    let mut browser = Browser::new(world);
    let page = shown(world, &mut browser, &ticket(world, lab), "bob");
    page.says("Remember this for backend");
    let back = fill(&mut browser, &page, &[("claim:dept", "research"), ("remember", "on"), SEND]);
    let answer = present_for(world, "bob", &back.parameter("ticket")).expect(200);
    world.server.http.keep_secret(&answer.member("pct"));
    answer
}

/// A fresh ticket, presented for somebody with a token of remembered claims
fn with_pct(world: &World, lab: &str, user: &str, pct: &str) -> Answer {
    let (ticket, token) = (ticket(world, lab), id_token(world, user));
    let fields =
        [("ticket", &*ticket), ("pct", pct), ("claim_token", &token), ("claim_token_format", ID_TOKEN)];
    present(world, &fields)
}

/// GRANT-3.3.1-08, GRANT-3.3.5-04, -05, GRANT-5.2-03, GRANT-5.4-01, GRANT-6.2-02, TRAP-UMA-16
#[test]
fn grant_3_3_5_what_is_remembered_is_not_asked_for_again() {
    let (world, lab) = laboratory();
    let pct = remembered(&world, &lab).member("pct");
    // 256 random bits, which say nothing.
    assert_eq!(pct.len(), 43);
    for _ in 0..2 {
        let granted = with_pct(&world, &lab, "bob", &pct).expect(200).json();
        // It is good until its end, and nothing new was said.
        assert_eq!(granted.get("pct"), None);
    }
    // What is wrong with a token of somebody else is not told: it is no claim.
    for (user, pct) in [("carol", &*pct), ("bob", "x"), ("bob", &"A".repeat(43))] {
        assert_eq!(error(&with_pct(&world, &lab, user, pct)), (403, "need_info".to_owned()), "{user} {pct}");
    }
    // It never says who asks.
    let answer = present(&world, &[("ticket", &ticket(&world, &lab)), ("pct", &pct)]);
    assert_eq!(error(&answer), (403, "need_info".to_owned()));
    // Nor is it another client's.
    let bob = world.token_by("reader", "bob");
    let answer = world.uma(&bob, &[("ticket", &ticket(&world, &lab)), ("pct", &pct)]);
    assert_eq!(error(&answer), (403, "need_info".to_owned()));
    // Twice is a mistake (GRANT-3.3.1-13).
    let answer = present(&world, &[("ticket", &ticket(&world, &lab)), ("pct", &pct), ("pct", &pct)]);
    assert_eq!(error(&answer), (400, "invalid_request".to_owned()));
}

/// GRANT-3.7-01, -02
#[test]
fn grant_3_7_a_client_gives_it_back() {
    let (world, lab) = laboratory();
    let revoke = |client: &str, pct: &str, hint: &str| {
        let form = [("token", pct), ("token_type_hint", hint)];
        let request = world.request("POST", "protocol/openid-connect/revoke");
        request.basic(client, &secret(client)).form(&form).send().expect(200)
    };
    for hint in ["pct", "access_token", "nonsense"] {
        let pct = remembered(&world, &lab).member("pct");
        // Another client's word takes nothing away.
        _ = revoke("robot", &pct, "pct");
        _ = with_pct(&world, &lab, "bob", &pct).expect(200);
        assert_eq!(revoke("backend", &pct, hint).text(), "");
        assert_eq!(error(&with_pct(&world, &lab, "bob", &pct)), (403, "need_info".to_owned()), "{hint}");
    }
}

/// What somebody takes back from an application is not remembered any more (TRAP-UMA-16)
#[test]
fn trap_uma_16_a_person_takes_it_back() {
    let bob = json!({ "clientRoles": { "account": ["manage-consent"] } });
    let world = World::of(&with_lab(realm()).user("bob", bob));
    let lab = lab(&world);
    let pct = remembered(&world, &lab).member("pct");
    let token = world.token("bob");
    let answer = world.request("DELETE", "account/v1/applications/backend/consent").bearer(&token).send();
    _ = answer.expect(204);
    assert_eq!(error(&with_pct(&world, &lab, "bob", &pct)), (403, "need_info".to_owned()));
}

/// GRANT-5.2-02, GRANT-6.2-01: the file alone gives neither token nor claims away
#[test]
fn the_database_knows_neither_token_nor_claims() {
    let (world, lab) = laboratory();
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "bob");
    let said = "a-department-of-which-nobody-knows";
    let back = fill(&mut browser, &page, &[("claim:dept", said), ("remember", "on"), SEND]);
    let (address, ticket) = (page.action(), back.parameter("ticket"));
    let pct = remembered(&world, &lab).member("pct");
    let mut file = Vec::new();
    for name in ["test.db", "test.db-wal"] {
        file.extend(fs::read(world.server.folder().path().join(name)).unwrap_or_default());
    }
    assert!(file.len() > 10_000);
    let interaction = address.split_once("interaction=").unwrap().1.to_owned();
    for secret in [said, &pct, &interaction, &ticket] {
        assert!(!file.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}

/// GRANT-6.2-02: nothing is remembered without a yes, nor where the realm does not want it
#[test]
fn nothing_is_remembered_that_nobody_wants_to_be() {
    let world = World::of(&with_lab(realm()).attribute("countersign.pct_lifespan", "0"));
    let lab = lab(&world);
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "bob");
    assert!(!page.text().contains("Remember this"));
    let back = fill(&mut browser, &page, &[("claim:dept", "research"), ("remember", "on"), SEND]);
    assert!(back.location().starts_with(BACK[0]));
    let granted = present_for(&world, "bob", &back.parameter("ticket")).expect(200).json();
    assert_eq!(granted.get("pct"), None);
}
