use alloc::{string::String, vec::Vec};

use serde::Serialize;

use super::{PermissionTrace, ShareTrace, Trace};
use crate::{
    ids::{PartyId, ResourceId},
    scope::ScopeSet,
};

/// What concerns the owner of resources: nothing of other people's, and nothing of the administrator's policies
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnerTrace {
    /// His resources, in the order of the answer
    pub resources: Vec<OwnerUnit>,
}

/// How one resource of the owner was decided
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnerUnit {
    /// The resource
    pub resource: ResourceId,
    /// Its name
    pub name: String,
    /// What was asked for
    pub asked: ScopeSet,
    /// What the requester gets
    pub granted: ScopeSet,
    /// The requester's shares, whatever their state
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<ShareTrace>,
    /// The owner's policies
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PermissionTrace>,
    /// Rules that are not the owner's had a say as well
    pub other_rules: bool,
}

impl OwnerTrace {
    pub(super) fn of(trace: &Trace, owner: &PartyId) -> Self {
        let mut resources = Vec::new();
        for unit in trace.units.iter().filter(|unit| unit.owner.as_ref() == Some(owner)) {
            let (Some(resource), Some(name)) = (unit.resource.clone(), unit.name.clone()) else { continue };
            let (own, others): (Vec<_>, Vec<_>) = unit
                .permissions
                .iter()
                .cloned()
                .partition(|permission| permission.owner.as_ref() == Some(owner));
            resources.push(OwnerUnit {
                resource,
                name,
                asked: unit.evaluated.clone(),
                granted: unit.granted.clone().unwrap_or_default(),
                shares: unit.shares.clone(),
                policies: own,
                other_rules: !others.is_empty(),
            });
        }
        Self { resources }
    }
}
