//! The end of a sign-in, asked for by the browser (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Whoever shows an ID token of the present sign-in ends it at once; everybody else is asked first, because any page
//! can send a browser here.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        extract::{Form, InRealm, Query},
        logout as back_channel,
    },
    answer,
    authorize::current,
    cookies::{Cookie, Cookies},
    pages, steps,
};
use crate::{
    app::App,
    auth,
    error::ApiError,
    event,
    realm::Client,
    sign_in::{Token, progress, redirect},
    store::{
        self,
        audit::{self, Event},
    },
};

/// Where the URIs stand that a client may send people to afterwards
const URIS: &str = "post.logout.redirect.uris";
/// Longest `state`, in bytes
const STATE: usize = 4_000;

/// `GET …/logout`
pub async fn get(State(app): State<Arc<App>>, place: InRealm, headers: HeaderMap, query: Query) -> Response {
    logout(&app, &place, &headers, &query.into()).await
}

/// `POST …/logout`: by a browser, or by a client from behind
pub async fn post(State(app): State<Arc<App>>, place: InRealm, headers: HeaderMap, form: Form) -> Response {
    if form.get("refresh_token").is_some() {
        let answer = back_channel::back_channel(&app, &place, &headers, &form).await;
        return answer.unwrap_or_else(ApiError::into_response);
    }
    logout(&app, &place, &headers, &form).await
}

/// Where the browser goes afterwards: a URI of the client, with `state`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Afterwards(Option<String>);

async fn logout(app: &App, place: &InRealm, headers: &HeaderMap, form: &Form) -> Response {
    let cookies = Cookies::of(place, headers);
    place.event.kind("LOGOUT");
    let answer = match read(app, place, form) {
        Ok(Ok(wanted)) => end_or_ask(app, place, &cookies, wanted).await,
        Ok(Err(text)) => {
            event::failed(app, place, "invalid_request", text).await;
            return pages::error(place, StatusCode::BAD_REQUEST, text);
        }
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| steps::failed(place, &error))
}

/// What was asked for, checked
struct Wanted {
    /// Sign-in and user of a valid hint
    hint: Option<(String, String)>,
    afterwards: Afterwards,
}

fn read(app: &App, place: &InRealm, form: &Form) -> Result<Result<Wanted, &'static str>, ApiError> {
    if form.has_duplicates() {
        return Ok(Err("Invalid request"));
    }
    let hinted = |token: &str| auth::verify_hint(app, &place.realm, &place.issuer, token);
    let hint = match form.get("id_token_hint").map(hinted).transpose()? {
        None => None,
        Some(Some(claims)) => Some(claims),
        Some(None) => return Ok(Err("Invalid parameter: id_token_hint")),
    };
    let named = form.get("client_id");
    let of_hint = hint.as_ref().and_then(|claims| claims.azp.as_ref()).map(ToString::to_string);
    if let (Some(named), Some(of_hint)) = (named, &of_hint)
        && named != of_hint
    {
        return Ok(Err("Parameter client_id is different to the client for which ID Token was issued"));
    }
    let id = named.map(str::to_owned).or(of_hint);
    if let Some(id) = &id {
        place.event.client(id);
    }
    let client = match &id {
        Some(id) => app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, id))?,
        None => None,
    };
    let afterwards = match (form.get("post_logout_redirect_uri"), client) {
        (None, _) => Afterwards(None),
        (Some(_), None) if id.is_none() => {
            return Ok(Err("Either the parameter 'client_id' or 'id_token_hint' is required when \
                           'post_logout_redirect_uri' is used."));
        }
        (Some(asked), client) => match client.and_then(|client| registered(place, &client, asked)) {
            Some(uri) => Afterwards(Some(with_state(uri, form.get("state")))),
            None => return Ok(Err("Invalid redirect uri")),
        },
    };
    let hint = hint.and_then(|claims| Some((claims.sid?, claims.sub?.to_string())));
    Ok(Ok(Wanted { hint, afterwards }))
}

/// The URI, if the client may send people there: `+` stands for its redirect URIs, and `##` stands between several
fn registered(place: &InRealm, client: &Client, asked: &str) -> Option<String> {
    let uris = client.attribute(URIS)?;
    let mut allowed = Vec::new();
    for uri in uris.split("##") {
        match uri {
            "+" => allowed.extend(client.settings.redirect_uris.iter().cloned()),
            "-" => {}
            uri => allowed.push(uri.to_owned()),
        }
    }
    redirect::registered(&allowed, client, super::front(place), asked).map(redirect::RedirectUri::into_string)
}

fn with_state(uri: String, state: Option<&str>) -> String {
    match state.filter(|state| state.len() <= STATE) {
        Some(state) => answer::with_query(&uri, &[("state", state)]),
        None => uri,
    }
}

async fn end_or_ask(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
    wanted: Wanted,
) -> Result<Response, ApiError> {
    let Wanted { hint, afterwards } = wanted;
    let here = current(app, place, cookies)?.map(|(session, _)| session);
    let sure = match (&here, hint) {
        // An app without this browser's cookie ends its own sign-in only.
        (None, Some((sid, sub))) => {
            let found = app.store.read(|tx| store::session::live(tx, &place.realm, &sid, app.clock.now()))?;
            if let Some(session) = found.filter(|session| session.user_id == sub) {
                end(app, place, &session.id, &session.user_id).await?;
            }
            true
        }
        (Some(here), Some((sid, _))) => here.id == sid,
        // Nothing to end.
        (None, None) => true,
        (Some(_), None) => false,
    };
    if let (Some(here), true) = (&here, sure) {
        end(app, place, &here.id, &here.user_id).await?;
    }
    if sure {
        return Ok(ended(place, cookies, &afterwards));
    }
    let browser = match cookies.get(Cookie::Begun) {
        Some(browser) => browser,
        None => Token::random()?,
    };
    let code = progress::seal(app.keys.master(), &place_of(place), &afterwards, &browser, app.clock.now())?;
    let action =
        format!("{}/protocol/openid-connect/logout/logout-confirm?session_code={code}", place.issuer);
    let mut response = pages::confirm_logout(place, &action, afterwards.0.as_deref());
    cookies.set(&mut response, Cookie::Begun, browser.reveal(), None);
    Ok(response)
}

/// `POST …/logout/logout-confirm`: somebody has said yes
pub async fn confirm(
    State(app): State<Arc<App>>,
    place: InRealm,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let cookies = Cookies::of(&place, &headers);
    place.event.kind("LOGOUT");
    let code = query.get("session_code").unwrap_or_default();
    let browser = cookies.get(Cookie::Begun);
    let now = app.clock.now();
    let opened: Result<Afterwards, _> =
        progress::open(app.keys.master(), &place_of(&place), code, browser.as_ref(), now);
    let Some(afterwards) = opened.ok().filter(|_| steps::is_own_form(&headers)) else {
        return pages::error(&place, StatusCode::BAD_REQUEST, "This page is not valid any more.");
    };
    let answer = async {
        if let Some((session, user)) = current(&app, &place, &cookies)? {
            end(&app, &place, &session.id, &user.id).await?;
        }
        Ok(ended(&place, &cookies, &afterwards))
    };
    answer.await.unwrap_or_else(|error: ApiError| steps::failed(&place, &error))
}

fn place_of(place: &InRealm) -> String {
    format!("logout:{}", place.realm.id)
}

async fn end(app: &App, place: &InRealm, session: &str, user: &str) -> Result<(), ApiError> {
    place.event.user(user);
    place.event.session(session);
    let (session, now) = (session.to_owned(), app.clock.now());
    let event = Event::new("sign_out", &place.realm.id, user, now).kept(place.event.done(&place.realm, now));
    app.store
        .write(move |tx| {
            store::session::end(tx, &session)?;
            audit::record(tx, &event)
        })
        .await?;
    Ok(())
}

fn ended(place: &InRealm, cookies: &Cookies, afterwards: &Afterwards) -> Response {
    let mut response = match &afterwards.0 {
        Some(uri) => answer::redirect(uri),
        None => pages::signed_out(place),
    };
    for cookie in [Cookie::Identity, Cookie::Status, Cookie::Begun] {
        cookies.clear(&mut response, cookie);
    }
    response
}
