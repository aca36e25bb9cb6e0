//! The UMA grant as its specification has it (Grant §3.3), in realms whose dialect is `uma2`.
//!
//! A ticket is used up by whatever it is answered with; `need_info` and `request_submitted` bring its successor. What
//! Keycloak's clients may send besides (`audience`, `permission`, `response_mode`, …) has no effect here
//! (TRAP-UMA-36).

use std::sync::Arc;

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use countersign_core::{
    dialect::uma2::{Failure, RequiredClaim, Settings},
    permission::{Claims, Permission},
    scope::ScopeSet,
    ticket::{Spent, Ticket, TicketError},
    time::UnixTime,
    token::Confirmation,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    ATTEMPTS, Asker, Family, Grant, ID_TOKEN_FORMAT, answer,
    question::{server, ticket_asks, words},
    record::record,
    spent,
};
use crate::{
    app::App,
    auth::{self, Verified},
    decide::{Party, Request, decide},
    error::ApiError,
    http::extract::{Form, InRealm},
    issue::{self, Scopes},
    realm::Client,
    store::{
        self, StoreError,
        grant::{Asked, Redemption, SpentTicket},
    },
};

/// The same format as documentation in the field writes it (GRANT-3.3.1-05)
const ID_TOKEN_ALIAS: &str = "https://openid.net/specs/openid-connect-core-1_0.html#IDToken";
/// Parameters that mean nothing when they come twice (RFC 6749 §3.2)
const ONCE: &[&str] =
    &["grant_type", "ticket", "claim_token", "claim_token_format", "pct", "rpt", "scope", "client_id"];

/// What ends an attempt early
enum Stop {
    Stale,
    Refused(ApiError),
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        if error == StoreError::Stale { Self::Stale } else { Self::Refused(error.into()) }
    }
}

impl From<super::Failure> for Stop {
    fn from(failure: super::Failure) -> Self {
        match failure {
            super::Failure::Stale => Self::Stale,
            super::Failure::Refused(error) => Self::Refused(error),
        }
    }
}

/// Who asks: always a client, and a requesting party if it says who that is
struct Presenter {
    client: Client,
    asker: Option<Asker>,
    /// What an ID token says of the party
    claims: Claims,
}

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
            return Ok(render(&Failure::TooEarly { retry_after: seconds }, None));
        }
        Err(
            TicketError::Foreign | TicketError::Inactive | TicketError::OtherClient | TicketError::LineEnded,
        ) => return Err(spent(place)),
    };
    for _ in 0..ATTEMPTS {
        match attempt(app, place, form, &presenter, &ticket, now).await {
            Err(Stop::Stale) => {}
            Err(Stop::Refused(error)) => return Err(error),
            Ok(response) => return Ok(response),
        }
    }
    Err(ApiError::temporarily_unavailable())
}

/// By bearer token (KC-01), or by client authentication with or without an ID token as claim
async fn presenter(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Presenter, ApiError> {
    if let Some(token) = auth::bearer(headers).ok().flatten() {
        let refused = || ApiError::unauthorized("invalid_client", "Invalid bearer token");
        let verified = auth::verify_access_token(app, &place.realm, &place.issuer, token)
            .map_err(|error| error.or_else(refused))?;
        let (client, claims) = (verified.client.clone(), Claims::new());
        let public_client = client.settings.public_client;
        return Ok(Presenter { client, asker: Some(Asker::of(verified, public_client)?), claims });
    }
    let client = auth::authenticate_client(app, place, headers, form).await?;
    let format = form.get("claim_token_format");
    let token = form.get("claim_token").filter(|_| matches!(format, Some(ID_TOKEN_FORMAT | ID_TOKEN_ALIAS)));
    let Some(token) = token else { return Ok(Presenter { client, asker: None, claims: Claims::new() }) };
    match auth::verify_id_token(app, &place.realm, &place.issuer, token) {
        // A token for somebody else says nothing here (GRANT-5.7-02).
        Ok(verified) if verified.client.id == client.id => {
            let claims = gathered(place, &verified);
            let party = Party::of_rpt(app, &verified.user, &client, verified.token.claims())?;
            let Verified { user, session, .. } = verified;
            let public_client = client.settings.public_client;
            let asker = Asker { user, client: client.clone(), session, party, public_client };
            Ok(Presenter { client, asker: Some(asker), claims })
        }
        Ok(_) => Ok(Presenter { client, asker: None, claims: Claims::new() }),
        // One that cannot be relied on is no claim at all (GRANT-3.3.1-07).
        Err(refused) => {
            refused.or_inactive()?;
            Ok(Presenter { client, asker: None, claims: Claims::new() })
        }
    }
}

/// Those claims of an ID token that the realm asks for: policies look at them as at any that is gathered
fn gathered(place: &InRealm, verified: &Verified) -> Claims {
    let said = &verified.token.claims().other;
    let texts = |value: &Value| match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    };
    let names = place.realm.uma.required_claims.iter().filter_map(|claim| claim.name.as_ref());
    names.filter_map(|name| Some((name.clone(), texts(said.get(name)?)))).collect()
}

/// Loads, decides, stores, renders; stale if anything moved in between
async fn attempt(
    app: &Arc<App>,
    place: &InRealm,
    form: &Form,
    presenter: &Presenter,
    ticket: &Ticket,
    now: UnixTime,
) -> Result<Response, Stop> {
    let uma = &place.realm.uma;
    if app.store.ticket_spent(ticket.id())? {
        return Err(spent(place).into());
    }
    let Some(asker) = &presenter.asker else {
        let failure = Failure::NeedInfo { required_claims: vec![identity(place)], redirect_user: None };
        return fail(app, place, presenter, ticket, failure, None, now).await;
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
        pushed_claims: presenter.claims.clone(),
        gatherable: uma.required_claims.iter().filter_map(|claim| claim.name.clone()).collect(),
        submit: true,
        polling: ticket.asks_again(),
        ..Request::default()
    };
    let (assessment, version) = decide(app, &place.realm, &server, &asker.party, &request, now)?;
    // Looked at after the facts were loaded: a later change makes these stale.
    let since = app.store.resource_server(&server.id)?.map_or(u64::MAX, |of| of.not_before);
    if ticket.issued_at().0 < since || rpt_issued.is_some_and(|issued| issued.0 < since) {
        return Err(spent(place).into());
    }
    let settings = Settings {
        required_claims: &uma.required_claims,
        redirect_user: None,
        interval: Some(uma.poll_interval.max(1)),
    };
    match (Failure::of(&assessment, &settings), assessment) {
        (None, countersign_core::assessment::Assessment::Granted { permissions, upgraded, pending, .. }) => {
            let grant =
                Grant { asker: asker.clone(), server, ticket: Some(ticket.clone()), rpt_issued, request };
            let (issued, _) = record(app, place, &grant, permissions, pending, version, now).await?;
            if let Some(earlier) = earlier.filter(|_| upgraded) {
                // What it permits is in the new one (GRANT-3.3.5.1-03).
                let Earlier { id, until, .. } = earlier;
                app.store.write(move |tx| store::session::revoke(tx, &id, until)).await?;
            }
            Ok(answer(StatusCode::OK, Family::Token, &issued.body(upgraded)))
        }
        (Some(failure), countersign_core::assessment::Assessment::Denied { pending, .. }) => {
            let requester = asker.party.requester.id.as_str().to_owned();
            let request = Asked { server_id: server.id.clone(), requester, pending, version };
            fail(app, place, presenter, ticket, failure, Some(request), now).await
        }
        (Some(failure), _) => fail(app, place, presenter, ticket, failure, None, now).await,
        (None, _) => Err(ApiError::server_error().into()),
    }
}

/// Uses the ticket up, and answers with its successor where there is one
async fn fail(
    app: &App,
    place: &InRealm,
    presenter: &Presenter,
    ticket: &Ticket,
    failure: Failure,
    asked: Option<Asked>,
    now: UnixTime,
) -> Result<Response, Stop> {
    let used = SpentTicket { jti: ticket.id().as_str().to_owned(), expires_at: ticket.expires_at() };
    if app.store.spend(used, asked, now).await? == Redemption::Spent {
        return Err(spent(place).into());
    }
    if !failure.rotates() {
        return Ok(render(&failure, None));
    }
    let interval = match &failure {
        Failure::RequestSubmitted { interval } => interval.unwrap_or(1),
        Failure::NeedInfo { .. }
        | Failure::InvalidGrant
        | Failure::InvalidScope
        | Failure::InvalidRequest
        | Failure::RequestDenied
        | Failure::TooEarly { .. } => 0,
    };
    let id = format!("{}-{}000", Uuid::new_v4(), now.0).parse().map_err(|_| ApiError::server_error())?;
    let client = presenter.client.client_id.parse().map_err(|_| ApiError::server_error())?;
    let line = ticket.clone().redeemed(Spent::i_have_recorded_it());
    match line.successor(id, &client, &place.issuer, ticket.server().as_str(), interval, now) {
        Ok(next) => Ok(render(&failure, Some(&app.sign_ticket(&place.realm, &next)?))),
        // It has gone on for too long: from here on there is nothing to wait for.
        Err(_) => Ok(render(&Failure::RequestDenied, None)),
    }
}

fn render(failure: &Failure, ticket: Option<&str>) -> Response {
    let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = answer(status, Family::Token, &failure.body(ticket));
    if let Some(seconds) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
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

/// Scopes that a client is registered for: those of its own lists, else of the realm's (Grant §3.3.1)
fn registered(place: &InRealm, client: &Client) -> ScopeSet {
    Scopes::registered(&place.realm, client).into_iter().filter_map(|name| name.parse().ok()).collect()
}

/// An RPT that may be upgraded
struct Earlier {
    id: String,
    issued: UnixTime,
    until: UnixTime,
    permissions: Vec<Permission>,
}

/// What an earlier RPT brings: of the same client, party, resource server and key, and still alive; else nothing
/// (GRANT-3.3.1-11)
fn earlier(
    app: &App,
    place: &InRealm,
    asker: &Asker,
    server: &Client,
    token: &str,
) -> Result<Option<Earlier>, ApiError> {
    let verified = match auth::verify_mentioned(app, &place.realm, &place.issuer, token) {
        Ok(verified) => verified,
        Err(refused) => return refused.or_inactive().map(|()| None),
    };
    let claims = verified.token.claims();
    let (Some(id), Some(issued), Some(until)) = (claims.jti.as_ref(), claims.iat, claims.exp) else {
        return Ok(None);
    };
    let bound = Confirmation::of(claims).ok().and_then(|bound| bound.jkt().map(str::to_owned));
    let same = verified.client.id == asker.client.id
        && verified.user.id == asker.user.id
        && bound.as_deref() == place.key.as_deref()
        && app.store.rpt_server(id.as_str())?.as_deref() == Some(&*server.id);
    let permissions = issue::permissions_of(&claims.other).filter(|_| same);
    Ok(permissions.map(|permissions| Earlier { id: id.to_string(), issued, until, permissions }))
}

#[cfg(test)]
mod tests;
