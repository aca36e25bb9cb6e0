//! Issued RPTs and what a refresh re-issues; a withdrawal narrows both in its own transaction (design §5).

use countersign_core::{
    assessment::Pending,
    ids::ResourceId,
    permission::{Claims, Permission},
    scope::{Scope, ScopeSet},
    time::UnixTime,
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    Store, StoreError, Turn, audit,
    audit::Event,
    seconds,
    server::{self, Version},
    share,
};

/// Token Status List values of an RPT (design §5)
const INVALID: i64 = 1;
const NARROWED: i64 = 3;

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

/// Whose grants a withdrawal concerns
#[derive(Debug, Clone, Copy)]
pub enum Holders<'a> {
    /// Everybody's
    All,
    /// Those of one requester
    One(&'a str),
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

    /// The resource server that the RPT of this `jti` is for; nothing if none was issued here
    pub fn rpt_server(&self, jti: &str) -> Result<Option<String>, StoreError> {
        self.read(|tx| {
            Ok(tx
                .prepare_cached("SELECT server_id FROM rpt WHERE jti = ?1")?
                .query_row([jti], |row| row.get(0))
                .optional()?)
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
    tx.prepare_cached(
        "INSERT INTO grant_row (id, realm_id, server_id, client_id, requester, session_id, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id,
        rpt.realm_id,
        rpt.server_id,
        rpt.client_id,
        rpt.requester,
        rpt.session_id,
        seconds(expires_at),
    ])?;
    put_held(tx, id, &rpt.permissions)
}

fn put_held(tx: &Transaction<'_>, grant_id: &str, permissions: &[Permission]) -> Result<(), StoreError> {
    for (position, permission) in permissions.iter().enumerate() {
        tx.prepare_cached(
            "INSERT INTO grant_permission (grant_id, position, resource_id, permission) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            grant_id,
            i64::try_from(position).unwrap_or(i64::MAX),
            permission.rsid.as_ref().map(ResourceId::as_str),
            serde_json::to_string(permission)?,
        ])?;
    }
    Ok(())
}

/// What a grant still holds: what has ended by itself is gone
pub fn held(tx: &Transaction<'_>, grant_id: &str, now: UnixTime) -> Result<Vec<Permission>, StoreError> {
    let mut permissions = written(tx, grant_id)?;
    permissions.retain(|permission| permission.is_live_at(now));
    Ok(permissions)
}

fn written(tx: &Transaction<'_>, grant_id: &str) -> Result<Vec<Permission>, StoreError> {
    let mut statement =
        tx.prepare_cached("SELECT permission FROM grant_permission WHERE grant_id = ?1 ORDER BY position")?;
    let rows = statement.query_map([grant_id], |row| row.get::<_, String>(0))?;
    rows.map(|row| Ok(serde_json::from_str(&row?)?)).collect()
}

fn insert_rpt(tx: &Transaction<'_>, rpt: &NewRpt) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO rpt (jti, realm_id, server_id, requester, grant_id, session_id, issued_at, expires_at, permissions,
                          client_id, status_index)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
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
    ])
    .map_err(|error| {
        let error = error.into();
        // Another token has taken its place in the status list meanwhile: it is made again with another.
        if matches!(error, StoreError::Conflict(_)) { StoreError::Stale } else { error }
    })?;
    for resource in rpt.permissions.iter().filter_map(|permission| permission.rsid.as_ref()) {
        tx.prepare_cached("INSERT OR IGNORE INTO rpt_resource (resource_id, jti) VALUES (?1, ?2)")?
            .execute([resource.as_str(), &rpt.jti])?;
    }
    Ok(())
}

/// Takes a scope of a resource, or all of it, from live RPTs and grants.
///
/// What a holder still has by a granted share stays; what he has by another policy comes back with the next
/// exchange. Called after the change, in its transaction.
pub fn narrow(
    tx: &Transaction<'_>,
    resource_id: &str,
    scope: Option<&str>,
    holders: Holders<'_>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let only = match holders {
        Holders::All => None,
        Holders::One(requester) => Some(requester),
    };
    for (jti, requester, permissions) in live_rpts(tx, resource_id, only, now)? {
        let mut permissions: Vec<Permission> = serde_json::from_str(&permissions)?;
        if take(tx, &mut permissions, Some(resource_id), scope, &requester, now)? {
            put_narrowed(tx, &jti, &permissions)?;
        }
    }
    for (grant_id, requester) in live_grants(tx, resource_id, only, now)? {
        narrow_grant(tx, &grant_id, Some(resource_id), scope, &requester, now)?;
    }
    Ok(())
}

/// Takes a scope that a resource server no longer has from all live RPTs and grants there, whatever the resource
pub fn narrow_scope(
    tx: &Transaction<'_>,
    server_id: &str,
    scope: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    let rows = |sql: &str| -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = tx.prepare_cached(sql)?;
        let rows =
            statement.query_map(params![server_id, seconds(now)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    for (jti, requester) in rows("SELECT jti, requester FROM rpt WHERE server_id = ?1 AND expires_at >= ?2")?
    {
        let permissions: String = tx
            .prepare_cached("SELECT permissions FROM rpt WHERE jti = ?1")?
            .query_row([&jti], |row| row.get(0))?;
        let mut permissions: Vec<Permission> = serde_json::from_str(&permissions)?;
        if take(tx, &mut permissions, None, Some(scope), &requester, now)? {
            put_narrowed(tx, &jti, &permissions)?;
        }
    }
    for (grant_id, requester) in
        rows("SELECT id, requester FROM grant_row WHERE server_id = ?1 AND expires_at >= ?2")?
    {
        narrow_grant(tx, &grant_id, None, Some(scope), &requester, now)?;
    }
    Ok(())
}

fn put_narrowed(tx: &Transaction<'_>, jti: &str, permissions: &[Permission]) -> Result<(), StoreError> {
    let status = if permissions.is_empty() { INVALID } else { NARROWED };
    tx.prepare_cached("UPDATE rpt SET permissions = ?2, status = ?3 WHERE jti = ?1")?.execute(params![
        jti,
        serde_json::to_string(permissions)?,
        status
    ])?;
    Ok(())
}

fn narrow_grant(
    tx: &Transaction<'_>,
    grant_id: &str,
    resource_id: Option<&str>,
    scope: Option<&str>,
    requester: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    let mut permissions = written(tx, grant_id)?;
    if take(tx, &mut permissions, resource_id, scope, requester, now)? {
        replace_held(tx, grant_id, &permissions)?;
    }
    Ok(())
}

fn replace_held(tx: &Transaction<'_>, grant_id: &str, permissions: &[Permission]) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM grant_permission WHERE grant_id = ?1")?.execute([grant_id])?;
    put_held(tx, grant_id, permissions)
}

/// Ends a scope of a resource, or all of it, in live RPTs and grants at `end`: an RPT that says more is marked, so that
/// its guard asks again; a refresh gives no more than that.
pub fn limit(
    tx: &Transaction<'_>,
    resource_id: &str,
    scope: Option<&str>,
    holders: Holders<'_>,
    end: UnixTime,
    now: UnixTime,
) -> Result<(), StoreError> {
    let only = match holders {
        Holders::All => None,
        Holders::One(requester) => Some(requester),
    };
    let last = UnixTime(end.0.saturating_sub(1));
    let cut = |permissions: &mut Vec<Permission>| {
        let mut is_changed = false;
        for permission in permissions {
            let concerned = permission.rsid.as_ref().is_some_and(|id| id.as_str() == resource_id)
                && scope.is_none_or(|scope| permission.scopes.contains(scope));
            if concerned && permission.exp.is_none_or(|exp| last < exp) {
                permission.exp = Some(last);
                is_changed = true;
            }
        }
        is_changed
    };
    // An RPT that ends before is none the worse for it.
    for (jti, _, permissions) in live_rpts(tx, resource_id, only, end.max(now))? {
        let mut permissions: Vec<Permission> = serde_json::from_str(&permissions)?;
        if cut(&mut permissions) {
            put_narrowed(tx, &jti, &permissions)?;
        }
    }
    for (grant_id, _) in live_grants(tx, resource_id, only, now)? {
        let mut permissions = written(tx, &grant_id)?;
        if cut(&mut permissions) {
            replace_held(tx, &grant_id, &permissions)?;
        }
    }
    Ok(())
}

/// Ends what was issued for a resource server before a moment: RPTs are marked, grants without a newer RPT are gone
pub fn cut(
    tx: &Transaction<'_>,
    server_id: &str,
    not_before: UnixTime,
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE rpt SET permissions = '[]', status = ?4
         WHERE server_id = ?1 AND issued_at < ?2 AND expires_at >= ?3 AND status <> ?4",
    )?
    .execute(params![server_id, seconds(not_before), seconds(now), INVALID])?;
    tx.prepare_cached(
        "DELETE FROM grant_row WHERE server_id = ?1 AND NOT EXISTS (
             SELECT 1 FROM rpt WHERE rpt.grant_id = grant_row.id AND rpt.issued_at >= ?2)",
    )?
    .execute(params![server_id, seconds(not_before)])?;
    Ok(())
}

/// Takes everything from an RPT, if the token of this `jti` is one
pub(super) fn invalidate(tx: &Transaction<'_>, jti: &str) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE rpt SET permissions = '[]', status = ?2 WHERE jti = ?1")?
        .execute(params![jti, INVALID])?;
    Ok(())
}

fn live_rpts(
    tx: &Transaction<'_>,
    resource_id: &str,
    only: Option<&str>,
    now: UnixTime,
) -> Result<Vec<(String, String, String)>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT t.jti, t.requester, t.permissions FROM rpt_resource r JOIN rpt t ON t.jti = r.jti
         WHERE r.resource_id = ?1 AND t.expires_at >= ?3 AND (?2 IS NULL OR t.requester = ?2)",
    )?;
    let rows = statement.query_map(params![resource_id, only, seconds(now)], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn live_grants(
    tx: &Transaction<'_>,
    resource_id: &str,
    only: Option<&str>,
    now: UnixTime,
) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT g.id, g.requester FROM grant_permission p JOIN grant_row g ON g.id = p.grant_id
         WHERE p.resource_id = ?1 AND g.expires_at >= ?3 AND (?2 IS NULL OR g.requester = ?2)",
    )?;
    let rows = statement
        .query_map(params![resource_id, only, seconds(now)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes what is withdrawn from a list of permissions, on one resource or wherever the scope is; `true` if
/// anything was there
fn take(
    tx: &Transaction<'_>,
    permissions: &mut Vec<Permission>,
    resource_id: Option<&str>,
    scope: Option<&str>,
    requester: &str,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let before = permissions.clone();
    let mut kept = Vec::with_capacity(permissions.len());
    for mut permission in permissions.drain(..) {
        let on = permission.rsid.as_ref().map(ResourceId::as_str);
        let touched = match resource_id {
            Some(id) => on == Some(id),
            None => permission.scopes.iter().any(|held| scope == Some(held.as_str())),
        };
        if touched {
            let shared = |scope| on.map_or(Ok(false), |id| shared(tx, id, scope, requester, now));
            let had_scopes = !permission.scopes.is_empty();
            let mut scopes = ScopeSet::new();
            for held in &permission.scopes {
                let concerned = scope.is_none_or(|scope| scope == held.as_str());
                if !concerned || shared(Some(held))? {
                    scopes.insert(held.clone());
                }
            }
            let stays = if had_scopes { !scopes.is_empty() } else { shared(None)? };
            permission.scopes = scopes;
            if !stays {
                continue;
            }
        }
        kept.push(permission);
    }
    *permissions = kept;
    Ok(*permissions != before)
}

fn shared(
    tx: &Transaction<'_>,
    resource_id: &str,
    scope: Option<&Scope>,
    requester: &str,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT 1 FROM share h LEFT JOIN scope s ON s.id = h.scope_id
             WHERE h.resource_id = ?1 AND h.requester_kind = 'user' AND h.requester = ?2 AND h.state = 'granted'
               AND s.name IS ?3 AND (h.expires_at IS NULL OR h.expires_at > ?4)",
        )?
        .query_row(params![resource_id, requester, scope.map(Scope::as_str), seconds(now)], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}
