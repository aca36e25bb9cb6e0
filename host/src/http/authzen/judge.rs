//! From entities to the engine: one way for every question, the same as the UMA grant's.

use std::collections::BTreeSet;

use countersign_core::{
    assessment::{Ask, Assessment},
    ids::ResourceId,
    permission::{Claims, Permission},
    scope::{Scope, ScopeSet},
    trace::Trace,
};

use super::{caller::Caller, entity::Entity};
use crate::{
    app::App,
    decide::{Party, Purpose, Request, Untold, decide, decide_and_explain},
    error::ApiError,
    store,
};

/// A person; the other kind is a client
pub(super) const USER: &str = "user";
/// A client that asks for itself
pub(super) const CLIENT: &str = "client";

/// Whom a resource server asks
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) app: &'a App,
    pub(super) caller: &'a Caller,
}

impl Judge<'_> {
    /// The party that a subject names: a person by id or user name, or a client; nothing if there is none that could act
    pub(super) fn party(self, subject: &Entity) -> Result<Option<Party>, ApiError> {
        let Self { app, caller } = self;
        let realm_id = caller.realm.id.as_str();
        let found = app.store.read(|tx| {
            if subject.kind == USER {
                let user = match store::user::by_id(tx, realm_id, &subject.id)? {
                    Some(user) => Some(user),
                    None => store::user::by_username(tx, realm_id, &subject.id)?,
                };
                let person = user.filter(|user| user.service_client.is_none());
                return Ok(person.map(|user| (user, caller.client.clone())));
            }
            if subject.kind != CLIENT {
                return Ok(None);
            }
            let client = store::realm::client_by_any_id(tx, realm_id, &subject.id)?;
            let Some(client) = client.filter(|client| client.enabled) else { return Ok(None) };
            Ok(store::user::service_account(tx, realm_id, &client.id)?.map(|user| (user, client)))
        })?;
        let Some((user, client)) = found.filter(|(user, _)| user.enabled) else { return Ok(None) };
        let party = Party::of_record(app, &user, &client)?;
        let untold = Untold { client, issuer: caller.issuer.clone(), address: caller.address };
        Ok(Some(Party { untold: Some(untold), ..party }))
    }

    /// The id of the resource that an entity names: by id, else by the resource server's own name for it
    pub(super) fn resource(self, resource: &Entity) -> Result<Option<String>, ApiError> {
        let Entity { kind, id, .. } = resource;
        Ok(self.app.store.read(|tx| store::authzen::resource(tx, &self.caller.client.id, kind, id))?)
    }

    /// Which of these resources a party may act upon in this way
    pub(super) fn permitted(
        self,
        party: &Party,
        resources: &[String],
        action: &str,
        attributes: &Claims,
        purpose: Purpose,
    ) -> Result<BTreeSet<String>, ApiError> {
        let Ok(scope) = action.parse::<Scope>() else { return Ok(BTreeSet::new()) };
        let scopes: ScopeSet = [scope.clone()].into_iter().collect();
        let permissions = self.granted(party, resources, &scopes, attributes, purpose)?;
        let fitting = permissions.into_iter().filter(|permission| permission.scopes.contains(&scope));
        Ok(fitting.filter_map(|permission| Some(permission.rsid?.as_str().to_owned())).collect())
    }

    /// What a party may do with a resource
    pub(super) fn actions(
        self,
        party: &Party,
        resource: &str,
        attributes: &Claims,
    ) -> Result<BTreeSet<String>, ApiError> {
        let resources = [resource.to_owned()];
        let permissions = self.granted(party, &resources, &ScopeSet::new(), attributes, Purpose::Search)?;
        let scopes = permissions.iter().flat_map(|permission| &permission.scopes);
        Ok(scopes.map(|scope| scope.as_str().to_owned()).collect())
    }

    /// What was looked at for one question, with the decision itself
    pub(super) fn explained(
        self,
        party: &Party,
        resource: &str,
        action: &str,
        attributes: &Claims,
    ) -> Result<Option<(bool, Trace)>, ApiError> {
        let (Ok(id), Ok(scope)) = (resource.parse::<ResourceId>(), action.parse::<Scope>()) else {
            return Ok(None);
        };
        let scopes: ScopeSet = [scope.clone()].into_iter().collect();
        let asks = vec![Ask::Id { resource: id.clone(), scopes }];
        let request = request(asks, attributes, Purpose::Access);
        let Self { app, caller } = self;
        let (assessment, trace) =
            decide_and_explain(app, &caller.realm, &caller.client, party, &request, caller.now)?;
        let is_permitted = |permission: &Permission| {
            permission.rsid.as_ref() == Some(&id) && permission.scopes.contains(&scope)
        };
        Ok(Some((permissions(assessment).iter().any(is_permitted), trace)))
    }

    /// The decision of the engine, as the grant gets it; nothing is stored of it
    fn granted(
        self,
        party: &Party,
        resources: &[String],
        scopes: &ScopeSet,
        attributes: &Claims,
        purpose: Purpose,
    ) -> Result<Vec<Permission>, ApiError> {
        let ids = resources.iter().filter_map(|id| id.parse().ok());
        let asks: Vec<Ask> = ids.map(|resource| Ask::Id { resource, scopes: scopes.clone() }).collect();
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let request = request(asks, attributes, purpose);
        let Self { app, caller } = self;
        let (assessment, _) = decide(app, &caller.realm, &caller.client, party, &request, caller.now)?;
        Ok(permissions(assessment))
    }
}

/// Nothing but an answer comes of it: what is not granted becomes no request to an owner
fn request(asks: Vec<Ask>, attributes: &Claims, purpose: Purpose) -> Request {
    Request { asks, pushed_claims: attributes.clone(), purpose, ..Request::default() }
}

fn permissions(assessment: Assessment) -> Vec<Permission> {
    match assessment {
        Assessment::Granted { permissions, .. } => permissions,
        Assessment::Denied { .. } | Assessment::Refused(_) => Vec::new(),
    }
}
