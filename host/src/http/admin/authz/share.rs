//! `authz/resource-server/share`: what owners share there. Ours; Keycloak's administrators cannot see it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    super::answer::{self, no_content},
    Authz, Thing,
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        extract::{Json, Query, Represents},
        resource_set::party,
        stored_ticket::view,
    },
    store::{
        self, Part,
        policy::reference,
        resource::ResourceRecord,
        share::{NewShare, ShareFilter},
    },
};

/// `GET share`: by `resource`, `owner`, `requester` and `granted`; what nobody knows has none
pub(super) async fn list(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let part = query.page()?;
    let mut filter = ShareFilter { granted: query.flag("granted"), ..ShareFilter::default() };
    if let Some(text) = query.get("resource") {
        let found = app.store.read(|tx| reference::resource(tx, authz.id(), text))?;
        let found = found.map_or_else(|| app.store.resource_of_name(authz.id(), text), |id| Ok(Some(id)))?;
        let Some(id) = found else { return Ok(answer::list::<()>(&[])) };
        filter.resource = Some(id);
    }
    for (name, place) in [("owner", &mut filter.owner), ("requester", &mut filter.requester)] {
        let Some(text) = query.get(name) else { continue };
        let Some(id) = party(&app, authz.realm_id(), &authz.server, text)? else {
            return Ok(answer::list::<()>(&[]));
        };
        *place = Some(id);
    }
    let shares = app.store.shares(authz.id(), &filter, part, authz.now())?;
    Ok(answer::list(&shares.into_iter().map(|share| view(share, true, true)).collect::<Vec<_>>()))
}

/// What is to be shared with whom
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Sharing {
    /// Name or id of a resource
    resource: String,
    /// User name or id
    requester: String,
    /// Names of scopes that the resource has
    scopes: Vec<String>,
}

impl Represents for Sharing {
    const CLASS: &'static str = "SharingRepresentation";
}

/// Most scopes of one request
const SCOPES: usize = 100;

/// `POST share`: in the owner's name, as the resource server may do (wire §4.2); what is shared already stays so
pub(super) async fn create(
    State(app): State<Arc<App>>,
    authz: Authz,
    Json(body): Json<Sharing>,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let wrong = |text: String| ApiError::invalid_request(text);
    let id = app.store.read(|tx| reference::resource(tx, authz.id(), &body.resource))?;
    let id = id.map_or_else(|| app.store.resource_of_name(authz.id(), &body.resource), |id| Ok(Some(id)))?;
    let resource = id.map(|id| app.store.resource(authz.id(), &id)).transpose()?.flatten();
    let resource = resource.ok_or_else(|| wrong(format!("Resource [{}] does not exist", body.resource)))?;
    if !resource.owner_managed {
        return Err(wrong(format!("Resource [{}] is not managed by its owner", resource.name)));
    }
    let person = app.store.read(|tx| {
        let by_name = store::user::by_username(tx, authz.realm_id(), &body.requester)?;
        by_name
            .map_or_else(|| store::user::by_id(tx, authz.realm_id(), &body.requester), |user| Ok(Some(user)))
    })?;
    let person = person.filter(|user| user.service_client.is_none());
    let person = person.ok_or_else(|| wrong(format!("User [{}] does not exist", body.requester)))?;
    if person.id == resource.owner {
        return Err(wrong(format!("User [{}] is the owner", body.requester)));
    }
    if body.scopes.is_empty() || body.scopes.len() > SCOPES {
        return Err(wrong("Invalid scopes".to_owned()));
    }
    let mut scopes = Vec::with_capacity(body.scopes.len());
    for name in &body.scopes {
        let known = resource.scopes.iter().find(|scope| scope.name == *name);
        scopes.push(known.ok_or_else(|| wrong(format!("Scope [{name}] is none of the resource")))?);
    }
    for scope in scopes {
        share(&app, &authz, &resource, &scope.id, &person.id).await?;
    }
    Ok(no_content())
}

/// One scope: approved where somebody waits for it, made where nobody does
async fn share(
    app: &App,
    authz: &Authz,
    resource: &ResourceRecord,
    scope: &str,
    person: &str,
) -> Result<(), ApiError> {
    let filter = ShareFilter {
        scope: Some(scope.to_owned()),
        resource: Some(resource.id.clone()),
        requester: Some(person.to_owned()),
        ..ShareFilter::default()
    };
    if let Some(known) = app.store.shares(authz.id(), &filter, Part::ALL, authz.now())?.first() {
        let event = authz.event("share.granted", "UPDATE", &Thing::Share(&known.id));
        return Ok(app.store.approve_share(known, None, authz.now(), event).await?);
    }
    let new = NewShare {
        resource_id: resource.id.clone(),
        owner: resource.owner.clone(),
        scope_id: scope.to_owned(),
        requester: person.to_owned(),
        granted: true,
        expires_at: None,
    };
    let event = authz.event("share.granted", "CREATE", &Thing::Resource(&resource.id));
    app.store.create_share(authz.id(), new, authz.now(), event).await?;
    Ok(())
}

/// `DELETE share/{id}`: ends it at once
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Path<(String, String, String)>,
    authz: Authz,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let share = app.store.share(authz.id(), &id, authz.now())?.ok_or_else(ApiError::not_found)?;
    let event = authz.event("share.withdrawn", "DELETE", &Thing::Share(&id));
    app.store.withdraw_share(&share, authz.now(), event).await?;
    Ok(no_content())
}
