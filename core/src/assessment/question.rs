//! The question: who asks for what, and in which circumstances.

use alloc::{collections::BTreeSet, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Ask, Facts};
use crate::{
    ids::{PartyId, ResourceId},
    permission::{Claims, Permission},
    policy::Strategy,
    requester::Requester,
    scope::ScopeSet,
    time::UnixTime,
};

/// Everything that one assessment depends on
#[expect(
    clippy::struct_excessive_bools,
    reason = "a document: each is a member of its own, as the request has it"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The moment of the assessment
    pub now: UnixTime,
    /// Seconds by which the wall clock of `time` policies is ahead of UTC at that moment
    #[serde(default, skip_serializing_if = "is_zero")]
    pub utc_offset: i32,
    /// The resource server whose resources are asked for
    pub server: ResourceServer,
    /// Who asks
    pub requester: Requester,
    /// Circumstances of the request that policies can look at: `kc.realm.name`, `kc.client.network.ip_address`, …
    /// (`keycloak-wire` §8.8)
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub context: Claims,
    /// What is asked for, in the order of the request
    #[serde(default)]
    pub asks: Vec<Ask>,
    /// Everything that the requester has is asked for, in the order of the resources' ids
    #[serde(default)]
    pub everything: bool,
    /// With `everything`: only resources whose id comes after this one
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ResourceId>,
    /// Resource scopes that are asked for in addition, on every resource (the `scope` parameter)
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
    /// Scopes that the client is registered for: of `scopes` no other counts, and one that no asked resource has
    /// is refused (Grant §3.3.4, §3.3.6). Absent: registration is not looked at (Keycloak).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered: Option<ScopeSet>,
    /// Whether anything that is asked for and not granted denies the whole (Grant §3.3.4)
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub all_or_nothing: bool,
    /// Permissions of an earlier RPT: assessed again and merged (Grant §3.3.5)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpt: Option<Vec<Permission>>,
    /// Claims that the resource server put into the ticket
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub ticket_claims: Claims,
    /// Claims that the client pushes
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub pushed_claims: Claims,
    /// Names of claims that the requester may be asked for where policies look for them (`need_info`)
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub gatherable: BTreeSet<String>,
    /// Most permissions of the answer
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Whether permissions carry the resource's name
    #[serde(default = "yes")]
    pub names: bool,
    /// What is not granted becomes a request to the owners
    #[serde(default)]
    pub submit: bool,
    /// The same was asked before with an earlier ticket of this one's line: what an owner denied stays denied
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub polling: bool,
    /// What the store knows
    #[serde(default)]
    pub facts: Facts,
}

impl Question {
    /// Ticket and pushed claims in one; the ticket's stand, `kc.` names are dropped (`keycloak-wire` N24, N25)
    pub fn claims(&self) -> Claims {
        let pushed = self.pushed_claims.iter().filter(|(name, _)| !self.ticket_claims.contains_key(*name));
        let all = self.ticket_claims.iter().chain(pushed);
        all.filter(|(name, _)| !name.starts_with("kc."))
            .map(|(name, values)| (name.clone(), values.clone()))
            .collect()
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(offset: &i32) -> bool {
    *offset == 0
}

/// The resource server's part in a decision
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceServer {
    /// Internal id of its client: the owner of its own resources
    pub id: PartyId,
    /// What happens where no permission applies
    #[serde(default)]
    pub mode: Mode,
    /// How permissions are combined
    #[serde(default)]
    pub strategy: Strategy,
    /// What owners may do without a policy
    #[serde(default)]
    pub owner_access: OwnerAccess,
}

/// `policyEnforcementMode` (`keycloak-wire` §8.2)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// No permission applies: not granted
    #[default]
    Enforcing,
    /// No permission applies: granted, except what an owner manages
    Permissive,
    /// Everything is granted
    Disabled,
}

impl Mode {
    /// Its name, as representations and rows have it
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforcing => "ENFORCING",
            Self::Permissive => "PERMISSIVE",
            Self::Disabled => "DISABLED",
        }
    }
}

/// Realm setting `countersign.owner_access`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OwnerAccess {
    /// Only what policies say (`keycloak-wire` §8.5)
    #[default]
    Policy,
    /// Every scope of the owner's own resources
    Always,
}
