//! What depends on the time, on https and on addresses, asked without a network.

use core::net::IpAddr;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use countersign_core::time::UnixTime;
use serde_json::{Value, json};

use crate::percent::parameter;
use crate::{
    http::{
        extract::ClientAddress,
        tests::{Answer, TestServer},
    },
    sign_in::fingerprint,
};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const WRONG: &str = "Invalid username or password.";

fn realm(more: Value) -> Value {
    let mut realm = json!({
        "realm": "demo", "enabled": true,
        "users": [
            { "username": "alice", "enabled": true, "credentials": [{ "type": "password", "value": "alice-password" }] },
            { "username": "bob", "enabled": true, "credentials": [{ "type": "password", "value": "bob-password" }] },
        ],
        "clients": [{
            "clientId": "app", "enabled": true, "publicClient": true, "directAccessGrantsEnabled": true,
            "redirectUris": ["https://app.example/cb"],
        }],
    });
    let Value::Object(more) = more else { panic!("not an object") };
    realm.as_object_mut().unwrap().extend(more);
    realm
}

/// A browser at one server
struct Visitor<'a> {
    server: &'a TestServer,
    address: IpAddr,
    cookies: Vec<(String, String)>,
}

impl<'a> Visitor<'a> {
    fn new(server: &'a TestServer) -> Self {
        Self { server, address: IpAddr::from([127, 0, 0, 1]), cookies: Vec::new() }
    }

    async fn ask(&mut self, method: Method, url: &str, form: &[(&str, &str)]) -> Answer {
        let path = url.strip_prefix("https://as.example").unwrap_or(url);
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let pairs = form.iter().map(|(name, value)| format!("{name}={}", parameter(value)));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("cookie", cookies.join("; "))
            .header("content-type", "application/x-www-form-urlencoded")
            .extension(ClientAddress(self.address))
            .body(Body::from(pairs.collect::<Vec<_>>().join("&")))
            .unwrap();
        let answer = self.server.send(request).await;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            assert!(line.starts_with("__Secure-COUNTERSIGN_") && line.contains("; Secure"), "{line}");
            assert!(line.contains("; Path=/realms/demo/; SameSite=Lax"), "{line}");
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !line.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    async fn get(&mut self, url: &str) -> Answer {
        self.ask(Method::GET, url, &[]).await
    }

    async fn authorize(&mut self, more: &str) -> Answer {
        let challenge = fingerprint(VERIFIER.as_bytes());
        self.get(&format!(
            "/realms/demo/protocol/openid-connect/auth?response_type=code&client_id=app&scope=openid&state=s\
             &redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_challenge={challenge}&code_challenge_method=S256{more}"
        ))
        .await
    }

    async fn submit(&mut self, page: &Answer, form: &[(&str, &str)]) -> Answer {
        let action = action(page);
        self.ask(Method::POST, &action, form).await
    }

    /// Goes where a form led within this server
    async fn follow(&mut self, answer: &Answer) -> Answer {
        assert_eq!(answer.status, StatusCode::FOUND, "{}", answer.body);
        let to = answer.header("location").to_owned();
        assert!(to.starts_with("https://as.example/"), "{to}");
        self.get(&to).await
    }

    async fn sign_in(&mut self, more: &str, user: &str) -> Answer {
        let form = self.authorize(more).await;
        self.submit(&form, &[("username", user), ("password", &format!("{user}-password"))]).await
    }

    async fn redeem(&self, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/cb"),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.server.form("/realms/demo/protocol/openid-connect/token", None, &form).await
    }
}

fn action(page: &Answer) -> String {
    let (_, rest) = page.body.split_once(" action=\"").unwrap_or_else(|| panic!("no form: {}", page.body));
    rest.split('"').next().unwrap().to_owned()
}

fn code(answer: &Answer) -> String {
    let to = answer.header("location");
    to.split_once("&code=").unwrap_or_else(|| panic!("{} {to} {}", answer.status, answer.body)).1.to_owned()
}

fn error(answer: &Answer) -> String {
    let (_, rest) =
        answer.header("location").split_once("?error=").unwrap_or_else(|| panic!("{}", answer.body));
    rest.split('&').next().unwrap().to_owned()
}

impl TestServer {
    fn wait(&self, seconds: u64) {
        self.app.clock.set(self.app.clock.now().plus(seconds));
    }

    async fn sql(&self, text: String) {
        let changed = self.app.store.write(move |tx| Ok(tx.execute(&text, [])?)).await.unwrap();
        assert_eq!(changed, 1);
    }
}

#[tokio::test]
async fn a_form_is_good_for_half_an_hour() {
    let server = TestServer::with(realm(json!({}))).await;
    let alice = [("username", "alice"), ("password", "alice-password")];
    let mut visitor = Visitor::new(&server);
    let form = visitor.authorize("").await;
    server.wait(1_800);
    code(&visitor.submit(&form, &alice).await);
    let mut visitor = Visitor::new(&server);
    let form = visitor.authorize("").await;
    server.wait(1_801);
    let late = visitor.submit(&form, &alice).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    assert!(late.body.contains("loginRestartLink"), "{}", late.body);
}

/// RFC6749-4.1.2-01
#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let server = TestServer::with(realm(json!({}))).await;
    let mut visitor = Visitor::new(&server);
    let first = code(&visitor.sign_in("", "alice").await);
    let second = code(&visitor.authorize("").await);
    server.wait(60);
    assert_eq!(visitor.redeem(&first).await.status, StatusCode::OK);
    server.wait(1);
    let late = visitor.redeem(&second).await;
    assert_eq!(late.json()["error_description"], "Code not valid");
    // Time and second use are sorted out alike, and neither ends what is right.
    assert_eq!(error(&visitor.authorize("&prompt=none&max_age=1").await), "login_required");
}

#[tokio::test]
async fn a_sign_in_ends_when_it_is_left_alone_or_too_old() {
    let lives = json!({ "ssoSessionIdleTimeout": 100, "ssoSessionMaxLifespan": 250 });
    let server = TestServer::with(realm(lives)).await;
    let mut visitor = Visitor::new(&server);
    visitor.sign_in("", "alice").await;
    for _ in 0..2 {
        server.wait(100);
        code(&visitor.authorize("&prompt=none").await);
    }
    server.wait(51);
    assert_eq!(error(&visitor.authorize("&prompt=none").await), "login_required");
    visitor.sign_in("", "alice").await;
    server.wait(101);
    assert_eq!(error(&visitor.authorize("&prompt=none").await), "login_required");
}

#[tokio::test]
async fn a_user_who_wants_to_be_remembered_is_so_for_longer() {
    let settings = json!({
        "rememberMe": true, "ssoSessionIdleTimeout": 100, "ssoSessionMaxLifespan": 100,
        "ssoSessionIdleTimeoutRememberMe": 5_000, "ssoSessionMaxLifespanRememberMe": 5_000,
    });
    let server = TestServer::with(realm(settings)).await;
    let mut visitor = Visitor::new(&server);
    let form = visitor.authorize("").await;
    let fields = [("username", "alice"), ("password", "alice-password"), ("rememberMe", "on")];
    let back = visitor.submit(&form, &fields).await;
    let lines: Vec<_> =
        back.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(lines.iter().any(|line| line.contains("IDENTITY") && line.contains("Max-Age=5000")), "{lines:?}");
    server.wait(5_000);
    code(&visitor.authorize("&prompt=none").await);
    server.wait(1);
    assert_eq!(error(&visitor.authorize("&prompt=none").await), "login_required");
}

/// OIDC Core §3.1.2.1 `max_age`
#[tokio::test]
async fn max_age_counts_from_the_last_proof() {
    let server = TestServer::with(realm(json!({}))).await;
    let mut visitor = Visitor::new(&server);
    visitor.sign_in("", "alice").await;
    server.wait(100);
    code(&visitor.authorize("&max_age=100").await);
    assert_eq!(error(&visitor.authorize("&prompt=none&max_age=99").await), "login_required");
    let form = visitor.authorize("&max_age=99").await;
    assert!(form.body.contains("kc-form-login"), "{}", form.body);
    code(&visitor.sign_in("&max_age=99", "alice").await);
    code(&visitor.authorize("&prompt=none&max_age=0").await);
}

/// A change of the user takes effect while he is signing in and when he is signed in
#[tokio::test]
async fn a_user_who_is_switched_off_or_signed_out_is_nobody_any_more() {
    let server = TestServer::with(realm(json!({}))).await;
    let mut visitor = Visitor::new(&server);
    let back = visitor.sign_in("", "alice").await;
    server.sql("UPDATE user SET enabled = 0 WHERE username = 'alice'".to_owned()).await;
    assert_eq!(visitor.redeem(&code(&back)).await.json()["error_description"], "User disabled");
    assert_eq!(error(&visitor.authorize("&prompt=none").await), "login_required");
    let mut visitor = Visitor::new(&server);
    visitor.sign_in("", "bob").await;
    let before = server.app.clock.now().plus(1).0;
    server.sql(format!("UPDATE user SET not_before = {before} WHERE username = 'bob'")).await;
    assert_eq!(error(&visitor.authorize("&prompt=none").await), "login_required");
}

const SECRET: &str = "12345678901234567890";

async fn with_otp(server: &TestServer) {
    let secret = json!({ "value": SECRET }).to_string();
    let data = json!({ "subType": "totp", "digits": 8, "period": 30, "algorithm": "HmacSHA1" }).to_string();
    server
        .sql(format!(
            "INSERT INTO credential (id, user_id, type, secret_data, credential_data, created_at)
             SELECT 'otp-1', id, 'otp', '{secret}', '{data}', 0 FROM user WHERE username = 'alice'"
        ))
        .await;
}

/// RFC 6238, Appendix B: the time 59 s and its code
#[tokio::test]
async fn a_one_time_code_is_asked_for_and_counts_once() {
    let server = TestServer::with(realm(json!({ "failureFactor": 3, "waitIncrementSeconds": 100 }))).await;
    with_otp(&server).await;
    server.app.clock.set(UnixTime(59));
    let mut visitor = Visitor::new(&server);
    let next = visitor.sign_in("", "alice").await;
    assert_eq!(error(&visitor.authorize("&prompt=none").await), "login_required", "half is not enough");
    let page = visitor.follow(&next).await;
    assert!(page.body.contains("kc-otp-login-form"), "{}", page.body);
    let wrong = visitor.submit(&page, &[("otp", "94287083")]).await;
    assert!(wrong.body.contains("Invalid authenticator code."), "{}", wrong.body);
    assert!(visitor.submit(&page, &[]).await.body.contains("Invalid authenticator code."));
    let other = Visitor::new(&server).submit(&page, &[("otp", "94287082")]).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST, "another browser");
    let back = visitor.submit(&page, &[("otp", "9428 7082")]).await;
    assert_eq!(visitor.redeem(&code(&back)).await.status, StatusCode::OK);
    // Used up.
    let mut thief = Visitor::new(&server);
    let next = thief.sign_in("", "alice").await;
    let page = thief.follow(&next).await;
    assert!(thief.submit(&page, &[("otp", "94287082")]).await.body.contains("Invalid authenticator code."));
}

/// The password grant asks for it too, and guesses of it are counted
#[tokio::test]
async fn a_one_time_code_cannot_be_passed_by_or_guessed() {
    let server = TestServer::with(realm(json!({ "failureFactor": 3, "waitIncrementSeconds": 100 }))).await;
    with_otp(&server).await;
    server.app.clock.set(UnixTime(59));
    let grant = async |more: &[(&str, &str)]| {
        let mut form = vec![("grant_type", "password"), ("client_id", "app")];
        form.extend([("username", "alice"), ("password", "alice-password")]);
        form.extend(more);
        server.form("/realms/demo/protocol/openid-connect/token", None, &form).await.status
    };
    assert_eq!(grant(&[]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(grant(&[("totp", "00000000")]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(grant(&[("totp", "94287082")]).await, StatusCode::OK);
    for code in ["1", "2", "3"] {
        assert_eq!(grant(&[("totp", code)]).await, StatusCode::UNAUTHORIZED);
    }
    server.app.clock.set(UnixTime(1_111_111_109));
    // The failures of then are forgotten by now; four new ones make a wait.
    for code in ["1", "2", "3"] {
        assert_eq!(grant(&[("totp", code)]).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(grant(&[("totp", "07081804")]).await, StatusCode::UNAUTHORIZED);
    server.wait(100);
    let now = server.app.clock.now();
    assert_eq!(grant(&[("totp", &totp(now))]).await, StatusCode::OK);
}

/// The code of a moment, made by the rule's own words (RFC 4226 §5.3)
fn totp(now: UnixTime) -> String {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    let tag = hmac::sign(&key, &(now.0 / 30).to_be_bytes());
    let hash = tag.as_ref();
    let offset = usize::from(hash[19] & 0xf);
    let word = u32::from_be_bytes(hash[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:08}", word % 100_000_000)
}

#[tokio::test]
async fn a_password_that_must_be_changed_is_changed_first() {
    let server = TestServer::with(realm(json!({}))).await;
    server
        .sql(
            r#"UPDATE user SET required_actions = '["UPDATE_PASSWORD"]' WHERE username = 'alice'"#.to_owned(),
        )
        .await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "alice"),
        ("password", "alice-password"),
    ];
    let grant = server.form("/realms/demo/protocol/openid-connect/token", None, &form).await;
    assert_eq!(grant.json()["error_description"], "Account is not fully set up");
    let mut visitor = Visitor::new(&server);
    let next = visitor.sign_in("", "alice").await;
    let page = visitor.follow(&next).await;
    assert!(page.body.contains("kc-passwd-update-form"), "{}", page.body);
    for (new, confirm, text) in [
        ("", "", "Please specify password."),
        ("a-new-password", "another", "Passwords don&#39;t match."),
        ("short", "short", "minimum length 8"),
        ("alice-password", "alice-password", "must not be the one that you had"),
    ] {
        let again = visitor.submit(&page, &[("password-new", new), ("password-confirm", confirm)]).await;
        assert!(again.body.replace('\'', "&#39;").contains(text), "{new}: {}", again.body);
    }
    let fields = [("password-new", "a-new-password"), ("password-confirm", "a-new-password")];
    code(&visitor.submit(&page, &fields).await);
    let mut other = Visitor::new(&server);
    let form = other.authorize("").await;
    let old = other.submit(&form, &[("username", "alice"), ("password", "alice-password")]).await;
    assert!(old.body.contains(WRONG), "{}", old.body);
    code(&other.submit(&form, &[("username", "alice"), ("password", "a-new-password")]).await);
}

/// A password that is changed elsewhere undoes a sign-in that has only begun
#[tokio::test]
async fn a_half_sign_in_ends_with_its_password() {
    let server = TestServer::with(realm(json!({}))).await;
    with_otp(&server).await;
    server.app.clock.set(UnixTime(59));
    let mut visitor = Visitor::new(&server);
    let next = visitor.sign_in("", "alice").await;
    let page = visitor.follow(&next).await;
    server
        .sql(
            "UPDATE credential SET secret_data = (SELECT secret_data FROM credential c JOIN user u ON u.id = c.user_id
             WHERE u.username = 'bob') WHERE type = 'password' AND user_id =
             (SELECT id FROM user WHERE username = 'alice')"
                .to_owned(),
        )
        .await;
    let over = visitor.submit(&page, &[("otp", "94287082")]).await;
    assert_eq!(over.status, StatusCode::BAD_REQUEST);
    // And so does the time.
    let next = visitor.sign_in("", "bob").await;
    code(&next);
}

#[tokio::test]
async fn a_wait_ends_when_it_said_and_is_not_made_longer_by_trying() {
    let rules = json!({ "failureFactor": 2, "waitIncrementSeconds": 60, "maxFailureWaitSeconds": 90 });
    let server = TestServer::with(realm(rules)).await;
    let mut visitor = Visitor::new(&server);
    let form = visitor.authorize("").await;
    let alice = [("username", "alice"), ("password", "alice-password")];
    let bad = [("username", "alice"), ("password", "wrong")];
    for _ in 0..5 {
        assert!(visitor.submit(&form, &bad).await.body.contains(WRONG));
    }
    server.wait(59);
    assert!(visitor.submit(&form, &alice).await.body.contains(WRONG));
    server.wait(1);
    code(&visitor.submit(&form, &alice).await);
}

/// An address that tries many names has to wait, wherever it tries; proxies and offices do not
#[tokio::test]
async fn an_address_that_tries_many_users_has_to_wait() {
    let rules = json!({ "failureFactor": 1, "waitIncrementSeconds": 60 });
    let server = TestServer::with(realm(rules)).await;
    let spray = async |address: &str| {
        let mut visitor = Visitor::new(&server);
        visitor.address = address.parse().unwrap();
        let form = visitor.authorize("").await;
        for number in 0..10 {
            let name = format!("nobody-{number}");
            visitor.submit(&form, &[("username", &name), ("password", "guess")]).await;
        }
        let answer = visitor.submit(&form, &[("username", "bob"), ("password", "bob-password")]).await;
        answer.status == StatusCode::FOUND
    };
    assert!(!spray("198.51.100.7").await);
    assert!(spray("10.0.0.7").await);
    let mut other = Visitor::new(&server);
    other.address = "198.51.100.8".parse().unwrap();
    code(&other.sign_in("", "bob").await);
}

/// TRAP-OAUTH-28: what one realm gave is nothing in another
#[tokio::test]
async fn cookies_and_codes_of_one_realm_are_nothing_in_another() {
    let server = TestServer::with(realm(json!({}))).await;
    let mut second = realm(json!({}));
    second["realm"] = "other".into();
    let file = serde_json::from_value(second).unwrap();
    let app = &server.app;
    crate::import::document(&app.store, app.keys.master(), file, None, &app.scripts, app.clock.now())
        .await
        .unwrap();
    let mut visitor = Visitor::new(&server);
    let back = visitor.sign_in("", "alice").await;
    let code = code(&back);
    let silent = "/realms/other/protocol/openid-connect/auth?response_type=code&client_id=app&prompt=none\
                  &redirect_uri=https%3A%2F%2Fapp.example%2Fcb";
    assert_eq!(error(&visitor.get(silent).await), "login_required");
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/cb"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let answer = server.form("/realms/other/protocol/openid-connect/token", None, &form).await;
    assert_eq!(answer.json()["error_description"], "Code not valid");
    assert_eq!(visitor.redeem(&code).await.status, StatusCode::OK, "it was not spent there");
}

#[tokio::test]
async fn what_time_has_ended_is_removed() {
    let server = TestServer::with(realm(json!({ "maxDeltaTimeSeconds": 100 }))).await;
    let mut visitor = Visitor::new(&server);
    let form = visitor.authorize("").await;
    visitor.submit(&form, &[("username", "alice"), ("password", "wrong")]).await;
    let back = visitor.sign_in("", "bob").await;
    code(&back);
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        server.app.store.read(|tx| Ok(tx.query_row(&sql, [], |row| row.get::<_, i64>(0))?)).unwrap()
    };
    let tables = ["sign_in_failure", "known_browser", "authorization_code", "sign_in_cookie"];
    assert_eq!(tables.map(count), [1, 1, 1, 1]);
    server.wait(100 * 24 * 3_600);
    server.app.store.sweep(server.app.clock.now()).await.unwrap();
    assert_eq!(tables.map(count), [0, 0, 0, 0]);
}
