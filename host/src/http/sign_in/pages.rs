//! The pages, and the headers that go with them.
//!
//! Ids and names of forms, fields and buttons are Keycloak's, so that what drives its pages drives these (wire §1.4).

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use maud::{DOCTYPE, Markup, html};

use super::{
    super::extract::{Form, InRealm},
    front, resources,
};
use crate::{
    realm::User,
    sign_in::{
        passkey::{Challenge, Policy},
        redirect,
    },
};

/// What a page may do besides being looked at
#[derive(Debug, Clone, Copy, Default)]
struct Allowed<'a> {
    /// Where its form leads in the end, besides this server
    form: Option<&'a str>,
    /// It has scripts of this server
    scripts: bool,
    /// Other sites may show it in a frame
    frames: bool,
}

/// The sign-in form
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// Where it is sent
    pub action: &'a str,
    /// Where the browser goes afterwards
    pub redirect_uri: &'a str,
    /// What stands in the first field already
    pub login: &'a str,
    /// What was wrong with the last attempt
    pub error: Option<&'a str>,
    /// Whether somebody may ask to be remembered, and has
    pub remember: Option<bool>,
    /// Passkeys, where the realm offers them
    pub passkeys: Option<Offer<'a>>,
}

/// What a page needs that asks for a passkey
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// What the realm demands
    pub policy: &'a Policy,
    /// What the passkey has to sign
    pub challenge: &'a Challenge,
}

/// `Sign in`
pub fn sign_in(place: &InRealm, page: SignIn<'_>) -> Response {
    let title = format!("Sign in to {}", name(place));
    let body = html! {
        (alert(page.error))
        form id="kc-form-login" action=(page.action) method="post" {
            label for="username" {
                @if place.realm.settings.login_with_email_allowed { "Username or email" } @else { "Username" }
            }
            input id="username" name="username" type="text" value=(page.login) required
                autocomplete=(if page.passkeys.is_some() { "username webauthn" } else { "username" })
                autocapitalize="none" spellcheck="false" autofocus[page.login.is_empty()]
                aria-invalid=[page.error.map(|_| "true")];
            label for="password" { "Password" }
            input id="password" name="password" type="password" required autocomplete="current-password"
                autofocus[!page.login.is_empty()] aria-invalid=[page.error.map(|_| "true")];
            @if let Some(checked) = page.remember {
                label.check for="rememberMe" {
                    input id="rememberMe" name="rememberMe" type="checkbox" checked[checked];
                    "Remember me"
                }
            }
            button id="kc-login" name="login" type="submit" value="Sign In" { "Sign in" }
        }
        @if let Some(offer) = page.passkeys { (passkey_form(place, page.action, offer)) }
    };
    let scripts = page.passkeys.is_some();
    let allowed = Allowed { form: Some(page.redirect_uri), scripts, ..Allowed::default() };
    page_of(place, StatusCode::OK, &title, &body, allowed)
}

/// The form that a script sends with what a passkey signed; without script there is nothing to see
fn passkey_form(place: &InRealm, action: &str, Offer { policy, challenge }: Offer<'_>) -> Markup {
    html! {
        form id="webauth" action=(action) method="post" data-challenge=(challenge.text()) data-rp-id=(policy.rp_id)
            data-user-verification=(policy.verification.name()) data-timeout=[policy.timeout] {
            @for name in ["clientDataJSON", "authenticatorData", "signature", "credentialId", "userHandle"] {
                input type="hidden" id=(name) name=(name);
            }
            @if place.realm.settings.remember_me { input type="hidden" name="rememberMe"; }
            p.alert id="passkey-error" role="alert" hidden { "No passkey was used. Please try again." }
            button.plain id="authenticateWebAuthnButton" type="button" hidden { "Sign in with a passkey" }
        }
        (passkey_script(place))
    }
}

fn passkey_script(place: &InRealm) -> Markup {
    html! { script src=(resources::url(front(place), resources::PASSKEY)) defer {} }
}

/// A form that leads on to the client
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Where it is sent
    pub action: &'a str,
    /// Where the browser goes afterwards
    pub redirect_uri: &'a str,
    /// The last attempt, if there was one
    pub again: Option<Again<'a>>,
    /// Whether the user may leave it
    pub optional: bool,
}

/// A form that has to be sent once more
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// What was wrong with it
    pub error: &'a str,
    /// What was in it
    pub given: &'a Form,
}

impl<'a> Step<'a> {
    /// What was wrong with the last attempt
    pub fn error(self) -> Option<&'a str> {
        self.again.map(|again| again.error)
    }
}

/// Goes on without what the client wants, where that may be
pub(super) fn cancel(step: Step<'_>) -> Markup {
    html! {
        @if step.optional {
            button.plain id="cancelTOTPBtn" name="cancel-aia" type="submit" value="true" formnovalidate { "Cancel" }
        }
    }
}

/// A page with a form that leads on to the client
pub(in crate::http) fn page_of_step(place: &InRealm, step: Step<'_>, title: &str, body: &Markup) -> Response {
    let allowed = Allowed { form: Some(step.redirect_uri), ..Allowed::default() };
    page_of(place, StatusCode::OK, title, body, allowed)
}

/// Asks for the one-time code
pub fn one_time_code(place: &InRealm, step: Step<'_>) -> Response {
    let body = html! {
        (alert(step.error()))
        form id="kc-otp-login-form" action=(step.action) method="post" {
            label for="otp" { "One-time code" }
            input id="otp" name="otp" type="text" inputmode="numeric" autocomplete="one-time-code" required
                autofocus spellcheck="false" aria-describedby="otp-help" aria-invalid=[step.error().map(|_| "true")];
            p.help id="otp-help" { "The code that your authenticator app shows now." }
            button id="kc-login" name="login" type="submit" value="Sign In" { "Sign in" }
        }
    };
    page_of_step(place, step, &format!("Sign in to {}", name(place)), &body)
}

/// Shows the secret that an authenticator app is to share, and asks for a code of it
pub fn set_up_otp(place: &InRealm, step: Step<'_>, picture: &Markup, secret: &str, policy: &str) -> Response {
    let groups: Vec<String> =
        secret.chars().collect::<Vec<_>>().chunks(4).map(|part| part.iter().collect()).collect();
    let body = html! {
        p { "You need to set up an authenticator app before you go on." }
        (alert(step.error()))
        ol {
            li { "Install an authenticator app, if you have none." }
            li {
                "Scan this code with it, or enter the key by hand."
                (picture)
                p { code id="kc-totp-secret-key" { (groups.join(" ")) } }
                p.help id="kc-totp-policy" { (policy) }
            }
            li { "Enter the code that the app shows." }
        }
        form id="kc-totp-settings-form" action=(step.action) method="post" {
            label for="totp" { "One-time code" }
            input id="totp" name="totp" type="text" inputmode="numeric" autocomplete="one-time-code" required
                autofocus spellcheck="false" aria-invalid=[step.error().map(|_| "true")];
            button id="saveTOTPBtn" type="submit" { "Set up" }
            (cancel(step))
        }
    };
    page_of_step(place, step, "Set up an authenticator app", &body)
}

/// A passkey that a page asks the browser to make
#[derive(Debug, Clone, Copy)]
pub struct NewPasskey<'a> {
    /// What the realm demands
    pub policy: &'a Policy,
    /// What comes back with it
    pub challenge: &'a Challenge,
    /// Whose it will be
    pub user: &'a User,
    /// Ids of those that he has, where their authenticators are to make no other
    pub known: &'a [Vec<u8>],
}

/// Asks the browser to make a passkey, which needs its script
pub fn set_up_passkey(place: &InRealm, step: Step<'_>, page: NewPasskey<'_>) -> Response {
    let NewPasskey { policy, challenge, user, known } = page;
    let numbers: Vec<_> = policy.algorithms.iter().map(|alg| alg.number().to_string()).collect();
    let known: Vec<_> = known.iter().map(|id| URL_SAFE_NO_PAD.encode(id)).collect();
    let names = [user.first_name.as_deref(), user.last_name.as_deref()];
    let full: Vec<_> = names.into_iter().flatten().filter(|name| !name.is_empty()).collect();
    let full = if full.is_empty() { user.username.clone() } else { full.join(" ") };
    let body = html! {
        p { "A passkey signs you in without a password: by your fingerprint, your face, or the lock of your device." }
        (alert(step.error()))
        p.alert id="passkey-unsupported" { "This page needs a browser with passkeys, and its scripts." }
        p.alert id="passkey-error" role="alert" hidden { "No passkey was made. Please try again." }
        form id="register" action=(step.action) method="post" data-challenge=(challenge.text())
            data-rp-id=(policy.rp_id) data-rp-name=(policy.rp_name)
            data-user-id=(URL_SAFE_NO_PAD.encode(&user.id)) data-user-name=(user.username)
            data-user-display-name=(full) data-algorithms=(numbers.join(" "))
            data-user-verification=(policy.verification.name()) data-attestation=(policy.attestation)
            data-attachment=[policy.attachment] data-timeout=[policy.timeout] data-known=(known.join(" ")) {
            @for name in ["clientDataJSON", "attestationObject", "publicKeyCredentialId", "transports"] {
                input type="hidden" id=(name) name=(name);
            }
            label for="authenticatorLabel" { "Name of the passkey" }
            input id="authenticatorLabel" name="authenticatorLabel" type="text" maxlength="255" autocomplete="off"
                placeholder="Passkey";
            button id="registerWebAuthn" type="submit" hidden { "Set up a passkey" }
            (cancel(step))
        }
        (passkey_script(place))
    };
    let allowed = Allowed { form: Some(step.redirect_uri), scripts: true, ..Allowed::default() };
    page_of(place, StatusCode::OK, "Set up a passkey", &body, allowed)
}

/// Asks for a new password
pub fn update_password(place: &InRealm, step: Step<'_>, username: &str) -> Response {
    let body = html! {
        p { "You need to change your password before you go on." }
        (alert(step.error()))
        form id="kc-passwd-update-form" action=(step.action) method="post" {
            input type="text" name="username" value=(username) autocomplete="username" readonly hidden;
            label for="password-new" { "New password" }
            input id="password-new" name="password-new" type="password" required autofocus
                autocomplete="new-password" aria-invalid=[step.error().map(|_| "true")];
            label for="password-confirm" { "Confirm password" }
            input id="password-confirm" name="password-confirm" type="password" required
                autocomplete="new-password" aria-invalid=[step.error().map(|_| "true")];
            button type="submit" { "Change password" }
            (cancel(step))
        }
    };
    page_of_step(place, step, "Update password", &body)
}

/// Asks whether a client may have what it asks for
pub fn consent(place: &InRealm, step: Step<'_>, client: &str, wanted: &[String]) -> Response {
    let body = html! {
        p { strong { (client) } " would like to:" }
        @if wanted.is_empty() {
            ul { li { "know who you are" } }
        } @else {
            ul { @for text in wanted { li { (text) } } }
        }
        form id="kc-consent-form" action=(step.action) method="post" {
            button id="kc-login" name="accept" type="submit" value="Yes" { "Allow" }
            button.plain id="kc-cancel" name="cancel" type="submit" value="No" formnovalidate { "Do not allow" }
        }
    };
    page_of_step(place, step, &format!("Grant access to {client}"), &body)
}

/// Asks whether somebody wants to sign out
pub fn confirm_logout(place: &InRealm, action: &str, redirect_uri: Option<&str>) -> Response {
    let body = html! {
        p { "Do you want to sign out?" }
        form id="kc-logout-confirm" action=(action) method="post" {
            button id="kc-logout" name="confirmLogout" type="submit" value="Logout" { "Sign out" }
        }
    };
    let allowed = Allowed { form: redirect_uri, ..Allowed::default() };
    page_of(place, StatusCode::OK, "Sign out", &body, allowed)
}

/// Says that somebody is signed out
pub fn signed_out(place: &InRealm) -> Response {
    let body = html! { p id="kc-info-message" { "You are signed out." } };
    page_of(place, StatusCode::OK, "Signed out", &body, Allowed::default())
}

/// Says that a sign-in took too long or was begun elsewhere; `again` begins another one
pub fn expired(place: &InRealm, again: &str) -> Response {
    let body = html! {
        p { "This sign-in took too long, or was begun in another window." }
        p { a.button id="loginRestartLink" href=(again) { "Start again" } }
    };
    page_of(place, StatusCode::BAD_REQUEST, "Page has expired", &body, Allowed::default())
}

/// Says what is wrong, and leads nowhere
pub fn error(place: &InRealm, status: StatusCode, message: &str) -> Response {
    let body = html! { div id="kc-error-message" { p.alert role="alert" { (message) } } };
    page_of(place, status, "We are sorry…", &body, Allowed::default())
}

/// Carries an answer to a client in a form (OAuth 2.0 Form Post Response Mode §2)
pub fn form_post(place: &InRealm, to: &str, parameters: &[(&str, &str)]) -> Response {
    let body = html! {
        form method="post" action=(to) {
            @for (name, value) in parameters { input type="hidden" name=(name) value=(value); }
            p { "You are signed in." }
            button type="submit" { "Continue" }
        }
        script src=(resources::url(front(place), resources::FORM_POST)) defer {}
    };
    let allowed = Allowed { form: Some(to), scripts: true, frames: false };
    page_of(place, StatusCode::OK, "Signed in", &body, allowed)
}

/// A page without a face for frames of other sites: only a script of this server, with data for it
fn frame(script: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Status" } }
            body { (script) }
        }
    };
    respond(StatusCode::OK, page, Allowed { form: None, scripts: true, frames: true })
}

/// Tells an app whether its user is still signed in
pub fn login_status(place: &InRealm, cookie: &str, init: &str) -> Response {
    let source = resources::url(front(place), resources::STATUS);
    frame(&html! { script src=(source) data-cookie=(cookie) data-init=(init) {} })
}

/// Tells an app whether its frames get the cookies of this server; `next` is the second of two pages
pub fn cookie_probe(place: &InRealm, next: Option<&str>) -> Response {
    let source = resources::url(front(place), resources::COOKIES);
    frame(&html! { script src=(source) data-next=[next] {} })
}

/// What people call the realm
pub(super) fn name(place: &InRealm) -> &str {
    let shown = place.realm.settings.display_name.as_deref().filter(|name| !name.is_empty());
    shown.unwrap_or(&place.realm.name)
}

/// What was wrong with the last attempt
pub(in crate::http) fn alert(error: Option<&str>) -> Markup {
    html! { @if let Some(text) = error { p.alert id="input-error" role="alert" { (text) } } }
}

fn page_of(
    place: &InRealm,
    status: StatusCode,
    title: &str,
    body: &Markup,
    allowed: Allowed<'_>,
) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href=(resources::url(front(place), resources::STYLE));
                link rel="icon" href="data:,";
            }
            body {
                main {
                    header {
                        p.realm id="kc-header-wrapper" { (name(place)) }
                        h1 id="kc-page-title" { (title) }
                    }
                    (body)
                }
            }
        }
    };
    respond(status, page, allowed)
}

fn respond(status: StatusCode, page: Markup, allowed: Allowed<'_>) -> Response {
    let mut response = Response::new(Body::from(page.into_string()));
    *response.status_mut() = status;
    if allowed.frames {
        // Any site may ask; what it learns depends on who it is.
        response.extensions_mut().insert(super::super::AnyFrame);
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html;charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, must-revalidate, max-age=0"));
    if !allowed.frames {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy(allowed)) {
        headers.insert(HeaderName::from_static("content-security-policy"), policy);
    }
    response
}

/// The content security policy.
///
/// Browsers apply `form-action` to redirects behind a form too, the client's own ones among them: so it names the scheme
/// of the redirect URI, not its host.
fn policy(allowed: Allowed<'_>) -> String {
    let mut policy =
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'".to_owned();
    match allowed.form.map(redirect::scheme) {
        // From plain http a redirect goes to https too.
        Some("http") => policy.push_str(" http: https:"),
        Some(scheme) => policy.extend([" ", scheme, ":"]),
        None => {}
    }
    if allowed.scripts {
        policy.push_str("; script-src 'self'; connect-src 'self'");
    }
    if !allowed.frames {
        policy.push_str("; frame-ancestors 'none'");
    }
    policy
}
