use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use super::{
    DecidedBy, PermissionTrace, PolicyTrace, ShareTrace, Stage, Trace, UnitTrace,
    look::{Look, looks, script},
};
use crate::{
    assessment::{Assessment, Question, Refusal},
    ids::{PolicyId, ResourceId},
    policy::{Effect, Evaluator, Policy, PolicyRow, Rule},
    requester::Requester,
    resource::Resource,
    scope::ScopeSet,
    share::{Share, ShareState},
    time::UnixTime,
};

/// Writes down what an assessment looks at
#[derive(Debug)]
pub(crate) struct Recorder {
    trace: Trace,
    now: UnixTime,
    requester: Requester,
    asked: BTreeSet<(PolicyId, Option<ResourceId>)>,
}

impl Recorder {
    pub(crate) fn new(question: &Question) -> Self {
        Self {
            trace: Trace::default(),
            now: question.now,
            requester: question.requester.clone(),
            asked: BTreeSet::new(),
        }
    }

    pub(crate) fn truncated(mut self) -> Trace {
        self.trace.truncated = true;
        self.trace
    }

    pub(crate) fn refused(mut self, refusal: Refusal) -> Trace {
        self.trace.refusal = Some(refusal);
        self.trace
    }

    pub(crate) fn begin(&mut self, resource: Option<&Resource>, evaluated: &ScopeSet) {
        self.trace.units.push(UnitTrace {
            resource: resource.map(|resource| resource.id.clone()),
            name: resource.map(|resource| resource.name.clone()),
            owner: resource.map(|resource| resource.owner.clone()),
            evaluated: evaluated.clone(),
            granted: None,
            by: DecidedBy::Nothing,
            shares: Vec::new(),
            granted_to_others: ScopeSet::new(),
            permissions: Vec::new(),
            to_change: Vec::new(),
        });
    }

    fn unit(&mut self, change: impl FnOnce(&mut UnitTrace)) {
        if let Some(unit) = self.trace.units.last_mut() {
            change(unit);
        }
    }

    pub(crate) fn disabled(&mut self) {
        self.unit(|unit| unit.by = DecidedBy::Disabled);
    }

    pub(crate) fn owner(&mut self) {
        self.unit(|unit| unit.by = DecidedBy::OwnerAccess);
    }

    pub(crate) fn permissive(&mut self) {
        self.unit(|unit| unit.by = DecidedBy::Permissive);
    }

    pub(crate) fn shares(&mut self, all: &[Share], standing: &[&Share]) {
        let Some(id) = self.trace.units.last().and_then(|unit| unit.resource.clone()) else { return };
        for share in all.iter().filter(|share| share.resource == id) {
            let stands = standing.iter().any(|other| other.id == share.id);
            let word = match share.state {
                _ if !share.requester.includes(&self.requester) => "others",
                ShareState::Granted if !share.grants_at(self.now) => "expired",
                ShareState::Granted if !stands => "rests_on_nothing",
                ShareState::Pending | ShareState::Granted | ShareState::Denied | ShareState::Blocked => {
                    share.state.as_str()
                }
            };
            let told = ShareTrace {
                id: share.id.clone(),
                requester: share.requester.clone(),
                scope: share.scope.clone(),
                stands,
                standing: word,
            };
            self.unit(|unit| {
                unit.by = DecidedBy::Permissions;
                unit.shares.push(told);
            });
        }
    }

    pub(crate) fn others(&mut self, scopes: &ScopeSet) {
        self.unit(|unit| {
            unit.by = DecidedBy::Permissions;
            unit.granted_to_others.extend(scopes.iter().cloned());
        });
    }

    pub(crate) fn permission<'a>(
        &mut self,
        permission: &'a Policy<'a>,
        permits: Option<bool>,
        names_resource: bool,
        as_owner: bool,
        policies: &mut Evaluator<'a>,
    ) {
        let row: &PolicyRow = &permission.row;
        let mut looked_at = looks(permission, &policies.at);
        if matches!(&permission.rule, Some(Rule::Uma(rule)) if rule.condition) {
            let resource = self.trace.units.last().and_then(|unit| unit.resource.as_ref());
            looked_at.push(script(policies.at.outcome(row, resource).map(|outcome| outcome.said)));
        }
        let told = PermissionTrace {
            id: row.id.clone(),
            name: row.name.clone(),
            kind: row.kind.clone(),
            owner: row.owner.clone(),
            names_resource,
            strategy: permission.strategy,
            permits,
            as_owner,
            fault: permission.fault().cloned(),
            looked_at,
            policies: row.apply.clone(),
        };
        self.policies(permission, policies);
        self.unit(|unit| {
            unit.by = DecidedBy::Permissions;
            unit.permissions.push(told);
        });
    }

    /// All policies below a permission or an aggregate, each once
    fn policies<'a>(&mut self, of: &'a Policy<'a>, policies: &mut Evaluator<'a>) {
        let resource = self.trace.units.last().and_then(|unit| unit.resource.clone());
        let mut waiting: Vec<&'a Policy<'a>> = alloc::vec![of];
        while let Some(policy) = waiting.pop() {
            for (id, child) in policies.children(policy) {
                let varies = child.as_ref().is_some_and(|(child, _)| child.varies());
                if !self.asked.insert((id.clone(), resource.clone().filter(|_| varies))) {
                    continue;
                }
                let (child, effect) =
                    child.map_or((None, Effect::Broken), |(child, effect)| (Some(child), effect));
                let looked_at = child.map(|child| match &child.rule {
                    Some(Rule::Script) => {
                        let outcome = policies.at.outcome(&child.row, resource.as_ref());
                        alloc::vec![script(outcome.map(|outcome| outcome.said))]
                    }
                    _ => looks(child, &policies.at),
                });
                self.trace.policies.push(PolicyTrace {
                    id: id.clone(),
                    name: child.map(|child| child.row.name.clone()),
                    kind: child.map(|child| child.row.kind.clone()),
                    resource: resource.clone().filter(|_| varies),
                    effect,
                    negative: child.is_some_and(|child| child.negative),
                    fault: child.and_then(|child| child.fault().cloned()),
                    looked_at: looked_at.unwrap_or_default(),
                    policies: child.map(|child| child.row.apply.clone()).unwrap_or_default(),
                });
                // Broken by its place in the graph, it was not asked further, and may lead in circles.
                waiting.extend(child.filter(|child| child.fault().is_none()));
            }
        }
    }

    pub(crate) fn end(&mut self, granted: Option<&ScopeSet>) {
        let policies = &self.trace.policies;
        if let Some(unit) = self.trace.units.last_mut() {
            unit.granted = granted.cloned();
            unit.to_change = to_change(unit, policies);
        }
    }

    pub(crate) fn finish(mut self, answer: &Assessment) -> Trace {
        let whole = || {
            let all = |unit: &UnitTrace| {
                unit.granted.as_ref().is_some_and(|granted| unit.evaluated.is_subset(granted))
            };
            self.trace.units.iter().all(all)
        };
        self.trace.stage = match answer {
            Assessment::Granted { .. } if whole() => Stage::Granted,
            Assessment::Granted { .. } => Stage::Partial,
            Assessment::Denied { needs, .. } if !needs.is_empty() => Stage::NeedInfo,
            Assessment::Denied { submitted: true, pending, .. } if !pending.is_empty() => Stage::Submitted,
            Assessment::Denied { .. } | Assessment::Refused(_) => Stage::Denied,
        };
        self.trace
    }
}

/// What would have to change so that the rest is granted
fn to_change(unit: &UnitTrace, policies: &[PolicyTrace]) -> Vec<String> {
    let mut changes = Vec::new();
    if unit.granted.as_ref().is_some_and(|granted| unit.evaluated.is_subset(granted)) {
        return changes;
    }
    if unit.by == DecidedBy::Nothing {
        changes.push(
            "nothing applies: share the resource, or make a permission for it, its type or its scopes".into(),
        );
        return changes;
    }
    for share in unit.shares.iter().filter(|share| !share.stands && share.standing != "others") {
        let scope = share.scope.as_ref().map_or_else(String::new, |scope| format!(" of `{scope}`"));
        changes.push(format!("share `{}`{scope} is {} and must be granted", share.id, share.standing));
    }
    if !unit.granted_to_others.is_empty() {
        let names: Vec<_> = unit.granted_to_others.iter().map(crate::scope::Scope::as_str).collect();
        changes.push(format!(
            "granted to others, which denies it to everybody else unless decisionStrategy is AFFIRMATIVE: {}",
            names.join(", ")
        ));
    }
    for permission in &unit.permissions {
        match (&permission.fault, permission.permits) {
            (Some(fault), _) => changes.push(format!("permission `{}` is broken: {fault}", permission.name)),
            (None, None) => {
                changes.push(format!("permission `{}` says nothing: associate a policy", permission.name));
            }
            (None, Some(true)) => {}
            (None, Some(false)) => {
                changes.extend(
                    permission
                        .looked_at
                        .iter()
                        .map(|look| format!("permission `{}` denies: {look}", permission.name)),
                );
                for id in &permission.policies {
                    let about = |policy: &&PolicyTrace| {
                        policy.id == *id && (policy.resource.is_none() || policy.resource == unit.resource)
                    };
                    let Some(policy) = policies.iter().find(about) else { continue };
                    if policy.effect != Effect::Permit {
                        changes.push(format!("permission `{}` denies: {}", permission.name, must(policy)));
                    }
                }
            }
        }
    }
    changes
}

fn must(policy: &PolicyTrace) -> String {
    let name = policy.name.as_deref().unwrap_or_else(|| policy.id.as_str());
    if let Some(fault) = &policy.fault {
        return format!("policy `{name}` is broken: {fault}");
    }
    if policy.name.is_none() {
        return format!("policy `{name}` does not exist");
    }
    let seen: Vec<String> = policy.looked_at.iter().map(|look: &Look| format!("{look}")).collect();
    let negative = if policy.negative { " (its logic is NEGATIVE)" } else { "" };
    if seen.is_empty() {
        format!("policy `{name}`{negative} must permit")
    } else {
        format!("policy `{name}`{negative} must permit: {}", seen.join("; "))
    }
}
