//! The authorization endpoint: what it takes, and what it tells whom (RFC 6749 §4.1.1; OIDC Core §3.1.2).

use countersign_tests::{
    browser::{Browser, challenge, realm},
    world::World,
};

const VERIFIER: &str = countersign_tests::browser::VERIFIER;

/// wire §1.4: absolute action, first parameter or cookie, order of the answer's parameters
#[test]
fn a_user_signs_in_and_the_app_gets_a_code() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let form = browser.get(&world.authorize("app", &[])).expect(200);
    assert_eq!(form.answer.header("content-type"), Some("text/html;charset=utf-8"));
    let action = form.action();
    let start = format!("{}/login-actions/authenticate?session_code=", world.issuer());
    assert!(action.starts_with(&start) && !action.contains('&'), "{action}");
    for field in [r#"name="username""#, r#"name="password""#, r#"method="post""#] {
        form.says(field);
    }
    let back = browser.submit(&form, &[("username", "alice"), ("password", "alice-password")]);
    assert!(back.location().starts_with("https://app.example/cb?"), "{}", back.location());
    let names: Vec<_> = back.parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["state", "session_state", "iss", "code"]);
    assert_eq!(back.parameter("state"), "the-state");
    assert_eq!(back.parameter("iss"), world.issuer());
    let answer = world.redeem("app", &back.parameter("code"), &[]).expect(200);
    assert_eq!(answer.member("session_state"), back.parameter("session_state"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// RFC 6749 §4.1.2.1, RFC6749-4.1.2.1-01, TRAP-OAUTH-02: nobody is sent to a place that is not the client's
#[test]
fn a_wrong_client_or_redirect_uri_is_shown_and_never_followed() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    for (parameters, text) in [
        (&[("client_id", "nobody")][..], "Client not found."),
        (&[("client_id", "gone")], "Client disabled."),
        (&[("client_id", "listener")], "Bearer-only"),
        (&[("client_id", "")], "Missing parameter: client_id"),
        (&[("redirect_uri", "")], "Missing parameter: redirect_uri"),
        (&[("redirect_uri", "https://evil.example/cb")], "Invalid parameter: redirect_uri"),
        (&[("redirect_uri", "https://app.example/cb/../evil")], "Invalid parameter: redirect_uri"),
        (&[("redirect_uri", "https://app.example/cb#x")], "Invalid parameter: redirect_uri"),
        (&[("redirect_uri", "https://app.example@evil.example/cb")], "Invalid parameter: redirect_uri"),
        (&[("redirect_uri", "javascript:alert(1)")], "Invalid parameter: redirect_uri"),
        (&[("redirect_uri", "https://app.example/cb\r\nX: y")], "Invalid parameter: redirect_uri"),
        // Other errors too stay here as long as the place is wrong.
        (&[("redirect_uri", "https://evil.example/"), ("prompt", "none")], "Invalid parameter: redirect_uri"),
    ] {
        let page = browser.get(&world.authorize("app", parameters)).expect(400);
        page.says(text);
        assert_eq!(page.answer.header("location"), None, "{parameters:?}");
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fapp.example%2Fcb", world.authorize("app", &[]));
    browser.get(&twice).expect(400).says("Invalid parameter: redirect_uri");
}

/// RFC 6749 §4.1.2.1, RFC 9207 §2 (RFC9207-2-01): every other refusal goes to the client, with `state` and `iss`
#[test]
fn every_other_refusal_goes_to_the_client() {
    let world = World::of(&realm().client("web", serde_json::json!({ "standardFlowEnabled": false })));
    let mut browser = Browser::new(&world);
    for (client, parameters, error) in [
        ("app", &[("response_type", "")][..], "invalid_request"),
        ("app", &[("response_type", "token")], "unsupported_response_type"),
        ("app", &[("response_type", "code id_token")], "unsupported_response_type"),
        ("app", &[("response_mode", "jwt")], "invalid_request"),
        ("app", &[("scope", "openid uma_protection_x")], "invalid_scope"),
        ("app", &[("prompt", "none login")], "invalid_request"),
        ("app", &[("prompt", "nonsense")], "invalid_request"),
        ("app", &[("max_age", "x")], "invalid_request"),
        ("app", &[("request", "eyJ")], "request_not_supported"),
        ("app", &[("request_uri", "https://evil.example/")], "request_uri_not_supported"),
        ("app", &[("prompt", "none")], "login_required"),
        ("web", &[], "unauthorized_client"),
        // PKCE (RFC 7636 §4.4.1), TRAP-OAUTH-04
        ("strict", &[], "invalid_request"),
        ("strict", &[("code_challenge", &challenge(VERIFIER))], "invalid_request"),
        ("strict", &[("code_challenge", VERIFIER), ("code_challenge_method", "plain")], "invalid_request"),
        ("app", &[("code_challenge", VERIFIER), ("code_challenge_method", "plain")], "invalid_request"),
        ("app", &[("code_challenge", VERIFIER)], "invalid_request"),
        ("app", &[("code_challenge", "x"), ("code_challenge_method", "S256")], "invalid_request"),
    ] {
        let page = browser.get(&world.authorize(client, parameters));
        page.tells(error);
        assert!(page.location().starts_with("https://app.example/cb?"), "{}", page.location());
        assert_eq!(page.parameter("state"), "the-state");
        assert_eq!(page.parameter("iss"), world.issuer());
    }
    // A repeated parameter (RFC 6749 §3.1)
    for more in ["&state=other", "&nonce=a&nonce=b"] {
        browser.get(&format!("{}{more}", world.authorize("app", &[]))).tells("invalid_request");
    }
}

/// TRAP-OAUTH-18: what a caller sends stays inside its parameter of the header
#[test]
fn a_state_cannot_leave_its_parameter() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let state = "x&code=stolen\r\nSet-Cookie: evil=1\"><script>";
    let page = browser.get(&world.authorize("app", &[("state", state), ("prompt", "none")]));
    assert_eq!(page.parameter("state"), state);
    assert_eq!(page.answer.headers.get_all("set-cookie").iter().count(), 0);
    let form =
        browser.get(&world.authorize("app", &[("login_hint", "\"><script>alert(1)</script>")])).expect(200);
    assert!(!form.text().contains("<script"), "{}", form.text());
    let long = "x".repeat(4_001);
    browser.get(&world.authorize("app", &[("state", &long)])).tells("invalid_request");
}

#[test]
fn answers_come_in_the_way_that_was_asked_for() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let url = world.authorize("app", &[("response_mode", "fragment")]);
    let back = world.sign_in_by(&mut browser, &url, "alice");
    assert!(back.location().starts_with("https://app.example/cb#state="), "{}", back.location());
    let code = back.parameter("code");
    _ = world.redeem("app", &code, &[]).expect(200);
    // The user is signed in now.
    let page = browser.get(&world.authorize("app", &[("response_mode", "form_post")])).expect(200);
    assert_eq!(page.action(), "https://app.example/cb");
    for name in ["code", "state", "iss", "session_state"] {
        page.says(&format!("type=\"hidden\" name=\"{name}\""));
    }
    let (_, value) =
        page.text().split_once("name=\"code\" value=\"").map(|(a, b)| (a.len(), b.to_owned())).unwrap();
    _ = world.redeem("app", value.split('"').next().unwrap(), &[]).expect(200);
    let refused = browser.get(&world.authorize("app", &[("response_mode", "fragment"), ("max_age", "x")]));
    assert!(refused.location().contains("#error=invalid_request&"), "{}", refused.location());
}

/// OIDC Core §3.1.2.1: the same parameters in a form
#[test]
fn a_request_may_be_posted() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let url = world.url("protocol/openid-connect/auth");
    let fields =
        [("response_type", "code"), ("client_id", "app"), ("redirect_uri", "https://app.example/cb")];
    let form = browser.post(&url, &fields).expect(200);
    let back = browser.submit(&form, &[("username", "alice"), ("password", "alice-password")]);
    _ = world.redeem("app", &back.parameter("code"), &[]).expect(200);
}

/// HTTP-03, RFC9700-4.16-01, TRAP-OAUTH-07, RFC9700-2.6-01
#[test]
fn pages_cannot_be_framed_scripted_cached_or_read_by_others() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let page = browser.get(&world.authorize("app", &[])).expect(200);
    let header = |name: &str| page.answer.header(name).unwrap_or_default().to_owned();
    let policy = header("content-security-policy");
    for rule in
        ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'self' https:"]
    {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(header("x-frame-options"), "DENY");
    assert!(header("cache-control").contains("no-store"));
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(page.answer.header("access-control-allow-origin"), None);
    // Nothing of another server is asked for.
    assert!(!page.text().contains("//fonts") && !page.text().contains("<script"), "{}", page.text());
    let (_, style) = page.text().split_once("href=\"").map(|(a, b)| (a.len(), b.to_owned())).unwrap();
    let style = style.split('"').next().unwrap();
    let sheet = browser.get(style).expect(200);
    assert_eq!(sheet.answer.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(sheet.answer.header("cache-control").unwrap().contains("max-age"));
    let tag = sheet.answer.header("etag").unwrap().to_owned();
    let again = world.server.http.get(style).header("if-none-match", &tag).send().expect(304);
    assert!(again.body.is_empty());
    browser.get(&format!("{}/resources/other.css", world.server.base())).expect(404).says("404");
}
