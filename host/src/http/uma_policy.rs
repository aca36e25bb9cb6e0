//! `authz/protection/uma-policy`: policies that owners write for their resources (`keycloak-wire` §5).

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use countersign_core::{policy::Strategy, time::UnixTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Family,
    expiry::{self, Expiry},
    extract::{OptionalJson, Query, Represents},
    json,
    protection::Caller,
};
use crate::{
    app::App,
    error::ApiError,
    policy::Logic,
    store::{
        StoreError,
        policy::owners::{Admission, AdmissionNames, OwnersFilter, OwnersPolicy},
        resource::ResourceRecord,
    },
};

/// An owner's policy as callers write it (`keycloak-wire` §5.1)
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "UmaPolicyRepresentation"))]
#[serde(deny_unknown_fields, default)]
pub struct Representation {
    id: Option<String>,
    name: Option<String>,
    description: Option<String>,
    #[serde(rename = "type")]
    _kind: Option<String>,
    scopes: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    clients: Option<Vec<String>>,
    users: Option<Vec<String>>,
    condition: Option<String>,
    logic: Option<Logic>,
    #[serde(rename = "decisionStrategy")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    strategy: Option<Strategy>,
    #[serde(rename = "owner")]
    _owner: Option<String>,
    resources: Option<Vec<String>>,
    policies: Option<Vec<String>>,
    #[serde(rename = "resourceType")]
    _resource_type: Option<String>,
    #[serde(deserialize_with = "expiry::given")]
    expires_at: Option<Value>,
}

impl Represents for Representation {
    const CLASS: &'static str = "UmaPermissionRepresentation";
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "UmaPolicy"))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct View {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    r#type: &'static str,
    scopes: BTreeSet<String>,
    logic: String,
    decision_strategy: String,
    owner: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clients: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<String>,
    #[serde(rename = "expires_at", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    expires_at: Option<UnixTime>,
}

/// The answer, with members that Keycloak does not have or without
fn view(app: &App, policy: OwnersPolicy, extended: bool) -> Result<View, ApiError> {
    let AdmissionNames { users, roles, groups, clients } = app.store.admission_names(&policy.admission)?;
    Ok(View {
        id: policy.id,
        name: policy.name,
        description: policy.description,
        r#type: "uma",
        scopes: policy.scopes,
        logic: policy.logic,
        decision_strategy: policy.strategy,
        owner: policy.owner,
        roles,
        groups,
        clients,
        users,
        condition: policy.admission.condition,
        expires_at: policy.expires_at.filter(|_| extended),
    })
}

/// The checks of wire §5.3, in its order
fn managed(app: &App, caller: &Caller, resource_id: &str) -> Result<ResourceRecord, ApiError> {
    let Some(resource) = app.store.resource(&caller.server.id, resource_id)? else {
        return Err(ApiError::invalid_request(format!("Resource [{resource_id}] cannot be found")));
    };
    if resource.owner != caller.id {
        return Err(ApiError::invalid_request(format!(
            "Only resource owner can access policies for resource [{resource_id}]"
        )));
    }
    if !resource.owner_managed {
        return Err(ApiError::invalid_request(
            "Only resources with owner managed accessed can have policies",
        ));
    }
    if !caller.settings.remote_management {
        return Err(ApiError::forbidden(
            "request_not_supported",
            format!("Remote Resource Management not enabled on resource server [{}]", caller.server.id),
        ));
    }
    Ok(resource)
}

fn owned(app: &App, caller: &Caller, id: &str) -> Result<(OwnersPolicy, ResourceRecord), ApiError> {
    let Some(policy) = app.store.owners_policy(&caller.server.id, id, caller.now)? else {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "invalid_request",
            format!("Policy with [{id}] does not exist"),
        ));
    };
    let resource = managed(app, caller, &policy.resource_id)?;
    Ok((policy, resource))
}

/// Scopes of the body; every scope of the resource if it names none
fn scopes(resource: &ResourceRecord, asked: &[String]) -> Result<BTreeSet<String>, ApiError> {
    let known: BTreeSet<_> = resource.scopes.iter().map(|scope| scope.name.as_str()).collect();
    let wrong = asked.iter().any(|scope| !known.contains(scope.as_str()));
    if wrong {
        return Err(ApiError::invalid_request(format!(
            "Some of the scopes [[{}]] are not valid for resource [{}]",
            asked.join(", "),
            resource.id
        )));
    }
    Ok(asked.iter().cloned().collect())
}

/// What both writers have in common: names become ids, defaults are filled in
fn policy(
    app: &App,
    caller: &Caller,
    id: String,
    resource: &ResourceRecord,
    scopes: BTreeSet<String>,
    body: Representation,
) -> Result<OwnersPolicy, ApiError> {
    let name = body.name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ApiError::invalid_request("Policy name not provided."))?;
    let condition = body.condition;
    if let Some(condition) = &condition {
        // Source is none (`keycloak-wire` N7).
        app.scripts
            .deployed(caller.realm.uma.scripts, condition)
            .map_err(|_| ApiError::invalid_request("Condition is not a deployed script policy"))?;
    }
    let expiry = Expiry::read(body.expires_at.as_ref(), caller.now)
        .map_err(|refused| ApiError::invalid_request(refused.to_string()))?;
    let names = AdmissionNames {
        users: body.users.unwrap_or_default(),
        roles: body.roles.unwrap_or_default(),
        groups: body.groups.unwrap_or_default(),
        clients: body.clients.unwrap_or_default(),
    };
    let unknown =
        |kind: &str, name: &str| ApiError::invalid_request(format!("{kind} [{name}] does not exist"));
    let admission =
        app.store.admission(&caller.realm.id, &names)?.map_err(|wrong| unknown(wrong.kind, &wrong.name))?;
    let admission = Admission { condition, ..admission };
    let mut policies = BTreeSet::new();
    for reference in body.policies.into_iter().flatten() {
        let found = app.store.policy_id(&caller.server.id, &reference)?;
        policies.insert(found.ok_or_else(|| unknown("Policy", &reference))?);
    }
    Ok(OwnersPolicy {
        id,
        name,
        description: body.description,
        logic: body.logic.unwrap_or_default().name().to_owned(),
        strategy: body.strategy.unwrap_or_default().name().to_owned(),
        owner: caller.id.clone(),
        resource_id: resource.id.clone(),
        scopes,
        admission,
        policies,
        expires_at: expiry.end(),
        is_view: false,
    })
}

/// The body; an unreadable one is refused in this API's own words, an unknown member by its name
fn representation(body: Body) -> Result<Representation, ApiError> {
    let unreadable = || ApiError::invalid_request("Failed to parse representation");
    match body {
        Ok(OptionalJson(Some(representation))) => Ok(representation),
        Ok(OptionalJson(None)) => Err(unreadable()),
        Err(error) if error.description() == Some("Cannot parse the JSON") => Err(unreadable()),
        Err(error) => Err(error),
    }
}

type Body = Result<OptionalJson<Representation>, ApiError>;

fn taken(name: &str) -> impl FnOnce(StoreError) -> ApiError + use<> {
    let text = format!("Policy with name [{name}] already exists");
    move |error| {
        if matches!(error, StoreError::Conflict(_)) {
            ApiError::new(StatusCode::CONFLICT, text, "Conflicting policy")
        } else {
            error.into()
        }
    }
}

/// `POST uma-policy/{resource_id}`
pub async fn create(
    State(app): State<Arc<App>>,
    Path((_, resource_id)): Path<(String, String)>,
    caller: Caller,
    query: Query,
    body: Body,
) -> Result<Response, ApiError> {
    let body = representation(body)?;
    if body.id.is_some() {
        return Err(ApiError::invalid_request("Newly created uma policies should not have an id"));
    }
    let resource = managed(&app, &caller, &resource_id)?;
    let others = body.resources.iter().flatten().any(|named| *named != resource.id);
    if others {
        return Err(ApiError::invalid_request("Invalid resource"));
    }
    let named = scopes(&resource, body.scopes.as_deref().unwrap_or_default())?;
    let all = || resource.scopes.iter().map(|scope| scope.name.clone()).collect();
    let scopes = if named.is_empty() { all() } else { named };
    let id = uuid::Uuid::new_v4().to_string();
    let policy = policy(&app, &caller, id, &resource, scopes, body)?;
    let conflict = taken(&policy.name);
    let event = caller.event("policy.created");
    let created = app.store.create_owners_policy(&caller.server.id, policy, caller.now, event).await;
    Ok(json(StatusCode::OK, Family::Api, &view(&app, created.map_err(conflict)?, query.is_extended())?))
}

/// `GET uma-policy/{policy_id}`
pub async fn read(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    let (policy, _) = owned(&app, &caller, &id)?;
    Ok(json(StatusCode::OK, Family::Api, &view(&app, policy, query.is_extended())?))
}

/// `PUT uma-policy/{policy_id}`: 201 without a body, as Keycloak answers
pub async fn replace(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
    body: Body,
) -> Result<Response, ApiError> {
    let (before, resource) = owned(&app, &caller, &id)?;
    let body = representation(body)?;
    let moved = body.resources.as_ref().is_some_and(|named| named.as_slice() != [resource.id.clone()]);
    if moved {
        return Err(ApiError::invalid_request("Uma permission resource cannot be changed"));
    }
    let scopes = match &body.scopes {
        None => before.scopes.clone(),
        Some(named) => scopes(&resource, named)?,
    };
    let stays = body.expires_at.is_none();
    let mut policy = policy(&app, &caller, id, &resource, scopes, body)?;
    if stays {
        policy.expires_at = before.expires_at;
    }
    policy.policies.extend(before.policies.iter().cloned());
    if before.is_view && (policy.admission != before.admission || policy.logic != before.logic) {
        return Err(ApiError::invalid_request(
            "This policy shows what was shared with one user: only its scopes and its end can be changed",
        ));
    }
    let conflict = taken(&policy.name);
    let event = caller.event("policy.replaced");
    app.store.replace_owners_policy(&caller.server.id, policy, caller.now, event).await.map_err(conflict)?;
    Ok(StatusCode::CREATED.into_response())
}

/// `DELETE uma-policy/{policy_id}`
pub async fn delete(
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    caller: Caller,
) -> Result<Response, ApiError> {
    owned(&app, &caller, &id)?;
    let event = caller.event("policy.deleted");
    app.store.delete_owners_policy(&caller.server.id, &id, caller.now, event).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET uma-policy`: unknown resource or scope answers 204 (`keycloak-wire` §5.2)
pub async fn list(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let part = query.page()?;
    let server_id = caller.server.id.as_str();
    let mut filter = OwnersFilter { name: query.get("name").map(str::to_owned), ..OwnersFilter::default() };
    if let Some(named) = query.get("resource") {
        let Some(id) = app.store.resource_by_id_or_name_part(server_id, named)? else {
            return Ok(StatusCode::NO_CONTENT.into_response());
        };
        filter.resource = Some(id);
    }
    if let Some(named) = query.get("scope") {
        let Some(scope) = app.store.scope_by_id_or_name_part(server_id, named)? else {
            return Ok(StatusCode::NO_CONTENT.into_response());
        };
        filter.scope = Some(scope.name);
    }
    let policies = app.store.owners_policies(server_id, &caller.id, &filter, part, caller.now)?;
    let extended = query.is_extended();
    let views = policies.into_iter().map(|policy| view(&app, policy, extended));
    Ok(json(StatusCode::OK, Family::ApiList, &views.collect::<Result<Vec<_>, _>>()?))
}
