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
    /// A resource permission opens a resource that has no scopes, unless another denies
    opened: bool,
    /// An owner opens a resource that has no scopes
    opened_by_owner: bool,
    /// What owners let through: beats every denial
    owners: ScopeSet,
}

impl Tally {
    /// An owner lets some scopes through, or the bare resource; scopes that the resource has lost open nothing
    pub(super) fn owners<'s>(
        &mut self,
        unit: &Unit<'_>,
        resource: &Resource,
        scopes: impl Iterator<Item = Option<&'s Scope>>,
    ) {
        self.found = true;
        if !resource.owner_managed {
            return;
        }
        self.resource_granted = true;
        for scope in scopes {
            match scope {
                None => self.opened_by_owner = true,
                Some(scope) if unit.scopes.contains(scope) => {
                    self.owners.insert(scope.clone());
                }
                Some(_) => {}
            }
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
            self.opened = true;
        }
        self.resource_granted |= names_it && (!permission.is_scope_permission() || users);
    }

    /// A permission denies, whoever wrote it
    pub(super) fn denies(&mut self, permission: &PolicyRow, unit: &Unit<'_>, names_it: bool) {
        if permission.is_resource_permission() {
            // One that names the resource and permits overrides what denies by type (behaviours R5).
            if names_it || !self.resource_granted {
                self.deny(&unit.scopes);
            }
        } else if names_it || permission.resources.is_empty() {
            self.deny(&permission.scopes);
        }
    }

    /// The granted scopes, or nothing
    pub(super) fn outcome(self, unit: &Unit<'_>, affirmative: bool) -> Option<ScopeSet> {
        let Self { granted, denied, any_denial, opened, opened_by_owner, owners, .. } = self;
        let mut scopes: ScopeSet =
            granted.into_iter().filter(|scope| affirmative || !denied.contains(scope)).collect();
        scopes.extend(owners);
        let bare = unit.scopes.is_empty() && (opened_by_owner || (opened && !any_denial));
        (!scopes.is_empty() || bare).then_some(scopes)
    }
}
