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
    /// What of it is not asked for and only comes from an earlier RPT
    pub(super) carried: ScopeSet,
    pub(super) origin: Origin,
}

impl<'a> Unit<'a> {
    const fn new(resource: Option<&'a Resource>, origin: Origin) -> Self {
        Self { resource, scopes: ScopeSet::new(), carried: ScopeSet::new(), origin }
    }

    fn add(&mut self, scopes: ScopeSet, origin: Origin) {
        if origin == Origin::Earlier {
            self.carried.extend(scopes.difference(&self.scopes).cloned());
        }
        self.scopes.extend(scopes);
    }
}

/// What one ask wants of one unit
#[derive(Debug)]
pub(super) struct Want<'a> {
    /// The unit's place
    pub(super) unit: usize,
    /// The scopes that it names; none means all
    pub(super) named: &'a ScopeSet,
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
    /// What was asked for, whether or not it is granted
    pub(super) wants: Vec<Want<'a>>,
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
        wants: Vec::new(),
        dropped: false,
        places: BTreeMap::new(),
        origin: Origin::Asked,
    };
    // A URI that means nothing is found out before anything else is looked at (`keycloak-wire` §6.5).
    for ask in &question.asks {
        if let Ask::Uri { uri, matching, .. } = ask {
            resolver.at_uri(uri, *matching)?;
        }
    }
    for ask in &question.asks {
        resolver.ask(ask)?;
    }
    resolver.check_registered()?;
    if question.everything {
        resolver.origin = Origin::Everything;
        resolver.everything();
    }
    resolver.origin = Origin::Earlier;
    // What has ended is not carried over (GRANT-3.3.5.1-05).
    for permission in question.rpt.iter().flatten().filter(|old| old.is_live_at(question.now)) {
        match &permission.rsid {
            Some(id) => {
                if let Some(resource) = known.resource(id) {
                    // A permission without scopes never grows into one with scopes.
                    if !permission.scopes.is_empty() || known.available(resource).next().is_none() {
                        resolver.add(resource, &permission.scopes);
                    }
                }
            }
            None if permission.scopes.is_empty() => {}
            None => {
                resolver.add_bare(&permission.scopes);
            }
        }
    }
    let Resolver { units, wants, dropped, .. } = resolver;
    Ok(Resolution { units, wants, dropped })
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
    wants: Vec<Want<'a>>,
    dropped: bool,
    places: BTreeMap<&'a ResourceId, usize>,
    origin: Origin,
}

impl<'a> Resolver<'_, 'a> {
    fn ask(&mut self, ask: &'a Ask) -> Result<(), Refusal> {
        let scopes = self.known_scopes(ask.scopes())?;
        let named = ask.scopes();
        match ask {
            Ask::Id { resource: id, .. } => match self.known.resource(id) {
                Some(resource) => {
                    self.dropped |= !self.want(resource, &scopes, named);
                    Ok(())
                }
                None => self.unknown(id.as_str()),
            },
            Ask::Name { resource: name, .. } => {
                // Only what looks like an id is looked up as one.
                let id = name.contains('-').then(|| name.parse().ok()).flatten();
                if let Some(resource) = id.and_then(|id: ResourceId| self.known.resource(&id)) {
                    self.dropped |= !self.want(resource, &scopes, named);
                    return Ok(());
                }
                let mut meant: Vec<_> = self
                    .known
                    .resources()
                    .filter(|resource| resource.name == *name)
                    .filter_map(|resource| Some((self.relation(resource)?, resource)))
                    .filter(|(relation, _)| {
                        *relation != Relation::Shared || self.question.requester.id != self.question.server.id
                    })
                    .collect();
                meant.sort_by_key(|(relation, _)| *relation);
                let found = self.want_all(meant.into_iter().map(|(_, resource)| resource), &scopes, named);
                if found { Ok(()) } else { self.unknown(name) }
            }
            Ask::Uri { uri, matching, .. } => {
                let meant = self.at_uri(uri, *matching)?;
                self.dropped |= !self.want_all(meant, &scopes, named);
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
                if self.want_all(meant, &scopes, named) { Ok(()) } else { self.unknown(kind) }
            }
            Ask::Scopes { .. } if named.is_empty() => self.unknown(""),
            Ask::Scopes { .. } => {
                // What is asked for in addition never adds a resource (GRANT-3.3.4-02).
                let with = |resource: &&'a Resource| {
                    resource.scopes.iter().any(|scope| named.contains(scope) && scopes.contains(scope))
                };
                let meant: Vec<_> = self.known.resources().filter(with).collect();
                if !self.want_all(meant, &scopes, named) {
                    // Nor does it add scopes that no resource has.
                    let unit = self.add_bare(&named.intersection(&scopes).cloned().collect());
                    self.wants.push(Want { unit, named });
                }
                Ok(())
            }
        }
    }

    /// Resources with exactly this URI, else those whose pattern matches, if patterns count
    fn at_uri(&self, uri: &str, matching: bool) -> Result<Vec<&'a Resource>, Refusal> {
        if uri.is_empty() {
            return Err(Refusal::MissingUri);
        }
        let is_it = |resource: &&'a Resource| resource.uris.iter().any(|known| known == uri);
        let mut meant: Vec<_> = self.known.resources().filter(is_it).collect();
        if meant.is_empty() && matching {
            let mut patterns = Patterns::default();
            // Only what the resource server registered for itself: a person's `/*` would catch everybody's paths.
            for resource in self.known.resources().filter(|of| of.owner == self.question.server.id) {
                for pattern in resource.uris.iter().filter_map(|uri| uri.parse().ok()) {
                    patterns.insert(&pattern, resource);
                }
            }
            meant = patterns.matching_uri(uri).to_vec();
        }
        if meant.is_empty() { Err(Refusal::InvalidUri { uri: uri.into() }) } else { Ok(meant) }
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
        } else if !self.known.shares(&resource.id).is_empty() {
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

    /// Notes that resources are wanted; `false` if none of them has any of the scopes
    fn want_all(
        &mut self,
        resources: impl IntoIterator<Item = &'a Resource>,
        scopes: &ScopeSet,
        named: &'a ScopeSet,
    ) -> bool {
        let mut found = false;
        for resource in resources {
            found |= self.want(resource, scopes, named);
        }
        found
    }

    /// Notes that a resource is wanted; `false` if it has none of the scopes
    fn want(&mut self, resource: &'a Resource, scopes: &ScopeSet, named: &'a ScopeSet) -> bool {
        let unit = self.add(resource, scopes);
        self.wants.extend(unit.map(|unit| Want { unit, named }));
        unit.is_some()
    }

    /// Adds a resource with those of the scopes that it has, all if there are none; nothing if it has none of them
    fn add(&mut self, resource: &'a Resource, asked: &ScopeSet) -> Option<usize> {
        let scopes: ScopeSet = self
            .known
            .available(resource)
            .filter(|scope| asked.is_empty() || asked.contains(*scope))
            .cloned()
            .collect();
        if scopes.is_empty() && !asked.is_empty() {
            return None;
        }
        let place = *self.places.entry(&resource.id).or_insert(self.units.len());
        if place == self.units.len() {
            self.units.push(Unit::new(Some(resource), self.origin));
        }
        if let Some(unit) = self.units.get_mut(place) {
            unit.add(scopes, self.origin);
        }
        Some(place)
    }

    fn add_bare(&mut self, scopes: &ScopeSet) -> usize {
        let known = self.units.iter().position(|unit| unit.resource.is_none());
        let place = known.unwrap_or(self.units.len());
        if place == self.units.len() {
            self.units.push(Unit::new(None, self.origin));
        }
        if let Some(unit) = self.units.get_mut(place) {
            unit.add(scopes.clone(), self.origin);
        }
        place
    }
}

/// What a resource is to the requester
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    Own,
    Shared,
    Servers,
}
