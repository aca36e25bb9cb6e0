//! Signing in by the pages: forms, single sign-on, consent, remembering, and the slowing down of guesses.

use countersign_tests::{
    browser::{Browser, realm},
    forge::claims,
    otp,
    realm::{password, with},
    world::World,
};
use serde_json::{Value, json};

const WRONG: &str = "Invalid username or password.";

fn alice() -> [(&'static str, &'static str); 2] {
    [("username", "alice"), ("password", "alice-password")]
}

/// TRAP-OAUTH-11: neither who exists nor who is switched off shows to somebody without the password
#[test]
fn a_wrong_name_and_a_wrong_password_look_the_same() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let form = browser.get(&world.authorize("app", &[])).expect(200);
    let mut pages = Vec::new();
    for (username, password) in
        [("alice", "wrong"), ("nobody", "wrong"), ("dave", "wrong"), ("service-account-documents", "x")]
    {
        let page = browser.submit(&form, &[("username", username), ("password", password)]).expect(200);
        page.says(WRONG);
        pages.push(page.text().replace(username, "NAME").replace(&page.action(), "ACTION"));
    }
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]), "{pages:?}");
    browser.submit(&form, &[("username", "alice")]).expect(200).says(WRONG);
    browser.submit(&form, &[]).expect(200).says(WRONG);
    let page = browser.submit(&form, &[("username", "dave"), ("password", &password("dave"))]).expect(200);
    page.says("Account is disabled");
    // The same form is still good, and an address works as a name.
    browser
        .submit(&form, &[("username", "Alice@Test.Example"), ("password", "alice-password")])
        .expect(302)
        .location();
}

/// TRAP-OAUTH-06: a form works only in the browser that was given it
#[test]
fn a_form_is_bound_to_its_browser_realm_and_text() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let form = browser.get(&world.authorize("app", &[])).expect(200);
    // From another site no cookie comes along.
    let across = browser.post_across(&form.action(), &alice()).expect(400);
    across.says("not valid any more");
    let sibling = browser.post_from_sibling(&form.action(), &alice()).expect(400);
    sibling.says("not valid any more");
    let mut other = Browser::new(&world);
    other.submit(&form, &alice()).expect(400).says("loginRestartLink");
    other.get(&world.authorize("app", &[])).expect(200).says("kc-form-login");
    other.submit(&form, &alice()).expect(400).says("loginRestartLink");
    let changed = format!("{}A", form.action());
    browser.post(&changed, &alice()).expect(400).says("not valid any more");
    let bare = world.url("login-actions/authenticate");
    browser.post(&bare, &alice()).expect(400).says("not valid any more");
    // `GET` with a password does nothing.
    browser
        .get(&format!("{}&username=alice&password=alice-password", form.action()))
        .expect(200)
        .says("kc-form-login");
    // The link begins the same request again.
    let text = other.submit(&form, &alice()).expect(400).text();
    let (_, link) = text.split_once("id=\"loginRestartLink\" href=\"").unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&");
    let form = browser.get(&link).expect(200);
    let back = browser.submit(&form, &alice());
    assert_eq!(back.parameter("state"), "the-state");
}

/// TRAP-OAUTH-24, and session fixation: what a browser had before is worth nothing afterwards
#[test]
fn a_sign_in_gets_cookies_of_its_own() {
    let world = World::of(&realm());
    let mut attacker = Browser::new(&world);
    let form = attacker.get(&world.authorize("app", &[])).expect(200);
    // The victim was made to use the attacker's cookie and form.
    let mut victim = attacker.clone();
    let back = victim.submit(&form, &alice());
    back.location();
    assert!(victim.cookie("IDENTITY").is_some() && victim.cookie("BEGUN").is_none());
    for line in back.answer.headers.get_all("set-cookie") {
        let line = line.to_str().unwrap();
        assert!(line.contains("Path=/realms/test/; SameSite=Lax"), "{line}");
        assert!(line.contains("HttpOnly") != line.contains("STATUS"), "{line}");
    }
    attacker.get(&world.authorize("app", &[("prompt", "none")])).tells("login_required");
    // The session's id, which apps and URLs know, is no cookie.
    let id = back.parameter("session_state");
    for name in ["COUNTERSIGN_IDENTITY", "COUNTERSIGN_BEGUN"] {
        attacker.cookies.insert(name.to_owned(), ("/".to_owned(), id.clone()));
    }
    attacker.get(&world.authorize("app", &[("prompt", "none")])).tells("login_required");
    // Two cookies of one name: somebody else has set one of them.
    let own = victim.cookies["COUNTERSIGN_IDENTITY"].clone();
    let request = world.server.http.get(&world.authorize("app", &[("prompt", "none")]));
    let twice = format!("COUNTERSIGN_IDENTITY={}; COUNTERSIGN_IDENTITY={}", own.1, "A".repeat(43));
    let answer = request.header("cookie", &twice).send();
    assert!(answer.header("location").unwrap().contains("login_required"), "{answer}");
}

#[test]
fn a_second_app_needs_no_form() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let first = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice");
    let second = browser.get(&world.authorize("web", &[]));
    assert_eq!(second.parameter("session_state"), first.parameter("session_state"));
    let answer = world.redeem("web", &second.parameter("code"), &[]).expect(200);
    let token = claims(&answer.member("access_token"));
    assert_eq!(token["acr"], "0", "only the cookie spoke for her");
    let answer = world.redeem("app", &first.parameter("code"), &[]).expect(200);
    assert_eq!(claims(&answer.member("access_token"))["acr"], "1");
    let silent = browser.get(&world.authorize("web", &[("prompt", "none")]));
    assert_eq!(silent.parameter("session_state"), first.parameter("session_state"));
    // Another browser knows nothing of it.
    let mut other = Browser::new(&world);
    other.get(&world.authorize("web", &[("prompt", "none")])).tells("login_required");
}

/// OIDC Core §3.1.2.1 `prompt`, `max_age`
#[test]
fn an_app_may_want_the_user_to_show_again_who_he_is() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let first = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice");
    let before = browser.cookie("IDENTITY").unwrap().to_owned();
    let again = world.sign_in_by(&mut browser, &world.authorize("app", &[("prompt", "login")]), "alice");
    assert_eq!(again.parameter("session_state"), first.parameter("session_state"));
    assert_ne!(browser.cookie("IDENTITY").unwrap(), before);
    browser.get(&world.authorize("app", &[("max_age", "3600")])).parameter("code");
    // Somebody else takes the browser over: the first sign-in is over.
    let other = world.sign_in_by(&mut browser, &world.authorize("app", &[("prompt", "login")]), "bob");
    assert_ne!(other.parameter("session_state"), first.parameter("session_state"));
    world.redeem("app", &again.parameter("code"), &[]).refused(400, "invalid_grant", "Code not valid");
    let token = world.redeem("app", &other.parameter("code"), &[]).expect(200).member("access_token");
    assert_eq!(claims(&token)["preferred_username"], "bob");
}

/// Consent: asked once a client and set of scopes (OIDC Core §3.1.2.4); TRAP-OAUTH-06
#[test]
fn a_client_that_needs_consent_gets_what_the_user_allows() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let url = world.authorize("asking", &[]);
    let next = world.sign_in_by(&mut browser, &url, "alice");
    let page = browser.get(&next.location()).expect(200);
    page.says("Asking &lt;App&gt;");
    page.says("Email address");
    // Nothing is given by looking, by another browser, or by a form without an answer.
    Browser::new(&world).submit(&page, &[("accept", "Yes")]).expect(400).says("loginRestartLink");
    browser.post_across(&page.action(), &[("accept", "Yes")]).expect(400).says("not valid any more");
    browser.post_from_sibling(&page.action(), &[("accept", "Yes")]).expect(400).says("not valid any more");
    let denied = browser.clone().submit(&page, &[("cancel", "No")]);
    denied.tells("access_denied");
    assert_eq!(denied.parameter("state"), "the-state");
    browser.clone().submit(&page, &[("accept", "Yes"), ("cancel", "No")]).tells("access_denied");
    browser.clone().submit(&page, &[]).tells("access_denied");
    let back = browser.submit(&page, &[("accept", "Yes")]);
    _ = world.redeem("asking", &back.parameter("code"), &[]).expect(200);
    // Now it is known, until more is asked for.
    browser.get(&url).parameter("code");
    let more = world.authorize("asking", &[("scope", "openid phone"), ("prompt", "none")]);
    browser.get(&more).tells("consent_required");
    let page = browser.get(&world.authorize("asking", &[("scope", "openid phone")])).expect(200);
    page.says("Phone number");
    browser.submit(&page, &[("accept", "Yes")]).parameter("code");
    browser.get(&more).parameter("code");
    // Whoever asks for the question gets it.
    let page = browser.get(&world.authorize("asking", &[("prompt", "consent")])).expect(200);
    browser.submit(&page, &[("accept", "Yes")]).parameter("code");
}

#[test]
fn a_user_is_remembered_only_if_the_realm_and_he_say_so() {
    let world = World::of(&realm().set("rememberMe", json!(true)));
    let lasts = |fields: &[(&str, &str)]| {
        let mut browser = Browser::new(&world);
        let form = browser.get(&world.authorize("app", &[])).expect(200);
        form.says("rememberMe");
        let back = browser.submit(&form, fields);
        let lines = back.answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        lines.filter(|line| line.contains("IDENTITY")).any(|line| line.contains("Max-Age="))
    };
    assert!(!lasts(&alice()));
    assert!(lasts(&[alice()[0], alice()[1], ("rememberMe", "on")]));
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let form = browser.get(&world.authorize("app", &[])).expect(200);
    assert!(!form.text().contains("rememberMe"), "{}", form.text());
    let back = browser.submit(&form, &[alice()[0], alice()[1], ("rememberMe", "on")]);
    let lines: Vec<_> = back.answer.headers.get_all("set-cookie").iter().collect();
    assert!(!lines.iter().any(|line| {
        let line = line.to_str().unwrap();
        line.contains("IDENTITY") && line.contains("Max-Age")
    }));
}

/// A realm in which two wrong passwords make a wait
fn strict(more: Value) -> countersign_tests::realm::Realm {
    let rules = with(json!({ "failureFactor": 2, "waitIncrementSeconds": 600 }), more);
    let Value::Object(rules) = rules else { panic!("not an object") };
    rules.into_iter().fold(realm(), |realm, (name, value)| realm.set(&name, value))
}

/// RFC6749-2.3.1-02, RFC9700-2.4-01: form and password grant share one counter
#[test]
fn guessing_makes_a_wait_that_looks_like_a_wrong_password() {
    let world = World::of(&strict(json!({})));
    let mut stranger = Browser::new(&world);
    let form = stranger.get(&world.authorize("app", &[])).expect(200);
    let grant = |user: &str, password: &str| {
        let form =
            [("grant_type", "password"), ("client_id", "reader"), ("username", user), ("password", password)];
        world.post_token().form(&form).send()
    };
    stranger.submit(&form, &[("username", "alice"), ("password", "one")]).expect(200).says(WRONG);
    grant("alice", "two").refused(401, "invalid_grant", "Invalid user credentials");
    // The right one does not count now, and looks wrong.
    stranger.submit(&form, &alice()).expect(200).says(WRONG);
    grant("alice", "alice-password").refused(401, "invalid_grant", "Invalid user credentials");
    // Others are not touched.
    _ = grant("bob", "bob-password").expect(200);
}

#[test]
fn a_right_password_forgets_the_wrong_ones() {
    let world = World::of(&strict(json!({})));
    for _ in 0..3 {
        let mut browser = Browser::new(&world);
        let form = browser.get(&world.authorize("app", &[])).expect(200);
        browser.submit(&form, &[("username", "alice"), ("password", "wrong")]).expect(200).says(WRONG);
        browser.submit(&form, &alice()).location();
    }
}

/// Nobody is locked out of a browser that knows him
#[test]
fn strangers_cannot_lock_a_user_out_of_his_own_browser() {
    let world = World::of(&strict(json!({})));
    let mut own = Browser::new(&world);
    world.sign_in_by(&mut own, &world.authorize("app", &[]), "alice").location();
    let mut stranger = Browser::new(&world);
    let form = stranger.get(&world.authorize("app", &[])).expect(200);
    for _ in 0..4 {
        stranger.submit(&form, &[("username", "alice"), ("password", "guess")]).expect(200).says(WRONG);
    }
    stranger.submit(&form, &alice()).expect(200).says(WRONG);
    world.sign_in_by(&mut own, &world.authorize("app", &[("prompt", "login")]), "alice").location();
    // A thief of that browser has no more guesses than others.
    let form = own.get(&world.authorize("app", &[("prompt", "login")])).expect(200);
    for _ in 0..2 {
        own.submit(&form, &[("username", "alice"), ("password", "guess")]).expect(200).says(WRONG);
    }
    own.submit(&form, &alice()).expect(200).says(WRONG);
    // What it knows of alice says nothing of bob.
    own.submit(&form, &[("username", "bob"), ("password", "bob-password")]).location();
}

#[test]
fn a_realm_may_leave_guessing_alone() {
    let world = World::of(&strict(json!({ "bruteForceProtected": false })));
    let mut browser = Browser::new(&world);
    let form = browser.get(&world.authorize("app", &[])).expect(200);
    for _ in 0..4 {
        browser.submit(&form, &[("username", "alice"), ("password", "wrong")]).expect(200).says(WRONG);
    }
    browser.submit(&form, &alice()).location();
}

/// A restart loses neither those who are signing in nor those who are signed in
#[test]
fn a_restart_is_not_noticed() {
    let mut world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let form = browser.get(&world.authorize("app", &[])).expect(200);
    world.server.crash();
    browser.submit(&form, &alice()).parameter("code");
    world.server.crash();
    let back = browser.get(&world.authorize("app", &[("prompt", "none")]));
    _ = world.redeem("app", &back.parameter("code"), &[]).expect(200);
}

/// OIDC Core §3.1.2.1 `id_token_hint`: the app does not get somebody else
#[test]
fn an_app_that_expects_somebody_does_not_get_another() {
    let world = World::of(&realm());
    let mut browser = Browser::new(&world);
    let back = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice");
    let hint = world.redeem("app", &back.parameter("code"), &[]).expect(200).member("id_token");
    let silent = world.authorize("app", &[("prompt", "none"), ("id_token_hint", &hint)]);
    browser.get(&silent).parameter("code");
    let mut other = Browser::new(&world);
    world.sign_in_by(&mut other, &world.authorize("app", &[]), "bob").location();
    other.get(&silent).tells("login_required");
    other.get(&world.authorize("app", &[("prompt", "none")])).parameter("code");
}

#[test]
fn an_authenticator_app_is_set_up_from_a_page_without_script() {
    let world = World::of(&realm().user("alice", json!({ "requiredActions": ["CONFIGURE_TOTP"] })));
    let mut browser = Browser::new(&world);
    let sign_in = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice");
    let page = browser.get(&sign_in.location()).expect(200);
    page.says("kc-totp-settings-form");
    page.says("<svg class=\"qr\"");
    let key = otp::secret(&page);
    assert_eq!(key.len(), 32);
    // A wrong code stores nothing and keeps the secret that was scanned.
    let again = browser.submit(&page, &[("totp", "000000")]).expect(200);
    again.says("Invalid authenticator code.");
    assert_eq!(otp::secret(&again), key);
    // Nobody but this browser gets on with it.
    let mut other = Browser::new(&world);
    other.submit(&again, &[("totp", &otp::shown(&key))]).expect(400).says("loginRestartLink");
    let code = otp::shown(&key);
    _ = browser.submit(&again, &[("totp", &code)]).parameter("code");
    // From now on it is asked for, and a code counts once.
    let mut second = Browser::new(&world);
    let asked = world.sign_in_by(&mut second, &world.authorize("app", &[]), "alice");
    let asked = second.get(&asked.location()).expect(200);
    asked.says("kc-otp-login-form");
    second.submit(&asked, &[("otp", &code)]).expect(200).says("Invalid authenticator code.");
    assert!(!world.server.log().contains(&key));
}
