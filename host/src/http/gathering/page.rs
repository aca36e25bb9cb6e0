//! The page that asks somebody for claims, and what he answers.

use std::sync::Arc;

use super::{INVALID_TICKET, endpoint, form::render, refuse, server};
use crate::{
    app::App,
    decide::{Party, Request, Untold, question_page},
    error::ApiError,
    gathering::{self, About},
    http::{
        extract::{Form, InRealm, Query},
        sign_in::{
            answer, authorize,
            cookies::{Cookie, Cookies},
            pages, steps,
        },
        token::uma_ticket::{registered, successor, ticket_asks},
    },
    realm::{Client, Session, User},
    sign_in::{Token, fingerprint, request::AuthRequest},
    store::{
        self,
        audit::{self, Event},
        gathering::Gathered,
        session::Entry,
    },
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use countersign_core::{
    assessment::Assessment,
    dialect::uma2::RequiredClaim,
    permission::Claims,
    ticket::{Spent, Ticket},
};

const NOT_VALID: &str = "This page is not valid any more. Please go back to the application and try again.";

/// Where the page of this id is
pub(super) fn address(place: &InRealm, id: &Token) -> String {
    format!("{}/form?interaction={}", endpoint(place), id.reveal())
}

/// A page that goes on in this browser
pub(super) struct Open {
    pub(super) id: Token,
    pub(super) client: Client,
    pub(super) ticket: Ticket,
    pub(super) about: About,
    pub(super) server: Client,
}

/// The page that address and cookie name together
fn resume(app: &App, place: &InRealm, cookies: &Cookies, query: &Query) -> Result<Option<Open>, ApiError> {
    let id = query.get("interaction").and_then(Token::read);
    let (Some(id), Some(browser)) = (id, cookies.get(Cookie::Claims)) else { return Ok(None) };
    let now = app.clock.now();
    let found = app.store.read(|tx| {
        let Some(found) = store::gathering::interaction(tx, &place.realm.id, &id, now)? else {
            return Ok(None);
        };
        let client = store::realm::client_by_id(tx, &place.realm.id, &found.client_id)?;
        Ok(client.filter(|client| client.enabled).map(|client| (found, client)))
    })?;
    let Some((found, client)) = found.filter(|(found, _)| found.browser == browser.digest()) else {
        return Ok(None);
    };
    let about: About = gathering::open(app.keys.master(), &place.realm, &found.about)?;
    // It was good when it was presented, and has been used up by that.
    let ticket = app.verify_ticket(&place.realm, &place.issuer, &about.ticket, about.presented)?;
    let Ok(ticket) = ticket else { return Ok(None) };
    Ok(server(app, place, &ticket)?.map(|server| Open { id, client, ticket, about, server }))
}

/// `GET uma/claims/form`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    place: InRealm,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let cookies = Cookies::of(&place, &headers);
    let answer = async {
        let Some(open) = resume(&app, &place, &cookies, &query)? else { return Ok(lost(&place)) };
        let Some((session, user)) = authorize::current(&app, &place, &cookies)? else {
            return sign_in(&app, &place, &cookies, &open).await;
        };
        render(&app, &place, &open, (&session, &user), &Form::default(), None)
    };
    answer.await.unwrap_or_else(|error| steps::failed(&place, &error))
}

fn lost(place: &InRealm) -> Response {
    pages::error(place, StatusCode::BAD_REQUEST, NOT_VALID)
}

/// Somebody has to say who he is before he is asked for more
async fn sign_in(app: &App, place: &InRealm, cookies: &Cookies, open: &Open) -> Result<Response, ApiError> {
    let request = AuthRequest::here(&open.client.client_id, address(place, &open.id));
    authorize::begin(app, place, cookies, &open.client, request, None).await
}

/// `POST uma/claims/form`
pub(super) async fn submit(
    State(app): State<Arc<App>>,
    place: InRealm,
    headers: HeaderMap,
    query: Query,
    form: Form,
) -> Response {
    let cookies = Cookies::of(&place, &headers);
    if !steps::is_own_form(&headers) || form.has_duplicates() {
        return lost(&place);
    }
    let answer = async {
        let Some(open) = resume(&app, &place, &cookies, &query)? else { return Ok(lost(&place)) };
        let Some((session, user)) = authorize::current(&app, &place, &cookies)? else {
            return sign_in(&app, &place, &cookies, &open).await;
        };
        let who = (&session, &user);
        // Shown to one, filled in by another: the second has not seen what he agrees to.
        if form.get("session") != Some(&*mark(&open, &session)) {
            return render(&app, &place, &open, who, &Form::default(), Some("Please check this page again."));
        }
        if form.get("accept").is_none() || form.get("cancel").is_some() {
            return cancel(&app, &place, open).await;
        }
        let asked = questions(&app, &place, &open, who.1)?;
        match gathering::answers(&asked, |field| form.get(field)) {
            Ok(claims) => accept(&app, &place, open, who, claims, form.get("remember").is_some()).await,
            Err(text) => render(&app, &place, &open, who, &form, Some(&text)),
        }
    };
    answer.await.unwrap_or_else(|error| steps::failed(&place, &error))
}

/// Binds a form to the sign-in that it was shown to
pub(super) fn mark(open: &Open, session: &Session) -> String {
    fingerprint(format!("{}.{}", session.id, open.id.reveal()).as_bytes())
}

async fn cancel(app: &App, place: &InRealm, open: Open) -> Result<Response, ApiError> {
    let Open { id, about, .. } = open;
    if app.store.write(move |tx| store::gathering::end(tx, &id)).await? {
        Ok(refuse(place, &about, "access_denied", "The person asked did not agree"))
    } else {
        Ok(lost(place))
    }
}

/// What was said at an earlier page of the same line by the same person
fn earlier(
    app: &App,
    place: &InRealm,
    open: &Open,
    user: &User,
) -> Result<Option<(Gathered, Claims)>, ApiError> {
    let (line, now) = (open.ticket.first().as_str(), app.clock.now());
    let found = app.store.read(|tx| store::gathering::gathered(tx, &place.realm.id, line, now))?;
    let own = found.filter(|said| said.user_id == user.id && said.client_id == open.client.id);
    own.map(|said| Ok((said.clone(), gathering::open(app.keys.master(), &place.realm, &said.claims)?)))
        .transpose()
}

/// The claims that are missing, as far as people may state them: those that policies look for (GRANT-3.3.4-01)
pub(super) fn questions(
    app: &App,
    place: &InRealm,
    open: &Open,
    user: &User,
) -> Result<Vec<RequiredClaim>, ApiError> {
    let (realm, now) = (&*place.realm, app.clock.now());
    let mut party = Party::of_record(app, user, &open.client)?;
    party.untold =
        Some(Untold { client: open.client.clone(), issuer: place.issuer.clone(), address: place.address });
    let said = earlier(app, place, open, user)?.map(|(_, claims)| claims).unwrap_or_default();
    let request = Request {
        asks: ticket_asks(&open.ticket),
        registered: Some(registered(place, &open.client)),
        ticket_claims: open.ticket.claims().clone(),
        pushed_claims: said,
        gatherable: gathering::askable(&realm.uma).filter_map(|claim| claim.name.clone()).collect(),
        ..Request::default()
    };
    let (question, _) = question_page(app, realm, &open.server, &party, &request, None, now)?;
    let assessment = app.pdp.decide(&question).map_err(|_| ApiError::temporarily_unavailable())?;
    Ok(match assessment {
        Assessment::Denied { needs, .. } => {
            let needed =
                |claim: &&RequiredClaim| claim.name.as_ref().is_some_and(|name| needs.contains(name));
            gathering::askable(&realm.uma).filter(needed).cloned().collect()
        }
        Assessment::Granted { .. } | Assessment::Refused(_) => Vec::new(),
    })
}

/// Keeps what was said, ends the page and gives the client another ticket: all or nothing
async fn accept(
    app: &App,
    place: &InRealm,
    open: Open,
    (session, user): (&Session, &User),
    claims: Claims,
    remember: bool,
) -> Result<Response, ApiError> {
    let (realm, now) = (&*place.realm, app.clock.now());
    let mut all = claims;
    let mut remember = remember && realm.uma.pct_lifespan > 0 && !all.is_empty();
    if let Some((before, claims)) = earlier(app, place, &open, user)? {
        remember |= before.remember;
        for (name, values) in claims {
            all.entry(name).or_insert(values);
        }
    }
    let said = Gathered {
        client_id: open.client.id.clone(),
        user_id: user.id.clone(),
        session_id: session.id.clone(),
        claims: gathering::seal(app.keys.master(), realm, &all)?,
        remember,
        expires_at: now.plus(countersign_core::limits::TICKET_LINE_SECONDS),
    };
    let event = Event::new("claims.given", &realm.id, &user.id, now).server(&open.server.id);
    let Open { id, client, ticket, about, .. } = open;
    let (realm, line) = (Arc::clone(&place.realm), ticket.first().to_string());
    let (session, client_id) = (session.clone(), client.id.clone());
    let first = app
        .store
        .write(move |tx| {
            if !store::gathering::end(tx, &id)? {
                return Ok(false);
            }
            store::gathering::put(tx, &realm.id, &line, &said)?;
            // By that he lets the client take part in his sign-in.
            let entry = Entry { session: &session, begins: false, client_id: &client_id, acr: None };
            store::session::enter(tx, &realm, &entry, now)?;
            audit::record(tx, &event)?;
            Ok(true)
        })
        .await?;
    if !first {
        return Ok(lost(place));
    }
    let server = ticket.server().clone();
    let line = ticket.redeemed(Spent::i_have_recorded_it());
    let Some(next) = successor(app, place, &client, &line, server.as_str(), 0, now)? else {
        return Ok(refuse(place, &about, "invalid_request", INVALID_TICKET));
    };
    let mut parameters = vec![("ticket", &*next)];
    parameters.extend(about.state.as_deref().map(|state| ("state", state)));
    parameters.push(("iss", &place.issuer));
    Ok(answer::redirect(&answer::with_query(&about.redirect_uri, &parameters)))
}
