//! Events of people, clients and administrators, where a realm keeps them (`admin-surface` §9).

use std::collections::BTreeMap;

use rusqlite::{Transaction, params, params_from_iter, types::Value as Sql};
use serde_json::Value;

use super::{Part, StoreError, document, new_id};
use crate::{
    realm::Realm,
    representation::event::{AdminEventRepresentation, EventRepresentation, USUAL_EVENTS},
};

/// Something that a person or a client did
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewEvent {
    /// Milliseconds since 1970
    pub at: u64,
    /// `LOGIN`, `LOGIN_ERROR`, …
    pub kind: String,
    /// As the client named itself
    pub client_id: Option<String>,
    /// Who
    pub user_id: Option<String>,
    /// `sid`
    pub session_id: Option<String>,
    /// From where
    pub address: Option<String>,
    /// What went wrong
    pub error: Option<String>,
    /// More; never a secret or a token
    pub details: BTreeMap<String, String>,
}

/// Whether the realm keeps events of this type
pub fn is_kept(realm: &Realm, kind: &str) -> bool {
    let settings = &realm.settings;
    let types = &settings.enabled_event_types;
    settings.events_enabled
        && if types.is_empty() {
            USUAL_EVENTS.contains(&kind)
        } else {
            types.iter().any(|known| known == kind)
        }
}

/// Stores an event, if the realm keeps those of its type
pub fn record(tx: &Transaction<'_>, realm: &Realm, event: &NewEvent) -> Result<(), StoreError> {
    if !is_kept(realm, &event.kind) {
        return Ok(());
    }
    let life = realm.settings.events_expiration.saturating_mul(1000);
    if life > 0 {
        let oldest = i64::try_from(event.at.saturating_sub(life)).unwrap_or(i64::MAX);
        tx.prepare_cached(
            "DELETE FROM event WHERE id IN
             (SELECT id FROM event WHERE realm_id = ?1 AND at < ?2 ORDER BY at LIMIT 100)",
        )?
        .execute(params![realm.id, oldest])?;
    }
    tx.prepare_cached(
        "INSERT INTO event (uid, realm_id, at, type, client_id, user_id, session_id, address, error, details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        new_id(),
        realm.id,
        i64::try_from(event.at).unwrap_or(i64::MAX),
        event.kind,
        event.client_id,
        event.user_id,
        event.session_id,
        event.address,
        event.error,
        serde_json::to_string(&event.details)?,
    ])?;
    Ok(())
}

/// Which events a list shows
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of these types
    pub kinds: Vec<String>,
    /// Of this client
    pub client: Option<String>,
    /// Of this user
    pub user: Option<String>,
    /// From this address
    pub address: Option<String>,
    /// Not before, in milliseconds
    pub from: Option<i64>,
    /// Not after, in milliseconds
    pub to: Option<i64>,
}

/// Events, the newest first, a part of them
pub fn list(
    tx: &Transaction<'_>,
    realm_id: &str,
    filter: &EventFilter,
    part: Part<'_>,
) -> Result<Vec<EventRepresentation>, StoreError> {
    let mut sql = "SELECT uid, at, type, client_id, user_id, session_id, address, error, details FROM event
                   WHERE realm_id = ?"
        .to_owned();
    let mut values: Vec<Sql> = vec![realm_id.to_owned().into()];
    if !filter.kinds.is_empty() {
        sql.push_str(" AND type IN (SELECT value FROM json_each(?))");
        values.push(serde_json::to_string(&filter.kinds)?.into());
    }
    let texts = [
        (" AND client_id = ?", &filter.client),
        (" AND user_id = ?", &filter.user),
        (" AND address = ?", &filter.address),
    ];
    for (condition, value) in texts {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.clone().into());
        }
    }
    let place = "SELECT id FROM event WHERE uid = ?1 AND realm_id = ?2";
    let (after, first) = part.begin::<i64>(tx, place, realm_id)?;
    let numbers = [(" AND at >= ?", filter.from), (" AND at <= ?", filter.to), (" AND id < ?", after)];
    for (condition, value) in numbers {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.into());
        }
    }
    sql.push_str(" ORDER BY id DESC LIMIT ? OFFSET ?");
    values.extend([part.max.into(), first.into()]);
    let mut statement = tx.prepare(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(EventRepresentation {
            id: row.get(0)?,
            time: row.get::<_, i64>(1)?.unsigned_abs(),
            kind: row.get(2)?,
            realm_id: realm_id.to_owned(),
            client_id: row.get(3)?,
            user_id: row.get(4)?,
            session_id: row.get(5)?,
            ip_address: row.get(6)?,
            error: row.get(7)?,
            details: document(row, 8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes all events of a realm
pub fn clear(tx: &Transaction<'_>, realm_id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM event WHERE realm_id = ?1")?.execute([realm_id])?;
    Ok(())
}

/// Something that an administrator did
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAdminEvent {
    /// Milliseconds since 1970
    pub at: u64,
    /// `CREATE`, `UPDATE`, `DELETE` or `ACTION`
    pub operation: &'static str,
    /// `USER`, `CLIENT`, …
    pub resource_type: &'static str,
    /// Below the realm
    pub path: String,
    /// `{"realmId","clientId","userId","ipAddress"}`
    pub auth: Value,
    /// What was sent, without secrets
    pub representation: Option<String>,
}

/// Stores what an administrator did, if the realm keeps that
pub fn record_admin(tx: &Transaction<'_>, realm: &Realm, event: &NewAdminEvent) -> Result<(), StoreError> {
    if !realm.settings.admin_events_enabled {
        return Ok(());
    }
    let representation =
        event.representation.as_ref().filter(|_| realm.settings.admin_events_details_enabled);
    tx.prepare_cached(
        "INSERT INTO admin_event (realm_id, at, operation, resource_type, resource_path, auth, representation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        realm.id,
        i64::try_from(event.at).unwrap_or(i64::MAX),
        event.operation,
        event.resource_type,
        event.path,
        event.auth.to_string(),
        representation,
    ])?;
    Ok(())
}

/// What administrators did, the newest first; behind one event, or a part
pub fn list_admin(
    tx: &Transaction<'_>,
    realm_id: &str,
    part: Part<'_>,
) -> Result<Vec<AdminEventRepresentation>, StoreError> {
    let place = "SELECT id FROM admin_event WHERE id = ?1 AND realm_id = ?2";
    let (after, first) = part.begin::<i64>(tx, place, realm_id)?;
    let mut statement = tx.prepare_cached(
        "SELECT id, at, operation, resource_type, resource_path, auth, representation FROM admin_event
         WHERE realm_id = ?1 AND id < ?4 ORDER BY id DESC LIMIT ?3 OFFSET ?2",
    )?;
    let rows = statement.query_map(params![realm_id, first, part.max, after.unwrap_or(i64::MAX)], |row| {
        Ok(AdminEventRepresentation {
            id: row.get::<_, i64>(0)?.to_string(),
            time: row.get::<_, i64>(1)?.unsigned_abs(),
            realm_id: realm_id.to_owned(),
            operation_type: row.get(2)?,
            resource_type: row.get(3)?,
            resource_path: row.get(4)?,
            auth_details: document(row, 5)?,
            representation: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes all of them
pub fn clear_admin(tx: &Transaction<'_>, realm_id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM admin_event WHERE realm_id = ?1")?.execute([realm_id])?;
    Ok(())
}
