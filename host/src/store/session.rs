//! Sign-ins in the store, and the clients that take part in them.

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{StoreError, grant, seconds, time};
use crate::realm::{ClientSession, Realm, Session};

const SESSION: &str =
    "SELECT id, user_id, started_at, auth_time, last_access, expires_at, ip_address, remember_me,
    offline, notes FROM session WHERE realm_id = ?1";

fn session(row: &Row<'_>) -> Result<Result<Session, StoreError>, rusqlite::Error> {
    let notes: String = row.get(9)?;
    let notes = match serde_json::from_str(&notes) {
        Ok(notes) => notes,
        Err(error) => return Ok(Err(error.into())),
    };
    Ok(Ok(Session {
        id: row.get(0)?,
        user_id: row.get(1)?,
        started_at: time(row.get(2)?),
        auth_time: row.get::<_, Option<i64>>(3)?.map(time),
        last_access: time(row.get(4)?),
        expires_at: time(row.get(5)?),
        ip_address: row.get(6)?,
        remember_me: row.get(7)?,
        offline: row.get(8)?,
        notes,
    }))
}

/// Stores a sign-in, or what has become of it
pub fn put(tx: &Transaction<'_>, realm_id: &str, session: &Session) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO session (id, realm_id, user_id, started_at, auth_time, last_access, expires_at, ip_address,
            remember_me, offline, notes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO UPDATE SET auth_time = ?5, last_access = ?6, expires_at = ?7, notes = ?11",
    )?
    .execute(params![
        session.id,
        realm_id,
        session.user_id,
        seconds(session.started_at),
        session.auth_time.map(seconds),
        seconds(session.last_access),
        seconds(session.expires_at),
        session.ip_address,
        session.remember_me,
        session.offline,
        serde_json::to_string(&session.notes)?,
    ])?;
    Ok(())
}

/// The sign-in of this id, if it has not ended
pub fn live(
    tx: &Transaction<'_>,
    realm: &Realm,
    id: &str,
    now: UnixTime,
) -> Result<Option<Session>, StoreError> {
    let found = tx
        .prepare_cached(&format!("{SESSION} AND id = ?2"))?
        .query_row(params![realm.id, id], session)
        .optional()?
        .transpose()?;
    Ok(found.filter(|session| session.is_live(realm, now)))
}

/// The sign-ins of a user that have not ended, the newest first
pub fn of_user(
    tx: &Transaction<'_>,
    realm: &Realm,
    user_id: &str,
    now: UnixTime,
) -> Result<Vec<Session>, StoreError> {
    let mut statement =
        tx.prepare_cached(&format!("{SESSION} AND user_id = ?2 ORDER BY started_at DESC, id"))?;
    let rows = statement.query_map(params![realm.id, user_id], session)?;
    let all = rows.map(|row| row?).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(all.into_iter().filter(|session| session.is_live(realm, now)).collect())
}

/// The newest sign-ins of a user that have not ended, at most so many looked at
pub fn newest_of_user(
    tx: &Transaction<'_>,
    realm: &Realm,
    user_id: &str,
    most: u64,
    now: UnixTime,
) -> Result<Vec<Session>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut statement =
        tx.prepare_cached(&format!("{SESSION} AND user_id = ?2 ORDER BY started_at DESC LIMIT ?3"))?;
    let rows = statement.query_map(params![realm.id, user_id, most], session)?;
    let all = rows.map(|row| row?).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(all.into_iter().filter(|session| session.is_live(realm, now)).collect())
}

/// The sign-ins in which a client takes part and that have not ended, the newest first
pub fn of_client(
    tx: &Transaction<'_>,
    realm: &Realm,
    client_id: &str,
    now: UnixTime,
) -> Result<Vec<Session>, StoreError> {
    let mut statement = tx.prepare_cached(&format!(
        "{SESSION} AND offline = 0 AND id IN (SELECT session_id FROM client_session WHERE client_id = ?2)
         ORDER BY started_at DESC, id"
    ))?;
    let rows = statement.query_map(params![realm.id, client_id], session)?;
    let all = rows.map(|row| row?).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(all.into_iter().filter(|session| session.is_live(realm, now)).collect())
}

/// Says that a sign-in was used now; [`StoreError::Missing`] if it has ended meanwhile
pub fn touch(tx: &Transaction<'_>, realm: &Realm, id: &str, now: UnixTime) -> Result<Session, StoreError> {
    let used = live(tx, realm, id, now)?.ok_or(StoreError::Missing)?.used(realm, now);
    put(tx, &realm.id, &used)?;
    Ok(used)
}

/// A client that gets tokens of a sign-in
#[derive(Debug)]
pub struct Entry<'a> {
    /// The sign-in
    pub session: &'a Session,
    /// It begins with this; otherwise it must still go on
    pub begins: bool,
    /// Internal id of the client
    pub client_id: &'a str,
    /// `acr` of its tokens; absent: as before
    pub acr: Option<&'a str>,
}

/// Stores that a client gets tokens of a sign-in; [`StoreError::Missing`] if that has ended meanwhile
pub fn enter(
    tx: &Transaction<'_>,
    realm: &Realm,
    entry: &Entry<'_>,
    now: UnixTime,
) -> Result<(Session, ClientSession), StoreError> {
    let session = if entry.begins {
        put(tx, &realm.id, entry.session)?;
        entry.session.clone()
    } else {
        touch(tx, realm, &entry.session.id, now)?
    };
    join(tx, &session.id, entry.client_id, entry.acr, now)?;
    let part = part(tx, &session.id, entry.client_id)?.ok_or(StoreError::Missing)?;
    Ok((session, part))
}

/// Ends a sign-in; tokens that name it are dead
pub fn end(tx: &Transaction<'_>, id: &str) -> Result<usize, StoreError> {
    Ok(tx.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([id])?)
}

/// Ends every sign-in of a realm
pub fn end_all(tx: &Transaction<'_>, realm_id: &str) -> Result<usize, StoreError> {
    Ok(tx.prepare_cached("DELETE FROM session WHERE realm_id = ?1")?.execute([realm_id])?)
}

/// Says that a client takes part in a sign-in, or does again; without `acr` that stays as it is
pub fn join(
    tx: &Transaction<'_>,
    session_id: &str,
    client_id: &str,
    acr: Option<&str>,
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO client_session (session_id, client_id, started_at, refreshed_at, acr)
         VALUES (?1, ?2, ?3, ?3, ifnull(?4, '1'))
         ON CONFLICT (session_id, client_id) DO UPDATE SET refreshed_at = ?3, acr = ifnull(?4, acr)",
    )?
    .execute(params![session_id, client_id, seconds(now), acr])?;
    Ok(())
}

/// Ends a client's part in a sign-in; its tokens are dead
pub fn leave(tx: &Transaction<'_>, session_id: &str, client_id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM client_session WHERE session_id = ?1 AND client_id = ?2")?
        .execute([session_id, client_id])?;
    Ok(())
}

fn client_session(row: &Row<'_>) -> rusqlite::Result<ClientSession> {
    Ok(ClientSession {
        client_id: row.get(0)?,
        started_at: time(row.get(1)?),
        refreshed_at: time(row.get(2)?),
        acr: row.get(3)?,
    })
}

/// A client's part in a sign-in
pub fn part(
    tx: &Transaction<'_>,
    session_id: &str,
    client_id: &str,
) -> Result<Option<ClientSession>, StoreError> {
    Ok(tx
        .prepare_cached(
            "SELECT client_id, started_at, refreshed_at, acr FROM client_session
             WHERE session_id = ?1 AND client_id = ?2",
        )?
        .query_row([session_id, client_id], client_session)
        .optional()?)
}

/// The clients that take part in a sign-in
pub fn parts(tx: &Transaction<'_>, session_id: &str) -> Result<Vec<ClientSession>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT client_id, started_at, refreshed_at, acr FROM client_session
         WHERE session_id = ?1 ORDER BY started_at, client_id",
    )?;
    let parts = statement.query_map([session_id], client_session)?.collect::<Result<_, _>>()?;
    Ok(parts)
}

/// Ends a client's part in a sign-in with what hangs on it, and the sign-in itself where it was the last part
pub fn withdraw(tx: &Transaction<'_>, session_id: &str, client_id: &str) -> Result<(), StoreError> {
    leave(tx, session_id, client_id)?;
    tx.prepare_cached("DELETE FROM grant_row WHERE session_id = ?1 AND client_id = ?2")?
        .execute([session_id, client_id])?;
    if parts(tx, session_id)?.is_empty() {
        end(tx, session_id)?;
    }
    Ok(())
}

/// Counts a use of a refresh token; false where it was used more often than once and `reuse` times again
pub fn use_refresh_token(
    tx: &Transaction<'_>,
    jti: &str,
    session_id: &str,
    reuse: u64,
    expires_at: UnixTime,
) -> Result<bool, StoreError> {
    let uses: i64 = tx
        .prepare_cached(
            "INSERT INTO refresh_use (jti, session_id, uses, expires_at) VALUES (?1, ?2, 1, ?3)
             ON CONFLICT (jti) DO UPDATE SET uses = uses + 1 RETURNING uses",
        )?
        .query_row(params![jti, session_id, seconds(expires_at)], |row| row.get(0))?;
    Ok(uses.unsigned_abs() <= reuse.saturating_add(1))
}

/// Takes an access token back before its time; if it is an RPT, its record says so too (RFC 7009 §2)
pub fn revoke(tx: &Transaction<'_>, jti: &str, expires_at: UnixTime) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR IGNORE INTO revoked (jti, expires_at) VALUES (?1, ?2)")?
        .execute(params![jti, seconds(expires_at)])?;
    grant::invalidate(tx, jti)
}

/// Whether an access token was taken back
pub fn is_revoked(tx: &Transaction<'_>, jti: &str) -> Result<bool, StoreError> {
    Ok(tx.prepare_cached("SELECT 1 FROM revoked WHERE jti = ?1")?.exists([jti])?)
}

/// Remembers something that is good for one time; false if it was there before
pub fn spend(tx: &Transaction<'_>, name: &str, until: UnixTime) -> Result<bool, StoreError> {
    let inserted = tx
        .prepare_cached("INSERT OR IGNORE INTO redeemed (jti, expires_at) VALUES (?1, ?2)")?
        .execute(params![name, seconds(until)])?;
    Ok(inserted > 0)
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
