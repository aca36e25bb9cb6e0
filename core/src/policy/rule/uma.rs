//! Owners' policies: any of the named ones within a kind, each kind one result (`keycloak-wire` N38).

use alloc::{borrow::Cow, collections::BTreeSet, vec::Vec};

use serde_json::Value;

use super::{
    super::{Circumstances, Effect, Fault, config::Config},
    GroupRef, RoleRef, group, parties_of, role,
};
use crate::ids::PartyId;

/// Configuration of a `uma` policy
#[derive(Debug)]
pub struct UmaRule {
    /// Any of these users
    pub users: Option<BTreeSet<PartyId>>,
    /// Any of these roles
    pub roles: Option<Vec<RoleRef>>,
    /// Any of these groups
    pub groups: Option<Vec<GroupRef>>,
    /// Any of these clients
    pub clients: Option<BTreeSet<PartyId>>,
    /// What a script says; its outcome is filed under the policy's own id
    pub condition: bool,
}

impl UmaRule {
    pub(super) fn read(config: Config<'_>) -> Result<Self, Fault> {
        let parties = |name| config.list(name)?.map(|list| parties_of(&list, name)).transpose();
        let roles = |list: Vec<Cow<'_, Value>>| role::refs(&list);
        let groups = |list: Vec<Cow<'_, Value>>| group::refs(&list);
        Ok(Self {
            users: parties("users")?,
            roles: config.list("roles")?.map(roles).transpose()?,
            groups: config.list("groups")?.map(groups).transpose()?,
            clients: parties("clients")?,
            condition: config.has("condition"),
        })
    }

    /// One result for each kind that is named, the condition apart.
    ///
    /// A kind of which nothing is left is a denial that nothing turns around.
    pub(crate) fn results(&self, at: &Circumstances<'_>) -> impl Iterator<Item = Effect> {
        let any = |found: &mut dyn Iterator<Item = Option<bool>>| {
            let known: Vec<bool> = found.flatten().collect();
            if known.is_empty() { Effect::Broken } else { Effect::of(known.contains(&true)) }
        };
        let party = |set: &BTreeSet<PartyId>, id| {
            if set.is_empty() { Effect::Broken } else { Effect::of(set.contains(id)) }
        };
        let held = &at.requester.roles;
        let users = self.users.as_ref().map(|users| party(users, &at.requester.id));
        let roles =
            self.roles.as_ref().map(|roles| any(&mut roles.iter().map(|role| role.held(held, at.directory))));
        let groups = self
            .groups
            .as_ref()
            .map(|groups| any(&mut groups.iter().map(|group| group.has(at.requester, at.directory))));
        let clients = self.clients.as_ref().map(|clients| party(clients, &at.requester.client));
        [users, roles, groups, clients].into_iter().flatten()
    }
}
