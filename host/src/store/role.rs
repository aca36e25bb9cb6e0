//! Roles in the store, and who has them.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Params, Row, Transaction, params};

use super::{Part, StoreError, document, forget, realm, resource::containing};
use crate::representation::Members;

/// A role as stored
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleRecord {
    /// Internal id, which policies name
    pub id: String,
    /// Its name
    pub name: String,
    /// What it is for
    pub description: Option<String>,
    /// Internal id of its client; absent: a role of the realm
    pub client: Option<String>,
    /// It contains others
    pub composite: bool,
    /// Attributes
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Members that nothing here reads
    pub kept: Members,
}

const ROLE: &str = "SELECT r.id, r.name, r.description, r.client_id,
    EXISTS (SELECT 1 FROM role_composite WHERE parent = r.id), r.attributes, r.kept FROM role r";

fn record(row: &Row<'_>) -> rusqlite::Result<RoleRecord> {
    Ok(RoleRecord {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        client: row.get(3)?,
        composite: row.get(4)?,
        attributes: document(row, 5)?,
        kept: document(row, 6)?,
    })
}

fn some(tx: &Transaction<'_>, rest: &str, values: impl Params) -> Result<Vec<RoleRecord>, StoreError> {
    let mut statement = tx.prepare_cached(&format!("{ROLE} {rest}"))?;
    let roles = statement.query_map(values, record)?.collect::<Result<_, _>>()?;
    Ok(roles)
}

/// The role of this id
pub fn by_id(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<Option<RoleRecord>, StoreError> {
    let sql = format!("{ROLE} WHERE r.realm_id = ?1 AND r.id = ?2");
    Ok(tx.prepare_cached(&sql)?.query_row([realm_id, id], record).optional()?)
}

/// The role of this name, of a client or of the realm
pub fn by_name(
    tx: &Transaction<'_>,
    realm_id: &str,
    client: Option<&str>,
    name: &str,
) -> Result<Option<RoleRecord>, StoreError> {
    let sql = format!("{ROLE} WHERE r.realm_id = ?1 AND ifnull(r.client_id, '') = ?2 AND r.name = ?3");
    let values = [realm_id, client.unwrap_or_default(), name];
    Ok(tx.prepare_cached(&sql)?.query_row(values, record).optional()?)
}

/// The roles of a client or of the realm by name; behind one of them, or a part
pub fn list(
    tx: &Transaction<'_>,
    realm_id: &str,
    client: Option<&str>,
    search: Option<&str>,
    part: Part<'_>,
) -> Result<Vec<RoleRecord>, StoreError> {
    let search = search.map(containing);
    let (place, owner) = match client {
        Some(client) => ("SELECT name FROM role WHERE id = ?1 AND client_id = ?2", client),
        None => ("SELECT name FROM role WHERE id = ?1 AND realm_id = ?2 AND client_id IS NULL", realm_id),
    };
    let (after, first) = part.begin::<String>(tx, place, owner)?;
    some(
        tx,
        "WHERE r.realm_id = ?1 AND ifnull(r.client_id, '') = ?2
           AND (?3 IS NULL OR r.name LIKE ?3 ESCAPE '\\') AND r.name > ?6
         ORDER BY r.name LIMIT ?5 OFFSET ?4",
        params![realm_id, client.unwrap_or_default(), search, first, part.max, after.unwrap_or_default()],
    )
}

/// Stores a new role
pub fn insert(tx: &Transaction<'_>, realm_id: &str, role: &RoleRecord) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO role (id, realm_id, client_id, name, description, attributes, kept)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        role.id,
        realm_id,
        role.client,
        role.name,
        role.description,
        serde_json::to_string(&role.attributes)?,
        serde_json::to_string(&role.kept)?,
    ])?;
    Ok(())
}

/// Replaces what a role says of itself
pub fn update(tx: &Transaction<'_>, realm_id: &str, role: &RoleRecord) -> Result<(), StoreError> {
    let changed = tx
        .prepare_cached(
            "UPDATE role SET name = ?3, description = ?4, attributes = ?5, kept = ?6
             WHERE realm_id = ?1 AND id = ?2",
        )?
        .execute(params![
            realm_id,
            role.id,
            role.name,
            role.description,
            serde_json::to_string(&role.attributes)?,
            serde_json::to_string(&role.kept)?,
        ])?;
    if changed == 0 { Err(StoreError::Missing) } else { realm::touch(tx, realm_id) }
}

/// Removes a role from everybody and everything that names it
pub fn delete(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<(), StoreError> {
    let removed =
        tx.prepare_cached("DELETE FROM role WHERE realm_id = ?1 AND id = ?2")?.execute([realm_id, id])?;
    if removed == 0 {
        return Err(StoreError::Missing);
    }
    forget::forget(tx, realm_id, forget::Kind::Role, id)?;
    realm::touch(tx, realm_id)
}

/// The roles that a role contains itself, of the realm first
pub fn composites(tx: &Transaction<'_>, id: &str) -> Result<Vec<RoleRecord>, StoreError> {
    some(tx, "JOIN role_composite c ON c.child = r.id WHERE c.parent = ?1 ORDER BY r.client_id, r.name", [id])
}

/// Puts a role into another; one that would contain itself is [`StoreError::Refused`]
pub fn contain(tx: &Transaction<'_>, parent: &str, child: &str) -> Result<(), StoreError> {
    let cycle = tx
        .prepare_cached(
            "WITH RECURSIVE below(id) AS (
                VALUES (?2) UNION SELECT c.child FROM role_composite c JOIN below b ON c.parent = b.id)
             SELECT 1 FROM below WHERE id = ?1",
        )?
        .exists([parent, child])?;
    if cycle {
        return Err(StoreError::Refused("A role cannot contain itself".to_owned()));
    }
    put_composite(tx, parent, child)
}

/// Puts a role into another, which the caller has checked
pub fn put_composite(tx: &Transaction<'_>, parent: &str, child: &str) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR IGNORE INTO role_composite (parent, child) VALUES (?1, ?2)")?
        .execute([parent, child])?;
    Ok(())
}

/// Takes a role out of another
pub fn release(tx: &Transaction<'_>, parent: &str, child: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM role_composite WHERE parent = ?1 AND child = ?2")?
        .execute([parent, child])?;
    Ok(())
}

/// Who or what has roles of its own
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A user
    User,
    /// A group
    Group,
    /// A client without full scope, or a client scope: tokens may show these
    Scope,
}

impl Holder {
    const fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("user_role", "user_id"),
            Self::Group => ("group_role", "group_id"),
            Self::Scope => ("scope_role", "holder"),
        }
    }

    /// Everything that reaches a holder, as the begin of a query: `held(id)`
    const fn held(self) -> &'static str {
        match self {
            Self::User => {
                "WITH RECURSIVE above(id) AS (
                    SELECT group_id FROM user_group_member WHERE user_id = ?1
                    UNION SELECT g.parent FROM user_group g JOIN above a ON g.id = a.id
                          WHERE g.parent IS NOT NULL),
                 held(id) AS (
                    SELECT role_id FROM user_role WHERE user_id = ?1
                    UNION SELECT role_id FROM group_role WHERE group_id IN (SELECT id FROM above)
                    UNION SELECT c.child FROM role_composite c JOIN held h ON c.parent = h.id)"
            }
            Self::Group => {
                "WITH RECURSIVE above(id) AS (
                    VALUES (?1)
                    UNION SELECT g.parent FROM user_group g JOIN above a ON g.id = a.id
                          WHERE g.parent IS NOT NULL),
                 held(id) AS (
                    SELECT role_id FROM group_role WHERE group_id IN (SELECT id FROM above)
                    UNION SELECT c.child FROM role_composite c JOIN held h ON c.parent = h.id)"
            }
            Self::Scope => {
                "WITH RECURSIVE held(id) AS (
                    SELECT role_id FROM scope_role WHERE holder = ?1
                    UNION SELECT c.child FROM role_composite c JOIN held h ON c.parent = h.id)"
            }
        }
    }
}

/// The roles that a holder has itself, of the realm first
pub fn of(tx: &Transaction<'_>, holder: Holder, id: &str) -> Result<Vec<RoleRecord>, StoreError> {
    let (table, column) = holder.table();
    let rest =
        format!("JOIN {table} h ON h.role_id = r.id WHERE h.{column} = ?1 ORDER BY r.client_id, r.name");
    some(tx, &rest, [id])
}

/// Every role that reaches a holder, through composites and groups
pub fn effective(tx: &Transaction<'_>, holder: Holder, id: &str) -> Result<Vec<RoleRecord>, StoreError> {
    let sql = format!("{} {ROLE} JOIN held ON held.id = r.id ORDER BY r.client_id, r.name", holder.held());
    let mut statement = tx.prepare_cached(&sql)?;
    let roles = statement.query_map([id], record)?.collect::<Result<_, _>>()?;
    Ok(roles)
}

/// A role and everything that it contains, whatever the depth
pub fn closure(tx: &Transaction<'_>, id: &str) -> Result<Vec<RoleRecord>, StoreError> {
    let sql = format!(
        "WITH RECURSIVE held(id) AS (
            VALUES (?1) UNION SELECT c.child FROM role_composite c JOIN held h ON c.parent = h.id)
         {ROLE} JOIN held ON held.id = r.id"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let roles = statement.query_map([id], record)?.collect::<Result<_, _>>()?;
    Ok(roles)
}

/// Gives a role; twice is no error
pub fn give(tx: &Transaction<'_>, holder: Holder, id: &str, role: &str) -> Result<(), StoreError> {
    let (table, column) = holder.table();
    tx.prepare_cached(&format!("INSERT OR IGNORE INTO {table} ({column}, role_id) VALUES (?1, ?2)"))?
        .execute([id, role])?;
    Ok(())
}

/// Takes a role away; one that was not there is no error
pub fn take(tx: &Transaction<'_>, holder: Holder, id: &str, role: &str) -> Result<(), StoreError> {
    let (table, column) = holder.table();
    tx.prepare_cached(&format!("DELETE FROM {table} WHERE {column} = ?1 AND role_id = ?2"))?
        .execute([id, role])?;
    Ok(())
}

/// Ids of users who have a role themselves, by name; behind one of them, or a part
pub fn users(tx: &Transaction<'_>, id: &str, part: Part<'_>) -> Result<Vec<String>, StoreError> {
    let place = "SELECT u.username FROM user_role h JOIN user u ON u.id = h.user_id
                 WHERE h.user_id = ?1 AND h.role_id = ?2";
    let (after, first) = part.begin::<String>(tx, place, id)?;
    let mut statement = tx.prepare_cached(
        "SELECT u.id FROM user_role h JOIN user u ON u.id = h.user_id WHERE h.role_id = ?1 AND u.username > ?4
         ORDER BY u.username LIMIT ?3 OFFSET ?2",
    )?;
    let ids =
        statement.query_map(params![id, first, part.max, after.unwrap_or_default()], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Ids of groups that have a role themselves, by path; behind one of them, or a part
pub fn groups(tx: &Transaction<'_>, id: &str, part: Part<'_>) -> Result<Vec<String>, StoreError> {
    let place = "SELECT g.path FROM group_role h JOIN user_group g ON g.id = h.group_id
                 WHERE h.group_id = ?1 AND h.role_id = ?2";
    let (after, first) = part.begin::<String>(tx, place, id)?;
    let mut statement = tx.prepare_cached(
        "SELECT g.id FROM group_role h JOIN user_group g ON g.id = h.group_id WHERE h.role_id = ?1 AND g.path > ?4
         ORDER BY g.path LIMIT ?3 OFFSET ?2",
    )?;
    let ids =
        statement.query_map(params![id, first, part.max, after.unwrap_or_default()], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}
