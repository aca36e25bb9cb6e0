//! Groups in the store.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Params, Row, Transaction, params};

use super::{Part, StoreError, document, forget, realm, resource::containing};
use crate::representation::Members;

/// A group as stored
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRecord {
    /// Internal id, which policies name
    pub id: String,
    /// The group above it
    pub parent: Option<String>,
    /// Its name
    pub name: String,
    /// Its full path: `/staff/night`
    pub path: String,
    /// What it is for
    pub description: Option<String>,
    /// Attributes
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Members that nothing here reads
    pub kept: Members,
    /// How many are right below it
    pub children: u64,
}

const GROUP: &str = "SELECT g.id, g.parent, g.name, g.path, g.description, g.attributes, g.kept,
    (SELECT count(*) FROM user_group b WHERE b.parent = g.id) FROM user_group g";

fn record(row: &Row<'_>) -> rusqlite::Result<GroupRecord> {
    Ok(GroupRecord {
        id: row.get(0)?,
        parent: row.get(1)?,
        name: row.get(2)?,
        path: row.get(3)?,
        description: row.get(4)?,
        attributes: document(row, 5)?,
        kept: document(row, 6)?,
        children: row.get::<_, i64>(7)?.unsigned_abs(),
    })
}

fn some(tx: &Transaction<'_>, rest: &str, values: impl Params) -> Result<Vec<GroupRecord>, StoreError> {
    let mut statement = tx.prepare_cached(&format!("{GROUP} {rest}"))?;
    let groups = statement.query_map(values, record)?.collect::<Result<_, _>>()?;
    Ok(groups)
}

/// The group of this id
pub fn by_id(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<Option<GroupRecord>, StoreError> {
    let sql = format!("{GROUP} WHERE g.realm_id = ?1 AND g.id = ?2");
    Ok(tx.prepare_cached(&sql)?.query_row([realm_id, id], record).optional()?)
}

/// The group at this path, which begins with a slash
pub fn by_path(tx: &Transaction<'_>, realm_id: &str, path: &str) -> Result<Option<GroupRecord>, StoreError> {
    let sql = format!("{GROUP} WHERE g.realm_id = ?1 AND g.path = ?2");
    Ok(tx.prepare_cached(&sql)?.query_row([realm_id, path], record).optional()?)
}

/// The groups right below one, or at the top, by name; behind one of them, or a part
pub fn below(
    tx: &Transaction<'_>,
    realm_id: &str,
    parent: Option<&str>,
    search: Option<&str>,
    exact: bool,
    part: Part<'_>,
) -> Result<Vec<GroupRecord>, StoreError> {
    let search = search.map(|text| if exact { text.to_owned() } else { containing(text) });
    let order = "AND g.name > ?7 ORDER BY g.name LIMIT ?6 OFFSET ?5";
    let (place, owner) = match parent {
        Some(parent) => ("SELECT name FROM user_group WHERE id = ?1 AND parent = ?2", parent),
        None => ("SELECT name FROM user_group WHERE id = ?1 AND realm_id = ?2 AND parent IS NULL", realm_id),
    };
    let (after, first) = part.begin::<String>(tx, place, owner)?;
    let filter = "(?3 IS NULL OR CASE WHEN ?4 THEN g.name = ?3 ELSE g.name LIKE ?3 ESCAPE '\\' END)";
    let rest = match parent {
        Some(_) => format!("WHERE g.realm_id = ?1 AND g.parent = ?2 AND {filter} {order}"),
        None => format!("WHERE g.realm_id = ?1 AND g.parent IS NULL AND ?2 IS NULL AND {filter} {order}"),
    };
    some(tx, &rest, params![realm_id, parent, search, exact, first, part.max, after.unwrap_or_default()])
}

/// The groups whose name fits, wherever they are, by path
pub fn search(
    tx: &Transaction<'_>,
    realm_id: &str,
    text: &str,
    exact: bool,
) -> Result<Vec<GroupRecord>, StoreError> {
    let pattern = if exact { text.to_owned() } else { containing(text) };
    some(
        tx,
        "WHERE g.realm_id = ?1 AND CASE WHEN ?3 THEN g.name = ?2 ELSE g.name LIKE ?2 ESCAPE '\\' END
         ORDER BY g.path LIMIT 10000",
        params![realm_id, pattern, exact],
    )
}

/// Every group of a realm by path: whatever is above another comes first
pub fn all(tx: &Transaction<'_>, realm_id: &str) -> Result<Vec<GroupRecord>, StoreError> {
    some(tx, "WHERE g.realm_id = ?1 ORDER BY g.path", [realm_id])
}

/// The groups in which a user is, without those above them, by path
pub fn of_user(tx: &Transaction<'_>, user_id: &str, part: Part<'_>) -> Result<Vec<GroupRecord>, StoreError> {
    let place = "SELECT g.path FROM user_group_member m JOIN user_group g ON g.id = m.group_id
                 WHERE m.group_id = ?1 AND m.user_id = ?2";
    let (after, first) = part.begin::<String>(tx, place, user_id)?;
    some(
        tx,
        "JOIN user_group_member m ON m.group_id = g.id WHERE m.user_id = ?1 AND g.path > ?4
         ORDER BY g.path LIMIT ?3 OFFSET ?2",
        params![user_id, first, part.max, after.unwrap_or_default()],
    )
}

/// The groups that new people join
pub fn defaults(tx: &Transaction<'_>, realm_id: &str) -> Result<Vec<GroupRecord>, StoreError> {
    some(tx, "JOIN default_group d ON d.group_id = g.id WHERE d.realm_id = ?1 ORDER BY g.path", [realm_id])
}

/// Makes new people join a group
pub fn add_default(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR IGNORE INTO default_group (realm_id, group_id) VALUES (?1, ?2)")?
        .execute([realm_id, id])?;
    Ok(())
}

/// New people do not join it any more
pub fn remove_default(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM default_group WHERE realm_id = ?1 AND group_id = ?2")?
        .execute([realm_id, id])?;
    Ok(())
}

/// Stores a new group
pub fn insert(tx: &Transaction<'_>, realm_id: &str, group: &GroupRecord) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO user_group (id, realm_id, parent, name, path, description, attributes, kept)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        group.id,
        realm_id,
        group.parent,
        group.name,
        group.path,
        group.description,
        serde_json::to_string(&group.attributes)?,
        serde_json::to_string(&group.kept)?,
    ])?;
    Ok(())
}

/// Replaces what a group says of itself, and the paths of all below it
pub fn update(tx: &Transaction<'_>, realm_id: &str, group: &GroupRecord) -> Result<(), StoreError> {
    let before = by_id(tx, realm_id, &group.id)?.ok_or(StoreError::Missing)?;
    tx.prepare_cached(
        "UPDATE user_group SET parent = ?3, name = ?4, path = ?5, description = ?6, attributes = ?7, kept = ?8
         WHERE realm_id = ?1 AND id = ?2",
    )?
    .execute(params![
        realm_id,
        group.id,
        group.parent,
        group.name,
        group.path,
        group.description,
        serde_json::to_string(&group.attributes)?,
        serde_json::to_string(&group.kept)?,
    ])?;
    if before.path != group.path {
        tx.prepare_cached(
            "WITH RECURSIVE below(id) AS (
                SELECT id FROM user_group WHERE parent = ?1
                UNION SELECT g.id FROM user_group g JOIN below b ON g.parent = b.id)
             UPDATE user_group SET path = ?2 || substr(path, length(?3) + 1) WHERE id IN below",
        )?
        .execute([&group.id, &group.path, &before.path])?;
    }
    realm::touch(tx, realm_id)
}

/// Whether one group is another, or below it
pub fn is_within(tx: &Transaction<'_>, id: &str, above: &str) -> Result<bool, StoreError> {
    let found = tx
        .prepare_cached(
            "WITH RECURSIVE up(id) AS (
                VALUES (?1) UNION SELECT g.parent FROM user_group g JOIN up ON g.id = up.id
                            WHERE g.parent IS NOT NULL)
             SELECT 1 FROM up WHERE id = ?2",
        )?
        .exists([id, above])?;
    Ok(found)
}

/// Removes a group and all below it from everybody and everything that names them
pub fn delete(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<(), StoreError> {
    let mut statement = tx.prepare_cached(
        "WITH RECURSIVE below(id) AS (
            SELECT id FROM user_group WHERE realm_id = ?1 AND id = ?2
            UNION SELECT g.id FROM user_group g JOIN below b ON g.parent = b.id)
         SELECT id FROM below",
    )?;
    let gone: Vec<String> =
        statement.query_map([realm_id, id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if gone.is_empty() {
        return Err(StoreError::Missing);
    }
    tx.prepare_cached("DELETE FROM user_group WHERE id = ?1")?.execute([id])?;
    for id in &gone {
        forget::forget(tx, realm_id, forget::Kind::Group, id)?;
    }
    realm::touch(tx, realm_id)
}

/// Puts a user into a group; twice is no error
pub fn join(tx: &Transaction<'_>, user_id: &str, id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR IGNORE INTO user_group_member (user_id, group_id) VALUES (?1, ?2)")?
        .execute([user_id, id])?;
    Ok(())
}

/// Takes a user out of a group; one who is not in it is no error
pub fn leave(tx: &Transaction<'_>, user_id: &str, id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM user_group_member WHERE user_id = ?1 AND group_id = ?2")?
        .execute([user_id, id])?;
    Ok(())
}

/// Ids of the users in a group, by name; behind one of them, or a part
pub fn members(tx: &Transaction<'_>, id: &str, part: Part<'_>) -> Result<Vec<String>, StoreError> {
    let place = "SELECT u.username FROM user_group_member m JOIN user u ON u.id = m.user_id
                 WHERE m.user_id = ?1 AND m.group_id = ?2";
    let (after, first) = part.begin::<String>(tx, place, id)?;
    let mut statement = tx.prepare_cached(
        "SELECT u.id FROM user_group_member m JOIN user u ON u.id = m.user_id
         WHERE m.group_id = ?1 AND u.username > ?4 ORDER BY u.username LIMIT ?3 OFFSET ?2",
    )?;
    let ids =
        statement.query_map(params![id, first, part.max, after.unwrap_or_default()], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// How many groups a realm has, at the top or in all
pub fn count(
    tx: &Transaction<'_>,
    realm_id: &str,
    search: Option<&str>,
    only_top: bool,
) -> Result<i64, StoreError> {
    let search = search.map(containing);
    Ok(tx
        .prepare_cached(
            "SELECT count(*) FROM user_group WHERE realm_id = ?1 AND (?2 IS NULL OR name LIKE ?2 ESCAPE '\\')
               AND (NOT ?3 OR parent IS NULL)",
        )?
        .query_row(params![realm_id, search, only_top], |row| row.get(0))?)
}
