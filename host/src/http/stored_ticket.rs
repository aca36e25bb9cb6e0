//! `authz/protection/permission/ticket`: shares and requests as resource servers and owners see them
//! (`keycloak-wire` §4).

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use countersign_core::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Family,
    expiry::{self, Expiry},
    extract::{OptionalJson, Query, Represents},
    json,
    protection::Caller,
    resource_set::party,
};
use crate::{
    app::App,
    error::ApiError,
    store::{
        self, StoreError,
        share::{NewShare, ShareFilter, ShareRecord},
    },
};

/// A stored ticket as callers write it
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "PermissionTicket"))]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    id: Option<String>,
    #[serde(rename = "owner")]
    _owner: Option<String>,
    resource: Option<String>,
    scope: Option<String>,
    granted: Option<bool>,
    #[serde(rename = "scopeName")]
    scope_name: Option<String>,
    #[serde(rename = "resourceName")]
    _resource_name: Option<String>,
    requester: Option<String>,
    #[serde(rename = "ownerName")]
    _owner_name: Option<String>,
    #[serde(rename = "requesterName")]
    requester_name: Option<String>,
    #[serde(default, deserialize_with = "expiry::given")]
    expires_at: Option<Value>,
}

impl Represents for Ticket {
    const CLASS: &'static str = "PermissionTicketRepresentation";
}

/// A share as answers show it (`keycloak-wire` §4.1)
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Share"))]
#[serde(rename_all = "camelCase")]
pub struct View {
    id: String,
    owner: String,
    resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    granted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    requester: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requester_name: Option<String>,
    #[serde(rename = "expires_at", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    expires_at: Option<UnixTime>,
}

/// With ids alone, or with names too; with members that Keycloak does not have, or without
pub fn view(share: ShareRecord, names: bool, extended: bool) -> View {
    View {
        id: share.id,
        owner: share.owner,
        resource: share.resource_id,
        scope: share.scope_id,
        granted: share.granted,
        scope_name: share.scope_name.filter(|_| names),
        resource_name: Some(share.resource_name).filter(|_| names),
        requester: share.requester,
        owner_name: share.owner_name.filter(|_| names),
        requester_name: share.requester_name.filter(|_| names),
        expires_at: share.expires_at.filter(|_| extended),
    }
}

fn invalid(description: impl Into<String>) -> ApiError {
    ApiError::bad_request("invalid_permission", description.into())
}

fn not_authorised(description: String) -> ApiError {
    ApiError::forbidden("not_authorised", description)
}

/// `POST permission/ticket`; the checks come in Keycloak's order (`keycloak-wire` §4.1)
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Query,
    body: Result<OptionalJson<Ticket>, ApiError>,
) -> Result<Response, ApiError> {
    caller.need_role()?;
    let OptionalJson(body) = body?;
    let body = body.ok_or_else(|| ApiError::invalid_request("invalid_permission"))?;
    if body.id.is_some() {
        return Err(invalid("created permissions should not have id"));
    }
    let Some(resource_id) = body.resource else {
        return Err(invalid("created permissions should have resource"));
    };
    let Some(scope_name) = body.scope_name.or(body.scope) else {
        return Err(invalid("created permissions should have scope or scopeName"));
    };
    if body.requester.is_none() && body.requester_name.is_none() {
        return Err(invalid("created permissions should have requester or requesterName"));
    }
    let server_id = caller.server.id.as_str();
    let Some(resource) = app.store.resource(server_id, &resource_id)? else {
        return Err(ApiError::bad_request(
            "invalid_resource_id",
            format!("Resource set with id [{resource_id}] does not exists in this server."),
        ));
    };
    if !caller.standing(&resource.owner, None).may_decide() {
        return Err(not_authorised(format!(
            "permissions for [{resource_id}] can be only created by the owner or by the resource server itself"
        )));
    }
    if !resource.owner_managed {
        return Err(invalid("permission can only be created for resources with user-managed access enabled"));
    }
    let realm_id = caller.realm.id.as_str();
    let requester = match (body.requester, body.requester_name) {
        (Some(id), _) => app.store.read(|tx| store::user::by_id(tx, realm_id, &id))?,
        (None, Some(name)) => app.store.read(|tx| store::user::by_username(tx, realm_id, &name))?,
        (None, None) => None,
    };
    let requester = requester.ok_or_else(|| invalid("Requester does not exists in this server as user."))?.id;
    let Some(scope) = app.store.scope(server_id, &scope_name)? else {
        return Err(ApiError::bad_request("invalid_scope", format!("Scope [{scope_name}] is invalid")));
    };
    if !resource.scopes.iter().any(|known| known.id == scope.id) {
        return Err(ApiError::bad_request(
            "invalid_resource_id",
            format!("Resource set with id [{resource_id}] does not have Scope [{}]", scope.name),
        ));
    }
    let granted = body.granted.unwrap_or(false);
    let end = expires_at(body.expires_at.as_ref(), granted, caller.now)?.end();
    let new = NewShare {
        resource_id,
        owner: resource.owner,
        scope_id: scope.id,
        requester,
        granted,
        expires_at: end,
    };
    let event = caller.event(if granted { "share.granted" } else { "share.requested" });
    let share = app.store.create_share(server_id, new, caller.now, event).await.map_err(|error| {
        if matches!(error, StoreError::Conflict(_)) {
            invalid("Permission already exists")
        } else {
            error.into()
        }
    })?;
    Ok(json(StatusCode::OK, Family::Api, &view(share, false, query.is_extended())))
}

/// The end that a body gives to what is granted
fn expires_at(member: Option<&Value>, granted: bool, now: UnixTime) -> Result<Expiry, ApiError> {
    let expiry = Expiry::read(member, now).map_err(|refused| invalid(refused.to_string()))?;
    if !granted && expiry != Expiry::Unsaid {
        return Err(invalid("`expires_at` is for what is granted: `granted` must be true"));
    }
    Ok(expiry)
}

/// Somebody else was first
fn gone(error: StoreError) -> ApiError {
    if error == StoreError::Missing { ApiError::invalid_request("invalid_ticket") } else { error.into() }
}

fn known(app: &App, caller: &Caller, id: Option<&str>) -> Result<ShareRecord, ApiError> {
    let share = id.map(|id| app.store.share(&caller.server.id, id, caller.now)).transpose()?.flatten();
    share.ok_or_else(|| ApiError::invalid_request("invalid_ticket"))
}

/// `PUT permission/ticket`: approve, or take away (`keycloak-wire` §4.2)
pub async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Result<OptionalJson<Ticket>, ApiError>,
) -> Result<Response, ApiError> {
    caller.need_role()?;
    let OptionalJson(body) = body?;
    let body = body.ok_or_else(|| ApiError::invalid_request("invalid_ticket"))?;
    let share = known(&app, &caller, body.id.as_deref())?;
    if !caller.standing(&share.owner, None).may_decide() {
        return Err(not_authorised(format!(
            "permissions for [{}] can be updated only by the owner or by the resource server",
            body.resource.as_deref().unwrap_or("null")
        )));
    }
    let granted = body.granted.unwrap_or(false);
    let end = expires_at(body.expires_at.as_ref(), granted, caller.now)?.change();
    if granted {
        let event = caller.event("share.granted");
        app.store.approve_share(&share, end, caller.now, event).await.map_err(gone)?;
    } else {
        app.store.withdraw_share(&share, caller.now, caller.event("share.withdrawn")).await.map_err(gone)?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE permission/ticket/{id}` (`keycloak-wire` §4.3)
pub async fn delete(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, ApiError> {
    caller.need_role()?;
    let share = known(&app, &caller, Some(&id))?;
    if !caller.standing(&share.owner, Some(&share.requester)).may_withdraw() {
        return Err(not_authorised(format!(
            "permissions for [{}] can be deleted only by the owner, the requester, or the resource server",
            share.resource_id
        )));
    }
    app.store.withdraw_share(&share, caller.now, caller.event("share.withdrawn")).await.map_err(gone)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The filter of a query; nothing if it names somebody or something unknown (`keycloak-wire` §4.4)
fn filter(app: &App, caller: &Caller, query: &Query) -> Result<Option<ShareFilter>, ApiError> {
    let mut filter = ShareFilter {
        resource: query.get("resourceId").map(str::to_owned),
        granted: query.flag("granted"),
        party: (!caller.is_server()).then(|| caller.id.clone()),
        ..ShareFilter::default()
    };
    if let Some(scope) = query.get("scopeId") {
        let Some(scope) = app.store.scope(&caller.server.id, scope)? else { return Ok(None) };
        filter.scope = Some(scope.id);
    }
    for (name, field) in [("owner", &mut filter.owner), ("requester", &mut filter.requester)] {
        if let Some(named) = query.get(name) {
            let Some(id) = party(app, &caller.realm.id, &caller.server, named)? else { return Ok(None) };
            *field = Some(id);
        }
    }
    Ok(Some(filter))
}

/// `GET permission/ticket`
pub async fn list(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.need_role()?;
    let part = query.page()?;
    let names = query.flag("returnNames").unwrap_or(false);
    let shares = match filter(&app, &caller, &query)? {
        Some(filter) => app.store.shares(&caller.server.id, &filter, part, caller.now)?,
        None => Vec::new(),
    };
    let extended = query.is_extended();
    let views: Vec<_> = shares.into_iter().map(|share| view(share, names, extended)).collect();
    Ok(json(StatusCode::OK, Family::Api, &views))
}

/// `GET permission/ticket/count`
pub async fn count(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.need_role()?;
    let count = match filter(&app, &caller, &query)? {
        Some(filter) => app.store.count_shares(&caller.server.id, &filter, caller.now)?,
        None => 0,
    };
    Ok(json(StatusCode::OK, Family::Api, &count))
}
