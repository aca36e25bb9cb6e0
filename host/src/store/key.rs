//! The keys of realms in the store.

use countersign_core::time::UnixTime;
use rusqlite::{Transaction, params};

use super::{StoreError, realm, seconds};
use crate::realm::Sealed;

/// A key as it is stored
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its name in the key set
    pub kid: String,
    /// What it signs by
    pub alg: String,
    /// It signs; otherwise it only checks
    pub active: bool,
    /// Its private part
    pub private: Sealed,
    /// Its public part; absent for a key that is never published
    pub public_jwk: Option<String>,
}

/// The version of the realm, and all its keys, the newest first
pub fn all(tx: &Transaction<'_>, realm_id: &str) -> Result<(u64, Vec<StoredKey>), StoreError> {
    let version: i64 = tx
        .prepare_cached("SELECT version FROM realm WHERE id = ?1")?
        .query_row([realm_id], |row| row.get(0))?;
    let mut statement = tx.prepare_cached(
        "SELECT kid, alg, active, private, public_jwk FROM realm_key
         WHERE realm_id = ?1 ORDER BY created_at DESC, kid",
    )?;
    let keys = statement
        .query_map([realm_id], |row| {
            Ok(StoredKey {
                kid: row.get(0)?,
                alg: row.get(1)?,
                active: row.get(2)?,
                private: Sealed(row.get(3)?),
                public_jwk: row.get(4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok((version.unsigned_abs(), keys))
}

/// Whether nothing was ever sealed here
pub fn none(tx: &Transaction<'_>) -> Result<bool, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT 1 FROM realm_key UNION ALL SELECT 1 FROM client WHERE secret IS NOT NULL LIMIT 1",
        )?
        .exists([])?;
    Ok(!found)
}

/// Stores a key unless the realm has an active one of its algorithm: of two makers the first wins
pub fn insert_first(tx: &Transaction<'_>, realm_id: &str, key: &StoredKey) -> Result<(), StoreError> {
    let purpose = if key.public_jwk.is_some() { "sig" } else { "ticket" };
    let inserted = tx
        .prepare_cached(
            "INSERT INTO realm_key (kid, realm_id, purpose, alg, active, private, public_jwk, created_at)
             SELECT ?1, ?2, ?3, ?4, 1, ?5, ?6, unixepoch()
             WHERE NOT EXISTS (SELECT 1 FROM realm_key WHERE realm_id = ?2 AND alg = ?4 AND active = 1)",
        )?
        .execute(params![key.kid, realm_id, purpose, key.alg, key.private.0, key.public_jwk])?;
    if inserted > 0 { realm::touch(tx, realm_id) } else { Ok(()) }
}

/// Puts a new key in the place of those that sign by its algorithm: they only check from now on, if they are published
/// until nothing is left that they signed. The key for tickets and refresh tokens stays for as long as the realm does.
pub fn replace(
    tx: &Transaction<'_>,
    realm_id: &str,
    key: &StoredKey,
    retire_at: UnixTime,
) -> Result<(), StoreError> {
    let retire_at = key.public_jwk.is_some().then(|| seconds(retire_at));
    tx.prepare_cached(
        "UPDATE realm_key SET active = 0, retire_at = ?3 WHERE realm_id = ?1 AND alg = ?2 AND active = 1",
    )?
    .execute(params![realm_id, key.alg, retire_at])?;
    insert_first(tx, realm_id, key)
}

/// Removes keys that nothing is left of, and says how many
pub(super) fn sweep(tx: &Transaction<'_>, now: UnixTime) -> Result<usize, StoreError> {
    let mut statement = tx.prepare_cached(
        "DELETE FROM realm_key WHERE active = 0 AND retire_at IS NOT NULL AND retire_at < ?1 RETURNING realm_id",
    )?;
    let realms: Vec<String> =
        statement.query_map([seconds(now)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in &realms {
        realm::touch(tx, id)?;
    }
    Ok(realms.len())
}

/// Stores a key that comes with a realm: the first that signs does so, others only check
pub fn insert_imported(tx: &Transaction<'_>, realm_id: &str, key: &StoredKey) -> Result<(), StoreError> {
    if key.active {
        return insert_first(tx, realm_id, key);
    }
    tx.prepare_cached(
        "INSERT OR IGNORE INTO realm_key (kid, realm_id, purpose, alg, active, private, public_jwk, created_at)
         VALUES (?1, ?2, 'sig', ?3, 0, ?4, ?5, unixepoch())",
    )?
    .execute(params![key.kid, realm_id, key.alg, key.private.0, key.public_jwk])?;
    Ok(())
}
