//! Policies: who may, as a graph of rules that is checked when it is built.
//!
//! A rule that cannot be read is [`Broken`](Effect::Broken): it never helps to grant, also not when its
//! logic is negative. The set loads all the same.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ids::{PartyId, PolicyId, ResourceId},
    limits::POLICY_DEPTH,
    requester::Requester,
    scope::ScopeSet,
};

mod rule;

pub use rule::Rule;

/// A policy or permission as stored: references resolved, nothing judged
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRow {
    /// Its id
    pub id: PolicyId,
    /// Its name, unique per resource server
    #[serde(default)]
    pub name: String,
    /// `user`, `role`, `group`, `client`, `aggregate`, …; `resource`, `scope` and `uma` are permissions
    #[serde(rename = "type")]
    pub kind: String,
    /// `POSITIVE` or `NEGATIVE`
    #[serde(default = "positive")]
    pub logic: String,
    /// `UNANIMOUS`, `AFFIRMATIVE` or `CONSENSUS`
    #[serde(default = "unanimous")]
    pub strategy: String,
    /// What the type needs, references as the requester carries them (role names, group paths, ids)
    #[serde(default)]
    pub config: Value,
    /// The resources that a permission names
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceId>,
    /// The scopes that a permission names
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub scopes: ScopeSet,
    /// The resource type that a permission names (`defaultResourceType`)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Associated policies (`applyPolicies`)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apply: Vec<PolicyId>,
    /// Owner of a `uma` policy
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PartyId>,
}

fn positive() -> String {
    "POSITIVE".into()
}

fn unanimous() -> String {
    "UNANIMOUS".into()
}

/// How several results become one (`keycloak-wire` §8.3)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Strategy {
    /// No result may deny
    #[default]
    Unanimous,
    /// One permit is enough
    Affirmative,
    /// More permits than others
    Consensus,
}

impl Strategy {
    /// The strategy of that name
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "UNANIMOUS" => Some(Self::Unanimous),
            "AFFIRMATIVE" => Some(Self::Affirmative),
            "CONSENSUS" => Some(Self::Consensus),
            _ => None,
        }
    }

    /// Whether `permits` of `total` results permit; nobody permits where there are no results
    ///
    /// ```
    /// use countersign_core::policy::Strategy;
    ///
    /// assert!(Strategy::Consensus.permits(2, 3));
    /// assert!(!Strategy::Consensus.permits(1, 2));
    /// assert!(!Strategy::Unanimous.permits(0, 0));
    /// ```
    pub const fn permits(self, permits: usize, total: usize) -> bool {
        match self {
            Self::Unanimous => total > 0 && permits == total,
            Self::Affirmative => permits > 0,
            Self::Consensus => permits > total.saturating_sub(permits),
        }
    }
}

/// What a policy says
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Yes
    Permit,
    /// No
    Deny,
    /// It cannot be read or lost what it named: counts as no, and is never turned around
    Broken,
}

impl Effect {
    const fn of(permit: bool) -> Self {
        if permit { Self::Permit } else { Self::Deny }
    }

    const fn negated(self) -> Self {
        match self {
            Self::Permit => Self::Deny,
            Self::Deny => Self::Permit,
            Self::Broken => Self::Broken,
        }
    }
}

/// A policy that was read
#[derive(Debug)]
pub struct Policy<'a> {
    /// The row it was read from
    pub row: &'a PolicyRow,
    rule: Rule,
    negative: bool,
    strategy: Strategy,
}

/// The policies of one question
#[derive(Debug)]
pub struct PolicySet<'a> {
    policies: Vec<Policy<'a>>,
    places: BTreeMap<&'a PolicyId, usize>,
}

/// Results of policies that were already asked, one place a policy
#[derive(Debug)]
pub struct Memo(Vec<Option<Effect>>);

impl<'a> PolicySet<'a> {
    /// Reads rows; one that cannot be read is there as a broken policy
    pub fn new(rows: &'a [PolicyRow]) -> Self {
        let policies: Vec<_> = rows
            .iter()
            .map(|row| {
                let negative = match row.logic.as_str() {
                    "POSITIVE" => Some(false),
                    "NEGATIVE" => Some(true),
                    _ => None,
                };
                match (negative, Strategy::from_name(&row.strategy)) {
                    (Some(negative), Some(strategy)) => {
                        Policy { row, rule: Rule::read(&row.kind, &row.config), negative, strategy }
                    }
                    _ => Policy { row, rule: Rule::Broken, negative: false, strategy: Strategy::Unanimous },
                }
            })
            .collect();
        let places = policies.iter().enumerate().map(|(place, policy)| (&policy.row.id, place)).collect();
        Self { policies, places }
    }

    /// Room for the results of this set
    pub fn memo(&self) -> Memo {
        Memo(alloc::vec![None; self.policies.len()])
    }

    /// All policies, in the order of the rows
    pub fn iter(&self) -> impl Iterator<Item = &Policy<'a>> {
        self.policies.iter()
    }

    /// Names of the policies that cannot be read
    pub fn broken(&self) -> impl Iterator<Item = &'a str> {
        self.policies
            .iter()
            .filter(|policy| policy.rule == Rule::Broken)
            .map(|policy| policy.row.name.as_str())
    }

    /// What a permission says: nothing where it has no associated policies (`keycloak-wire` §8.2)
    pub fn permission(
        &self,
        permission: &Policy<'a>,
        requester: &Requester,
        memo: &mut Memo,
    ) -> Option<bool> {
        let (mut permits, mut total) = (0_usize, 0_usize);
        let mut count = |effect: Effect| {
            total = total.saturating_add(1);
            permits = permits.saturating_add(usize::from(effect == Effect::Permit));
        };
        if let Rule::Uma(kinds) = &permission.rule {
            kinds.results(requester).for_each(&mut count);
        } else if permission.rule != Rule::Permission {
            // An unreadable permission is a denial.
            return Some(false);
        }
        for id in &permission.row.apply {
            count(self.effect(id, requester, memo, POLICY_DEPTH));
        }
        (total > 0).then(|| permission.strategy.permits(permits, total))
    }

    fn effect(&self, id: &PolicyId, requester: &Requester, memo: &mut Memo, depth: usize) -> Effect {
        let Some(&place) = self.places.get(id) else { return Effect::Broken };
        let Some(policy) = self.policies.get(place) else { return Effect::Broken };
        if let Some(Some(known)) = memo.0.get(place) {
            return *known;
        }
        let Some(depth) = depth.checked_sub(1) else { return Effect::Broken };
        // Until it is known, a policy that leads back to itself finds itself broken.
        if let Some(slot) = memo.0.get_mut(place) {
            *slot = Some(Effect::Broken);
        }
        let plain = if policy.rule == Rule::Aggregate {
            self.aggregate(policy, requester, memo, depth)
        } else {
            policy.rule.leaf(requester)
        };
        let effect = if policy.negative { plain.negated() } else { plain };
        if let Some(slot) = memo.0.get_mut(place) {
            *slot = Some(effect);
        }
        effect
    }

    fn aggregate(&self, policy: &Policy<'a>, requester: &Requester, memo: &mut Memo, depth: usize) -> Effect {
        let (mut permits, mut total, mut broken) = (0_usize, 0_usize, policy.row.apply.is_empty());
        for id in &policy.row.apply {
            let effect = self.effect(id, requester, memo, depth);
            total = total.saturating_add(1);
            permits = permits.saturating_add(usize::from(effect == Effect::Permit));
            broken |= effect == Effect::Broken;
        }
        match (policy.strategy.permits(permits, total), broken) {
            (true, _) => Effect::Permit,
            (false, true) => Effect::Broken,
            (false, false) => Effect::Deny,
        }
    }
}

impl Policy<'_> {
    /// A permission that grants or denies all that is asked (type `resource`)
    pub fn is_resource_permission(&self) -> bool {
        self.row.kind == "resource"
    }

    /// A permission on scopes (type `scope`)
    pub fn is_scope_permission(&self) -> bool {
        self.row.kind == "scope"
    }

    /// An owner's policy (type `uma`)
    pub fn is_owners(&self) -> bool {
        self.row.kind == "uma"
    }

    /// Any of the three: something that is combined, not asked by others
    pub fn is_permission(&self) -> bool {
        self.is_resource_permission() || self.is_scope_permission() || self.is_owners()
    }
}

#[cfg(test)]
mod tests;
