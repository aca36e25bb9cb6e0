//! Claims that people give at a page of their own, and those that they let be remembered (Grant §3.3.2, §3.3.5).
//!
//! Ids and tokens are stored as digests, claims sealed: the file alone gives neither away.

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{
    StoreError,
    grant::{self, Redemption, SpentTicket},
    seconds, time,
};
use crate::{realm::Sealed, sign_in::Token};

/// A page that asks somebody for claims
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Internal id of the client that sent the browser
    pub client_id: String,
    /// Digest of the browser's cookie
    pub browser: Vec<u8>,
    /// What only the server knows of it
    pub about: Sealed,
    /// Its last second
    pub expires_at: UnixTime,
}

/// What somebody has said at such a page
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    /// Internal id of the client for whose ticket
    pub client_id: String,
    /// Who
    pub user_id: String,
    /// In which sign-in
    pub session_id: String,
    /// What
    pub claims: Sealed,
    /// He lets it be remembered
    pub remember: bool,
    /// Until when it counts
    pub expires_at: UnixTime,
}

/// What a persisted claims token stands for
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persisted {
    /// Internal id of the client that it was issued to
    pub client_id: String,
    /// Whose claims
    pub user_id: String,
    /// The claims
    pub claims: Sealed,
    /// When they were given
    pub created_at: UnixTime,
    /// Their last second
    pub expires_at: UnixTime,
}

/// Uses a ticket up and begins a page, both or nothing
pub fn begin(
    tx: &Transaction<'_>,
    realm_id: &str,
    ticket: &SpentTicket,
    id: &Token,
    interaction: &Interaction,
) -> Result<Redemption, StoreError> {
    if !grant::use_up(tx, ticket)? {
        return Ok(Redemption::Spent);
    }
    tx.prepare_cached(
        "INSERT INTO interaction (digest, realm_id, client_id, browser, about, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        id.digest(),
        realm_id,
        interaction.client_id,
        interaction.browser,
        interaction.about.0,
        seconds(interaction.expires_at),
    ])?;
    Ok(Redemption::Recorded)
}

/// The page of this id, if it goes on
pub fn interaction(
    tx: &Transaction<'_>,
    realm_id: &str,
    id: &Token,
    now: UnixTime,
) -> Result<Option<Interaction>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT client_id, browser, about, expires_at FROM interaction
             WHERE digest = ?1 AND realm_id = ?2 AND expires_at >= ?3",
        )?
        .query_row(params![id.digest(), realm_id, seconds(now)], |row| {
            Ok(Interaction {
                client_id: row.get(0)?,
                browser: row.get(1)?,
                about: Sealed(row.get(2)?),
                expires_at: time(row.get(3)?),
            })
        })
        .optional()?;
    Ok(found)
}

/// Ends a page; false if that was done before
pub fn end(tx: &Transaction<'_>, id: &Token) -> Result<bool, StoreError> {
    Ok(tx.prepare_cached("DELETE FROM interaction WHERE digest = ?1")?.execute([id.digest()])? == 1)
}

/// Stores what somebody has said for the tickets of a line, in the place of what was said before
pub fn put(tx: &Transaction<'_>, realm_id: &str, line: &str, said: &Gathered) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO gathered (line, realm_id, client_id, user_id, session_id, claims, remember, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        line,
        realm_id,
        said.client_id,
        said.user_id,
        said.session_id,
        said.claims.0,
        said.remember,
        seconds(said.expires_at),
    ])?;
    Ok(())
}

/// What somebody has said for the tickets of a line
pub fn gathered(
    tx: &Transaction<'_>,
    realm_id: &str,
    line: &str,
    now: UnixTime,
) -> Result<Option<Gathered>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT client_id, user_id, session_id, claims, remember, expires_at FROM gathered
             WHERE line = ?1 AND realm_id = ?2 AND expires_at >= ?3",
        )?
        .query_row(params![line, realm_id, seconds(now)], |row| {
            Ok(Gathered {
                client_id: row.get(0)?,
                user_id: row.get(1)?,
                session_id: row.get(2)?,
                claims: Sealed(row.get(3)?),
                remember: row.get(4)?,
                expires_at: time(row.get(5)?),
            })
        })
        .optional()?;
    Ok(found)
}

/// Forgets what was said for a line that is at its end
pub fn forget(tx: &Transaction<'_>, line: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM gathered WHERE line = ?1")?.execute([line])?;
    Ok(())
}

/// Remembers claims under a token
pub fn persist(
    tx: &Transaction<'_>,
    realm_id: &str,
    token: &Token,
    persisted: &Persisted,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO pct (digest, realm_id, client_id, user_id, claims, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        token.digest(),
        realm_id,
        persisted.client_id,
        persisted.user_id,
        persisted.claims.0,
        seconds(persisted.created_at),
        seconds(persisted.expires_at),
    ])?;
    Ok(())
}

fn persisted_row(row: &Row<'_>) -> rusqlite::Result<Persisted> {
    Ok(Persisted {
        client_id: row.get(0)?,
        user_id: row.get(1)?,
        claims: Sealed(row.get(2)?),
        created_at: time(row.get(3)?),
        expires_at: time(row.get(4)?),
    })
}

/// What a persisted claims token stands for, whoever sent it
pub fn persisted(
    tx: &Transaction<'_>,
    realm_id: &str,
    token: &Token,
    now: UnixTime,
) -> Result<Option<Persisted>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT client_id, user_id, claims, created_at, expires_at FROM pct
             WHERE digest = ?1 AND realm_id = ?2 AND expires_at >= ?3",
        )?
        .query_row(params![token.digest(), realm_id, seconds(now)], persisted_row)
        .optional()?;
    Ok(found)
}

/// Forgets what a client's token stands for; false if it is none of its own
pub fn revoke(tx: &Transaction<'_>, client_id: &str, token: &Token) -> Result<bool, StoreError> {
    let gone = tx
        .prepare_cached("DELETE FROM pct WHERE digest = ?1 AND client_id = ?2")?
        .execute(params![token.digest(), client_id])?;
    Ok(gone == 1)
}

/// Forgets everything that a person lets be remembered for a client
pub fn forget_all(tx: &Transaction<'_>, user_id: &str, client_id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM pct WHERE user_id = ?1 AND client_id = ?2")?
        .execute([user_id, client_id])?;
    Ok(())
}
