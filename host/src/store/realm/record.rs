//! Realms as administrators change them.

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{super::document, StoreError, by_name, touch};
use crate::{
    realm::{MASTER, Realm, RealmSettings},
    representation::Members,
    store::{client, role, seconds, session},
};

/// What is kept of a realm and read by nothing here
pub fn kept(tx: &Transaction<'_>, realm_id: &str) -> Result<Members, StoreError> {
    Ok(tx
        .prepare_cached("SELECT kept FROM realm WHERE id = ?1")?
        .query_row([realm_id], |row| document(row, 0))
        .optional()?
        .unwrap_or_default())
}

/// Stores a new realm.
///
/// Its first version is one that no earlier realm of this name or id has had, so that nothing that was kept in memory
/// of that one passes for this one.
pub fn insert(tx: &Transaction<'_>, realm: &Realm, kept: &Members, now: UnixTime) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO realm (id, name, enabled, version, not_before, settings, kept, created_at)
         VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER), ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        realm.id,
        realm.name,
        realm.enabled,
        seconds(realm.not_before),
        serde_json::to_string(&realm.settings)?,
        serde_json::to_string(kept)?,
        seconds(now),
    ])?;
    Ok(())
}

/// Replaces what a realm is; a realm that is switched off, or whose older tokens are dead, ends its sign-ins
pub fn update(tx: &Transaction<'_>, realm: &Realm, kept: &Members) -> Result<(), StoreError> {
    let (name, enabled, not_before): (String, bool, i64) = tx
        .prepare_cached("SELECT name, enabled, not_before FROM realm WHERE id = ?1")?
        .query_row([&realm.id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    tx.prepare_cached(
        "UPDATE realm SET name = ?2, enabled = ?3, not_before = ?4, settings = ?5, kept = ?6 WHERE id = ?1",
    )?
    .execute(params![
        realm.id,
        realm.name,
        realm.enabled,
        seconds(realm.not_before),
        serde_json::to_string(&realm.settings)?,
        serde_json::to_string(kept)?,
    ])?;
    if enabled && !realm.enabled || seconds(realm.not_before) > not_before {
        session::end_all(tx, &realm.id)?;
    }
    if name != realm.name {
        rename_management(tx, &name, &realm.name)?;
    }
    touch(tx, &realm.id)
}

/// Puts other settings in the place of those of a realm
pub fn set_settings(
    tx: &Transaction<'_>,
    realm_id: &str,
    settings: &RealmSettings,
) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE realm SET settings = ?2 WHERE id = ?1")?
        .execute(params![realm_id, serde_json::to_string(settings)?])?;
    touch(tx, realm_id)
}

/// The settings of a realm as they are in this transaction: what a change begins with
pub fn settings(tx: &Transaction<'_>, realm_id: &str) -> Result<RealmSettings, StoreError> {
    Ok(tx
        .prepare_cached("SELECT settings FROM realm WHERE id = ?1")?
        .query_row([realm_id], |row| document(row, 0))?)
}

/// Removes a realm with everything in it, and its client in the realm of the administrators
pub fn delete(tx: &Transaction<'_>, realm: &Realm, now: UnixTime) -> Result<(), StoreError> {
    let removed = tx.prepare_cached("DELETE FROM realm WHERE id = ?1")?.execute([&realm.id])?;
    if removed == 0 {
        return Err(StoreError::Missing);
    }
    let Some(master) = by_name(tx, MASTER)? else { return Ok(()) };
    match client::by_client_id(tx, &master.id, &management_name(&realm.name))? {
        Some(record) => client::delete(tx, &master.id, &record.client.id, now),
        None => Ok(()),
    }
}

/// The client of `master` whose roles open a realm to administrators
pub fn management_name(realm: &str) -> String {
    format!("{realm}-realm")
}

fn rename_management(tx: &Transaction<'_>, from: &str, to: &str) -> Result<(), StoreError> {
    let Some(master) = by_name(tx, MASTER)? else { return Ok(()) };
    tx.prepare_cached("UPDATE client SET client_id = ?3 WHERE realm_id = ?1 AND client_id = ?2")?
        .execute([&master.id, &management_name(from), &management_name(to)])?;
    touch(tx, &master.id)
}

/// Makes the client of `master` whose roles open a realm to administrators, and gives them to whoever made the realm
/// without being the administrator of all
pub fn open_to_administrators(
    tx: &Transaction<'_>,
    realm: &str,
    maker: Option<&str>,
) -> Result<(), StoreError> {
    let Some(master) = by_name(tx, MASTER)? else { return Ok(()) };
    let name = management_name(realm);
    if client::by_client_id(tx, &master.id, &name)?.is_some() {
        return Ok(());
    }
    let record = crate::realm::built_in::clients::management(&name, realm);
    client::insert(tx, &master.id, &record)?;
    for made in crate::realm::built_in::clients::management_roles() {
        let role =
            role::RoleRecord { id: super::super::new_id(), client: Some(record.client.id.clone()), ..made };
        role::insert(tx, &master.id, &role)?;
        if let Some(maker) = maker {
            role::give(tx, role::Holder::User, maker, &role.id)?;
        }
    }
    Ok(())
}
