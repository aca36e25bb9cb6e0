//! Shares and requests: one row for each resource, scope and requester (`keycloak-wire` §4).

use countersign_core::{
    assessment::Pending,
    share::{Grantee, Share, ShareState, lifecycle::Stage},
    time::UnixTime,
};
use rusqlite::{OptionalExtension, Row, Transaction, params, params_from_iter, types::Value};

use super::{
    Store, StoreError, audit,
    audit::Event,
    grant::{self, Holders},
    parse,
    policy::owners::OwnersPolicy,
    resource::ResourceRecord,
    seconds,
    server::{self, Version, bump},
    time,
};

/// One stored share or request
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRecord {
    /// Its id
    pub id: String,
    /// The resource server it belongs to
    pub server_id: String,
    /// The resource
    pub resource_id: String,
    /// Name of the resource
    pub resource_name: String,
    /// The scope; absent for a resource without scopes
    pub scope_id: Option<String>,
    /// Name of the scope
    pub scope_name: Option<String>,
    /// Owner of the resource
    pub owner: String,
    /// Username of the owner, or the resource server's `client_id`
    pub owner_name: Option<String>,
    /// Who asked, or to whom it is given
    pub requester: String,
    /// Username of the requester
    pub requester_name: Option<String>,
    /// Whether the owner agreed
    pub granted: bool,
    /// When it ends by itself
    pub expires_at: Option<UnixTime>,
}

/// Which shares a list shows (`keycloak-wire` §4.4)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareFilter {
    /// Of this scope id
    pub scope: Option<String>,
    /// Of this resource id
    pub resource: Option<String>,
    /// Of this owner id
    pub owner: Option<String>,
    /// Of this requester id
    pub requester: Option<String>,
    /// Granted ones, or pending ones
    pub granted: Option<bool>,
    /// Only those in which this party is owner or requester
    pub party: Option<String>,
    /// So many are passed over
    pub first: u64,
    /// At most so many; absent for all
    pub max: Option<u64>,
}

/// A share to be made by an owner or a resource server
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewShare {
    /// The resource
    pub resource_id: String,
    /// Its owner
    pub owner: String,
    /// The scope
    pub scope_id: String,
    /// The user
    pub requester: String,
    /// Granted at once, or pending
    pub granted: bool,
    /// When it ends by itself
    pub expires_at: Option<UnixTime>,
}

/// The denied and the blocked are not shown (design §2), nor what has ended: `?` is the present moment
const SHOWN: &str =
    "(h.state = 'pending' OR h.state = 'granted' AND (h.expires_at IS NULL OR h.expires_at > ?))
     AND h.requester_kind = 'user'";

const COLUMNS: &str = "h.id, h.server_id, h.resource_id, r.name, h.scope_id, s.name, h.owner,
     coalesce((SELECT client_id FROM client WHERE id = h.owner), (SELECT username FROM user WHERE id = h.owner)),
     h.requester, (SELECT username FROM user WHERE id = h.requester), h.state, h.expires_at
     FROM share h JOIN resource r ON r.id = h.resource_id LEFT JOIN scope s ON s.id = h.scope_id";

impl Store {
    /// A share of this resource server that has not ended
    pub fn share(&self, server_id: &str, id: &str, now: UnixTime) -> Result<Option<ShareRecord>, StoreError> {
        self.read(|tx| load(tx, server_id, id, now))
    }

    /// Shares by filter, ordered by id
    pub fn shares(
        &self,
        server_id: &str,
        filter: &ShareFilter,
        now: UnixTime,
    ) -> Result<Vec<ShareRecord>, StoreError> {
        self.read(|tx| {
            let (conditions, mut values) = conditions(server_id, filter, now);
            let sql = format!("SELECT {COLUMNS} WHERE {conditions} ORDER BY h.id LIMIT ? OFFSET ?");
            values.push(filter.max.and_then(|max| i64::try_from(max).ok()).unwrap_or(-1).into());
            values.push(i64::try_from(filter.first).unwrap_or(i64::MAX).into());
            let mut statement = tx.prepare_cached(&sql)?;
            let shares = statement.query_map(params_from_iter(values), record)?;
            Ok(shares.collect::<Result<_, _>>()?)
        })
    }

    /// How many shares a filter finds
    pub fn count_shares(
        &self,
        server_id: &str,
        filter: &ShareFilter,
        now: UnixTime,
    ) -> Result<u64, StoreError> {
        self.read(|tx| {
            let (conditions, values) = conditions(server_id, filter, now);
            let mut statement =
                tx.prepare_cached(&format!("SELECT count(*) FROM share h WHERE {conditions}"))?;
            let count: i64 = statement.query_row(params_from_iter(values), |row| row.get(0))?;
            Ok(u64::try_from(count).unwrap_or(0))
        })
    }

    /// Makes a share. One that is there already is a [`StoreError::Conflict`].
    pub async fn create_share(
        &self,
        server_id: &str,
        new: NewShare,
        now: UnixTime,
        event: Event,
    ) -> Result<ShareRecord, StoreError> {
        let server_id = server_id.to_owned();
        self.write(move |tx| {
            let id = uuid::Uuid::new_v4().to_string();
            let key = (new.resource_id.as_str(), Some(new.scope_id.as_str()), new.requester.as_str());
            // A row that is not shown does not stand in the way of the owner.
            tx.prepare_cached(
                "DELETE FROM share WHERE resource_id = ?1 AND scope_id = ?2 AND requester_kind = 'user'
                 AND requester = ?3 AND (state IN ('denied', 'blocked') OR state = 'granted' AND expires_at <= ?4)",
            )?
            .execute(params![key.0, key.1, key.2, seconds(now)])?;
            let state = if new.granted { ShareState::Granted } else { ShareState::Pending };
            insert(tx, &server_id, &id, &new.owner, key, (state, new.expires_at), now)?;
            if new.granted {
                // What is shared is denied to others who have it by other ways (`keycloak-wire` §8.4).
                bump(tx, &server_id)?;
            }
            audit::record(tx, &event.resource(&server_id, &new.resource_id).requester(&new.requester))?;
            load(tx, &server_id, &id, now)?.ok_or(StoreError::Missing)
        })
        .await
    }

    /// The owner agrees, and says when it ends or leaves that as it is; nothing happens if he has done so already.
    /// A share that is gone is [`StoreError::Missing`].
    pub async fn approve_share(
        &self,
        share: &ShareRecord,
        end: Option<Option<UnixTime>>,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let (server_id, id) = (share.server_id.clone(), share.id.clone());
        self.write(move |tx| {
            let share = load(tx, &server_id, &id, now)?.ok_or(StoreError::Missing)?;
            let end = end.unwrap_or(share.expires_at);
            if share.granted {
                if end == share.expires_at {
                    return Ok(());
                }
                limit(tx, &share, end, now)?;
            } else {
                tx.prepare_cached(
                    "UPDATE share SET state = 'granted', granted_at = ?2, expires_at = ?3 WHERE id = ?1",
                )?
                .execute(params![share.id, seconds(now), end.map(seconds)])?;
                bump(tx, &server_id)?;
            }
            audit::record(tx, &event.resource(&server_id, &share.resource_id).requester(&share.requester))
        })
        .await
    }

    /// Takes a share or a request away: from now on it is as if it had never been.
    ///
    /// It is read again in the transaction: it may have been granted since the caller saw it.
    pub async fn withdraw_share(
        &self,
        share: &ShareRecord,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let (server_id, id) = (share.server_id.clone(), share.id.clone());
        self.write(move |tx| {
            let share = load(tx, &server_id, &id, now)?.ok_or(StoreError::Missing)?;
            withdraw(tx, &share, now)?;
            audit::record(tx, &event.resource(&server_id, &share.resource_id).requester(&share.requester))
        })
        .await
    }

    /// Stores what an assessment turned into requests to owners, if it still stands
    pub async fn submit(
        &self,
        server_id: &str,
        requester: &str,
        pending: Vec<Pending>,
        version: Version,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let (server_id, requester) = (server_id.to_owned(), requester.to_owned());
        self.write(move |tx| {
            server::check(tx, &server_id, version)?;
            request(tx, &server_id, &requester, &pending, now)
        })
        .await
    }
}

/// Since when somebody has a resource: its registration, or the last time that something of it was shared with him
pub fn since(tx: &Transaction<'_>, resource_id: &str, requester: &str) -> Result<UnixTime, StoreError> {
    let since: i64 = tx
        .prepare_cached(
            "SELECT max(r.created_at, ifnull((SELECT max(h.granted_at) FROM share h
                 WHERE h.resource_id = r.id AND h.requester_kind = 'user' AND h.requester = ?2
                   AND h.state = 'granted'), 0))
             FROM resource r WHERE r.id = ?1",
        )?
        .query_row([resource_id, requester], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    Ok(time(since))
}

/// Removes a share; what rests on it ends in the same transaction
pub(super) fn withdraw(tx: &Transaction<'_>, share: &ShareRecord, now: UnixTime) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM share WHERE id = ?1")?.execute([&share.id])?;
    if share.granted {
        let holders = Holders::One(&share.requester);
        grant::narrow(tx, &share.resource_id, share.scope_name.as_deref(), holders, now)?;
        bump(tx, &share.server_id)?;
    }
    Ok(())
}

/// Gives a granted share another end, or none; what was issued does not outlive a nearer one
pub(super) fn limit(
    tx: &Transaction<'_>,
    share: &ShareRecord,
    end: Option<UnixTime>,
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE share SET expires_at = ?2 WHERE id = ?1")?
        .execute(params![share.id, end.map(seconds)])?;
    if let Some(end) = end {
        let holders = Holders::One(&share.requester);
        grant::limit(tx, &share.resource_id, share.scope_name.as_deref(), holders, end, now)?;
    }
    bump(tx, &share.server_id)
}

/// Stores requests; one that was denied is pending again, one that was blocked stays so (design §2)
pub(super) fn request(
    tx: &Transaction<'_>,
    server_id: &str,
    requester: &str,
    pending: &[Pending],
    now: UnixTime,
) -> Result<(), StoreError> {
    for asked in pending {
        let resource = asked.resource.as_str();
        let owner: Option<String> = tx
            .prepare_cached("SELECT owner FROM resource WHERE id = ?1 AND server_id = ?2")?
            .query_row([resource, server_id], |row| row.get(0))
            .optional()?;
        let Some(owner) = owner else { continue };
        let mut news =
            asked.scopes.is_empty() && ask(tx, server_id, &owner, (resource, None, requester), now)?;
        for scope in &asked.scopes {
            let scope: Option<String> = tx
                .prepare_cached("SELECT id FROM scope WHERE server_id = ?1 AND name = ?2")?
                .query_row([server_id, scope.as_str()], |row| row.get(0))
                .optional()?;
            if let Some(scope) = scope {
                news |= ask(tx, server_id, &owner, (resource, Some(&scope), requester), now)?;
            }
        }
        if news {
            let realm_id: String = tx
                .prepare_cached("SELECT realm_id FROM client WHERE id = ?1")?
                .query_row([server_id], |row| row.get(0))?;
            let event = Event::new("share.requested", &realm_id, requester, now);
            audit::record(tx, &event.resource(server_id, resource).requester(requester))?;
        }
    }
    Ok(())
}

/// Grants a scope to the requester of a view, over a row of any state
pub(super) fn put_granted(
    tx: &Transaction<'_>,
    server_id: &str,
    view: &OwnersPolicy,
    scope_id: &str,
    requester: &str,
    end: Option<UnixTime>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let key = (view.resource_id.as_str(), Some(scope_id), requester);
    tx.prepare_cached(
        "DELETE FROM share WHERE resource_id = ?1 AND scope_id = ?2 AND requester_kind = 'user' AND requester = ?3",
    )?
    .execute(params![key.0, key.1, key.2])?;
    let id = uuid::Uuid::new_v4().to_string();
    insert(tx, server_id, &id, &view.owner, key, (ShareState::Granted, end), now)
}

/// Grants a scope to somebody, over a row of any state; false if he has it already
pub(super) fn grant(
    tx: &Transaction<'_>,
    resource: &ResourceRecord,
    scope_id: &str,
    requester: &str,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let key = (resource.id.as_str(), Some(scope_id), requester);
    let known: Option<(String, bool)> = tx
        .prepare_cached(
            "SELECT id, state = 'granted' AND (expires_at IS NULL OR expires_at > ?4) FROM share
             WHERE resource_id = ?1 AND scope_id = ?2 AND requester_kind = 'user' AND requester = ?3",
        )?
        .query_row(params![key.0, key.1, key.2, seconds(now)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match known {
        Some((_, true)) => return Ok(false),
        Some((id, false)) => {
            tx.prepare_cached(
                "UPDATE share SET state = 'granted', granted_at = ?2, expires_at = NULL WHERE id = ?1",
            )?
            .execute(params![id, seconds(now)])?;
        }
        None => {
            let id = uuid::Uuid::new_v4().to_string();
            insert(tx, &resource.server_id, &id, &resource.owner, key, (ShareState::Granted, None), now)?;
        }
    }
    // What is shared is denied to others who have it by other ways (`keycloak-wire` §8.4).
    bump(tx, &resource.server_id)?;
    Ok(true)
}

type Key<'a> = (&'a str, Option<&'a str>, &'a str);

/// Stores one request; whether there was none before
fn ask(
    tx: &Transaction<'_>,
    server_id: &str,
    owner: &str,
    key: Key<'_>,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let known: Option<(String, String, Option<i64>)> = tx
        .prepare_cached(
            "SELECT id, state, expires_at FROM share
             WHERE resource_id = ?1 AND ifnull(scope_id, '') = ifnull(?2, '')
               AND requester_kind = 'user' AND requester = ?3",
        )?
        .query_row(params![key.0, key.1, key.2], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((id, state, expires_at)) = known else {
        let id = uuid::Uuid::new_v4().to_string();
        insert(tx, server_id, &id, owner, key, (ShareState::Pending, None), now)?;
        return Ok(true);
    };
    let share = Share {
        id: parse(&id)?,
        resource: parse(key.0)?,
        // Its scope is the one that it was found by, and says nothing of what may become of it.
        scope: None,
        requester: Grantee::User(parse(key.2)?),
        state: ShareState::from_name(&state).unwrap_or(ShareState::Blocked),
        expires_at: expires_at.map(time),
        parent: None,
    };
    let Some(again) = Stage::at(share, now).asked_again() else { return Ok(false) };
    tx.prepare_cached("UPDATE share SET state = ?2, expires_at = NULL WHERE id = ?1")?
        .execute([id.as_str(), again.share().state.as_str()])?;
    Ok(true)
}

fn insert(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    owner: &str,
    key: Key<'_>,
    (state, end): (ShareState, Option<UnixTime>),
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO share (id, server_id, resource_id, scope_id, requester, owner, state, view_id, created_at,
                            granted_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,
                 ifnull((SELECT view_id FROM share WHERE resource_id = ?3 AND requester_kind = 'user'
                         AND requester = ?5 LIMIT 1), ?8),
                 ?9, CASE ?7 WHEN 'granted' THEN ?9 END, ?10)",
    )?
    .execute(params![
        id,
        server_id,
        key.0,
        key.1,
        key.2,
        owner,
        state.as_str(),
        uuid::Uuid::new_v4().to_string(),
        seconds(now),
        end.map(seconds),
    ])?;
    Ok(())
}

pub(super) fn load(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    now: UnixTime,
) -> Result<Option<ShareRecord>, StoreError> {
    Ok(tx
        .prepare_cached(&format!("SELECT {COLUMNS} WHERE h.id = ? AND h.server_id = ? AND {SHOWN}"))?
        .query_row(params![id, server_id, seconds(now)], record)
        .optional()?)
}

/// What somebody has, or has asked for, of a resource
pub(super) fn of_requester(
    tx: &Transaction<'_>,
    resource_id: &str,
    requester: &str,
    now: UnixTime,
) -> Result<Vec<ShareRecord>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} WHERE h.resource_id = ? AND h.requester = ? AND {SHOWN} ORDER BY h.id");
    let mut statement = tx.prepare_cached(&sql)?;
    let shares = statement.query_map(params![resource_id, requester, seconds(now)], record)?;
    Ok(shares.collect::<Result<_, _>>()?)
}

/// The granted shares that one `uma` policy shows (design §2)
pub(super) fn of_view(
    tx: &Transaction<'_>,
    server_id: &str,
    view_id: &str,
    now: UnixTime,
) -> Result<Vec<ShareRecord>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE h.view_id = ? AND h.server_id = ? AND h.state = 'granted' AND {SHOWN} ORDER BY h.id"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let shares = statement.query_map(params![view_id, server_id, seconds(now)], record)?;
    Ok(shares.collect::<Result<_, _>>()?)
}

fn record(row: &Row<'_>) -> rusqlite::Result<ShareRecord> {
    let state: String = row.get(10)?;
    Ok(ShareRecord {
        id: row.get(0)?,
        server_id: row.get(1)?,
        resource_id: row.get(2)?,
        resource_name: row.get(3)?,
        scope_id: row.get(4)?,
        scope_name: row.get(5)?,
        owner: row.get(6)?,
        owner_name: row.get(7)?,
        requester: row.get(8)?,
        requester_name: row.get(9)?,
        granted: state == ShareState::Granted.as_str(),
        expires_at: row.get::<_, Option<i64>>(11)?.map(time),
    })
}

fn conditions(server_id: &str, filter: &ShareFilter, now: UnixTime) -> (String, Vec<Value>) {
    let mut sql = format!("h.server_id = ? AND {SHOWN}");
    let mut values: Vec<Value> = vec![server_id.to_owned().into(), seconds(now).into()];
    let equal = [
        (" AND h.scope_id = ?", &filter.scope),
        (" AND h.resource_id = ?", &filter.resource),
        (" AND h.owner = ?", &filter.owner),
        (" AND h.requester = ?", &filter.requester),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.clone().into());
        }
    }
    if let Some(party) = &filter.party {
        sql.push_str(" AND (h.owner = ? OR h.requester = ?)");
        values.extend([party.clone().into(), party.clone().into()]);
    }
    if let Some(granted) = filter.granted {
        sql.push_str(" AND h.state = ?");
        let state = if granted { ShareState::Granted } else { ShareState::Pending };
        values.push(state.as_str().to_owned().into());
    }
    (sql, values)
}
