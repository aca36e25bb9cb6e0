//! Passkeys: made by who has shown who he is, good in place of name and password, and refused in every wrong form
//! (`WebAuthn` Level 3 §7).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_tests::{
    admin::Admin,
    authenticator::{Authenticator, Fields, Key, PRESENT, VERIFIED},
    browser::{Browser, Page, realm},
    forge::claims,
    http::Answer,
    realm::{Realm, password},
    server::Server,
    world::World,
};
use serde_json::{Value, json};

use crate::admin_transfer::exported;

const WRONG: &str = "Could not sign you in with this passkey.";
const REGISTER: &str = "webauthn-register-passwordless";

/// The usual realm with passkeys; alice is to make one
fn offering() -> Realm {
    realm()
        .set("webAuthnPolicyPasswordlessPasskeysEnabled", json!(true))
        .user("alice", json!({ "requiredActions": [REGISTER] }))
}

fn post(browser: &mut Browser, page: &Page, fields: &Fields) -> Page {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.submit(page, &fields)
}

fn form(world: &World, browser: &mut Browser) -> Page {
    browser.get(&world.authorize("app", &[])).expect(200)
}

/// Signs alice in by her password, and gives the page that asks for a passkey
fn asked(world: &World, browser: &mut Browser) -> Page {
    let sign_in = world.sign_in_by(browser, &world.authorize("app", &[]), "alice");
    let page = browser.get(&sign_in.location()).expect(200);
    page.says("id=\"register\"");
    page
}

/// Makes a passkey for alice
fn made(world: &World, mut authenticator: Authenticator) -> Authenticator {
    let mut browser = Browser::new(world);
    let page = asked(world, &mut browser);
    let fields = authenticator.make(&page);
    post(&mut browser, &page, &fields).parameter("code");
    authenticator
}

fn of_alice(world: &World) -> Authenticator {
    made(world, Authenticator::new(&world.server.base()))
}

fn signed(world: &World, browser: &mut Browser, authenticator: &Authenticator) -> Page {
    let page = form(world, browser);
    let fields = authenticator.sign(&page);
    post(browser, &page, &fields)
}

fn is_in(page: &Page) {
    page.parameter("code");
}

fn with(mut fields: Fields, name: &'static str, value: &str) -> Fields {
    fields.retain(|(known, _)| *known != name);
    fields.push((name, value.to_owned()));
    fields
}

fn passkeys(world: &World, token: &str) -> Value {
    let path = "account/v1/credentials?type=webauthn-passwordless";
    world.request("GET", path).bearer(token).send().expect(200).json()[0].clone()
}

#[test]
fn a_passkey_is_made_once_and_signs_in_without_a_password() {
    let world = World::of(&offering());
    let mut browser = Browser::new(&world);
    let page = asked(&world, &mut browser);
    assert_eq!(page.data("rp-name"), "test");
    assert_eq!((page.data("user-name"), page.data("algorithms")), ("alice".to_owned(), "-7 -257".to_owned()));
    assert_eq!(
        (page.data("user-verification"), page.data("attestation")),
        ("required".into(), "none".into())
    );
    let mut authenticator = Authenticator::new(&world.server.base());
    let fields = with(authenticator.make(&page), "authenticatorLabel", "My phone");
    is_in(&post(&mut browser, &page, &fields));
    // It is not asked for again, and another browser gets in by it.
    let mut other = Browser::new(&world);
    is_in(&world.sign_in_by(&mut other, &world.authorize("app", &[]), "alice"));
    let back = signed(&world, &mut Browser::new(&world), &authenticator);
    let token = world.redeem("app", &back.parameter("code"), &[]).expect(200).member("access_token");
    assert_eq!(claims(&token)["preferred_username"], "alice");
    assert_eq!(claims(&token)["acr"], "1");
    let kept = passkeys(&world, &world.token("alice"));
    let own = kept["userCredentialMetadatas"].as_array().unwrap();
    assert_eq!((own.len(), &own[0]["credential"]["userLabel"]), (1, &json!("My phone")));
}

#[test]
fn passkeys_sign_by_the_algorithms_that_the_realm_names() {
    let algorithms = json!(["ES256", "EdDSA", "RS256"]);
    let realm = offering().set("webAuthnPolicyPasswordlessSignatureAlgorithms", algorithms);
    for key in [Key::es256(), Key::eddsa(), Key::rs256()] {
        let world = World::of(&realm);
        let authenticator = made(&world, Authenticator::with(key, &world.server.base()));
        is_in(&signed(&world, &mut Browser::new(&world), &authenticator));
    }
}

#[test]
fn passkeys_are_offered_where_the_realm_says_so_and_the_password_stays() {
    let policy = |page: &Page| page.answer.header("content-security-policy").unwrap().to_owned();
    {
        let world = World::of(&realm());
        let mut browser = Browser::new(&world);
        let page = form(&world, &mut browser);
        assert!(!page.text().contains("webauth") && !page.text().contains("<script"), "{}", page.answer);
        assert!(!policy(&page).contains("script-src"), "{}", policy(&page));
        browser.submit(&page, &[("credentialId", "AAAA")]).expect(200).says(WRONG);
    }
    let world = World::of(&offering().user("alice", json!({ "requiredActions": [] })));
    let mut browser = Browser::new(&world);
    let page = form(&world, &mut browser);
    page.says("autocomplete=\"username webauthn\"");
    assert!(
        policy(&page).contains("script-src 'self'") && !policy(&page).contains("unsafe"),
        "{}",
        policy(&page)
    );
    // Nothing of it shows without script, and no list of passkeys is in it.
    page.says("type=\"button\" hidden>Sign in with a passkey");
    is_in(&browser.submit(&page, &[("username", "alice"), ("password", &password("alice"))]));
}

/// `WebAuthn` §7.2, step by step
#[test]
fn a_passkey_that_is_wrong_in_any_way_is_refused_and_all_refusals_look_the_same() {
    let world = World::of(&offering());
    let mut authenticator = of_alice(&world);
    let base = world.server.base();
    let bob = world.token("bob");
    let bob = claims(&bob)["sub"].as_str().unwrap().to_owned();
    let mut browser = Browser::new(&world);
    let mut texts = Vec::new();
    let mut refuse = |name: &str, bend: &dyn Fn(&mut Authenticator), change: &dyn Fn(Fields) -> Fields| {
        bend(&mut authenticator);
        let page = form(&world, &mut browser);
        let answer = post(&mut browser, &page, &change(authenticator.sign(&page))).expect(200);
        assert!(answer.text().contains(WRONG), "{name}: {}", answer.answer);
        let text = answer.text().replace(&answer.data("challenge"), "CHALLENGE");
        texts.push(text.replace(&answer.action(), "ACTION"));
        // The same authenticator gets in where nothing is wrong.
        authenticator = Authenticator {
            key: core::mem::replace(&mut authenticator.key, Key::es256()),
            id: authenticator.id.clone(),
            user: authenticator.user.clone(),
            ..Authenticator::new(&base)
        };
        is_in(&signed(&world, &mut Browser::new(&world), &authenticator));
    };
    let same = |fields: Fields| fields;
    refuse("origin", &|one| "https://evil.example".clone_into(&mut one.origin), &same);
    refuse("port", &|one| "http://127.0.0.1:1".clone_into(&mut one.origin), &same);
    refuse("frame", &|one| one.framed = true, &same);
    refuse("challenge", &|one| one.challenge = Some("A".repeat(43)), &same);
    refuse("no challenge", &|one| one.challenge = Some(String::new()), &same);
    refuse("kind", &|one| one.kind = Some("webauthn.create"), &same);
    refuse("domain", &|one| one.rp_id = Some("evil.example".to_owned()), &same);
    refuse("presence", &|one| one.flags = VERIFIED, &same);
    refuse("verification", &|one| one.flags = PRESENT, &same);
    refuse("backed up, which it cannot be", &|one| one.flags = PRESENT | VERIFIED | 0x10, &same);
    refuse("extensions that are not there", &|one| one.flags = PRESENT | VERIFIED | 0x80, &same);
    refuse("id", &|_| {}, &|fields| with(fields, "credentialId", "AAAA"));
    refuse("user", &|_| {}, &|fields| with(fields, "userHandle", &URL_SAFE_NO_PAD.encode(&bob)));
    refuse("nobody", &|_| {}, &|fields| with(fields, "userHandle", "bm9ib2R5"));
    refuse("no user", &|_| {}, &|fields| with(fields, "userHandle", ""));
    refuse("signature", &|_| {}, &|fields| with(fields, "signature", "MEUCIQ"));
    refuse("another key", &|_| {}, &|fields| {
        let stranger = Authenticator::new("x");
        with(fields, "signature", &URL_SAFE_NO_PAD.encode(stranger.id))
    });
    for name in ["clientDataJSON", "authenticatorData", "signature"] {
        refuse(name, &|_| {}, &|fields| with(fields, name, ""));
        refuse(name, &|_| {}, &|fields| with(fields, name, "!"));
        refuse(name, &|_| {}, &|fields| with(fields, name, "e30"));
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
}

/// `WebAuthn` §13.4.3
#[test]
fn an_answer_counts_once_in_its_own_page_browser_and_realm() {
    let realm = offering();
    let other = realm.json().to_string().replace("\"test\"", "\"other\"").replace("-test\"", "-other\"");
    let world = World::on(Server::builder().import_text("other.json", &other), &realm);
    let authenticator = of_alice(&world);
    let mut browser = Browser::new(&world);
    let page = form(&world, &mut browser);
    let before = browser.clone();
    let fields = authenticator.sign(&page);
    // Another browser has not begun this.
    _ = post(&mut Browser::new(&world), &page, &fields).expect(400);
    is_in(&post(&mut browser, &page, &fields));
    // Whoever has seen everything, the cookie too, gets nothing by it again.
    post(&mut before.clone(), &page, &fields).expect(200).says(WRONG);
    // An answer to one page is none to the next.
    let mut fresh = Browser::new(&world);
    let next = form(&world, &mut fresh);
    post(&mut fresh, &next, &fields).expect(200).says(WRONG);
    // alice of another realm is somebody else.
    let there = World { realm: "other".to_owned(), ..world };
    let mut abroad = Browser::new(&there);
    let page = form(&there, &mut abroad);
    post(&mut abroad, &page, &authenticator.sign(&page)).expect(200).says(WRONG);
}

/// `WebAuthn` §6.1.1
#[test]
fn a_counter_only_goes_up() {
    let world = World::of(&offering());
    let mut authenticator =
        made(&world, Authenticator { counter: 5, ..Authenticator::new(&world.server.base()) });
    for (counter, right) in
        [(4, false), (5, false), (0, false), (6, true), (6, false), (100, true), (99, false)]
    {
        authenticator.counter = counter;
        let page = signed(&world, &mut Browser::new(&world), &authenticator);
        assert_eq!(page.answer.status == 302, right, "{counter}: {}", page.answer);
        if !right {
            page.says(WRONG);
        }
    }
}

#[test]
fn an_authenticator_that_does_not_count_may_go_on_so() {
    let world = World::of(&offering());
    let mut still = of_alice(&world);
    is_in(&signed(&world, &mut Browser::new(&world), &still));
    is_in(&signed(&world, &mut Browser::new(&world), &still));
    still.counter = 1;
    is_in(&signed(&world, &mut Browser::new(&world), &still));
    still.counter = 0;
    signed(&world, &mut Browser::new(&world), &still).expect(200).says(WRONG);
}

#[test]
fn an_account_that_is_switched_off_shows_to_its_owner_only() {
    let world = World::administered(&offering());
    let root = Admin::root(&world.server, "test");
    let mut authenticator = of_alice(&world);
    let path = format!("users/{}", root.user("alice"));
    _ = root.put(&path, &json!({ "enabled": false })).expect(204);
    signed(&world, &mut Browser::new(&world), &authenticator).expect(200).says("Account is disabled");
    authenticator.flags = PRESENT;
    signed(&world, &mut Browser::new(&world), &authenticator).expect(200).says(WRONG);
    authenticator.flags |= VERIFIED;
    _ = root.put(&path, &json!({ "enabled": true })).expect(204);
    is_in(&signed(&world, &mut Browser::new(&world), &authenticator));
}

#[test]
fn whoever_only_holds_a_passkey_gives_a_one_time_code_too() {
    let secret = json!({ "value": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" }).to_string();
    let data =
        json!({ "subType": "totp", "digits": 6, "period": 30, "secretEncoding": "BASE32" }).to_string();
    let otp = json!({ "type": "otp", "secretData": secret, "credentialData": data });
    let mut authenticator = Authenticator::new("");
    "7c1f5a52-0d3c-4c76-9a58-000000000001".clone_into(&mut authenticator.user);
    let members = json!({ "id": authenticator.user, "credentials": [otp, authenticator.exported("Mine")] });
    let realm = offering().user("erin", members);
    let world =
        World::of(&realm.set("webAuthnPolicyPasswordlessUserVerificationRequirement", json!("preferred")));
    authenticator.origin = world.server.base();
    is_in(&signed(&world, &mut Browser::new(&world), &authenticator));
    authenticator.flags = PRESENT;
    let mut browser = Browser::new(&world);
    let on = signed(&world, &mut browser, &authenticator);
    browser.get(&on.location()).expect(200).says("kc-otp-login-form");
}

#[test]
fn wrong_answers_are_counted_as_wrong_passwords_are() {
    let realm = offering().set("failureFactor", json!(3)).set("waitIncrementSeconds", json!(3_600));
    let world = World::of(&realm);
    let mut authenticator = of_alice(&world);
    for _ in 0..3 {
        authenticator.flags = PRESENT;
        signed(&world, &mut Browser::new(&world), &authenticator).expect(200).says(WRONG);
    }
    authenticator.flags = PRESENT | VERIFIED;
    signed(&world, &mut Browser::new(&world), &authenticator).expect(200).says(WRONG);
    let mut browser = Browser::new(&world);
    let page = form(&world, &mut browser);
    let password = [("username", "alice"), ("password", "alice-password")];
    browser.submit(&page, &password).expect(200).says("Invalid username or password.");
}

/// `WebAuthn` §7.1
#[test]
fn only_what_was_asked_for_becomes_a_passkey() {
    let models = json!(["07070707-0707-0707-0707-070707070707"]);
    let world = World::of(&offering().set("webAuthnPolicyPasswordlessAcceptableAaguids", models));
    let mut browser = Browser::new(&world);
    let first = asked(&world, &mut browser);
    let base = world.server.base();
    let mut refuse = |name: &str, page: &Page, mut authenticator: Authenticator| {
        let fields = authenticator.make(page);
        let answer = post(&mut browser, page, &fields).expect(200);
        assert!(answer.text().contains("id=\"input-error\""), "{name}: {}", answer.answer);
        answer
    };
    let new = || Authenticator::new(&base);
    let evil = "https://evil.example".to_owned();
    let page = refuse("origin", &first, Authenticator { origin: evil, ..new() });
    // A challenge is one of its page.
    let old = Some(first.data("challenge"));
    let page = refuse("challenge", &page, Authenticator { challenge: old, ..new() });
    let page = refuse("kind", &page, Authenticator { kind: Some("webauthn.get"), ..new() });
    let page = refuse("frame", &page, Authenticator { framed: true, ..new() });
    let page = refuse("domain", &page, Authenticator { rp_id: Some("evil.example".to_owned()), ..new() });
    let page = refuse("presence", &page, Authenticator { flags: VERIFIED, ..new() });
    let page = refuse("verification", &page, Authenticator { flags: PRESENT, ..new() });
    let page = refuse("algorithm", &page, Authenticator::with(Key::eddsa(), &base));
    let page = refuse("model", &page, Authenticator { aaguid: [8; 16], ..new() });
    let page = refuse("no id", &page, Authenticator { id: Vec::new(), ..new() });
    let page = refuse("long id", &page, Authenticator { id: vec![1; 1_024], ..new() });
    let cut = |fields: Fields| with(fields, "attestationObject", "oWNmbXRkbm9uZQ");
    let answer = post(&mut browser, &page, &cut(new().make(&page))).expect(200);
    answer.says("id=\"input-error\"");
    let page = browser.post(&answer.action(), &[("accept", "yes")]).expect(200);
    // Another browser, and none of the sign-in's cookie, get nowhere; afterwards it works.
    let mut authenticator = new();
    let fields = authenticator.make(&page);
    let before = browser.clone();
    _ = post(&mut Browser::new(&world), &page, &fields).expect(400);
    is_in(&post(&mut browser, &page, &fields));
    // Sent again by whoever has it all, it makes no second one.
    _ = post(&mut before.clone(), &page, &fields);
    let kept = passkeys(&world, &world.token("bob"));
    assert_eq!(kept["userCredentialMetadatas"], json!([]));
    let mut again = Browser::new(&world);
    let token = signed(&world, &mut again, &authenticator).parameter("code");
    let token = world.redeem("app", &token, &[]).expect(200).member("access_token");
    assert_eq!(claims(&token)["preferred_username"], "alice");
}

/// Keycloak's application initiated actions
#[test]
fn an_app_may_send_people_to_make_a_passkey() {
    let world = World::of(&offering().user("alice", json!({ "requiredActions": [] })));
    let mut browser = Browser::new(&world);
    is_in(&world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice"));
    let url = world.authorize("app", &[("kc_action", REGISTER)]);
    let page = browser.get(&url).expect(200);
    page.says("cancel-aia");
    let back = browser.submit(&page, &[("cancel-aia", "true")]);
    assert_eq!(back.parameter("kc_action_status"), "cancelled");
    assert_eq!(back.parameter("kc_action"), REGISTER);
    is_in(&back);
    browser
        .get(&world.authorize("app", &[("kc_action", REGISTER), ("prompt", "none")]))
        .tells("interaction_required");
    let page = browser.get(&url).expect(200);
    let mut authenticator = Authenticator::new(&world.server.base());
    let fields = authenticator.make(&page);
    let back = post(&mut browser, &page, &fields);
    assert_eq!(back.parameter("kc_action_status"), "success");
    is_in(&signed(&world, &mut Browser::new(&world), &authenticator));
    // The same again is known already.
    let page = browser.get(&url).expect(200);
    let fields = authenticator.make(&page);
    post(&mut browser, &page, &fields).expect(200).says("You have this passkey already.");
    let unknown = browser.get(&world.authorize("app", &[("kc_action", "delete_everything")]));
    assert_eq!(unknown.parameter("kc_action_status"), "error");
    // Of two others, too.
    let page = browser.get(&world.authorize("app", &[("kc_action", "CONFIGURE_TOTP")])).expect(200);
    page.says("kc-totp-settings-form");
    assert_eq!(browser.submit(&page, &[("cancel-aia", "true")]).parameter("kc_action_status"), "cancelled");
    let page = browser.get(&world.authorize("app", &[("kc_action", "UPDATE_PASSWORD")])).expect(200);
    let fields = [("password-new", "another-password"), ("password-confirm", "another-password")];
    assert_eq!(browser.submit(&page, &fields).parameter("kc_action_status"), "success");
}

#[test]
fn what_people_have_to_do_they_cannot_leave() {
    let world = World::of(&offering());
    let mut browser = Browser::new(&world);
    let page = asked(&world, &mut browser);
    assert!(!page.text().contains("cancel-aia"), "{}", page.answer);
    browser.submit(&page, &[("cancel-aia", "true")]).expect(200).says("id=\"register\"");
}

#[test]
fn a_passkey_that_its_owner_removes_is_gone_and_so_is_what_it_had_begun() {
    let realm = offering().client("asking", json!({}));
    let world = World::of(&realm);
    let authenticator = of_alice(&world);
    let token = world.token("alice");
    let kept = passkeys(&world, &token);
    assert_eq!(
        (&kept["category"], &kept["removeable"], &kept["createAction"]),
        (&json!("passwordless"), &json!(true), &json!(REGISTER))
    );
    let id = kept["userCredentialMetadatas"][0]["credential"]["id"].as_str().unwrap();
    let remove = |token: &str, id: &str| -> Answer {
        world.request("DELETE", &format!("account/v1/credentials/{id}")).bearer(token).send()
    };
    // It has signed, and consent is still to be given.
    let mut browser = Browser::new(&world);
    let page = browser.get(&world.authorize("asking", &[])).expect(200);
    let on = post(&mut browser, &page, &authenticator.sign(&page));
    let consent = browser.get(&on.location()).expect(200);
    consent.says("kc-consent-form");
    _ = remove(&world.token("bob"), id).expect(404);
    _ = remove(&token, "nothing").expect(404);
    let all = world.request("GET", "account/v1/credentials").bearer(&token).send().expect(200).json();
    let own = all.as_array().unwrap().iter().find(|one| one["type"] == "password").unwrap();
    let own = own["userCredentialMetadatas"][0]["credential"]["id"].as_str().unwrap();
    _ = remove(&token, own).expect(400);
    _ = remove(&token, id).expect(204);
    _ = remove(&token, id).expect(404);
    browser.submit(&consent, &[("accept", "Yes")]).expect(400).says("loginRestartLink");
    signed(&world, &mut Browser::new(&world), &authenticator).expect(200).says(WRONG);
    assert_eq!(passkeys(&world, &token)["userCredentialMetadatas"], json!([]));
}

#[test]
fn what_an_app_and_the_realm_keep_of_it_says_how_somebody_signed_in() {
    let realm = offering().set("eventsEnabled", true.into());
    let world = World::administered(&realm);
    let root = Admin::root(&world.server, "test");
    let mut authenticator = of_alice(&world);
    let newest = |kind: &str| root.read(&format!("events?type={kind}&max=1"))[0].clone();
    assert_eq!(newest("UPDATE_CREDENTIAL")["details"]["credential_type"], "webauthn-passwordless");
    is_in(&signed(&world, &mut Browser::new(&world), &authenticator));
    assert_eq!(newest("LOGIN")["details"]["credential_type"], "webauthn-passwordless");
    authenticator.flags = PRESENT;
    _ = signed(&world, &mut Browser::new(&world), &authenticator);
    let event = newest("LOGIN_ERROR");
    assert_eq!(
        (&event["error"], &event["userId"]),
        (&json!("invalid_user_credentials"), &json!(authenticator.user))
    );
    assert_eq!(event["details"]["web_authn_authentication_error"], "the user was not verified");
}

/// wire §9.3
#[test]
fn a_passkey_of_an_export_signs_in_and_goes_out_as_it_came() {
    let mut authenticator = Authenticator { counter: 3, ..Authenticator::new("") };
    "7c1f5a52-0d3c-4c76-9a58-000000000002".clone_into(&mut authenticator.user);
    let given_out = authenticator.exported("Work laptop");
    let members = json!({ "id": authenticator.user, "credentials": [given_out] });
    let world = World::administered(&offering().user("erin", members));
    assert!(!world.server.log().contains("webauthn-passwordless"), "it has an effect");
    let root = Admin::root(&world.server, "test");
    let file = exported(&world.server.folder(), "sqlite:test.db", "test");
    assert_eq!(file["webAuthnPolicyPasswordlessPasskeysEnabled"], true);
    let erin = file["users"].as_array().unwrap().iter().find(|user| user["username"] == "erin").unwrap();
    let mut given = erin["credentials"][0].clone();
    let mut want = given_out.clone();
    for one in [&mut given, &mut want] {
        let data: Value = serde_json::from_str(one["credentialData"].as_str().unwrap()).unwrap();
        one["credentialData"] = data;
    }
    assert_eq!(given, want);
    authenticator.origin = world.server.base();
    authenticator.counter = 4;
    is_in(&signed(&world, &mut Browser::new(&world), &authenticator));
    let shown = root.read(&format!("users/{}/credentials", authenticator.user));
    assert_eq!(shown[0]["userLabel"], "Work laptop");
    assert!(shown[0]["credentialData"].as_str().unwrap().contains("\"counter\":4"), "{shown}");
}

#[test]
fn a_realm_that_has_switched_an_action_off_lets_no_app_send_people_to_it() {
    let world = World::administered(&realm());
    let root = Admin::root(&world.server, "test");
    let path = format!("authentication/required-actions/{REGISTER}");
    let mut action = root.read(&path);
    assert_eq!(action["enabled"], true);
    action["enabled"] = false.into();
    _ = root.put(&path, &action).expect(204);
    let url = world.authorize("app", &[("kc_action", REGISTER)]);
    let back = world.sign_in_by(&mut Browser::new(&world), &url, "alice");
    assert_eq!(back.parameter("kc_action_status"), "error");
}
