//! Which roles a token shows: those of the user, as far as the client may carry them.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Transaction;

use crate::{
    realm::{Client, ClientScope, Role, RoleNames},
    store::{self, StoreError},
};

/// Names of the roles that tokens for this client show.
///
/// A client without full scope carries its own roles, those of its scope mappings and those of its client scopes, each
/// with what it is made of.
pub(super) fn carried<'a>(
    tx: &Transaction<'_>,
    client: &Client,
    scopes: impl Iterator<Item = &'a ClientScope>,
    roles: &[Role],
) -> Result<RoleNames, StoreError> {
    if client.settings.full_scope_allowed {
        return Ok(RoleNames::of(roles));
    }
    let mut holders: Vec<_> = scopes.map(|scope| scope.id.as_str()).collect();
    holders.push(&client.id);
    let allowed = store::scope_role::allowed(tx, &client.id, &holders)?;
    Ok(RoleNames::of(roles.iter().filter(|role| allowed.contains(&role.id))))
}

/// A role as a mapper names it: `role`, or `client.role`
pub(super) fn split(name: &str) -> (Option<&str>, &str) {
    name.rsplit_once('.').map_or((None, name), |(client, role)| (Some(client), role))
}

impl RoleNames {
    /// Shows a role
    pub(super) fn add(&mut self, (client, role): (Option<&str>, &str)) {
        match client {
            None => self.realm.insert(role.to_owned()),
            Some(client) => self.clients.entry(client.to_owned()).or_default().insert(role.to_owned()),
        };
    }

    /// Shows a role no longer; false where it was not shown
    pub(super) fn remove(&mut self, (client, role): (Option<&str>, &str)) -> bool {
        match client {
            None => self.realm.remove(role),
            Some(client) => self.clients.get_mut(client).is_some_and(|roles| roles.remove(role)),
        }
    }

    /// Roles of clients, without clients that have none
    pub(super) fn by_client(&self) -> BTreeMap<&str, &BTreeSet<String>> {
        let some = self.clients.iter().filter(|(_, roles)| !roles.is_empty());
        some.map(|(client, roles)| (client.as_str(), roles)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_a_client_has_its_name_behind_the_last_dot() {
        assert_eq!(split("user"), (None, "user"));
        assert_eq!(split("my.app.user"), (Some("my.app"), "user"));
    }

    #[test]
    fn a_client_without_roles_is_not_shown() {
        let mut names = RoleNames::default();
        names.add((Some("app"), "user"));
        assert!(names.remove((Some("app"), "user")));
        assert!(!names.remove((Some("app"), "user")));
        assert!(!names.remove((None, "user")));
        assert!(names.by_client().is_empty());
    }
}
