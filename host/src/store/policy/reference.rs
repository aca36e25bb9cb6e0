//! What policies refer to: names as callers have them, ids as rows keep them.

use rusqlite::{OptionalExtension as _, Params, Transaction, params};
use serde_json::{Map, Value};

use crate::{
    policy::{Noun, Shape, members},
    store::StoreError,
};

fn one(tx: &Transaction<'_>, sql: &str, values: impl Params) -> Result<Option<String>, StoreError> {
    Ok(tx.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
}

/// The user of this id or name
pub fn user(tx: &Transaction<'_>, realm_id: &str, text: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id FROM user WHERE realm_id = ?1 AND id = ?2
               UNION ALL SELECT id FROM user WHERE realm_id = ?1 AND username = ?3 LIMIT 1";
    one(tx, sql, params![realm_id, text, text.to_lowercase()])
}

/// The role of this id, the realm's role of this name, or `client/name`
pub fn role(tx: &Transaction<'_>, realm_id: &str, text: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id FROM role WHERE realm_id = ?1 AND id = ?2
               UNION ALL SELECT id FROM role WHERE realm_id = ?1 AND ifnull(client_id, '') = '' AND name = ?2
               LIMIT 1";
    let found = one(tx, sql, [realm_id, text])?;
    if found.is_some() || !text.contains('/') {
        return Ok(found);
    }
    let sql = "SELECT r.id FROM client c
               JOIN role r ON r.realm_id = ?1 AND ifnull(r.client_id, '') = c.id
               WHERE c.realm_id = ?1 AND substr(?2, 1, length(c.client_id) + 1) = c.client_id || '/'
                 AND r.name = substr(?2, length(c.client_id) + 2) LIMIT 1";
    one(tx, sql, [realm_id, text])
}

/// The group of this path, whose first slash may be missing, or of this id
pub fn group(tx: &Transaction<'_>, realm_id: &str, text: &str) -> Result<Option<String>, StoreError> {
    let path = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    let sql = "SELECT id FROM user_group WHERE realm_id = ?1 AND path = ?3
               UNION ALL SELECT id FROM user_group WHERE realm_id = ?1 AND id = ?2 LIMIT 1";
    one(tx, sql, [realm_id, text, &path])
}

/// The client of this `clientId` or id
pub fn client(tx: &Transaction<'_>, realm_id: &str, text: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id FROM client WHERE realm_id = ?1 AND client_id = ?2
               UNION ALL SELECT id FROM client WHERE realm_id = ?1 AND id = ?2 LIMIT 1";
    one(tx, sql, [realm_id, text])
}

/// The name of the client scope of this id or name: what tokens carry
fn client_scope(tx: &Transaction<'_>, realm_id: &str, text: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT s.value ->> '$.name' FROM realm r, json_each(r.settings, '$.clientScopes') s
               WHERE r.id = ?1 AND (s.value ->> '$.id' = ?2 OR s.value ->> '$.name' = ?2)
               UNION ALL SELECT s.value FROM realm r, json_each(r.settings, '$.defaultDefaultClientScopes') s
               WHERE r.id = ?1 AND s.value = ?2
               UNION ALL SELECT s.value FROM realm r, json_each(r.settings, '$.defaultOptionalClientScopes') s
               WHERE r.id = ?1 AND s.value = ?2 LIMIT 1";
    one(tx, sql, [realm_id, text])
}

/// The id of a client scope, or its name where it has none
fn client_scope_id(tx: &Transaction<'_>, server_id: &str, name: &str) -> Result<String, StoreError> {
    let sql = "SELECT s.value ->> '$.id' FROM client c JOIN realm r ON r.id = c.realm_id,
                 json_each(r.settings, '$.clientScopes') s
               WHERE c.id = ?1 AND s.value ->> '$.name' = ?2 AND s.value ->> '$.id' <> ''";
    Ok(one(tx, sql, [server_id, name])?.unwrap_or_else(|| name.to_owned()))
}

/// The resource of this id, or the resource server's own of this name
pub fn resource(tx: &Transaction<'_>, server_id: &str, text: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id FROM resource WHERE server_id = ?1 AND id = ?2
               UNION ALL SELECT id FROM resource WHERE server_id = ?1 AND owner = ?1 AND name = ?2 LIMIT 1";
    one(tx, sql, [server_id, text])
}

/// The scope of this id or name
pub fn scope(tx: &Transaction<'_>, server_id: &str, text: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id FROM scope WHERE server_id = ?1 AND id = ?2
               UNION ALL SELECT id FROM scope WHERE server_id = ?1 AND name = ?2 LIMIT 1";
    one(tx, sql, [server_id, text])
}

/// The policy or permission of this id or name
pub fn policy(tx: &Transaction<'_>, server_id: &str, text: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT id FROM policy WHERE server_id = ?1 AND id = ?2
               UNION ALL SELECT id FROM policy WHERE server_id = ?1 AND name = ?2 LIMIT 1";
    one(tx, sql, [server_id, text])
}

/// What a row keeps for a reference: its id; of a client scope its name, which tokens carry
pub fn find(
    tx: &Transaction<'_>,
    realm_id: &str,
    server_id: &str,
    noun: Noun,
    text: &str,
) -> Result<Option<String>, StoreError> {
    match noun {
        Noun::User => user(tx, realm_id, text),
        Noun::Role => role(tx, realm_id, text),
        Noun::Group => group(tx, realm_id, text),
        Noun::Client => client(tx, realm_id, text),
        Noun::ClientScope => client_scope(tx, realm_id, text),
        Noun::Resource => resource(tx, server_id, text),
        Noun::Scope => scope(tx, server_id, text),
        Noun::Policy => policy(tx, server_id, text),
    }
}

/// The name of what an id refers to; nothing if it is gone
pub fn name(tx: &Transaction<'_>, noun: Noun, id: &str) -> Result<Option<String>, StoreError> {
    let sql = match noun {
        Noun::User => "SELECT username FROM user WHERE id = ?1",
        Noun::Role => {
            "SELECT ifnull(c.client_id || '/', '') || r.name FROM role r
             LEFT JOIN client c ON c.id = r.client_id WHERE r.id = ?1"
        }
        Noun::Group => "SELECT path FROM user_group WHERE id = ?1",
        Noun::Client => "SELECT client_id FROM client WHERE id = ?1",
        Noun::ClientScope => return Ok(Some(id.to_owned())),
        Noun::Resource => "SELECT name FROM resource WHERE id = ?1",
        Noun::Scope => "SELECT name FROM scope WHERE id = ?1",
        Noun::Policy => "SELECT name FROM policy WHERE id = ?1",
    };
    one(tx, sql, [id])
}

/// A member that was kept although nothing is there that it could mean
pub const UNKNOWN: &str = "unknown";

/// A stored configuration without what is gone, client scopes by id
pub fn existing(
    tx: &Transaction<'_>,
    server_id: &str,
    kind: &str,
    config: Map<String, Value>,
) -> Result<Map<String, Value>, StoreError> {
    each(kind, config, |noun, mut item| {
        if noun == Noun::ClientScope {
            let scope = item.remove("name");
            let scope = scope.as_ref().and_then(Value::as_str).unwrap_or_default();
            item.insert("id".to_owned(), client_scope_id(tx, server_id, scope)?.into());
            return Ok(Some(item));
        }
        if item.remove(UNKNOWN).is_some() {
            return Ok(Some(item));
        }
        let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
        Ok(name(tx, noun, id)?.map(|_| item))
    })
}

/// A stored configuration with names in the place of ids, as exports have it
pub fn exported(
    tx: &Transaction<'_>,
    kind: &str,
    config: Map<String, Value>,
) -> Result<Map<String, Value>, StoreError> {
    each(kind, config, |noun, mut item| {
        if noun == Noun::ClientScope {
            if let Some(name) = item.remove("name") {
                item.insert("id".to_owned(), name);
            }
            return Ok(Some(item));
        }
        if item.remove(UNKNOWN).is_some() {
            return Ok(Some(item));
        }
        let id = item.remove("id");
        let Some(name) = name(tx, noun, id.as_ref().and_then(Value::as_str).unwrap_or_default())? else {
            return Ok(None);
        };
        let member = if noun == Noun::Group { "path" } else { "id" };
        item.insert(member.to_owned(), name.into());
        Ok(Some(item))
    })
}

/// Changes each reference of a configuration: plain ones come as `{"id":…}` and go as texts
fn each(
    kind: &str,
    mut config: Map<String, Value>,
    change: impl Fn(Noun, Map<String, Value>) -> Result<Option<Map<String, Value>>, StoreError>,
) -> Result<Map<String, Value>, StoreError> {
    for member in members(kind) {
        let (noun, plain) = match member.shape {
            Shape::References(noun) => (noun, true),
            Shape::Flagged(noun, _) => (noun, false),
            Shape::Flag | Shape::Text => continue,
        };
        let Some(items) = config.get_mut(member.name).and_then(Value::as_array_mut) else { continue };
        let mut kept = Vec::with_capacity(items.len());
        for item in items.drain(..) {
            let item =
                if let Value::Object(item) = item { item } else { Map::from_iter([("id".to_owned(), item)]) };
            let Some(mut item) = change(noun, item)? else { continue };
            kept.push(if plain { item.remove("id").unwrap_or_default() } else { item.into() });
        }
        *items = kept;
    }
    Ok(config)
}
