//! The UMA grant: `urn:ietf:params:oauth:grant-type:uma-ticket` (Grant §3.3, `keycloak-wire` §6).

mod asker;
mod question;
mod record;
mod uma2;

use core::cmp::Ordering;
use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderName, StatusCode},
    response::Response,
};
use countersign_core::{
    assessment::Assessment, dialect::keycloak, permission::Permission, ticket::Ticket, time::UnixTime,
};
use serde_json::{Value, json};

use self::{
    asker::Asker,
    question::read,
    record::{Found, record},
};
pub(in crate::http) use self::{
    question::ticket_asks,
    uma2::{registered, successor},
};
use crate::{
    app::App,
    decide::{Request, decide},
    error::ApiError,
    http::{
        Family,
        extract::{Form, InRealm},
        json as answer,
    },
    issue,
    realm::{Client, Dialect},
    store::{StoreError, Turn, grant::Asked},
};

/// The grant's name
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:uma-ticket";
/// `claim_token_format`: base64 of a JSON object, whatever its name says
const JWT_FORMAT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// `claim_token_format`: an ID token
pub const ID_TOKEN_FORMAT: &str = "http://openid.net/specs/openid-connect-core-1_0.html#IDToken";
/// How many permissions a token had no room for
const TRUNCATED: HeaderName = HeaderName::from_static("countersign-truncated");
/// How often an assessment is made again when what it was based on has moved, before it is made while nobody else can
/// write (design §6)
const ATTEMPTS: usize = 3;

/// A request whose every parameter was read
struct Grant {
    asker: Asker,
    server: Client,
    ticket: Option<Ticket>,
    /// When the earlier RPT was issued, if one was sent
    rpt_issued: Option<UnixTime>,
    request: Request,
}

/// `POST token` with the UMA grant
pub async fn grant(
    app: &Arc<App>,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    if place.realm.uma.dialect == Dialect::Uma2 {
        return uma2::grant(app, place, headers, form).await;
    }
    let now = app.clock.now();
    let grant = read(app, place, headers, form, now).await?;
    let mut tries = Tries::default();
    loop {
        let turn = tries.next(app, place, &grant.asker.client).await?;
        match attempt(app, place, form, &grant, turn, now).await {
            Err(Failure::Stale) => {}
            Err(Failure::Refused(error)) => return Err(error),
            Ok(response) => return Ok(response),
        }
    }
}

/// Attempts at a grant: some beside whatever else is written, then one while nobody else can write (design §6)
#[derive(Default)]
struct Tries(usize);

impl Tries {
    /// The turn of the next attempt, if it has one; fails once there is none left
    async fn next(&mut self, app: &App, place: &InRealm, client: &Client) -> Result<Option<Turn>, ApiError> {
        self.0 = self.0.saturating_add(1);
        match self.0.cmp(&ATTEMPTS.saturating_add(1)) {
            Ordering::Less => Ok(None),
            Ordering::Equal => {
                // Others change something all the time: now they wait. A key that was to be made is there by now.
                let alg = issue::access_token_alg(&place.realm, client);
                app.keys.with(&app.store, &place.realm, alg).await?;
                Ok(Some(app.store.turn().await?))
            }
            Ordering::Greater => Err(ApiError::temporarily_unavailable()),
        }
    }
}

/// Why an attempt came to nothing
enum Failure {
    /// What it was based on has moved
    Stale,
    Refused(ApiError),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error == StoreError::Stale { Self::Stale } else { Self::Refused(error.into()) }
    }
}

/// Loads, decides, stores, renders; fails as stale if anything moved in between, which at a turn nothing can
async fn attempt(
    app: &Arc<App>,
    place: &InRealm,
    form: &Form,
    grant: &Grant,
    turn: Option<Turn>,
    now: UnixTime,
) -> Result<Response, Failure> {
    let realm = &place.realm;
    if let Some(ticket) = grant.ticket.as_ref().filter(|_| realm.uma.spends_tickets())
        && app.store.ticket_spent(ticket.id())?
    {
        return Err(spent(place).into());
    }
    let party = &grant.asker.party;
    let (assessment, version) = decide(app, realm, &grant.server, party, &grant.request, now)?;
    let since = version.not_before;
    if grant.ticket.as_ref().is_some_and(|ticket| ticket.issued_at().0 < since) {
        return Err(spent(place).into());
    }
    if grant.rpt_issued.is_some_and(|issued| issued.0 < since) {
        return Err(ApiError::forbidden("invalid_rpt", "RPT is not active").into());
    }
    let asked = |pending| Asked {
        server_id: grant.server.id.clone(),
        requester: party.requester.id.as_str().to_owned(),
        pending,
        version,
    };
    match assessment {
        Assessment::Refused(refusal) => Err(core_error(keycloak::refused(&refusal)).into()),
        Assessment::Denied { submitted, pending, .. } => {
            let denied = core_error(keycloak::denied(submitted));
            if pending.is_empty() {
                return Err(denied.into());
            }
            app.store.submit(turn, asked(pending), now).await?;
            Err(waiting(denied, realm.uma.retry_after(), form).into())
        }
        Assessment::Granted { permissions, upgraded, pending, .. } => match form.get("response_mode") {
            None => {
                let found = Found { permissions, pending, version };
                let (issued, left_out) = record(app, place, grant, found, turn, now).await?;
                let mut response = answer(StatusCode::OK, Family::Token, &issued.body(upgraded));
                if left_out > 0 {
                    response.headers_mut().insert(TRUNCATED, left_out.into());
                }
                Ok(response)
            }
            Some(mode @ ("decision" | "permissions")) => {
                if !pending.is_empty() {
                    app.store.submit(turn, asked(pending), now).await?;
                }
                let body = if mode == "decision" {
                    json!({ "result": true })
                } else {
                    list(permissions, form.is_extended())
                };
                Ok(answer(StatusCode::OK, Family::Token, &body))
            }
            Some(_) => Err(ApiError::invalid_request("Invalid response_mode").into()),
        },
    }
}

/// A refusal that an owner may yet change, with when to ask again
fn waiting(refusal: ApiError, interval: Option<u64>, form: &Form) -> ApiError {
    let refusal = refusal.retry_after(interval);
    match interval.filter(|_| form.is_extended()) {
        Some(seconds) => refusal.with_member("interval", seconds.into()),
        None => refusal,
    }
}

fn spent(place: &InRealm) -> ApiError {
    match place.realm.uma.dialect {
        Dialect::Keycloak => ApiError::forbidden("invalid_ticket", "Invalid permission ticket."),
        Dialect::Uma2 => ApiError::bare(StatusCode::BAD_REQUEST, "invalid_grant"),
    }
}

fn core_error(answer: countersign_core::dialect::ErrorAnswer) -> ApiError {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::FORBIDDEN);
    ApiError::new(status, answer.error, answer.description)
}

/// `response_mode=permissions`: without the mark that only RPTs carry (design D10), and without times, which Keycloak's
/// permissions do not have, unless the caller knows them
fn list(permissions: Vec<Permission>, extended: bool) -> Value {
    let unmarked = permissions.into_iter().map(|permission| Permission {
        rsowned: false,
        exp: permission.exp.filter(|_| extended),
        nbf: permission.nbf.filter(|_| extended),
        ..permission
    });
    serde_json::to_value(unmarked.collect::<Vec<_>>()).unwrap_or_default()
}
