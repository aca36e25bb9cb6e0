//! Scope mappings in the store: the roles that a client, or a client scope, may carry.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Transaction, params};

use super::StoreError;

/// Ids of the roles that a client without full scope may carry: its own, those mapped to it or to its client scopes
/// (`holders`), and what these are made of
pub fn allowed(
    tx: &Transaction<'_>,
    client_id: &str,
    holders: &[&str],
) -> Result<BTreeSet<String>, StoreError> {
    let mut statement = tx.prepare_cached(
        "WITH RECURSIVE allowed(id) AS (
            SELECT role_id FROM scope_role WHERE holder IN (SELECT value FROM json_each(?2))
            UNION SELECT id FROM role WHERE client_id = ?1
            UNION SELECT c.child FROM role_composite c JOIN allowed a ON c.parent = a.id
         )
         SELECT id FROM allowed",
    )?;
    let holders = serde_json::to_string(holders)?;
    let ids = statement.query_map(params![client_id, holders], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Ids of the roles that are mapped to each of these holders itself
pub fn mapped(
    tx: &Transaction<'_>,
    holders: &[&str],
) -> Result<BTreeMap<String, BTreeSet<String>>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT holder, role_id FROM scope_role WHERE holder IN (SELECT value FROM json_each(?1))",
    )?;
    let holders = serde_json::to_string(holders)?;
    let rows = statement.query_map([holders], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let mut mapped: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        let (holder, role) = row?;
        mapped.entry(holder).or_default().insert(role);
    }
    Ok(mapped)
}
