//! People, their roles and their groups.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::time::UnixTime;

/// A person, or the service account of a client
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `sub` of the tokens
    pub id: String,
    /// In lower case
    pub username: String,
    /// E-mail address
    pub email: Option<String>,
    /// Given name
    pub first_name: Option<String>,
    /// Family name
    pub last_name: Option<String>,
    /// Somebody has shown that the address is hers
    pub email_verified: bool,
    /// An account that is switched off gets no tokens, and its tokens are dead
    pub enabled: bool,
    /// Internal id of the client whose service account this is
    pub service_client: Option<String>,
    /// Attributes, each with its values
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Tokens issued before this are dead
    pub not_before: UnixTime,
}

impl User {
    /// Under which id somebody owns and asks: a service account is its client (`keycloak-wire` §2.1)
    pub fn identity(&self) -> &str {
        self.service_client.as_deref().unwrap_or(&self.id)
    }
}

/// A role of a realm or of a client
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Internal id, which policies name
    pub id: String,
    /// Its name
    pub name: String,
    /// Internal id of its client; absent: a role of the realm
    pub client: Option<String>,
    /// Public name of its client
    pub client_id: Option<String>,
    /// Its client, if it has one, is switched on
    pub client_enabled: bool,
}

/// Names of roles, as a token carries them
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleNames {
    /// `realm_access.roles`
    pub realm: BTreeSet<String>,
    /// `resource_access.{client}.roles`
    pub clients: BTreeMap<String, BTreeSet<String>>,
}

impl RoleNames {
    /// The names of roles whose clients are switched on (wire N37)
    pub fn of<'a>(roles: impl IntoIterator<Item = &'a Role>) -> Self {
        let mut names = Self::default();
        for role in roles.into_iter().filter(|role| role.client_enabled) {
            match &role.client_id {
                None => names.realm.insert(role.name.clone()),
                Some(client) => names.clients.entry(client.clone()).or_default().insert(role.name.clone()),
            };
        }
        names
    }
}

/// A group in which somebody is
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Internal id, which policies name
    pub id: String,
    /// Its name, which other groups may have too
    pub name: String,
    /// Its full path: `/staff/night`
    pub path: String,
}
