//! The claims interaction endpoint (UMA Grant §3.3.2, §3.3.3), in realms whose dialect is `uma2`.
//!
//! A client sends the browser here with a ticket, which is used up at once; so the ticket is in the one address where the
//! specification has it, and not in that of the page. Whoever is asked signs in first: what he says is his own, counts
//! for the line of that ticket and that client only, and comes back to the client as nothing but another ticket.

mod form;
mod page;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::get,
};
use countersign_core::ticket::{Ticket, TicketError};

use super::{
    Routes as _,
    extract::{Form, InRealm, Query},
    sign_in::{
        answer,
        cookies::{Cookie, Cookies},
        pages, steps,
    },
};
use crate::{
    app::App,
    error::ApiError,
    gathering::{self, About},
    realm::{Client, Dialect},
    sign_in::{
        Token,
        progress::PATIENCE,
        request::{self, Refusal, Refused, ResponseMode, ReturnTo},
    },
    store::{
        self,
        gathering::Interaction,
        grant::{Redemption, SpentTicket},
    },
};

/// What people see of claims gathering
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .at("/realms/{realm}/uma/claims", get(begin))
        .at("/realms/{realm}/uma/claims/form", get(page::show).post(page::submit))
}

/// The claims interaction endpoint
pub fn endpoint(place: &InRealm) -> String {
    format!("{}/uma/claims", place.issuer)
}

/// Where a client may send people: nowhere, if it has registered no place to have them sent back to
pub fn redirect_user(place: &InRealm, client: &Client) -> Option<String> {
    gathering::can_send(client).then(|| endpoint(place))
}

/// A request whose every parameter was read
struct Asked {
    client: Client,
    ticket: Ticket,
    about: About,
}

/// `GET uma/claims`
async fn begin(State(app): State<Arc<App>>, place: InRealm, headers: HeaderMap, query: Query) -> Response {
    if place.realm.uma.dialect != Dialect::Uma2 {
        return ApiError::not_found().into_response();
    }
    let cookies = Cookies::of(&place, &headers);
    let answer = match read(&app, &place, &query.into()) {
        Ok(Ok(asked)) => start(&app, &place, &cookies, asked).await,
        Ok(Err(refused)) => Ok(refusal(&place, refused)),
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| steps::failed(&place, &error))
}

/// What is wrong with client or address is shown to the person; the rest is the client's (GRANT-3.3.3-05, -06)
fn refusal(place: &InRealm, refused: Refused) -> Response {
    match refused {
        Refused::Here(text) => pages::error(place, StatusCode::BAD_REQUEST, text),
        Refused::There(to, refusal) => answer::refused(place, &to, &refusal),
    }
}

fn read(app: &App, place: &InRealm, form: &Form) -> Result<Result<Asked, Refused>, ApiError> {
    let id = match request::client_id(form) {
        Ok(id) => id,
        Err(refused) => return Ok(Err(refused)),
    };
    let client = app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, id))?;
    let client = match request::admit(client) {
        Ok(client) => client,
        Err(refused) => return Ok(Err(refused)),
    };
    let asked = request::only(form, "claims_redirect_uri");
    let Some(uri) = asked.ok().and_then(|asked| gathering::redirect_uri(&client, asked)) else {
        return Ok(Err(Refused::Here("Invalid parameter: claims_redirect_uri")));
    };
    let state = request::only(form, "state");
    let to = ReturnTo {
        redirect_uri: uri.into_string(),
        mode: ResponseMode::Query,
        state: state.ok().flatten().map(str::to_owned),
    };
    let there = |error, text: &str| Ok(Err(Refused::There(Box::new(to.clone()), Refusal::new(error, text))));
    if state.is_err() {
        return there("invalid_request", "Invalid parameter: state");
    }
    if form.has_duplicates() {
        return there("invalid_request", "duplicated parameter");
    }
    let Some(text) = form.get("ticket") else {
        return there("invalid_request", "Missing parameter: ticket");
    };
    let now = app.clock.now();
    let name = client.client_id.parse().map_err(|_| ApiError::server_error())?;
    let checked = app.verify_ticket(&place.realm, &place.issuer, text, now)?;
    let ticket = match checked.and_then(|ticket| ticket.may_be_presented(&name, now).map(|()| ticket)) {
        Ok(ticket) => ticket,
        // GRANT-3.3.2-10
        Err(TicketError::OtherClient) => {
            return Ok(Err(Refused::Here("This request belongs to another application.")));
        }
        Err(TicketError::TooEarly(_)) => {
            return there("temporarily_unavailable", "An owner has been asked a moment ago");
        }
        Err(TicketError::Foreign | TicketError::Inactive | TicketError::LineEnded) => {
            return there("invalid_request", INVALID_TICKET);
        }
    };
    let about = About {
        ticket: text.to_owned(),
        presented: now,
        redirect_uri: to.redirect_uri.clone(),
        state: to.state.clone(),
    };
    match server(app, place, &ticket)? {
        Some(_) => Ok(Ok(Asked { client, ticket, about })),
        None => there("invalid_request", INVALID_TICKET),
    }
}

const INVALID_TICKET: &str = "Invalid permission ticket";

/// The resource server of a ticket, unless everything from before was cut off there
fn server(app: &App, place: &InRealm, ticket: &Ticket) -> Result<Option<Client>, ApiError> {
    let name = ticket.server().as_str();
    let server = app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, name))?;
    let Some(server) = server.filter(|server| server.enabled) else { return Ok(None) };
    let settings = app.store.resource_server(&server.id)?;
    Ok(settings.filter(|of| ticket.issued_at().0 >= of.not_before).map(|_| server))
}

/// Uses the ticket up and leads to the page
async fn start(app: &App, place: &InRealm, cookies: &Cookies, asked: Asked) -> Result<Response, ApiError> {
    let Asked { client, ticket, about } = asked;
    let now = app.clock.now();
    let id = Token::random()?;
    let browser = match cookies.get(Cookie::Claims) {
        Some(browser) => browser,
        None => Token::random()?,
    };
    let interaction = Interaction {
        client_id: client.id.clone(),
        browser: browser.digest(),
        about: gathering::seal(app.keys.master(), &place.realm, &about)?,
        expires_at: now.plus(PATIENCE),
    };
    let used = SpentTicket { jti: ticket.id().as_str().to_owned(), expires_at: ticket.expires_at() };
    let (realm_id, page) = (place.realm.id.clone(), page::address(place, &id));
    let begun =
        app.store.write(move |tx| store::gathering::begin(tx, &realm_id, &used, &id, &interaction)).await?;
    if begun == Redemption::Spent {
        return Ok(refuse(place, &about, "invalid_request", INVALID_TICKET));
    }
    let mut response = answer::redirect(&page);
    cookies.set(&mut response, Cookie::Claims, browser.reveal(), None);
    Ok(response)
}

/// Tells the client that it gets no ticket
fn refuse(place: &InRealm, about: &About, error: &'static str, text: &str) -> Response {
    let to = ReturnTo {
        redirect_uri: about.redirect_uri.clone(),
        mode: ResponseMode::Query,
        state: about.state.clone(),
    };
    answer::refused(place, &to, &Refusal::new(error, text))
}
