//! The RPT, as long as it may be, recorded in the transaction that spends its ticket.

use std::sync::Arc;

use countersign_core::{assessment::Pending, permission::Permission, time::UnixTime};

use super::{Asker, Failure, Grant, spent};
use crate::{
    app::App,
    error::ApiError,
    http::extract::InRealm,
    issue::{self, IssuedRpt, RptRequest},
    store::{
        self, StoreError, Turn,
        audit::Event,
        grant::{NewRpt, Redemption, SpentTicket},
        server::Version,
    },
};

/// What an assessment has granted
pub(super) struct Found {
    /// What is permitted
    pub(super) permissions: Vec<Permission>,
    /// What owners are asked for
    pub(super) pending: Vec<Pending>,
    /// What it was assessed from
    pub(super) version: Version,
}

/// The RPT and how many permissions it had no room for, recorded in the transaction that spends the ticket, at the
/// caller's turn if he has one
pub(super) async fn record(
    app: &Arc<App>,
    place: &InRealm,
    grant: &Grant,
    found: Found,
    turn: Option<Turn>,
    now: UnixTime,
) -> Result<(IssuedRpt, usize), Failure> {
    let Asker { client, session, party, .. } = &grant.asker;
    let Found { mut permissions, pending, version } = found;
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
    match app.store.redeem(turn, rpt, ticket, pending, version, event).await? {
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
