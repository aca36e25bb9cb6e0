//! What a withdrawal, an end or a cut-off takes from RPTs and grants that live, in the transaction of the change itself
//! (design §5).

use countersign_core::{
    ids::ResourceId,
    permission::Permission,
    scope::{Scope, ScopeSet},
    time::UnixTime,
};
use rusqlite::{OptionalExtension as _, ToSql, Transaction, params};

use super::super::{StoreError, seconds};

/// Token Status List values of an RPT (design §5)
const INVALID: i64 = 1;
const NARROWED: i64 = 3;

/// Whose grants a withdrawal concerns
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Holders<'a> {
    /// Everybody's
    All,
    /// Those of one requester
    One(&'a str),
}

/// What a withdrawal takes: a scope, or all of a resource
#[derive(Clone, Copy)]
struct Withdrawn<'a> {
    /// Absent: on every resource that has the scope
    resource_id: Option<&'a str>,
    /// Absent: all of them
    scope: Option<&'a str>,
    now: UnixTime,
}

/// Takes a scope of a resource, or all of it, from live RPTs and grants.
///
/// What a holder still has by a granted share stays; what he has by another policy comes back with the next
/// exchange. Called after the change, in its transaction.
pub(in crate::store) fn narrow(
    tx: &Transaction<'_>,
    resource_id: &str,
    scope: Option<&str>,
    holders: Holders<'_>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let withdrawn = Withdrawn { resource_id: Some(resource_id), scope, now };
    Live::of_resource(tx, resource_id, holders, now, now)?
        .change(tx, |permissions, requester| withdrawn.take(tx, permissions, requester))
}

/// Takes a scope that a resource server no longer has from all live RPTs and grants there, whatever the resource
pub(in crate::store) fn narrow_scope(
    tx: &Transaction<'_>,
    server_id: &str,
    scope: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    let withdrawn = Withdrawn { resource_id: None, scope: Some(scope), now };
    Live::of_server(tx, server_id, now)?
        .change(tx, |permissions, requester| withdrawn.take(tx, permissions, requester))
}

/// Ends a scope of a resource, or all of it, in live RPTs and grants at `end`: an RPT that says more is marked, so that
/// its guard asks again; a refresh gives no more than that.
pub(in crate::store) fn limit(
    tx: &Transaction<'_>,
    resource_id: &str,
    scope: Option<&str>,
    holders: Holders<'_>,
    end: UnixTime,
    now: UnixTime,
) -> Result<(), StoreError> {
    let last = UnixTime(end.0.saturating_sub(1));
    // An RPT that ends before is none the worse for it.
    Live::of_resource(tx, resource_id, holders, end.max(now), now)?.change(tx, |permissions, _| {
        let mut is_changed = false;
        for permission in permissions {
            let concerned = permission.rsid.as_ref().is_some_and(|id| id.as_str() == resource_id)
                && scope.is_none_or(|scope| permission.scopes.contains(scope));
            if concerned && permission.exp.is_none_or(|exp| last < exp) {
                permission.exp = Some(last);
                is_changed = true;
            }
        }
        Ok(is_changed)
    })
}

/// Ends what was issued for a resource server before a moment: RPTs are marked, grants without a newer RPT are gone
pub(in crate::store) fn cut(
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
pub(in crate::store) fn invalidate(tx: &Transaction<'_>, jti: &str) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE rpt SET permissions = '[]', status = ?2 WHERE jti = ?1")?
        .execute(params![jti, INVALID])?;
    Ok(())
}

/// RPTs and grants that a change may concern, each with its requester
struct Live {
    rpts: Vec<(String, String)>,
    grants: Vec<(String, String)>,
}

impl Live {
    /// Those that name a resource; of RPTs the ones that live at `since` still
    fn of_resource(
        tx: &Transaction<'_>,
        resource_id: &str,
        holders: Holders<'_>,
        since: UnixTime,
        now: UnixTime,
    ) -> Result<Self, StoreError> {
        let only = match holders {
            Holders::All => None,
            Holders::One(requester) => Some(requester),
        };
        let rpts = "SELECT t.jti, t.requester FROM rpt_resource r JOIN rpt t ON t.jti = r.jti
                    WHERE r.resource_id = ?1 AND t.expires_at >= ?3 AND (?2 IS NULL OR t.requester = ?2)
                    UNION ALL SELECT jti, requester FROM rpt
                    WHERE wide = 1 AND expires_at >= ?3 AND (?2 IS NULL OR requester = ?2)
                      AND instr(permissions, ?4) > 0";
        let grants = "SELECT g.id, g.requester FROM grant_resource r JOIN grant_row g ON g.id = r.grant_id
                      WHERE r.resource_id = ?1 AND g.expires_at >= ?3 AND (?2 IS NULL OR g.requester = ?2)
                      UNION ALL SELECT id, requester FROM grant_row
                      WHERE wide = 1 AND expires_at >= ?3 AND (?2 IS NULL OR requester = ?2)
                        AND instr(permissions, ?4) > 0";
        let written = serde_json::to_string(resource_id)?;
        Ok(Self {
            rpts: pairs(tx, rpts, params![resource_id, only, seconds(since), written])?,
            grants: pairs(tx, grants, params![resource_id, only, seconds(now), written])?,
        })
    }

    /// All of a resource server
    fn of_server(tx: &Transaction<'_>, server_id: &str, now: UnixTime) -> Result<Self, StoreError> {
        let rpts = "SELECT jti, requester FROM rpt WHERE server_id = ?1 AND expires_at >= ?2";
        let grants = "SELECT id, requester FROM grant_row WHERE server_id = ?1 AND expires_at >= ?2";
        Ok(Self {
            rpts: pairs(tx, rpts, params![server_id, seconds(now)])?,
            grants: pairs(tx, grants, params![server_id, seconds(now)])?,
        })
    }

    /// Changes what each of them holds; `change` is told whose it is, and says whether it did anything
    fn change(
        self,
        tx: &Transaction<'_>,
        change: impl Fn(&mut Vec<Permission>, &str) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let changed = |sql: &str, id: &str, requester: &str| -> Result<_, StoreError> {
            let before: String = tx.prepare_cached(sql)?.query_row([id], |row| row.get(0))?;
            let mut permissions = serde_json::from_str(&before)?;
            Ok(change(&mut permissions, requester)?.then_some(permissions))
        };
        for (jti, requester) in self.rpts {
            if let Some(permissions) =
                changed("SELECT permissions FROM rpt WHERE jti = ?1", &jti, &requester)?
            {
                put_narrowed(tx, &jti, &permissions)?;
            }
        }
        for (id, requester) in self.grants {
            if let Some(permissions) =
                changed("SELECT permissions FROM grant_row WHERE id = ?1", &id, &requester)?
            {
                tx.prepare_cached("UPDATE grant_row SET permissions = ?2 WHERE id = ?1")?
                    .execute([&id, &serde_json::to_string(&permissions)?])?;
            }
        }
        Ok(())
    }
}

fn pairs(
    tx: &Transaction<'_>,
    sql: &str,
    parameters: &[&dyn ToSql],
) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
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

impl Withdrawn<'_> {
    /// Takes it from what somebody holds; `true` if anything was there
    fn take(
        self,
        tx: &Transaction<'_>,
        permissions: &mut Vec<Permission>,
        requester: &str,
    ) -> Result<bool, StoreError> {
        let before = permissions.clone();
        let mut kept = Vec::with_capacity(permissions.len());
        for mut permission in permissions.drain(..) {
            let on = permission.rsid.as_ref().map(ResourceId::as_str);
            let touched = match self.resource_id {
                Some(id) => on == Some(id),
                None => permission.scopes.iter().any(|held| self.scope == Some(held.as_str())),
            };
            if touched {
                let shared = |scope| on.map_or(Ok(false), |id| shared(tx, id, scope, requester, self.now));
                let had_scopes = !permission.scopes.is_empty();
                let mut scopes = ScopeSet::new();
                for held in &permission.scopes {
                    let concerned = self.scope.is_none_or(|scope| scope == held.as_str());
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
