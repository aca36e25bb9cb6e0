//! Issued RPTs and what a refresh re-issues (design §5).

mod narrow;

use std::collections::BTreeSet;

use countersign_core::{
    assessment::Pending,
    permission::{Claims, Permission},
    time::UnixTime,
};
use rusqlite::{OptionalExtension, Transaction, params};

pub(in crate::store) use self::narrow::{Holders, cut, invalidate, limit, narrow, narrow_scope};
use super::{
    Store, StoreError, Turn, audit,
    audit::Event,
    seconds,
    server::{self, Version},
    share,
};

/// Most resources that an RPT or a grant is listed under
const LISTED: usize = 16;

/// An RPT that is about to be issued
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRpt {
    /// Its `jti`
    pub jti: String,
    /// The realm's id
    pub realm_id: String,
    /// The resource server
    pub server_id: String,
    /// Internal id of the client that it is issued to
    pub client_id: String,
    /// Whose it is
    pub requester: String,
    /// The sign-in that it hangs on
    pub session_id: Option<String>,
    /// When it is issued
    pub issued_at: UnixTime,
    /// When it ends
    pub expires_at: UnixTime,
    /// What it permits
    pub permissions: Vec<Permission>,
    /// Its place in the realm's status list
    pub status_index: u64,
    /// A refresh token goes with it: id of its grant row and its end
    pub grant: Option<(String, UnixTime)>,
}

/// A ticket that is used up by a grant
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentTicket {
    /// Its `jti`
    pub jti: String,
    /// Until when the `jti` must be remembered
    pub expires_at: UnixTime,
}

/// What is asked of owners where nothing is granted
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The resource server
    pub server_id: String,
    /// Who asks
    pub requester: String,
    /// For what
    pub pending: Vec<Pending>,
    /// What the assessment was based on
    pub version: Version,
}

/// How a redemption went
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redemption {
    /// The RPT is recorded
    Recorded,
    /// Somebody was first: the ticket is spent
    Spent,
}

impl Store {
    /// Records an RPT, spends its ticket and stores what is still missing as requests: all or nothing.
    ///
    /// Fails with [`StoreError::Stale`] if what the assessment was based on has moved; with a turn nothing can have.
    pub async fn redeem(
        &self,
        turn: Option<Turn>,
        rpt: NewRpt,
        ticket: Option<SpentTicket>,
        pending: Vec<Pending>,
        version: Version,
        event: Event,
    ) -> Result<Redemption, StoreError> {
        let spends = ticket.is_some();
        let outcome = self
            .write_at(turn, move |tx| {
                server::check(tx, &rpt.server_id, version)?;
                if let Some(ticket) = ticket
                    && !use_up(tx, &ticket)?
                {
                    return Ok(Redemption::Spent);
                }
                if let Some((id, expires_at)) = &rpt.grant {
                    insert_grant(tx, &rpt, id, *expires_at)?;
                }
                insert_rpt(tx, &rpt)?;
                share::request(tx, &rpt.server_id, &rpt.requester, &pending, rpt.issued_at)?;
                audit::record(tx, &event.requester(&rpt.requester))?;
                Ok(Redemption::Recorded)
            })
            .await?;
        if outcome == Redemption::Recorded {
            self.measures().rpts.inc();
            if spends {
                self.measures().redeemed.inc();
            }
        }
        Ok(outcome)
    }

    /// Uses up a ticket that grants nothing, and stores what is asked of owners instead: both or nothing.
    ///
    /// Fails with [`StoreError::Stale`] if what the assessment was based on has moved; with a turn nothing can have.
    pub async fn spend(
        &self,
        turn: Option<Turn>,
        ticket: SpentTicket,
        asked: Option<Asked>,
        now: UnixTime,
    ) -> Result<Redemption, StoreError> {
        self.write_at(turn, move |tx| {
            if !use_up(tx, &ticket)? {
                return Ok(Redemption::Spent);
            }
            if let Some(Asked { server_id, requester, pending, version }) = asked {
                server::check(tx, &server_id, version)?;
                share::request(tx, &server_id, &requester, &pending, now)?;
            }
            Ok(Redemption::Recorded)
        })
        .await
    }

    /// Records the RPT that a refresh issues, if the grant still holds exactly these permissions
    pub async fn record_refreshed(
        &self,
        rpt: NewRpt,
        grant_id: String,
        event: Event,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            if held(tx, &grant_id, rpt.issued_at)? != rpt.permissions {
                return Err(StoreError::Stale);
            }
            insert_rpt(tx, &rpt)?;
            tx.prepare_cached("UPDATE rpt SET grant_id = ?2 WHERE jti = ?1")?
                .execute([rpt.jti.as_str(), grant_id.as_str()])?;
            audit::record(tx, &event.requester(&rpt.requester))
        })
        .await?;
        self.measures().refreshed.inc();
        Ok(())
    }

    /// What a grant still holds; nothing if it is gone
    pub fn held(&self, grant_id: &str, now: UnixTime) -> Result<Vec<Permission>, StoreError> {
        self.read(|tx| held(tx, grant_id, now))
    }

    /// Whether a ticket has been redeemed
    pub fn ticket_spent(&self, jti: &str) -> Result<bool, StoreError> {
        self.read(|tx| {
            let found = tx
                .prepare_cached("SELECT 1 FROM redeemed WHERE jti = ?1")?
                .query_row([jti], |_| Ok(()))
                .optional()?;
            Ok(found.is_some())
        })
    }

    /// Claims with which the RPT of this `jti` was decided; none if it was not issued here
    pub fn rpt_claims(&self, jti: &str) -> Result<Claims, StoreError> {
        let permissions = self.read(|tx| {
            let found: Option<String> = tx
                .prepare_cached("SELECT permissions FROM rpt WHERE jti = ?1")?
                .query_row([jti], |row| row.get(0))
                .optional()?;
            Ok(found.map(|text| serde_json::from_str::<Vec<Permission>>(&text)).transpose()?)
        })?;
        Ok(permissions.unwrap_or_default().into_iter().flat_map(|permission| permission.claims).collect())
    }

    /// Removes what time has ended: spent tickets, RPTs, grants and sessions, some of each a call
    pub async fn sweep(&self, now: UnixTime) -> Result<usize, StoreError> {
        self.write(move |tx| {
            let mut removed = 0_usize;
            for (table, key) in [
                ("redeemed", "jti"),
                ("rpt", "jti"),
                ("grant_row", "id"),
                ("session", "id"),
                ("refresh_use", "jti"),
                ("revoked", "jti"),
                ("authorization_code", "digest"),
                ("interaction", "digest"),
                ("gathered", "line"),
                ("pct", "digest"),
            ] {
                let sql = format!(
                    "DELETE FROM {table} WHERE {key} IN
                     (SELECT {key} FROM {table} WHERE expires_at < ?1 LIMIT 500)"
                );
                removed = removed.saturating_add(tx.prepare_cached(&sql)?.execute([seconds(now)])?);
            }
            for (table, which) in [("share", "state = 'granted'"), ("policy", "type = 'uma'")] {
                // What has ended gives nothing any more: only its room is won.
                let sql = format!(
                    "DELETE FROM {table} WHERE id IN
                     (SELECT id FROM {table} WHERE expires_at < ?1 AND {which} LIMIT 500)"
                );
                removed = removed.saturating_add(tx.prepare_cached(&sql)?.execute([seconds(now)])?);
            }
            removed = removed.saturating_add(super::sign_in::sweep(tx, now)?);
            removed = removed.saturating_add(super::key::sweep(tx, now)?);
            super::status::tend(tx)?;
            Ok(removed)
        })
        .await
    }
}

/// The resource server that the RPT of this `jti` is for; nothing if none was issued here
pub fn rpt_server(tx: &Transaction<'_>, jti: &str) -> Result<Option<String>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT server_id FROM rpt WHERE jti = ?1")?
        .query_row([jti], |row| row.get(0))
        .optional()?)
}

/// Uses a ticket up; false if that was done before
pub fn use_up(tx: &Transaction<'_>, ticket: &SpentTicket) -> Result<bool, StoreError> {
    let first = tx
        .prepare_cached("INSERT OR IGNORE INTO redeemed (jti, expires_at) VALUES (?1, ?2)")?
        .execute(params![ticket.jti, seconds(ticket.expires_at)])?;
    Ok(first == 1)
}

fn insert_grant(
    tx: &Transaction<'_>,
    rpt: &NewRpt,
    id: &str,
    expires_at: UnixTime,
) -> Result<(), StoreError> {
    let named = named(&rpt.permissions);
    tx.prepare_cached(
        "INSERT INTO grant_row (id, realm_id, server_id, client_id, requester, session_id, expires_at, permissions, wide)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        id,
        rpt.realm_id,
        rpt.server_id,
        rpt.client_id,
        rpt.requester,
        rpt.session_id,
        seconds(expires_at),
        serde_json::to_string(&rpt.permissions)?,
        is_wide(&named),
    ])?;
    if !is_wide(&named) {
        let sql = "INSERT INTO grant_resource (resource_id, grant_id) VALUES (?1, ?2)";
        named.iter().try_for_each(|resource| list(tx, sql, resource, id))?;
    }
    Ok(())
}

/// The resources that permissions name
fn named(permissions: &[Permission]) -> BTreeSet<&str> {
    permissions.iter().filter_map(|permission| Some(permission.rsid.as_ref()?.as_str())).collect()
}

/// Whether so many resources are named that they are not listed one by one: who looks for one looks into the document
fn is_wide(named: &BTreeSet<&str>) -> bool {
    named.len() > LISTED
}

fn list(tx: &Transaction<'_>, sql: &str, resource: &str, by: &str) -> Result<(), StoreError> {
    tx.prepare_cached(sql)?.execute([resource, by])?;
    Ok(())
}

/// What a grant still holds: what has ended by itself is gone
pub fn held(tx: &Transaction<'_>, grant_id: &str, now: UnixTime) -> Result<Vec<Permission>, StoreError> {
    let written: Option<String> = tx
        .prepare_cached("SELECT permissions FROM grant_row WHERE id = ?1")?
        .query_row([grant_id], |row| row.get(0))
        .optional()?;
    let mut permissions: Vec<Permission> = match written {
        Some(written) => serde_json::from_str(&written)?,
        None => Vec::new(),
    };
    permissions.retain(|permission| permission.is_live_at(now));
    Ok(permissions)
}

fn insert_rpt(tx: &Transaction<'_>, rpt: &NewRpt) -> Result<(), StoreError> {
    let named = named(&rpt.permissions);
    tx.prepare_cached(
        "INSERT INTO rpt (jti, realm_id, server_id, requester, grant_id, session_id, issued_at, expires_at, permissions,
                          client_id, status_index, wide)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        rpt.jti,
        rpt.realm_id,
        rpt.server_id,
        rpt.requester,
        rpt.grant.as_ref().map(|(id, _)| id),
        rpt.session_id,
        seconds(rpt.issued_at),
        seconds(rpt.expires_at),
        serde_json::to_string(&rpt.permissions)?,
        rpt.client_id,
        i64::try_from(rpt.status_index).unwrap_or(i64::MAX),
        is_wide(&named),
    ])
    .map_err(|error| {
        let error = error.into();
        // Another token has taken its place in the status list meanwhile: it is made again with another.
        if matches!(error, StoreError::Conflict(_)) { StoreError::Stale } else { error }
    })?;
    if !is_wide(&named) {
        let sql = "INSERT INTO rpt_resource (resource_id, jti) VALUES (?1, ?2)";
        named.iter().try_for_each(|resource| list(tx, sql, resource, &rpt.jti))?;
    }
    Ok(())
}
