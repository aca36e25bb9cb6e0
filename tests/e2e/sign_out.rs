//! The end of a sign-in (OpenID Connect RP-Initiated Logout 1.0), and the frames that tell apps of it.

use countersign_tests::{
    browser::{Browser, Page, realm},
    http::escape,
    world::World,
};
use serde_json::json;

fn logout(world: &World, parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    world.url(&format!("protocol/openid-connect/logout?{}", pairs.join("&")))
}

fn signed_in(world: &World) -> (Browser, Page) {
    let mut browser = Browser::new(world);
    let back = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice");
    (browser, back)
}

fn is_signed_in(world: &World, browser: &Browser) -> bool {
    let page = browser.clone().get(&world.authorize("app", &[("prompt", "none")]));
    page.parameters().iter().any(|(name, _)| name == "code")
}

/// TRAP-OAUTH-06: any page can send a browser here
#[test]
fn without_a_hint_the_user_is_asked_first() {
    let world = World::of(&realm());
    let (mut browser, _) = signed_in(&world);
    let page = browser.get(&logout(&world, &[])).expect(200);
    page.says("Do you want to sign out?");
    assert!(is_signed_in(&world, &browser));
    browser.post_across(&page.action(), &[("confirmLogout", "Logout")]).expect(400).says("not valid");
    browser.post_from_sibling(&page.action(), &[("confirmLogout", "Logout")]).expect(400).says("not valid");
    let (mut other, _) = signed_in(&world);
    other.submit(&page, &[("confirmLogout", "Logout")]).expect(400).says("not valid");
    assert!(is_signed_in(&world, &browser) && is_signed_in(&world, &other));
    browser.submit(&page, &[("confirmLogout", "Logout")]).expect(200).says("You are signed out.");
    assert!(browser.cookie("IDENTITY").is_none() && browser.cookie("STATUS").is_none());
    assert!(!is_signed_in(&world, &browser));
    // Whoever is not signed in has nothing to confirm.
    browser.get(&logout(&world, &[])).expect(200).says("You are signed out.");
}

/// TRAP-OAUTH-08
#[test]
fn afterwards_the_browser_goes_where_the_client_may_send_it_only() {
    let world = World::of(&realm());
    let uri = "https://app.example/bye";
    let (mut browser, _) = signed_in(&world);
    for (parameters, text) in [
        (&[("post_logout_redirect_uri", uri)][..], "is required when"),
        (
            &[("client_id", "app"), ("post_logout_redirect_uri", "https://evil.example/")],
            "Invalid redirect uri",
        ),
        (
            &[("client_id", "app"), ("post_logout_redirect_uri", "https://app.example/cb")],
            "Invalid redirect uri",
        ),
        (
            &[("client_id", "app"), ("post_logout_redirect_uri", "https://app.example/bye/x")],
            "Invalid redirect uri",
        ),
        (&[("client_id", "nobody"), ("post_logout_redirect_uri", uri)], "Invalid redirect uri"),
        (&[("id_token_hint", "nonsense"), ("post_logout_redirect_uri", uri)], "id_token_hint"),
        (&[("client_id", "app"), ("client_id", "web")], "Invalid request"),
    ] {
        let page = browser.get(&logout(&world, parameters)).expect(400);
        page.says(text);
        assert_eq!(page.answer.header("location"), None);
        assert!(is_signed_in(&world, &browser), "{parameters:?}");
    }
    for uri in [uri, "https://app.example/other"] {
        let (mut browser, _) = signed_in(&world);
        let asked = [("client_id", "app"), ("post_logout_redirect_uri", uri), ("state", "s&x=1")];
        let page = browser.get(&logout(&world, &asked)).expect(200);
        let back = browser.submit(&page, &[]);
        assert_eq!(back.location(), format!("{uri}?state=s%26x%3D1"));
        assert!(!is_signed_in(&world, &browser));
    }
}

#[test]
fn a_plus_stands_for_the_redirect_uris() {
    let attributes = json!({ "attributes": { "post.logout.redirect.uris": "+" } });
    let world = World::of(&realm().client("app", attributes));
    let mut browser = Browser::new(&world);
    let asked = |uri| logout(&world, &[("client_id", "app"), ("post_logout_redirect_uri", uri)]);
    assert_eq!(browser.get(&asked("https://app.example/cb")).location(), "https://app.example/cb");
    browser.get(&asked("https://app.example/bye")).expect(400).says("Invalid redirect uri");
}

/// Tokens of the sign-in die with it
#[test]
fn the_tokens_of_a_sign_in_end_with_it() {
    let world = World::of(&realm());
    let (mut browser, back) = signed_in(&world);
    let tokens = world.redeem("app", &back.parameter("code"), &[]).expect(200);
    let page = browser.get(&logout(&world, &[])).expect(200);
    browser.submit(&page, &[]).expect(200).says("signed out");
    assert_eq!(world.introspect(&tokens.member("access_token"))["active"], false);
    world.refresh("app", &tokens.member("refresh_token")).refused(400, "invalid_grant", "Session not active");
}

/// OpenID Connect Session Management §3: what `keycloak-js` asks for
#[test]
fn frames_tell_an_apps_own_site_only() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let frame = browser.get(&world.url("protocol/openid-connect/login-status-iframe.html")).expect(200);
    assert_eq!(frame.answer.header("x-frame-options"), None);
    let policy = frame.answer.header("content-security-policy").unwrap();
    assert!(!policy.contains("frame-ancestors") && policy.contains("script-src 'self'"), "{policy}");
    frame.says("login-status.js");
    let init = |client: &str, origin: &str| {
        let path = "protocol/openid-connect/login-status-iframe.html/init";
        let query = format!("?client_id={}&origin={}", escape(client), escape(origin));
        world.request("GET", &format!("{path}{query}")).send().status
    };
    assert_eq!(init("app", "https://app.example"), 204);
    for (client, origin) in [
        ("app", "https://evil.example"),
        ("app", "https://app.example.evil.example"),
        ("app", "null"),
        ("nobody", "https://app.example"),
        ("gone", "https://app.example"),
    ] {
        assert_eq!(init(client, origin), 403, "{client} {origin}");
    }
    for (step, next) in [("step1", true), ("step2", false)] {
        let page =
            browser.get(&world.url(&format!("protocol/openid-connect/3p-cookies/{step}.html"))).expect(200);
        assert_eq!(page.text().contains("step2.html"), next, "{}", page.text());
    }
}

/// RP-Initiated Logout §2: an ID token of the present sign-in is proof enough
#[test]
fn a_hint_of_the_present_sign_in_ends_it_at_once() {
    let world = World::of(&realm());
    let (mut browser, back) = signed_in(&world);
    let tokens = world.redeem("app", &back.parameter("code"), &[]).expect(200);
    let (mut other, _) = signed_in(&world);
    let hint = tokens.member("id_token");
    let bye = ("post_logout_redirect_uri", "https://app.example/bye");
    // No hints: an access token, a changed one, one for another client.
    let access = tokens.member("access_token");
    let (head, _) = hint.rsplit_once('.').unwrap();
    let unsigned = format!("{head}.AAAA");
    for hint in [&access, &unsigned] {
        browser.get(&logout(&world, &[("id_token_hint", hint), bye])).expect(400).says("id_token_hint");
    }
    let mixed = [("id_token_hint", hint.as_str()), ("client_id", "web"), bye];
    browser.get(&logout(&world, &mixed)).expect(400).says("client_id");
    let asked = logout(&world, &[("id_token_hint", &hint), bye, ("state", "s")]);
    // It is no hint of another sign-in: whoever has that one is asked.
    other.get(&asked).expect(200).says("Do you want to sign out?");
    assert!(is_signed_in(&world, &browser) && is_signed_in(&world, &other));
    assert_eq!(browser.get(&asked).location(), "https://app.example/bye?state=s");
    assert!(!is_signed_in(&world, &browser) && is_signed_in(&world, &other));
    assert_eq!(world.introspect(&access)["active"], false);
    // Once more does no harm.
    assert_eq!(browser.get(&asked).location(), "https://app.example/bye?state=s");
}

/// An app that opens no browser of the user's ends its own sign-in
#[test]
fn a_hint_without_a_cookie_ends_its_own_sign_in() {
    let world = World::of(&realm());
    let (browser, back) = signed_in(&world);
    let tokens = world.redeem("app", &back.parameter("code"), &[]).expect(200);
    let hint = tokens.member("id_token");
    let fields = [("id_token_hint", hint.as_str())];
    let mut elsewhere = Browser::new(&world);
    let url = world.url("protocol/openid-connect/logout");
    elsewhere.post(&url, &fields).expect(200).says("You are signed out.");
    assert!(!is_signed_in(&world, &browser));
}

/// wire §1.4: the same address serves clients that show a refresh token
#[test]
fn a_client_may_end_a_sign_in_from_behind() {
    let world = World::of(&realm());
    let (browser, back) = signed_in(&world);
    let tokens = world.redeem("app", &back.parameter("code"), &[]).expect(200);
    let form = [("client_id", "app"), ("refresh_token", &tokens.member("refresh_token"))];
    let answer = world.request("POST", "protocol/openid-connect/logout").form(&form).send();
    assert_eq!(answer.status, 204, "{answer}");
    assert!(!is_signed_in(&world, &browser));
}
