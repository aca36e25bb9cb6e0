//! The UMA grant: `urn:ietf:params:oauth:grant-type:uma-ticket` (Grant §3.3, `keycloak-wire` §6).

mod uma2;

use core::net::IpAddr;
use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::Response,
};
use base64::{
    Engine as _,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig},
};
use countersign_core::{
    assessment::{Ask, Assessment, Format, ParseAskError, Pending},
    dialect::keycloak,
    permission::{Claims, Permission},
    scope::{Scope, ScopeSet},
    ticket::{Ticket, TicketError},
    time::UnixTime,
};
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::{self, Verified},
    decide::{Party, Purpose, Request, decide},
    error::ApiError,
    http::{
        Family,
        extract::{Form, InRealm},
        json as answer,
    },
    issue::{self, IssuedRpt, RptRequest},
    realm::{Client, Dialect, Session, User},
    store::{
        self, StoreError,
        audit::Event,
        grant::{NewRpt, Redemption, SpentTicket},
        server::Version,
    },
};

/// The grant's name
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:uma-ticket";
/// `claim_token_format`: base64 of a JSON object, whatever its name says
const JWT_FORMAT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// `claim_token_format`: an ID token
pub const ID_TOKEN_FORMAT: &str = "http://openid.net/specs/openid-connect-core-1_0.html#IDToken";
/// How many permissions a token had no room for
const TRUNCATED: HeaderName = HeaderName::from_static("countersign-truncated");
/// How often an assessment is made again when what it was based on has moved (design §6)
const ATTEMPTS: usize = 4;

/// Who asks, in one of three ways (`keycloak-wire` §6.2)
#[derive(Debug, Clone)]
struct Asker {
    user: User,
    client: Client,
    session: Option<Session>,
    party: Party,
    /// It is the token of a public client, or such a client is asking
    public_client: bool,
}

impl Asker {
    fn of(verified: Verified, public_client: bool) -> Result<Self, ApiError> {
        let Verified { token, user, client, session, .. } = verified;
        let party = Party::of_token(&user, &client, token.claims())?;
        Ok(Self { user, client, session, party, public_client })
    }
}

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
    for _ in 0..ATTEMPTS {
        match attempt(app, place, form, &grant, now).await {
            Err(Failure::Stale) => {}
            Err(Failure::Refused(error)) => return Err(error),
            Ok(response) => return Ok(response),
        }
    }
    Err(ApiError::temporarily_unavailable())
}

enum Failure {
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

/// Loads, decides, stores, renders; fails as stale if anything moved in between
async fn attempt(
    app: &Arc<App>,
    place: &InRealm,
    form: &Form,
    grant: &Grant,
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
    // Looked at after the facts were loaded: a later change makes these stale.
    let since = app.store.resource_server(&grant.server.id)?.map_or(u64::MAX, |of| of.not_before);
    if grant.ticket.as_ref().is_some_and(|ticket| ticket.issued_at().0 < since) {
        return Err(spent(place).into());
    }
    if grant.rpt_issued.is_some_and(|issued| issued.0 < since) {
        return Err(ApiError::forbidden("invalid_rpt", "RPT is not active").into());
    }
    let requester = party.requester.id.as_str();
    match assessment {
        Assessment::Refused(refusal) => Err(core_error(keycloak::refused(&refusal)).into()),
        Assessment::Denied { submitted, pending, .. } => {
            let denied = core_error(keycloak::denied(submitted));
            if pending.is_empty() {
                return Err(denied.into());
            }
            app.store.submit(&grant.server.id, requester, pending, version, now).await?;
            Err(waiting(denied, realm.uma.retry_after(), form).into())
        }
        Assessment::Granted { permissions, upgraded, pending, .. } => match form.get("response_mode") {
            None => {
                let (issued, left_out) =
                    record(app, place, grant, permissions, pending, version, now).await?;
                let mut response = answer(StatusCode::OK, Family::Token, &issued.body(upgraded));
                if left_out > 0 {
                    response.headers_mut().insert(TRUNCATED, left_out.into());
                }
                Ok(response)
            }
            Some(mode @ ("decision" | "permissions")) => {
                if !pending.is_empty() {
                    app.store.submit(&grant.server.id, requester, pending, version, now).await?;
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

/// The RPT and how many permissions it had no room for, recorded in the transaction that spends the ticket
async fn record(
    app: &Arc<App>,
    place: &InRealm,
    grant: &Grant,
    permissions: Vec<Permission>,
    pending: Vec<Pending>,
    version: Version,
    now: UnixTime,
) -> Result<(IssuedRpt, usize), Failure> {
    let Asker { client, session, party, .. } = &grant.asker;
    let mut permissions = permissions;
    let all = permissions.len();
    let mut issued = issue::rpt(app, &rpt_request(place, grant, &permissions, now)).await?;
    if let Some(most) = place.realm.uma.rpt_max_bytes {
        let too_long = |issued: &IssuedRpt| issued.bytes().checked_sub(most).filter(|excess| *excess > 0);
        if grant.request.everything && too_long(&issued).is_some() {
            permissions = newest_first(app, grant, permissions)?;
        }
        while let Some(excess) = too_long(&issued) {
            if !grant.request.everything || !drop_last(&mut permissions, excess) {
                return Err(ApiError::invalid_request(format!(
                    "The permissions do not fit into a token of {most} bytes: ask for less, or use \
                     response_mode=permissions."
                ))
                .into());
            }
            issued = issue::rpt(app, &rpt_request(place, grant, &permissions, now)).await?;
        }
    }
    let left_out = all.saturating_sub(permissions.len());
    let ticket = grant
        .ticket
        .as_ref()
        .filter(|_| place.realm.uma.spends_tickets())
        .map(|ticket| SpentTicket { jti: ticket.id().as_str().to_owned(), expires_at: ticket.expires_at() });
    let rpt = NewRpt {
        jti: issued.jti.clone(),
        realm_id: place.realm.id.clone(),
        server_id: grant.server.id.clone(),
        client_id: client.id.clone(),
        requester: party.requester.id.as_str().to_owned(),
        session_id: session.as_ref().map(|session| session.id.clone()),
        issued_at: now,
        expires_at: issued.expires_at,
        status_index: issued.status_index,
        permissions,
        grant: issued.grant.clone(),
    };
    place.event.detail("token_id", &issued.jti);
    let event = Event::new("rpt.issued", &place.realm.id, &client.client_id, now)
        .kept(place.event.done(&place.realm, now));
    match app.store.redeem(rpt, ticket, pending, version, event).await? {
        Redemption::Recorded => Ok((issued, left_out)),
        Redemption::Spent => Err(spent(place).into()),
    }
}

fn rpt_request<'a>(
    place: &'a InRealm,
    grant: &'a Grant,
    permissions: &'a [Permission],
    now: UnixTime,
) -> RptRequest<'a> {
    let Asker { user, client, session, .. } = &grant.asker;
    RptRequest {
        realm: &place.realm,
        issuer: &place.issuer,
        client,
        server: &grant.server,
        user,
        session: session.as_ref(),
        permissions,
        address: place.address,
        key: place.key.as_deref(),
        grant: None,
        now,
    }
}

/// Permissions in the order in which their resources were registered or shared, the newest first
fn newest_first(
    app: &App,
    grant: &Grant,
    permissions: Vec<Permission>,
) -> Result<Vec<Permission>, StoreError> {
    let requester = grant.asker.party.requester.id.as_str();
    let mut dated = app.store.read(|tx| {
        let date = |permission: Permission| {
            let since = match &permission.rsid {
                Some(id) => store::share::since(tx, id.as_str(), requester)?,
                None => UnixTime(0),
            };
            Ok((since, permission))
        };
        permissions.into_iter().map(date).collect::<Result<Vec<_>, StoreError>>()
    })?;
    dated.sort_by_key(|(since, _)| core::cmp::Reverse(*since));
    Ok(dated.into_iter().map(|(_, permission)| permission).collect())
}

/// Takes permissions away that make up for so many bytes of a token; `false` if none would be left
fn drop_last(permissions: &mut Vec<Permission>, excess: u64) -> bool {
    let mut dropped: u64 = 0;
    while dropped < excess {
        let Some(last) = permissions.pop() else { return false };
        // With its comma, in base64: a little less than it makes out, so that no more goes than must.
        let bytes = serde_json::to_string(&last).map_or(1, |text| text.len());
        dropped = dropped.saturating_add(u64::try_from(bytes).unwrap_or(1).saturating_mul(4).div_ceil(3));
    }
    !permissions.is_empty()
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

/// Reads a request in Keycloak's order (`keycloak-wire` §6.5)
async fn read(
    app: &Arc<App>,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
    now: UnixTime,
) -> Result<Grant, ApiError> {
    let asker = asker(app, place, headers, form).await?;
    note(place, &asker, form);
    let rpt = form.get("rpt").map(|token| earlier(app, place, token)).transpose()?;
    let (rpt, rpt_issued) = rpt.unzip();
    let limit = match form.get("response_permissions_limit") {
        None => None,
        Some(text) => Some(
            text.parse::<usize>()
                .map_err(|_| ApiError::invalid_request("Invalid response_permissions_limit"))?,
        ),
    };
    let parameters = permissions(form)?;
    let claim_token = form.get("claim_token");
    if asker.public_client && claim_token.is_some() && form.get("ticket").is_none() {
        return Err(ApiError::forbidden("invalid_grant", "Public clients are not allowed to send claims"));
    }
    let ticket = form.get("ticket").map(|text| ticket(app, place, text, now)).transpose()?;
    let pushed_claims = pushed(form)?;
    let server = server(app, place, form, ticket.as_ref())?;
    let (asks, everything) = if let Some(ticket) = &ticket {
        (ticket_asks(ticket), false)
    } else {
        let everything = parameters.is_empty() && rpt.is_none();
        (parameters, everything)
    };
    let submit =
        ticket.is_some() && form.get("submit_request").is_none_or(|value| value.eq_ignore_ascii_case("true"));
    let request = Request {
        asks,
        everything,
        scopes: form.get("scope").map(words).unwrap_or_default(),
        rpt,
        ticket_claims: ticket.as_ref().map(|ticket| ticket.claims().clone()).unwrap_or_default(),
        pushed_claims,
        context: surroundings(place, headers),
        limit,
        nameless: form.get("response_include_resource_name").is_some_and(|v| v.eq_ignore_ascii_case("false")),
        submit,
        purpose: match form.get("response_mode") {
            Some("decision") => Purpose::Decision,
            Some("permissions") => Purpose::Permissions,
            _ => Purpose::Grant,
        },
        ..Request::default()
    };
    Ok(Grant { asker, server, ticket, rpt_issued, request })
}

/// What policies can look at of the call itself (`keycloak-wire` §8.8)
fn surroundings(place: &InRealm, headers: &HeaderMap) -> Claims {
    let address = match place.address.to_canonical() {
        IpAddr::V4(address) => vec![address.to_string()],
        // Policies that were written for Keycloak spell it out.
        IpAddr::V6(address) => {
            let parts = address.segments().map(|part| format!("{part:x}"));
            vec![parts.join(":"), address.to_string()]
        }
    };
    let mut known = Claims::from([
        ("kc.client.network.ip_address".to_owned(), address.clone()),
        // Names are not looked up: a name server would decide along.
        ("kc.client.network.host".to_owned(), address),
    ]);
    if let Some(agent) = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()) {
        known.insert("kc.client.user_agent".to_owned(), vec![agent.to_owned()]);
    }
    known
}

/// What the event says of the request (wire §6.13)
fn note(place: &InRealm, asker: &Asker, form: &Form) {
    place.event.client(&asker.client.client_id);
    place.event.user(&asker.user.id);
    if let Some(session) = &asker.session {
        place.event.session(&session.id);
    }
    for name in ["audience", "scope"] {
        if let Some(value) = form.get(name) {
            place.event.detail(name, value);
        }
    }
    let permissions: Vec<_> = form.all("permission").collect();
    if !permissions.is_empty() {
        place.event.detail("permission", &permissions.join(" "));
    }
}

fn words(text: &str) -> ScopeSet {
    text.split(' ').filter_map(|word| word.parse::<Scope>().ok()).collect()
}

/// By bearer, by client and identity token, or by client alone (`keycloak-wire` §6.2)
async fn asker(app: &App, place: &InRealm, headers: &HeaderMap, form: &Form) -> Result<Asker, ApiError> {
    // A Basic header is no bearer token, and none of the refusals of one.
    if let Some(presented) = auth::presented(headers).ok().flatten() {
        let refused = || ApiError::invalid_grant("Invalid bearer token");
        let held = place.held.clone();
        let verified = auth::verify_presented(app, &place.realm, &place.issuer, presented.token, held)
            .map_err(|error| error.or_else(refused))?;
        let public_client = verified.client.settings.public_client;
        return Asker::of(verified, public_client);
    }
    let client = auth::authenticate_client(app, place, headers, form).await?;
    let public_client = client.settings.public_client;
    let format = form.get("claim_token_format");
    let identity = form.get("claim_token").filter(|_| format.is_none_or(|format| format == ID_TOKEN_FORMAT));
    if let Some(token) = identity {
        let refused = |expired: bool| {
            let (error, text) = if expired {
                ("invalid_claim_token", "Expired token")
            } else {
                ("unauthorized_client", "Invalid signature")
            };
            ApiError::bad_request(error, text)
        };
        let verified =
            auth::verify_identity_token(app, &place.realm, &place.issuer, token).map_err(|error| {
                let expired = error.is_expired();
                error.or_else(|| refused(expired))
            })?;
        if verified.client.id != client.id {
            let text = "Token issued to a different client";
            return Err(ApiError::bad_request("invalid_claim_token", text));
        }
        return Asker::of(verified, public_client);
    }
    if let Some(token) = form.get("subject_token") {
        let refused = || {
            place.event.error("invalid_token");
            ApiError::bad_request("unauthorized_client", "Invalid identity")
        };
        let verified = auth::verify_access_token(app, &place.realm, &place.issuer, token)
            .map_err(|error| error.or_else(refused))?;
        return Asker::of(verified, public_client);
    }
    if format == Some(ID_TOKEN_FORMAT) {
        return Err(ApiError::invalid_request(
            "Subject token can not be null and must be a valid ID or Access Token",
        ));
    }
    service_account(app, place, client)
}

/// The client alone: it asks for its own service account
fn service_account(app: &App, place: &InRealm, client: Client) -> Result<Asker, ApiError> {
    let refused = |text| ApiError::unauthorized("unauthorized_client", text);
    if client.settings.public_client {
        return Err(refused("Public client not allowed to retrieve service account"));
    }
    let user = if client.settings.service_accounts_enabled {
        app.store.read(|tx| store::user::service_account(tx, &place.realm.id, &client.id))?
    } else {
        None
    };
    let user = user
        .filter(|user| user.enabled)
        .ok_or_else(|| refused("Client not enabled to retrieve service account"))?;
    let party = Party::of_record(app, &user, &client)?;
    Ok(Asker { user, client, session: None, party, public_client: false })
}

/// Permissions of an earlier RPT of this realm, and when it was issued; those of an expired one are not merged
/// (`keycloak-wire` §6.8)
fn earlier(app: &App, place: &InRealm, token: &str) -> Result<(Vec<Permission>, UnixTime), ApiError> {
    match auth::verify_signature(app, &place.realm, &place.issuer, token) {
        Ok(token) => {
            let claims = token.claims();
            Ok((issue::permissions_of(&claims.other).unwrap_or_default(), claims.iat.unwrap_or_default()))
        }
        Err(error) if error.is_expired() => Ok((Vec::new(), app.clock.now())),
        Err(error) => Err(error.or_else(|| ApiError::forbidden("invalid_rpt", "RPT signature is invalid"))),
    }
}

/// `permission` in the format that `permission_resource_format` names (`keycloak-wire` §6.3)
fn permissions(form: &Form) -> Result<Vec<Ask>, ApiError> {
    let matching =
        form.get("permission_resource_matching_uri").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let format = match form.get("permission_resource_format") {
        None | Some("id") => Format::Id,
        Some("uri") => Format::Uri { matching },
        // Any other value makes all permissions vanish.
        Some(_) => return Ok(Vec::new()),
    };
    let mut asks = Vec::new();
    for value in form.all("permission") {
        match Ask::from_parameter(value, format) {
            Ok(Ask::Uri { uri, .. }) if uri.is_empty() => {
                return Err(ApiError::invalid_request("You must provide the uri"));
            }
            Ok(ask) => asks.push(ask),
            Err(ParseAskError::Empty) if format == Format::Id => {}
            Err(ParseAskError::Empty) => return Err(ApiError::invalid_request("You must provide the uri")),
            Err(ParseAskError::Scope(_)) => {
                return Err(ApiError::bad_request("invalid_scope", "One of the given scopes is not a scope"));
            }
        }
    }
    Ok(asks)
}

fn ticket(app: &App, place: &InRealm, text: &str, now: UnixTime) -> Result<Ticket, ApiError> {
    app.verify_ticket(&place.realm, &place.issuer, text, now)?.map_err(|error| {
        let description = match error {
            TicketError::Foreign => "Ticket verification failed",
            TicketError::Inactive
            | TicketError::OtherClient
            | TicketError::TooEarly(_)
            | TicketError::LineEnded => "Invalid permission ticket.",
        };
        ApiError::forbidden("invalid_ticket", description)
    })
}

fn ticket_asks(ticket: &Ticket) -> Vec<Ask> {
    let ask = |permission: &countersign_core::ticket::TicketPermission| {
        let scopes = permission.scopes.clone();
        match permission.rsid.clone() {
            Some(resource) => Ask::Id { resource, scopes },
            None => Ask::Scopes { scopes },
        }
    };
    ticket.permissions().iter().map(ask).collect()
}

/// Claims of the client: base64 of a JSON object (`keycloak-wire` §6.4, N2)
fn pushed(form: &Form) -> Result<Claims, ApiError> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    let invalid = || ApiError::invalid_request("Invalid claims");
    let Some(token) = form.get("claim_token") else { return Ok(Claims::new()) };
    match form.get("claim_token_format") {
        Some(JWT_FORMAT) => {}
        // An identity, or, beside a bearer token, nothing (behaviours ENT-5).
        None | Some(ID_TOKEN_FORMAT) => return Ok(Claims::new()),
        Some(other) => {
            return Err(ApiError::invalid_request(format!("Claim token format [{other}] not supported")));
        }
    }
    let standard = token.replace('-', "+").replace('_', "/");
    let bytes =
        GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT).decode(standard).map_err(|_| invalid())?;
    let object = countersign_core::json::object(&bytes).map_err(|_| invalid())?;
    let values = |value: Value| -> Result<Vec<String>, ApiError> {
        match value {
            Value::String(text) => Ok(vec![text]),
            Value::Array(items) => {
                items.into_iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(invalid)).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(invalid()),
        }
    };
    object.into_iter().map(|(name, value)| Ok((name, values(value)?))).collect()
}

/// The resource server: the ticket's, else that of `audience` (`keycloak-wire` §6.5 row 7)
fn server(app: &App, place: &InRealm, form: &Form, ticket: Option<&Ticket>) -> Result<Client, ApiError> {
    let audience = match ticket {
        Some(ticket) => ticket.server().as_str(),
        None => {
            form.get("audience").ok_or_else(|| ApiError::invalid_request("You must provide the issuedFor"))?
        }
    };
    let client = app.store.read(|tx| store::realm::client_by_client_id(tx, &place.realm.id, audience))?;
    let client = client
        .filter(|client| client.enabled)
        .ok_or_else(|| ApiError::invalid_request(format!("Unknown resource server id: [{audience}]")))?;
    match app.store.resource_server(&client.id)? {
        Some(_) => Ok(client),
        None => Err(ApiError::invalid_request("Client does not support permissions")),
    }
}
