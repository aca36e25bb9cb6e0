//! Resources as the specification describes them (FedAuthz §3.1, §3.2).

use std::collections::BTreeSet;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use countersign_core::scope::Scope;
use serde_json::{Map, Value, json};

use super::{
    super::{Family, extract::Members, json as answer, protection::Caller},
    representation::{Owner, bad_scope},
};
use crate::{
    error::ApiError,
    store::resource::{ResourceDescription, ResourceRecord},
};

/// Longest text of all members that nothing here reads, in bytes
const KEPT_BYTES: usize = 16 * 1024;
/// Members that a resource server cannot decide about (FED-3.1-04)
const NOT_ITS: &[&str] = &["_id", "user_access_policy_uri"];

/// What is to be stored, and whom the resource server names as owner.
///
/// A description may leave the name out: then the resource is called as its id is. Who registers for a person means it
/// to be shared by her, so that `ownerManagedAccess` is on unless it says otherwise.
pub(super) fn description(
    body: &Members,
    id: &str,
) -> Result<(ResourceDescription, Option<Owner>), ApiError> {
    let Value::Object(mut members) = body.value()? else {
        return Err(ApiError::invalid_request("A resource description is an object."));
    };
    members.retain(|name, _| !NOT_ITS.contains(&name.as_str()));
    let scopes = match (members.remove("resource_scopes"), members.remove("scopes")) {
        (Some(scopes), None) | (None, Some(scopes)) => scopes_of(scopes)?,
        (Some(_), Some(_)) => {
            return Err(invalid("resource_scopes", "comes with `scopes`, which is the same"));
        }
        (None, None) => return Err(invalid("resource_scopes", "is missing")),
    };
    let name = text(&mut members, "name")?.filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_owned());
    if name.len() > 255 {
        return Err(invalid("name", "is longer than 255 bytes"));
    }
    let owner = members.remove("owner").map(|owner| {
        serde_json::from_value(owner)
            .map_err(|_| invalid("owner", "is a name, or an object with `id` or `name`"))
    });
    let owner_managed = match members.remove("ownerManagedAccess") {
        None => true,
        Some(flag) => flag.as_bool().ok_or_else(|| invalid("ownerManagedAccess", "is true or false"))?,
    };
    let uris: BTreeSet<String> = match members.remove("uris") {
        None => BTreeSet::new(),
        Some(uris) => serde_json::from_value(uris).map_err(|_| invalid("uris", "is a list of texts"))?,
    };
    let description = ResourceDescription {
        name,
        display_name: text(&mut members, "displayName")?,
        kind: text(&mut members, "type")?,
        icon_uri: text(&mut members, "icon_uri")?,
        owner_managed,
        attributes: None,
        uris,
        scopes,
        kept: Some(kept(members)?),
    };
    Ok((description, owner.transpose()?))
}

/// What nothing here reads, the description for people among it
fn kept(members: Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    for (name, value) in &members {
        // For people, in one language or several (RFC 7591 §2.2)
        let shown = name.split('#').next().is_some_and(|name| matches!(name, "description" | "name"));
        if shown && !value.is_string() {
            return Err(invalid(&name.chars().take(100).collect::<String>(), "is a text"));
        }
    }
    let length = serde_json::to_string(&members).map_or(usize::MAX, |text| text.len());
    if length > KEPT_BYTES {
        return Err(ApiError::invalid_request(format!("The description is longer than {KEPT_BYTES} bytes.")));
    }
    Ok(members)
}

fn invalid(name: &str, what: &str) -> ApiError {
    ApiError::invalid_request(format!("`{name}` {what}."))
}

fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ApiError> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(name, "is a text")),
    }
}

/// Texts; objects with a name too, as Keycloak's clients send them
fn scopes_of(scopes: Value) -> Result<BTreeSet<String>, ApiError> {
    let Value::Array(scopes) = scopes else { return Err(invalid("resource_scopes", "is a list")) };
    let name = |scope: Value| {
        let name = match scope {
            Value::String(name) => Some(name),
            Value::Object(mut members) => text(&mut members, "name")?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        };
        let name = name.ok_or_else(|| invalid("resource_scopes", "holds something that is no text"))?;
        if name.parse::<Scope>().is_err() { Err(bad_scope()) } else { Ok(name) }
    };
    scopes.into_iter().map(name).collect()
}

/// 201 with the place of the new resource
pub(super) fn created(caller: &Caller, id: &str) -> Response {
    let mut response = answer(StatusCode::CREATED, Family::Api, &json!({ "_id": id }));
    let place = format!("{}/authz/protection/resource_set/{id}", caller.issuer);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// 200 with the id
pub(super) fn replaced(id: &str) -> Response {
    answer(StatusCode::OK, Family::Api, &json!({ "_id": id })).into_response()
}

/// The description with its id (FED-3.2.2-01)
pub(super) fn view(resource: ResourceRecord) -> Value {
    let mut members = resource.kept;
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("_id", resource.id.into());
    set("name", resource.name.into());
    for (name, value) in
        [("type", resource.kind), ("icon_uri", resource.icon_uri), ("displayName", resource.display_name)]
    {
        if let Some(value) = value {
            set(name, value.into());
        }
    }
    set("resource_scopes", resource.scopes.into_iter().map(|scope| Value::from(scope.name)).collect());
    if !resource.uris.is_empty() {
        set("uris", resource.uris.into());
    }
    set("ownerManagedAccess", resource.owner_managed.into());
    members.into()
}
