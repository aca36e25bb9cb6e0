//! Claims that people give at a page (Grant §3.3.2, §3.3.3).

use std::thread;

use countersign_tests::{
    authz::Authz,
    browser::{Browser, Page},
    forge::claims,
    http::{Answer, escape},
    realm::{password, secret},
    world::World,
};
use serde_json::json;

use super::{BACK, ID_TOKEN, error, id_token, lab, present, present_for, realm, register, with_lab};

/// A world with `lab`, and its id
pub(super) fn laboratory() -> (World, String) {
    let world = World::of(&with_lab(realm()));
    let lab = lab(&world);
    (world, lab)
}

pub(super) fn ticket(world: &World, resource: &str) -> String {
    world.ticket(&world.pat(), resource, &["read"])
}

/// The claims interaction endpoint with these parameters; empty ones are left out
pub(super) fn address(world: &World, parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    world.url(&format!("uma/claims?{}", pairs.join("&")))
}

/// `backend` sends the browser with this ticket
pub(super) fn sent(world: &World, ticket: &str) -> String {
    world.server.http.keep_secret(ticket);
    let with =
        [("client_id", "backend"), ("ticket", ticket), ("claims_redirect_uri", BACK[0]), ("state", "S7 &cV")];
    address(world, &with)
}

/// The page that this person is shown who signs in first
pub(super) fn shown(world: &World, browser: &mut Browser, ticket: &str, user: &str) -> Page {
    let page = browser.get(&sent(world, ticket)).location();
    assert!(!page.contains(ticket) && !page.contains("ticket"), "{page}");
    let form = browser.get(&page).expect(200);
    let form = if form.text().contains("kc-form-login") {
        let back = browser.submit(&form, &[("username", user), ("password", &password(user))]);
        assert_eq!(back.location(), page);
        browser.get(&page).expect(200)
    } else {
        form
    };
    form.says("cs-claims-form");
    form
}

/// The hidden field by which a form belongs to a sign-in
pub(super) fn mark(page: &Page) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("name=\"session\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

pub(super) fn fill(browser: &mut Browser, page: &Page, fields: &[(&str, &str)]) -> Page {
    let mark = mark(page);
    let mut all = vec![("session", &*mark)];
    all.extend(fields);
    browser.submit(page, &all)
}

pub(super) const SEND: (&str, &str) = ("accept", "Yes");

/// GRANT-3.3.6-06, GRANT-3.3.2-01, -02, -09, GRANT-3.3.3-01, -02, -03, -08, -09, GRANT-5.5-02
#[test]
fn grant_3_3_2_a_claim_is_given_on_a_page_and_counts() {
    let (world, lab) = laboratory();
    let first = ticket(&world, &lab);
    let asked = present_for(&world, "bob", &first).expect(403);
    let body = asked.json();
    assert_eq!(
        (&body["error"], &body["redirect_user"]),
        (&json!("need_info"), &json!(world.url("uma/claims")))
    );
    assert_eq!(body["required_claims"], json!([{ "friendly_name": "Department", "name": "dept" }]));
    let second = asked.member("ticket");
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &second, "bob");
    for words in ["<strong>backend</strong>", "lab: read", "Department", "(bob)"] {
        page.says(words);
    }
    let header = |name: &str| page.answer.header(name).unwrap_or_default().to_owned();
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!((&*header("referrer-policy"), &*header("x-frame-options")), ("no-referrer", "DENY"));
    assert!(header("cache-control").contains("no-store"));
    // The page has used the ticket up (GRANT-5.5-02).
    assert_eq!(error(&present_for(&world, "bob", &second)), (400, "invalid_grant".to_owned()));

    let back = fill(&mut browser, &page, &[("claim:dept", "research"), ("claim:role", "admin"), SEND]);
    assert!(back.location().starts_with(&format!("{}?ticket=", BACK[0])), "{}", back.location());
    assert!(!back.location().contains("research"));
    let names: Vec<_> = back.parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ticket", "state", "iss"]);
    assert_eq!((back.parameter("state"), back.parameter("iss")), ("S7 &cV".to_owned(), world.issuer()));
    let third = back.parameter("ticket");
    assert!(third != second && third != first);
    // What was said is for this server: neither ticket nor RPT tells.
    assert!(!claims(&third).to_string().contains("research"));
    let granted = present_for(&world, "bob", &third).expect(200);
    assert_eq!(granted.json().get("pct"), None);
    let rpt = granted.member("access_token");
    assert!(!claims(&rpt).to_string().contains("research"));
    assert_eq!(claims(&rpt)["authorization"]["permissions"][0]["scopes"], json!(["read"]));
    // It still counts where the RPT is looked at (design D3).
    let told =
        world.post_introspect().bearer(&world.pat()).form(&[("token", &*rpt)]).send().expect(200).json();
    assert_eq!((&told["active"], &told["permissions"][0]["resource_id"]), (&json!(true), &json!(lab)));
    // For this line alone: with another ticket it is asked for again.
    let again = present_for(&world, "bob", &ticket(&world, &lab));
    assert_eq!(error(&again), (403, "need_info".to_owned()));
}

/// What does not suffice is not asked for again, and what is wrong is said on the page
#[test]
fn an_answer_is_checked_and_decides_once() {
    let (world, lab) = laboratory();
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "bob");
    for (fields, text) in [
        (vec![SEND], "Please fill in at least one field."),
        (vec![("claim:dept", "a\u{7}b"), SEND], "has characters that cannot be used"),
        (vec![("claim:dept", &*"x".repeat(5_000)), SEND], "is too long"),
    ] {
        fill(&mut browser, &page, &fields).expect(200).says(text);
    }
    // Markup stays text (TRAP-OAUTH-27).
    let shown_again = fill(&mut browser, &page, &[("claim:dept", "\"><b>\u{7}"), SEND]).expect(200);
    assert!(!shown_again.text().contains("<b>"));
    let back = fill(&mut browser, &page, &[("claim:dept", "sales"), SEND]);
    let denied = present_for(&world, "bob", &back.parameter("ticket"));
    assert_eq!(error(&denied), (403, "request_denied".to_owned()));
}

/// Whoever answers is known by that, where the client proves who it is (GRANT-1.2-01, GRANT-3.3-02)
#[test]
fn a_page_says_who_asks() {
    let (world, _) = laboratory();
    let hers = register(&world, "hers");
    _ = world.share(&hers, "read", "bob");
    let asked = present(&world, &[("ticket", &ticket(&world, &hers))]).expect(403);
    assert_eq!(asked.json()["redirect_user"], world.url("uma/claims"));
    // Nothing is missing but the person: there is no field.
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &asked.member("ticket"), "bob");
    page.says("hers: read");
    assert!(!page.text().contains("claim:"));
    let back = fill(&mut browser, &page, &[SEND]);
    let granted = present(&world, &[("ticket", &back.parameter("ticket"))]).expect(200);
    assert_eq!(claims(&granted.member("access_token"))["sub"], world.id_of("bob"));
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*granted.member("refresh_token"))];
    _ = world.post_token().basic("backend", &secret("backend")).form(&form).send().expect(200);
    // The client may come here first (GRANT-3.3-02). Once he has signed out, nobody is there any more.
    let page = shown(&world, &mut browser, &ticket(&world, &hers), "bob");
    let back = fill(&mut browser, &page, &[SEND]);
    let question = browser.get(&world.url("protocol/openid-connect/logout")).expect(200);
    _ = browser.submit(&question, &[]);
    let answer = present(&world, &[("ticket", &back.parameter("ticket"))]);
    assert_eq!(error(&answer), (403, "need_info".to_owned()));
    // The app of a public client has to say it itself.
    let form = [("grant_type", super::UMA), ("client_id", "reader"), ("ticket", &ticket(&world, &hers))];
    let answer = world.post_token().form(&form).send().expect(403).json();
    assert_eq!((&answer["error"], answer.get("redirect_user")), (&json!("need_info"), None));
}

/// Whoever does not agree says so, and the client gets nothing (GRANT-3.3.3-06, -10)
#[test]
fn somebody_does_not_agree() {
    let (world, lab) = laboratory();
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "bob");
    let back = fill(&mut browser, &page, &[("claim:dept", "research"), ("cancel", "No")]);
    back.tells("access_denied");
    assert!(!back.location().contains("ticket="));
    // It is over.
    _ = fill(&mut browser, &page, &[("claim:dept", "research"), SEND]).expect(400);
}

/// GRANT-5.1-01, TRAP-OAUTH-06, TRAP-OAUTH-24
#[test]
fn grant_5_1_a_page_works_in_its_own_browser_for_the_person_who_sees_it() {
    let (world, lab) = laboratory();
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "bob");
    let (action, mark) = (page.action(), mark(&page));
    let fields = [("session", &*mark), ("claim:dept", "research"), SEND];
    _ = browser.post_across(&action, &fields).expect(400);
    _ = browser.post_from_sibling(&action, &fields).expect(400);
    // A stranger who has the address sees nothing, signed in or not.
    let mut stranger = Browser::new(&world);
    _ = stranger.get(&action).expect(400);
    _ = shown(&world, &mut stranger, &ticket(&world, &lab), "carol");
    _ = stranger.get(&action).expect(400);
    _ = stranger.post(&action, &fields).expect(400);
    // Nothing happens without the page's own mark, or by the name of another page's.
    for wrong in ["", "x"] {
        browser
            .post(&action, &[("session", wrong), ("claim:dept", "research"), SEND])
            .expect(200)
            .says("Please check this page again.");
    }
    // Somebody else signs in meanwhile: what the first has seen is not the second's answer.
    let question = browser.get(&world.url("protocol/openid-connect/logout")).expect(200);
    _ = browser.submit(&question, &[]);
    browser.post(&action, &fields).expect(200).says("kc-form-login");
    let form = browser.get(&action).expect(200);
    _ = browser.submit(&form, &[("username", "carol"), ("password", &password("carol"))]);
    let hers = browser.post(&action, &fields).expect(200);
    hers.says("Please check this page again.");
    hers.says("(carol)");
    assert!(!hers.text().contains("value=\"research\""));
}

/// A ticket that was planted in somebody's browser brings the planter nothing (TRAP-UMA-03, TRAP-UMA-17)
#[test]
fn trap_uma_17_claims_of_two_people_are_never_put_together() {
    let authz = Authz::of(&with_lab(realm()));
    let (world, lab) = (&authz.world, lab(&authz.world));
    let mut browser = Browser::new(world);
    let page = shown(world, &mut browser, &ticket(world, &lab), "carol");
    let back = fill(&mut browser, &page, &[("claim:dept", "research"), SEND]);
    let answer = present_for(world, "bob", &back.parameter("ticket"));
    assert_eq!(error(&answer), (403, "need_info".to_owned()));
    // He may say himself what he has to say, in the same line.
    let mut his = Browser::new(world);
    let page = shown(world, &mut his, &answer.member("ticket"), "bob");
    let back = fill(&mut his, &page, &[("claim:dept", "research"), SEND]);
    _ = present_for(world, "bob", &back.parameter("ticket")).expect(200);
    // An administrator can see that it was tried.
    let trail = authz.bare("GET", "audit").bearer(&authz.token()).send().expect(200).text();
    assert_eq!(trail.matches("claims.conflict").count(), 1, "{trail}");
    assert_eq!(trail.matches("claims.given").count(), 2, "{trail}");
    assert!(!trail.contains("research"), "{trail}");
}

/// What a token says stands before what somebody states (TRAP-UMA-13)
#[test]
fn a_statement_is_no_way_around_a_token() {
    let realm = with_lab(realm()).user("carol", json!({ "attributes": { "dept": ["sales"] } }));
    let world = World::of(&realm);
    let lab = lab(&world);
    let mut browser = Browser::new(&world);
    // The client comes here first, so that its page asks.
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "carol");
    let back = fill(&mut browser, &page, &[("claim:dept", "research"), SEND]);
    let answer = present_for(&world, "carol", &back.parameter("ticket"));
    assert_eq!(error(&answer), (403, "request_denied".to_owned()));
}

/// A claim that must come from somebody is not asked for on a page (GRANT-3.3.6-05)
#[test]
fn what_must_be_vouched_for_cannot_be_stated() {
    let required = json!([{ "name": "dept", "issuer": ["https://id.example"] }]).to_string();
    let world = World::of(&with_lab(realm()).attribute("countersign.required_claims", &required));
    let lab = lab(&world);
    let asked = present_for(&world, "bob", &ticket(&world, &lab)).expect(403).json();
    assert_eq!((&asked["error"], asked.get("redirect_user")), (&json!("need_info"), None));
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "bob");
    assert!(!page.text().contains("claim:"));
    let back = fill(&mut browser, &page, &[("claim:dept", "research"), SEND]);
    let answer = present_for(&world, "bob", &back.parameter("ticket"));
    assert_eq!(error(&answer), (403, "need_info".to_owned()));
}

/// Of many at once one gets a ticket at most (GRANT-5.5-04)
#[test]
fn grant_5_5_one_page_gives_one_ticket() {
    let (world, lab) = laboratory();
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "bob");
    let send = || -> Answer {
        let mut browser = browser.clone();
        fill(&mut browser, &page, &[("claim:dept", "research"), SEND]).answer
    };
    let statuses: Vec<_> = thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        tries.into_iter().map(|one| one.join().unwrap().status).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 302).count(), 1, "{statuses:?}");
}

/// GRANT-3.6-02: a refresh assesses nothing, and tells no more than the RPT did
#[test]
fn grant_3_6_a_refresh_asks_nothing_again() {
    let (world, lab) = laboratory();
    let mut browser = Browser::new(&world);
    let page = shown(&world, &mut browser, &ticket(&world, &lab), "bob");
    let back = fill(&mut browser, &page, &[("claim:dept", "research"), SEND]);
    let granted = present_for(&world, "bob", &back.parameter("ticket")).expect(200);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*granted.member("refresh_token"))];
    let again = world.post_token().basic("backend", &secret("backend")).form(&form).send().expect(200);
    for token in ["access_token", "refresh_token"] {
        assert!(!claims(&again.member(token)).to_string().contains("research"), "{token}");
    }
    let rpt = again.member("access_token");
    assert_eq!(claims(&rpt)["authorization"], claims(&granted.member("access_token"))["authorization"]);
    let told =
        world.post_introspect().bearer(&world.pat()).form(&[("token", &*rpt)]).send().expect(200).json();
    assert_eq!(told["active"], true);
    // An upgrade keeps what was decided with it (GRANT-3.3.5.1-02).
    let hers = register(&world, "hers");
    _ = world.share(&hers, "read", "bob");
    let (ticket, token) = (ticket(&world, &hers), id_token(&world, "bob"));
    let fields =
        [("ticket", &*ticket), ("rpt", &*rpt), ("claim_token", &*token), ("claim_token_format", ID_TOKEN)];
    let more = present(&world, &fields).expect(200);
    assert_eq!(more.json()["upgraded"], true);
    let permissions = claims(&more.member("access_token"))["authorization"]["permissions"].clone();
    assert_eq!(permissions.as_array().unwrap().len(), 2, "{permissions}");
}
