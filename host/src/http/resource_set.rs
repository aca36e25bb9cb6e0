//! `authz/protection/resource_set`: registration of resources (FedAuthz §3.2, `keycloak-wire` §2).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use countersign_core::{ids::ResourceId, scope::Scope};
use serde::{Deserialize, Serialize};

use super::{
    Family,
    extract::{Json, Query, Represents},
    json,
    protection::Caller,
};
use crate::{
    app::App,
    error::ApiError,
    store::{
        self, StoreError,
        resource::{Attributes, ResourceDescription, ResourceFilter, ResourceRecord},
    },
};

/// List size where the caller names none
const PAGE: u64 = 100;

/// A resource as callers describe it (`keycloak-wire` §2.2)
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    #[serde(rename = "_id")]
    id: Option<String>,
    name: Option<String>,
    #[serde(rename = "displayName")]
    display_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    uris: Option<Vec<String>>,
    uri: Option<String>,
    icon_uri: Option<String>,
    owner: Option<Owner>,
    #[serde(default, rename = "ownerManagedAccess")]
    owner_managed: Option<bool>,
    resource_scopes: Option<Vec<ScopeName>>,
    scopes: Option<Vec<ScopeName>>,
    attributes: Option<BTreeMap<String, Values>>,
}

/// The same in a `PUT`, where Keycloak has another name for it
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Replacement(Description);

impl Represents for Description {
    const CLASS: &'static str = "UmaResourceRepresentation";
}

impl Represents for Replacement {
    const CLASS: &'static str = "ResourceRepresentation";
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Owner {
    Name(String),
    Object { id: Option<String>, name: Option<String> },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ScopeName {
    Name(String),
    Object { name: String },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Description {
    fn checked(self) -> Result<(ResourceDescription, Option<String>, Option<Owner>), ApiError> {
        let name = self.name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| ApiError::invalid_request("Resource name not provided."))?;
        if name.len() > 255 {
            return Err(ApiError::invalid_request("Resource name is longer than 255 bytes."));
        }
        let scopes = self.resource_scopes.into_iter().chain(self.scopes).flatten();
        let scopes = scopes.map(|scope| match scope {
            ScopeName::Name(name) | ScopeName::Object { name } => name,
        });
        let mut names = std::collections::BTreeSet::new();
        for name in scopes {
            if name.parse::<Scope>().is_err() {
                return Err(ApiError::invalid_request(
                    "Scope name is empty, too long or has control characters.",
                ));
            }
            names.insert(name);
        }
        let attributes = self.attributes.map(|attributes| {
            let values = |values| match values {
                Values::One(value) => vec![value],
                Values::Many(values) => values,
            };
            attributes.into_iter().map(|(name, given)| (name, values(given))).collect::<Attributes>()
        });
        let description = ResourceDescription {
            name,
            display_name: self.display_name,
            kind: self.kind,
            icon_uri: self.icon_uri,
            owner_managed: self.owner_managed.unwrap_or(false),
            attributes,
            uris: self.uris.into_iter().flatten().chain(self.uri).collect(),
            scopes: names,
        };
        Ok((description, self.id, self.owner))
    }
}

#[derive(Serialize)]
struct ScopeView {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    #[serde(rename = "iconUri", skip_serializing_if = "Option::is_none")]
    icon_uri: Option<String>,
}

#[derive(Serialize)]
struct OwnerView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The answer; which members it has differs by operation, as Keycloak has it (`keycloak-wire` §2.2)
#[derive(Serialize)]
struct View {
    name: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    owner: OwnerView,
    #[serde(rename = "ownerManagedAccess")]
    owner_managed: bool,
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes>,
    #[serde(rename = "_id")]
    id: String,
    uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_scopes: Option<Vec<ScopeView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<ScopeView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_uri: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Created,
    Read,
    Listed,
}

fn view(resource: ResourceRecord, shape: Shape) -> View {
    let scopes = || -> Vec<ScopeView> {
        let brief = shape == Shape::Read;
        let one = |scope: &crate::store::resource::ScopeRecord| ScopeView {
            id: (!brief).then(|| scope.id.clone()),
            name: scope.name.clone(),
            icon_uri: scope.icon_uri.clone().filter(|_| !brief),
        };
        resource.scopes.iter().map(one).collect()
    };
    let has_scopes = !resource.scopes.is_empty();
    View {
        resource_scopes: (shape != Shape::Listed).then(scopes),
        scopes: has_scopes.then(scopes),
        name: resource.name,
        kind: resource.kind,
        owner: OwnerView { id: resource.owner, name: resource.owner_name.filter(|_| shape != Shape::Read) },
        owner_managed: resource.owner_managed,
        display_name: resource.display_name,
        attributes: (shape != Shape::Created).then_some(resource.attributes),
        id: resource.id,
        uris: resource.uris,
        icon_uri: resource.icon_uri,
    }
}

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
    let Some(resource) = app.store.resource(&caller.server.id, id)? else {
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

fn taken(name: &str) -> impl FnOnce(StoreError) -> ApiError + use<> {
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
    party(app, caller, &name)?
        .ok_or_else(|| ApiError::invalid_request("Owner must be a valid username or user identifier."))
}

/// The id of a user by id or name, or of the resource server by either of its names
pub(super) fn party(app: &App, caller: &Caller, name: &str) -> Result<Option<String>, ApiError> {
    if name == caller.server.client_id || name == caller.server.id {
        return Ok(Some(caller.server.id.clone()));
    }
    let user = app.store.read(|tx| match store::user::by_id(tx, &caller.realm.id, name)? {
        Some(user) => Ok(Some(user)),
        None => store::user::by_username(tx, &caller.realm.id, name),
    })?;
    Ok(user.map(|user| user.id))
}

/// `POST resource_set`
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(body): Json<Description>,
) -> Result<Response, ApiError> {
    open(&caller)?;
    let (description, id, named) = body.checked()?;
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
    let resource =
        app.store.create_resource(server_id, id, owner, description, event).await.map_err(taken(&name))?;
    Ok(json(StatusCode::CREATED, Family::Api, &view(resource, Shape::Created)))
}

/// `GET resource_set/{id}`
pub async fn read(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, ApiError> {
    open(&caller)?;
    let resource = managed(&app, &caller, &id)?;
    Ok(json(StatusCode::OK, Family::Api, &view(resource, Shape::Read)))
}

/// `PUT resource_set/{id}`
pub async fn replace(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
    Json(Replacement(body)): Json<Replacement>,
) -> Result<Response, ApiError> {
    open(&caller)?;
    managed(&app, &caller, &id)?;
    let (description, ..) = body.checked()?;
    let name = description.name.clone();
    app.store
        .replace_resource(&caller.server.id, &id, description, caller.now, caller.event("resource.replaced"))
        .await
        .map_err(taken(&name))?;
    Ok(StatusCode::NO_CONTENT.into_response())
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
    let text = |name| query.get(name).map(str::to_owned);
    let owners = match query.get("owner") {
        None => None,
        Some(name) => Some(party(&app, &caller, name)?.into_iter().collect::<Vec<_>>()),
    };
    // A person sees his own, whatever he asks for.
    let owners = if caller.is_server() {
        owners
    } else {
        let mine = owners.is_none_or(|owners| owners.contains(&caller.id));
        Some(mine.then(|| caller.id.clone()).into_iter().collect())
    };
    let (first, max) = page(&query)?;
    let filter = ResourceFilter {
        id: text("_id"),
        name: text("name"),
        exact_name: query.flag("exactName").unwrap_or(false),
        uri: text("uri"),
        owners,
        kind: text("type"),
        scope: text("scope"),
        first,
        max,
    };
    let resources = app.store.resources(&caller.server.id, &filter)?;
    let answer = if query.flag("deep").unwrap_or(false) {
        let views: Vec<_> = resources.into_iter().map(|resource| view(resource, Shape::Listed)).collect();
        json(StatusCode::OK, Family::ApiList, &views)
    } else {
        let ids: Vec<_> = resources.into_iter().map(|resource| resource.id).collect();
        json(StatusCode::OK, Family::ApiList, &ids)
    };
    Ok(answer)
}

/// `first` and `max`: 100 at most if nothing is said, all for `-1` (`keycloak-wire` §2.7)
pub(super) fn page(query: &Query) -> Result<(u64, Option<u64>), ApiError> {
    let first = query.number("first")?.and_then(|first| u64::try_from(first).ok()).unwrap_or(0);
    let max = match query.number("max")? {
        None => Some(PAGE),
        Some(max) => u64::try_from(max).ok(),
    };
    Ok((first, max))
}
