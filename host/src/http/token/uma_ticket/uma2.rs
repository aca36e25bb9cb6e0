//! The UMA grant as its specification has it (Grant §3.3), in realms whose dialect is `uma2`.
//!
//! A ticket is used up by whatever it is answered with; `need_info` and `request_submitted` bring its successor. What
//! Keycloak's clients may send besides (`audience`, `permission`, `response_mode`, …) has no effect here
//! (TRAP-UMA-36).

mod earlier;
mod gathered;
mod line;
mod presenter;

use std::sync::Arc;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use countersign_core::{
    assessment::Assessment,
    dialect::uma2::{self as dialect, RequiredClaim, Settings},
    permission::Claims,
    ticket::{Spent, Ticket, TicketError},
    time::UnixTime,
};

pub(in crate::http) use self::line::{registered, successor};
use self::{
    earlier::{Earlier, earlier},
    gathered::{Known, known, remember},
    presenter::{Presenter, presenter},
};
use super::{
    Failure, Family, Grant, ID_TOKEN_FORMAT, Tries, answer,
    question::{server, ticket_asks, words},
    record::{Found, record},
    spent,
};
use crate::{
    app::App,
    decide::{Request, decide},
    error::ApiError,
    gathering,
    http::{
        extract::{Form, InRealm},
        gathering::redirect_user,
    },
    realm::UmaSettings,
    store::{
        self, Turn,
        grant::{Asked, Redemption, SpentTicket},
    },
};

/// Parameters that mean nothing when they come twice (RFC 6749 §3.2)
const ONCE: &[&str] =
    &["grant_type", "ticket", "claim_token", "claim_token_format", "pct", "rpt", "scope", "client_id"];

/// `POST token` with the UMA grant
pub(super) async fn grant(
    app: &Arc<App>,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    if let Some(name) = ONCE.iter().find(|name| form.all(name).count() > 1) {
        return Err(ApiError::invalid_request(format!("Parameter `{name}` comes more than once.")));
    }
    if form.get("claim_token").is_some() != form.get("claim_token_format").is_some() {
        let text = "`claim_token` and `claim_token_format` come together or not at all.";
        return Err(ApiError::invalid_request(text));
    }
    let now = app.clock.now();
    // Strangers cannot use up a ticket (GRANT-5.5-03): whose it is comes before what it is.
    let presenter = presenter(app, place, headers, form).await?;
    let text =
        form.get("ticket").ok_or_else(|| ApiError::invalid_request("Parameter `ticket` is missing."))?;
    let id = presenter.client.client_id.parse().map_err(|_| ApiError::server_error())?;
    let checked = app.verify_ticket(&place.realm, &place.issuer, text, now)?;
    let ticket = match checked.and_then(|ticket| ticket.may_be_presented(&id, now).map(|()| ticket)) {
        Ok(ticket) => ticket,
        Err(TicketError::TooEarly(seconds)) => {
            return Ok(render(&dialect::Failure::TooEarly { retry_after: seconds }, None));
        }
        Err(
            TicketError::Foreign | TicketError::Inactive | TicketError::OtherClient | TicketError::LineEnded,
        ) => return Err(spent(place)),
    };
    let known = known(app, place, &presenter, &ticket, form.get("pct"), now).await?;
    let held = Presented { app, place, form, presenter: &presenter, ticket: &ticket, known: &known, now };
    let mut tries = Tries::default();
    loop {
        let turn = tries.next(app, place, &presenter.client).await?;
        match held.attempt(turn).await {
            Err(Failure::Stale) => {}
            Err(Failure::Refused(error)) => return Err(error),
            Ok(response) => return Ok(response),
        }
    }
}

/// A ticket that somebody presents who may
struct Presented<'a> {
    app: &'a Arc<App>,
    place: &'a InRealm,
    form: &'a Form,
    presenter: &'a Presenter,
    ticket: &'a Ticket,
    known: &'a Known,
    now: UnixTime,
}

impl Presented<'_> {
    /// Loads, decides, stores, renders; stale if anything moved in between, which at a turn nothing can
    async fn attempt(&self, turn: Option<Turn>) -> Result<Response, Failure> {
        let Self { app, place, form, presenter, ticket, known, now } = *self;
        let uma = &place.realm.uma;
        if app.store.ticket_spent(ticket.id())? {
            return Err(spent(place).into());
        }
        let Some(asker) = &known.asker else {
            // Of a public client's people no page can tell it who they are.
            let page =
                redirect_user(place, &presenter.client).filter(|_| !presenter.client.settings.public_client);
            let failure =
                dialect::Failure::NeedInfo { required_claims: vec![identity(place)], redirect_user: page };
            return self.fail(failure, None, turn).await;
        };
        let server = server(app, place, form, Some(ticket))?;
        let earlier =
            form.get("rpt").map(|token| earlier(app, place, asker, &server, token)).transpose()?.flatten();
        let rpt_issued = earlier.as_ref().map(|earlier| earlier.issued);
        let request = Request {
            asks: ticket_asks(ticket),
            scopes: form.get("scope").map(words).unwrap_or_default(),
            registered: Some(registered(place, &presenter.client)),
            rpt: earlier.as_ref().map(|earlier| earlier.permissions.clone()),
            ticket_claims: ticket.claims().clone(),
            pushed_claims: claims(uma, known, earlier.as_ref()),
            gatherable: uma.required_claims.iter().filter_map(|claim| claim.name.clone()).collect(),
            submit: true,
            polling: ticket.asks_again(),
            ..Request::default()
        };
        let (assessment, version) = decide(app, &place.realm, &server, &asker.party, &request, now)?;
        let since = version.not_before;
        if ticket.issued_at().0 < since || rpt_issued.is_some_and(|issued| issued.0 < since) {
            return Err(spent(place).into());
        }
        let page =
            if can_be_stated(uma, &assessment) { redirect_user(place, &presenter.client) } else { None };
        let settings = Settings {
            required_claims: &uma.required_claims,
            redirect_user: page.as_deref(),
            interval: Some(uma.poll_interval.max(1)),
        };
        match (dialect::Failure::of(&assessment, &settings), assessment) {
            (None, Assessment::Granted { permissions, upgraded, pending, .. }) => {
                let grant =
                    Grant { asker: asker.clone(), server, ticket: Some(ticket.clone()), rpt_issued, request };
                let found = Found { permissions, pending, version };
                let (issued, _) = record(app, place, &grant, found, turn, now).await?;
                if let Some(earlier) = earlier.filter(|_| upgraded) {
                    // What it permits is in the new one (GRANT-3.3.5.1-03).
                    let Earlier { id, until, .. } = earlier;
                    app.store.write(move |tx| store::session::revoke(tx, &id, until)).await?;
                }
                let mut body = issued.body(upgraded);
                if let (Some(pct), Some(members)) =
                    (remember(app, place, known, ticket, now).await, body.as_object_mut())
                {
                    members.insert("pct".to_owned(), pct.reveal().into());
                }
                Ok(answer(StatusCode::OK, Family::Token, &body))
            }
            (Some(failure), Assessment::Denied { pending, .. }) => {
                let requester = asker.party.requester.id.as_str().to_owned();
                let request = Asked { server_id: server.id.clone(), requester, pending, version };
                self.fail(failure, Some(request), turn).await
            }
            (Some(failure), _) => self.fail(failure, None, turn).await,
            (None, _) => Err(ApiError::server_error().into()),
        }
    }

    /// Uses the ticket up, and answers with its successor where there is one
    async fn fail(
        &self,
        failure: dialect::Failure,
        asked: Option<Asked>,
        turn: Option<Turn>,
    ) -> Result<Response, Failure> {
        let Self { app, place, presenter, ticket, now, .. } = *self;
        let used = SpentTicket { jti: ticket.id().as_str().to_owned(), expires_at: ticket.expires_at() };
        if app.store.spend(turn, used, asked, now).await? == Redemption::Spent {
            return Err(spent(place).into());
        }
        if !failure.rotates() {
            return Ok(render(&failure, None));
        }
        let interval = match &failure {
            dialect::Failure::RequestSubmitted { interval } => interval.unwrap_or(1),
            dialect::Failure::NeedInfo { .. }
            | dialect::Failure::InvalidGrant
            | dialect::Failure::InvalidScope
            | dialect::Failure::InvalidRequest
            | dialect::Failure::RequestDenied
            | dialect::Failure::TooEarly { .. } => 0,
        };
        let line = ticket.clone().redeemed(Spent::i_have_recorded_it());
        let server = ticket.server().as_str();
        match successor(app, place, &presenter.client, &line, server, interval, now)? {
            Some(next) => Ok(render(&failure, Some(&next))),
            // It has gone on for too long: from here on there is nothing to wait for.
            None => Ok(render(&dialect::Failure::RequestDenied, None)),
        }
    }
}

fn render(failure: &dialect::Failure, ticket: Option<&str>) -> Response {
    let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = answer(status, Family::Token, &failure.body(ticket));
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// What the requester has said; of what an earlier RPT was decided with, no more than he may be asked for
fn claims(uma: &UmaSettings, known: &Known, earlier: Option<&Earlier>) -> Claims {
    let mut all = known.claims.clone();
    let before = earlier.map(|earlier| earlier.claims.clone()).unwrap_or_default();
    for (name, values) in before {
        if uma.required_claims.iter().any(|claim| claim.name.as_ref() == Some(&name)) {
            all.entry(name).or_insert(values);
        }
    }
    all
}

/// Whether somebody could state himself what is missing
fn can_be_stated(uma: &UmaSettings, assessment: &Assessment) -> bool {
    match assessment {
        Assessment::Denied { needs, .. } => {
            gathering::askable(uma).any(|claim| claim.name.as_ref().is_some_and(|name| needs.contains(name)))
        }
        Assessment::Granted { .. } | Assessment::Refused(_) => false,
    }
}

/// What is missing where nobody has said who the requesting party is
fn identity(place: &InRealm) -> RequiredClaim {
    RequiredClaim {
        claim_token_format: vec![ID_TOKEN_FORMAT.to_owned()],
        issuer: vec![place.issuer.clone()],
        friendly_name: Some("ID token of the requesting party".to_owned()),
        ..RequiredClaim::default()
    }
}

#[cfg(test)]
mod tests;
