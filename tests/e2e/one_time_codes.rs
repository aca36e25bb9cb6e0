//! One-time codes as a realm says (`otpPolicy…`): what apps are set up for, how near a code must be, whether it counts
//! again (RFC 6238 §5.2, RFC 4226 §7.4).

use aws_lc_rs::hmac;
use countersign_tests::{
    admin::{Admin, usual},
    browser::{Browser, Page, realm},
    otp,
    realm::Realm,
    signer::now,
    world::World,
};
use serde_json::json;

/// The code of a step, of eight digits by SHA-256
fn code(secret: &str, step: u64) -> String {
    otp::code(secret, (hmac::HMAC_SHA256, 8), step)
}

/// Steps so long that none ends while a test runs, or hardly ever: the window takes the rest
const PERIOD: u64 = 3_600;

/// Codes of eight digits by SHA-256; alice is to set up her app
fn world(window: u64, reusable: bool, kind: &str) -> World {
    let realm: Realm = realm()
        .set("otpPolicyType", json!(kind))
        .set("otpPolicyAlgorithm", json!("HmacSHA256"))
        .set("otpPolicyDigits", json!(8))
        .set("otpPolicyPeriod", json!(PERIOD))
        .set("otpPolicyInitialCounter", json!(40))
        .set("otpPolicyLookAheadWindow", json!(window))
        .set("otpPolicyCodeReusable", json!(reusable))
        .user("alice", json!({ "requiredActions": ["CONFIGURE_TOTP"] }));
    World::of(&realm)
}

fn page(world: &World, browser: &mut Browser) -> Page {
    let sign_in = world.sign_in_by(browser, &world.authorize("app", &[]), "alice");
    browser.get(&sign_in.location()).expect(200)
}

/// Sets up alice's app with the code of a step
fn set_up(world: &World, step: u64) -> String {
    let mut browser = Browser::new(world);
    let page = page(world, &mut browser);
    let secret = otp::secret(&page);
    browser.submit(&page, &[("totp", &code(&secret, step))]).parameter("code");
    secret
}

/// Whether a code opens
fn opens(world: &World, code: &str) -> bool {
    let mut browser = Browser::new(world);
    let form = page(world, &mut browser);
    form.says("kc-otp-login-form");
    let answer = browser.submit(&form, &[("otp", code)]);
    if answer.answer.status != 302 {
        answer.says("Invalid authenticator code.");
    }
    answer.answer.status == 302
}

#[test]
fn an_app_is_set_up_as_the_realm_says() {
    let world = world(1, false, "totp");
    let mut browser = Browser::new(&world);
    let page = page(&world, &mut browser);
    page.says("time, 3600 seconds; SHA256; 8 digits");
    let secret = otp::secret(&page);
    let right = code(&secret, now() / PERIOD);
    browser.submit(&page, &[("totp", &right[..6])]).expect(200).says("Invalid authenticator code.");
    browser.submit(&page, &[("totp", &right)]).parameter("code");
    assert!(opens(&world, &code(&secret, now() / PERIOD + 1)));
    assert!(!opens(&world, &right), "a code counts once, and those before it no more");
}

#[test]
fn a_realm_says_how_near_a_code_must_be_and_whether_it_counts_again() {
    {
        let world = self::world(3, true, "totp");
        let step = now() / PERIOD;
        let secret = set_up(&world, step);
        assert!(opens(&world, &code(&secret, step)), "it counts again");
        assert!(opens(&world, &code(&secret, step - 2)), "an earlier one too");
        assert!(!opens(&world, &code(&secret, step - 5)));
        assert!(!opens(&world, &code(&secret, step + 5)));
    }
    {
        let world = self::world(0, false, "totp");
        let secret = set_up(&world, now() / PERIOD);
        assert!(!opens(&world, &code(&secret, now() / PERIOD + 2)));
    }
    // A counter goes on from its first step, and never counts twice.
    let world = self::world(2, true, "hotp");
    let secret = set_up(&world, 41);
    assert!(!opens(&world, &code(&secret, 41)));
    assert!(!opens(&world, &code(&secret, 45)), "too far ahead");
    assert!(opens(&world, &code(&secret, 44)));
    assert!(!opens(&world, &code(&secret, 42)));
    assert!(opens(&world, &code(&secret, 45)));
}

#[test]
fn a_policy_that_cannot_be_is_refused_by_its_name() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let before = root.read("");
    assert_eq!((&before["otpPolicyDigits"], &before["otpPolicyPeriod"]), (&json!(6), &json!(30)));
    for (member, value) in [
        ("otpPolicyDigits", json!(4)),
        ("otpPolicyPeriod", json!(0)),
        ("otpPolicyAlgorithm", json!("HmacMD5")),
        ("otpPolicyType", json!("sms")),
        ("otpPolicyLookAheadWindow", json!(1_000)),
    ] {
        let answer = root.put("", &json!({ (member): value })).expect(400);
        assert!(answer.text().contains(member), "{member}: {answer}");
    }
    assert_eq!(root.read(""), before);
    _ = root.put("", &json!({ "otpPolicyDigits": 8 })).expect(204);
    assert_eq!(root.read("")["otpPolicyDigits"], 8);
}
