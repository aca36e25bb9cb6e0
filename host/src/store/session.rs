//! Sign-ins in the store.

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{StoreError, seconds, time};
use crate::realm::Session;

/// Stores a new sign-in
pub fn insert(tx: &Transaction<'_>, realm_id: &str, session: &Session) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO session (id, realm_id, user_id, started_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        session.id,
        realm_id,
        session.user_id,
        seconds(session.started_at),
        seconds(session.expires_at)
    ])?;
    Ok(())
}

/// The sign-in of this id, if it has not ended
pub fn live(
    tx: &Transaction<'_>,
    realm_id: &str,
    id: &str,
    now: UnixTime,
) -> Result<Option<Session>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT id, user_id, started_at, expires_at FROM session
             WHERE id = ?1 AND realm_id = ?2 AND expires_at >= ?3",
        )?
        .query_row(params![id, realm_id, seconds(now)], |row| {
            Ok(Session {
                id: row.get(0)?,
                user_id: row.get(1)?,
                started_at: time(row.get(2)?),
                expires_at: time(row.get(3)?),
            })
        })
        .optional()?;
    Ok(found)
}

/// Ends a sign-in; tokens that name it are dead
pub fn end(tx: &Transaction<'_>, id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// The resource server of a grant that was made to this client
pub fn grant_server(
    tx: &Transaction<'_>,
    grant_id: &str,
    client: &str,
) -> Result<Option<String>, StoreError> {
    let found = tx
        .prepare_cached("SELECT server_id FROM grant_row WHERE id = ?1 AND client_id = ?2")?
        .query_row([grant_id, client], |row| row.get(0))
        .optional()?;
    Ok(found)
}
