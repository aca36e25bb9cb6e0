//! What policies say of people, roles, groups and clients, when one of these is deleted.
//!
//! A list that loses its last member stays, empty: the policy does not become one that never named anybody, and grants
//! nothing (design §4, `Broken`).

use rusqlite::{Transaction, params};
use serde_json::Value;

use super::{StoreError, server::bump};

/// What was deleted
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A user
    User,
    /// A role
    Role,
    /// A group
    Group,
    /// A client
    Client,
}

impl Kind {
    /// The list that names it, in the configuration of a policy
    const fn member(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Role => "roles",
            Self::Group => "groups",
            Self::Client => "clients",
        }
    }

    const fn policy_type(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Group => "group",
            Self::Client => "client",
        }
    }
}

/// Takes an id out of every policy of the realm
pub(super) fn forget(tx: &Transaction<'_>, realm_id: &str, kind: Kind, id: &str) -> Result<(), StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT p.id, p.server_id, p.config FROM client c JOIN policy p ON p.server_id = c.id
         WHERE c.realm_id = ?1 AND p.type IN (?2, 'uma') AND instr(p.config, ?3) > 0",
    )?;
    let rows: Vec<(String, String, String)> = statement
        .query_map(params![realm_id, kind.policy_type(), id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    for (policy, server, config) in rows {
        let mut config: Value = serde_json::from_str(&config)?;
        let Some(list) = config.get_mut(kind.member()).and_then(Value::as_array_mut) else { continue };
        let before = list.len();
        list.retain(|entry| entry != id && entry.get("id").is_none_or(|named| named != id));
        if list.len() < before {
            tx.prepare_cached("UPDATE policy SET config = ?2 WHERE id = ?1")?
                .execute(params![policy, config.to_string()])?;
            bump(tx, &server)?;
        }
    }
    Ok(())
}
