//! Clients as administrators change them.

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{
    Part, StoreError, document, forget, party, realm, resource::containing, role, seconds, time, user,
};
use crate::{
    realm::{Client, Sealed, UMA_PROTECTION},
    representation::Members,
};

/// A client with what is kept of it
#[derive(Debug, Clone)]
pub struct ClientRecord {
    /// The client
    pub client: Client,
    /// Members that nothing here reads
    pub kept: Members,
}

const CLIENT: &str =
    "SELECT id, client_id, enabled, secret, not_before, settings, kept FROM client WHERE realm_id = ?1";

fn record(row: &Row<'_>) -> rusqlite::Result<ClientRecord> {
    let client = Client {
        id: row.get(0)?,
        client_id: row.get(1)?,
        enabled: row.get(2)?,
        secret: row.get::<_, Option<Vec<u8>>>(3)?.map(Sealed),
        not_before: time(row.get(4)?),
        settings: document(row, 5)?,
    };
    Ok(ClientRecord { client, kept: document(row, 6)? })
}

/// The client of this internal id
pub fn by_id(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<Option<ClientRecord>, StoreError> {
    let sql = format!("{CLIENT} AND id = ?2");
    Ok(tx.prepare_cached(&sql)?.query_row([realm_id, id], record).optional()?)
}

/// The client of this public name
pub fn by_client_id(
    tx: &Transaction<'_>,
    realm_id: &str,
    client_id: &str,
) -> Result<Option<ClientRecord>, StoreError> {
    let sql = format!("{CLIENT} AND client_id = ?2");
    Ok(tx.prepare_cached(&sql)?.query_row([realm_id, client_id], record).optional()?)
}

/// Clients by public name; behind one of them, or a part; `search` is part of the name
pub fn list(
    tx: &Transaction<'_>,
    realm_id: &str,
    search: Option<&str>,
    part: Part<'_>,
) -> Result<Vec<ClientRecord>, StoreError> {
    let place = "SELECT client_id FROM client WHERE id = ?1 AND realm_id = ?2";
    let (after, first) = part.begin::<String>(tx, place, realm_id)?;
    let sql = format!(
        "{CLIENT} AND (?2 IS NULL OR client_id LIKE ?2 ESCAPE '\\') AND client_id > ?5
         ORDER BY client_id LIMIT ?4 OFFSET ?3"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let values = params![realm_id, search.map(containing), first, part.max, after.unwrap_or_default()];
    Ok(statement.query_map(values, record)?.collect::<Result<_, _>>()?)
}

/// Stores a new client
pub fn insert(tx: &Transaction<'_>, realm_id: &str, record: &ClientRecord) -> Result<(), StoreError> {
    let ClientRecord { client, kept } = record;
    tx.prepare_cached(
        "INSERT INTO client (id, realm_id, client_id, enabled, secret, settings, kept, not_before)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        client.id,
        realm_id,
        client.client_id,
        client.enabled,
        client.secret.as_ref().map(|sealed| &sealed.0),
        serde_json::to_string(&client.settings)?,
        serde_json::to_string(kept)?,
        seconds(client.not_before),
    ])?;
    Ok(())
}

/// Replaces a client; what that takes from live tokens ends in the same transaction
pub fn update(
    tx: &Transaction<'_>,
    realm_id: &str,
    record: &ClientRecord,
    default_role: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    let ClientRecord { client, kept } = record;
    let before = by_id(tx, realm_id, &client.id)?.ok_or(StoreError::Missing)?.client;
    tx.prepare_cached(
        "UPDATE client SET client_id = ?3, enabled = ?4, secret = ?5, settings = ?6, kept = ?7, not_before = ?8
         WHERE realm_id = ?1 AND id = ?2",
    )?
    .execute(params![
        realm_id,
        client.id,
        client.client_id,
        client.enabled,
        client.secret.as_ref().map(|sealed| &sealed.0),
        serde_json::to_string(&client.settings)?,
        serde_json::to_string(kept)?,
        seconds(client.not_before),
    ])?;
    if before.enabled && !client.enabled || client.not_before > before.not_before {
        party::end_client(tx, &client.id, now)?;
    }
    if before.client_id != client.client_id {
        tx.prepare_cached("UPDATE user SET username = ?2 WHERE service_client = ?1")?
            .execute([&client.id, &service_account_name(&client.client_id)])?;
    }
    match (before.settings.authorization_services_enabled, client.settings.authorization_services_enabled) {
        (true, false) => switch_off(tx, &client.id, now)?,
        (false, true) => switch_on(tx, &client.id)?,
        (true, true) | (false, false) => {}
    }
    service_account(tx, realm_id, client, default_role, now)?;
    realm::touch(tx, realm_id)
}

/// Removes a client with everything below it
pub fn delete(tx: &Transaction<'_>, realm_id: &str, id: &str, now: UnixTime) -> Result<(), StoreError> {
    let before = by_id(tx, realm_id, id)?.ok_or(StoreError::Missing)?.client;
    party::end_client(tx, id, now)?;
    party::forget(tx, realm_id, id, now)?;
    for role in role::list(tx, realm_id, Some(id), None, Part::ALL)? {
        forget::forget(tx, realm_id, forget::Kind::Role, &role.id)?;
    }
    if let Some(account) = user::service_account(tx, realm_id, id)? {
        forget::forget(tx, realm_id, forget::Kind::User, &account.id)?;
    }
    forget::forget(tx, realm_id, forget::Kind::Client, id)?;
    tx.prepare_cached("DELETE FROM scope_role WHERE holder = ?1")?.execute([id])?;
    tx.prepare_cached("DELETE FROM client WHERE id = ?1")?.execute([&before.id])?;
    realm::touch(tx, realm_id)
}

/// What the service account of a client is called
pub fn service_account_name(client_id: &str) -> String {
    format!("service-account-{}", client_id.to_lowercase())
}

/// The longest life that a client of the realm gives its tokens, in seconds; 0 where none says so
pub fn longest_token(tx: &Transaction<'_>, realm_id: &str) -> Result<u64, StoreError> {
    let sql = r#"SELECT ifnull(max(CAST(settings ->> '$.attributes."access.token.lifespan"' AS INTEGER)), 0)
                 FROM client WHERE realm_id = ?1"#;
    let longest: i64 = tx.prepare_cached(sql)?.query_row([realm_id], |row| row.get(0))?;
    Ok(u64::try_from(longest).unwrap_or(0))
}

/// Makes, completes or removes the service account, as the settings say (wire §9.6, §12)
pub fn service_account(
    tx: &Transaction<'_>,
    realm_id: &str,
    client: &Client,
    default_role: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    let known = user::service_account(tx, realm_id, &client.id)?;
    if !client.settings.service_accounts_enabled {
        if let Some(account) = known {
            user::people::delete(tx, realm_id, &account.id, now)?;
        }
        return Ok(());
    }
    let account = if let Some(account) = known {
        account.id
    } else {
        let mut account = user::people::UserRecord::named(&service_account_name(&client.client_id), now);
        account.user.service_client = Some(client.id.clone());
        user::people::insert(tx, realm_id, &account)?;
        if let Some(role) = role::by_name(tx, realm_id, None, default_role)? {
            role::give(tx, role::Holder::User, &account.user.id, &role.id)?;
        }
        account.user.id
    };
    if client.settings.authorization_services_enabled {
        let role = uma_protection(tx, realm_id, &client.id)?;
        role::give(tx, role::Holder::User, &account, &role)?;
    }
    Ok(())
}

/// The client role that opens the protection API, made if it is not there
fn uma_protection(tx: &Transaction<'_>, realm_id: &str, client: &str) -> Result<String, StoreError> {
    if let Some(role) = role::by_name(tx, realm_id, Some(client), UMA_PROTECTION)? {
        return Ok(role.id);
    }
    let role = role::RoleRecord {
        id: super::new_id(),
        name: UMA_PROTECTION.to_owned(),
        client: Some(client.to_owned()),
        ..role::RoleRecord::default()
    };
    role::insert(tx, realm_id, &role)?;
    Ok(role.id)
}

/// A resource server without anything below it, with Keycloak's defaults (wire §12)
fn switch_on(tx: &Transaction<'_>, id: &str) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR IGNORE INTO resource_server (id, mode, strategy, remote)
         VALUES (?1, 'ENFORCING', 'UNANIMOUS', 1)",
    )?
    .execute([id])?;
    Ok(())
}

fn switch_off(tx: &Transaction<'_>, id: &str, now: UnixTime) -> Result<(), StoreError> {
    party::end_server(tx, id, now)?;
    tx.prepare_cached("DELETE FROM resource_server WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Takes a client scope that was deleted out of the lists of every client
pub fn without_scope(
    tx: &Transaction<'_>,
    realm_id: &str,
    scope: &crate::realm::ClientScope,
) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM scope_role WHERE holder = ?1")?.execute([&scope.id])?;
    for mut record in list(tx, realm_id, None, Part::ALL)? {
        let settings = &mut record.client.settings;
        let lists = [&mut settings.default_client_scopes, &mut settings.optional_client_scopes];
        let mut changed = false;
        for names in lists.into_iter().flatten() {
            let before = names.len();
            names.retain(|name| *name != scope.name);
            changed |= names.len() < before;
        }
        if changed {
            tx.prepare_cached("UPDATE client SET settings = ?2 WHERE id = ?1")?
                .execute(params![record.client.id, serde_json::to_string(&record.client.settings)?])?;
        }
    }
    Ok(())
}

/// Public names of clients by internal id
pub fn names(tx: &Transaction<'_>, realm_id: &str) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = tx.prepare_cached("SELECT id, client_id FROM client WHERE realm_id = ?1")?;
    let names = statement.query_map([realm_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(names.collect::<Result<_, _>>()?)
}
