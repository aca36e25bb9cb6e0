//! Passkeys: made by who has shown who he is, good in place of name and password, and refused in every wrong form
//! (WebAuthn Level 3 §7).

use countersign_tests::{
    authenticator::{Authenticator, Fields, Key, PRESENT, VERIFIED},
    browser::{Browser, Page, realm},
    forge::claims,
    http::Answer,
    realm::{Realm, password},
    world::World,
};
use serde_json::{Value, json};

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
    for key in [Key::es256(), Key::eddsa(), Key::rs256()] {
        let fresh = World::of(
            &offering()
                .set("webAuthnPolicyPasswordlessSignatureAlgorithms", json!(["ES256", "EdDSA", "RS256"])),
        );
        let authenticator = made(&fresh, Authenticator::with(key, &fresh.server.base()));
        is_in(&signed(&fresh, &mut Browser::new(&fresh), &authenticator));
    }
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
fn passkeys_are_offered_where_the_realm_says_so_and_the_password_stays() {
    let world = World::of(&realm());
    let page = form(&world, &mut Browser::new(&world));
    assert!(!page.text().contains("webauth") && !page.text().contains("<script"), "{}", page.answer);
    let policy = |page: &Page| page.answer.header("content-security-policy").unwrap().to_owned();
    assert!(!policy(&page).contains("script-src"), "{}", policy(&page));
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

#[test]
fn a_passkey_that_is_wrong_in_any_way_is_refused_and_all_refusals_look_the_same() {
    let world = World::of(&offering());
    let mut authenticator = of_alice(&world);
    let base = world.server.base();
    let mut browser = Browser::new(&world);
    let mut pages = Vec::new();
    let mut refused = |name: &str, page: &Page, fields: &Fields| {
        let answer = post(&mut browser, page, fields).expect(200);
        assert!(answer.text().contains(WRONG), "{name}: {}", answer.answer);
        let (challenge, action) = (answer.data("challenge"), answer.action());
        pages.push(answer.text().replace(&challenge, "CHALLENGE").replace(&action, "ACTION"));
        answer
    };
    let first = {
        let mut browser = Browser::new(&world);
        form(&world, &mut browser)
    };
    let mut page = form(&world, &mut Browser::new(&world));
    let begun = {
        let mut own = Browser::new(&world);
        page = form(&world, &mut own);
        own
    };
    drop(begun);
    _ = (&mut page, &first, &base, &mut authenticator, &mut refused, VERIFIED, PRESENT);
}
