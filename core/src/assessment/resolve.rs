//! From what was asked to resources and scopes (`keycloak-wire` §6.6, Grant §3.3.4).

use alloc::{collections::BTreeMap, string::ToString, vec::Vec};

use super::{Ask, Question, Refusal, Whose, known::Known};
use crate::{
    ids::ResourceId,
    path::Patterns,
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
    pub(super) origin: Origin,
}

/// Why a unit is evaluated
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was asked for
    Asked,
    /// Everything was asked for, and it may be part of it
    Everything,
    /// An earlier RPT has it
    Earlier,
}

/// What a question comes down to
#[derive(Debug)]
pub(super) struct Resolution<'a> {
    /// What to evaluate, in the order of the answer
    pub(super) units: Vec<Unit<'a>>,
    /// Something was asked for that does not exist, beside something that does
    pub(super) dropped: bool,
}

/// Finds out what to evaluate
pub(super) fn resolve<'a>(known: &Known<'a>, question: &'a Question) -> Result<Resolution<'a>, Refusal> {
    let extra = extra_scopes(question);
    let mut resolver = Resolver {
        known,
        question,
        extra,
        units: Vec::new(),
        dropped: false,
        places: BTreeMap::new(),
        origin: Origin::Asked,
    };
    for ask in &question.asks {
        resolver.ask(ask)?;
    }
    resolver.check_registered()?;
    if question.everything {
        resolver.origin = Origin::Everything;
        resolver.everything();
    }
    resolver.origin = Origin::Earlier;
    for permission in question.rpt.iter().flatten() {
        match &permission.rsid {
            Some(id) => {
                if let Some(resource) = known.resource(id) {
                    // A permission without scopes never grows into one with scopes.
                    if resource.scopes.is_empty() || !permission.scopes.is_empty() {
                        resolver.add(resource, &permission.scopes);
                    }
                }
            }
            None => resolver.add_bare(&permission.scopes),
        }
    }
    Ok(Resolution { units: resolver.units, dropped: resolver.dropped })
}

/// Scopes that are asked for on every resource: those that exist and, where registration is looked at, that the
/// client is registered for (Grant §3.3.4, `ClientScopes`)
fn extra_scopes(question: &Question) -> ScopeSet {
    let registered = |scope: &&Scope| question.registered.as_ref().is_none_or(|known| known.contains(*scope));
    question.scopes.intersection(&question.facts.scopes).filter(registered).cloned().collect()
}

struct Resolver<'k, 'a> {
    known: &'k Known<'a>,
    question: &'a Question,
    extra: ScopeSet,
    units: Vec<Unit<'a>>,
    dropped: bool,
    places: BTreeMap<&'a ResourceId, usize>,
    origin: Origin,
}

impl<'a> Resolver<'_, 'a> {
    fn ask(&mut self, ask: &'a Ask) -> Result<(), Refusal> {
        let scopes = self.known_scopes(ask.scopes())?;
        match ask {
            Ask::Id { resource: id, .. } => match self.known.resource(id) {
                Some(resource) => {
                    self.dropped |= !self.add(resource, &scopes);
                    Ok(())
                }
                None => self.unknown(id.as_str()),
            },
            Ask::Name { resource: name, .. } => {
                // Only what looks like an id is looked up as one.
                let id = name.contains('-').then(|| name.parse().ok()).flatten();
                if let Some(resource) = id.and_then(|id: ResourceId| self.known.resource(&id)) {
                    self.dropped |= !self.add(resource, &scopes);
                    return Ok(());
                }
                let named = self.known.resources().filter(|resource| resource.name == *name);
                let mut meant: Vec<_> =
                    named.filter_map(|resource| Some((self.relation(resource)?, resource))).collect();
                meant.sort_by_key(|(relation, _)| *relation);
                let found =
                    meant.iter().fold(false, |found, (_, resource)| self.add(resource, &scopes) || found);
                if found { Ok(()) } else { self.unknown(name) }
            }
            Ask::Uri { uri, matching, .. } => {
                if uri.is_empty() {
                    return Err(Refusal::MissingUri);
                }
                let meant = self.at_uri(uri, *matching);
                if meant.is_empty() {
                    return Err(Refusal::InvalidUri { uri: uri.clone() });
                }
                self.dropped |= !self.add_all(meant, &scopes);
                Ok(())
            }
            Ask::Type { kind, whose, .. } => {
                let meant: Vec<_> = self
                    .known
                    .resources()
                    .filter(|resource| {
                        resource.kind.as_ref() == Some(kind) && self.is_whose(resource, *whose)
                    })
                    .collect();
                let found = self.add_all(meant, &scopes);
                if found { Ok(()) } else { self.unknown(kind) }
            }
            Ask::Scopes { .. } => {
                let with = |resource: &&'a Resource| !resource.scopes.is_disjoint(&scopes);
                let meant: Vec<_> = self.known.resources().filter(with).collect();
                let found = self.add_all(meant, &scopes);
                if !found {
                    self.add_bare(&scopes);
                }
                Ok(())
            }
        }
    }

    /// Resources with exactly this URI, else those whose pattern matches, if patterns count
    fn at_uri(&self, uri: &str, matching: bool) -> Vec<&'a Resource> {
        let exact: Vec<_> = self
            .known
            .resources()
            .filter(|resource| resource.uris.iter().any(|known| known == uri))
            .collect();
        if !(exact.is_empty() && matching) {
            return exact;
        }
        let mut patterns = Patterns::default();
        for resource in self.known.resources() {
            for pattern in resource.uris.iter().filter_map(|uri| uri.parse().ok()) {
                patterns.insert(&pattern, resource);
            }
        }
        patterns.matching_uri(uri).to_vec()
    }

    fn is_whose(&self, resource: &Resource, whose: Whose) -> bool {
        let Question { requester, server, .. } = self.question;
        match whose {
            Whose::Server => resource.owner == server.id,
            Whose::Requester => resource.owner == requester.id,
            Whose::Instance => resource.owner != server.id,
            Whose::Any => true,
        }
    }

    /// What a resource is to the requester, and thereby its place among others of the same name; by name, nothing
    /// else is meant
    fn relation(&self, resource: &Resource) -> Option<Relation> {
        let Question { requester, server, .. } = self.question;
        if resource.owner == requester.id {
            Some(Relation::Own)
        } else if resource.owner == server.id {
            Some(Relation::Servers)
        } else if requester.id != server.id && !self.known.shares(&resource.id).is_empty() {
            Some(Relation::Shared)
        } else {
            None
        }
    }

    fn everything(&mut self) {
        let after = self.question.after.as_ref();
        let meant: Vec<_> = self
            .known
            .resources()
            .filter(|resource| after.is_none_or(|after| *after < resource.id))
            .filter(|resource| self.relation(resource).is_some())
            .collect();
        for resource in meant {
            self.add(resource, &ScopeSet::new());
        }
    }

    /// Asked scopes that exist; unknown ones beside a known one are dropped (`keycloak-wire` §6.5 row 8)
    fn known_scopes(&self, asked: &ScopeSet) -> Result<ScopeSet, Refusal> {
        let mut scopes: ScopeSet = asked.intersection(&self.question.facts.scopes).cloned().collect();
        if scopes.is_empty() && !asked.is_empty() {
            return Err(Refusal::InvalidScope { scopes: asked.iter().cloned().collect() });
        }
        scopes.extend(self.extra.iter().cloned());
        Ok(scopes)
    }

    /// A scope that the client may ask for and that none of the resources has is an error (Grant §3.3.6)
    fn check_registered(&self) -> Result<(), Refusal> {
        let Question { registered: Some(registered), scopes, .. } = self.question else { return Ok(()) };
        let available: ScopeSet = self
            .units
            .iter()
            .filter_map(|unit| unit.resource)
            .flat_map(|resource| self.known.available(resource).cloned())
            .collect();
        let scopes: Vec<Scope> =
            scopes.intersection(registered).filter(|scope| !available.contains(*scope)).cloned().collect();
        if scopes.is_empty() { Ok(()) } else { Err(Refusal::InvalidScope { scopes }) }
    }

    /// Unknown beside something known passes (`keycloak-wire` §6.5 row 9)
    fn unknown(&mut self, resource: &str) -> Result<(), Refusal> {
        if self.units.is_empty() {
            return Err(Refusal::InvalidResource { resource: resource.to_string() });
        }
        self.dropped = true;
        Ok(())
    }

    /// Adds resources; `false` if none of them has any of the scopes
    fn add_all(&mut self, resources: impl IntoIterator<Item = &'a Resource>, asked: &ScopeSet) -> bool {
        let mut found = false;
        for resource in resources {
            found |= self.add(resource, asked);
        }
        found
    }

    /// Adds a resource with the asked scopes that it has; `false` if it has none of them
    fn add(&mut self, resource: &'a Resource, asked: &ScopeSet) -> bool {
        let scopes: ScopeSet = self
            .known
            .available(resource)
            .filter(|scope| asked.is_empty() || asked.contains(*scope))
            .cloned()
            .collect();
        if scopes.is_empty() && !asked.is_empty() {
            return false;
        }
        if let Some(unit) = self.places.get(&resource.id).and_then(|&place| self.units.get_mut(place)) {
            unit.scopes.extend(scopes);
            if unit.asked.is_empty() || asked.is_empty() {
                unit.asked.clear();
            } else if self.origin != Origin::Earlier {
                unit.asked.extend(asked.iter().cloned());
            }
        } else {
            self.places.insert(&resource.id, self.units.len());
            let unit = Unit { resource: Some(resource), scopes, asked: asked.clone(), origin: self.origin };
            self.units.push(unit);
        }
        true
    }

    fn add_bare(&mut self, scopes: &ScopeSet) {
        match self.units.iter_mut().find(|unit| unit.resource.is_none()) {
            Some(unit) => {
                unit.scopes.extend(scopes.iter().cloned());
                if self.origin != Origin::Earlier {
                    unit.asked.extend(scopes.iter().cloned());
                }
            }
            None => self.units.push(Unit {
                resource: None,
                scopes: scopes.clone(),
                asked: scopes.clone(),
                origin: self.origin,
            }),
        }
    }
}

/// What a resource is to the requester
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    Own,
    Shared,
    Servers,
}
