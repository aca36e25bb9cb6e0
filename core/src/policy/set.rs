//! Policies that stand ready to be asked: read once, indexed by what they apply to.

use alloc::{
    borrow::Cow,
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::{Fault, PolicyRow, Rule, Strategy, graph};
use crate::{
    ids::{PolicyId, ResourceId},
    limits::POLICY_DEPTH,
    resource::Resource,
    scope::{Scope, ScopeSet},
};

/// A policy that was read
#[derive(Debug)]
pub struct Policy<'a> {
    /// The row it was read from
    pub row: Cow<'a, PolicyRow>,
    /// Its rule; absent where it is broken by itself
    pub rule: Option<Rule>,
    /// Its result is turned around
    pub negative: bool,
    /// How its associated policies are combined
    pub strategy: Strategy,
    /// Places of its associated policies, as far as they exist
    pub(super) children: Vec<Option<usize>>,
    pub(super) varies: bool,
    fault: Option<Fault>,
    of_graph: Option<Fault>,
}

impl<'a> Policy<'a> {
    fn read(mut row: Cow<'a, PolicyRow>) -> Self {
        // A policy that is associated twice is one policy.
        let mut seen = BTreeSet::new();
        if !row.apply.iter().all(|id| seen.insert(id)) {
            let mut seen = BTreeSet::new();
            row.to_mut().apply.retain(|id| seen.insert(id.clone()));
        }
        let (mut fault, mut negative, mut strategy) = (None, false, Strategy::Unanimous);
        match row.logic.as_str() {
            "POSITIVE" => {}
            "NEGATIVE" => negative = true,
            _ => fault = Some(Fault::Logic),
        }
        match Strategy::from_name(&row.strategy) {
            Some(known) => strategy = known,
            None => fault = Some(Fault::Strategy),
        }
        let rule = Rule::read(&row.kind, &row.config).map_err(|why| fault = Some(why)).ok();
        if matches!(rule, Some(Rule::Aggregate)) && row.apply.is_empty() {
            fault = Some(Fault::NoPolicies);
        }
        let rule = rule.filter(|_| fault.is_none());
        Self { row, rule, negative, strategy, children: Vec::new(), varies: false, fault, of_graph: None }
    }

    /// What makes it broken, whoever asks
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref().or(self.of_graph.as_ref())
    }

    /// Whether what it says depends on the resource
    pub(crate) const fn varies(&self) -> bool {
        self.varies
    }

    /// A row of an unknown type that applies to something: a permission that nobody can read
    pub(crate) fn is_unreadable_permission(&self) -> bool {
        matches!(self.fault, Some(Fault::UnknownType(_))) && self.row.applies_to_something()
    }

    /// Whether it names no resource and no type, so that it applies by scope alone
    fn floats(&self) -> bool {
        (self.row.is_scope_permission() || self.is_unreadable_permission())
            && self.row.resources.is_empty()
            && self.row.resource_type.is_none()
    }
}

/// Policies and permissions of a resource server, ready to be asked
///
/// ```
/// use countersign_core::policy::{Fault, PolicyDelta, PolicyRow, PolicySet};
///
/// let rows: Vec<PolicyRow> = serde_json::from_str(r#"[
///     {"id":"1","name":"only bob","type":"user","config":{"users":["bob"]}},
///     {"id":"2","name":"odd","type":"horoscope"},
///     {"id":"3","name":"documents","type":"resource","resource_type":"document","apply":["1","2"]}]"#)?;
/// let mut set = PolicySet::new(&rows);
/// let report: Vec<_> = set.faults().map(|(policy, fault)| (policy.name.as_str(), fault)).collect();
/// assert_eq!(report, [("odd", Fault::UnknownType("horoscope".into()))]);
///
/// set.apply([PolicyDelta::Remove("2".parse().unwrap())]);
/// let report: Vec<_> = set.faults().map(|(policy, fault)| (policy.name.as_str(), fault)).collect();
/// assert_eq!(report, [("documents", Fault::MissingReference("2".parse().unwrap()))]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct PolicySet<'a> {
    /// A place whose policy was removed is empty until another takes it
    slots: Vec<Option<Policy<'a>>>,
    free: Vec<usize>,
    places: BTreeMap<PolicyId, usize>,
    naming: BTreeMap<ResourceId, Vec<usize>>,
    typed: BTreeMap<String, Vec<usize>>,
    floating: BTreeMap<Scope, Vec<usize>>,
}

/// A change of a standing set
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyDelta {
    /// A policy is new, or has changed
    Put(Box<PolicyRow>),
    /// A policy is gone
    Remove(PolicyId),
}

/// Why bytes are no snapshot of policies
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseSnapshotError {
    /// Not the JSON of a snapshot
    #[error("not a snapshot of policies")]
    Malformed,
    /// Made by a version that this one does not read
    #[error("snapshot has version {0}, only version 1 is read")]
    Version(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot<'a> {
    version: u64,
    policies: Vec<Cow<'a, PolicyRow>>,
}

impl<'a> PolicySet<'a> {
    /// Reads rows; one that cannot be read is there as a broken policy. Of two with one id the later counts.
    pub fn new(rows: &'a [PolicyRow]) -> Self {
        Self::of(rows.iter().map(Cow::Borrowed))
    }

    fn of(rows: impl Iterator<Item = Cow<'a, PolicyRow>>) -> Self {
        let mut set = Self::default();
        rows.for_each(|row| set.put(row));
        set.connect();
        set
    }

    /// Changes the set: afterwards it is what the changed rows would have made
    pub fn apply(&mut self, deltas: impl IntoIterator<Item = PolicyDelta>) {
        for delta in deltas {
            match delta {
                PolicyDelta::Put(row) => self.put(Cow::Owned(*row)),
                PolicyDelta::Remove(id) => self.remove(&id),
            }
        }
        self.connect();
    }

    /// All rows as bytes, to build the set again elsewhere
    pub fn snapshot(&self) -> Vec<u8> {
        let policies = self.iter().map(|policy| Cow::Borrowed(&*policy.row)).collect();
        // Rows have a JSON form, so the default is never taken.
        serde_json::to_vec(&Snapshot { version: 1, policies }).unwrap_or_default()
    }

    fn put(&mut self, row: Cow<'a, PolicyRow>) {
        self.remove(&row.id);
        let place = self.free.pop().unwrap_or(self.slots.len());
        self.places.insert(row.id.clone(), place);
        let policy = Policy::read(row);
        if policy.row.is_permission() || policy.is_unreadable_permission() {
            for resource in &policy.row.resources {
                self.naming.entry(resource.clone()).or_default().push(place);
            }
            if let Some(kind) = &policy.row.resource_type {
                self.typed.entry(kind.clone()).or_default().push(place);
            }
            for scope in policy.row.scopes.iter().filter(|_| policy.floats()) {
                self.floating.entry(scope.clone()).or_default().push(place);
            }
        }
        match self.slots.get_mut(place) {
            Some(slot) => *slot = Some(policy),
            None => self.slots.push(Some(policy)),
        }
    }

    fn remove(&mut self, id: &PolicyId) {
        let Some(place) = self.places.remove(id) else { return };
        let Some(policy) = self.slots.get_mut(place).and_then(Option::take) else { return };
        self.free.push(place);
        for resource in &policy.row.resources {
            unlist(&mut self.naming, resource, place);
        }
        if let Some(kind) = &policy.row.resource_type {
            unlist(&mut self.typed, kind, place);
        }
        for scope in &policy.row.scopes {
            unlist(&mut self.floating, scope, place);
        }
    }

    /// Finds the places of associated policies, and what the graph of aggregates says of each
    fn connect(&mut self) {
        let Self { slots, places, .. } = self;
        let mut nodes = Vec::with_capacity(slots.len());
        for slot in slots.iter_mut() {
            let mut node = graph::Node::default();
            if let Some(policy) = slot {
                policy.children = policy.row.apply.iter().map(|id| places.get(id).copied()).collect();
                node.is_aggregate = matches!(policy.rule, Some(Rule::Aggregate));
                node.is_script = matches!(policy.rule, Some(Rule::Script));
                if node.is_aggregate {
                    node.children = policy.children.iter().copied().flatten().collect();
                }
            }
            nodes.push(node);
        }
        for (slot, place) in slots.iter_mut().zip(graph::places(&nodes)) {
            let Some(policy) = slot else { continue };
            policy.varies = place.varies;
            policy.of_graph = if place.on_cycle {
                Some(Fault::Cycle)
            } else {
                (place.height > POLICY_DEPTH).then_some(Fault::TooDeep)
            };
        }
    }

    /// All policies, in no particular order
    pub fn iter(&self) -> impl Iterator<Item = &Policy<'a>> {
        self.slots.iter().flatten()
    }

    /// How many there are
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The policy of that id
    pub fn get(&self, id: &PolicyId) -> Option<&Policy<'a>> {
        self.places.get(id).and_then(|place| self.at(*place))
    }

    /// What stands at a place
    pub(crate) fn at(&self, place: usize) -> Option<&Policy<'a>> {
        self.slots.get(place).and_then(Option::as_ref)
    }

    /// The load report: every policy with what is wrong about it
    pub fn faults(&self) -> impl Iterator<Item = (&PolicyRow, Fault)> {
        self.iter().flat_map(|policy| {
            let own = policy.fault().cloned();
            let references = policy.row.apply.iter().zip(&policy.children).filter_map(|(id, place)| {
                match place.and_then(|place| self.at(place)) {
                    None => Some(Fault::MissingReference(id.clone())),
                    Some(child) if child.row.is_permission() => Some(Fault::NotAPolicy(id.clone())),
                    Some(_) => None,
                }
            });
            own.into_iter().chain(references).map(move |fault| (&*policy.row, fault))
        })
    }

    /// The permissions that apply to a resource, or to none, and some scopes, in the groups and the order in which
    /// they count (`keycloak-wire` §8.2, §8.4): those that name the resource, those on its type, those that name
    /// one of `parents`, the resource server's resources of its type, and those on scopes alone. Each is in the first
    /// group that it belongs to.
    pub(crate) fn applying<'s>(
        &'s self,
        resource: Option<&Resource>,
        parents: impl Iterator<Item = &'s Resource>,
        scopes: &ScopeSet,
    ) -> [Vec<&'s Policy<'a>>; 4] {
        let mut seen = BTreeSet::new();
        let mut group = |places: &mut dyn Iterator<Item = &Vec<usize>>| {
            let new = places.flatten().filter(|place| seen.insert(**place));
            new.filter_map(|place| self.at(*place)).collect()
        };
        let named = group(&mut resource.into_iter().filter_map(|resource| self.naming.get(&resource.id)));
        let kind = resource.and_then(|resource| resource.kind.as_ref());
        let typed = group(&mut kind.into_iter().filter_map(|kind| self.typed.get(kind)));
        let inherited = group(&mut parents.filter_map(|parent| self.naming.get(&parent.id)));
        let floating = group(&mut scopes.iter().filter_map(|scope| self.floating.get(scope)));
        [named, typed, inherited, floating]
    }
}

impl PolicySet<'static> {
    /// Builds the set from a [snapshot](Self::snapshot)
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, ParseSnapshotError> {
        let snapshot: Snapshot<'static> =
            serde_json::from_slice(bytes).map_err(|_| ParseSnapshotError::Malformed)?;
        if snapshot.version != 1 {
            return Err(ParseSnapshotError::Version(snapshot.version));
        }
        Ok(Self::of(snapshot.policies.into_iter()))
    }

    /// Builds the set from rows that it keeps
    pub fn from_rows(rows: impl IntoIterator<Item = PolicyRow>) -> Self {
        Self::of(rows.into_iter().map(Cow::Owned))
    }
}

/// Takes a place off a list, and the list away when it is empty
fn unlist<K: Ord + Clone>(lists: &mut BTreeMap<K, Vec<usize>>, key: &K, place: usize) {
    if let Some(list) = lists.get_mut(key) {
        list.retain(|other| *other != place);
        if list.is_empty() {
            lists.remove(key);
        }
    }
}
