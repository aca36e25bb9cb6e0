//! Client scopes and the mappers that they and clients have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::representation::{Members, lenient};

/// A client scope: mappers that several clients share
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ClientScope {
    /// Internal id
    pub id: String,
    /// What a client's lists and a token's `scope` name
    pub name: String,
    /// Shown to administrators
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `openid-connect`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// `include.in.token.scope` and the like
    #[serde(deserialize_with = "lenient::texts")]
    pub attributes: BTreeMap<String, String>,
    /// What it puts into tokens
    #[serde(deserialize_with = "lenient::list")]
    pub protocol_mappers: Vec<ProtocolMapper>,
    /// Members that nothing here reads
    #[serde(flatten)]
    pub other: Members,
}

impl ClientScope {
    /// Whether the token's `scope` names it
    pub fn in_token(&self) -> bool {
        self.attributes.get("include.in.token.scope").is_none_or(|value| value == "true")
    }
}

/// Puts one thing into tokens
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ProtocolMapper {
    /// Internal id
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Shown to administrators
    pub name: String,
    /// `openid-connect`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Which kind, for example `oidc-audience-mapper`
    pub protocol_mapper: String,
    /// Its settings
    #[serde(deserialize_with = "lenient::texts")]
    pub config: BTreeMap<String, String>,
    /// Members that nothing here reads
    #[serde(flatten)]
    pub other: Members,
}
