//! The answer of an evaluation: what each resource got, by which permissions and policies.

use core::cell::RefCell;
use std::collections::BTreeMap;

use countersign_core::{
    ids::{PolicyId, ResourceId},
    limits::POLICY_DEPTH,
    policy::Effect,
    scope::{Scope, ScopeSet},
    trace::{PermissionTrace, PolicyTrace, Trace, UnitTrace},
};
use serde_json::{Map, Value, json};

use super::super::Authz;
use crate::{
    app::App,
    error::ApiError,
    store::{
        Part,
        policy::{Named, PolicyRecord},
    },
};

/// A trace that is turned into Keycloak's words
pub(super) struct Answer<'a> {
    pub(super) app: &'a App,
    pub(super) authz: &'a Authz,
    pub(super) trace: &'a Trace,
}

/// Policies and scopes that were looked up for one answer
struct Known<'a> {
    answer: &'a Answer<'a>,
    policies: RefCell<BTreeMap<String, Option<PolicyRecord>>>,
    scopes: BTreeMap<String, String>,
}

const fn status(permits: bool) -> &'static str {
    if permits { "PERMIT" } else { "DENY" }
}

impl Answer<'_> {
    /// The whole answer
    pub(super) fn document(&self, entitlements: bool, rpt: Value) -> Result<Map<String, Value>, ApiError> {
        let scopes = self.app.store.scopes(self.authz.id(), None, None, Part::ALL)?;
        let known = Known {
            answer: self,
            policies: RefCell::new(BTreeMap::new()),
            scopes: scopes.into_iter().map(|scope| (scope.name, scope.id)).collect(),
        };
        let results =
            self.trace.units.iter().map(|unit| known.result(unit)).collect::<Result<Vec<_>, _>>()?;
        // Nothing that was evaluated is no permit.
        let all = !self.trace.units.is_empty() && self.trace.units.iter().all(|unit| unit.granted.is_some());
        let mut document = Map::new();
        document.insert("results".to_owned(), results.into());
        document.insert("entitlements".to_owned(), entitlements.into());
        document.insert("status".to_owned(), status(all).into());
        document.insert("rpt".to_owned(), rpt);
        Ok(document)
    }
}

impl Known<'_> {
    fn policy(&self, id: &PolicyId) -> Result<Option<PolicyRecord>, ApiError> {
        if let Some(known) = self.policies.borrow().get(id.as_str()) {
            return Ok(known.clone());
        }
        let Answer { app, authz, .. } = self.answer;
        let found = app.store.policy(authz.id(), id.as_str())?;
        self.policies.borrow_mut().insert(id.as_str().to_owned(), found.clone());
        Ok(found)
    }

    fn scopes<'s>(&self, names: impl Iterator<Item = &'s Scope>) -> Value {
        let view = |name: &Scope| json!({ "id": self.scopes.get(name.as_str()), "name": name });
        names.map(view).collect::<Vec<_>>().into()
    }

    fn result(&self, unit: &UnitTrace) -> Result<Value, ApiError> {
        let granted = unit.granted.clone().unwrap_or_default();
        let mut policies = Vec::new();
        let mut refused = ScopeSet::new();
        for permission in &unit.permissions {
            if permission.permits == Some(false) {
                let record = self.policy(&permission.id)?;
                refused.extend(
                    unit.evaluated.iter().filter(|scope| covers(permission, record.as_ref(), scope)).cloned(),
                );
            }
            policies.push(self.permission(unit, permission)?);
        }
        policies.extend(self.share(unit)?);
        let refused = refused.difference(&granted).cloned().collect::<ScopeSet>();
        Ok(json!({
            "resource": self.resource(unit)?,
            "scopes": self.scopes(unit.evaluated.iter()),
            "policies": policies,
            "status": status(unit.granted.is_some()),
            "allowedScopes": self.scopes(granted.iter()),
            "deniedScopes": self.scopes(refused.iter()),
        }))
    }

    /// The resource by its name and scopes, or that it does not matter which
    fn resource(&self, unit: &UnitTrace) -> Result<Value, ApiError> {
        let listed = |scopes: &[&str]| format!(" with scopes [{}]", scopes.join(", "));
        let Some(id) = &unit.resource else {
            let scopes: Vec<_> = unit.evaluated.iter().map(Scope::as_str).collect();
            return Ok(json!({ "name": format!("Any resource{}", listed(&scopes)) }));
        };
        let Answer { app, authz, .. } = self.answer;
        let mut name = unit.name.clone().unwrap_or_default();
        if let Some(resource) = app.store.resource(authz.id(), id.as_str())?
            && !resource.scopes.is_empty()
        {
            let scopes: Vec<_> = resource.scopes.iter().map(|scope| scope.name.as_str()).collect();
            name.push_str(&listed(&scopes));
        }
        Ok(json!({ "name": name, "_id": id }))
    }

    fn permission(&self, unit: &UnitTrace, permission: &PermissionTrace) -> Result<Value, ApiError> {
        let record = self.policy(&permission.id)?;
        let form = record.as_ref().map_or_else(
            || json!({ "id": permission.id, "name": permission.name, "type": permission.kind }),
            |record| form(record).into(),
        );
        let scopes = record.as_ref().map(|record| names(&record.scopes)).unwrap_or_default();
        Ok(json!({
            "policy": form,
            "status": status(permission.permits == Some(true)),
            "associatedPolicies": self.associated(&permission.policies, unit.resource.as_ref(), 0)?,
            "scopes": scopes,
        }))
    }

    /// Policies below a permission or an aggregate
    fn associated(
        &self,
        ids: &[PolicyId],
        resource: Option<&ResourceId>,
        depth: usize,
    ) -> Result<Vec<Value>, ApiError> {
        let mut all = Vec::new();
        // One that leads back to itself is not followed for ever.
        if depth > POLICY_DEPTH {
            return Ok(all);
        }
        for id in ids {
            let about = |policy: &&PolicyTrace| {
                policy.id == *id && (policy.resource.is_none() || policy.resource.as_ref() == resource)
            };
            let Some(told) = self.answer.trace.policies.iter().find(about) else { continue };
            let record = self.policy(id)?;
            let form = record.as_ref().map_or_else(
                || json!({ "id": id, "name": told.name, "type": told.kind }),
                |record| form(record).into(),
            );
            let below = if told.fault.is_some() {
                Vec::new()
            } else {
                self.associated(&told.policies, resource, depth.saturating_add(1))?
            };
            all.push(json!({
                "policy": form,
                "status": status(told.effect == Effect::Permit),
                "associatedPolicies": below,
                "scopes": [],
            }));
        }
        Ok(all)
    }

    /// What the owner shares with the requester, as the policy that Keycloak shows for it (wire §4.5)
    fn share(&self, unit: &UnitTrace) -> Result<Option<Value>, ApiError> {
        let Answer { app, authz, .. } = self.answer;
        let mut standing = unit.shares.iter().filter(|share| share.stands).peekable();
        let Some(first) = standing.peek() else { return Ok(None) };
        let Some(record) = app.store.share(authz.id(), first.id.as_str(), authz.now())? else {
            return Ok(None);
        };
        let scopes: Vec<_> = standing.filter_map(|share| share.scope.as_ref()).map(Scope::as_str).collect();
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        Ok(Some(json!({
            "policy": {
                "id": record.id,
                "name": record.id,
                "description": format!(
                    "Resource owner ({}) grants access to {}",
                    name(&record.owner_name),
                    name(&record.requester_name)
                ),
                "type": "uma",
                "resources": [record.resource_name],
                "scopes": scopes,
                "logic": "POSITIVE",
                "decisionStrategy": "UNANIMOUS",
                "config": {},
            },
            "status": "PERMIT",
            "associatedPolicies": [],
            "scopes": scopes,
        })))
    }
}

/// Whether a denied permission takes this scope: one for resources takes all
fn covers(permission: &PermissionTrace, record: Option<&PolicyRecord>, scope: &Scope) -> bool {
    permission.kind == "resource"
        || record.is_some_and(|record| record.scopes.iter().any(|named| named.name == scope.as_str()))
}

fn names(all: &[Named]) -> Vec<&str> {
    all.iter().map(|named| named.name.as_str()).collect()
}

/// `logic` is always `POSITIVE` there: the status already counts it
fn form(record: &PolicyRecord) -> Map<String, Value> {
    let mut form = Map::new();
    let mut set = |name: &str, value: Value| {
        form.insert(name.to_owned(), value);
    };
    set("id", record.id.as_str().into());
    set("name", record.name.as_str().into());
    if let Some(description) = &record.description {
        set("description", description.as_str().into());
    }
    set("type", record.kind.as_str().into());
    if !record.resources.is_empty() {
        set("resources", names(&record.resources).into());
    }
    if !record.scopes.is_empty() {
        set("scopes", names(&record.scopes).into());
    }
    set("logic", "POSITIVE".into());
    set("decisionStrategy", record.strategy.as_str().into());
    set("config", json!({}));
    form
}
