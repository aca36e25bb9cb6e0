//! The next ticket of a line, and for which scopes a client counts.

use countersign_core::{scope::ScopeSet, ticket::RedeemedTicket, time::UnixTime};
use uuid::Uuid;

use crate::{app::App, error::ApiError, http::extract::InRealm, issue::Scopes, realm::Client};

/// The successor of a ticket that is used up, for this client; none where the line has gone on for too long
pub(in crate::http) fn successor(
    app: &App,
    place: &InRealm,
    client: &Client,
    ticket: &RedeemedTicket,
    server: &str,
    interval: u64,
    now: UnixTime,
) -> Result<Option<String>, ApiError> {
    let id = format!("{}-{}000", Uuid::new_v4(), now.0).parse().map_err(|_| ApiError::server_error())?;
    let client = client.client_id.parse().map_err(|_| ApiError::server_error())?;
    match ticket.successor(id, &client, &place.issuer, server, interval, now) {
        Ok(next) => Ok(Some(app.sign_ticket(&place.realm, &next)?)),
        Err(_) => Ok(None),
    }
}

/// Scopes that a client is registered for: those of its own lists, else of the realm's (Grant §3.3.1)
pub(in crate::http) fn registered(place: &InRealm, client: &Client) -> ScopeSet {
    Scopes::registered(&place.realm, client).into_iter().filter_map(|name| name.parse().ok()).collect()
}
