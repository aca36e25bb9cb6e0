//! From what was asked to resources and scopes (`keycloak-wire` §6.6).

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Ask, Question, Refusal};
use crate::{
    ids::ResourceId,
    resource::Resource,
    scope::{Scope, ScopeSet},
};

/// One resource, or none, and the scopes to evaluate
#[derive(Debug)]
pub(super) struct Unit<'a> {
    pub(super) resource: Option<&'a Resource>,
    /// What is evaluated: never more than the resource has
    pub(super) scopes: ScopeSet,
    /// What the request named; empty means "all that there is"
    pub(super) asked: ScopeSet,
}

/// What to evaluate, in the order of the answer
#[derive(Debug)]
pub(super) struct Resolution<'a> {
    pub(super) units: Vec<Unit<'a>>,
    /// So many of `units` were asked for; the others come from an earlier RPT
    pub(super) newly_asked: usize,
}

pub(super) fn resolve(question: &Question) -> Result<Resolution<'_>, Refusal> {
    let mut resolver = Resolver { question, units: Vec::new(), places: BTreeMap::new() };
    for ask in &question.asks {
        resolver.ask(ask)?;
    }
    if question.everything {
        resolver.everything();
    }
    let newly_asked = resolver.units.len();
    for permission in question.rpt.iter().flatten() {
        match &permission.rsid {
            Some(id) => {
                if let Some(resource) = question.facts.resource(id) {
                    // A permission without scopes never grows into one with scopes.
                    if resource.scopes.is_empty() || !permission.scopes.is_empty() {
                        resolver.add(resource, &permission.scopes);
                    }
                }
            }
            None => resolver.add_bare(&permission.scopes),
        }
    }
    Ok(Resolution { units: resolver.units, newly_asked })
}

struct Resolver<'a> {
    question: &'a Question,
    units: Vec<Unit<'a>>,
    places: BTreeMap<&'a ResourceId, usize>,
}

impl<'a> Resolver<'a> {
    fn ask(&mut self, ask: &'a Ask) -> Result<(), Refusal> {
        let scopes = self.known_scopes(ask.scopes())?;
        let facts = &self.question.facts;
        match ask {
            Ask::Id { resource: id, .. } => match facts.resource(id) {
                Some(resource) => {
                    self.add(resource, &scopes);
                }
                None => return self.unknown(id.as_str()),
            },
            Ask::Name { resource: name, .. } => {
                // Only what looks like an id is looked up as one.
                let by_id =
                    name.contains('-').then(|| facts.resources.iter().find(|r| r.id.as_str() == name));
                if let Some(Some(resource)) = by_id {
                    self.add(resource, &scopes);
                    return Ok(());
                }
                let named = |r: &&Resource| r.name == *name && self.may_be_meant(r);
                let meant: Vec<_> = facts.resources.iter().filter(named).collect();
                let mut found = false;
                for resource in meant {
                    found |= self.add(resource, &scopes);
                }
                if !found {
                    return self.unknown(name);
                }
            }
            Ask::Uri { uri, .. } => {
                if uri.is_empty() {
                    return Err(Refusal::MissingUri);
                }
                let mut found = false;
                for resource in facts.resources.iter().filter(|r| r.uris.contains(uri)) {
                    self.add(resource, &scopes);
                    found = true;
                }
                if !found {
                    return Err(Refusal::InvalidUri { uri: uri.clone() });
                }
            }
            Ask::Scopes { .. } => {
                let mut found = false;
                for resource in facts.resources.iter().filter(|r| !r.scopes.is_disjoint(&scopes)) {
                    found |= self.add(resource, &scopes);
                }
                if !found {
                    self.add_bare(&scopes);
                }
            }
        }
        Ok(())
    }

    /// By name: the requester's own, one that is shared with him, the resource server's own
    fn may_be_meant(&self, resource: &Resource) -> bool {
        let Question { requester, server, facts, now, .. } = self.question;
        resource.owner == requester.id
            || resource.owner == server.id
            || facts.shares.iter().any(|share| share.resource == resource.id && share.grants_at(*now))
    }

    fn everything(&mut self) {
        let meant: Vec<_> = self.question.facts.resources.iter().filter(|r| self.may_be_meant(r)).collect();
        for resource in meant {
            self.add(resource, &ScopeSet::new());
        }
    }

    /// Asked scopes that exist; unknown ones beside a known one are dropped (`keycloak-wire` §6.5 row 8)
    fn known_scopes(&self, asked: &ScopeSet) -> Result<ScopeSet, Refusal> {
        let known = &self.question.facts.scopes;
        let mut scopes: ScopeSet = asked.intersection(known).cloned().collect();
        if scopes.is_empty() && !asked.is_empty() {
            return Err(Refusal::InvalidScope { scopes: asked.iter().cloned().collect() });
        }
        scopes.extend(self.question.scopes.intersection(known).cloned());
        Ok(scopes)
    }

    /// Unknown beside something known passes (`keycloak-wire` §6.5 row 9)
    fn unknown(&self, resource: &str) -> Result<(), Refusal> {
        if self.units.is_empty() {
            Err(Refusal::InvalidResource { resource: resource.into() })
        } else {
            Ok(())
        }
    }

    /// Adds a resource with the asked scopes that it has; `false` if it has none of them
    fn add(&mut self, resource: &'a Resource, asked: &ScopeSet) -> bool {
        let available = self.available(resource);
        let scopes: ScopeSet = if asked.is_empty() {
            available.into_iter().cloned().collect()
        } else {
            asked.iter().filter(|scope| available.contains(scope)).cloned().collect()
        };
        if scopes.is_empty() && !asked.is_empty() {
            return false;
        }
        if let Some(unit) = self.places.get(&resource.id).and_then(|&place| self.units.get_mut(place)) {
            unit.scopes.extend(scopes);
            if unit.asked.is_empty() || asked.is_empty() {
                unit.asked.clear();
            } else {
                unit.asked.extend(asked.iter().cloned());
            }
        } else {
            self.places.insert(&resource.id, self.units.len());
            self.units.push(Unit { resource: Some(resource), scopes, asked: asked.clone() });
        }
        true
    }

    fn add_bare(&mut self, scopes: &ScopeSet) {
        let same = |unit: &&mut Unit<'_>| unit.resource.is_none();
        match self.units.iter_mut().find(same) {
            Some(unit) => unit.scopes.extend(scopes.iter().cloned()),
            None => self.units.push(Unit { resource: None, scopes: scopes.clone(), asked: scopes.clone() }),
        }
    }

    /// Own scopes, and those of the resource server's resources of the same type (`keycloak-wire` §8.6)
    fn available(&self, resource: &'a Resource) -> Vec<&'a Scope> {
        let question = self.question;
        let inherited = question
            .facts
            .parents
            .iter()
            .filter(|_| resource.owner != question.server.id)
            .filter(|parent| resource.kind.is_some() && parent.kind == resource.kind)
            .flat_map(|parent| parent.scopes.iter());
        resource.scopes.iter().chain(inherited).collect()
    }
}
