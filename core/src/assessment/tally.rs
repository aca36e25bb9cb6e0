//! How the permissions of one unit become one answer (`keycloak-wire` §8.4).

use super::resolve::Unit;
use crate::{
    ids::PartyId,
    policy::Policy,
    resource::Resource,
    scope::{Scope, ScopeSet},
};

/// What the permissions of one unit said
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// At least one permission applies
    pub(super) found: bool,
    granted: ScopeSet,
    /// Granted, though not on the resource itself: a denial does not take it away
    inherited: ScopeSet,
    denied: ScopeSet,
    any_denial: bool,
    /// Granted by a permission that names the resource: shuts out inherited denials
    resource_granted: bool,
    /// Granted by a resource permission, whichever way it applies: opens a resource that has no scopes
    whole_granted: bool,
    /// What owners let through: beats every denial
    owners: Option<ScopeSet>,
}

impl Tally {
    /// An owner lets some scopes through
    pub(super) fn owners<'s>(
        &mut self,
        unit: &Unit<'_>,
        resource: &Resource,
        scopes: impl Iterator<Item = &'s Scope>,
    ) {
        self.found = true;
        if resource.owner_managed {
            self.resource_granted = true;
            let allowed = scopes.filter(|scope| unit.scopes.contains(*scope)).cloned();
            self.owners.get_or_insert_default().extend(allowed);
        }
    }

    /// Some scopes are denied
    pub(super) fn deny(&mut self, scopes: &ScopeSet) {
        self.found = true;
        self.any_denial = true;
        self.denied.extend(scopes.iter().cloned());
    }

    /// A permission of the resource server or an owner has spoken
    pub(super) fn permission(
        &mut self,
        permission: &Policy<'_>,
        said: Option<bool>,
        unit: &Unit<'_>,
        names_it: bool,
        server: &PartyId,
    ) {
        self.found = true;
        let row = &permission.row;
        match (said, unit.resource) {
            (None, _) => {}
            (Some(true), Some(resource)) if row.is_owners() => {
                if names_it {
                    self.owners(unit, resource, row.scopes.iter());
                }
            }
            (Some(true), resource) => {
                if row.is_scope_permission() {
                    for scope in row.scopes.intersection(&unit.scopes) {
                        self.granted.insert(scope.clone());
                        if resource.is_some_and(|resource| !resource.scopes.contains(scope)) {
                            self.inherited.insert(scope.clone());
                        }
                    }
                } else {
                    self.granted.extend(unit.scopes.iter().cloned());
                    self.whole_granted = true;
                }
                let users = resource.is_some_and(|resource| resource.owner != *server);
                self.resource_granted |= names_it && (!row.is_scope_permission() || users);
            }
            (Some(false), _) if row.is_resource_permission() => {
                if names_it || !self.resource_granted {
                    self.deny(&unit.scopes);
                }
            }
            (Some(false), _) => {
                self.any_denial = true;
                if names_it || row.resources.is_empty() {
                    self.deny(&row.scopes);
                }
            }
        }
    }

    /// The granted scopes, or nothing
    pub(super) fn outcome(self, unit: &Unit<'_>, affirmative: bool) -> Option<ScopeSet> {
        let Self { granted, inherited, denied, any_denial, resource_granted, whole_granted, owners, .. } =
            self;
        let mut scopes: ScopeSet = granted
            .into_iter()
            .filter(|scope| affirmative || inherited.contains(scope) || !denied.contains(scope))
            .collect();
        let from_owners = owners.is_some();
        scopes.extend(owners.into_iter().flatten());
        let something = !scopes.is_empty()
            || (unit.scopes.is_empty()
                && (from_owners || ((resource_granted || whole_granted) && !any_denial)));
        something.then_some(scopes)
    }
}
