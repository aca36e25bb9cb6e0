//! Roles (`admin-surface` §5; wire §9.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Idle, Members, Representation,
    lenient::{self, Values},
    stranger, stranger_in,
};

/// One role
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(transform = super::as_set))]
#[serde(rename_all = "camelCase", default)]
pub struct RoleRepresentation {
    /// Internal id
    pub id: Option<String>,
    /// Its name
    pub name: Option<String>,
    /// What it is for
    pub description: Option<String>,
    /// It contains others
    #[serde(deserialize_with = "lenient::flag")]
    pub composite: Option<bool>,
    /// Roles that it contains
    pub composites: Option<Composites>,
    /// It belongs to a client
    #[serde(deserialize_with = "lenient::flag")]
    pub client_role: Option<bool>,
    /// Id of its realm or client
    pub container_id: Option<String>,
    /// Attributes
    pub attributes: Option<BTreeMap<String, Option<Values>>>,
    /// The rest
    #[serde(flatten)]
    pub other: Members,
}

/// Members that have no effect here
pub const IDLE: &[Idle] = &[("scopeParamRequired", "hid the role from tokens unless `scope` named it")];

impl Representation for RoleRepresentation {
    const CLASS: &'static str = "RoleRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        stranger(&self.other, &[], IDLE)
    }
}

impl RoleRepresentation {
    /// A role that is only named
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }

    /// Its name, if it has one
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }
}

/// Roles that a role contains
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Composites {
    /// Realm roles by name
    #[serde(deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    pub realm: Vec<String>,
    /// Client roles by `clientId` and name
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub client: BTreeMap<String, Vec<String>>,
    /// The same under its old name
    #[serde(skip_serializing)]
    pub application: BTreeMap<String, Vec<String>>,
}

impl Composites {
    /// Client, or none for the realm, and name of each
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        mapped(&self.realm, &self.client).chain(mapped(&[], &self.application))
    }
}

/// Realm roles and client roles as one list
pub fn mapped<'a>(
    realm: &'a [String],
    clients: &'a BTreeMap<String, Vec<String>>,
) -> impl Iterator<Item = (Option<&'a str>, &'a str)> {
    let of_clients = clients
        .iter()
        .flat_map(|(client, names)| names.iter().map(move |name| (Some(client.as_str()), name.as_str())));
    realm.iter().map(|name| (None, name.as_str())).chain(of_clients)
}

/// `roles` of a realm
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RolesRepresentation {
    /// Of the realm
    #[serde(deserialize_with = "lenient::list")]
    pub realm: Vec<RoleRepresentation>,
    /// Of clients, by `clientId`
    pub client: BTreeMap<String, Vec<RoleRepresentation>>,
    /// The same under its old name
    #[serde(skip_serializing)]
    pub application: BTreeMap<String, Vec<RoleRepresentation>>,
    /// The rest
    #[serde(flatten)]
    pub other: Members,
}

impl Representation for RolesRepresentation {
    const CLASS: &'static str = "RolesRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        let of_clients = || {
            self.client.iter().find_map(|(client, roles)| {
                let mut path = vec!["client".to_owned()];
                path.extend(stranger_in(client, roles)?);
                Some(path)
            })
        };
        stranger(&self.other, &[], &[]).or_else(|| stranger_in("realm", &self.realm)).or_else(of_clients)
    }
}
