//! The status of issued RPTs, as guards follow it (Token Status List; design §5).
//!
//! Marks are set where permissions are taken away ([`super::grant`]); the schema numbers them.

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{StoreError, seconds};

/// Places that a list has at first; a list is sent compressed, so that unused places cost nothing
pub const PLACES: u64 = 1 << 20;
/// Places that a list has at most: 4 MiB of entries of two bits, more than guards unpack
pub const MOST_PLACES: u64 = 1 << 24;
/// Changes that are kept for guards that were cut off; whoever has missed more loads the list again
const KEPT: i64 = 100_000;
/// Places by which it is told how full a list is
const SAMPLE: u64 = 16_384;
/// A list has so many places for each live token, that a place drawn at random is free as a rule
const ROOM: u64 = 8;

/// A change of one token's status
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Its number in the realm, without gaps
    pub seq: u64,
    /// The token's place in the list
    pub place: u64,
    /// What the list says of it now: 1 invalid, 3 narrowed
    pub status: u8,
}

/// Number of the last change in a realm, and how many places its list has
pub fn state(tx: &Transaction<'_>, realm_id: &str) -> Result<(u64, u64), StoreError> {
    let found = tx
        .prepare_cached("SELECT seq, places FROM status_list WHERE realm_id = ?1")?
        .query_row([realm_id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    Ok(found.map_or((0, PLACES), |(seq, places)| (seq.unsigned_abs(), places.unsigned_abs())))
}

/// Whether no token has this place
pub fn is_free(tx: &Transaction<'_>, realm_id: &str, place: u64) -> Result<bool, StoreError> {
    let taken = tx
        .prepare_cached("SELECT 1 FROM rpt WHERE realm_id = ?1 AND status_index = ?2")?
        .exists(params![realm_id, i64::try_from(place).unwrap_or(i64::MAX)])?;
    Ok(!taken)
}

/// Places and marks of the live tokens that are not as they were issued
pub fn marked(tx: &Transaction<'_>, realm_id: &str, now: UnixTime) -> Result<Vec<(u64, u8)>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT status_index, status FROM rpt
         WHERE realm_id = ?1 AND status <> 0 AND expires_at >= ?2 AND status_index IS NOT NULL",
    )?;
    let rows = statement.query_map(params![realm_id, seconds(now)], |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, u8>(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The changes after a number, in order, at most `limit`
pub fn changes(
    tx: &Transaction<'_>,
    realm_id: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<Change>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT seq, status_index, status FROM status_change
         WHERE realm_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![realm_id, after, limit], |row| {
        Ok(Change {
            seq: row.get::<_, i64>(0)?.unsigned_abs(),
            place: row.get::<_, i64>(1)?.unsigned_abs(),
            status: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes lists longer whose tokens have become many, and forgets old changes, some of them a call
pub(super) fn tend(tx: &Transaction<'_>) -> Result<(), StoreError> {
    let realms: Vec<String> = tx
        .prepare_cached("SELECT id FROM realm")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for realm_id in realms {
        let (seq, places) = state(tx, &realm_id)?;
        // Places are drawn at random: how full the first ones are is how full the list is.
        let looked_at = places.min(SAMPLE);
        let tokens: i64 = tx
            .prepare_cached("SELECT count(*) FROM rpt WHERE realm_id = ?1 AND status_index < ?2")?
            .query_row(params![realm_id, i64::try_from(looked_at).unwrap_or(i64::MAX)], |row| row.get(0))?;
        if tokens.unsigned_abs().saturating_mul(ROOM) > looked_at && places < MOST_PLACES {
            let places = i64::try_from(places.saturating_mul(2)).unwrap_or(i64::MAX);
            tx.prepare_cached(
                "INSERT INTO status_list (realm_id, places) VALUES (?1, ?2)
                 ON CONFLICT (realm_id) DO UPDATE SET places = ?2",
            )?
            .execute(params![realm_id, places])?;
        }
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        tx.prepare_cached(
            "DELETE FROM status_change WHERE realm_id = ?1 AND seq IN
             (SELECT seq FROM status_change WHERE realm_id = ?1 AND seq <= ?2 - ?3 ORDER BY seq LIMIT 5000)",
        )?
        .execute(params![realm_id, seq, KEPT])?;
    }
    Ok(())
}
