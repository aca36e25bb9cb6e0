//! `authz/resource-server/scope` (`admin-surface` §10).

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use countersign_core::scope::Scope;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    super::answer::{self, no_content},
    Authz, Thing, created, found, policy, resource,
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        extract::{Json, Query, Represents},
        resource_set::representation::bad_scope,
    },
    store::{Part, StoreError, resource::ScopeRecord},
};

type Id = Path<(String, String, String)>;

/// A scope as callers write it; what else it was read with is passed over
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ScopeRepresentation"))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::http) struct Representation {
    id: Option<String>,
    name: Option<String>,
    display_name: Option<String>,
    icon_uri: Option<String>,
    #[serde(rename = "resources")]
    _resources: Option<Value>,
    #[serde(rename = "policies")]
    _policies: Option<Value>,
}

impl Represents for Representation {
    const CLASS: &'static str = "ScopeRepresentation";
}

/// A scope as answers show it
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AuthorizationScope"))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct View<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_uri: Option<&'a str>,
}

pub(super) fn show(scope: &ScopeRecord) -> View<'_> {
    View {
        id: &scope.id,
        name: &scope.name,
        display_name: scope.display_name.as_deref(),
        icon_uri: scope.icon_uri.as_deref(),
    }
}

impl Representation {
    fn record(self, id: Option<String>) -> Result<ScopeRecord, ApiError> {
        let name = self.name.filter(|name| name.parse::<Scope>().is_ok()).ok_or_else(bad_scope)?;
        let id = id.or(self.id).filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        if id.len() > 255 {
            return Err(ApiError::invalid_request("Invalid id"));
        }
        Ok(ScopeRecord { id, name, display_name: self.display_name, icon_uri: self.icon_uri })
    }
}

fn taken(name: &str) -> impl FnOnce(StoreError) -> ApiError + use<> {
    let text = format!("Scope with name [{name}] already exists.");
    move |error| {
        if matches!(error, StoreError::Conflict(_)) {
            ApiError::new(StatusCode::CONFLICT, "invalid_request", text)
        } else {
            error.into()
        }
    }
}

fn load(app: &App, authz: &Authz, id: &str) -> Result<ScopeRecord, ApiError> {
    let scope = app.store.scopes(authz.id(), Some(id), None, Part::ALL)?.into_iter().next();
    scope.ok_or_else(ApiError::not_found)
}

/// Several by their ids
pub(super) fn by_ids<'a>(
    app: &App,
    authz: &Authz,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<ScopeRecord>, ApiError> {
    let mut all = Vec::new();
    for id in ids {
        all.extend(app.store.scopes(authz.id(), Some(id), None, Part::ALL)?);
    }
    Ok(all)
}

/// `GET scope`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let part = query.page()?;
    let scopes = app.store.scopes(authz.id(), query.get("scopeId"), query.get("name"), part)?;
    Ok(answer::list(&scopes.iter().map(show).collect::<Vec<_>>()))
}

/// `POST scope`: a name that is there already is an update
pub(super) async fn create(
    State(app): State<Arc<App>>,
    authz: Authz,
    Json(body): Json<Representation>,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let mut scope = body.record(None)?;
    let conflict = taken(&scope.name);
    let known = app.store.scopes(authz.id(), None, Some(&scope.name), Part::ALL)?;
    let known = known.into_iter().find(|known| known.name == scope.name);
    let operation = if known.is_some() { "UPDATE" } else { "CREATE" };
    if let Some(known) = known {
        scope.id = known.id;
    }
    let event = authz.event("scope.stored", operation, &Thing::Scope(&scope.id));
    let scope = app.store.put_scope(authz.id(), scope, authz.now(), event).await.map_err(conflict)?;
    Ok(created(&show(&scope)))
}

/// `GET scope/{id}`
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    Ok(answer::one(&show(&load(&app, &authz, &id)?)))
}

/// `PUT scope/{id}`
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
    Json(body): Json<Representation>,
) -> Result<Response, ApiError> {
    authz.manage()?;
    load(&app, &authz, &id)?;
    let scope = body.record(Some(id))?;
    let conflict = taken(&scope.name);
    let event = authz.event("scope.replaced", "UPDATE", &Thing::Scope(&scope.id));
    app.store.replace_scope(authz.id(), scope, authz.now(), event).await.map_err(conflict)?;
    Ok(no_content())
}

/// `DELETE scope/{id}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let event = authz.event("scope.deleted", "DELETE", &Thing::Scope(&id));
    match app.store.delete_scope(authz.id(), &id, authz.now(), event).await {
        Ok(true) => Ok(no_content()),
        Ok(false) => Err(ApiError::message(
            StatusCode::BAD_REQUEST,
            "Scopes can not be removed while associated with resources.",
        )),
        Err(StoreError::Missing) => Err(ApiError::empty(StatusCode::NOT_FOUND)),
        Err(error) => Err(error.into()),
    }
}

/// `GET scope/{id}/permissions`
pub(super) async fn permissions(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    load(&app, &authz, &id)?;
    Ok(policy::brief_list(&app.store.permissions_of_scope(authz.id(), &id)?))
}

/// `GET scope/{id}/resources`
pub(super) async fn resources(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Id,
    authz: Authz,
) -> Result<Response, ApiError> {
    load(&app, &authz, &id)?;
    let ids = app.store.resources_of_scope(authz.id(), &id)?;
    Ok(answer::list(&resource::by_ids(&app, &authz, ids.iter().map(String::as_str))?))
}

/// `GET scope/search`
pub(super) async fn search(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let name = query.get("name").ok_or_else(|| ApiError::empty(StatusCode::BAD_REQUEST))?;
    let scopes = app.store.scopes(authz.id(), None, Some(name), Part::ALL)?;
    Ok(found(scopes.iter().find(|scope| scope.name == name).map(show)))
}
