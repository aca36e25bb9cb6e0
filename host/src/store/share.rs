//! Shares and requests: one row for each resource, scope and requester (`keycloak-wire` §4).

mod list;

use countersign_core::{
    assessment::Pending,
    share::{Grantee, Share, ShareState, lifecycle::Stage},
    time::UnixTime,
};
use rusqlite::{OptionalExtension, Transaction, params};

pub use self::list::{ShareFilter, ShareRecord};
pub(super) use self::list::{load, of_requester, of_view};
use super::{
    Store, StoreError, Turn, audit,
    audit::Event,
    grant::{self, Asked, Holders},
    parse,
    policy::owners::OwnersPolicy,
    resource::ResourceRecord,
    seconds,
    server::{self, bump},
    time,
};

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

impl Store {
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

    /// Stores what an assessment turned into requests to owners, if it still stands; with a turn it does
    pub async fn submit(&self, turn: Option<Turn>, asked: Asked, now: UnixTime) -> Result<(), StoreError> {
        self.write_at(turn, move |tx| {
            let Asked { server_id, requester, pending, version } = asked;
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
