//! `authz/protection/permission`: permission tickets (FedAuthz §4, `keycloak-wire` §3).

mod uma2;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{FromRequest as _, Request, State},
    http::StatusCode,
    response::Response,
};
use countersign_core::{
    permission::Claims,
    scope::{Scope, ScopeSet},
    ticket::{TicketClaims, TicketPermission},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Family,
    extract::{Members, OptionalJson, Represents},
    protection::Caller,
};
use crate::{
    app::App,
    error::ApiError,
    realm::Dialect,
    store::{
        Part,
        resource::{ResourceFilter, ResourceRecord},
    },
};

/// Most permissions of one ticket
const ITEMS: usize = 1_000;

/// One permission that a resource server asks a ticket for
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "PermissionRequest"))]
#[serde(deny_unknown_fields)]
pub struct Item {
    resource_id: Option<String>,
    resource_scopes: Option<Vec<String>>,
    claims: Option<BTreeMap<String, Values>>,
    #[serde(rename = "resource_server_id")]
    _resource_server_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ClaimValues"))]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Represents for Item {
    const CLASS: &'static str = "PermissionRequest";
}

/// `POST permission`
pub async fn issue(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let items = match caller.realm.uma.dialect {
        Dialect::Keycloak => {
            let OptionalJson(items) = OptionalJson::<Vec<Item>>::from_request(request, &app).await?;
            items.unwrap_or_default()
        }
        Dialect::Uma2 => {
            caller.need_role()?;
            uma2::items(&app, &caller, &Members::from_request(request, &app).await?)?
        }
    };
    if items.is_empty() {
        return Err(ApiError::bad_request("invalid_permission_request", "Invalid permission request."));
    }
    if items.len() > ITEMS {
        return Err(ApiError::invalid_request(format!("More than {ITEMS} permissions in one request.")));
    }
    let mut permissions = Vec::with_capacity(items.len());
    let mut claims = Claims::new();
    for item in items {
        for (name, given) in item.claims.into_iter().flatten() {
            let values = match given {
                Values::One(value) => vec![value],
                Values::Many(values) => values,
            };
            claims.insert(name, values);
        }
        let scopes = item.resource_scopes.unwrap_or_default();
        match item.resource_id.filter(|id| !id.is_empty()) {
            Some(id) => {
                for resource in resources(&app, &caller, &id)? {
                    let scopes = scopes_of(&app, &caller, &resource, &scopes)?;
                    let rsid = resource.id.parse().map_err(|_| ApiError::server_error())?;
                    permissions.push(TicketPermission { scopes, rsid: Some(rsid) });
                }
            }
            None if scopes.is_empty() => {
                return Err(ApiError::bad_request(
                    "invalid_resource_id",
                    "Resource id or name not provided.",
                ));
            }
            None => {
                let mut known = ScopeSet::new();
                for scope in &scopes {
                    let exists = app.store.scope(&caller.server.id, scope)?;
                    known.insert(name_of(exists.map(|scope| scope.name), scope)?);
                }
                permissions.push(TicketPermission { scopes: known, rsid: None });
            }
        }
    }
    let jti = format!("{}-{}000", uuid::Uuid::new_v4(), caller.now.0);
    let ticket = TicketClaims {
        exp: caller.now.plus(caller.realm.uma.ticket_lifespan),
        iat: caller.now,
        jti: jti.parse().map_err(|_| ApiError::server_error())?,
        aud: caller.issuer.clone(),
        sub: caller.subject.clone(),
        azp: caller.server.client_id.parse().map_err(|_| ApiError::server_error())?,
        permissions,
        claims,
        line: None,
    };
    let ticket = app.sign_ticket(&caller.realm, &ticket)?;
    Ok(super::json(StatusCode::CREATED, Family::Api, &json!({ "ticket": ticket })))
}

/// By id; else by name among the caller's own, and for a person the resource server's too
fn resources(app: &App, caller: &Caller, id: &str) -> Result<Vec<ResourceRecord>, ApiError> {
    let server_id = caller.server.id.as_str();
    if let Some(resource) = app.store.resource(server_id, id)? {
        return Ok(vec![resource]);
    }
    let mut owners = vec![caller.id.clone()];
    if !caller.is_server() {
        owners.push(server_id.to_owned());
    }
    let filter = ResourceFilter {
        name: Some(id.to_owned()),
        exact_name: true,
        owners: Some(owners),
        ..ResourceFilter::default()
    };
    let mut found = app.store.resources(server_id, &filter, Part::ALL)?;
    // The list does not mind case, a permission request does.
    found.retain(|resource| resource.name == id);
    if found.is_empty() {
        return Err(ApiError::bad_request(
            "invalid_resource_id",
            format!("Resource set with id [{id}] does not exists in this server."),
        ));
    }
    Ok(found)
}

/// The scopes must be the resource's, or those of the resource server's resource of the same type
fn scopes_of(
    app: &App,
    caller: &Caller,
    resource: &ResourceRecord,
    asked: &[String],
) -> Result<ScopeSet, ApiError> {
    let mut scopes = ScopeSet::new();
    for name in asked {
        let own = resource.scopes.iter().any(|scope| scope.name == *name);
        let known = own || app.store.type_has_scope(&caller.server.id, resource.kind.as_deref(), name)?;
        scopes.insert(name_of(known.then(|| name.clone()), name)?);
    }
    Ok(scopes)
}

fn name_of(known: Option<String>, asked: &str) -> Result<Scope, ApiError> {
    known
        .and_then(|name| name.parse().ok())
        .ok_or_else(|| ApiError::bad_request("invalid_scope", format!("Scope [{asked}] is invalid")))
}
