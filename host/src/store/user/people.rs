//! People as administrators change them.

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Params, Row, Transaction, params};

use super::{
    super::{Part, StoreError, document, forget, new_id, party, realm, resource::containing, seconds, time},
    Credential,
};
use crate::{realm::User, representation::Members};

/// A user with what only administrators see
#[derive(Debug, Clone)]
pub struct UserRecord {
    /// The user
    pub user: User,
    /// When the account was made
    pub created_at: UnixTime,
    /// What is to be done at the next sign-in
    pub required_actions: Vec<String>,
    /// Members that nothing here reads
    pub kept: Members,
}

impl UserRecord {
    /// A new account that is switched on
    pub fn named(username: &str, now: UnixTime) -> Self {
        let user = User {
            id: new_id(),
            username: username.to_lowercase(),
            email: None,
            first_name: None,
            last_name: None,
            email_verified: false,
            enabled: true,
            service_client: None,
            attributes: std::collections::BTreeMap::new(),
            not_before: UnixTime(0),
        };
        Self { user, created_at: now, required_actions: Vec::new(), kept: Members::new() }
    }
}

const USER: &str = "SELECT u.id, u.username, u.email, u.first_name, u.last_name, u.email_verified, u.enabled,
    u.service_client, u.attributes, u.not_before, u.created_at, u.required_actions, u.kept
    FROM user u WHERE u.realm_id = ?1";

fn record(row: &Row<'_>) -> rusqlite::Result<UserRecord> {
    let user = User {
        id: row.get(0)?,
        username: row.get(1)?,
        email: row.get(2)?,
        first_name: row.get(3)?,
        last_name: row.get(4)?,
        email_verified: row.get(5)?,
        enabled: row.get(6)?,
        service_client: row.get(7)?,
        attributes: document(row, 8)?,
        not_before: time(row.get(9)?),
    };
    Ok(UserRecord {
        user,
        created_at: time(row.get(10)?),
        required_actions: document(row, 11)?,
        kept: document(row, 12)?,
    })
}

/// The user of this id
pub fn by_id(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<Option<UserRecord>, StoreError> {
    let sql = format!("{USER} AND u.id = ?2");
    Ok(tx.prepare_cached(&sql)?.query_row([realm_id, id], record).optional()?)
}

/// Which people a search finds (`admin-surface` §4)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Part of the user name, or all of it
    pub username: Option<String>,
    /// Part of the address
    pub email: Option<String>,
    /// Part of the given name
    pub first_name: Option<String>,
    /// Part of the family name
    pub last_name: Option<String>,
    /// Part of any of them
    pub search: Option<String>,
    /// Whole values, not parts
    pub exact: bool,
    /// Switched on, or off
    pub enabled: Option<bool>,
    /// The address is known to be hers, or not
    pub email_verified: Option<bool>,
    /// Service accounts are found too
    pub service_accounts: bool,
}

impl UserFilter {
    fn conditions(&self) -> (String, Vec<rusqlite::types::Value>) {
        let mut sql = String::new();
        let mut values: Vec<rusqlite::types::Value> = Vec::new();
        let pattern = |text: &String| {
            let text = text.to_lowercase();
            let text = if self.exact { escaped(&text) } else { containing(&text) };
            rusqlite::types::Value::from(text)
        };
        let fields = [
            (" AND lower(u.username) LIKE ? ESCAPE '\\'", &self.username),
            (" AND lower(u.email) LIKE ? ESCAPE '\\'", &self.email),
            (" AND lower(u.first_name) LIKE ? ESCAPE '\\'", &self.first_name),
            (" AND lower(u.last_name) LIKE ? ESCAPE '\\'", &self.last_name),
        ];
        for (condition, value) in fields {
            if let Some(value) = value {
                sql.push_str(condition);
                values.push(pattern(value));
            }
        }
        if let Some(text) = &self.search {
            let text = pattern(&text.trim_matches('*').to_owned());
            sql.push_str(
                " AND (lower(u.username) LIKE ? ESCAPE '\\' OR lower(u.email) LIKE ? ESCAPE '\\'
                   OR lower(u.first_name) LIKE ? ESCAPE '\\' OR lower(u.last_name) LIKE ? ESCAPE '\\')",
            );
            values.extend([text.clone(), text.clone(), text.clone(), text]);
        }
        let flags =
            [(" AND u.enabled = ?", self.enabled), (" AND u.email_verified = ?", self.email_verified)];
        for (condition, value) in flags {
            if let Some(value) = value {
                sql.push_str(condition);
                values.push(i64::from(value).into());
            }
        }
        if !self.service_accounts {
            sql.push_str(" AND u.service_client IS NULL");
        }
        (sql, values)
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// People by user name, a part of them
pub fn list(
    tx: &Transaction<'_>,
    realm_id: &str,
    filter: &UserFilter,
    part: Part<'_>,
) -> Result<Vec<UserRecord>, StoreError> {
    let (conditions, mut values) = filter.conditions();
    values.insert(0, realm_id.to_owned().into());
    let place = "SELECT username FROM user WHERE id = ?1 AND realm_id = ?2";
    let (after, first) = part.begin::<String>(tx, place, realm_id)?;
    values.extend([after.unwrap_or_default().into(), part.max.into(), first.into()]);
    let begin = USER.replace("?1", "?");
    let sql = format!("{begin} {conditions} AND u.username > ? ORDER BY u.username LIMIT ? OFFSET ?");
    let mut statement = tx.prepare_cached(&sql)?;
    Ok(statement.query_map(rusqlite::params_from_iter(values), record)?.collect::<Result<_, _>>()?)
}

/// How many a search finds
pub fn count(tx: &Transaction<'_>, realm_id: &str, filter: &UserFilter) -> Result<i64, StoreError> {
    let (conditions, mut values) = filter.conditions();
    values.insert(0, realm_id.to_owned().into());
    let sql = format!("SELECT count(*) FROM user u WHERE u.realm_id = ? {conditions}");
    let mut statement = tx.prepare_cached(&sql)?;
    Ok(statement.query_row(rusqlite::params_from_iter(values), |row| row.get(0))?)
}

/// Stores a new user
pub fn insert(tx: &Transaction<'_>, realm_id: &str, record: &UserRecord) -> Result<(), StoreError> {
    let user = &record.user;
    tx.prepare_cached(
        "INSERT INTO user (id, realm_id, username, email, first_name, last_name, email_verified, enabled,
                           service_client, attributes, not_before, created_at, required_actions, kept)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        user.id,
        realm_id,
        user.username,
        user.email,
        user.first_name,
        user.last_name,
        user.email_verified,
        user.enabled,
        user.service_client,
        serde_json::to_string(&user.attributes)?,
        seconds(user.not_before),
        seconds(record.created_at),
        serde_json::to_string(&record.required_actions)?,
        serde_json::to_string(&record.kept)?,
    ])?;
    Ok(())
}

/// Replaces what a user is; one who is switched off loses sign-ins and tokens
pub fn update(
    tx: &Transaction<'_>,
    realm_id: &str,
    record: &UserRecord,
    now: UnixTime,
) -> Result<(), StoreError> {
    let user = &record.user;
    let before = by_id(tx, realm_id, &user.id)?.ok_or(StoreError::Missing)?.user;
    tx.prepare_cached(
        "UPDATE user SET username = ?3, email = ?4, first_name = ?5, last_name = ?6, email_verified = ?7,
                         enabled = ?8, attributes = ?9, not_before = ?10, required_actions = ?11, kept = ?12
         WHERE realm_id = ?1 AND id = ?2",
    )?
    .execute(params![
        realm_id,
        user.id,
        user.username,
        user.email,
        user.first_name,
        user.last_name,
        user.email_verified,
        user.enabled,
        serde_json::to_string(&user.attributes)?,
        seconds(user.not_before),
        serde_json::to_string(&record.required_actions)?,
        serde_json::to_string(&record.kept)?,
    ])?;
    if before.enabled && !user.enabled || user.not_before > before.not_before {
        party::end_user(tx, &user.id, now)?;
        party::end_requester(tx, user.identity(), now)?;
    }
    realm::touch(tx, realm_id)
}

/// Removes a user with sign-ins, resources, shares, requests and policies
pub fn delete(tx: &Transaction<'_>, realm_id: &str, id: &str, now: UnixTime) -> Result<(), StoreError> {
    let before = by_id(tx, realm_id, id)?.ok_or(StoreError::Missing)?.user;
    party::end_user(tx, id, now)?;
    party::end_requester(tx, before.identity(), now)?;
    party::forget(tx, realm_id, id, now)?;
    forget::forget(tx, realm_id, forget::Kind::User, id)?;
    tx.prepare_cached("DELETE FROM user WHERE id = ?1")?.execute([id])?;
    realm::touch(tx, realm_id)
}

/// A stored password with its place in an export
#[derive(Clone)]
pub struct StoredCredential {
    /// Its id
    pub id: String,
    /// `password`, `otp`, …
    pub kind: String,
    /// To be changed at the next sign-in
    pub temporary: bool,
    /// `{"value","salt",…}`
    pub secret_data: String,
    /// `{"hashIterations","algorithm",…}`
    pub credential_data: String,
    /// When it was set
    pub created_at: UnixTime,
    /// What its owner calls it
    pub label: Option<String>,
}

impl core::fmt::Debug for StoredCredential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StoredCredential").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The credentials of a user, for an export
pub fn credentials(tx: &Transaction<'_>, id: &str) -> Result<Vec<StoredCredential>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT id, secret_data, credential_data, created_at, type, temporary, label FROM credential
         WHERE user_id = ?1 ORDER BY created_at, id",
    )?;
    let rows = statement.query_map([id], |row| {
        Ok(StoredCredential {
            id: row.get(0)?,
            secret_data: row.get(1)?,
            credential_data: row.get(2)?,
            created_at: time(row.get(3)?),
            kind: row.get(4)?,
            temporary: row.get(5)?,
            label: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What Keycloak calls a password that somebody had before
pub const EARLIER: &str = "password-history";

/// Puts a password in the place of the one that the user has, of which so many earlier ones are remembered
pub fn set_password(
    tx: &Transaction<'_>,
    id: &str,
    password: &Credential,
    earlier: usize,
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE credential SET type = ?2 WHERE user_id = ?1 AND type = 'password'")?
        .execute([id, EARLIER])?;
    tx.prepare_cached(
        "DELETE FROM credential WHERE user_id = ?1 AND type = ?2 AND id NOT IN (
            SELECT id FROM credential WHERE user_id = ?1 AND type = ?2 ORDER BY created_at DESC, rowid DESC LIMIT ?3
         )",
    )?
    .execute(params![id, EARLIER, i64::try_from(earlier).unwrap_or(i64::MAX)])?;
    tx.prepare_cached(
        "INSERT INTO credential (id, user_id, type, secret_data, credential_data, created_at)
         VALUES (?1, ?2, 'password', ?3, ?4, ?5)",
    )?
    .execute(params![password.id, id, password.secret_data, password.credential_data, seconds(now)])?;
    Ok(())
}

/// The last passwords of a user, the present one first
pub fn last_passwords(tx: &Transaction<'_>, id: &str, most: usize) -> Result<Vec<Credential>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT id, secret_data, credential_data FROM credential
         WHERE user_id = ?1 AND type IN ('password', ?2) ORDER BY type = 'password' DESC, created_at DESC, rowid DESC
         LIMIT ?3",
    )?;
    let rows = statement.query_map(params![id, EARLIER, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
        Ok(Credential { id: row.get(0)?, secret_data: row.get(1)?, credential_data: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether somebody else has this address
pub fn email_taken(tx: &Transaction<'_>, realm_id: &str, email: &str, but: &str) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM user WHERE realm_id = ?1 AND email = ?2 AND id <> ?3";
    exists(tx, sql, params![realm_id, email.to_lowercase(), but])
}

/// Whether somebody else has this name
pub fn username_taken(
    tx: &Transaction<'_>,
    realm_id: &str,
    username: &str,
    but: &str,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM user WHERE realm_id = ?1 AND username = ?2 AND id <> ?3";
    exists(tx, sql, params![realm_id, username.to_lowercase(), but])
}

fn exists(tx: &Transaction<'_>, sql: &str, values: impl Params) -> Result<bool, StoreError> {
    Ok(tx.prepare_cached(sql)?.exists(values)?)
}
