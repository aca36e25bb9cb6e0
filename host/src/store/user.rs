//! People, their roles, groups and passwords in the store.

pub mod people;

use std::collections::BTreeMap;

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use self::people::UserRecord;
use super::{StoreError, realm, time};
use crate::{
    realm::{Group, Role, User},
    representation::Members,
};

const USER: &str =
    "SELECT id, username, email, first_name, last_name, email_verified, enabled, service_client,
    attributes, not_before FROM user WHERE realm_id = ?1";

fn user(row: &Row<'_>) -> Result<Result<User, StoreError>, rusqlite::Error> {
    let attributes: String = row.get(8)?;
    let attributes = match serde_json::from_str(&attributes) {
        Ok(attributes) => attributes,
        Err(error) => return Ok(Err(error.into())),
    };
    Ok(Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        email: row.get(2)?,
        first_name: row.get(3)?,
        last_name: row.get(4)?,
        email_verified: row.get(5)?,
        enabled: row.get(6)?,
        service_client: row.get(7)?,
        attributes,
        not_before: time(row.get(9)?),
    }))
}

/// The user of this id
pub fn by_id(tx: &Transaction<'_>, realm_id: &str, id: &str) -> Result<Option<User>, StoreError> {
    tx.prepare_cached(&format!("{USER} AND id = ?2"))?
        .query_row(params![realm_id, id], user)
        .optional()?
        .transpose()
}

/// The user of this name, which is compared in lower case
pub fn by_username(tx: &Transaction<'_>, realm_id: &str, name: &str) -> Result<Option<User>, StoreError> {
    tx.prepare_cached(&format!("{USER} AND username = ?2"))?
        .query_row(params![realm_id, name.to_lowercase()], user)
        .optional()?
        .transpose()
}

/// The only user with this e-mail address
pub fn by_email(tx: &Transaction<'_>, realm_id: &str, email: &str) -> Result<Option<User>, StoreError> {
    let mut statement = tx.prepare_cached(&format!("{USER} AND email = ?2 LIMIT 2"))?;
    let mut found = statement
        .query_map(params![realm_id, email.to_lowercase()], user)?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter();
    match (found.next(), found.next()) {
        (Some(user), None) => user.map(Some),
        _ => Ok(None),
    }
}

/// The service account of a client
pub fn service_account(
    tx: &Transaction<'_>,
    realm_id: &str,
    client: &str,
) -> Result<Option<User>, StoreError> {
    tx.prepare_cached(&format!("{USER} AND service_client = ?2"))?
        .query_row(params![realm_id, client], user)
        .optional()?
        .transpose()
}

/// A stored password, in Keycloak's form
#[derive(Clone)]
pub struct Credential {
    /// Internal id
    pub id: String,
    /// `{"value","salt",…}`
    pub secret_data: String,
    /// `{"hashIterations","algorithm",…}`
    pub credential_data: String,
}

impl core::fmt::Debug for Credential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credential").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The password of a user
pub fn password(tx: &Transaction<'_>, user_id: &str) -> Result<Option<Credential>, StoreError> {
    let found = tx
        .prepare_cached(
            "SELECT id, secret_data, credential_data FROM credential
             WHERE user_id = ?1 AND type = 'password' ORDER BY created_at DESC LIMIT 1",
        )?
        .query_row([user_id], |row| {
            Ok(Credential { id: row.get(0)?, secret_data: row.get(1)?, credential_data: row.get(2)? })
        })
        .optional()?;
    Ok(found)
}

/// Puts another hash of the same password in the place of `old`, if that is still there
pub fn rehash(tx: &Transaction<'_>, old: &Credential, new: &Credential) -> Result<(), StoreError> {
    tx.prepare_cached(
        "UPDATE credential SET secret_data = ?3, credential_data = ?4 WHERE id = ?1 AND secret_data = ?2",
    )?
    .execute(params![old.id, old.secret_data, new.secret_data, new.credential_data])?;
    Ok(())
}

/// Every role that a user has: his own, those of his groups and their parents, and what these are made of
pub fn effective_roles(tx: &Transaction<'_>, user_id: &str) -> Result<Vec<Role>, StoreError> {
    let mut statement = tx.prepare_cached(
        "WITH RECURSIVE
            above(id) AS (
                SELECT group_id FROM user_group_member WHERE user_id = ?1
                UNION SELECT g.parent FROM user_group g JOIN above a ON g.id = a.id WHERE g.parent IS NOT NULL
            ),
            held(id) AS (
                SELECT role_id FROM user_role WHERE user_id = ?1
                UNION SELECT role_id FROM group_role WHERE group_id IN (SELECT id FROM above)
                UNION SELECT c.child FROM role_composite c JOIN held h ON c.parent = h.id
            )
         SELECT r.id, r.name, r.client_id, c.client_id, ifnull(c.enabled, 1)
         FROM held JOIN role r ON r.id = held.id LEFT JOIN client c ON c.id = r.client_id",
    )?;
    let roles = statement.query_map([user_id], role)?.collect::<Result<_, _>>()?;
    Ok(roles)
}

fn role(row: &Row<'_>) -> rusqlite::Result<Role> {
    Ok(Role {
        id: row.get(0)?,
        name: row.get(1)?,
        client: row.get(2)?,
        client_id: row.get(3)?,
        client_enabled: row.get(4)?,
    })
}

/// A role and what it is made of
pub fn with_composites(tx: &Transaction<'_>, role_id: &str) -> Result<Vec<Role>, StoreError> {
    let mut statement = tx.prepare_cached(
        "WITH RECURSIVE held(id) AS (
            SELECT ?1 UNION SELECT c.child FROM role_composite c JOIN held h ON c.parent = h.id
         )
         SELECT r.id, r.name, r.client_id, c.client_id, ifnull(c.enabled, 1)
         FROM held JOIN role r ON r.id = held.id LEFT JOIN client c ON c.id = r.client_id",
    )?;
    let roles = statement.query_map([role_id], role)?.collect::<Result<_, _>>()?;
    Ok(roles)
}

/// The groups in which a user is, without those above them
pub fn groups(tx: &Transaction<'_>, user_id: &str) -> Result<Vec<Group>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT g.id, g.name, g.path FROM user_group_member m JOIN user_group g ON g.id = m.group_id
         WHERE m.user_id = ?1 ORDER BY g.path",
    )?;
    let groups = statement
        .query_map([user_id], |row| Ok(Group { id: row.get(0)?, name: row.get(1)?, path: row.get(2)? }))?
        .collect::<Result<_, _>>()?;
    Ok(groups)
}

/// Attributes of the groups in which a user is, each group followed by those above it
pub fn group_attributes(
    tx: &Transaction<'_>,
    user_id: &str,
) -> Result<Vec<BTreeMap<String, Vec<String>>>, StoreError> {
    let mut statement = tx.prepare_cached(
        "WITH RECURSIVE above(id, member, depth) AS (
            SELECT g.id, g.path, 0 FROM user_group_member m JOIN user_group g ON g.id = m.group_id
            WHERE m.user_id = ?1
            UNION ALL
            SELECT g.parent, a.member, a.depth + 1 FROM above a JOIN user_group g ON g.id = a.id
            WHERE g.parent IS NOT NULL
         )
         SELECT g.attributes FROM above a JOIN user_group g ON g.id = a.id ORDER BY a.member, a.depth",
    )?;
    let rows = statement.query_map([user_id], |row| row.get::<_, String>(0))?;
    rows.map(|row| Ok(serde_json::from_str(&row?)?)).collect()
}

/// The user that a name in a sign-in form means: user name, or e-mail address where the realm allows that
pub fn by_login(
    tx: &Transaction<'_>,
    realm: &crate::realm::Realm,
    login: &str,
) -> Result<Option<User>, StoreError> {
    if let Some(user) = by_username(tx, &realm.id, login)? {
        return Ok(Some(user));
    }
    if realm.settings.login_with_email_allowed && login.contains('@') {
        return by_email(tx, &realm.id, login);
    }
    Ok(None)
}

/// Whether a realm has anybody who is no service account
pub fn has_people(tx: &Transaction<'_>, realm_id: &str) -> Result<bool, StoreError> {
    let found = tx
        .prepare_cached("SELECT 1 FROM user WHERE realm_id = ?1 AND service_client IS NULL LIMIT 1")?
        .exists([realm_id])?;
    Ok(found)
}

/// Stores a new user with a password and roles of the realm
pub fn insert(
    tx: &Transaction<'_>,
    realm_id: &str,
    user: &User,
    password: &Credential,
    roles: &[String],
    now: UnixTime,
) -> Result<(), StoreError> {
    let record = UserRecord {
        user: user.clone(),
        created_at: now,
        required_actions: Vec::new(),
        kept: Members::default(),
    };
    people::insert(tx, realm_id, &record)?;
    people::set_password(tx, &user.id, password, 0, now)?;
    for role in roles {
        let granted = tx
            .prepare_cached(
                "INSERT INTO user_role (user_id, role_id)
                 SELECT ?1, id FROM role WHERE realm_id = ?2 AND client_id IS NULL AND name = ?3",
            )?
            .execute(params![user.id, realm_id, role])?;
        if granted == 0 {
            return Err(StoreError::Missing);
        }
    }
    realm::touch(tx, realm_id)
}
