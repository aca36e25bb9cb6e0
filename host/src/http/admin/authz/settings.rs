//! `authz/resource-server` itself, its export and import (`admin-surface` §10, `keycloak-wire` §9.5).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use countersign_core::{assessment::Mode, policy::Strategy};
use serde::{
    Deserialize as _,
    de::{
        IntoDeserializer as _,
        value::{Error, StrDeserializer},
    },
};
use serde_json::{Map, Value, json};

use super::{super::answer, Authz, Thing};
use crate::{
    app::App,
    error::ApiError,
    http::extract::{Members, Query},
    import::document::AuthorizationFile,
    policy::show,
    store::{
        StoreError,
        resource::{ResourceRecord, ScopeRecord},
        server::{ServerSettings, settings::Settings},
    },
};

/// Keycloak's name for the document
const CLASS: &str = "ResourceServerRepresentation";
/// Members that it may have
const MEMBERS: [&str; 9] = [
    "id",
    "clientId",
    "name",
    "allowRemoteResourceManagement",
    "policyEnforcementMode",
    "decisionStrategy",
    "resources",
    "scopes",
    "policies",
];

/// Tokens and tickets from before this moment are dead, in seconds since 1970
const NOT_BEFORE: &str = "notBefore";

fn own(settings: ServerSettings) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("allowRemoteResourceManagement".to_owned(), settings.remote_management.into());
    document.insert("policyEnforcementMode".to_owned(), settings.mode.name().into());
    document.insert("decisionStrategy".to_owned(), settings.strategy.name().into());
    document
}

/// `GET ADM`: its lists stay empty there; since when its tokens count is ours, and shown with `extended=true`
pub(super) async fn read(authz: Authz, query: Query) -> Response {
    let mut document = own(authz.settings);
    if query.is_extended() {
        document.insert(NOT_BEFORE.to_owned(), authz.settings.not_before.into());
    }
    document.insert("id".to_owned(), authz.id().into());
    document.insert("clientId".to_owned(), authz.id().into());
    document.insert("name".to_owned(), authz.server.client_id.as_str().into());
    for list in ["resources", "policies", "scopes"] {
        document.insert(list.to_owned(), json!([]));
    }
    answer::one(&document)
}

fn invalid(member: &str) -> ApiError {
    ApiError::invalid_request(format!("Invalid {member}"))
}

/// `PUT ADM`: members that are not there stay as they are
pub(super) async fn replace(
    State(app): State<Arc<App>>,
    authz: Authz,
    body: Members,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let body = body.read(CLASS, |name| name == NOT_BEFORE || MEMBERS.contains(&name))?;
    let mut settings = authz.settings;
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    if let Some(value) = given("allowRemoteResourceManagement") {
        let flag = value.as_bool().ok_or_else(|| invalid("allowRemoteResourceManagement"))?;
        settings.remote_management = flag;
    }
    if let Some(value) = given("policyEnforcementMode") {
        let name = value.as_str().unwrap_or_default();
        let deserializer: StrDeserializer<'_, Error> = name.into_deserializer();
        settings.mode = Mode::deserialize(deserializer).map_err(|_| invalid("policyEnforcementMode"))?;
    }
    if let Some(value) = given("decisionStrategy") {
        let name = value.as_str().unwrap_or_default();
        settings.strategy = Strategy::from_name(name).ok_or_else(|| invalid("decisionStrategy"))?;
    }
    if let Some(value) = given(NOT_BEFORE) {
        // A moment to come would shut out everybody until then.
        let moment = value.as_u64().filter(|moment| *moment <= authz.now().0);
        settings.not_before = moment.ok_or_else(|| invalid(NOT_BEFORE))?;
    }
    let event = authz.event("resource_server.changed", "UPDATE", &Thing::Server);
    app.store.set_server(authz.id(), settings, authz.now(), event).await?;
    Ok(answer::no_content())
}

/// `GET ADM/settings`: everything by name
pub(super) async fn export(State(app): State<Arc<App>>, authz: Authz) -> Result<Response, ApiError> {
    let settings = app.store.settings(authz.id())?.ok_or_else(ApiError::not_found)?;
    Ok(answer::one(&exported_settings(authz.id(), &settings)))
}

/// Everything by name
pub(crate) fn exported_settings(server_id: &str, settings: &Settings) -> Map<String, Value> {
    let mut document = own(settings.server);
    let resources: Vec<_> = settings.resources.iter().map(|resource| exported(server_id, resource)).collect();
    let policies: Vec<_> = settings.policies.iter().map(show::exported).collect();
    let scopes: Vec<_> = settings.scopes.iter().map(scope).collect();
    document.insert("resources".to_owned(), resources.into());
    document.insert("policies".to_owned(), policies.into());
    document.insert("scopes".to_owned(), scopes.into());
    document
}

fn exported(server_id: &str, resource: &ResourceRecord) -> Value {
    let scopes: Vec<_> = resource.scopes.iter().map(|scope| json!({ "name": scope.name })).collect();
    let mut document = json!({
        "name": resource.name,
        "ownerManagedAccess": resource.owner_managed,
        "attributes": resource.attributes,
        "uris": resource.uris,
        "scopes": scopes,
    });
    let mut set = |name: &str, value: Option<&String>| {
        if let (Some(members), Some(value)) = (document.as_object_mut(), value) {
            members.insert(name.to_owned(), value.as_str().into());
        }
    };
    set("type", resource.kind.as_ref());
    set("displayName", resource.display_name.as_ref());
    set("icon_uri", resource.icon_uri.as_ref());
    if resource.owner != server_id
        && let Some(members) = document.as_object_mut()
    {
        members.insert("owner".to_owned(), json!({ "name": resource.owner_name }));
    }
    document
}

fn scope(scope: &ScopeRecord) -> Value {
    let mut document = Map::from_iter([("name".to_owned(), scope.name.as_str().into())]);
    for (name, value) in [("displayName", &scope.display_name), ("iconUri", &scope.icon_uri)] {
        if let Some(value) = value {
            document.insert(name.to_owned(), value.as_str().into());
        }
    }
    document.into()
}

/// `POST ADM/import`
pub(super) async fn import(
    State(app): State<Arc<App>>,
    authz: Authz,
    body: Members,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let body = body.read(CLASS, |name| MEMBERS.contains(&name))?;
    let document = serde_path_to_error::deserialize::<_, AuthorizationFile>(Value::from(body))
        .map_err(|error| invalid(&error.path().to_string()))?;
    let event = authz.event("resource_server.imported", "UPDATE", &Thing::Import);
    app.store.import_settings(authz.realm_id(), authz.id(), document, authz.now(), event).await.map_err(
        |error| {
            if matches!(error, StoreError::Conflict(_)) {
                ApiError::invalid_request("The document has a name or an id that is in use already.")
            } else {
                error.into()
            }
        },
    )?;
    Ok(answer::no_content())
}
