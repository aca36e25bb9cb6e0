//! What is asked, read from a request in Keycloak's dialect (`keycloak-wire` §6.3 to §6.5).

use core::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::{
    Engine as _,
    engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig},
};
use countersign_core::{
    assessment::{Ask, Format, ParseAskError},
    permission::{Claims, Permission},
    scope::{Scope, ScopeSet},
    ticket::{Ticket, TicketError},
    time::UnixTime,
};
use serde_json::Value;

use super::{Asker, Grant, ID_TOKEN_FORMAT, JWT_FORMAT, asker::asker};
use crate::{
    app::App,
    auth,
    decide::{Purpose, Request},
    error::ApiError,
    http::extract::{Form, InRealm},
    issue,
    realm::Client,
    store,
};

/// Reads a request in Keycloak's order (`keycloak-wire` §6.5)
pub(super) async fn read(
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

pub(super) fn words(text: &str) -> ScopeSet {
    text.split(' ').filter_map(|word| word.parse::<Scope>().ok()).collect()
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

pub(in crate::http) fn ticket_asks(ticket: &Ticket) -> Vec<Ask> {
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
pub(super) fn server(
    app: &App,
    place: &InRealm,
    form: &Form,
    ticket: Option<&Ticket>,
) -> Result<Client, ApiError> {
    let audience = match ticket {
        Some(ticket) => ticket.server().as_str(),
        None => {
            form.get("audience").ok_or_else(|| ApiError::invalid_request("You must provide the issuedFor"))?
        }
    };
    let found = app.store.read(|tx| {
        let client = store::realm::client_by_client_id(tx, &place.realm.id, audience)?;
        let Some(client) = client.filter(|client| client.enabled) else { return Ok(None) };
        let settings = store::server::load(tx, &client.id)?;
        Ok(Some((client, settings.is_some())))
    })?;
    match found {
        Some((client, true)) => Ok(client),
        Some((_, false)) => Err(ApiError::invalid_request("Client does not support permissions")),
        None => Err(ApiError::invalid_request(format!("Unknown resource server id: [{audience}]"))),
    }
}
