//! The requesting party: who asks, through which client, with which roles and groups.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::PartyId;

/// Roles by name: of the realm, and of clients by their `client_id`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// Realm roles
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub realm: BTreeSet<String>,
    /// Client roles
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub client: BTreeMap<String, BTreeSet<String>>,
}

/// A role by its name; `client` is the `client_id` of a client role and absent for a realm role
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleName {
    /// The client that the role belongs to
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Its name, unique in the realm or in the client
    pub name: String,
}

impl Roles {
    /// Whether the role is held; `client` is absent for realm roles
    pub fn holds(&self, client: Option<&str>, name: &str) -> bool {
        match client {
            None => self.realm.contains(name),
            Some(client) => self.client.get(client).is_some_and(|roles| roles.contains(name)),
        }
    }

    fn names(&self) -> impl Iterator<Item = RoleName> {
        let realm = self.realm.iter().map(|name| RoleName { client: None, name: name.clone() });
        let of_clients = self.client.iter().flat_map(|(client, names)| {
            names.iter().map(|name| RoleName { client: Some(client.clone()), name: name.clone() })
        });
        realm.chain(of_clients)
    }

    fn add(&mut self, role: &RoleName) -> bool {
        match &role.client {
            None => self.realm.insert(role.name.clone()),
            Some(client) => self.client.entry(client.clone()).or_default().insert(role.name.clone()),
        }
    }
}

/// The requesting party of an assessment (Grant §1.1)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    /// A user, or a resource server that asks for itself
    pub id: PartyId,
    /// Internal id of the client that the requester's token was issued to (`azp`)
    pub client: PartyId,
    /// Roles as the token carries them
    #[serde(default)]
    pub roles: Roles,
    /// Roles of the user's record; present where a policy fetches them (`fetchRoles`)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_roles: Option<Roles>,
    /// Paths of the groups that the user is really in, such as `/staff/ops`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Claims of the token
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
}

/// What is known of groups and roles: names of those that policies refer to by id, and which roles contain others
///
/// A reference that is not found here and carries no name is skipped, as Keycloak skips what was deleted; a list
/// that loses its last member this way makes its policy broken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Group id to path
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, String>,
    /// Role id to name
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, RoleName>,
    /// Roles that contain others; absent where the requester's roles are all that he holds, as in a Keycloak token
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub composites: Vec<Composite>,
}

/// A role that contains others (`keycloak-wire` §9.2)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// The role
    pub role: RoleName,
    /// Roles that whoever holds it holds as well, of the realm or of any client
    pub contains: Vec<RoleName>,
}

impl Directory {
    /// Whether it has no names
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.roles.is_empty() && self.composites.is_empty()
    }

    /// Roles with all that they contain, through any number of steps and in circles too
    ///
    /// ```
    /// use countersign_core::requester::{Directory, Roles};
    ///
    /// let directory: Directory = serde_json::from_str(r#"{ "composites": [
    ///     { "role": { "name": "chief" }, "contains": [{ "name": "editor", "client": "docs" }] },
    ///     { "role": { "name": "editor", "client": "docs" }, "contains": [{ "name": "reader" }, { "name": "chief" }] }
    /// ] }"#)?;
    /// let held: Roles = serde_json::from_str(r#"{ "realm": ["chief"] }"#)?;
    /// let all = directory.expand(&held);
    /// assert!(all.holds(Some("docs"), "editor") && all.holds(None, "reader"));
    /// assert!(!all.holds(None, "editor"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn expand(&self, roles: &Roles) -> Roles {
        let contains: BTreeMap<&RoleName, &[RoleName]> = self
            .composites
            .iter()
            .map(|composite| (&composite.role, composite.contains.as_slice()))
            .collect();
        let mut all = roles.clone();
        let mut waiting: Vec<RoleName> = roles.names().collect();
        while let Some(role) = waiting.pop() {
            for inner in contains.get(&role).into_iter().copied().flatten() {
                if all.add(inner) {
                    waiting.push(inner.clone());
                }
            }
        }
        all
    }
}
