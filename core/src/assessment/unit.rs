//! One resource and some scopes: which of them the requester gets (`keycloak-wire` §8.2–§8.5).

use super::{Mode, OwnerAccess, Question, resolve::Unit};
use crate::{
    policy::{Memo, Policy, PolicySet},
    resource::Resource,
    scope::ScopeSet,
};

/// Evaluates the units of one question; what a policy said once is not asked again
#[derive(Debug)]
pub(super) struct Evaluation<'a> {
    question: &'a Question,
    policies: &'a PolicySet<'a>,
    memo: Memo,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(question: &'a Question, policies: &'a PolicySet<'a>) -> Self {
        Self { question, policies, memo: policies.memo() }
    }

    /// The granted scopes, or nothing; never a permission without scopes where there are scopes to ask for
    /// (`keycloak-wire` N22)
    pub(super) fn grant(&mut self, unit: &Unit<'_>) -> Option<ScopeSet> {
        let Question { server, requester, .. } = self.question;
        let owned = unit.resource.is_some_and(|resource| resource.owner == requester.id);
        if server.mode == Mode::Disabled || (owned && server.owner_access == OwnerAccess::Always) {
            return Some(unit.scopes.clone());
        }
        let tally = self.tally(unit);
        if !tally.found {
            // What an owner manages is never open because nobody has written a policy (CVE-2026-9799).
            let open = server.mode == Mode::Permissive
                && unit.resource.is_none_or(|resource| !resource.owner_managed || owned);
            return open.then(|| unit.scopes.clone());
        }
        tally.outcome(unit, server.strategy == crate::policy::Strategy::Affirmative)
    }

    fn tally(&mut self, unit: &Unit<'_>) -> Tally {
        let mut tally = Tally::default();
        if let Some(resource) = unit.resource {
            self.shares(unit, resource, &mut tally);
        }
        let policies = self.policies;
        // Permissions that name the resource come first: one that grants shuts out inherited denials.
        for own in [true, false] {
            for permission in policies.iter().filter(|policy| policy.is_permission()) {
                let names_it =
                    unit.resource.is_some_and(|resource| permission.row.resources.contains(&resource.id));
                if names_it == own && (own || self.applies(permission, unit)) {
                    self.count(permission, unit, names_it, &mut tally);
                }
            }
        }
        tally
    }

    /// A permission that does not name the resource: by type, by the type's parents, or by scope alone
    fn applies(&self, permission: &Policy<'_>, unit: &Unit<'_>) -> bool {
        let row = permission.row;
        let by_type = unit.resource.and_then(|resource| resource.kind.as_ref().map(|kind| (resource, kind)));
        if let Some((resource, kind)) = by_type {
            if row.resource_type.as_ref() == Some(kind) {
                return true;
            }
            let inherits =
                resource.owner != self.question.server.id
                    && self.question.facts.parents.iter().any(|parent| {
                        parent.kind.as_ref() == Some(kind) && row.resources.contains(&parent.id)
                    });
            if inherits {
                return true;
            }
        }
        permission.is_scope_permission()
            && row.resources.is_empty()
            && row.resource_type.is_none()
            && !row.scopes.is_disjoint(&unit.scopes)
    }

    /// An owner's shares count as one `uma` permission for each requester (`keycloak-wire` §4.5)
    fn shares(&self, unit: &Unit<'_>, resource: &Resource, tally: &mut Tally) {
        let Question { facts, requester, now, .. } = self.question;
        let mut mine =
            facts.shares.iter().filter(|s| s.resource == resource.id && s.grants_at(*now)).peekable();
        let others = facts.shared_with_others.iter().filter(|shared| shared.resource == resource.id);
        if mine.peek().is_some() {
            tally.owners(unit, resource, &mine.filter_map(|share| share.scope.clone()).collect());
        }
        for shared in others {
            if resource.owner == requester.id {
                tally.owners(unit, resource, &shared.scopes);
            } else {
                tally.deny(&shared.scopes);
            }
        }
    }

    fn count(&mut self, permission: &Policy<'_>, unit: &Unit<'_>, names_it: bool, tally: &mut Tally) {
        tally.found = true;
        let row = permission.row;
        // The owner is let in by any policy of his on the resource (`keycloak-wire` §8.5).
        let own_policy = permission.is_owners()
            && unit.resource.is_some_and(|resource| resource.owner == self.question.requester.id);
        let said = if own_policy {
            Some(true)
        } else {
            self.policies.permission(permission, &self.question.requester, &mut self.memo)
        };
        match (said, unit.resource) {
            (None, _) => {}
            (Some(true), Some(resource)) if permission.is_owners() => {
                if names_it {
                    tally.owners(unit, resource, &row.scopes);
                }
            }
            (Some(true), resource) => {
                if permission.is_scope_permission() {
                    for scope in row.scopes.intersection(&unit.scopes) {
                        tally.granted.insert(scope.clone());
                        if resource.is_some_and(|resource| !resource.scopes.contains(scope)) {
                            tally.inherited.insert(scope.clone());
                        }
                    }
                } else {
                    tally.granted.extend(unit.scopes.iter().cloned());
                }
                let users = resource.is_some_and(|resource| resource.owner != self.question.server.id);
                tally.resource_granted |= names_it && (!permission.is_scope_permission() || users);
            }
            (Some(false), _) if permission.is_resource_permission() => {
                if names_it || !tally.resource_granted {
                    tally.deny(&unit.scopes);
                }
            }
            (Some(false), _) => {
                tally.any_denial = true;
                if names_it || row.resources.is_empty() {
                    tally.deny(&row.scopes);
                }
            }
        }
    }
}

/// What the permissions of one unit said
#[derive(Debug, Default)]
struct Tally {
    found: bool,
    granted: ScopeSet,
    /// Granted, though not on the resource itself: a denial does not take it away
    inherited: ScopeSet,
    denied: ScopeSet,
    any_denial: bool,
    resource_granted: bool,
    /// What owners let through: beats every denial
    owners: Option<ScopeSet>,
}

impl Tally {
    fn owners(&mut self, unit: &Unit<'_>, resource: &Resource, scopes: &ScopeSet) {
        self.found = true;
        self.resource_granted = true;
        if resource.owner_managed {
            let allowed = scopes.intersection(&unit.scopes).cloned();
            self.owners.get_or_insert_default().extend(allowed);
        }
    }

    fn deny(&mut self, scopes: &ScopeSet) {
        self.found = true;
        self.any_denial = true;
        self.denied.extend(scopes.iter().cloned());
    }

    fn outcome(self, unit: &Unit<'_>, affirmative: bool) -> Option<ScopeSet> {
        let Self { granted, inherited, denied, any_denial, resource_granted, owners, .. } = self;
        let mut scopes: ScopeSet = granted
            .into_iter()
            .filter(|s| affirmative || inherited.contains(s) || !denied.contains(s))
            .collect();
        let from_owners = owners.is_some();
        scopes.extend(owners.into_iter().flatten());
        let something = !scopes.is_empty()
            || (unit.scopes.is_empty() && (from_owners || (resource_granted && !any_denial)));
        something.then_some(scopes)
    }
}
