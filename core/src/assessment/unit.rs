//! One resource and some scopes: which of them the requester gets (`keycloak-wire` §8.2–§8.5).

use alloc::vec::Vec;

use super::{
    Mode, OwnerAccess, Question,
    known::Known,
    resolve::{Origin, Unit},
    tally::Tally,
};
use crate::{
    permission::Claims,
    policy::{Evaluator, Policy, Strategy},
    resource::Resource,
    scope::ScopeSet,
    share::Share,
    time::UnixTime,
    trace::Recorder,
};

/// What the requester gets of one unit
#[derive(Debug)]
pub(super) struct Grant {
    /// Never empty where there are scopes to ask for (`keycloak-wire` N22)
    pub(super) scopes: ScopeSet,
    /// The last second before the first share ends that it rests on
    pub(super) until: Option<UnixTime>,
    /// Claims that scripts add
    pub(super) claims: Claims,
}

/// Evaluates the units of one question
#[derive(Debug)]
pub(super) struct Evaluation<'e, 'a> {
    pub(super) question: &'a Question,
    pub(super) known: &'e Known<'a>,
    pub(super) policies: Evaluator<'a>,
    pub(super) recorder: Option<Recorder>,
}

impl<'a> Evaluation<'_, 'a> {
    /// What is granted, or nothing
    pub(super) fn grant(&mut self, unit: &Unit<'a>) -> Option<Grant> {
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(unit.resource, &unit.scopes);
        }
        let grant = self.decide(unit);
        if let Some(recorder) = &mut self.recorder {
            recorder.end(grant.as_ref().map(|grant| &grant.scopes));
        }
        grant
    }

    fn decide(&mut self, unit: &Unit<'a>) -> Option<Grant> {
        let Question { server, requester, .. } = self.question;
        let owned = unit.resource.is_some_and(|resource| resource.owner == requester.id);
        if server.mode == Mode::Disabled {
            return Some(self.whole(unit, Recorder::disabled));
        }
        if owned && server.owner_access == OwnerAccess::Always {
            return Some(self.whole(unit, Recorder::owner));
        }
        self.policies.turn_to(unit.resource.map(|resource| &resource.id));
        let (tally, shares) = self.tally(unit);
        if !tally.found {
            // What an owner manages is never open because nobody has written a policy (CVE-2026-9799).
            let open = server.mode == Mode::Permissive
                && unit.resource.is_none_or(|resource| !resource.owner_managed || owned);
            return open.then(|| self.whole(unit, Recorder::permissive));
        }
        let scopes = tally.outcome(unit, server.strategy == Strategy::Affirmative)?;
        let until = shares
            .iter()
            .filter(|share| share.scope.as_ref().is_none_or(|scope| scopes.contains(scope)))
            .filter_map(|share| share.expires_at)
            .map(|end| UnixTime(end.0.saturating_sub(1)))
            .min();
        Some(Grant { scopes, until, claims: self.policies.added() })
    }

    /// All that is evaluated, by a rule that asks no policy
    fn whole(&mut self, unit: &Unit<'a>, rule: impl FnOnce(&mut Recorder)) -> Grant {
        if let Some(recorder) = &mut self.recorder {
            rule(recorder);
        }
        Grant { scopes: unit.scopes.clone(), until: None, claims: Claims::new() }
    }

    /// Puts together what shares and permissions say; the shares that say yes come along
    fn tally(&mut self, unit: &Unit<'a>) -> (Tally, Vec<&'a Share>) {
        let mut tally = Tally::default();
        let mut shares = Vec::new();
        if let Some(resource) = unit.resource {
            shares.extend_from_slice(self.known.shares(&resource.id));
            self.shares(unit, resource, &shares, &mut tally);
        }
        let set = self.policies.set;
        let parents = unit.resource.into_iter().flat_map(|resource| self.known.parents(resource));
        let applying = set.applying(unit.resource, parents, &unit.scopes);
        // Permissions that name the resource come first: one that grants shuts out inherited denials.
        for (names_it, places) in [(true, applying.own), (false, applying.others)] {
            for permission in places.into_iter().filter_map(|place| set.at(place)) {
                // What owners wrote is looked at only where its resource is asked for (behaviours R8).
                if !(permission.row.is_owners() && unit.origin == Origin::Everything) {
                    self.count(permission, unit, names_it, &mut tally);
                }
            }
        }
        (tally, shares)
    }

    /// An owner's shares count as one `uma` permission for each requester (`keycloak-wire` §4.5)
    fn shares(&mut self, unit: &Unit<'a>, resource: &Resource, mine: &[&Share], tally: &mut Tally) {
        if !mine.is_empty() {
            tally.owners(unit, resource, mine.iter().filter_map(|share| share.scope.as_ref()));
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.shares(&self.question.facts.shares, mine);
        }
        // That others have shares says nothing of what the requester has in all (behaviours R8).
        let others = if unit.origin == Origin::Everything { &[] } else { self.known.others(&resource.id) };
        for scopes in others {
            if resource.owner == self.question.requester.id {
                tally.owners(unit, resource, scopes.iter());
            } else {
                tally.deny(scopes);
            }
            if let Some(recorder) = &mut self.recorder {
                recorder.others(scopes);
            }
        }
    }

    fn count(&mut self, permission: &'a Policy<'a>, unit: &Unit<'a>, names_it: bool, tally: &mut Tally) {
        // The owner is let in by any policy of his on the resource (`keycloak-wire` §8.5).
        let own_policy = permission.row.is_owners()
            && permission.fault().is_none()
            && unit.resource.is_some_and(|resource| resource.owner == self.question.requester.id);
        let said = if own_policy { Some(true) } else { self.policies.permission(permission) };
        tally.permission(permission, said, unit, names_it, &self.question.server.id);
        if let Some(recorder) = &mut self.recorder {
            recorder.permission(permission, said, names_it, own_policy, &mut self.policies);
        }
    }
}
