//! Sign-ins (`admin-surface` §9).

use std::collections::BTreeMap;

use serde::Serialize;

/// A sign-in as administrators see it; times in milliseconds since 1970
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionRepresentation {
    /// `sid` of the tokens
    pub id: String,
    /// Whose it is
    pub username: String,
    /// His id
    pub user_id: String,
    /// From where he signed in
    pub ip_address: String,
    /// When it began
    pub start: u64,
    /// When it was last used
    pub last_access: u64,
    /// He asked to be remembered
    pub remember_me: bool,
    /// Internal ids of the clients that it went to, with their public names
    pub clients: BTreeMap<String, String>,
}
