//! Groups (`admin-surface` §6; wire §9.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Idle, Members, Representation,
    lenient::{self, Values},
    stranger, stranger_in,
};

/// One group
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(transform = super::as_set))]
#[serde(rename_all = "camelCase", default)]
pub struct GroupRepresentation {
    /// Internal id
    pub id: Option<String>,
    /// Its name
    pub name: Option<String>,
    /// What it is for
    pub description: Option<String>,
    /// Its full path; on the way in it follows from the nesting
    pub path: Option<String>,
    /// The group above it
    pub parent_id: Option<String>,
    /// How many are below it
    pub sub_group_count: Option<u64>,
    /// Those that are shown
    #[serde(deserialize_with = "lenient::list")]
    pub sub_groups: Vec<GroupRepresentation>,
    /// Attributes
    pub attributes: Option<BTreeMap<String, Option<Values>>>,
    /// Realm roles of its members
    pub realm_roles: Option<Vec<String>>,
    /// Client roles of its members
    pub client_roles: Option<BTreeMap<String, Vec<String>>>,
    /// What the caller may do with it
    pub access: Option<Value>,
    /// The rest
    #[serde(flatten)]
    pub other: Members,
}

/// Members that have no effect here
pub const IDLE: &[Idle] = &[("type", "told groups of an organization apart")];

impl Representation for GroupRepresentation {
    const CLASS: &'static str = "GroupRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        stranger(&self.other, &[], IDLE).or_else(|| stranger_in("subGroups", &self.sub_groups))
    }
}

/// What somebody may do with a group or a user
pub fn access(view: bool, manage: bool) -> Value {
    json!({ "view": view, "viewMembers": view, "manageMembers": manage, "manage": manage, "manageMembership": manage })
}
