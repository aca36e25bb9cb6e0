//! What people see and change of their own: their resources, whom these are shared with, what is shared with them
//! (`keycloak-wire` §10).
//!
//! Every list is read in pages along an index: after an entry, or behind so many. Which index is said: without statistics
//! SQLite takes one that it has to sort by.

use std::collections::BTreeSet;

use countersign_core::{share::ShareState, time::UnixTime};
use rusqlite::{OptionalExtension as _, Params, Transaction, params};

use super::{
    Part, Store, StoreError, audit,
    audit::Event,
    resource::{self, ResourceRecord, ScopeRecord, containing},
    seconds, share, user,
};
use crate::realm::User;

/// A resource with some of its scopes: those that are granted, or asked for
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The resource
    pub resource: ResourceRecord,
    /// The scopes
    pub scopes: Vec<ScopeRecord>,
}

/// Somebody with scopes of one resource
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who
    pub user: User,
    /// Names of the scopes
    pub scopes: Vec<String>,
}

/// What one person is to have of a resource: nothing else stays
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Under which id he asks
    pub requester: String,
    /// Ids of the scopes
    pub scopes: BTreeSet<String>,
}

const OWNED: &str =
    "SELECT id FROM resource INDEXED BY resource_owner_name WHERE owner = ?1 AND (name, id) > (?2, ?3)
     AND (?4 IS NULL OR name LIKE ?4 ESCAPE '\\') ORDER BY name, id LIMIT ?5 OFFSET ?6";

const SHARED_WITH: &str = "SELECT DISTINCT h.resource_id FROM share h INDEXED BY share_with
     WHERE h.requester = ?1 AND h.state = 'granted' AND h.resource_id > ?2 AND h.requester_kind = 'user'
       AND (h.expires_at IS NULL OR h.expires_at > ?6)
       AND (?3 IS NULL OR EXISTS (SELECT 1 FROM resource r WHERE r.id = h.resource_id AND r.name LIKE ?3 ESCAPE '\\'))
     ORDER BY h.resource_id LIMIT ?4 OFFSET ?5";

const SHARED_BY: &str = "SELECT DISTINCT resource_id FROM share INDEXED BY share_owner
     WHERE owner = ?1 AND state = 'granted' AND resource_id > ?2 AND requester_kind = 'user'
       AND (expires_at IS NULL OR expires_at > ?5)
     ORDER BY resource_id LIMIT ?3 OFFSET ?4";

const ASKED_FOR: &str = "SELECT resource_id, scope_id FROM share INDEXED BY share_with
     WHERE requester = ?1 AND state = 'pending' AND requester_kind = 'user' AND resource_id > ?2
     ORDER BY resource_id, id LIMIT ?3 OFFSET ?4";

const HOLDERS: &str = "SELECT DISTINCT requester FROM share INDEXED BY share_key
     WHERE resource_id = ?1 AND requester_kind = 'user' AND requester > ?2 AND state = ?3
       AND (expires_at IS NULL OR expires_at > ?6 OR state <> 'granted')
     ORDER BY requester LIMIT ?4 OFFSET ?5";

const SCOPES: &str =
    "SELECT s.id, s.name, s.display_name, s.icon_uri FROM share h JOIN scope s ON s.id = h.scope_id
     WHERE h.resource_id = ?1 AND h.requester_kind = 'user' AND h.requester = ?2 AND h.state = ?3
       AND (h.expires_at IS NULL OR h.expires_at > ?4 OR h.state <> 'granted')
     ORDER BY s.name";

fn ids(tx: &Transaction<'_>, sql: &str, values: impl Params) -> Result<Vec<String>, StoreError> {
    let mut statement = tx.prepare_cached(sql)?;
    Ok(statement.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// A resource of any resource server of a realm
pub fn resource_of(
    tx: &Transaction<'_>,
    realm_id: &str,
    id: &str,
) -> Result<Option<ResourceRecord>, StoreError> {
    let server: Option<String> = tx
        .prepare_cached(
            "SELECT r.server_id FROM resource r JOIN client c ON c.id = r.server_id
             WHERE r.id = ?1 AND c.realm_id = ?2",
        )?
        .query_row([id, realm_id], |row| row.get(0))
        .optional()?;
    server.map(|server| resource::load(tx, &server, id)).transpose().map(Option::flatten)
}

fn loaded(tx: &Transaction<'_>, realm_id: &str, ids: &[String]) -> Result<Vec<ResourceRecord>, StoreError> {
    ids.iter().filter_map(|id| resource_of(tx, realm_id, id).transpose()).collect()
}

/// Resources that somebody owns, by name; `name` is part of it
pub fn owned(
    tx: &Transaction<'_>,
    realm_id: &str,
    owner: &str,
    name: Option<&str>,
    part: Part<'_>,
) -> Result<Vec<ResourceRecord>, StoreError> {
    let after: Option<(String, String)> = match &part.after {
        None => None,
        Some(after) => tx
            .prepare_cached("SELECT name, id FROM resource WHERE id = ?1 AND owner = ?2")?
            .query_row([after, owner], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
    };
    let offset = part.offset(after.is_some());
    let (after_name, after_id) = after.unwrap_or_default();
    let values = params![owner, after_name, after_id, name.map(containing), part.max, offset];
    let found = ids(tx, OWNED, values)?;
    loaded(tx, realm_id, &found)
}

/// Resources that are shared with somebody, with what he may do there; `name` is part of theirs
pub fn shared_with(
    tx: &Transaction<'_>,
    realm_id: &str,
    requester: &str,
    name: Option<&str>,
    part: Part<'_>,
    now: UnixTime,
) -> Result<Vec<Received>, StoreError> {
    let (after, offset) = part.after_id();
    let values = params![requester, after, name.map(containing), part.max, offset, seconds(now)];
    let found = ids(tx, SHARED_WITH, values)?;
    let resources = loaded(tx, realm_id, &found)?.into_iter();
    let received = resources.map(|resource| {
        let scopes = scopes_of(tx, &resource.id, requester, ShareState::Granted, now)?;
        Ok(Received { resource, scopes })
    });
    received.collect()
}

/// Resources of an owner that somebody else may use
pub fn shared_by(
    tx: &Transaction<'_>,
    realm_id: &str,
    owner: &str,
    part: Part<'_>,
    now: UnixTime,
) -> Result<Vec<ResourceRecord>, StoreError> {
    let (after, offset) = part.after_id();
    let found = ids(tx, SHARED_BY, params![owner, after, part.max, offset, seconds(now)])?;
    loaded(tx, realm_id, &found)
}

/// What somebody has asked for and nobody has answered, one entry a scope
pub fn asked_for(
    tx: &Transaction<'_>,
    realm_id: &str,
    requester: &str,
    part: Part<'_>,
) -> Result<Vec<Received>, StoreError> {
    // A page may end within a resource: its entries are passed over by number.
    let offset = part.offset(false);
    let mut statement = tx.prepare_cached(ASKED_FOR)?;
    let rows = statement.query_map(params![requester, "", part.max, offset], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
    })?;
    let mut asked = Vec::new();
    for row in rows {
        let (id, scope) = row?;
        let Some(resource) = resource_of(tx, realm_id, &id)? else { continue };
        let scopes = resource.scopes.iter().filter(|known| Some(&known.id) == scope.as_ref()).cloned();
        let scopes = scopes.collect();
        asked.push(Received { resource, scopes });
    }
    Ok(asked)
}

/// Who has, or has asked for, scopes of a resource
pub fn holders(
    tx: &Transaction<'_>,
    realm_id: &str,
    resource_id: &str,
    state: ShareState,
    part: Part<'_>,
    now: UnixTime,
) -> Result<Vec<Holder>, StoreError> {
    let (after, offset) = part.after_id();
    let values = params![resource_id, after, state.as_str(), part.max, offset, seconds(now)];
    let mut holders = Vec::new();
    for requester in ids(tx, HOLDERS, values)? {
        let Some(user) = person(tx, realm_id, &requester)? else { continue };
        let scopes = scopes_of(tx, resource_id, &requester, state, now)?;
        holders.push(Holder { user, scopes: scopes.into_iter().map(|scope| scope.name).collect() });
    }
    Ok(holders)
}

/// The account that asks under this id
fn person(tx: &Transaction<'_>, realm_id: &str, requester: &str) -> Result<Option<User>, StoreError> {
    match user::by_id(tx, realm_id, requester)? {
        Some(user) => Ok(Some(user)),
        None => user::service_account(tx, realm_id, requester),
    }
}

fn scopes_of(
    tx: &Transaction<'_>,
    resource_id: &str,
    requester: &str,
    state: ShareState,
    now: UnixTime,
) -> Result<Vec<ScopeRecord>, StoreError> {
    let mut statement = tx.prepare_cached(SCOPES)?;
    let rows = statement.query_map(params![resource_id, requester, state.as_str(), seconds(now)], |row| {
        Ok(ScopeRecord {
            id: row.get(0)?,
            name: row.get(1)?,
            display_name: row.get(2)?,
            icon_uri: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether somebody has, or has asked for, anything of a resource
pub fn takes_part(tx: &Transaction<'_>, resource_id: &str, requester: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM share WHERE resource_id = ?1 AND requester_kind = 'user' AND requester = ?2
               AND state IN ('pending', 'granted')";
    Ok(tx.prepare_cached(sql)?.exists([resource_id, requester])?)
}

impl Store {
    /// Gives each of these people exactly what is listed for them: what they have or have asked for beyond it goes,
    /// with everything that rests on it; others keep theirs (`keycloak-wire` §10.3).
    ///
    /// [`StoreError::Missing`] if the resource or one of the scopes is gone meanwhile, or belongs to somebody else.
    pub async fn put_shares(
        &self,
        resource: &ResourceRecord,
        wanted: Vec<Wanted>,
        now: UnixTime,
        event: impl Fn(&'static str) -> Event + Send + 'static,
    ) -> Result<(), StoreError> {
        let (server_id, id, owner) =
            (resource.server_id.clone(), resource.id.clone(), resource.owner.clone());
        self.write(move |tx| {
            let resource = resource::load(tx, &server_id, &id)?.ok_or(StoreError::Missing)?;
            if resource.owner != owner {
                return Err(StoreError::Missing);
            }
            for one in &wanted {
                if !one.scopes.iter().all(|scope| resource.scopes.iter().any(|known| known.id == *scope)) {
                    return Err(StoreError::Missing);
                }
                put(tx, &resource, one, now, &event)?;
            }
            Ok(())
        })
        .await
    }
}

fn put(
    tx: &Transaction<'_>,
    resource: &ResourceRecord,
    wanted: &Wanted,
    now: UnixTime,
    event: &impl Fn(&'static str) -> Event,
) -> Result<(), StoreError> {
    let requester = wanted.requester.as_str();
    let record = |name| {
        audit::record(tx, &event(name).resource(&resource.server_id, &resource.id).requester(requester))
    };
    for held in share::of_requester(tx, &resource.id, requester, now)? {
        let stays = held.scope_id.as_ref().is_some_and(|scope| wanted.scopes.contains(scope));
        if !stays {
            share::withdraw(tx, &held, now)?;
            record("share.withdrawn")?;
        }
    }
    for scope in &wanted.scopes {
        if share::grant(tx, resource, scope, requester, now)? {
            record("share.granted")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{TempStore, assert_indexed};

    #[test]
    fn lists_go_along_an_index() {
        let temp = TempStore::new();
        for sql in [OWNED, SHARED_WITH, SHARED_BY, ASKED_FOR, HOLDERS] {
            assert_indexed(&temp.store, sql);
        }
    }
}
