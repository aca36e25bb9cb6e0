//! Authorization assessment (Grant §3.3.4): one question, one answer.
//!
//! A [`Question`] carries everything that the answer depends on, facts from the store included. [`assess`]
//! resolves what was asked to resources, evaluates each, and says what is granted, what becomes a request
//! to the owner, or why the question cannot be answered. How that looks on the wire is
//! [`dialect`](crate::dialect)'s business.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    ids::ResourceId,
    permission::{Claims, Permission, add_claims},
    policy::{Circumstances, Evaluator, PolicySet, Unheard},
    requester::Requester,
    scope::{Scope, ScopeSet},
    time::{UnixTime, WallClock},
    trace::{Recorder, Trace},
};

mod ask;
mod facts;
mod known;
mod pending;
mod question;
mod resolve;
mod tally;
mod unit;

pub use ask::{Ask, Format, ParseAskError, Whose};
pub use facts::{Facts, SharedWithOthers};
use known::Known;
pub use pending::Pending;
pub use question::{Mode, OwnerAccess, Question, ResourceServer};
use resolve::{Origin, Resolution, Unit, Want};
use unit::{Evaluation, Grant};

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
        /// Everything was asked for, and there may be more after this resource
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<ResourceId>,
    },
    /// Nothing, or not all that an upgrade needs, is granted
    Denied {
        /// The denial counts as a request to the owners, whether or not there is anything to store
        submitted: bool,
        /// What becomes a request to the owners
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pending: Vec<Pending>,
        /// Claims that a policy looked for in vain and that the requester may be asked for
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        needs: Vec<String>,
        /// Everything was asked for, and there may be more after this resource
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<ResourceId>,
    },
    /// The question names something that does not exist
    Refused(Refusal),
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
///             "shares": [{ "id": "s1", "resource": "doc-42", "scope": "read",
///                          "requester": { "user": "bob" }, "state": "granted" }]
///         }
///     }"#,
/// )?;
/// let Assessment::Granted { permissions, .. } = assess(&question) else { panic!("bob holds a share") };
/// assert_eq!(permissions[0].scopes.iter().map(|s| s.as_str()).collect::<Vec<_>>(), ["read"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn assess(question: &Question) -> Assessment {
    assess_with(question, &PolicySet::new(&question.facts.policies))
}

/// Assesses a question by policies that stand ready, for whoever asks often; `facts.policies` is not looked at
pub fn assess_with(question: &Question, policies: &PolicySet<'_>) -> Assessment {
    run(question, policies, None).assessment
}

/// The scripts whose word a question lacks, each with what it is to be asked about. Once all of them were heard, another
/// look finds those that only then matter.
pub fn unheard(question: &Question) -> Vec<Unheard> {
    run(question, &PolicySet::new(&question.facts.policies), None).unheard
}

/// Assesses a question and says why
pub fn explain(question: &Question) -> (Assessment, Trace) {
    explain_with(question, &PolicySet::new(&question.facts.policies))
}

/// Assesses a question by policies that stand ready, and says why
pub fn explain_with(question: &Question, policies: &PolicySet<'_>) -> (Assessment, Trace) {
    let run = run(question, policies, Some(Recorder::new(question)));
    (run.assessment, run.trace.unwrap_or_default())
}

/// An answer, and what came up on the way to it
struct Run {
    assessment: Assessment,
    trace: Option<Trace>,
    unheard: Vec<Unheard>,
}

fn run(question: &Question, policies: &PolicySet<'_>, recorder: Option<Recorder>) -> Run {
    let denied = || Assessment::Denied {
        submitted: question.submit,
        pending: Vec::new(),
        needs: Vec::new(),
        next: None,
    };
    if question.facts.truncated {
        let trace = recorder.map(Recorder::truncated);
        return Run { assessment: denied(), trace, unheard: Vec::new() };
    }
    let expanded = expanded(question);
    let requester = expanded.as_ref().unwrap_or(&question.requester);
    let known = Known::new(question, requester);
    let resolution = match resolve::resolve(&known, question) {
        Ok(resolution) => resolution,
        Err(refusal) => {
            let trace = recorder.map(|of| of.refused(refusal.clone()));
            return Run { assessment: Assessment::Refused(refusal), trace, unheard: Vec::new() };
        }
    };
    let claims = question.claims();
    let policies = Evaluator::new(
        policies,
        Circumstances {
            requester,
            token_roles: &question.requester.roles,
            wall_clock: WallClock::at(question.now, question.utc_offset),
            context: &question.context,
            claims: &claims,
            directory: &question.facts.directory,
            outcomes: &question.facts.outcomes,
        },
    );
    let mut evaluation = Evaluation { question, known: &known, policies, recorder };
    let assessment = answer(&mut evaluation, &resolution, &claims);
    let Evaluation { recorder, policies, .. } = evaluation;
    let trace = recorder.map(|recorder| recorder.finish(&assessment));
    Run { assessment, trace, unheard: policies.into_unheard() }
}

/// The requester with all roles that his roles contain, where that makes a difference
fn expanded(question: &Question) -> Option<Requester> {
    let (requester, directory) = (&question.requester, &question.facts.directory);
    (!directory.composites.is_empty()).then(|| Requester {
        roles: directory.expand(&requester.roles),
        recorded_roles: requester.recorded_roles.as_ref().map(|roles| directory.expand(roles)),
        ..requester.clone()
    })
}

fn answer<'a>(
    evaluation: &mut Evaluation<'_, 'a>,
    resolution: &Resolution<'a>,
    claims: &Claims,
) -> Assessment {
    let question = evaluation.question;
    let units = &resolution.units;
    let mut permissions = Vec::new();
    let mut grants: Vec<Option<ScopeSet>> = Vec::with_capacity(units.len());
    let mut next = None;
    let is_full = |count: usize| question.limit.is_some_and(|limit| count >= limit);
    let last = |units: &[Unit<'a>]| units.iter().rev().find_map(|unit| unit.resource).map(|of| of.id.clone());
    for (place, unit) in units.iter().enumerate() {
        if unit.origin == Origin::Everything && is_full(permissions.len()) {
            next = next.or_else(|| last(units.get(..place).unwrap_or_default()));
            grants.push(None);
            continue;
        }
        let grant = evaluation.grant(unit);
        grants.push(grant.as_ref().map(|grant| grant.scopes.clone()));
        let Some(grant) = grant else { continue };
        if !is_full(permissions.len()) {
            permissions.push(permission(question, unit, grant, claims));
        }
    }
    if question.everything && question.facts.more && next.is_none() {
        let last = question.facts.resources.iter().map(|resource| &resource.id).max();
        // What does not come after the place that was asked for would lead in circles.
        next = last.filter(|last| question.after.as_ref().is_none_or(|after| after < *last)).cloned();
    }
    let pending = pending::pending(question, evaluation.known, units, &grants);
    let denied = permissions.is_empty()
        || (question.rpt.is_some() && is_short(resolution, &grants, meets))
        || (question.all_or_nothing && is_short(resolution, &grants, covers));
    if denied {
        let needs = evaluation.policies.missed().intersection(&question.gatherable).cloned().collect();
        return Assessment::Denied { submitted: question.submit, pending, needs, next };
    }
    let upgraded = question
        .rpt
        .as_ref()
        .is_some_and(|old| old.iter().all(|old| permissions.iter().any(|new| same(old, new))));
    Assessment::Granted { permissions, upgraded, pending, next }
}

/// Whether anything that was asked for is not answered by what is granted
fn is_short(
    resolution: &Resolution<'_>,
    grants: &[Option<ScopeSet>],
    answers: impl Fn(&Want<'_>, &Unit<'_>, &ScopeSet) -> bool,
) -> bool {
    let is_answered = |want: &Want<'_>| {
        let granted = grants.get(want.unit).and_then(Option::as_ref);
        resolution
            .units
            .get(want.unit)
            .zip(granted)
            .is_some_and(|(unit, granted)| answers(want, unit, granted))
    };
    resolution.dropped || !resolution.wants.iter().all(is_answered)
}

/// Something of what is named is granted; what is asked for everywhere does not stand in for it (`keycloak-wire` §6.8,
/// N21)
fn meets(want: &Want<'_>, _: &Unit<'_>, granted: &ScopeSet) -> bool {
    want.named.is_empty() || !want.named.is_disjoint(granted)
}

/// All that is wanted is granted; what an earlier RPT alone brings was not asked for
fn covers(want: &Want<'_>, unit: &Unit<'_>, granted: &ScopeSet) -> bool {
    want.named.is_subset(granted)
        && unit.scopes.difference(&unit.carried).all(|scope| granted.contains(scope))
}

/// Two permissions on one resource that share a scope, or both have none (`keycloak-wire` §6.8)
fn same(old: &Permission, new: &Permission) -> bool {
    old.rsid == new.rsid
        && ((old.scopes.is_empty() && new.scopes.is_empty()) || !old.scopes.is_disjoint(&new.scopes))
}

/// When the first of the old permissions ends that gave something which is granted and was not asked for anew: nothing
/// is carried over beyond its time (TRAP-UMA-19)
fn old_end(question: &Question, unit: &Unit<'_>, granted: &ScopeSet) -> Option<UnixTime> {
    let id = unit.resource.map(|resource| &resource.id);
    let is_bare = unit.origin == Origin::Earlier && granted.is_empty();
    let carries = |old: &&Permission| {
        let gave = |scope: &Scope| unit.carried.contains(scope) && granted.contains(scope);
        old.rsid.as_ref() == id && old.is_live_at(question.now) && (is_bare || old.scopes.iter().any(gave))
    };
    question.rpt.iter().flatten().filter(carries).filter_map(|old| old.exp).min()
}

fn permission(question: &Question, unit: &Unit<'_>, grant: Grant, claims: &Claims) -> Permission {
    let resource = unit.resource;
    let old_end = old_end(question, unit, &grant.scopes);
    let mut claims = claims.clone();
    add_claims(&mut claims, &grant.claims);
    Permission {
        rsid: resource.map(|resource| resource.id.clone()),
        rsname: resource.filter(|_| question.names).map(|resource| resource.name.clone()),
        rsowned: resource.is_some_and(|resource| resource.owner == question.server.id),
        scopes: grant.scopes,
        claims,
        exp: [grant.until, old_end].into_iter().flatten().min(),
        nbf: None,
    }
}

#[cfg(test)]
mod tests;
