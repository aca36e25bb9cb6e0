//! The question, and the facts that its answer depends on.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    ids::{PartyId, ResourceId},
    permission::{Claims, Permission},
    policy::{PolicyRow, Strategy},
    requester::Requester,
    resource::Resource,
    scope::ScopeSet,
    share::Share,
    time::UnixTime,
};

/// Everything that one assessment depends on
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The moment of the assessment
    pub now: UnixTime,
    /// The resource server whose resources are asked for
    pub server: ResourceServer,
    /// Who asks
    pub requester: Requester,
    /// What is asked for, in the order of the request
    #[serde(default)]
    pub asks: Vec<Ask>,
    /// Everything that the requester has is asked for
    #[serde(default)]
    pub everything: bool,
    /// Resource scopes that are asked for in addition, on every resource (the `scope` parameter)
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
    /// Permissions of an earlier RPT: assessed again and merged (Grant §3.3.5)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpt: Option<Vec<Permission>>,
    /// Claims that the resource server put into the ticket
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub ticket_claims: Claims,
    /// Claims that the client pushes
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub pushed_claims: Claims,
    /// Most permissions of the answer
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Whether permissions carry the resource's name
    #[serde(default = "yes")]
    pub names: bool,
    /// What is not granted becomes a request to the owners
    #[serde(default)]
    pub submit: bool,
    /// What the store knows
    #[serde(default)]
    pub facts: Facts,
}

const fn yes() -> bool {
    true
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

/// One thing that is asked for; without scopes, all that the resource has
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Ask {
    /// A resource by its id: what a ticket names
    Id {
        /// The id
        resource: ResourceId,
        /// Its scopes
        #[serde(default)]
        scopes: ScopeSet,
    },
    /// A resource by id or name: a `permission` parameter
    Name {
        /// Id or name
        resource: String,
        /// Its scopes
        #[serde(default)]
        scopes: ScopeSet,
    },
    /// A resource by URI: a `permission` parameter with `permission_resource_format=uri`
    Uri {
        /// The URI as registered
        uri: String,
        /// Its scopes
        #[serde(default)]
        scopes: ScopeSet,
    },
    /// Any resource with one of these scopes
    Scopes {
        /// The scopes
        scopes: ScopeSet,
    },
}

impl Ask {
    /// The scopes that are asked for
    pub const fn scopes(&self) -> &ScopeSet {
        match self {
            Self::Id { scopes, .. }
            | Self::Name { scopes, .. }
            | Self::Uri { scopes, .. }
            | Self::Scopes { scopes } => scopes,
        }
    }
}

/// What the store knows about a question: candidates, never decisions
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Those of the asked scopes that exist at the resource server
    #[serde(default)]
    pub scopes: ScopeSet,
    /// Resources that the question may mean
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// The resource server's own resources whose type one of `resources` has
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Resource>,
    /// The requester's shares of `resources`, whatever their state
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
    /// What is granted to others on `resources`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_with_others: Vec<SharedWithOthers>,
    /// Permissions that apply to `resources`, and all policies below them
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyRow>,
    /// A limit was hit while loading: the answer is no
    #[serde(default)]
    pub truncated: bool,
}

/// Scopes of a resource that are granted to anybody but the requester
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedWithOthers {
    /// The resource
    pub resource: ResourceId,
    /// The scopes; none for a resource without scopes
    #[serde(default)]
    pub scopes: ScopeSet,
}

impl Facts {
    pub(super) fn resource(&self, id: &ResourceId) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == *id)
    }
}
