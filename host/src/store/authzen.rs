//! What `AuthZEN` questions name, and what its searches go through: in the order of ids, along an index.

use rusqlite::{OptionalExtension as _, Params, Transaction, params};

use super::StoreError;

const BY_ID: &str = "SELECT id FROM resource WHERE id = ?1 AND server_id = ?2 AND type = ?3";
const BY_NAME: &str =
    "SELECT id FROM resource WHERE server_id = ?2 AND owner = ?2 AND name = ?1 AND type = ?3";
const OF_TYPE: &str = "SELECT id FROM resource INDEXED BY resource_of_type WHERE server_id = ?1 AND type = ?2 AND id > ?3 ORDER BY id LIMIT ?4";
const PEOPLE: &str =
    "SELECT id FROM user INDEXED BY user_of_realm WHERE realm_id = ?1 AND id > ?2 AND service_client IS NULL AND enabled = 1
     ORDER BY id LIMIT ?3";
const CLIENTS: &str = "SELECT client_id FROM client WHERE realm_id = ?1 AND client_id > ?2 AND enabled = 1 ORDER BY client_id LIMIT ?3";

fn ids(tx: &Transaction<'_>, sql: &str, values: impl Params) -> Result<Vec<String>, StoreError> {
    let mut statement = tx.prepare_cached(sql)?;
    Ok(statement.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The resource of this type with this id, or else the resource server's own of this name
pub fn resource(
    tx: &Transaction<'_>,
    server_id: &str,
    kind: &str,
    id: &str,
) -> Result<Option<String>, StoreError> {
    for sql in [BY_ID, BY_NAME] {
        let found = tx.prepare_cached(sql)?.query_row([id, server_id, kind], |row| row.get(0)).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Ids of resources of a type, those behind `after`
pub fn resources(
    tx: &Transaction<'_>,
    server_id: &str,
    kind: &str,
    after: &str,
    most: i64,
) -> Result<Vec<String>, StoreError> {
    ids(tx, OF_TYPE, params![server_id, kind, after, most])
}

/// Ids of people who may sign in, those behind `after`
pub fn people(
    tx: &Transaction<'_>,
    realm_id: &str,
    after: &str,
    most: i64,
) -> Result<Vec<String>, StoreError> {
    ids(tx, PEOPLE, params![realm_id, after, most])
}

/// Public names of clients that are switched on, those behind `after`
pub fn clients(
    tx: &Transaction<'_>,
    realm_id: &str,
    after: &str,
    most: i64,
) -> Result<Vec<String>, StoreError> {
    ids(tx, CLIENTS, params![realm_id, after, most])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{TempStore, assert_indexed};

    #[test]
    fn lists_go_along_an_index() {
        let temp = TempStore::new();
        for sql in [BY_ID, BY_NAME, OF_TYPE, PEOPLE, CLIENTS] {
            assert_indexed(&temp.store, sql);
        }
    }
}
