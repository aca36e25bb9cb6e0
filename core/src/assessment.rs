//! Authorization assessment (Grant §3.3.4): one question, one answer.
//!
//! A [`Question`] carries everything that the answer depends on, facts from the store included. [`assess`]
//! resolves what was asked to resources, evaluates each, and says what is granted, what becomes a request
//! to the owner, or why the question cannot be answered. How that looks on the wire is
//! [`dialect`](crate::dialect)'s business.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    ids::ResourceId,
    permission::{Claims, Permission},
    policy::PolicySet,
    scope::{Scope, ScopeSet},
};

mod question;
mod resolve;
mod unit;

pub use question::{Ask, Facts, Mode, OwnerAccess, Question, ResourceServer, SharedWithOthers};
use resolve::{Resolution, Unit};
use unit::Evaluation;

/// The answer to a [`Question`]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Assessment {
    /// At least one permission is granted
    Granted {
        /// In the order of the question; earlier permissions last
        permissions: Vec<Permission>,
        /// An earlier RPT was sent, and each of its permissions has a match (Grant §3.3.5)
        upgraded: bool,
        /// What is missing and becomes a request to the owners
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pending: Vec<Pending>,
    },
    /// Nothing, or not all that an upgrade needs, is granted
    Denied {
        /// The denial counts as a request to the owners, whether or not there is anything to store
        submitted: bool,
        /// What becomes a request to the owners
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pending: Vec<Pending>,
    },
    /// The question names something that does not exist
    Refused(Refusal),
}

/// A request to the owner of a resource, one for each scope
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The resource
    pub resource: ResourceId,
    /// The missing scopes; none means a resource without scopes
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
}

/// Why a question cannot be answered
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// No resource of that id or name
    InvalidResource {
        /// As it was asked
        resource: String,
    },
    /// No resource of that URI
    InvalidUri {
        /// As it was asked
        uri: String,
    },
    /// A permission by URI without a URI
    MissingUri,
    /// None of the scopes of one permission exists at the resource server
    InvalidScope {
        /// As they were asked
        scopes: Vec<Scope>,
    },
}

/// Assesses a question (Grant §3.3.4).
///
/// ```
/// use countersign_core::assessment::{Assessment, Question, assess};
///
/// let question: Question = serde_json::from_str(
///     r#"{
///         "now": 1700000000,
///         "server": { "id": "rs" },
///         "requester": { "id": "bob", "client": "app" },
///         "asks": [{ "by": "id", "resource": "doc-42", "scopes": ["read"] }],
///         "facts": {
///             "scopes": ["read"],
///             "resources": [
///                 { "id": "doc-42", "name": "document 42", "owner": "alice", "owner_managed": true,
///                   "scopes": ["read", "write"] }
///             ],
///             "shares": [{ "id": "s1", "resource": "doc-42", "scope": "read", "state": "granted" }]
///         }
///     }"#,
/// )?;
/// let Assessment::Granted { permissions, .. } = assess(&question) else { panic!("bob holds a share") };
/// assert_eq!(permissions[0].scopes.iter().map(|s| s.as_str()).collect::<Vec<_>>(), ["read"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn assess(question: &Question) -> Assessment {
    if question.facts.truncated {
        return Assessment::Denied { submitted: question.submit, pending: Vec::new() };
    }
    let Resolution { units, newly_asked } = match resolve::resolve(question) {
        Ok(resolution) => resolution,
        Err(refusal) => return Assessment::Refused(refusal),
    };
    let policies = PolicySet::new(&question.facts.policies);
    let mut evaluation = Evaluation::new(question, &policies);
    let claims = claims(question);
    let mut permissions = Vec::new();
    let mut granted: BTreeMap<Option<&ResourceId>, ScopeSet> = BTreeMap::new();
    let mut short_of_new = false;
    for (place, unit) in units.iter().enumerate() {
        if question.limit.is_some_and(|limit| permissions.len() >= limit) {
            break;
        }
        let Some(scopes) = evaluation.grant(unit) else {
            short_of_new |= place < newly_asked;
            continue;
        };
        if place < newly_asked && !meets(unit, &scopes) {
            short_of_new = true;
        }
        granted.entry(unit.resource.map(|resource| &resource.id)).or_default().extend(scopes.iter().cloned());
        permissions.push(permission(question, unit, scopes, &claims));
    }
    let pending = pending(question, &granted);
    if permissions.is_empty() || (question.rpt.is_some() && short_of_new) {
        return Assessment::Denied { submitted: question.submit, pending };
    }
    let upgraded = question
        .rpt
        .as_ref()
        .is_some_and(|old| old.iter().all(|old| permissions.iter().any(|new| same(old, new))));
    Assessment::Granted { permissions, upgraded, pending }
}

/// Whether what is granted answers what was newly asked (`keycloak-wire` §6.8, N21)
fn meets(unit: &Unit<'_>, granted: &ScopeSet) -> bool {
    unit.asked.is_empty() || unit.asked.iter().any(|scope| granted.contains(scope))
}

/// Two permissions on one resource that share a scope, or both have none (`keycloak-wire` §6.8)
fn same(old: &Permission, new: &Permission) -> bool {
    old.rsid == new.rsid
        && ((old.scopes.is_empty() && new.scopes.is_empty()) || !old.scopes.is_disjoint(&new.scopes))
}

/// Ticket and pushed claims in one; the ticket's stand, `kc.` names are dropped (`keycloak-wire` N24, N25)
fn claims(question: &Question) -> Claims {
    question
        .ticket_claims
        .iter()
        .chain(question.pushed_claims.iter().filter(|(name, _)| !question.ticket_claims.contains_key(*name)))
        .filter(|(name, _)| !name.starts_with("kc."))
        .map(|(name, values)| (name.clone(), values.clone()))
        .collect()
}

fn permission(question: &Question, unit: &Unit<'_>, scopes: ScopeSet, claims: &Claims) -> Permission {
    let resource = unit.resource;
    Permission {
        rsid: resource.map(|resource| resource.id.clone()),
        rsname: resource.filter(|_| question.names).map(|resource| resource.name.clone()),
        rsowned: resource.is_some_and(|resource| resource.owner == question.server.id),
        scopes,
        claims: claims.clone(),
        exp: None,
        nbf: None,
    }
}

/// What a ticket asked for and did not get, where an owner can be asked (`keycloak-wire` §6.7)
fn pending(question: &Question, granted: &BTreeMap<Option<&ResourceId>, ScopeSet>) -> Vec<Pending> {
    if !question.submit {
        return Vec::new();
    }
    let mut pending: Vec<Pending> = Vec::new();
    for ask in &question.asks {
        let Ask::Id { resource: id, scopes } = ask else { continue };
        let Some(resource) = question.facts.resource(id) else { continue };
        if !resource.owner_managed
            || resource.owner == question.requester.id
            || resource.owner == question.server.id
        {
            continue;
        }
        let granted = granted.get(&Some(id));
        let asked = if scopes.is_empty() { &resource.scopes } else { scopes };
        if asked.is_empty() && granted.is_some() {
            continue;
        }
        let missing: ScopeSet = asked
            .iter()
            .filter(|scope| resource.scopes.contains(*scope))
            .filter(|scope| !granted.is_some_and(|granted| granted.contains(*scope)))
            .cloned()
            .collect();
        if missing.is_empty() && !asked.is_empty() {
            continue;
        }
        match pending.iter_mut().find(|known| known.resource == *id) {
            Some(known) => known.scopes.extend(missing),
            None => pending.push(Pending { resource: id.clone(), scopes: missing }),
        }
    }
    pending
}

#[cfg(test)]
mod tests;
