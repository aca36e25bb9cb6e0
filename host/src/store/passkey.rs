//! Passkeys in the store, and the challenges that they have answered.

use countersign_core::time::UnixTime;
use rusqlite::{Transaction, params};

use super::{StoreError, seconds, user::Credential};
use crate::sign_in::passkey::{Challenge, KIND};

/// Passkeys that one user may have
const MOST: i64 = 50;

/// The passkeys of a user, the oldest first
pub fn of_user(tx: &Transaction<'_>, user_id: &str) -> Result<Vec<Credential>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT id, secret_data, credential_data FROM credential
         WHERE user_id = ?1 AND type = ?2 ORDER BY created_at, id",
    )?;
    let rows = statement.query_map([user_id, KIND], |row| {
        Ok(Credential { id: row.get(0)?, secret_data: row.get(1)?, credential_data: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether a user has this passkey
pub fn has(tx: &Transaction<'_>, user_id: &str, id: &str) -> Result<bool, StoreError> {
    Ok(tx
        .prepare_cached("SELECT 1 FROM credential WHERE user_id = ?1 AND type = ?2 AND id = ?3")?
        .exists([user_id, KIND, id])?)
}

/// Stores a passkey under the name that its owner gave it, and uses its challenge up; false if that was done before, or
/// the user has too many
pub fn put(
    tx: &Transaction<'_>,
    user_id: &str,
    (passkey, label): (&Credential, &str),
    challenge: (&Challenge, UnixTime),
    now: UnixTime,
) -> Result<bool, StoreError> {
    let count: i64 = tx
        .prepare_cached("SELECT count(*) FROM credential WHERE user_id = ?1 AND type = ?2")?
        .query_row([user_id, KIND], |row| row.get(0))?;
    if count >= MOST || !answered(tx, challenge)? {
        return Ok(false);
    }
    tx.prepare_cached(
        "INSERT INTO credential (id, user_id, type, secret_data, credential_data, created_at, label)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        passkey.id,
        user_id,
        KIND,
        passkey.secret_data,
        passkey.credential_data,
        seconds(now),
        label
    ])?;
    Ok(true)
}

/// Stores what a passkey has counted, and uses a challenge up; false if either has changed meanwhile
pub fn used(
    tx: &Transaction<'_>,
    before: &Credential,
    after: &Credential,
    challenge: &Challenge,
    until: UnixTime,
) -> Result<bool, StoreError> {
    if !answered(tx, (challenge, until))? {
        return Ok(false);
    }
    let changed = tx
        .prepare_cached("UPDATE credential SET credential_data = ?3 WHERE id = ?1 AND credential_data = ?2")?
        .execute([&before.id, &before.credential_data, &after.credential_data])?;
    Ok(changed == 1)
}

fn answered(tx: &Transaction<'_>, (challenge, until): (&Challenge, UnixTime)) -> Result<bool, StoreError> {
    let new = tx
        .prepare_cached("INSERT OR IGNORE INTO passkey_challenge (challenge, expires_at) VALUES (?1, ?2)")?
        .execute(params![challenge.text(), seconds(until)])?;
    Ok(new == 1)
}

/// Takes a passkey away from its owner; false if he has none of this id
pub fn remove(tx: &Transaction<'_>, user_id: &str, id: &str) -> Result<bool, StoreError> {
    let removed = tx
        .prepare_cached("DELETE FROM credential WHERE user_id = ?1 AND type = ?2 AND id = ?3")?
        .execute([user_id, KIND, id])?;
    Ok(removed == 1)
}
