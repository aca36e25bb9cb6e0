//! How the permissions of one unit become one answer (`keycloak-wire` §8.4).

use super::resolve::Unit;
use crate::{
    policy::PolicyRow,
    resource::Resource,
    scope::{Scope, ScopeSet},
};

/// What the permissions of one unit have said so far
///
/// They speak in groups; inside a group those that permit are heard before those that deny, so that the order of rows
/// never matters.
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// At least one permission applies
    pub(super) found: bool,
    granted: ScopeSet,
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

    /// A permission of the administrator permits
    pub(super) fn permits(&mut self, permission: &PolicyRow, unit: &Unit<'_>, names_it: bool, users: bool) {
        if permission.is_scope_permission() {
            for scope in permission.scopes.intersection(&unit.scopes) {
                self.granted.insert(scope.clone());
                // What the resource itself does not have, earlier groups cannot take away.
                if unit.resource.is_some_and(|resource| !resource.scopes.contains(scope)) {
                    self.denied.remove(scope);
                }
            }
        } else {
            self.granted.extend(unit.scopes.iter().cloned());
            self.whole_granted = true;
        }
        self.resource_granted |= names_it && (!permission.is_scope_permission() || users);
    }

    /// A permission denies, whoever wrote it
    pub(super) fn denies(&mut self, permission: &PolicyRow, unit: &Unit<'_>, names_it: bool) {
        self.any_denial = true;
        if permission.is_resource_permission() {
            if names_it || !self.resource_granted {
                self.deny(&unit.scopes);
            }
        } else if names_it || permission.resources.is_empty() {
            self.deny(&permission.scopes);
        }
    }

    /// The granted scopes, or nothing
    pub(super) fn outcome(self, unit: &Unit<'_>, affirmative: bool) -> Option<ScopeSet> {
        let Self { granted, denied, any_denial, resource_granted, whole_granted, owners, .. } = self;
        let mut scopes: ScopeSet =
            granted.into_iter().filter(|scope| affirmative || !denied.contains(scope)).collect();
        let from_owners = owners.is_some();
        scopes.extend(owners.into_iter().flatten());
        let opened = from_owners || ((resource_granted || whole_granted) && !any_denial);
        (!scopes.is_empty() || (unit.scopes.is_empty() && opened)).then_some(scopes)
    }
}
