//! `components`: what Keycloak keeps keys, the profile of people and other providers in. They are read; what can be changed
//! has calls of its own.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{
    REALM,
    answer::{list, missing, one},
    caller::{Caller, Role},
    keys::{kind, priority},
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Routes as _,
        extract::{Query, is_secret},
    },
    representation::realm::KEY_PROVIDER,
    store::{self, StoreError, key::StoredKey},
};

const MISSING: &str = "Could not find component";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .at(&format!("{REALM}/components"), get(all))
        .at(&format!("{REALM}/components/{{id}}"), get(read))
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Place {
    id: String,
}

/// A key of the realm as Keycloak shows its provider
fn key(realm_id: &str, key: &StoredKey) -> Value {
    let (_, _, provider) = kind(&key.alg);
    json!({
        "id": key.kid, "name": provider, "providerId": provider, "providerType": KEY_PROVIDER, "parentId": realm_id,
        "config": {
            "kid": [key.kid], "algorithm": [key.alg], "enabled": ["true"], "active": [key.active.to_string()],
            "priority": [priority(key).to_string()],
        },
    })
}

/// A component that came with an import, without secrets
fn kept(realm_id: &str, provider_type: &str, place: usize, component: &Value) -> Option<Value> {
    let mut members = component.as_object()?.clone();
    members.remove("subComponents");
    members.entry("id").or_insert_with(|| format!("{provider_type}.{place}").into());
    members.insert("providerType".to_owned(), provider_type.into());
    members.insert("parentId".to_owned(), realm_id.into());
    let config = members.entry("config").or_insert_with(|| Map::new().into());
    for (name, value) in config.as_object_mut().into_iter().flatten() {
        if is_secret(name) {
            *value = json!(["**********"]);
        }
    }
    Some(members.into())
}

fn components(app: &App, caller: &Caller) -> Result<Vec<Value>, StoreError> {
    let realm_id = caller.realm.id.as_str();
    app.store.read(|tx| {
        let (_, keys) = store::key::all(tx, realm_id)?;
        let members = store::realm::kept(tx, realm_id)?;
        let mut all: Vec<_> = keys.iter().map(|one| key(realm_id, one)).collect();
        let others = members.get("components").and_then(Value::as_object).into_iter().flatten();
        for (provider_type, listed) in others.filter(|(name, _)| *name != KEY_PROVIDER) {
            let listed = listed.as_array().into_iter().flatten().enumerate();
            all.extend(listed.filter_map(|(place, one)| kept(realm_id, provider_type, place, one)));
        }
        Ok(all)
    })
}

/// `GET components`, by `parent`, `type` and `name`
async fn all(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::ViewRealm)?;
    let wanted = [("parent", "parentId"), ("type", "providerType"), ("name", "name")];
    let fits = |one: &Value| {
        wanted.iter().all(|(parameter, member)| {
            query.get(parameter).is_none_or(|value| one.get(*member).and_then(Value::as_str) == Some(value))
        })
    };
    Ok(list(&components(&app, &caller)?.into_iter().filter(fits).collect::<Vec<_>>()))
}

/// `GET components/{id}`
async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewRealm)?;
    let found = components(&app, &caller)?;
    let found = found.iter().find(|one| one.get("id").and_then(Value::as_str) == Some(&*place.id));
    Ok(one(found.ok_or_else(|| missing(MISSING))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_other_services_are_not_shown() {
        let component = json!({ "id": "1", "config": { "bindCredential": ["x"], "url": ["ldap://x"] } });
        let shown = kept("r", "t", 0, &component).unwrap();
        assert_eq!(shown["config"], json!({ "bindCredential": ["**********"], "url": ["ldap://x"] }));
        assert!(is_secret("clientSecret") && is_secret("ecdsaPrivateKey") && !is_secret("priority"));
    }
}
