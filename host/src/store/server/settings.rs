//! Authorization settings of a resource server as one document (`keycloak-wire` §9.5).
//!
//! A document is written over what is there: what it names is found by id or name and changed, or made; nothing
//! else is touched.

use std::collections::BTreeSet;

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::Map;

use super::{ServerSettings, bump, load};
use crate::{
    import::document::{AuthorizationFile, OwnerFile, PolicyFile, ResourceFile, ScopeFile},
    policy::{Draft, Links, Noun, Refused, WriteError, form},
    store::{
        Store, StoreError, audit,
        audit::Event,
        grant,
        policy::{self, Import, PolicyRecord, reference},
        resource::{self, ResourceDescription, ResourceRecord, ScopeRecord},
        seconds,
    },
};

/// Everything about a resource server but what its owners made
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its own settings
    pub server: ServerSettings,
    /// Its scopes, by name
    pub scopes: Vec<ScopeRecord>,
    /// Its resources, by name
    pub resources: Vec<ResourceRecord>,
    /// Policies and permissions, by name; configurations have names in the place of ids
    pub policies: Vec<PolicyRecord>,
}

/// How much a document is believed
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// A policy that nobody can evaluate is stored, and denies
    Lenient,
    /// It is refused
    Strict,
}

impl Store {
    /// The settings as one document
    pub fn settings(&self, id: &str) -> Result<Option<Settings>, StoreError> {
        self.read(|tx| {
            let Some((server, _)) = load(tx, id)? else { return Ok(None) };
            let ids = |sql: &str| -> Result<Vec<String>, StoreError> {
                let mut statement = tx.prepare_cached(sql)?;
                Ok(statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?)
            };
            let resources = ids("SELECT id FROM resource WHERE server_id = ?1 ORDER BY name, id")?;
            let policies = ids("SELECT id FROM policy WHERE server_id = ?1 AND owner IS NULL ORDER BY name")?;
            Ok(Some(Settings {
                server,
                scopes: resource::scopes_of_server(tx, id)?,
                resources: resources
                    .iter()
                    .filter_map(|resource| resource::load(tx, id, resource).transpose())
                    .collect::<Result<_, _>>()?,
                policies: policies
                    .iter()
                    .filter_map(|policy| policy::exported(tx, id, policy).transpose())
                    .collect::<Result<_, _>>()?,
            }))
        })
    }

    /// Changes mode, strategy, remote management, and since when tokens count: what was issued before ends
    pub async fn set_server(
        &self,
        id: &str,
        settings: ServerSettings,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |tx| {
            let Some((before, _)) = load(tx, &id)? else { return Err(StoreError::Missing) };
            put(tx, &id, settings)?;
            if before.not_before < settings.not_before {
                grant::cut(tx, &id, UnixTime(settings.not_before), now)?;
            }
            audit::record(tx, &event.server(&id))
        })
        .await
    }

    /// Writes a document over what is there
    pub async fn import_settings(
        &self,
        realm_id: &str,
        id: &str,
        document: AuthorizationFile,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let (realm_id, id) = (realm_id.to_owned(), id.to_owned());
        self.write(move |tx| {
            let Some((settings, _)) = load(tx, &id)? else { return Err(StoreError::Missing) };
            put(tx, &id, document.server(settings.not_before))?;
            merge(tx, &realm_id, &id, &document, Care::Strict, now)?;
            audit::record(tx, &event.server(&id))
        })
        .await
    }
}

impl AuthorizationFile {
    fn server(&self, not_before: u64) -> ServerSettings {
        ServerSettings {
            mode: self.policy_enforcement_mode,
            strategy: self.decision_strategy.unwrap_or_default(),
            remote_management: self.allows_remote_management(),
            not_before,
        }
    }
}

/// A new resource server with what a document says of it
pub fn create(
    tx: &Transaction<'_>,
    realm_id: &str,
    id: &str,
    document: &AuthorizationFile,
    now: UnixTime,
) -> Result<(), StoreError> {
    let settings = document.server(0);
    tx.prepare_cached("INSERT INTO resource_server (id, mode, strategy, remote) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, settings.mode.name(), settings.strategy.name(), settings.remote_management])?;
    merge(tx, realm_id, id, document, Care::Lenient, now)
}

fn put(tx: &Transaction<'_>, id: &str, settings: ServerSettings) -> Result<(), StoreError> {
    let changed = tx
        .prepare_cached(
            "UPDATE resource_server SET mode = ?2, strategy = ?3, remote = ?4, not_before = ?5 WHERE id = ?1",
        )?
        .execute(params![
            id,
            settings.mode.name(),
            settings.strategy.name(),
            settings.remote_management,
            seconds(UnixTime(settings.not_before)),
        ])?;
    if changed == 0 { Err(StoreError::Missing) } else { bump(tx, id) }
}

fn merge(
    tx: &Transaction<'_>,
    realm_id: &str,
    server_id: &str,
    document: &AuthorizationFile,
    care: Care,
    now: UnixTime,
) -> Result<(), StoreError> {
    once("scope", document.scopes.iter().map(|scope| scope.name.as_str()))?;
    once("policy", document.policies.iter().map(|policy| policy.name.as_str()))?;
    for scope in &document.scopes {
        put_scope(tx, server_id, scope, now).map_err(|error| named(error, "scope", &scope.name))?;
    }
    let mut resources = BTreeSet::new();
    for resource in &document.resources {
        let key = put_resource(tx, realm_id, server_id, resource, now)
            .map_err(|error| named(error, "resource", &resource.name))?;
        if !resources.insert(key) {
            return Err(twice("resource", &resource.name));
        }
    }
    let drafts =
        document.policies.iter().map(|policy| draft(policy).map_err(|error| in_policy(error, policy)));
    let drafts = drafts.collect::<Result<Vec<_>, _>>()?;
    // Rows first, references after: a policy may name one that is listed later.
    let mut import = Import::new(tx, realm_id, server_id, care == Care::Strict);
    for draft in &drafts {
        import.row(draft).map_err(|error| of_policy(error, &draft.name))?;
    }
    import.links().map_err(|(draft, error)| of_policy(error, &draft.name))?;
    bump(tx, server_id)
}

fn once<'a>(kind: &str, names: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(twice(kind, name));
        }
    }
    Ok(())
}

fn twice(kind: &str, name: &str) -> StoreError {
    StoreError::Refused(format!("{kind} `{name}`: its name or id is in use already"))
}

/// A clash of ids or names, said with the name
fn named(error: StoreError, kind: &str, name: &str) -> StoreError {
    if matches!(error, StoreError::Conflict(_)) { twice(kind, name) } else { error }
}

fn put_scope(
    tx: &Transaction<'_>,
    server_id: &str,
    file: &ScopeFile,
    now: UnixTime,
) -> Result<(), StoreError> {
    let by_id = file.id.as_deref().map(|id| reference::scope(tx, server_id, id)).transpose()?.flatten();
    let known = match by_id {
        Some(id) => Some(id),
        None => reference::scope(tx, server_id, &file.name)?,
    };
    let scope = ScopeRecord {
        id: known.clone().or_else(|| file.id.clone()).unwrap_or_else(new_id),
        name: file.name.clone(),
        display_name: file.display_name.clone(),
        icon_uri: file.icon_uri.clone(),
    };
    if known.is_some() {
        resource::replace_scope(tx, server_id, &scope, now)
    } else {
        resource::insert_scope(tx, server_id, &scope)
    }
}

/// Writes a resource; gives its id
fn put_resource(
    tx: &Transaction<'_>,
    realm_id: &str,
    server_id: &str,
    file: &ResourceFile,
    now: UnixTime,
) -> Result<String, StoreError> {
    let owner = match &file.owner {
        None => server_id.to_owned(),
        Some(OwnerFile::Name(name)) => owner(tx, realm_id, server_id, name, &file.name)?,
        Some(OwnerFile::Object { name, id }) => {
            let named = name.as_ref().or(id.as_ref()).map(String::as_str).unwrap_or_default();
            owner(tx, realm_id, server_id, named, &file.name)?
        }
    };
    let description = ResourceDescription {
        name: file.name.clone(),
        display_name: file.display_name.clone(),
        kind: file.kind.clone(),
        icon_uri: file.icon_uri.clone(),
        owner_managed: file.is_owner_managed(),
        attributes: Some(
            file.attributes.iter().map(|(name, values)| (name.clone(), values.clone().into())).collect(),
        ),
        kept: None,
        uris: file.uris.iter().cloned().chain(file.uri.clone()).collect(),
        scopes: file.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
    };
    let known: Option<String> = tx
        .prepare_cached(
            "SELECT id FROM resource WHERE server_id = ?1 AND id = ?4
             UNION ALL SELECT id FROM resource WHERE server_id = ?1 AND owner = ?2 AND name = ?3 LIMIT 1",
        )?
        .query_row(params![server_id, owner, file.name, file.id], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        resource::replace(tx, server_id, &id, &description, now)?;
        return Ok(id);
    }
    let id = file.id.clone().unwrap_or_else(new_id);
    resource::insert(tx, server_id, &id, &owner, &description, now)?;
    Ok(id)
}

fn owner(
    tx: &Transaction<'_>,
    realm_id: &str,
    server_id: &str,
    name: &str,
    resource: &str,
) -> Result<String, StoreError> {
    if reference::client(tx, realm_id, name)?.as_deref() == Some(server_id) {
        return Ok(server_id.to_owned());
    }
    reference::user(tx, realm_id, name)?
        .ok_or_else(|| StoreError::Refused(format!("resource `{resource}`: owner `{name}` does not exist")))
}

fn draft(file: &PolicyFile) -> Result<Draft, Refused> {
    let mut draft = Draft {
        id: file.id.clone(),
        name: file.name.clone(),
        description: file.description.clone(),
        kind: file.kind.clone(),
        logic: file.logic.unwrap_or_default(),
        strategy: file.decision_strategy.unwrap_or_default(),
        config: Map::new(),
        kept: Map::new(),
        links: Links::default(),
    };
    for (name, text) in &file.config {
        form::entry(&mut draft, name, text.0.clone())?;
    }
    Ok(draft)
}

fn in_policy(error: Refused, policy: &PolicyFile) -> StoreError {
    of_policy(error.into(), &policy.name)
}

fn of_policy(error: WriteError, name: &str) -> StoreError {
    // The words of an import that misses something (`keycloak-wire` §9.5)
    let error = if let WriteError::Refused(Refused::Unknown(Noun::Policy, missing)) = &error {
        StoreError::Refused(format!("Policy with name [{missing}] not defined."))
    } else {
        error.in_store()
    };
    if let StoreError::Refused(text) = &error {
        StoreError::Refused(format!("policy `{name}`: {text}"))
    } else {
        named(error, "policy", name)
    }
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
