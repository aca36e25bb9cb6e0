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
    policy::{Evaluator, Policy, PolicyRow, Strategy},
    resource::Resource,
    scope::{Scope, ScopeSet},
    share::Share,
    time::UnixTime,
    trace::Recorder,
};

/// What the requester gets of one unit
#[derive(Debug)]
pub(super) struct Grant {
    /// Never empty where there are scopes to ask for (`keycloak-wire` N22)
    pub(super) scopes: ScopeSet,
    /// The last second before the first share or owner's policy ends that it rests on
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
        self.policies.unheard_of(unit.resource.map(|resource| &resource.id), &unit.scopes);
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
        let (tally, ends) = self.tally(unit);
        if !tally.found {
            // What an owner manages is never open because nobody has written a policy (CVE-2026-9799).
            let open = server.mode == Mode::Permissive
                && unit.resource.is_none_or(|resource| !resource.owner_managed || owned);
            return open.then(|| self.whole(unit, Recorder::permissive));
        }
        let scopes = tally.outcome(unit, server.strategy == Strategy::Affirmative)?;
        let until = ends
            .iter()
            .filter(|(scope, _)| scope.is_none_or(|scope| scopes.contains(scope)))
            .map(|(_, end)| UnixTime(end.0.saturating_sub(1)))
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

    /// Puts together what shares and permissions say; the ends of those that say yes come along
    fn tally(&mut self, unit: &Unit<'a>) -> (Tally, Vec<End<'a>>) {
        let Question { requester, server, .. } = self.question;
        let mut tally = Tally::default();
        let mut ends = Vec::new();
        if let Some(resource) = unit.resource {
            let shares = self.known.shares(&resource.id).to_vec();
            self.shares(unit, resource, &shares, &mut tally);
            ends.extend(
                shares.iter().filter_map(|share| Some((share.scope.as_ref(), self.known.end(share)?))),
            );
            // As part of everything, a resource that is only shared is what is shared of it (`keycloak-wire` §6.6).
            let own = resource.owner == requester.id || resource.owner == server.id;
            if unit.origin == Origin::Everything && !own {
                return (tally, ends);
            }
        }
        let parents = unit.resource.into_iter().flat_map(|resource| self.known.parents(resource));
        let groups = self.policies.set.applying(unit.resource, parents, &unit.scopes);
        for (place, group) in groups.into_iter().enumerate() {
            self.group(&group, unit, place == 0, &mut tally, &mut ends);
        }
        if unit.origin != Origin::Everything
            && let Some(resource) = unit.resource.filter(|resource| resource.owner != requester.id)
        {
            // What others were given is a denial for everybody else (`keycloak-wire` §8.4).
            self.known.others(&resource.id).iter().for_each(|scopes| tally.deny(scopes));
        }
        (tally, ends)
    }

    /// An owner's shares count as one `uma` permission for each requester (`keycloak-wire` §4.5)
    fn shares(&mut self, unit: &Unit<'a>, resource: &Resource, mine: &[&Share], tally: &mut Tally) {
        if !mine.is_empty() {
            tally.owners(unit, resource, mine.iter().map(|share| share.scope.as_ref()));
        }
        // That others have shares says nothing of what the requester has in all (behaviours R8).
        let others = if unit.origin == Origin::Everything { &[] } else { self.known.others(&resource.id) };
        if resource.owner == self.question.requester.id {
            for scopes in others {
                tally.owners(unit, resource, or_bare(scopes));
            }
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.shares(&self.question.facts.shares, mine);
            for scopes in others {
                recorder.others(scopes);
            }
        }
    }

    /// One group of permissions: those that permit before those that deny
    fn group(
        &mut self,
        group: &[&'a Policy<'a>],
        unit: &Unit<'a>,
        names_it: bool,
        tally: &mut Tally,
        ends: &mut Vec<End<'a>>,
    ) {
        let mut denials = Vec::new();
        for permission in group {
            let row: &'a PolicyRow = &permission.row;
            if row.has_ended_at(self.question.now) {
                continue;
            }
            // What owners wrote is looked at only where its resource is asked for (behaviours R8).
            if row.is_owners() && unit.origin == Origin::Everything {
                continue;
            }
            tally.found = true;
            match self.said(permission, unit, names_it) {
                None => {}
                Some(false) => denials.push(*permission),
                Some(true) => match unit.resource {
                    Some(resource) if row.is_owners() => {
                        if names_it {
                            tally.owners(unit, resource, or_bare(&row.scopes));
                            let ends_at = |end| or_bare(&row.scopes).map(move |scope| (scope, end));
                            ends.extend(row.expires_at.into_iter().flat_map(ends_at));
                        }
                    }
                    resource => {
                        let users = resource.is_some_and(|of| of.owner != self.question.server.id);
                        tally.permits(row, unit, names_it, users);
                    }
                },
            }
        }
        for permission in denials {
            if permission.is_unreadable_permission() {
                tally.deny(&unit.scopes);
            } else {
                tally.denies(&permission.row, unit, names_it);
            }
        }
    }

    fn said(&mut self, permission: &'a Policy<'a>, unit: &Unit<'a>, names_it: bool) -> Option<bool> {
        let row = &permission.row;
        let owner = unit.resource.map(|resource| &resource.owner);
        // The owner is let in by a policy of his own on the resource (`keycloak-wire` §8.5).
        let as_owner = row.is_owners()
            && permission.fault().is_none()
            && permission.strategy == Strategy::Unanimous
            && row.owner.as_ref() == owner
            && owner == Some(&self.question.requester.id);
        let said = if as_owner {
            Some(true)
        } else if row.is_owners() && row.owner.as_ref() != owner {
            // Whoever wrote it owns the resource no longer, or never did (TRAP-UMA-09).
            Some(false)
        } else {
            self.policies.permission(permission)
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.permission(permission, said, names_it, as_owner, &mut self.policies);
        }
        said
    }
}

/// Until when something gives a scope, or all
type End<'a> = (Option<&'a Scope>, UnixTime);

/// Scopes one by one; none at all stand for the bare resource
fn or_bare(scopes: &ScopeSet) -> impl Iterator<Item = Option<&Scope>> {
    scopes.iter().map(Some).chain(scopes.is_empty().then_some(None))
}
