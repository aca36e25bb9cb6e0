//! Scopes of a resource server.

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::containing;
use crate::store::{Part, Store, StoreError, audit, audit::Event, grant, server::bump};

/// A scope of a resource server
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRecord {
    /// Its id
    pub id: String,
    /// Its name
    pub name: String,
    /// What people see
    pub display_name: Option<String>,
    /// Its icon
    pub icon_uri: Option<String>,
}

const COLUMNS: &str = "s.id, s.name, s.display_name, s.icon_uri";

fn scope_of(row: &Row<'_>) -> rusqlite::Result<ScopeRecord> {
    Ok(ScopeRecord { id: row.get(0)?, name: row.get(1)?, display_name: row.get(2)?, icon_uri: row.get(3)? })
}

impl Store {
    /// The scope of this id or, failing that, of this name
    pub fn scope(&self, server_id: &str, id_or_name: &str) -> Result<Option<ScopeRecord>, StoreError> {
        self.read(|tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM scope s WHERE s.server_id = ?1 AND (s.id = ?2 OR s.name = ?2)
                 ORDER BY s.id = ?2 DESC LIMIT 1"
            );
            Ok(tx.prepare_cached(&sql)?.query_row([server_id, id_or_name], scope_of).optional()?)
        })
    }

    /// The first scope of this id, or with this in its name
    pub fn scope_by_id_or_name_part(
        &self,
        server_id: &str,
        text: &str,
    ) -> Result<Option<ScopeRecord>, StoreError> {
        self.read(|tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM scope s
                 WHERE s.server_id = ?1 AND (s.id = ?2 OR s.name LIKE ?3 ESCAPE '\\')
                 ORDER BY s.id = ?2 DESC, s.name LIMIT 1"
            );
            Ok(tx
                .prepare_cached(&sql)?
                .query_row([server_id, text, &containing(text)], scope_of)
                .optional()?)
        })
    }

    /// Scopes of exactly this id, or with this in their name, by name; behind one of them, or a part
    pub fn scopes(
        &self,
        server_id: &str,
        id: Option<&str>,
        name: Option<&str>,
        part: Part<'_>,
    ) -> Result<Vec<ScopeRecord>, StoreError> {
        self.read(|tx| {
            let place = "SELECT name FROM scope WHERE id = ?1 AND server_id = ?2";
            let (after, first) = part.begin::<String>(tx, place, server_id)?;
            let sql = format!(
                "SELECT {COLUMNS} FROM scope s WHERE s.server_id = ?1 AND (?2 IS NULL OR s.id = ?2)
                   AND (?3 IS NULL OR s.name LIKE ?3 ESCAPE '\\') AND s.name > ?6
                 ORDER BY s.name LIMIT ?4 OFFSET ?5"
            );
            let mut statement = tx.prepare_cached(&sql)?;
            let values =
                params![server_id, id, name.map(containing), part.max, first, after.unwrap_or_default()];
            Ok(statement.query_map(values, scope_of)?.collect::<Result<_, _>>()?)
        })
    }

    /// Ids of the resources that have a scope, by name
    pub fn resources_of_scope(&self, server_id: &str, id: &str) -> Result<Vec<String>, StoreError> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT r.id FROM resource_scope rs JOIN resource r ON r.id = rs.resource_id
                 WHERE rs.scope_id = ?2 AND r.server_id = ?1 ORDER BY r.name, r.id",
            )?;
            Ok(statement.query_map([server_id, id], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
    }

    /// Makes a scope, or changes the one of this name
    pub async fn put_scope(
        &self,
        server_id: &str,
        scope: ScopeRecord,
        now: UnixTime,
        event: Event,
    ) -> Result<ScopeRecord, StoreError> {
        let server_id = server_id.to_owned();
        self.write(move |tx| {
            let known: Option<String> = tx
                .prepare_cached("SELECT id FROM scope WHERE server_id = ?1 AND name = ?2")?
                .query_row([&server_id, &scope.name], |row| row.get(0))
                .optional()?;
            let scope = if let Some(id) = known {
                let scope = ScopeRecord { id, ..scope };
                replace_scope(tx, &server_id, &scope, now)?;
                scope
            } else {
                insert_scope(tx, &server_id, &scope)?;
                scope
            };
            audit::record(tx, &event.server(&server_id))?;
            Ok(scope)
        })
        .await
    }

    /// Changes a scope. A name in use is a [`StoreError::Conflict`]; whoever holds it under its old name loses it.
    pub async fn replace_scope(
        &self,
        server_id: &str,
        scope: ScopeRecord,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let server_id = server_id.to_owned();
        self.write(move |tx| {
            replace_scope(tx, &server_id, &scope, now)?;
            audit::record(tx, &event.server(&server_id))
        })
        .await
    }

    /// Deletes a scope that no resource has; `false` if one has it
    pub async fn delete_scope(
        &self,
        server_id: &str,
        id: &str,
        now: UnixTime,
        event: Event,
    ) -> Result<bool, StoreError> {
        let (server_id, id) = (server_id.to_owned(), id.to_owned());
        self.write(move |tx| {
            let name = name(tx, &server_id, &id)?.ok_or(StoreError::Missing)?;
            if tx.prepare_cached("SELECT 1 FROM resource_scope WHERE scope_id = ?1")?.exists([&id])? {
                return Ok(false);
            }
            tx.prepare_cached("DELETE FROM scope WHERE id = ?1")?.execute([&id])?;
            // Types hand scopes down, and scopes are granted without a resource too.
            grant::narrow_scope(tx, &server_id, &name, now)?;
            bump(tx, &server_id)?;
            audit::record(tx, &event.server(&server_id))?;
            Ok(true)
        })
        .await
    }
}

fn name(tx: &Transaction<'_>, server_id: &str, id: &str) -> Result<Option<String>, StoreError> {
    Ok(tx
        .prepare_cached("SELECT name FROM scope WHERE id = ?1 AND server_id = ?2")?
        .query_row([id, server_id], |row| row.get(0))
        .optional()?)
}

/// Stores a new scope
pub fn insert_scope(tx: &Transaction<'_>, server_id: &str, scope: &ScopeRecord) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO scope (id, server_id, name, display_name, icon_uri) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![scope.id, server_id, scope.name, scope.display_name, scope.icon_uri])?;
    Ok(())
}

/// Changes a scope
pub fn replace_scope(
    tx: &Transaction<'_>,
    server_id: &str,
    scope: &ScopeRecord,
    now: UnixTime,
) -> Result<(), StoreError> {
    let before = name(tx, server_id, &scope.id)?.ok_or(StoreError::Missing)?;
    tx.prepare_cached(
        "UPDATE scope SET name = ?3, display_name = ?4, icon_uri = ?5 WHERE id = ?1 AND server_id = ?2",
    )?
    .execute(params![scope.id, server_id, scope.name, scope.display_name, scope.icon_uri])?;
    if before != scope.name {
        grant::narrow_scope(tx, server_id, &before, now)?;
        bump(tx, server_id)?;
    }
    Ok(())
}

/// The id of a scope by name, made if it is not there
pub fn ensure_scope(tx: &Transaction<'_>, server_id: &str, name: &str) -> Result<String, StoreError> {
    let known = tx
        .prepare_cached("SELECT id FROM scope WHERE server_id = ?1 AND name = ?2")?
        .query_row([server_id, name], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id = uuid::Uuid::new_v4().to_string();
    let scope = ScopeRecord { id, name: name.to_owned(), display_name: None, icon_uri: None };
    insert_scope(tx, server_id, &scope)?;
    Ok(scope.id)
}

/// The scopes of a resource, by name
pub fn scopes_of(tx: &Transaction<'_>, id: &str) -> Result<Vec<ScopeRecord>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM resource_scope r JOIN scope s ON s.id = r.scope_id
         WHERE r.resource_id = ?1 ORDER BY s.name"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    Ok(statement.query_map([id], scope_of)?.collect::<Result<_, _>>()?)
}

/// The scopes of a resource server, by name
pub fn scopes_of_server(tx: &Transaction<'_>, server_id: &str) -> Result<Vec<ScopeRecord>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM scope s WHERE s.server_id = ?1 ORDER BY s.name");
    let mut statement = tx.prepare_cached(&sql)?;
    Ok(statement.query_map([server_id], scope_of)?.collect::<Result<_, _>>()?)
}
