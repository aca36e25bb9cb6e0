//! What signing in leaves in the store: cookies, codes, consent, failures, and one-time codes that were used.

use std::collections::BTreeSet;

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, document, seconds, time, user::Credential};
use crate::{
    realm::Realm,
    sign_in::{Token, pkce::Challenge, throttle::Failures},
};

/// How long a spent code is remembered, in seconds
const SPENT: u64 = 3_600;
/// Browsers in which one user is known
const BROWSERS: i64 = 20;

/// What a code stands for besides its client and session
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Where it was sent: the token request must name it too (RFC 6749 §4.1.3)
    pub redirect_uri: String,
    /// The scopes that were asked for
    #[serde(default)]
    pub scope: Option<String>,
    /// For the ID token
    #[serde(default)]
    pub nonce: Option<String>,
    /// What the verifier must fit
    #[serde(default)]
    pub challenge: Option<Challenge>,
    /// `acr`: `0` where only a cookie spoke for the user
    pub acr: String,
}

/// A code that was found
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// Internal id of its client
    pub client_id: String,
    /// Its session
    pub session_id: String,
    /// What it stands for
    pub grant: Grant,
}

/// What came of redeeming a code
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeeming {
    /// There is none, or it is too late
    Unknown,
    /// Its first use
    First(Redeemed),
    /// It was used before: by whom it is known must be stopped
    Again(Redeemed),
}

/// Stores a new code
pub fn put_code(
    tx: &Transaction<'_>,
    realm_id: &str,
    code: &Token,
    redeemed: &Redeemed,
    valid_until: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO authorization_code (digest, realm_id, client_id, session_id, stands_for, valid_until, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        code.digest(),
        realm_id,
        redeemed.client_id,
        redeemed.session_id,
        serde_json::to_string(&redeemed.grant)?,
        seconds(valid_until),
        seconds(valid_until.plus(SPENT)),
    ])?;
    Ok(())
}

/// Uses a code up, whatever comes of it (RFC 6749 §4.1.2)
pub fn redeem(
    tx: &Transaction<'_>,
    realm_id: &str,
    code: &Token,
    now: UnixTime,
) -> Result<Redeeming, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT client_id, session_id, stands_for, valid_until, spent_at FROM authorization_code
             WHERE digest = ?1 AND realm_id = ?2",
        )?
        .query_row(params![code.digest(), realm_id], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, Option<i64>>(4)?,
            ))
        })
        .optional()?;
    let Some((client_id, session_id, stands_for, valid_until, spent_at)) = found else {
        return Ok(Redeeming::Unknown);
    };
    let redeemed = Redeemed { client_id, session_id, grant: serde_json::from_str(&stands_for)? };
    if spent_at.is_some() {
        return Ok(Redeeming::Again(redeemed));
    }
    tx.prepare_cached("UPDATE authorization_code SET spent_at = ?2 WHERE digest = ?1")?
        .execute(params![code.digest(), seconds(now)])?;
    Ok(if now <= time(valid_until) { Redeeming::First(redeemed) } else { Redeeming::Unknown })
}

/// The session that a browser's cookie shows
pub fn session_of(tx: &Transaction<'_>, cookie: &Token) -> Result<Option<String>, StoreError> {
    let found = tx
        .prepare_cached("SELECT session_id FROM sign_in_cookie WHERE digest = ?1")?
        .query_row([cookie.digest()], |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// Gives a session its cookie, in the place of the one it had
pub fn put_cookie(tx: &Transaction<'_>, session_id: &str, cookie: &Token) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM sign_in_cookie WHERE session_id = ?1")?.execute([session_id])?;
    tx.prepare_cached("INSERT INTO sign_in_cookie (digest, session_id) VALUES (?1, ?2)")?
        .execute(params![cookie.digest(), session_id])?;
    Ok(())
}

/// The scopes that a user has let a client have; nothing, if he was never asked
pub fn consent(
    tx: &Transaction<'_>,
    user_id: &str,
    client_id: &str,
) -> Result<Option<BTreeSet<String>>, StoreError> {
    let found: Option<String> = tx
        .prepare_cached("SELECT scopes FROM consent WHERE user_id = ?1 AND client_id = ?2")?
        .query_row([user_id, client_id], |row| row.get(0))
        .optional()?;
    Ok(found.map(|scopes| serde_json::from_str(&scopes)).transpose()?)
}

/// What a user lets a client have
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Names of client scopes
    pub scopes: BTreeSet<String>,
    /// Since when he lets it have anything
    pub created_at: UnixTime,
    /// When he last changed that
    pub changed_at: UnixTime,
}

fn consent_row(row: &Row<'_>) -> rusqlite::Result<(String, Consent)> {
    let consent =
        Consent { scopes: document(row, 1)?, created_at: time(row.get(2)?), changed_at: time(row.get(3)?) };
    Ok((row.get(0)?, consent))
}

/// What a user lets a client have; nothing, if he was never asked
pub fn consent_of(
    tx: &Transaction<'_>,
    user_id: &str,
    client_id: &str,
) -> Result<Option<Consent>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT client_id, scopes, created_at, changed_at FROM consent WHERE user_id = ?1 AND client_id = ?2",
        )?
        .query_row([user_id, client_id], consent_row)
        .optional()?;
    Ok(found.map(|(_, consent)| consent))
}

/// What a user lets clients have, by their internal ids; at most so many
pub fn consents(
    tx: &Transaction<'_>,
    user_id: &str,
    most: u64,
) -> Result<Vec<(String, Consent)>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT client_id, scopes, created_at, changed_at FROM consent WHERE user_id = ?1
         ORDER BY client_id LIMIT ?2",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    Ok(statement.query_map(params![user_id, most], consent_row)?.collect::<Result<_, _>>()?)
}

/// Puts scopes in the place of those that a user lets a client have
pub fn replace_consent(
    tx: &Transaction<'_>,
    user_id: &str,
    client_id: &str,
    scopes: &BTreeSet<String>,
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO consent (user_id, client_id, scopes, created_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?4)
         ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = ?3, changed_at = ?4",
    )?
    .execute(params![user_id, client_id, serde_json::to_string(scopes)?, seconds(now)])?;
    Ok(())
}

/// Takes away what a user lets a client have: he is asked again
pub fn forget_consent(tx: &Transaction<'_>, user_id: &str, client_id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM consent WHERE user_id = ?1 AND client_id = ?2")?
        .execute([user_id, client_id])?;
    Ok(())
}

/// Adds to the scopes that a user lets a client have
pub fn put_consent(
    tx: &Transaction<'_>,
    user_id: &str,
    client_id: &str,
    scopes: &BTreeSet<String>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let mut all = consent(tx, user_id, client_id)?.unwrap_or_default();
    all.extend(scopes.iter().cloned());
    replace_consent(tx, user_id, client_id, &all, now)
}

/// The failures of a subject
pub fn failures(tx: &Transaction<'_>, realm_id: &str, subject: &str) -> Result<Option<Failures>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT count, last_at, locked_until, expires_at FROM sign_in_failure
             WHERE realm_id = ?1 AND subject = ?2",
        )?
        .query_row([realm_id, subject], |row| {
            Ok(Failures {
                count: row.get::<_, i64>(0)?.unsigned_abs(),
                last_at: time(row.get(1)?),
                locked_until: time(row.get(2)?),
                expires_at: time(row.get(3)?),
            })
        })
        .optional()?;
    Ok(found)
}

/// Stores the failures of a subject
pub fn put_failures(
    tx: &Transaction<'_>,
    realm_id: &str,
    subject: &str,
    failures: &Failures,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO sign_in_failure (realm_id, subject, count, last_at, locked_until, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        realm_id,
        subject,
        i64::try_from(failures.count).unwrap_or(i64::MAX),
        seconds(failures.last_at),
        seconds(failures.locked_until),
        seconds(failures.expires_at),
    ])?;
    Ok(())
}

/// Forgets the failures of a subject
pub fn forget_failures(tx: &Transaction<'_>, realm_id: &str, subject: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM sign_in_failure WHERE realm_id = ?1 AND subject = ?2")?
        .execute([realm_id, subject])?;
    Ok(())
}

/// Forgets the failures of everybody, and of every address
pub fn forget_all_failures(tx: &Transaction<'_>, realm_id: &str) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM sign_in_failure WHERE realm_id = ?1")?.execute([realm_id])?;
    Ok(())
}

/// Whether this user has signed in in this browser before
pub fn knows(
    tx: &Transaction<'_>,
    user_id: &str,
    browser: &Token,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT 1 FROM known_browser WHERE digest = ?1 AND user_id = ?2 AND expires_at >= ?3",
        )?
        .exists(params![browser.digest(), user_id, seconds(now)])?;
    Ok(found)
}

/// Remembers that this user has signed in in this browser; the oldest ones are forgotten
pub fn know(
    tx: &Transaction<'_>,
    user_id: &str,
    browser: &Token,
    expires_at: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO known_browser (digest, user_id, expires_at) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![browser.digest(), user_id, seconds(expires_at)])?;
    tx.prepare_cached(
        "DELETE FROM known_browser WHERE user_id = ?1 AND digest NOT IN
         (SELECT digest FROM known_browser WHERE user_id = ?1 ORDER BY expires_at DESC LIMIT ?2)",
    )?
    .execute(params![user_id, BROWSERS])?;
    Ok(())
}

/// The one-time secret of a user
pub fn otp(tx: &Transaction<'_>, user_id: &str) -> Result<Option<Credential>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT id, secret_data, credential_data FROM credential
             WHERE user_id = ?1 AND type = 'otp' ORDER BY created_at DESC, id LIMIT 1",
        )?
        .query_row([user_id], |row| {
            Ok(Credential { id: row.get(0)?, secret_data: row.get(1)?, credential_data: row.get(2)? })
        })
        .optional()?;
    Ok(found)
}

/// The last step of a one-time secret that was used
pub fn otp_last(tx: &Transaction<'_>, credential_id: &str) -> Result<Option<u64>, StoreError> {
    let found = tx
        .prepare_cached("SELECT step FROM otp_use WHERE credential_id = ?1")?
        .query_row([credential_id], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(found.map(i64::unsigned_abs))
}

/// Uses up a step and those before it; false if that was done before
pub fn otp_use(tx: &Transaction<'_>, credential_id: &str, step: u64) -> Result<bool, StoreError> {
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let changed = tx
        .prepare_cached(
            "INSERT INTO otp_use (credential_id, step) VALUES (?1, ?2)
             ON CONFLICT (credential_id) DO UPDATE SET step = ?2 WHERE step < ?2",
        )?
        .execute(params![credential_id, step])?;
    Ok(changed == 1)
}

/// What a user has to do before he is signed in, as `requiredActions` names it
pub fn required_actions(tx: &Transaction<'_>, user_id: &str) -> Result<Vec<String>, StoreError> {
    let actions: String = tx
        .prepare_cached("SELECT required_actions FROM user WHERE id = ?1")?
        .query_row([user_id], |row| row.get(0))?;
    Ok(serde_json::from_str(&actions)?)
}

/// Crosses an action off the list of what a user has to do
pub fn acted(tx: &Transaction<'_>, realm: &Realm, user_id: &str, done: &str) -> Result<(), StoreError> {
    let left: Vec<_> = required_actions(tx, user_id)?.into_iter().filter(|action| action != done).collect();
    tx.prepare_cached("UPDATE user SET required_actions = ?2 WHERE id = ?1")?
        .execute([user_id, &serde_json::to_string(&left)?])?;
    super::realm::touch(tx, &realm.id)
}

/// Stores a one-time secret
pub fn put_otp(
    tx: &Transaction<'_>,
    user_id: &str,
    secret: &Credential,
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO credential (id, user_id, type, secret_data, credential_data, created_at)
         VALUES (?1, ?2, 'otp', ?3, ?4, ?5)",
    )?
    .execute(params![secret.id, user_id, secret.secret_data, secret.credential_data, seconds(now)])?;
    Ok(())
}

/// Removes failures, browsers and challenges that time has ended, some of each a call
pub(super) fn sweep(tx: &Transaction<'_>, now: UnixTime) -> Result<usize, StoreError> {
    let mut removed = 0_usize;
    for sql in [
        "DELETE FROM sign_in_failure WHERE (realm_id, subject) IN
         (SELECT realm_id, subject FROM sign_in_failure WHERE expires_at < ?1 LIMIT 500)",
        "DELETE FROM known_browser WHERE (digest, user_id) IN
         (SELECT digest, user_id FROM known_browser WHERE expires_at < ?1 LIMIT 500)",
        "DELETE FROM passkey_challenge WHERE challenge IN
         (SELECT challenge FROM passkey_challenge WHERE expires_at < ?1 LIMIT 500)",
    ] {
        removed = removed.saturating_add(tx.prepare_cached(sql)?.execute([seconds(now)])?);
    }
    Ok(removed)
}
