//! `authz/protection/resource_set`: registration of resources (FedAuthz §3.2, `keycloak-wire` §2).

pub mod representation;
mod search;
mod uma2;

use std::sync::Arc;

use axum::{
    extract::{FromRequest as _, Path, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use countersign_core::ids::ResourceId;

use self::representation::{Description, Owner, Replacement, Shape, view};
pub(super) use self::search::{party, search, unknown_owner};
use super::{
    Family,
    extract::{Json, Members, Query},
    json,
    protection::Caller,
};
use crate::{
    app::App,
    error::ApiError,
    realm::Dialect,
    store::{StoreError, resource::ResourceRecord},
};

fn open(caller: &Caller) -> Result<(), ApiError> {
    caller.need_role()?;
    if caller.settings.remote_management {
        Ok(())
    } else {
        Err(ApiError::bad_request("not_supported", "Remote management is disabled."))
    }
}

/// The resource, if the caller may manage it (`keycloak-wire` §2.6)
fn managed(app: &App, caller: &Caller, id: &str) -> Result<ResourceRecord, ApiError> {
    let known = app.store.resource(&caller.server.id, id)?;
    if is_uma2(caller) {
        // Somebody else's looks like none (FED-3.2-08).
        let own = known.filter(|resource| caller.standing(&resource.owner, None).may_decide());
        return own.ok_or_else(|| ApiError::bare(StatusCode::NOT_FOUND, "not_found"));
    }
    let Some(resource) = known else {
        return Err(if caller.is_server() {
            ApiError::not_found()
        } else {
            ApiError::new(StatusCode::NOT_FOUND, "not_found", "Resource not found")
        });
    };
    if caller.standing(&resource.owner, None).may_decide() { Ok(resource) } else { Err(not_yours()) }
}

fn not_yours() -> ApiError {
    ApiError::forbidden("forbidden", "You don't have permission to manage this resource")
}

pub(super) fn taken(name: &str) -> impl FnOnce(StoreError) -> ApiError + use<> {
    let text = format!("Resource with name [{name}] already exists.");
    move |error| {
        // An `_id` that is in use elsewhere is nobody's business here.
        let by_name = matches!(&error, StoreError::Conflict(what) if !what.contains("resource.id"));
        if by_name { ApiError::new(StatusCode::CONFLICT, "invalid_request", text) } else { error.into() }
    }
}

/// The caller, or whom the resource server's own PAT names (`keycloak-wire` N33)
fn owner(app: &App, caller: &Caller, named: Option<Owner>) -> Result<String, ApiError> {
    let Some(named) = named.filter(|_| caller.is_server()) else { return Ok(caller.id.clone()) };
    let name = match named {
        Owner::Name(name) => Some(name),
        Owner::Object { id, name } => id.or(name),
    };
    let Some(name) = name else { return Ok(caller.id.clone()) };
    party(app, &caller.realm.id, &caller.server, &name)?.ok_or_else(unknown_owner)
}

/// `POST resource_set`
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    caller.need_role()?;
    if is_uma2(&caller) {
        return register(&app, &caller, request).await;
    }
    let Json(body) = Json::<Description>::from_request(request, &app).await?;
    open(&caller)?;
    let (description, id, named) = body.checked(&app, &caller.server.id)?;
    let name = description.name.clone();
    let server_id = caller.server.id.as_str();
    let id = id.filter(|id| !id.is_empty());
    if let Some(id) = &id {
        id.parse::<ResourceId>().map_err(|_| ApiError::invalid_request("Invalid _id"))?;
        if app.store.resource(server_id, id)?.is_some() {
            let known = managed(&app, &caller, id)?;
            let event = caller.event("resource.replaced");
            app.store
                .replace_resource(server_id, &known.id, description, caller.now, event)
                .await
                .map_err(taken(&name))?;
            let resource = app.store.resource(server_id, id)?.ok_or_else(ApiError::not_found)?;
            return Ok(json(StatusCode::CREATED, Family::Api, &view(resource, Shape::Created)));
        }
    }
    let owner = owner(&app, &caller, named)?;
    let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let event = caller.event("resource.created");
    let resource = app
        .store
        .create_resource(server_id, id, owner, description, caller.now, event)
        .await
        .map_err(taken(&name))?;
    Ok(json(StatusCode::CREATED, Family::Api, &view(resource, Shape::Created)))
}

fn is_uma2(caller: &Caller) -> bool {
    caller.realm.uma.dialect == Dialect::Uma2
}

/// `POST resource_set` in the form of the specification (FedAuthz §3.2.1)
async fn register(app: &Arc<App>, caller: &Caller, request: Request) -> Result<Response, ApiError> {
    let body = Members::from_request(request, app).await?;
    open(caller)?;
    let id = uuid::Uuid::new_v4().to_string();
    let (description, named) = uma2::description(&body, &id)?;
    let owner = owner(app, caller, named)?;
    let (name, event) = (description.name.clone(), caller.event("resource.created"));
    let server_id = caller.server.id.as_str();
    let created = app.store.create_resource(server_id, id, owner, description, caller.now, event).await;
    Ok(uma2::created(caller, &created.map_err(taken(&name))?.id))
}

/// `GET resource_set/{id}`
pub async fn read(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, ApiError> {
    open(&caller)?;
    let resource = managed(&app, &caller, &id)?;
    if is_uma2(&caller) {
        return Ok(json(StatusCode::OK, Family::Api, &uma2::view(resource)));
    }
    Ok(json(StatusCode::OK, Family::Api, &view(resource, Shape::Read)))
}

/// `PUT resource_set/{id}`
pub async fn replace(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    caller.need_role()?;
    let description = if is_uma2(&caller) {
        let body = Members::from_request(request, &app).await?;
        open(&caller)?;
        managed(&app, &caller, &id)?;
        uma2::description(&body, &id)?.0
    } else {
        let Json(Replacement(body)) = Json::<Replacement>::from_request(request, &app).await?;
        open(&caller)?;
        managed(&app, &caller, &id)?;
        body.checked(&app, &caller.server.id)?.0
    };
    let name = description.name.clone();
    app.store
        .replace_resource(&caller.server.id, &id, description, caller.now, caller.event("resource.replaced"))
        .await
        .map_err(taken(&name))?;
    Ok(if is_uma2(&caller) { uma2::replaced(&id) } else { StatusCode::NO_CONTENT.into_response() })
}

/// `DELETE resource_set/{id}`
pub async fn delete(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, ApiError> {
    open(&caller)?;
    managed(&app, &caller, &id)?;
    let event = caller.event("resource.deleted");
    app.store.delete_resource(&caller.server.id, &id, caller.now, event).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET resource_set`
pub async fn list(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    open(&caller)?;
    // A person sees his own, whatever he asks for.
    let own = (!caller.is_server()).then_some(caller.id.as_str());
    let resources = search(&app, &caller.realm.id, &caller.server, own, &query)?;
    let answer = if query.flag("deep").unwrap_or(false) {
        let views: Vec<_> = resources.into_iter().map(|resource| view(resource, Shape::Listed)).collect();
        json(StatusCode::OK, Family::ApiList, &views)
    } else {
        let ids: Vec<_> = resources.into_iter().map(|resource| resource.id).collect();
        json(StatusCode::OK, Family::ApiList, &ids)
    };
    Ok(answer)
}
