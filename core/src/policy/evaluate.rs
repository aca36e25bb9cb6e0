//! Asking policies: what each says in these circumstances, and how an answer is combined.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use super::{Circumstances, Effect, Policy, PolicySet, Rule, Said, Unheard};
use crate::{
    ids::{PolicyId, ResourceId},
    permission::{Claims, add_claims},
    scope::ScopeSet,
};

/// Asks the policies of a set in one requester's circumstances; what one said is not asked again
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    pub(crate) set: &'a PolicySet<'a>,
    pub(crate) at: Circumstances<'a>,
    resource: Option<&'a ResourceId>,
    known: BTreeMap<usize, Effect>,
    /// Claims that scripts add to the permission on the resource
    added: Claims,
    /// Attributes of the circumstances that a policy looked for in vain
    missed: BTreeSet<String>,
    /// Scripts whose word is missing
    unheard: Vec<Unheard>,
}

impl<'a> Evaluator<'a> {
    pub(crate) const fn new(set: &'a PolicySet<'a>, at: Circumstances<'a>) -> Self {
        Self {
            set,
            at,
            resource: None,
            known: BTreeMap::new(),
            added: Claims::new(),
            missed: BTreeSet::new(),
            unheard: Vec::new(),
        }
    }

    /// Turns to another resource: what depends on the resource is asked anew
    pub(crate) fn turn_to(&mut self, resource: Option<&'a ResourceId>) {
        self.resource = resource;
        let set = self.set;
        self.known.retain(|place, _| set.at(*place).is_some_and(|policy| !policy.varies));
        self.added.clear();
    }

    /// The claims that scripts have added since
    pub(crate) fn added(&mut self) -> Claims {
        core::mem::take(&mut self.added)
    }

    /// What was looked for in vain
    pub(crate) const fn missed(&self) -> &BTreeSet<String> {
        &self.missed
    }

    /// Says which scopes were evaluated where the word of a script was missing
    pub(crate) fn unheard_of(&mut self, resource: Option<&ResourceId>, scopes: &ScopeSet) {
        for unheard in self.unheard.iter_mut().rev() {
            if unheard.resource.as_ref() != resource || !unheard.scopes.is_empty() {
                break;
            }
            unheard.scopes.clone_from(scopes);
        }
    }

    /// The scripts whose word was missing
    pub(crate) fn into_unheard(self) -> Vec<Unheard> {
        self.unheard
    }

    /// What a permission says: nothing where it has no associated policies (`keycloak-wire` §8.2)
    pub(crate) fn permission(&mut self, permission: &'a Policy<'a>) -> Option<bool> {
        let mut effects: Vec<Effect> = match &permission.rule {
            Some(Rule::Permission) => Vec::new(),
            Some(Rule::Uma(rule)) => {
                let condition = rule.condition.then(|| self.script(permission));
                rule.results(&self.at).chain(condition).collect()
            }
            // An unreadable permission is a denial.
            _ => return Some(false),
        };
        for child in &permission.children {
            effects.push(self.child(*child));
        }
        let permits = effects.iter().filter(|effect| **effect == Effect::Permit).count();
        (!effects.is_empty()).then(|| permission.strategy.permits(permits, effects.len()))
    }

    /// The associated policies of one, and what each said, or would say where nobody had to ask it: for whoever wants to
    /// know why, so that nothing of it counts
    pub(crate) fn children<'p>(
        &self,
        policy: &'p Policy<'p>,
    ) -> Vec<(&'p PolicyId, Option<(&'a Policy<'a>, Effect)>)> {
        let mut aside =
            Self { resource: self.resource, known: self.known.clone(), ..Self::new(self.set, self.at) };
        let ids = policy.row.apply.iter();
        ids.zip(&policy.children)
            .map(|(id, place)| {
                let known = place.and_then(|place| Some((aside.set.at(place)?, aside.effect(place))));
                (id, known)
            })
            .collect()
    }

    fn child(&mut self, place: Option<usize>) -> Effect {
        place.map_or(Effect::Broken, |place| self.effect(place))
    }

    fn effect(&mut self, place: usize) -> Effect {
        if let Some(known) = self.known.get(&place) {
            return *known;
        }
        let Some(policy) = self.set.at(place) else { return Effect::Broken };
        let plain = match &policy.rule {
            // INVARIANT: no policy without a fault is on a cycle or deeper than the limit, so this ends.
            Some(rule) if policy.fault().is_none() => match rule {
                Rule::Aggregate => self.aggregate(policy),
                Rule::Script => self.script(policy),
                Rule::Regex(rule) if rule.of_context && rule.value(&self.at).is_none() => {
                    self.missed.insert(rule.claim.clone());
                    Effect::Deny
                }
                Rule::User(_)
                | Rule::Role(_)
                | Rule::Group(_)
                | Rule::Client(_)
                | Rule::ClientScope(_)
                | Rule::Time(_)
                | Rule::Regex(_)
                | Rule::Permission
                | Rule::Uma(_) => rule.leaf(&self.at),
            },
            _ => Effect::Broken,
        };
        let effect = if policy.negative { plain.negated() } else { plain };
        self.known.insert(place, effect);
        effect
    }

    fn aggregate(&mut self, policy: &Policy<'_>) -> Effect {
        let (mut permits, mut broken) = (0_usize, false);
        for child in &policy.children {
            let effect = self.child(*child);
            permits = permits.saturating_add(usize::from(effect == Effect::Permit));
            broken |= effect == Effect::Broken;
        }
        match (policy.strategy.permits(permits, policy.children.len()), broken) {
            (true, _) => Effect::Permit,
            (false, true) => Effect::Broken,
            (false, false) => Effect::Deny,
        }
    }

    fn script(&mut self, policy: &Policy<'_>) -> Effect {
        let outcome = self.at.outcome(&policy.row, self.resource);
        if outcome.is_none() {
            self.unheard.push(Unheard {
                policy: policy.row.id.clone(),
                resource: self.resource.cloned(),
                scopes: ScopeSet::new(),
            });
        }
        let Some(outcome) = outcome.filter(|outcome| outcome.said != Said::Failed) else {
            return Effect::Broken;
        };
        add_claims(&mut self.added, &outcome.claims);
        outcome.effect()
    }
}
