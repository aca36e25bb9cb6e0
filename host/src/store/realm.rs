//! Realms and clients in the store.

mod record;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

pub use self::record::{
    delete, insert, kept, management_name, open_to_administrators, set_settings, settings, update,
};
use super::{StoreError, time};
use crate::realm::{Client, Realm, RealmSettings, Sealed, UmaSettings};

/// Id and version of the realm of this name
pub fn version(tx: &Transaction<'_>, name: &str) -> Result<Option<(String, u64)>, StoreError> {
    let found = tx
        .prepare_cached("SELECT id, version FROM realm WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))
        .optional()?;
    Ok(found)
}

/// The realm of this name
pub fn by_name(tx: &Transaction<'_>, name: &str) -> Result<Option<Realm>, StoreError> {
    let row = tx
        .prepare_cached("SELECT id, name, enabled, version, not_before, settings FROM realm WHERE name = ?1")?
        .query_row([name], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, bool>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, i64>(4)?,
                row.get::<_, String>(5)?,
            ))
        })
        .optional()?;
    let Some((id, name, enabled, version, not_before, settings)) = row else { return Ok(None) };
    let settings: RealmSettings = serde_json::from_str(&settings)?;
    // Checked when it was stored; a name that a newer version knows is left alone.
    let uma = UmaSettings::read(&settings.attributes).unwrap_or_default();
    let not_before = time(not_before);
    Ok(Some(Realm { id, name, enabled, version: version.unsigned_abs(), not_before, settings, uma }))
}

/// Names of all realms
pub fn names(tx: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT name FROM realm ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// Says that the realm, its clients, keys or people have changed
pub fn touch(tx: &Transaction<'_>, realm_id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE realm SET version = version + 1 WHERE id = ?1")?.execute([realm_id])?;
    Ok(())
}

const CLIENT: &str =
    "SELECT id, client_id, enabled, secret, not_before, settings FROM client WHERE realm_id = ?1";

fn client(row: &Row<'_>) -> Result<Result<Client, StoreError>, rusqlite::Error> {
    let settings: String = row.get(5)?;
    let secret: Option<Vec<u8>> = row.get(3)?;
    let (id, client_id, enabled, not_before) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?);
    Ok(serde_json::from_str(&settings).map_err(StoreError::from).map(|settings| Client {
        id,
        client_id,
        enabled,
        secret: secret.map(Sealed),
        not_before: time(not_before),
        settings,
    }))
}

/// The client of this public name
pub fn client_by_client_id(
    tx: &Transaction<'_>,
    realm_id: &str,
    client_id: &str,
) -> Result<Option<Client>, StoreError> {
    tx.prepare_cached(&format!("{CLIENT} AND client_id = ?2"))?
        .query_row(params![realm_id, client_id], client)
        .optional()?
        .transpose()
}

/// The client of this internal id
pub fn client_by_id(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<Option<Client>, StoreError> {
    tx.prepare_cached(&format!("{CLIENT} AND id = ?2"))?
        .query_row(params![realm_id, id], client)
        .optional()?
        .transpose()
}

/// The client that a token's `azp` or a parameter names: by public name, else by internal id (wire §2.1)
pub fn client_by_any_id(
    tx: &Transaction<'_>,
    realm_id: &str,
    name: &str,
) -> Result<Option<Client>, StoreError> {
    match client_by_client_id(tx, realm_id, name)? {
        Some(client) => Ok(Some(client)),
        None => client_by_id(tx, realm_id, name),
    }
}
