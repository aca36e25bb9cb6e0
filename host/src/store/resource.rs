//! Resources and scopes of a resource server (FedAuthz §3).

mod scope;

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{
    limits::RESOURCES,
    path::{Path, Patterns},
    time::UnixTime,
};
use rusqlite::{OptionalExtension, Transaction, params, params_from_iter, types::Value};
use serde_json::{Map, Value as Json};

pub use self::scope::{ScopeRecord, ensure_scope, insert_scope, replace_scope, scopes_of, scopes_of_server};

use super::{
    Part, Store, StoreError, audit,
    audit::Event,
    grant::{self, Holders},
    seconds,
    server::bump,
};

/// Attributes of a resource: name to values
pub type Attributes = BTreeMap<String, Vec<String>>;

/// A registered resource with everything that belongs to it
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceRecord {
    /// `_id`
    pub id: String,
    /// Internal id of the resource server
    pub server_id: String,
    /// A user's id, or the resource server's
    pub owner: String,
    /// Username of the owner, or `client_id` of the resource server
    pub owner_name: Option<String>,
    /// Its name
    pub name: String,
    /// What people see
    pub display_name: Option<String>,
    /// Its type
    pub kind: Option<String>,
    /// Its icon
    pub icon_uri: Option<String>,
    /// The owner may share it
    pub owner_managed: bool,
    /// Free attributes
    pub attributes: Attributes,
    /// Members of a UMA description that nothing here reads
    pub kept: Map<String, Json>,
    /// Its URIs
    pub uris: Vec<String>,
    /// Its scopes, by name
    pub scopes: Vec<ScopeRecord>,
}

/// What a caller says about a resource: all of it is replaced
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceDescription {
    /// Its name
    pub name: String,
    /// What people see
    pub display_name: Option<String>,
    /// Its type
    pub kind: Option<String>,
    /// Its icon
    pub icon_uri: Option<String>,
    /// The owner may share it
    pub owner_managed: bool,
    /// Free attributes; absent leaves them as they are
    pub attributes: Option<Attributes>,
    /// Members of a UMA description that nothing here reads; absent leaves them as they are
    pub kept: Option<Map<String, Json>>,
    /// Its URIs
    pub uris: BTreeSet<String>,
    /// Names of its scopes; new ones are made
    pub scopes: BTreeSet<String>,
}

/// Which resources a list shows (`keycloak-wire` §2.7)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceFilter {
    /// Exactly this id
    pub id: Option<String>,
    /// Part of the name, or all of it with `exact_name`; case does not matter
    pub name: Option<String>,
    /// The name is compared as a whole
    pub exact_name: bool,
    /// Exactly this URI; case does not matter
    pub uri: Option<String>,
    /// Ids of owners; an empty list finds nothing
    pub owners: Option<Vec<String>>,
    /// Part of the type
    pub kind: Option<String>,
    /// Part of the name of one of its scopes
    pub scope: Option<String>,
}

impl Store {
    /// A resource of this resource server
    pub fn resource(&self, server_id: &str, id: &str) -> Result<Option<ResourceRecord>, StoreError> {
        self.read(|tx| load(tx, server_id, id))
    }

    /// Resources by filter, ordered by name
    pub fn resources(
        &self,
        server_id: &str,
        filter: &ResourceFilter,
        part: Part<'_>,
    ) -> Result<Vec<ResourceRecord>, StoreError> {
        self.read(|tx| {
            let ids = find(tx, server_id, filter, part)?;
            ids.iter().filter_map(|id| load(tx, server_id, id).transpose()).collect()
        })
    }

    /// Registers a resource. A name that its owner has given already is a [`StoreError::Conflict`].
    pub async fn create_resource(
        &self,
        server_id: &str,
        id: String,
        owner: String,
        description: ResourceDescription,
        now: UnixTime,
        event: Event,
    ) -> Result<ResourceRecord, StoreError> {
        let server_id = server_id.to_owned();
        self.write(move |tx| {
            insert(tx, &server_id, &id, &owner, &description, now)?;
            audit::record(tx, &event.resource(&server_id, &id))?;
            load(tx, &server_id, &id)?.ok_or(StoreError::Missing)
        })
        .await
    }

    /// Replaces a description; what was shared on scopes that are gone ends with it
    pub async fn replace_resource(
        &self,
        server_id: &str,
        id: &str,
        description: ResourceDescription,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let (server_id, id) = (server_id.to_owned(), id.to_owned());
        self.write(move |tx| {
            replace(tx, &server_id, &id, &description, now)?;
            audit::record(tx, &event.resource(&server_id, &id))
        })
        .await
    }

    /// Deletes a resource, its shares, and the permissions that named nothing else
    pub async fn delete_resource(
        &self,
        server_id: &str,
        id: &str,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let (server_id, id) = (server_id.to_owned(), id.to_owned());
        self.write(move |tx| {
            let owner: Option<String> = tx
                .prepare_cached("SELECT owner FROM resource WHERE id = ?1")?
                .query_row([&id], |row| row.get(0))
                .optional()?;
            remove(tx, &server_id, &id, now)?;
            let event = event.resource(&server_id, &id).owner(owner.as_deref().unwrap_or_default());
            audit::record(tx, &event)
        })
        .await
    }
}

impl Store {
    /// The id of the first resource of this id, or with this in its name
    pub fn resource_by_id_or_name_part(
        &self,
        server_id: &str,
        text: &str,
    ) -> Result<Option<String>, StoreError> {
        self.read(|tx| {
            let sql = "SELECT id FROM resource WHERE server_id = ?1 AND (id = ?2 OR name LIKE ?3 ESCAPE '\\')
                       ORDER BY id = ?2 DESC, name LIMIT 1";
            let mut statement = tx.prepare_cached(sql)?;
            Ok(statement.query_row([server_id, text, &containing(text)], |row| row.get(0)).optional()?)
        })
    }

    /// The id of a resource of exactly this name: the resource server's own before those of others
    pub fn resource_of_name(&self, server_id: &str, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|tx| {
            let sql = "SELECT id FROM resource WHERE server_id = ?1 AND name = ?2
                       ORDER BY owner = ?1 DESC, id LIMIT 1";
            Ok(tx.prepare_cached(sql)?.query_row([server_id, name], |row| row.get(0)).optional()?)
        })
    }

    /// The resource of the resource server itself whose URI patterns fit best (`keycloak-wire` §11.5)
    pub fn resource_matching(&self, server_id: &str, uri: &str) -> Result<Option<String>, StoreError> {
        self.read(|tx| {
            let path = Path::parse(uri.as_bytes()).ok();
            let first = path.as_ref().and_then(|path| path.segments().next()).unwrap_or_default();
            let mut statement = tx.prepare_cached(
                "SELECT u.uri, u.resource_id FROM resource_uri u JOIN resource r ON r.id = u.resource_id
                 WHERE u.server_id = ?1 AND u.first IN (?2, '') AND r.owner = ?1 ORDER BY r.name, r.id, u.uri
                 LIMIT ?3",
            )?;
            let most = i64::try_from(RESOURCES).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![server_id, first, most], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            let mut patterns = Patterns::default();
            for row in rows {
                let (uri, id) = row?;
                // What cannot be read as a pattern fits nothing.
                if let Ok(pattern) = uri.parse() {
                    patterns.insert(&pattern, id);
                }
            }
            Ok(patterns.matching_uri(uri).first().cloned())
        })
    }

    /// Whether a resource of this type that the resource server owns has the scope (`keycloak-wire` §3)
    pub fn type_has_scope(
        &self,
        server_id: &str,
        kind: Option<&str>,
        scope: &str,
    ) -> Result<bool, StoreError> {
        let Some(kind) = kind else { return Ok(false) };
        self.read(|tx| {
            let found = tx
                .prepare_cached(
                    "SELECT 1 FROM resource r JOIN resource_scope rs ON rs.resource_id = r.id
                     JOIN scope s ON s.id = rs.scope_id
                     WHERE r.server_id = ?1 AND r.type = ?2 AND r.owner = ?1 AND s.name = ?3 LIMIT 1",
                )?
                .query_row([server_id, kind, scope], |_| Ok(()))
                .optional()?;
            Ok(found.is_some())
        })
    }
}

/// Stores a new resource
pub fn insert(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    owner: &str,
    description: &ResourceDescription,
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO resource (id, server_id, owner, name, display_name, type, icon_uri, owner_managed, attributes,
                               kept, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        id,
        server_id,
        owner,
        description.name,
        description.display_name,
        description.kind,
        description.icon_uri,
        description.owner_managed,
        serde_json::to_string(&description.attributes.clone().unwrap_or_default())?,
        serde_json::to_string(&description.kept.clone().unwrap_or_default())?,
        seconds(now),
    ])?;
    put_uris(tx, server_id, id, &description.uris)?;
    for name in &description.scopes {
        add_scope(tx, server_id, id, name)?;
    }
    Ok(())
}

/// Replaces a description; what was shared on scopes that are gone ends with it
pub fn replace(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    description: &ResourceDescription,
    now: UnixTime,
) -> Result<(), StoreError> {
    let changed = tx
        .prepare_cached(
            "UPDATE resource SET name = ?3, display_name = ?4, type = ?5, icon_uri = ?6, owner_managed = ?7,
                    attributes = ifnull(?8, attributes), kept = ifnull(?9, kept)
             WHERE id = ?1 AND server_id = ?2",
        )?
        .execute(params![
            id,
            server_id,
            description.name,
            description.display_name,
            description.kind,
            description.icon_uri,
            description.owner_managed,
            description.attributes.as_ref().map(serde_json::to_string).transpose()?,
            description.kept.as_ref().map(serde_json::to_string).transpose()?,
        ])?;
    if changed == 0 {
        return Err(StoreError::Missing);
    }
    put_uris(tx, server_id, id, &description.uris)?;
    for scope in scopes_of(tx, id)? {
        if !description.scopes.contains(&scope.name) {
            for sql in [
                "DELETE FROM share WHERE resource_id = ?1 AND scope_id = ?2",
                "DELETE FROM resource_scope WHERE resource_id = ?1 AND scope_id = ?2",
            ] {
                tx.prepare_cached(sql)?.execute([id, scope.id.as_str()])?;
            }
            remove_from_owners_policies(tx, id, &scope.id)?;
            grant::narrow(tx, id, Some(&scope.name), Holders::All, now)?;
        }
    }
    for name in &description.scopes {
        add_scope(tx, server_id, id, name)?;
    }
    bump(tx, server_id)
}

/// An owner's policy loses a scope that its resource has lost (behaviours POL-7)
fn remove_from_owners_policies(tx: &Transaction<'_>, resource: &str, scope: &str) -> Result<(), StoreError> {
    tx.prepare_cached(
        "DELETE FROM policy_scope WHERE scope_id = ?2 AND policy_id IN (
             SELECT p.id FROM policy p JOIN policy_resource r ON r.policy_id = p.id
             WHERE r.resource_id = ?1 AND p.type = 'uma')",
    )?
    .execute([resource, scope])?;
    Ok(())
}

fn put_uris(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    uris: &BTreeSet<String>,
) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM resource_uri WHERE resource_id = ?1")?.execute([id])?;
    for uri in uris {
        tx.prepare_cached(
            "INSERT INTO resource_uri (resource_id, server_id, uri, first) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute([id, server_id, uri, first_segment(uri)])?;
    }
    Ok(())
}

/// The first literal segment of a path pattern: what an index can find it by
fn first_segment(uri: &str) -> &str {
    let segment = uri.trim_start_matches('/').split('/').next().unwrap_or_default();
    if segment.contains(['*', '{']) { "" } else { segment }
}

fn add_scope(tx: &Transaction<'_>, server_id: &str, id: &str, name: &str) -> Result<(), StoreError> {
    let scope = ensure_scope(tx, server_id, name)?;
    tx.prepare_cached("INSERT OR IGNORE INTO resource_scope (resource_id, scope_id) VALUES (?1, ?2)")?
        .execute([id, scope.as_str()])?;
    Ok(())
}

/// A resource of this resource server
pub fn load(tx: &Transaction<'_>, server_id: &str, id: &str) -> Result<Option<ResourceRecord>, StoreError> {
    let row = tx
        .prepare_cached(
            "SELECT r.id, r.server_id, r.owner, r.name, r.display_name, r.type, r.icon_uri, r.owner_managed,
                    r.attributes,
                    coalesce((SELECT client_id FROM client WHERE id = r.owner),
                             (SELECT username FROM user WHERE id = r.owner)),
                    r.kept
             FROM resource r WHERE r.id = ?1 AND r.server_id = ?2",
        )?
        .query_row([id, server_id], |row| {
            let (attributes, kept): (String, String) = (row.get(8)?, row.get(10)?);
            let resource = ResourceRecord {
                id: row.get(0)?,
                server_id: row.get(1)?,
                owner: row.get(2)?,
                name: row.get(3)?,
                display_name: row.get(4)?,
                kind: row.get(5)?,
                icon_uri: row.get(6)?,
                owner_managed: row.get(7)?,
                owner_name: row.get(9)?,
                attributes: Attributes::new(),
                kept: Map::new(),
                uris: Vec::new(),
                scopes: Vec::new(),
            };
            Ok((resource, attributes, kept))
        })
        .optional()?;
    let Some((mut resource, attributes, kept)) = row else { return Ok(None) };
    resource.kept = serde_json::from_str(&kept)?;
    resource.attributes = serde_json::from_str(&attributes)?;
    let mut uris = tx.prepare_cached("SELECT uri FROM resource_uri WHERE resource_id = ?1 ORDER BY uri")?;
    resource.uris = uris.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    resource.scopes = scopes_of(tx, id)?;
    Ok(Some(resource))
}

fn find(
    tx: &Transaction<'_>,
    server_id: &str,
    filter: &ResourceFilter,
    part: Part<'_>,
) -> Result<Vec<String>, StoreError> {
    let mut sql = String::from("SELECT r.id FROM resource r WHERE r.server_id = ?");
    let mut values: Vec<Value> = vec![server_id.to_owned().into()];
    let mut and = |condition: &str, value: String| {
        sql.push_str(condition);
        values.push(value.into());
    };
    if let Some(id) = &filter.id {
        and(" AND r.id = ?", id.clone());
    }
    match &filter.name {
        Some(name) if filter.exact_name => and(" AND r.name = ? COLLATE NOCASE", name.clone()),
        Some(name) => and(" AND r.name LIKE ? ESCAPE '\\'", containing(name)),
        None => {}
    }
    if let Some(uri) = &filter.uri {
        and(" AND r.id IN (SELECT resource_id FROM resource_uri WHERE lower(uri) = lower(?))", uri.clone());
    }
    if let Some(kind) = &filter.kind {
        and(" AND r.type LIKE ? ESCAPE '\\'", containing(kind));
    }
    if let Some(scope) = &filter.scope {
        and(
            " AND r.id IN (SELECT rs.resource_id FROM resource_scope rs JOIN scope s ON s.id = rs.scope_id
               WHERE s.server_id = r.server_id AND s.name LIKE ? ESCAPE '\\')",
            containing(scope),
        );
    }
    if let Some(owners) = &filter.owners {
        sql.push_str(" AND r.owner IN (");
        sql.push_str(&vec!["?"; owners.len()].join(","));
        sql.push(')');
        values.extend(owners.iter().cloned().map(Value::from));
    }
    let (name, first) =
        part.begin::<String>(tx, "SELECT name FROM resource WHERE id = ?1 AND server_id = ?2", server_id)?;
    if let (Some(name), Some(after)) = (name, part.after) {
        sql.push_str(" AND (r.name, r.id) > (?, ?)");
        values.extend([name.into(), after.to_owned().into()]);
    }
    sql.push_str(" ORDER BY r.name, r.id LIMIT ? OFFSET ?");
    values.extend([part.max.into(), first.into()]);
    let mut statement = tx.prepare_cached(&sql)?;
    let ids = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Removes a resource; what rests on it ends in the same transaction (wire §2.5)
pub(super) fn remove(
    tx: &Transaction<'_>,
    server_id: &str,
    id: &str,
    now: UnixTime,
) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM share WHERE resource_id = ?1")?.execute([id])?;
    grant::narrow(tx, id, None, Holders::All, now)?;
    tx.prepare_cached(
        "DELETE FROM policy WHERE id IN (
             SELECT policy_id FROM policy_resource WHERE resource_id = ?1)
           AND NOT EXISTS (
             SELECT 1 FROM policy_resource WHERE policy_id = policy.id AND resource_id <> ?1)",
    )?
    .execute([id])?;
    let deleted = tx
        .prepare_cached("DELETE FROM resource WHERE id = ?1 AND server_id = ?2")?
        .execute([id, server_id])?;
    if deleted == 0 { Err(StoreError::Missing) } else { bump(tx, server_id) }
}

/// A `LIKE` pattern for texts that contain this one
pub fn containing(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
