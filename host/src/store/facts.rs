//! What an assessment depends on: the rows that a question can mean, and no others (design §1.6).

mod policies;
mod rows;

use std::collections::BTreeSet;

use countersign_core::{
    assessment::{Ask, Facts, Whose},
    ids::ResourceId,
    limits::RESOURCES,
    path::Path,
    permission::Permission,
    requester::Requester,
    scope::{Scope, ScopeSet},
    time::UnixTime,
};
use rusqlite::{OptionalExtension as _, Params, Transaction, params};

pub(super) use self::policies::named;
use self::{
    policies::Policies,
    rows::{Row, Rows},
};
use super::{
    Store, StoreError,
    server::{self, ServerSettings, Version},
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
            let rows = Rows::new(tx, request);
            let mut loader = Loader { tx, request, rows, facts: Facts::default(), ids: BTreeSet::new() };
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
    rows: Rows<'a>,
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
                Ask::Id { resource, .. } => self.add(&[resource.as_str().to_owned()])?,
                Ask::Name { resource, .. } => {
                    if resource.contains('-') {
                        self.add(&[resource.to_owned()])?;
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
        let held = rpt.iter().filter_map(|permission| permission.rsid.as_ref());
        self.add(&held.map(|id| id.as_str().to_owned()).collect::<Vec<_>>())?;
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
        self.add(&ids)
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
        let ids = self.ids(sql, values)?;
        self.add(&ids)
    }

    /// Adds these resources, as far as they are there and not added yet, with the shares that matter
    fn add(&mut self, ids: &[String]) -> Result<(), StoreError> {
        let mut new = BTreeSet::new();
        let room = RESOURCES.saturating_sub(self.ids.len());
        let ids = ids.iter().filter(|id| !self.ids.contains(*id) && new.insert(*id)).take(room);
        let found = self.rows.resources(&ids.cloned().collect::<Vec<_>>())?;
        self.facts.shares.extend(self.rows.shares(&found)?);
        self.facts.shared_with_others.extend(self.rows.shared_with_others(&found)?);
        for Row { resource, .. } in found {
            self.ids.insert(resource.id.as_str().to_owned());
            self.facts.resources.push(resource);
        }
        Ok(())
    }

    /// The resource server's own resources of the types in question (`keycloak-wire` §8.6)
    fn parents(&mut self) -> Result<(), StoreError> {
        let server_id = self.request.server_id;
        let typed = self.facts.resources.iter().filter(|resource| resource.owner.as_str() != server_id);
        let kinds: BTreeSet<String> = typed.filter_map(|resource| resource.kind.clone()).collect();
        for kind in kinds {
            let sql = "SELECT id FROM resource WHERE server_id = ?1 AND type = ?2 AND owner = ?1 LIMIT ?3";
            let ids = self.ids(sql, params![server_id, kind, limit()])?;
            self.facts.parents.extend(self.rows.resources(&ids)?.into_iter().map(|row| row.resource));
        }
        Ok(())
    }

    /// Permissions that can apply, and everything below them
    fn policies(&self) -> Result<Policies, StoreError> {
        let mut policies = Policies::default();
        let server_id = self.request.server_id;
        let attached = self.facts.resources.iter().chain(&self.facts.parents);
        let attached: Vec<_> = attached.map(|resource| resource.id.as_str()).collect();
        for (resource, policy) in self.rows.attached(&attached)? {
            policies.add(self.tx, &policy, Some(&resource))?;
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

fn limit() -> i64 {
    i64::try_from(RESOURCES).unwrap_or(i64::MAX)
}
