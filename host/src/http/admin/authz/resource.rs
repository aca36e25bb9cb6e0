//! `authz/resource-server/resource` (`admin-surface` §10).

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use countersign_core::ids::ResourceId;

use super::{
    super::answer::{self, no_content},
    Authz, Thing, created, found, policy, scope,
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        extract::{Json, Query},
        resource_set::{
            self, party,
            representation::{Owner, Replacement, Shape, View, view},
            taken, unknown_owner,
        },
    },
    store::resource::ResourceRecord,
};

type Id = Path<(String, String, String)>;

fn show(resource: ResourceRecord) -> View {
    view(resource, Shape::Administered)
}

fn load(app: &App, authz: &Authz, id: &str) -> Result<ResourceRecord, ApiError> {
    app.store.resource(authz.id(), id)?.ok_or_else(ApiError::not_found)
}

/// Several by their ids
pub(super) fn by_ids<'a>(
    app: &App,
    authz: &Authz,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<View>, ApiError> {
    let mut all = Vec::new();
    for id in ids {
        all.extend(app.store.resource(authz.id(), id)?.map(show));
    }
    Ok(all)
}

/// `GET resource`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let resources = resource_set::search(&app, authz.realm_id(), &authz.server, None, &query)?;
    if query.flag("deep") == Some(false) {
        let ids: Vec<_> = resources.into_iter().map(|resource| resource.id).collect();
        return Ok(answer::list(&ids));
    }
    Ok(answer::list(&resources.into_iter().map(show).collect::<Vec<_>>()))
}

fn owner(app: &App, authz: &Authz, named: Option<Owner>) -> Result<String, ApiError> {
    let name = match named {
        None => return Ok(authz.id().to_owned()),
        Some(Owner::Name(name) | Owner::Object { id: Some(name), .. }) => name,
        Some(Owner::Object { id: None, .. }) => {
            return Err(ApiError::invalid_request("You must specify the resource owner."));
        }
    };
    party(app, authz.realm_id(), &authz.server, &name)?.ok_or_else(unknown_owner)
}

/// `POST resource`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    authz: Authz,
    Json(Replacement(body)): Json<Replacement>,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let (description, id, named) = body.checked(&app, authz.id())?;
    let owner = owner(&app, &authz, named)?;
    let name = description.name.clone();
    let id = id.filter(|id| !id.is_empty());
    if let Some(id) = &id {
        id.parse::<ResourceId>().map_err(|_| ApiError::invalid_request("Invalid _id"))?;
        if app.store.resource(authz.id(), id)?.is_some() {
            let event = authz.event("resource.replaced", "UPDATE", &Thing::Resource(id));
            app.store
                .replace_resource(authz.id(), id, description, authz.now(), event)
                .await
                .map_err(taken(&name))?;
            return Ok(created(&show(load(&app, &authz, id)?)));
        }
    }
    let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let event = authz.event("resource.created", "CREATE", &Thing::Resource(&id));
    let resource = app
        .store
        .create_resource(authz.id(), id, owner, description, authz.now(), event)
        .await
        .map_err(taken(&name))?;
    Ok(created(&show(resource)))
}

/// `GET resource/{id}`
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    Ok(answer::one(&show(load(&app, &authz, &id)?)))
}

/// `PUT resource/{id}`
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
    Json(Replacement(body)): Json<Replacement>,
) -> Result<Response, ApiError> {
    authz.manage()?;
    load(&app, &authz, &id)?;
    let (description, ..) = body.checked(&app, authz.id())?;
    let name = description.name.clone();
    let event = authz.event("resource.replaced", "UPDATE", &Thing::Resource(&id));
    app.store
        .replace_resource(authz.id(), &id, description, authz.now(), event)
        .await
        .map_err(taken(&name))?;
    Ok(no_content())
}

/// `DELETE resource/{id}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let event = authz.event("resource.deleted", "DELETE", &Thing::Resource(&id));
    app.store.delete_resource(authz.id(), &id, authz.now(), event).await?;
    Ok(no_content())
}

/// `GET resource/{id}/permissions`: those that apply to it
pub(super) async fn permissions(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    load(&app, &authz, &id)?;
    let records = app.store.permissions_of_resource(authz.id(), &id)?;
    Ok(policy::brief_list(&records))
}

/// `GET resource/{id}/scopes`
pub(super) async fn scopes(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    let resource = load(&app, &authz, &id)?;
    Ok(answer::list(&resource.scopes.iter().map(scope::show).collect::<Vec<_>>()))
}

/// `GET resource/{id}/attributes`
pub(super) async fn attributes(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    Ok(answer::one(&load(&app, &authz, &id)?.attributes))
}

/// `GET resource/search`: the resource server's own first, where others have one of the same name
pub(super) async fn search(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let name = query.get("name").ok_or_else(|| ApiError::empty(StatusCode::BAD_REQUEST))?;
    let id = app.store.resource_of_name(authz.id(), name)?;
    let resource = id.map(|id| app.store.resource(authz.id(), &id)).transpose()?.flatten();
    Ok(found(resource.map(show)))
}
