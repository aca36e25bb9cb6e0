//! Writing of policies and permissions: references are found first, so that what is refused has changed nothing.

use core::cmp::Ordering;

use countersign_core::{
    policy::{Fault, PolicyRow, PolicySet},
    time::{UnixTime, WallClock},
};
use rusqlite::{Transaction, params};
use serde_json::{Map, Value, json};

use super::{PolicyRecord, load, owners, reference};
use crate::{
    policy::{Draft, Links, Noun, Refused, Shape, WriteError, is_known, members},
    store::{Store, StoreError, audit, audit::Event, facts, parse, server::bump},
};

impl Store {
    /// Stores a new policy. A name in use is a [`StoreError::Conflict`].
    pub async fn create_policy(
        &self,
        realm_id: &str,
        server_id: &str,
        draft: Draft,
        event: Event,
    ) -> Result<Result<PolicyRecord, Refused>, StoreError> {
        let (realm_id, server_id) = (realm_id.to_owned(), server_id.to_owned());
        self.write(move |tx| {
            let id = draft.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
            let place = Place { tx, realm_id: &realm_id, server_id: &server_id };
            let found = match place.found(&id, &draft, Unknown::Stays) {
                Ok(found) => found,
                Err(error) => return refused(error),
            };
            place.insert(&id, &draft, &found.config)?;
            place.link(&id, &draft.kind, &found.links)?;
            bump(tx, &server_id)?;
            audit::record(tx, &event.server(&server_id))?;
            load(tx, &server_id, &id)?.map(Ok).ok_or(StoreError::Missing)
        })
        .await
    }

    /// Replaces a policy of the same type; lists that the draft does not have stay as they are
    pub async fn replace_policy(
        &self,
        realm_id: &str,
        server_id: &str,
        id: &str,
        draft: Draft,
        event: Event,
    ) -> Result<Result<(), Refused>, StoreError> {
        let (realm_id, server_id, id) = (realm_id.to_owned(), server_id.to_owned(), id.to_owned());
        self.write(move |tx| {
            let place = Place { tx, realm_id: &realm_id, server_id: &server_id };
            let found = match place.found(&id, &draft, Unknown::Stays) {
                Ok(found) => found,
                Err(error) => return refused(error),
            };
            place.update(&id, &draft, &found.config)?;
            place.link(&id, &draft.kind, &found.links)?;
            bump(tx, &server_id)?;
            audit::record(tx, &event.server(&server_id))?;
            Ok(Ok(()))
        })
        .await
    }

    /// Deletes a policy: permissions and aggregates lose it
    pub async fn delete_policy(
        &self,
        server_id: &str,
        id: &str,
        now: UnixTime,
        event: Event,
    ) -> Result<(), StoreError> {
        let (server_id, id) = (server_id.to_owned(), id.to_owned());
        self.write(move |tx| {
            owners::end(tx, &server_id, &id, now)?;
            let deleted = tx
                .prepare_cached("DELETE FROM policy WHERE id = ?1 AND server_id = ?2")?
                .execute([&id, &server_id])?;
            if deleted == 0 {
                return Err(StoreError::Missing);
            }
            bump(tx, &server_id)?;
            audit::record(tx, &event.server(&server_id))
        })
        .await
    }
}

fn refused<T>(error: WriteError) -> Result<Result<T, Refused>, StoreError> {
    match error {
        WriteError::Refused(refused) => Ok(Err(refused)),
        WriteError::Store(error) => Err(error),
    }
}

/// What happens to a role that nobody knows
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// It stays as a text that nobody ever has
    Stays,
    /// It is refused
    Refused,
}

/// What a draft refers to, found
struct Found {
    config: Map<String, Value>,
    links: Links,
}

/// The resource server whose policies are written
#[derive(Clone, Copy)]
struct Place<'a> {
    tx: &'a Transaction<'a>,
    realm_id: &'a str,
    server_id: &'a str,
}

impl Place<'_> {
    fn found(&self, id: &str, draft: &Draft, unknown: Unknown) -> Result<Found, WriteError> {
        let config = self.config(draft, unknown)?;
        self.evaluates(draft, &config)?;
        let links = self.links(&draft.links)?;
        self.no_cycle(id, &draft.name, links.policies.as_deref().unwrap_or_default())?;
        Ok(Found { config, links })
    }

    fn id_of(&self, noun: Noun, text: &str) -> Result<Option<String>, StoreError> {
        reference::find(self.tx, self.realm_id, self.server_id, noun, text)
    }

    fn id(&self, noun: Noun, text: &str) -> Result<String, WriteError> {
        Ok(self.id_of(noun, text)?.ok_or_else(|| Refused::Unknown(noun, text.to_owned()))?)
    }

    /// The configuration with ids for names, so that a renamed role or user stays the one that was meant
    fn config(&self, draft: &Draft, unknown: Unknown) -> Result<Map<String, Value>, WriteError> {
        let mut config = draft.config.clone();
        for member in members(&draft.kind) {
            match member.shape {
                Shape::References(noun) => {
                    let mut ids: Vec<String> = Vec::new();
                    for text in items(&draft.config, member.name).iter().filter_map(Value::as_str) {
                        let id = self.id(noun, text)?;
                        if !ids.contains(&id) {
                            ids.push(id);
                        }
                    }
                    config.insert(member.name.to_owned(), json!(ids));
                }
                Shape::Flagged(noun, flag) => {
                    let mut found: Vec<Value> = Vec::new();
                    for item in items(&draft.config, member.name) {
                        let item = self.flagged(noun, flag, item, unknown)?;
                        if noun == Noun::Role && found.iter().any(|other| other.get("id") == item.get("id")) {
                            return Err(self.role_twice(&item)?.into());
                        }
                        found.push(item);
                    }
                    config.insert(member.name.to_owned(), found.into());
                }
                Shape::Flag | Shape::Text => {}
            }
        }
        Ok(config)
    }

    fn flagged(&self, noun: Noun, flag: &str, item: &Value, unknown: Unknown) -> Result<Value, WriteError> {
        let text = item.get("id").and_then(Value::as_str).unwrap_or_default();
        let set = item.get(flag).cloned().unwrap_or_default();
        let member = if noun == Noun::ClientScope { "name" } else { "id" };
        Ok(match self.id_of(noun, text)? {
            Some(id) => json!({ member: id, flag: set }),
            None if noun == Noun::Role && unknown == Unknown::Stays => {
                json!({ "id": text, flag: set, reference::UNKNOWN: true })
            }
            None => return Err(Refused::Unknown(noun, text.to_owned()).into()),
        })
    }

    fn role_twice(&self, item: &Value) -> Result<Refused, StoreError> {
        let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
        let name = reference::name(self.tx, Noun::Role, id)?;
        let name = name.as_deref().map_or(id, |name| name.rsplit('/').next().unwrap_or(name));
        Ok(Refused::RoleTwice(name.to_owned()))
    }

    /// What can be seen to be wrong before anybody asks: dates, numbers, patterns
    fn evaluates(&self, draft: &Draft, config: &Map<String, Value>) -> Result<(), WriteError> {
        if draft.kind == "time" {
            dates(config)?;
        }
        if !is_known(&draft.kind) {
            return Ok(());
        }
        let row = PolicyRow {
            id: parse("new")?,
            name: draft.name.clone(),
            kind: draft.kind.clone(),
            logic: draft.logic.name().to_owned(),
            strategy: draft.strategy.name().to_owned(),
            config: facts::named(self.tx, config.clone().into())?,
            resources: Vec::new(),
            scopes: std::collections::BTreeSet::new(),
            resource_type: None,
            apply: Vec::new(),
            owner: None,
            expires_at: None,
        };
        let rows = [row];
        for (_, fault) in PolicySet::new(&rows).faults() {
            match fault {
                Fault::Configuration(name) => {
                    let member = members(&draft.kind).iter().find(|member| member.name == name);
                    return Err(Refused::Member(member.map_or(name, |member| member.typed).to_owned()).into());
                }
                fault @ Fault::Pattern(_) => return Err(Refused::Broken(fault.to_string()).into()),
                // A list may be empty, and associations are looked at elsewhere.
                Fault::UnknownType(_)
                | Fault::Logic
                | Fault::Strategy
                | Fault::Emptied(_)
                | Fault::NoPolicies
                | Fault::Cycle
                | Fault::TooDeep
                | Fault::MissingReference(_)
                | Fault::NotAPolicy(_)
                | Fault::NoOutcome => {}
            }
        }
        Ok(())
    }

    fn links(&self, links: &Links) -> Result<Links, WriteError> {
        let ids = |noun, texts: &Option<Vec<String>>| -> Result<_, WriteError> {
            let Some(texts) = texts else { return Ok(None) };
            Ok(Some(texts.iter().map(|text| self.id(noun, text)).collect::<Result<Vec<_>, _>>()?))
        };
        Ok(Links {
            resources: ids(Noun::Resource, &links.resources)?,
            resource_type: links.resource_type.clone(),
            scopes: ids(Noun::Scope, &links.scopes)?,
            policies: ids(Noun::Policy, &links.policies)?,
        })
    }

    /// Refuses what would be part of itself
    fn no_cycle(&self, id: &str, name: &str, applied: &[String]) -> Result<(), WriteError> {
        let leads_back = self
            .tx
            .prepare_cached(
                "WITH RECURSIVE below(id) AS (
                     SELECT value FROM json_each(?1)
                     UNION SELECT a.applied_id FROM policy_apply a JOIN below b ON a.policy_id = b.id)
                 SELECT 1 FROM below WHERE id = ?2",
            )?
            .exists([serde_json::to_string(applied)?.as_str(), id])?;
        if leads_back { Err(Refused::Cycle(name.to_owned()).into()) } else { Ok(()) }
    }

    fn insert(&self, id: &str, draft: &Draft, config: &Map<String, Value>) -> Result<(), StoreError> {
        self.tx
            .prepare_cached(
                "INSERT INTO policy (id, server_id, name, description, type, logic, strategy, config, kept,
                                     resource_type)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                id,
                self.server_id,
                draft.name,
                draft.description,
                draft.kind,
                draft.logic.name(),
                draft.strategy.name(),
                serde_json::to_string(config)?,
                serde_json::to_string(&draft.kept)?,
                draft.links.resource_type,
            ])?;
        Ok(())
    }

    fn update(&self, id: &str, draft: &Draft, config: &Map<String, Value>) -> Result<(), StoreError> {
        let changed = self
            .tx
            .prepare_cached(
                "UPDATE policy SET name = ?3, description = ?4, logic = ?6, strategy = ?7, config = ?8, kept = ?9,
                        resource_type = ?10
                 WHERE id = ?1 AND server_id = ?2 AND type = ?5",
            )?
            .execute(params![
                id,
                self.server_id,
                draft.name,
                draft.description,
                draft.kind,
                draft.logic.name(),
                draft.strategy.name(),
                serde_json::to_string(config)?,
                serde_json::to_string(&draft.kept)?,
                draft.links.resource_type,
            ])?;
        if changed == 0 { Err(StoreError::Missing) } else { Ok(()) }
    }

    /// Sets the lists that are there, and what follows for scopes: one that names neither a resource nor a type
    /// is found by its scope alone
    fn link(&self, id: &str, kind: &str, links: &Links) -> Result<(), StoreError> {
        for (table, column, ids) in [
            ("policy_resource", "resource_id", &links.resources),
            ("policy_scope", "scope_id", &links.scopes),
            ("policy_apply", "applied_id", &links.policies),
        ] {
            let Some(ids) = ids else { continue };
            self.tx.prepare_cached(&format!("DELETE FROM {table} WHERE policy_id = ?1"))?.execute([id])?;
            let sql = if table == "policy_scope" {
                "INSERT OR IGNORE INTO policy_scope (policy_id, scope_id, floating) VALUES (?1, ?2, 0)"
                    .to_owned()
            } else {
                format!("INSERT OR IGNORE INTO {table} (policy_id, {column}) VALUES (?1, ?2)")
            };
            let mut statement = self.tx.prepare_cached(&sql)?;
            for other in ids {
                statement.execute([id, other])?;
            }
        }
        self.tx
            .prepare_cached(
                "UPDATE policy_scope SET floating = ?2
                   AND NOT EXISTS (SELECT 1 FROM policy_resource WHERE policy_id = ?1)
                   AND (SELECT resource_type FROM policy WHERE id = ?1) IS NULL
                 WHERE policy_id = ?1",
            )?
            .execute(params![id, kind == "scope"])?;
        Ok(())
    }
}

fn items<'a>(config: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    config.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Both dates can be read, and the end does not come first (`keycloak-wire` N10)
fn dates(config: &Map<String, Value>) -> Result<(), Refused> {
    let date = |name: &str| -> Result<Option<WallClock>, Refused> {
        let Some(text) = config.get(name).and_then(Value::as_str) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refused::Date(text.to_owned()))
    };
    match (date("nbf")?, date("noa")?) {
        (Some(from), Some(to)) if from.cmp(&to) == Ordering::Greater => Err(Refused::DateOrder),
        _ => Ok(()),
    }
}

/// Several policies at once, each of which may refer to any other
pub(in crate::store) struct Import<'a> {
    place: Place<'a>,
    checks: bool,
    written: Vec<(String, &'a Draft)>,
}

impl<'a> Import<'a> {
    /// Into this resource server; `checks` refuses what nobody can evaluate
    pub(in crate::store) const fn new(
        tx: &'a Transaction<'a>,
        realm_id: &'a str,
        server_id: &'a str,
        checks: bool,
    ) -> Self {
        Self { place: Place { tx, realm_id, server_id }, checks, written: Vec::new() }
    }

    /// Writes the row of a policy, over the one of its id or name if that is there; links follow
    pub(in crate::store) fn row(&mut self, draft: &'a Draft) -> Result<(), WriteError> {
        let place = self.place;
        let config = place.config(draft, Unknown::Refused)?;
        if self.checks {
            place.evaluates(draft, &config)?;
        }
        let by_id =
            draft.id.as_deref().map(|id| reference::policy(place.tx, place.server_id, id)).transpose()?;
        let known = match by_id.flatten() {
            Some(id) => Some(id),
            None => reference::policy(place.tx, place.server_id, &draft.name)?,
        };
        let id = if let Some(id) = known {
            place.update(&id, draft, &config).map_err(|error| {
                if error == StoreError::Missing {
                    StoreError::Refused("its type cannot be changed".to_owned())
                } else {
                    error
                }
            })?;
            id
        } else {
            let id = draft.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
            place.insert(&id, draft, &config)?;
            id
        };
        self.written.push((id, draft));
        Ok(())
    }

    /// Writes what the policies refer to
    pub(in crate::store) fn links(&self) -> Result<(), (&'a Draft, WriteError)> {
        for (id, draft) in &self.written {
            let links = self.place.links(&draft.links).map_err(|error| (*draft, error))?;
            self.place.link(id, &draft.kind, &links).map_err(|error| (*draft, error.into()))?;
            let applied = links.policies.unwrap_or_default();
            self.place.no_cycle(id, &draft.name, &applied).map_err(|error| (*draft, error))?;
        }
        Ok(())
    }
}
