//! Permission requests as the specification has them (FedAuthz §4.1): one object or several, ids only.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Item, Values};
use crate::{app::App, error::ApiError, http::extract::Members, http::protection::Caller};

/// What is asked for, checked as FedAuthz §4.3 wants it: every id before any scope, so that a foreign id looks unknown
/// whatever is asked of it (FED-4.3-03)
pub(super) fn items(app: &App, caller: &Caller, body: &Members) -> Result<Vec<Item>, ApiError> {
    let entries = match body.value()? {
        Value::Array(entries) => entries,
        one @ Value::Object(_) => vec![one],
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(ApiError::invalid_request("An object, or a list of objects, is expected."));
        }
    };
    if entries.is_empty() {
        return Err(ApiError::invalid_request("The list of permissions is empty."));
    }
    let items = entries.into_iter().map(item).collect::<Result<Vec<_>, _>>()?;
    for item in &items {
        let id = item.resource_id.as_deref().unwrap_or_default();
        let known = app.store.resource(&caller.server.id, id)?;
        // One request concerns one owner: a person's PAT speaks of his own (FED-4.1-04).
        let fits = known.is_some_and(|resource| caller.is_server() || resource.owner == caller.id);
        if !fits {
            return Err(ApiError::bad_request("invalid_resource_id", "No such resource is registered."));
        }
    }
    Ok(items)
}

/// One permission; members of extensions are ignored (FED-1.1-01)
fn item(entry: Value) -> Result<Item, ApiError> {
    let Value::Object(mut members) = entry else {
        return Err(ApiError::invalid_request("Every permission is an object."));
    };
    let Some(Value::String(id)) = either(&mut members, "resource_id", "rsid")? else {
        return Err(ApiError::invalid_request("`resource_id` is missing or is no text."));
    };
    let Some(Value::Array(scopes)) = either(&mut members, "resource_scopes", "scopes")? else {
        return Err(ApiError::invalid_request("`resource_scopes` is missing or is no list."));
    };
    let text = |scope: Value| match scope {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(ApiError::invalid_request("`resource_scopes` holds something that is no text."))
        }
    };
    let claims = match members.remove("claims") {
        None | Some(Value::Null) => None,
        Some(claims) => Some(
            serde_json::from_value::<BTreeMap<String, Values>>(claims)
                .map_err(|_| ApiError::invalid_request("`claims` are names with texts or lists of texts."))?,
        ),
    };
    Ok(Item {
        resource_id: Some(id),
        resource_scopes: Some(scopes.into_iter().map(text).collect::<Result<_, _>>()?),
        claims,
        _resource_server_id: None,
    })
}

/// A member by the name of the specification or by that of Keycloak, not by both
fn either(members: &mut Map<String, Value>, name: &str, alias: &str) -> Result<Option<Value>, ApiError> {
    match (members.remove(name), members.remove(alias)) {
        (Some(_), Some(_)) => Err(ApiError::invalid_request(format!("`{name}` and `{alias}` are the same."))),
        (one, other) => Ok(one.or(other)),
    }
}
