//! The audit trail: who changed what, in the change's own transaction, and what was decided.

use std::sync::Arc;

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Transaction, params, params_from_iter, types::Value as Sql};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Store, StoreError, document, event::NewAdminEvent, seconds, time};
use crate::{event::Kept, realm::Realm};

/// One entry; nothing in it is a secret
#[derive(Debug, Clone)]
pub struct Event {
    name: &'static str,
    realm_id: String,
    at: UnixTime,
    actor: Option<String>,
    server_id: Option<String>,
    resource_id: Option<String>,
    requester: Option<String>,
    owner: Option<String>,
    kept: Option<Kept>,
    administered: Option<Box<(Arc<Realm>, NewAdminEvent)>>,
}

impl Event {
    /// An event of this name, done by `actor`
    pub fn new(name: &'static str, realm_id: &str, actor: &str, at: UnixTime) -> Self {
        Self {
            name,
            realm_id: realm_id.to_owned(),
            at,
            actor: Some(actor.to_owned()),
            server_id: None,
            resource_id: None,
            requester: None,
            owner: None,
            kept: None,
            administered: None,
        }
    }

    /// At this resource server
    #[must_use]
    pub fn server(mut self, server_id: &str) -> Self {
        self.server_id = Some(server_id.to_owned());
        self
    }

    /// On this resource
    #[must_use]
    pub fn resource(mut self, server_id: &str, resource_id: &str) -> Self {
        self.server_id = Some(server_id.to_owned());
        self.resource_id = Some(resource_id.to_owned());
        self
    }

    /// Of this owner, where the resource itself does not say so any more
    #[must_use]
    pub fn owner(mut self, owner: &str) -> Self {
        self.owner = Some(owner.to_owned());
        self
    }

    /// With what the realm keeps of it among the events of people and clients
    #[must_use]
    pub fn kept(mut self, kept: Option<Kept>) -> Self {
        self.kept = kept;
        self
    }

    /// With what the realm keeps of it among those of administrators
    #[must_use]
    pub fn administered(mut self, realm: Arc<Realm>, event: NewAdminEvent) -> Self {
        self.administered = Some(Box::new((realm, event)));
        self
    }

    /// Concerning this requester
    #[must_use]
    pub fn requester(mut self, requester: &str) -> Self {
        self.requester = Some(requester.to_owned());
        self
    }
}

/// Writes one entry, and what the realm keeps of it among its events
pub fn record(tx: &Transaction<'_>, event: &Event) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO audit (realm_id, at, first_at, event, actor, server_id, resource_id, requester, owner)
         VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ifnull(?8, (SELECT owner FROM resource WHERE id = ?6)))",
    )?
    .execute(params![
        event.realm_id,
        seconds(event.at),
        event.name,
        event.actor,
        event.server_id,
        event.resource_id,
        event.requester,
        event.owner,
    ])?;
    crate::event::record(tx, event.kept.as_ref())?;
    if let Some((realm, event)) = event.administered.as_deref() {
        super::event::record_admin(tx, realm, event)?;
    }
    Ok(())
}

/// A decision that wrote nothing else
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// `decision.granted`, `decision.denied` or `decision.refused`
    pub event: &'static str,
    /// In which realm
    pub realm_id: String,
    /// At which resource server
    pub server_id: String,
    /// By which client the requester asked, by its internal id
    pub client_id: String,
    /// Who asked
    pub requester: String,
    /// For what: an id, or whatever it was named by
    pub resource: Option<String>,
    /// What of it, and what decided; nothing in it is a secret
    pub detail: Map<String, Value>,
    /// When
    pub at: UnixTime,
    /// The same again on the same day is one row with a count
    pub repeats: bool,
}

impl Decision {
    /// Equal for decisions that are one row
    fn key(&self) -> Option<String> {
        let day = self.at.0.checked_div(24 * 3_600)?;
        let asked = serde_json::to_string(&self.detail).ok()?;
        let resource = self.resource.as_deref().unwrap_or_default();
        let parts: [&str; 6] =
            [self.event, &self.server_id, &self.client_id, &self.requester, resource, &asked];
        let key = serde_json::to_string(&(day, parts)).ok()?;
        self.repeats.then(|| crate::sign_in::fingerprint(key.as_bytes()))
    }
}

fn put(tx: &Transaction<'_>, decision: &Decision) -> Result<(), StoreError> {
    let Decision { resource, realm_id, .. } = decision;
    let known: Option<String> = match resource {
        None => None,
        Some(id) => tx
            .prepare_cached("SELECT owner FROM resource WHERE id = ?1 AND server_id = ?2")?
            .query_row([id, &decision.server_id], |row| row.get(0))
            .optional()?,
    };
    let mut detail = decision.detail.clone();
    if let (Some(name), None) = (resource, &known) {
        detail.insert("asked".to_owned(), name.as_str().into());
    }
    let key = decision.key();
    // A row that counts one more is a new one at the end: whoever follows the trail sees it.
    let before: Option<(i64, i64)> = match &key {
        None => None,
        Some(key) => tx
            .prepare_cached(
                "DELETE FROM audit WHERE realm_id = ?1 AND repeat_key = ?2 RETURNING first_at, count",
            )?
            .query_row([realm_id, key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?,
    };
    let at = seconds(decision.at);
    let (first_at, count) = before.unwrap_or((at, 0));
    tx.prepare_cached(
        "INSERT INTO audit (realm_id, at, first_at, count, event, actor, server_id, resource_id, requester, owner,
                            detail, repeat_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        realm_id,
        at,
        first_at,
        count.saturating_add(1),
        decision.event,
        decision.client_id,
        decision.server_id,
        resource.as_ref().filter(|_| known.is_some()),
        decision.requester,
        known,
        serde_json::to_string(&detail)?,
        key,
    ])?;
    Ok(())
}

/// Which rows somebody wants to see
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of these events
    pub events: Vec<String>,
    /// Done by
    pub actor: Option<String>,
    /// At this resource server, by its internal id
    pub server: Option<String>,
    /// About this resource
    pub resource: Option<String>,
    /// Concerning this requester
    pub requester: Option<String>,
    /// About resources of this owner
    pub owner: Option<String>,
    /// Not before, in seconds
    pub from: Option<i64>,
    /// Not after, in seconds
    pub to: Option<i64>,
    /// Older than the row of this number
    pub before: Option<i64>,
    /// Younger than the row of this number, the oldest of them first
    pub after: Option<i64>,
    /// At most so many
    pub max: i64,
}

/// One row, as administrators and owners see it
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// Its number; later ones are higher
    pub id: i64,
    /// When, in milliseconds since 1970; of something repeated, the last time
    pub time: u64,
    /// The first time, if it was repeated
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_time: Option<u64>,
    /// How often
    pub count: i64,
    /// What
    pub event: String,
    /// Who did it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// At which resource server
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_server: Option<String>,
    /// On which resource
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Whose
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// For whom
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// More
    pub detail: Value,
}

/// Rows of a realm: the newest first, or, after one that is known, the oldest first
pub fn list(tx: &Transaction<'_>, realm_id: &str, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
    let mut sql =
        "SELECT id, at, first_at, count, event, actor, server_id, resource_id, owner, requester, detail
                   FROM audit WHERE realm_id = ?"
            .to_owned();
    let mut values: Vec<Sql> = vec![realm_id.to_owned().into()];
    if !filter.events.is_empty() {
        sql.push_str(" AND event IN (SELECT value FROM json_each(?))");
        values.push(serde_json::to_string(&filter.events)?.into());
    }
    let texts = [
        (" AND actor = ?", &filter.actor),
        (" AND server_id = ?", &filter.server),
        (" AND resource_id = ?", &filter.resource),
        (" AND requester = ?", &filter.requester),
        (" AND owner = ?", &filter.owner),
    ];
    for (condition, value) in texts {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.clone().into());
        }
    }
    let numbers = [
        (" AND at >= ?", filter.from),
        (" AND at <= ?", filter.to),
        (" AND id < ?", filter.before),
        (" AND id > ?", filter.after),
    ];
    for (condition, value) in numbers {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(value.into());
        }
    }
    sql.push_str(if filter.after.is_some() { " ORDER BY id LIMIT ?" } else { " ORDER BY id DESC LIMIT ?" });
    values.push(filter.max.into());
    let mut statement = tx.prepare_cached(&sql)?;
    let millis = |seconds: i64| time(seconds).0.saturating_mul(1000);
    let rows = statement.query_map(params_from_iter(values), |row| {
        let (at, first_at): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(AuditRow {
            id: row.get(0)?,
            time: millis(at),
            first_time: (first_at != at).then(|| millis(first_at)),
            count: row.get(3)?,
            event: row.get(4)?,
            actor: row.get(5)?,
            resource_server: row.get(6)?,
            resource: row.get(7)?,
            owner: row.get(8)?,
            requester: row.get(9)?,
            detail: document(row, 10)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Store {
    /// Writes decisions down, all in one change
    pub async fn record_decisions(&self, decisions: Vec<Decision>) -> Result<(), StoreError> {
        self.write(move |tx| decisions.iter().try_for_each(|decision| put(tx, decision))).await
    }

    /// Removes rows that are older than that, some at a time; gives how many
    pub async fn tidy_audit(&self, oldest: UnixTime) -> Result<usize, StoreError> {
        self.write(move |tx| {
            Ok(tx
                .prepare_cached(
                    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT 2000)",
                )?
                .execute([seconds(oldest)])?)
        })
        .await
    }
}
