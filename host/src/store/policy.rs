//! Policies and permissions of a resource server, and those that its owners write.

mod list;
pub mod owners;
pub mod reference;
mod write;

use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::{Map, Value};

pub use self::list::PolicyFilter;
pub(super) use self::write::Import;
use super::{Store, StoreError};

/// Something that a policy hangs together with
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its id
    pub id: String,
    /// Its name
    pub name: String,
}

/// A policy or permission as stored
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyRecord {
    /// Its id
    pub id: String,
    /// Its name, unique in the resource server
    pub name: String,
    /// What it is for
    pub description: Option<String>,
    /// Its type
    pub kind: String,
    /// `POSITIVE` or `NEGATIVE`
    pub logic: String,
    /// `UNANIMOUS`, `AFFIRMATIVE` or `CONSENSUS`
    pub strategy: String,
    /// What the type looks at; what was deleted meanwhile is left out
    pub config: Map<String, Value>,
    /// Other entries of its configuration
    pub kept: Map<String, Value>,
    /// The type of resources that it names
    pub resource_type: Option<String>,
    /// Whose it is, if an owner's
    pub owner: Option<String>,
    /// Resources that it names
    pub resources: Vec<Named>,
    /// Scopes that it names
    pub scopes: Vec<Named>,
    /// Policies that it applies
    pub policies: Vec<Named>,
}

impl Store {
    /// A policy or permission of this resource server
    pub fn policy(&self, server_id: &str, id: &str) -> Result<Option<PolicyRecord>, StoreError> {
        self.read(|tx| load(tx, server_id, id))
    }

    /// The policy or permission of exactly this name
    pub fn policy_named(&self, server_id: &str, name: &str) -> Result<Option<PolicyRecord>, StoreError> {
        self.read(|tx| {
            let id: Option<String> = tx
                .prepare_cached("SELECT id FROM policy WHERE server_id = ?1 AND name = ?2")?
                .query_row([server_id, name], |row| row.get(0))
                .optional()?;
            id.map(|id| load(tx, server_id, &id)).transpose().map(Option::flatten)
        })
    }

    /// The id of a policy of this resource server by id or name
    pub fn policy_id(&self, server_id: &str, id_or_name: &str) -> Result<Option<String>, StoreError> {
        self.read(|tx| reference::policy(tx, server_id, id_or_name))
    }
}

/// A policy or permission of this resource server
pub fn load(tx: &Transaction<'_>, server_id: &str, id: &str) -> Result<Option<PolicyRecord>, StoreError> {
    let row = tx
        .prepare_cached(
            "SELECT name, description, type, logic, strategy, config, kept, resource_type, owner
             FROM policy WHERE id = ?1 AND server_id = ?2",
        )?
        .query_row([id, server_id], |row| {
            let (config, kept): (String, String) = (row.get(5)?, row.get(6)?);
            let record = PolicyRecord {
                id: id.to_owned(),
                name: row.get(0)?,
                description: row.get(1)?,
                kind: row.get(2)?,
                logic: row.get(3)?,
                strategy: row.get(4)?,
                config: Map::new(),
                kept: Map::new(),
                resource_type: row.get(7)?,
                owner: row.get(8)?,
                resources: Vec::new(),
                scopes: Vec::new(),
                policies: Vec::new(),
            };
            Ok((record, config, kept))
        })
        .optional()?;
    let Some((mut record, config, kept)) = row else { return Ok(None) };
    record.kept = serde_json::from_str(&kept)?;
    record.config = reference::existing(tx, server_id, &record.kind, serde_json::from_str(&config)?)?;
    let named = |sql: &str| -> Result<Vec<Named>, StoreError> {
        let mut statement = tx.prepare_cached(sql)?;
        let rows = statement.query_map([id], |row| Ok(Named { id: row.get(0)?, name: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    record.resources = named(
        "SELECT r.id, r.name FROM policy_resource p JOIN resource r ON r.id = p.resource_id
         WHERE p.policy_id = ?1 ORDER BY r.name, r.id",
    )?;
    record.scopes = named(
        "SELECT s.id, s.name FROM policy_scope p JOIN scope s ON s.id = p.scope_id
         WHERE p.policy_id = ?1 ORDER BY s.name",
    )?;
    record.policies = named(
        "SELECT q.id, q.name FROM policy_apply p JOIN policy q ON q.id = p.applied_id
         WHERE p.policy_id = ?1 ORDER BY q.name",
    )?;
    Ok(Some(record))
}

/// The same with names in the place of ids in its configuration
pub fn exported(tx: &Transaction<'_>, server_id: &str, id: &str) -> Result<Option<PolicyRecord>, StoreError> {
    let Some(mut record) = load(tx, server_id, id)? else { return Ok(None) };
    let config: String =
        tx.prepare_cached("SELECT config FROM policy WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    record.config = reference::exported(tx, &record.kind, serde_json::from_str(&config)?)?;
    Ok(Some(record))
}
