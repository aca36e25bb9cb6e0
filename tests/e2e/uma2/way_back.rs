//! Where people are sent after a page of claims gathering, and with what (Grant §3.3.3).

use countersign_tests::browser::Browser;

use super::{
    BACK, error,
    gathering::{address, laboratory, sent, ticket},
    present_for, register,
};

/// GRANT-3.3.2-03, -04, -05, -06, -07, GRANT-3.3.3-05, TRAP-OAUTH-08
#[test]
fn grant_3_3_3_nobody_is_sent_to_a_place_that_is_not_registered() {
    let (world, lab) = laboratory();
    let ticket = ticket(&world, &lab);
    let mut browser = Browser::new(&world);
    for (client, place) in [
        ("", BACK[0]),
        ("nobody", BACK[0]),
        ("gone", BACK[0]),
        ("listener", BACK[0]),
        // Two are registered, none is named.
        ("backend", ""),
        // Of its sign-ins, not of claims gathering (GRANT-3.3.2-07).
        ("backend", "https://app.example/cb"),
        ("backend", "https://app.example/back/"),
        ("backend", "https://app.example/back#x"),
        ("backend", "https://app.example/back?x=1"),
        ("backend", "https://APP.example/back"),
        ("backend", "https://app.example:443/back"),
        ("backend", "/back"),
        ("backend", "https://evil.example/back"),
        ("backend", "https://app.example/back##https://app.example/other?x=1"),
        // This one has registered none.
        ("robot", BACK[0]),
    ] {
        let with =
            [("client_id", client), ("ticket", &*ticket), ("claims_redirect_uri", place), ("state", "s")];
        let page = browser.get(&address(&world, &with)).expect(400);
        assert_eq!(page.answer.header("location"), None, "{client} {place}");
        page.says("kc-error-message");
    }
    let twice = format!("{}&claims_redirect_uri=https%3A%2F%2Fevil.example", sent(&world, &ticket));
    _ = browser.get(&twice).expect(400);
    // The ticket is still good.
    _ = browser.get(&sent(&world, &ticket)).location();
}

/// GRANT-3.3.3-02, -06, -10, GRANT-3.3.2-04, -10, TRAP-UMA-01
#[test]
fn grant_3_3_3_every_other_failure_is_told_to_the_client() {
    let (world, lab) = laboratory();
    let mut browser = Browser::new(&world);
    let good = ticket(&world, &lab);
    let asked = present_for(&world, "bob", &good).expect(403);
    let with = |ticket: &str, state: &str| {
        let all = [
            ("client_id", "backend"),
            ("ticket", ticket),
            ("claims_redirect_uri", BACK[1]),
            ("state", state),
        ];
        address(&world, &all)
    };
    let long = "s".repeat(5_000);
    for (url, state) in [
        (with("", "a b"), Some("a b")),
        (with("x", "s"), Some("s")),
        // Used up by the token endpoint.
        (with(&good, "s"), Some("s")),
        (with(&good, ""), None),
        (with(&world.pat(), "s"), Some("s")),
        (format!("{}&ticket=x", with(&good, "s")), Some("s")),
        (with(&asked.member("ticket"), &long), None),
    ] {
        let back = browser.get(&url);
        // What the address has stays before what is added.
        assert!(
            back.location().starts_with(&format!("{}&error=invalid_request&", BACK[1])),
            "{}",
            back.location()
        );
        let said = back.parameters();
        let find = |name: &str| said.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!((find("state"), find("iss")), (state, Some(&*world.issuer())));
        assert_eq!((find("ticket"), find("authorization_state")), (None, None));
    }
    // Its line belongs to another client: that is shown, not sent (GRANT-3.3.2-10).
    let bob = world.token_by("reader", "bob");
    let hers = register(&world, "hers");
    let of_reader = world.exchange(&bob, &ticket(&world, &hers)).expect(403).member("ticket");
    _ = browser.get(&with(&of_reader, "s")).expect(400);
    // At this endpoint a ticket is good once, too (TRAP-UMA-01).
    let fresh = asked.member("ticket");
    let page = browser.get(&with(&fresh, "s")).location();
    assert!(page.starts_with(&world.url("uma/claims/form?")), "{page}");
    browser.get(&with(&fresh, "s")).tells("invalid_request");
    assert_eq!(error(&present_for(&world, "bob", &fresh)), (400, "invalid_grant".to_owned()));
}
