//! The authorization endpoint (RFC 6749 §3.1, OIDC Core §3.1.2).

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use super::{
    super::extract::{Form, InRealm, Query},
    answer,
    cookies::{Cookie, Cookies},
    pages,
    steps::{self, Went},
};
use countersign_core::time::UnixTime;

use crate::{
    app::App,
    auth,
    error::ApiError,
    event,
    realm::{Client, Session, User},
    sign_in::{
        Token,
        progress::{Known, Progress},
        request::{self, AuthRequest, Refusal, Refused},
    },
    store,
};

/// `GET …/protocol/openid-connect/auth`
pub async fn get(State(app): State<Arc<App>>, place: InRealm, headers: HeaderMap, query: Query) -> Response {
    authorize(&app, &place, &headers, &query.into()).await
}

/// `POST …/protocol/openid-connect/auth`: the same parameters in a form (OIDC Core §3.1.2.1)
pub async fn post(State(app): State<Arc<App>>, place: InRealm, headers: HeaderMap, form: Form) -> Response {
    authorize(&app, &place, &headers, &form).await
}

async fn authorize(app: &App, place: &InRealm, headers: &HeaderMap, form: &Form) -> Response {
    let cookies = Cookies::of(place, headers);
    place.event.kind("LOGIN");
    let (client, request) = match read(app, place, form) {
        Ok(Ok(read)) => read,
        Ok(Err(Refused::Here(text))) => {
            event::failed(app, place, cause(text), text).await;
            return pages::error(place, StatusCode::BAD_REQUEST, text);
        }
        Ok(Err(Refused::There(to, refusal))) => {
            event::failed(app, place, refusal.error, &refusal.description).await;
            return answer::refused(place, &to, &refusal);
        }
        Err(error) => return error.into_response(),
    };
    let begun = match hinted(app, place, form) {
        Ok(expected) => begin(app, place, &cookies, &client, request, expected.as_deref()).await,
        Err(error) => Err(error),
    };
    begun.unwrap_or_else(|error| steps::failed(place, &error))
}

/// Keycloak's word for what a page says
fn cause(text: &str) -> &'static str {
    match text {
        "Client not found." => "client_not_found",
        "Client disabled." => "client_disabled",
        "Invalid parameter: redirect_uri" => "invalid_redirect_uri",
        _ => "invalid_request",
    }
}

/// Whom the client expects: `sub` of its `id_token_hint`. One that is none of ours says nothing (OIDC Core §3.1.2.1).
fn hinted(app: &App, place: &InRealm, form: &Form) -> Result<Option<String>, ApiError> {
    let claims = match form.get("id_token_hint") {
        Some(token) => auth::verify_hint(app, &place.realm, &place.issuer, token)?,
        None => None,
    };
    Ok(claims.and_then(|claims| claims.sub).map(|sub| sub.to_string()))
}

fn read(app: &App, place: &InRealm, form: &Form) -> Result<Result<(Client, AuthRequest), Refused>, ApiError> {
    let id = match request::client_id(form) {
        Ok(id) => id,
        Err(refused) => return Ok(Err(refused)),
    };
    place.event.client(id);
    if let Some(uri) = form.get("redirect_uri") {
        place.event.detail("redirect_uri", uri);
    }
    let client = app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, id))?;
    Ok(request::admit(client).and_then(|client| {
        let request = AuthRequest::read(&place.realm, &client, super::front(place), form)?;
        Ok((client, request))
    }))
}

/// How long ago somebody may have shown who he is who is to do something, in seconds (`kc_action`)
const LATELY: u64 = 300;

/// Shows the first page, or goes on where somebody is signed in already
pub(in crate::http) async fn begin(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
    client: &Client,
    request: AuthRequest,
    expected: Option<&str>,
) -> Result<Response, ApiError> {
    steps::about(place, &request);
    let now = app.clock.now();
    let there = current(app, place, cookies)?;
    let enough = there.filter(|(session, user)| {
        let fresh = request.max_age.is_none_or(|seconds| now <= proved(session).plus(seconds));
        // What a client asks people to do is done by who has shown lately who he is, as Keycloak has it.
        let lately = request.action.is_none() || now <= proved(session).plus(LATELY);
        fresh && lately && !request.prompt.login && expected.is_none_or(|expected| expected == user.id)
    });
    let browser = match cookies.get(Cookie::Begun) {
        Some(browser) => browser,
        None => Token::random()?,
    };
    let Some((session, user)) = enough else {
        if request.prompt.none {
            event::failed(app, place, "not_logged_in", "").await;
            let refusal = Refusal::new("login_required", "Authentication required");
            return Ok(answer::refused(place, &request.to, &refusal));
        }
        let login = request.login_hint.clone().unwrap_or_default();
        let progress = Progress::begin(request, &browser, now);
        let mut response = steps::sign_in_page(app, place, &progress, &login, None, false)?;
        cookies.set(&mut response, Cookie::Begun, browser.reveal(), None);
        return Ok(response);
    };
    let known = Known {
        second: true,
        remember: session.remember_me,
        session: Some(session.id.clone()),
        ..Known::new(user.id, proved(&session))
    };
    let progress = Progress::begin(request, &browser, now).with(known, &browser, now);
    steps::go_on(app, place, cookies, client, Went { progress, browser, posted: false }).await
}

/// The sign-in of this browser, if it goes on, and whose it is
pub(in crate::http) fn current(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
) -> Result<Option<(Session, User)>, ApiError> {
    let Some(cookie) = cookies.get(Cookie::Identity) else { return Ok(None) };
    let (realm, now) = (&*place.realm, app.clock.now());
    let found = app.store.read(|tx| {
        let Some(id) = store::sign_in::session_of(tx, &cookie)? else { return Ok(None) };
        let Some(session) = store::session::live(tx, realm, &id, now)? else { return Ok(None) };
        let user = store::user::by_id(tx, &realm.id, &session.user_id)?.filter(|user| user.enabled);
        Ok(user.map(|user| (session, user)))
    })?;
    Ok(found.filter(|(session, user)| proved(session) >= realm.not_before.max(user.not_before)))
}

/// When the user of a sign-in last showed who he is
fn proved(session: &Session) -> UnixTime {
    session.auth_time.unwrap_or(session.started_at)
}
