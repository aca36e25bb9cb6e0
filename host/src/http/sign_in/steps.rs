//! What stands between a request and its answer: name and password, a one-time code, a new password, consent.
//!
//! Each step is decided anew from the store: what was asked for and has been done meanwhile is not asked for again.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    super::extract::{Form, InRealm, Query},
    answer, consent,
    cookies::{Cookie, Cookies},
    finish::finish,
    next::{Ask, Left, Next, What, left},
    pages::{self, Again, SignIn, Step},
    passkey,
    tasks::{self, Outcome, REJECTED},
};
use crate::{
    app::App,
    error::ApiError,
    event,
    realm::{Client, User},
    sign_in::{
        Token, credentials,
        credentials::{Attempt, Refused},
        progress::{Known, Lost, Progress},
        request::{self, AuthRequest, Refusal, ResponseMode},
    },
    store,
};

const NOT_VALID: &str =
    "This page is not valid any more. Please go back to the application and sign in again.";
const WRONG: &str = "Invalid username or password.";
const WRONG_CODE: &str = "Invalid authenticator code.";
const DISABLED: &str = "Account is disabled, contact your administrator.";
/// What events call a wrong password or code
const INVALID: &str = "invalid_user_credentials";

/// `GET …/login-actions/authenticate`: the page of the present step
pub async fn show(State(app): State<Arc<App>>, place: InRealm, headers: HeaderMap, query: Query) -> Response {
    let cookies = Cookies::of(&place, &headers);
    let answer = match resume(&app, &place, &cookies, &query) {
        Ok(Resumed { client, progress, browser }) => match progress.known {
            None => sign_in_page(&app, &place, &progress, progress.request.hint(), None, false),
            Some(_) => {
                go_on(&app, &place, &cookies, &client, Went { progress, browser, posted: false }).await
            }
        },
        Err(answer) => return *answer,
    };
    answer.unwrap_or_else(|error| failed(&place, &error))
}

/// `POST …/login-actions/authenticate`: the form of the present step
pub async fn submit(
    State(app): State<Arc<App>>,
    place: InRealm,
    headers: HeaderMap,
    query: Query,
    form: Form,
) -> Response {
    if !is_own_form(&headers) {
        return pages::error(&place, StatusCode::BAD_REQUEST, NOT_VALID);
    }
    let cookies = Cookies::of(&place, &headers);
    let resumed = match resume(&app, &place, &cookies, &query) {
        Ok(resumed) => resumed,
        Err(answer) => return *answer,
    };
    let answer = if form.has_duplicates() {
        Ok(pages::error(&place, StatusCode::BAD_REQUEST, "Invalid request"))
    } else if resumed.progress.known.is_none() && passkey::is_given(&form) {
        passkey::sign_in(&app, &place, &cookies, resumed, &form).await
    } else if resumed.progress.known.is_none() {
        password(&app, &place, &cookies, resumed, &form).await
    } else {
        further(&app, &place, &cookies, resumed, &form).await
    };
    answer.unwrap_or_else(|error| failed(&place, &error))
}

/// Whether a form was sent by a page of this server, as far as the browser says (Fetch Metadata §2.4): another host of the
/// same domain could have set the cookies that go with it. `Origin` does not tell, because `no-referrer` empties it.
pub(in crate::http) fn is_own_form(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

/// A failure of this server, as a page
pub(in crate::http) fn failed(place: &InRealm, error: &ApiError) -> Response {
    let text = if error.status() == StatusCode::SERVICE_UNAVAILABLE {
        "The server is busy. Please try again in a moment."
    } else {
        "An internal server error has occurred."
    };
    pages::error(place, error.status(), text)
}

/// A sign-in that goes on in this browser
pub(super) struct Resumed {
    pub(super) client: Client,
    pub(super) progress: Progress,
    browser: Token,
}

/// The sign-in that `session_code` and cookie name together, or the page that says why there is none
fn resume(app: &App, place: &InRealm, cookies: &Cookies, query: &Query) -> Result<Resumed, Box<Response>> {
    let realm = &*place.realm;
    let code = query.get("session_code").unwrap_or_default();
    let browser = cookies.get(Cookie::Begun);
    let progress = Progress::open(app.keys.master(), realm, code, browser.as_ref(), app.clock.now());
    let (progress, browser) = match (progress, browser) {
        (Ok(progress), Some(browser)) => (progress, browser),
        (Err(Lost::Over(request)), _) => {
            return Err(Box::new(pages::expired(place, &again(place, &request))));
        }
        (Err(Lost::Unreadable), _) | (Ok(_), None) => {
            return Err(Box::new(pages::error(place, StatusCode::BAD_REQUEST, NOT_VALID)));
        }
    };
    let client = app
        .store
        .read(|tx| store::realm::client_by_client_id(tx, &realm.id, &progress.request.client_id))
        .map_err(|error| Box::new(failed(place, &error.into())))?;
    match request::admit(client) {
        Ok(client) => {
            about(place, &progress.request);
            Ok(Resumed { client, progress, browser })
        }
        Err(request::Refused::Here(text)) => {
            Err(Box::new(pages::error(place, StatusCode::BAD_REQUEST, text)))
        }
        Err(request::Refused::There(to, refusal)) => Err(Box::new(answer::refused(place, &to, &refusal))),
    }
}

/// What the event of a sign-in says of the request
pub(super) fn about(place: &InRealm, request: &AuthRequest) {
    place.event.kind("LOGIN");
    place.event.client(&request.client_id);
    place.event.detail("auth_method", "openid-connect");
    place.event.detail("auth_type", "code");
    place.event.detail("redirect_uri", &request.to.redirect_uri);
}

/// Where the same request begins again
pub(super) fn again(place: &InRealm, request: &AuthRequest) -> String {
    if request.to.mode == ResponseMode::Here {
        return request.to.redirect_uri.clone();
    }
    let parameters = request.parameters();
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    answer::with_query(&format!("{}/protocol/openid-connect/auth", place.issuer), &parameters)
}

/// Where the form of a step is sent. All that it needs is in this one parameter and in the cookie: simple clients do not
/// decode `&amp;` (wire §1.4).
fn action(app: &App, place: &InRealm, progress: &Progress) -> Result<String, ApiError> {
    let code = progress.seal(app.keys.master(), &place.realm)?;
    Ok(format!("{}/login-actions/authenticate?session_code={code}", place.issuer))
}

/// The form for name and password
pub(super) fn sign_in_page(
    app: &App,
    place: &InRealm,
    progress: &Progress,
    login: &str,
    error: Option<&str>,
    remember: bool,
) -> Result<Response, ApiError> {
    let progress = &passkey::with_challenge(progress)?;
    let policy = passkey::policy(place);
    let page = SignIn {
        action: &action(app, place, progress)?,
        passkeys: passkey::offer(place, &policy, progress),
        redirect_uri: &progress.request.to.redirect_uri,
        login,
        error,
        remember: place.realm.settings.remember_me.then_some(remember),
    };
    Ok(pages::sign_in(place, page))
}

async fn password(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
    resumed: Resumed,
    form: &Form,
) -> Result<Response, ApiError> {
    let Resumed { client, progress, .. } = resumed;
    let known = cookies.get(Cookie::Known);
    let login = form.get("username").unwrap_or_default().trim();
    let remember = place.realm.settings.remember_me && form.get("rememberMe").is_some();
    let attempt = Attempt {
        login,
        password: form.get("password").unwrap_or_default(),
        address: place.address,
        browser: known.as_ref(),
        event: &place.event,
    };
    let again = |text| sign_in_page(app, place, &progress, login, Some(text), remember);
    let proof = match credentials::check(app, &place.realm, attempt).await {
        Ok(proof) => proof,
        Err(refusal) => return again(refused(app, place, refusal, WRONG).await?),
    };
    let known = Known { password: Some(proof.mark), remember, ..Known::new(proof.user.id, app.clock.now()) };
    recognised(app, place, cookies, &client, progress, known).await
}

/// What somebody reads whose password, code or passkey does not count, which is `wrong` unless his account is switched
/// off; it is an event
pub(super) async fn refused(
    app: &App,
    place: &InRealm,
    refusal: Refused,
    wrong: &'static str,
) -> Result<&'static str, ApiError> {
    let text = match refusal {
        Refused::Wrong => wrong,
        Refused::Disabled => DISABLED,
        Refused::Failed(error) => return Err(error),
    };
    event::failed(app, place, INVALID, "").await;
    Ok(text)
}

/// Goes on with somebody who has just shown who he is
pub(super) async fn recognised(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
    client: &Client,
    progress: Progress,
    known: Known,
) -> Result<Response, ApiError> {
    // Whoever knew this browser's cookie before does not know what goes on from here.
    let browser = Token::random()?;
    let now = known.at;
    let progress = progress.with(known, &browser, now);
    go_on(app, place, cookies, client, Went { progress, browser, posted: true }).await
}

/// A sign-in that has come one step further
pub(super) struct Went {
    /// How far
    pub(super) progress: Progress,
    /// The cookie to which it is bound now
    pub(super) browser: Token,
    /// By a form: its answer is a redirect to the next page, so that reloading that sends nothing again
    pub(super) posted: bool,
}

/// Shows the page of what is left to do, or ends the sign-in
pub(super) async fn go_on(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
    client: &Client,
    went: Went,
) -> Result<Response, ApiError> {
    let Went { progress, browser, posted } = went;
    let (realm, request) = (&*place.realm, &progress.request);
    let Some(known) = &progress.known else { return Err(ApiError::server_error()) };
    let Some(Left { user, next }) = app.store.read(|tx| left(tx, realm, client, request, known))? else {
        return Ok(pages::expired(place, &again(place, request)));
    };
    if request.prompt.none {
        let error = match next {
            Next::Ask(Ask { what: What::Consent(_), .. }) => "consent_required",
            Next::Ask(_) | Next::Stuck(_) => "interaction_required",
            Next::Done => return finish(app, place, cookies, client, progress, &user).await,
        };
        event::failed(app, place, error, "").await;
        return Ok(answer::refused(place, &request.to, &Refusal::new(error, "")));
    }
    let ask = match next {
        Next::Ask(ask) => ask,
        Next::Stuck(undoable) => return Ok(tasks::stuck(app, place, &user, &undoable).await),
        Next::Done => return finish(app, place, cookies, client, progress, &user).await,
    };
    let mut response = if posted {
        answer::redirect(&action(app, place, &progress)?)
    } else {
        page(app, place, client, &progress, (&user, &ask), None)?
    };
    cookies.set(&mut response, Cookie::Begun, browser.reveal(), None);
    Ok(response)
}

fn page(
    app: &App,
    place: &InRealm,
    client: &Client,
    progress: &Progress,
    (user, Ask { what, optional }): (&User, &Ask),
    again: Option<Again<'_>>,
) -> Result<Response, ApiError> {
    let with_secret = match what {
        What::Do(todo) => tasks::with_secret(todo.task, progress)?,
        What::OneTimeCode | What::Consent(_) => None,
    };
    let progress = with_secret.as_ref().unwrap_or(progress);
    let action = action(app, place, progress)?;
    let redirect_uri = &progress.request.to.redirect_uri;
    let step = Step { action: &action, redirect_uri, again, optional: *optional };
    Ok(match what {
        What::OneTimeCode => pages::one_time_code(place, step),
        What::Do(todo) => tasks::page(app, place, step, progress, (user, todo.task))?,
        What::Consent(scopes) => consent::page(place, step, client, scopes),
    })
}

/// The form of somebody who is known already
async fn further(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
    resumed: Resumed,
    form: &Form,
) -> Result<Response, ApiError> {
    let Resumed { client, progress, browser } = resumed;
    let (realm, request) = (&*place.realm, &progress.request);
    let Some(mut known) = progress.known.clone() else { return Err(ApiError::server_error()) };
    let Some(Left { user, next }) = app.store.read(|tx| left(tx, realm, &client, request, &known))? else {
        return Ok(pages::expired(place, &again(place, request)));
    };
    let user = &user;
    let ask = match next {
        Next::Ask(ask) => ask,
        // It was done in another window, or nobody can do it here any more.
        Next::Stuck(_) | Next::Done => {
            let went = Went { progress, browser, posted: true };
            return go_on(app, place, cookies, &client, went).await;
        }
    };
    place.event.user(&user.id);
    place.event.detail("username", &user.username);
    let now = app.clock.now();
    let retry =
        |error| page(app, place, &client, &progress, (user, &ask), Some(Again { error, given: form }));
    let mut declined = ask.optional && form.get("cancel-aia").is_some();
    match &ask.what {
        _ if declined => {}
        What::OneTimeCode => {
            let Some(code) = form.get("otp") else { return retry(WRONG_CODE) };
            let browser = cookies.get(Cookie::Known);
            match credentials::check_code(app, realm, user, Some(code), place.address, browser.as_ref()).await
            {
                Ok(()) => known.second = true,
                Err(refusal) => return retry(refused(app, place, refusal, WRONG_CODE).await?),
            }
        }
        What::Do(todo) => {
            match tasks::carry_out(app, place, (user, todo), (&progress, &mut known), form).await? {
                Outcome::Done => {}
                Outcome::Again(wrong) => return retry(&wrong.text),
                Outcome::Declined(_) if ask.optional => declined = true,
                Outcome::Declined(text) => return Ok(denied(place, cookies, request, text)),
            }
        }
        What::Consent(scopes) => {
            if form.get("accept").is_none() || form.get("cancel").is_some() {
                event::failed(app, place, REJECTED, "").await;
                return Ok(denied(place, cookies, request, "User denied consent"));
            }
            consent::give(app, place, (user, &client), scopes).await?;
            // He has just been asked.
            let mut progress = progress.with(known, &browser, now);
            progress.request.prompt.consent = false;
            return go_on(app, place, cookies, &client, Went { progress, browser, posted: true }).await;
        }
    }
    if let What::Do(todo) = &ask.what
        && Some(&todo.alias) == request.action.as_ref()
    {
        known.acted = Some(if declined { "cancelled" } else { "success" }.to_owned());
    }
    let progress = progress.with(known, &browser, now);
    go_on(app, place, cookies, &client, Went { progress, browser, posted: true }).await
}

/// Tells the client that the user does not want to
fn denied(place: &InRealm, cookies: &Cookies, request: &AuthRequest, text: &'static str) -> Response {
    let mut response = answer::refused(place, &request.to, &Refusal::new("access_denied", text));
    cookies.clear(&mut response, Cookie::Begun);
    response
}
