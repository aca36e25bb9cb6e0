//! What becomes a request to an owner (`keycloak-wire` §6.7).

use alloc::{collections::BTreeMap, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Ask, Question, known::Known, resolve::Unit};
use crate::{
    ids::ResourceId,
    scope::{Scope, ScopeSet},
    share::{ShareState, lifecycle::may_request},
};

/// A request to the owner of a resource, one for each scope
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The resource
    pub resource: ResourceId,
    /// The missing scopes; none means a resource without scopes
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
}

/// What is asked for by id and was not granted, where an owner can be asked and has not refused for good.
///
/// `grants` are what is granted of `units`, place by place.
pub(super) fn pending(
    question: &Question,
    known: &Known<'_>,
    units: &[Unit<'_>],
    grants: &[Option<ScopeSet>],
) -> Vec<Pending> {
    let mut pending: Vec<Pending> = Vec::new();
    if !question.submit {
        return pending;
    }
    let granted: BTreeMap<&ResourceId, &ScopeSet> = units
        .iter()
        .zip(grants)
        .filter_map(|(unit, grant)| Some((&unit.resource?.id, grant.as_ref()?)))
        .collect();
    let is_open = |id: &ResourceId, scope: Option<&Scope>| match known.request(id, scope) {
        Some(ShareState::Blocked) => false,
        Some(ShareState::Denied) => !question.polling,
        Some(ShareState::Pending | ShareState::Granted) | None => true,
    };
    for ask in &question.asks {
        let Ask::Id { resource: id, scopes } = ask else { continue };
        let Some(resource) = known.resource(id) else { continue };
        if may_request(resource, &question.requester.id, &question.server.id).is_err() {
            continue;
        }
        let granted = granted.get(id).copied();
        let asked = if scopes.is_empty() { &resource.scopes } else { scopes };
        let missing: ScopeSet = asked
            .iter()
            .filter(|scope| resource.scopes.contains(*scope))
            .filter(|scope| !granted.is_some_and(|granted| granted.contains(*scope)))
            .filter(|scope| is_open(id, Some(scope)))
            .cloned()
            .collect();
        let whole = asked.is_empty() && granted.is_none() && is_open(id, None);
        if missing.is_empty() && !whole {
            continue;
        }
        match pending.iter_mut().find(|other| other.resource == *id) {
            Some(other) => other.scopes.extend(missing),
            None => pending.push(Pending { resource: id.clone(), scopes: missing }),
        }
    }
    pending
}
