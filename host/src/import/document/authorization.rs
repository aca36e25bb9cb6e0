//! Authorization settings of a client: scopes, resources, policies (`keycloak-wire` §9.5).

use std::collections::BTreeMap;

use countersign_core::{assessment::Mode, policy::Strategy};
use serde::Deserialize;

use super::{Text, Values, flag};
use crate::policy::Logic;

/// `authorizationSettings` of a client (`keycloak-wire` §9.5)
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationFile {
    /// Resources may be registered over HTTP
    #[serde(default, deserialize_with = "flag")]
    allow_remote_resource_management: Option<bool>,
    /// What happens where no permission applies
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "String"))]
    pub policy_enforcement_mode: Mode,
    /// How permissions are combined
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub decision_strategy: Option<Strategy>,
    /// Scopes
    #[serde(default)]
    pub scopes: Vec<ScopeFile>,
    /// Resources
    #[serde(default)]
    pub resources: Vec<ResourceFile>,
    /// Policies and permissions
    #[serde(default)]
    pub policies: Vec<PolicyFile>,
}

impl AuthorizationFile {
    /// Whether resources may be registered over HTTP: yes, if nothing is said
    pub fn allows_remote_management(&self) -> bool {
        self.allow_remote_resource_management.unwrap_or(true)
    }
}

/// A scope of a resource server
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScopeFile {
    /// Internal id, which policies may name
    pub id: Option<String>,
    /// Its name
    pub name: String,
    /// What people see
    pub display_name: Option<String>,
    /// Its icon
    pub icon_uri: Option<String>,
}

/// A resource
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResourceFile {
    /// Its id
    #[serde(rename = "_id")]
    pub id: Option<String>,
    /// Its name
    pub name: String,
    /// Its type
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What people see
    pub display_name: Option<String>,
    /// Its icon
    #[serde(rename = "icon_uri")]
    pub icon_uri: Option<String>,
    /// Its URI in old files
    pub uri: Option<String>,
    /// Its URIs
    #[serde(default)]
    pub uris: Vec<String>,
    /// The owner may share it
    #[serde(default, deserialize_with = "flag")]
    owner_managed_access: Option<bool>,
    /// Who owns it; absent: the resource server
    pub owner: Option<OwnerFile>,
    /// Its scopes
    #[serde(default)]
    pub scopes: Vec<ScopeReference>,
    /// Free attributes
    #[serde(default)]
    pub attributes: BTreeMap<String, Values>,
}

impl ResourceFile {
    /// Whether the owner may share it: no, if nothing is said
    pub fn is_owner_managed(&self) -> bool {
        self.owner_managed_access.unwrap_or(false)
    }
}

/// A scope by name, alone or in an object
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ScopeReference {
    /// Alone
    Name(String),
    /// In an object
    Object {
        /// Its name
        name: String,
    },
}

impl ScopeReference {
    /// Its name
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Object { name } => name,
        }
    }
}

/// An owner by name or id
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum OwnerFile {
    /// Name or id
    Name(String),
    /// In an object
    Object {
        /// User name
        name: Option<String>,
        /// Internal id
        id: Option<String>,
    },
}

/// A policy or permission; configuration values are texts, lists are JSON inside them
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PolicyFile {
    /// Its id
    pub id: Option<String>,
    /// Its name
    pub name: String,
    /// What it is for
    pub description: Option<String>,
    /// Its type
    #[serde(rename = "type")]
    pub kind: String,
    /// `POSITIVE` or `NEGATIVE`
    pub logic: Option<Logic>,
    /// How its results are combined
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub decision_strategy: Option<Strategy>,
    /// What the type needs
    #[serde(default)]
    pub config: BTreeMap<String, Text>,
}
