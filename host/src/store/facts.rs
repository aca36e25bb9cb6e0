//! What an assessment depends on: the rows that a question can mean, and no others (design §1.6).

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{
    assessment::{Ask, Facts, SharedWithOthers, Whose},
    ids::ResourceId,
    limits::{POLICIES, RESOURCES},
    path::Path,
    permission::Permission,
    policy::PolicyRow,
    requester::Requester,
    resource::Resource,
    scope::{Scope, ScopeSet},
    share::{Grantee, Share, ShareState},
    time::UnixTime,
};
use rusqlite::{OptionalExtension, Params, Transaction, params};
use serde_json::{Value, json};

use super::{
    Store, StoreError, parse, seconds,
    server::{self, ServerSettings, Version},
    time,
};

/// What is asked for, as far as the store needs to know
#[derive(Debug, Clone, Copy)]
pub struct FactsRequest<'a> {
    /// The resource server
    pub server_id: &'a str,
    /// Who asks
    pub requester: &'a Requester,
    /// What is asked for
    pub asks: &'a [Ask],
    /// Everything is asked for
    pub everything: bool,
    /// Of everything, what comes after this resource
    pub after: Option<&'a ResourceId>,
    /// Scopes that are asked for in addition
    pub scopes: &'a ScopeSet,
    /// Permissions of an earlier RPT
    pub rpt: &'a [Permission],
    /// The moment of the assessment
    pub now: UnixTime,
}

/// Facts, and what they were read from
#[derive(Debug, Clone)]
pub struct LoadedFacts {
    /// The facts
    pub facts: Facts,
    /// The resource server's settings
    pub server: ServerSettings,
    /// A change that could narrow the answer raises it
    pub version: Version,
    /// What the policies look at
    pub wanted: Wanted,
}

/// What policies look at in a requester that is not read for every question
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// The roles of the user's record
    pub recorded_roles: bool,
    /// The user's groups
    pub groups: bool,
    /// Claims of the token
    pub claims: bool,
}

impl Store {
    /// Loads what a question depends on, in one snapshot; nothing if authorization is off there
    pub fn facts(&self, request: &FactsRequest<'_>) -> Result<Option<LoadedFacts>, StoreError> {
        self.read(|tx| {
            let Some((server, version)) = server::load(tx, request.server_id)? else { return Ok(None) };
            let mut loader = Loader { tx, request, facts: Facts::default(), ids: BTreeSet::new() };
            loader.scopes()?;
            loader.candidates()?;
            let policies = loader.policies()?;
            let mut facts = loader.facts;
            facts.truncated = policies.truncated;
            facts.policies = policies.rows.into_values().collect();
            Ok(Some(LoadedFacts { facts, server, version, wanted: policies.wanted }))
        })
    }
}

struct Loader<'a> {
    tx: &'a Transaction<'a>,
    request: &'a FactsRequest<'a>,
    facts: Facts,
    ids: BTreeSet<String>,
}

impl Loader<'_> {
    /// Those of the asked scopes that exist
    fn scopes(&mut self) -> Result<(), StoreError> {
        let asked = self.request.asks.iter().flat_map(Ask::scopes).chain(self.request.scopes);
        for scope in asked.collect::<BTreeSet<_>>() {
            let found = self
                .tx
                .prepare_cached("SELECT 1 FROM scope WHERE server_id = ?1 AND name = ?2")?
                .query_row([self.request.server_id, scope.as_str()], |_| Ok(()))
                .optional()?;
            if found.is_some() {
                self.facts.scopes.insert(scope.clone());
            }
        }
        Ok(())
    }

    fn candidates(&mut self) -> Result<(), StoreError> {
        let FactsRequest { server_id, requester, asks, everything, rpt, .. } = *self.request;
        let me = requester.id.as_str();
        for ask in asks {
            match ask {
                Ask::Id { resource, .. } => self.resource(resource.as_str())?,
                Ask::Name { resource, .. } => {
                    if resource.contains('-') {
                        self.resource(resource)?;
                    }
                    // By name: the caller's own, the resource server's own, and what is shared with him.
                    self.resources(
                        "SELECT id FROM resource WHERE server_id = ?1 AND owner IN (?1, ?3) AND name = ?2
                         UNION SELECT r.id FROM resource r JOIN share h ON h.resource_id = r.id
                         WHERE r.server_id = ?1 AND r.name = ?2 AND h.requester = ?3 AND h.server_id = ?1
                           AND h.state = 'granted' LIMIT ?4",
                        params![server_id, resource, me, limit()],
                    )?;
                }
                Ask::Uri { uri, matching, .. } => self.at_uri(uri, *matching)?,
                Ask::Type { kind, whose, .. } => {
                    let whose = match whose {
                        Whose::Server => "server",
                        Whose::Requester => "requester",
                        Whose::Instance => "instance",
                        Whose::Any => "any",
                    };
                    self.resources(
                        "SELECT id FROM resource WHERE server_id = ?1 AND type = ?2
                           AND CASE ?4 WHEN 'server' THEN owner = ?1 WHEN 'requester' THEN owner = ?3
                                       WHEN 'instance' THEN owner <> ?1 ELSE 1 END
                         LIMIT ?5",
                        params![server_id, kind, me, whose, limit()],
                    )?;
                }
                Ask::Scopes { scopes } => {
                    for scope in scopes {
                        self.resources(
                            "SELECT r.resource_id FROM scope s JOIN resource_scope r ON r.scope_id = s.id
                             WHERE s.server_id = ?1 AND s.name = ?2 LIMIT ?3",
                            params![server_id, scope.as_str(), limit()],
                        )?;
                    }
                }
            }
        }
        if everything {
            self.page()?;
        }
        for id in rpt.iter().filter_map(|permission| permission.rsid.as_ref()) {
            self.resource(id.as_str())?;
        }
        self.parents()
    }

    /// Of everything, the next page: the caller's own, the resource server's own, and what is shared with the caller
    fn page(&mut self) -> Result<(), StoreError> {
        let FactsRequest { server_id, requester, after, .. } = *self.request;
        let mut ids: Vec<String> = self
            .tx
            .prepare_cached(
                "SELECT id FROM (SELECT id FROM resource
                                 WHERE owner = ?1 AND server_id = ?1 AND id > ?3 ORDER BY id LIMIT ?4)
                 UNION SELECT id FROM (SELECT id FROM resource
                                 WHERE owner = ?2 AND server_id = ?1 AND id > ?3 ORDER BY id LIMIT ?4)
                 UNION SELECT resource_id FROM (SELECT resource_id FROM share
                                 WHERE requester = ?2 AND server_id = ?1 AND state = 'granted' AND resource_id > ?3
                                 ORDER BY resource_id LIMIT ?4)
                 ORDER BY id LIMIT ?4",
            )?
            .query_map(
                params![server_id, requester.id.as_str(), after.map_or("", ResourceId::as_str), limit()],
                |row| row.get(0),
            )?
            .collect::<Result<_, _>>()?;
        // One more than a page holds tells that there is more.
        let room = RESOURCES.saturating_sub(self.ids.len()).saturating_sub(1);
        self.facts.more = ids.len() > room;
        ids.truncate(room);
        ids.iter().try_for_each(|id| self.resource(id))
    }

    /// Resources of exactly this URI; where there are none and patterns count, those that its first segment finds
    fn at_uri(&mut self, uri: &str, matching: bool) -> Result<(), StoreError> {
        let server_id = self.request.server_id;
        let known = self.ids.len();
        self.resources(
            "SELECT resource_id FROM resource_uri WHERE server_id = ?1 AND uri = ?2 LIMIT ?3",
            params![server_id, uri, limit()],
        )?;
        if !matching || self.ids.len() > known {
            return Ok(());
        }
        // What the path begins with once it is written in its one way; a pattern may also begin with a placeholder.
        let first = Path::parse(uri.as_bytes()).ok();
        let first = first.as_ref().and_then(|path| path.segments().next()).unwrap_or_default();
        self.resources(
            "SELECT resource_id FROM resource_uri WHERE server_id = ?1 AND first IN (?2, '') LIMIT ?3",
            params![server_id, first, limit()],
        )
    }

    fn resources(&mut self, sql: &str, values: impl Params) -> Result<(), StoreError> {
        let ids: Vec<String> =
            self.tx.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?;
        ids.iter().try_for_each(|id| self.resource(id))
    }

    fn resource(&mut self, id: &str) -> Result<(), StoreError> {
        if self.ids.len() >= RESOURCES || self.ids.contains(id) {
            return Ok(());
        }
        let Some(resource) = self.bare(id)? else { return Ok(()) };
        self.ids.insert(id.to_owned());
        self.shares(&resource)?;
        self.facts.resources.push(resource);
        Ok(())
    }

    fn bare(&self, id: &str) -> Result<Option<Resource>, StoreError> {
        let row = self
            .tx
            .prepare_cached(
                "SELECT name, type, owner, owner_managed FROM resource WHERE id = ?1 AND server_id = ?2",
            )?
            .query_row([id, self.request.server_id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((name, kind, owner, owner_managed)) = row else { return Ok(None) };
        let mut resource = Resource {
            id: parse(id)?,
            name,
            kind,
            owner: parse(&owner)?,
            owner_managed,
            scopes: self.names(
                "SELECT s.name FROM resource_scope r JOIN scope s ON s.id = r.scope_id WHERE r.resource_id = ?1",
                [id],
            )?,
            uris: Vec::new(),
        };
        if self.request.asks.iter().any(|ask| matches!(ask, Ask::Uri { .. })) {
            let mut uris = self.tx.prepare_cached("SELECT uri FROM resource_uri WHERE resource_id = ?1")?;
            resource.uris = uris.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
        }
        Ok(Some(resource))
    }

    fn names(&self, sql: &str, values: impl Params) -> Result<ScopeSet, StoreError> {
        let mut statement = self.tx.prepare_cached(sql)?;
        let names = statement.query_map(values, |row| row.get::<_, String>(0))?;
        names.map(|name| parse(&name?)).collect()
    }

    /// The requester's shares of a resource, and what is granted to others there
    fn shares(&mut self, resource: &Resource) -> Result<(), StoreError> {
        let (id, me) = (resource.id.as_str(), self.request.requester.id.as_str());
        let now = seconds(self.request.now);
        let mut statement = self.tx.prepare_cached(
            "SELECT h.id, s.name, h.state, h.expires_at FROM share h LEFT JOIN scope s ON s.id = h.scope_id
             WHERE h.resource_id = ?1 AND h.requester_kind = 'user' AND h.requester = ?2",
        )?;
        let rows = statement.query_map([id, me], |row| {
            let (share, scope): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            Ok((share, scope, row.get::<_, String>(2)?, row.get::<_, Option<i64>>(3)?))
        })?;
        for row in rows {
            let (share, scope, state, expires_at) = row?;
            self.facts.shares.push(Share {
                id: parse(&share)?,
                resource: resource.id.clone(),
                scope: scope.map(|scope| parse(&scope)).transpose()?,
                requester: Grantee::User(self.request.requester.id.clone()),
                state: ShareState::from_name(&state).unwrap_or(ShareState::Blocked),
                expires_at: expires_at.map(time),
                parent: None,
            });
        }
        // One look into the index for each scope: it does not matter how many others there are.
        let scopes = self.names(
            "SELECT s.name FROM resource_scope r JOIN scope s ON s.id = r.scope_id
             WHERE r.resource_id = ?1 AND EXISTS (
               SELECT 1 FROM share h WHERE h.resource_id = ?1 AND h.scope_id = s.id AND h.state = 'granted'
                 AND h.requester <> ?2 AND (h.expires_at IS NULL OR h.expires_at > ?3))",
            params![id, me, now],
        )?;
        let whole = resource.scopes.is_empty()
            && self
                .tx
                .prepare_cached(
                    "SELECT 1 FROM share WHERE resource_id = ?1 AND scope_id IS NULL AND state = 'granted'
                     AND requester <> ?2 AND (expires_at IS NULL OR expires_at > ?3) LIMIT 1",
                )?
                .query_row(params![id, me, now], |_| Ok(()))
                .optional()?
                .is_some();
        if whole || !scopes.is_empty() {
            self.facts.shared_with_others.push(SharedWithOthers { resource: resource.id.clone(), scopes });
        }
        Ok(())
    }

    /// The resource server's own resources of the types in question (`keycloak-wire` §8.6)
    fn parents(&mut self) -> Result<(), StoreError> {
        let server_id = self.request.server_id;
        let typed = self.facts.resources.iter().filter(|resource| resource.owner.as_str() != server_id);
        let kinds: BTreeSet<String> = typed.filter_map(|resource| resource.kind.clone()).collect();
        for kind in kinds {
            let ids: Vec<String> = self
                .tx
                .prepare_cached(
                    "SELECT id FROM resource WHERE server_id = ?1 AND type = ?2 AND owner = ?1 LIMIT ?3",
                )?
                .query_map(params![server_id, kind, limit()], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for id in ids {
                self.facts.parents.extend(self.bare(&id)?);
            }
        }
        Ok(())
    }

    /// Permissions that can apply, and everything below them
    fn policies(&self) -> Result<Policies, StoreError> {
        let mut policies = Policies::default();
        let server_id = self.request.server_id;
        let attached = self.facts.resources.iter().chain(&self.facts.parents);
        for resource in attached {
            let id = resource.id.as_str();
            for policy in self.ids("SELECT policy_id FROM policy_resource WHERE resource_id = ?1", [id])? {
                policies.add(self.tx, &policy, Some(id))?;
            }
        }
        let kinds: BTreeSet<&String> = self.facts.resources.iter().filter_map(|r| r.kind.as_ref()).collect();
        for kind in kinds {
            let sql = "SELECT id FROM policy WHERE server_id = ?1 AND resource_type = ?2";
            for policy in self.ids(sql, [server_id, kind])? {
                policies.add(self.tx, &policy, None)?;
            }
        }
        let in_question = self.facts.resources.iter().chain(&self.facts.parents).flat_map(|r| &r.scopes);
        for scope in in_question.chain(&self.facts.scopes).collect::<BTreeSet<&Scope>>() {
            let sql = "SELECT ps.policy_id FROM scope s JOIN policy_scope ps ON ps.scope_id = s.id
                       WHERE s.server_id = ?1 AND s.name = ?2 AND ps.floating = 1";
            for policy in self.ids(sql, [server_id, scope.as_str()])? {
                policies.add(self.tx, &policy, None)?;
            }
        }
        Ok(policies)
    }

    fn ids(&self, sql: &str, values: impl Params) -> Result<Vec<String>, StoreError> {
        let mut statement = self.tx.prepare_cached(sql)?;
        Ok(statement.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?)
    }
}

#[derive(Default)]
struct Policies {
    rows: BTreeMap<String, PolicyRow>,
    truncated: bool,
    wanted: Wanted,
}

impl Policies {
    /// Adds a policy and what it applies; `found_by` is a resource that it names
    fn add(&mut self, tx: &Transaction<'_>, id: &str, found_by: Option<&str>) -> Result<(), StoreError> {
        let mut waiting = vec![(id.to_owned(), found_by)];
        while let Some((id, found_by)) = waiting.pop() {
            if let Some(known) = self.rows.get_mut(&id) {
                known.resources.extend(found_by.map(parse).transpose()?);
                continue;
            }
            if self.rows.len() >= POLICIES {
                self.truncated = true;
                return Ok(());
            }
            let Some(mut row) = policy(tx, &id)? else { continue };
            if let Some(resource) = found_by {
                row.resources = vec![parse(resource)?];
            }
            self.wanted.recorded_roles |=
                row.kind == "role" && row.config.get("fetchRoles") == Some(&json!(true));
            self.wanted.groups |= row.kind == "group" || row.config.get("groups").is_some();
            self.wanted.claims |= matches!(row.kind.as_str(), "group" | "regex" | "client-scope");
            waiting.extend(row.apply.iter().map(|id| (id.as_str().to_owned(), None)));
            self.rows.insert(id, row);
        }
        Ok(())
    }
}

/// One policy; `resources` holds at most one of those that it names, to tell that it names some
fn policy(tx: &Transaction<'_>, id: &str) -> Result<Option<PolicyRow>, StoreError> {
    type Row = (
        String,
        String,
        String,
        String,
        String,
        Option<String>,
        Option<String>,
        String,
        String,
        Option<String>,
        Option<i64>,
    );
    let row: Option<Row> = tx
        .prepare_cached(
            "SELECT name, type, logic, strategy, config, resource_type, owner,
                    (SELECT json_group_array(s.name) FROM policy_scope ps JOIN scope s ON s.id = ps.scope_id
                     WHERE ps.policy_id = p.id),
                    (SELECT json_group_array(applied_id) FROM policy_apply WHERE policy_id = p.id),
                    (SELECT resource_id FROM policy_resource WHERE policy_id = p.id LIMIT 1), expires_at
             FROM policy p WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
                row.get(7)?,
                row.get(8)?,
                row.get(9)?,
                row.get(10)?,
            ))
        })
        .optional()?;
    let Some((name, kind, logic, strategy, config, resource_type, owner, scopes, apply, resource, end)) = row
    else {
        return Ok(None);
    };
    let config = named(tx, serde_json::from_str(&config)?)?;
    Ok(Some(PolicyRow {
        id: parse(id)?,
        name,
        kind,
        logic,
        strategy,
        config,
        resources: resource.map(|id| parse(&id)).transpose()?.into_iter().collect(),
        scopes: serde_json::from_str(&scopes)?,
        resource_type,
        apply: serde_json::from_str(&apply)?,
        owner: owner.map(|owner| parse(&owner)).transpose()?,
        expires_at: end.map(time),
    }))
}

/// References to roles and groups as requesters carry them: by name and path.
///
/// One that is gone is left out; a list that loses its last member this way stays, empty (design §4, `Broken`).
pub(super) fn named(tx: &Transaction<'_>, mut config: Value) -> Result<Value, StoreError> {
    for (member, sql) in [
        (
            "roles",
            "SELECT json_object('name', r.name, 'client', c.client_id) FROM role r
             LEFT JOIN client c ON c.id = r.client_id WHERE r.id = ?1",
        ),
        ("groups", "SELECT json_object('path', path) FROM user_group WHERE id = ?1"),
    ] {
        let Some(references) = config.get_mut(member).and_then(Value::as_array_mut) else { continue };
        let mut found = Vec::with_capacity(references.len());
        for mut reference in references.drain(..) {
            let id = reference.as_str().or_else(|| reference.get("id").and_then(Value::as_str));
            let name: Option<String> =
                tx.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?;
            let Some(name) = name else { continue };
            let mut name: Value = serde_json::from_str(&name)?;
            if let (Some(name), Some(rest)) = (name.as_object_mut(), reference.as_object_mut()) {
                name.append(rest);
                name.remove("id");
            }
            found.push(name);
        }
        *references = found;
    }
    Ok(config)
}

fn limit() -> i64 {
    i64::try_from(RESOURCES).unwrap_or(i64::MAX)
}
