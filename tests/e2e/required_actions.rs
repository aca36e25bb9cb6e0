//! What people have to do before they are signed in: terms, their profile, and what nobody can do here
//! (`admin-surface` §9).

use countersign_tests::{
    admin::{Admin, sign_in},
    browser::{Browser, Page, realm},
    forge::claims,
    otp,
    realm::{Realm, user},
    world::World,
};
use serde_json::{Value, json};

const TERMS: &str = "TERMS_AND_CONDITIONS";

fn action(alias: &str, priority: u64) -> Value {
    json!({ "alias": alias, "name": alias, "providerId": alias, "enabled": true, "defaultAction": false,
            "priority": priority, "config": {} })
}

/// The usual realm with actions in this order; alice has to do some
fn with_actions(actions: &[&str], listed: &[&str]) -> Realm {
    let actions: Vec<_> = actions.iter().zip(1..).map(|(alias, priority)| action(alias, priority)).collect();
    realm().set("requiredActions", json!(actions)).user("alice", json!({ "requiredActions": listed }))
}

fn begin(world: &World, browser: &mut Browser) -> Page {
    let answer = world.sign_in_by(browser, &world.authorize("app", &[]), "alice");
    if answer.answer.status == 302 && answer.location().contains("login-actions") {
        return browser.get(&answer.location()).expect(200);
    }
    answer
}

fn alice(root: &Admin<'_>) -> Value {
    root.read("users?username=alice&exact=true&briefRepresentation=false")[0].clone()
}

fn newest(root: &Admin<'_>) -> Value {
    root.read("events?max=1")[0].clone()
}

#[test]
fn terms_are_agreed_to_before_a_sign_in_ends() {
    let texts = json!({ "en": { "termsText": "Be kind to <all>.\n\nShare with care." } });
    let realm =
        with_actions(&[TERMS], &[TERMS]).set("localizationTexts", texts).set("eventsEnabled", json!(true));
    let world = World::administered(&realm);
    let root = Admin::root(&world.server, "test");
    let mut browser = Browser::new(&world);
    // Neither a password alone nor a page that nobody sees gets round it.
    sign_in(&world.server, "test", "alice", "alice-password").refused(
        400,
        "invalid_grant",
        "Account is not fully set up",
    );
    let page = begin(&world, &mut browser);
    page.says("<p>Be kind to &lt;all&gt;.</p><p>Share with care.</p>");
    let answer = browser.submit(&page, &[("cancel", "Decline")]);
    answer.tells("access_denied");
    assert_eq!(answer.parameter("state"), "the-state");
    let declined = newest(&root);
    assert_eq!(
        (&declined["type"], &declined["error"], &declined["details"]["custom_required_action"]),
        (&json!("CUSTOM_REQUIRED_ACTION_ERROR"), &json!("rejected_by_user"), &json!(TERMS))
    );
    browser.get(&world.authorize("app", &[("prompt", "none")])).tells("login_required");
    // A form that says nothing agrees to nothing.
    let page = begin(&world, &mut browser);
    browser.submit(&page, &[]).tells("access_denied");
    assert_eq!(alice(&root)["requiredActions"], json!([TERMS]));

    let page = begin(&world, &mut browser);
    let back = browser.submit(&page, &[("accept", "Accept")]);
    _ = world.redeem("app", &back.parameter("code"), &[]).expect(200);
    let alice = alice(&root);
    assert_eq!(alice["requiredActions"], json!([]));
    let agreed: u64 = alice["attributes"]["terms_and_conditions"][0].as_str().unwrap().parse().unwrap();
    assert!(agreed > 1_700_000_000, "{alice}");
    begin(&world, &mut Browser::new(&world)).parameter("code");
    _ = sign_in(&world.server, "test", "alice", "alice-password").expect(200);
    let events = root.read("events?type=CUSTOM_REQUIRED_ACTION");
    assert_eq!(events[0]["details"]["custom_required_action"], TERMS);
}

#[test]
fn what_the_realm_switched_off_is_passed_over() {
    let world = World::administered(&realm().user("alice", json!({ "requiredActions": [TERMS, "of-old"] })));
    begin(&world, &mut Browser::new(&world)).parameter("code");
    _ = sign_in(&world.server, "test", "alice", "alice-password").expect(200);
    // Switched on, it counts at once, also in a sign-in that goes on.
    let root = Admin::root(&world.server, "test");
    let mut browser = Browser::new(&world);
    begin(&world, &mut browser).parameter("code");
    let path = format!("authentication/required-actions/{TERMS}");
    let mut terms = root.read(&path);
    terms["enabled"] = json!(true);
    _ = root.put(&path, &terms).expect(204);
    browser.get(&world.authorize("app", &[("prompt", "none")])).tells("interaction_required");
    browser.get(&world.authorize("app", &[])).says("kc-terms-text");
}

#[test]
fn what_nobody_can_do_here_keeps_out() {
    for (listed, name) in [("VERIFY_EMAIL", "Verify Email"), ("CONFIGURE_RECOVERY_AUTHN_CODES", "Recovery")] {
        let realm = realm().set("eventsEnabled", json!(true));
        let world = World::administered(
            &realm.user("alice", json!({ "requiredActions": [listed], "emailVerified": false })),
        );
        let root = Admin::root(&world.server, "test");
        let mut browser = Browser::new(&world);
        let page = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice").expect(403);
        page.says("kc-error-message");
        page.says(name);
        assert!(browser.cookie("IDENTITY").is_none());
        let event = newest(&root);
        assert_eq!(
            (&event["type"], &event["error"], &event["details"]["custom_required_action"]),
            (&json!("LOGIN_ERROR"), &json!("resolve_required_actions"), &json!(listed))
        );
        sign_in(&world.server, "test", "alice", "alice-password").refused(
            400,
            "invalid_grant",
            "Account is not fully set up",
        );
        // Once somebody has seen to it, she is in.
        let id = alice(&root)["id"].as_str().unwrap().to_owned();
        let cure = match listed {
            "VERIFY_EMAIL" => json!({ "emailVerified": true }),
            _ => json!({ "requiredActions": [] }),
        };
        _ = root.put(&format!("users/{id}"), &cure).expect(204);
        begin(&world, &mut browser).parameter("code");
        _ = sign_in(&world.server, "test", "alice", "alice-password").expect(200);
    }
}

/// An action may have another name than what it is
#[test]
fn what_is_done_is_crossed_off_under_its_own_name() {
    let actions = [("agree", TERMS), ("new-password", "UPDATE_PASSWORD"), ("app", "CONFIGURE_TOTP")];
    let actions: Vec<_> = actions
        .into_iter()
        .zip(1..)
        .map(|((alias, provider), priority)| {
            let mut action = action(alias, priority);
            action["providerId"] = json!(provider);
            action
        })
        .collect();
    let realm = realm()
        .set("requiredActions", json!(actions))
        .set("eventsEnabled", json!(true))
        .user("alice", json!({ "requiredActions": ["app", "new-password", "agree"] }));
    let world = World::administered(&realm);
    let root = Admin::root(&world.server, "test");
    let mut browser = Browser::new(&world);
    let page = begin(&world, &mut browser);
    let next = browser.submit(&page, &[("accept", "Accept")]).location();
    assert_eq!(alice(&root)["requiredActions"], json!(["app", "new-password"]));
    let page = browser.get(&next).expect(200);
    let new = [("password-new", "another-password"), ("password-confirm", "another-password")];
    let next = browser.submit(&page, &new).location();
    assert_eq!(alice(&root)["requiredActions"], json!(["app"]));
    let page = browser.get(&next).expect(200);
    browser.submit(&page, &[("totp", "000000")]).expect(200).says("Invalid authenticator code.");
    browser.submit(&page, &[("totp", &otp::shown(&otp::secret(&page)))]).parameter("code");
    assert_eq!(alice(&root)["requiredActions"], json!([]));
    let events = root.read("events?max=5");
    let kinds: Vec<_> =
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["LOGIN", "UPDATE_TOTP", "UPDATE_TOTP_ERROR", "UPDATE_PASSWORD", "CUSTOM_REQUIRED_ACTION"]
    );
    assert_eq!(events[4]["details"]["custom_required_action"], "agree");
    assert_eq!(
        events[0]["details"].get("custom_required_action"),
        None,
        "what is said of one is not of the other"
    );
}

/// The profile of the realm says what is asked for, and what a good answer is
#[test]
fn a_profile_is_completed_before_a_sign_in_ends() {
    let everybody = json!({ "view": ["admin", "user"], "edit": ["admin", "user"] });
    let world = World::administered(&realm());
    let root = Admin::root(&world.server, "test");
    let mut profile = root.read("users/profile");
    let attributes = profile["attributes"].as_array_mut().unwrap();
    attributes.extend([
        json!({ "name": "team", "displayName": "Your team", "permissions": everybody, "required": {},
                "validations": { "options": { "options": ["red", "blue"] } } }),
        json!({ "name": "cost", "permissions": { "view": ["admin"], "edit": ["admin"] } }),
    ]);
    _ = root.put("users/profile", &profile).expect(200);
    let id = alice(&root)["id"].as_str().unwrap().to_owned();
    let change = json!({ "requiredActions": ["UPDATE_PROFILE"], "emailVerified": true,
                         "attributes": { "cost": ["7"], "team": ["red"] } });
    _ = root.put(&format!("users/{id}"), &change).expect(204);

    let mut browser = Browser::new(&world);
    let page = begin(&world, &mut browser);
    for words in
        ["kc-update-profile-form", "Your team", "alice@test.example", "<option value=\"red\" selected>"]
    {
        page.says(words);
    }
    assert!(!page.text().contains("cost"), "that is none of her business");
    let good = [("email", "new@test.example"), ("firstName", "Al"), ("lastName", "Ice"), ("team", "blue")];
    let with = |name: &'static str, value: &'static str| {
        let fields = good.iter().map(|(known, old)| (*known, if *known == name { value } else { *old }));
        fields.collect::<Vec<_>>()
    };
    for (name, value, text) in [
        ("email", "nothing", "Email: this is no email address."),
        ("email", "bob@test.example", "Email already exists."),
        ("firstName", " ", "Please specify this field: First name."),
        ("lastName", "<b>", "Last name: this contains a character that is not allowed."),
        ("team", "green", "Your team: this value is not accepted."),
        ("team", "", "Please specify this field: Your team."),
    ] {
        let answer = browser.submit(&page, &with(name, value));
        assert_eq!(answer.answer.status, 200, "{name}={value:?}");
        answer.says(text);
        // Nothing of what was typed has to be typed again.
        for (name, value) in with(name, value).into_iter().filter(|(name, _)| *name != "team") {
            let shown = if value == "<b>" { "&lt;b&gt;" } else { value };
            let kind = if name == "email" { "email" } else { "text" };
            answer.says(&format!("name=\"{name}\" type=\"{kind}\" value=\"{shown}\""));
        }
    }
    assert_eq!(alice(&root)["email"], "alice@test.example", "what is refused changes nothing");
    // What she may not change, she does not change.
    let mut fields = good.to_vec();
    fields.extend([("username", "root"), ("cost", "0"), ("enabled", "false")]);
    browser.submit(&page, &fields).parameter("code");
    let alice = alice(&root);
    assert_eq!(alice["requiredActions"], json!([]));
    assert_eq!(alice["attributes"], json!({ "cost": ["7"], "team": ["blue"] }));
    assert_eq!(
        (&alice["username"], &alice["email"], &alice["firstName"], &alice["emailVerified"]),
        (&json!("alice"), &json!("new@test.example"), &json!("Al"), &json!(false))
    );
}

#[test]
fn an_incomplete_profile_is_asked_for_where_somebody_wants_it_verified() {
    let realm = with_actions(&["VERIFY_PROFILE"], &["VERIFY_PROFILE"]);
    let world = World::administered(
        &realm.user("bob", json!({ "requiredActions": ["VERIFY_PROFILE"], "lastName": "" })),
    );
    begin(&world, &mut Browser::new(&world)).parameter("code");
    let mut browser = Browser::new(&world);
    let answer = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "bob");
    let page = browser.get(&answer.location()).expect(200);
    page.says("kc-update-profile-form");
    let named = [("email", "bob@test.example"), ("firstName", "Bob"), ("lastName", "Builder")];
    browser.submit(&page, &named).parameter("code");
}

#[test]
fn the_realm_says_in_which_order_and_what_new_people_have_to_do() {
    let listed = ["UPDATE_PASSWORD", TERMS, "UPDATE_PROFILE"];
    let world = World::administered(&with_actions(&[TERMS, "UPDATE_PROFILE", "UPDATE_PASSWORD"], &listed));
    let root = Admin::root(&world.server, "test");
    let mut browser = Browser::new(&world);
    let page = begin(&world, &mut browser);
    page.says("kc-terms-text");
    let next = browser.submit(&page, &[("accept", "Accept")]).location();
    let page = browser.get(&next).expect(200);
    page.says("kc-update-profile-form");
    browser.submit(&page, &[]).expect(200).says("Please specify this field: Email.");
    let named = [("email", "alice@test.example"), ("firstName", "Alice"), ("lastName", "Test")];
    let next = browser.submit(&page, &named).location();
    let page = browser.get(&next).expect(200);
    page.says("kc-passwd-update-form");
    let new = [("password-new", "another-password"), ("password-confirm", "another-password")];
    browser.submit(&page, &new).parameter("code");

    let path = format!("authentication/required-actions/{TERMS}");
    let mut terms = root.read(&path);
    terms["defaultAction"] = json!(true);
    _ = root.put(&path, &terms).expect(204);
    let id = root.create("users", &user("erin"));
    assert_eq!(root.read(&format!("users/{id}"))["requiredActions"], json!([TERMS]));
    let mut frank = user("frank");
    frank["requiredActions"] = json!([]);
    let id = root.create("users", &frank);
    assert_eq!(root.read(&format!("users/{id}"))["requiredActions"], json!([]));
}

/// `kc_action`: what a client asks for may be left
#[test]
fn an_app_may_ask_for_terms_and_profile() {
    let world = World::administered(&with_actions(&[TERMS, "UPDATE_PROFILE", "VERIFY_EMAIL"], &[]));
    let mut browser = Browser::new(&world);
    begin(&world, &mut browser).parameter("code");
    let mut ask = |alias: &str, fields: &[(&str, &str)]| {
        let page = browser.get(&world.authorize("app", &[("kc_action", alias)])).expect(200);
        let back = browser.submit(&page, fields);
        assert_eq!(back.parameter("kc_action"), alias);
        (back.parameter("kc_action_status"), back.parameter("code"))
    };
    assert_eq!(ask(TERMS, &[("cancel", "Decline")]).0, "cancelled");
    let (status, code) = ask(TERMS, &[("accept", "Accept")]);
    assert_eq!(status, "success");
    assert_eq!(ask("UPDATE_PROFILE", &[("cancel-aia", "true"), ("firstName", "Nobody")]).0, "cancelled");
    let named = [("email", "alice@test.example"), ("firstName", "Alicia"), ("lastName", "Test")];
    assert_eq!(ask("UPDATE_PROFILE", &named).0, "success");
    let back = browser.get(&world.authorize("app", &[("kc_action", "VERIFY_EMAIL")]));
    assert_eq!(back.parameter("kc_action_status"), "error");
    let token = world.redeem("app", &code, &[]).expect(200).member("access_token");
    assert_eq!(claims(&token)["preferred_username"], "alice");
}
