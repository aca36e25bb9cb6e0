//! Clients (`admin-surface` §7).

mod scopes;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use countersign_core::time::UnixTime;
use rusqlite::Transaction;
use serde_json::json;

use super::{
    REALM,
    answer::{created, in_store, list, missing, no_content, one, or_else, refused, wrong},
    caller::{Caller, REALM_MANAGEMENT, Role},
    sessions, users,
};
use crate::{
    app::App,
    auth,
    error::ApiError,
    http::{
        Routes as _,
        extract::{Json, Query},
    },
    import::sealed_secret,
    keys,
    percent::segment,
    realm::{Client, ClientSettings},
    representation::{
        self, Members,
        client::{ClientRepresentation, access},
        lenient::Secret,
    },
    store::{self, StoreError, client::ClientRecord},
};

/// 404
pub(super) const MISSING: &str = "Could not find client";
const PUBLIC: &str = "Only confidential clients are allowed to set authorization settings";

pub(super) fn routes() -> Router<Arc<App>> {
    let base = format!("{REALM}/clients");
    let below = format!("{base}/{{uuid}}");
    Router::new()
        .at(&base, get(all).post(create))
        .at(&below, get(read).put(change).delete(remove))
        .at(&format!("{below}/client-secret"), get(secret).post(new_secret))
        .at(&format!("{below}/service-account-user"), get(service_account))
        .at(&format!("{below}/user-sessions"), get(user_sessions))
        .at(&format!("{below}/session-count"), get(session_count))
        .at(&format!("{below}/installation/providers/keycloak-oidc-keycloak-json"), get(installation))
        .merge(scopes::routes(&below))
}

#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Place {
    uuid: String,
}

/// The client of a path
pub(super) fn load(app: &App, caller: &Caller, uuid: &str) -> Result<ClientRecord, ApiError> {
    app.store.read(|tx| store::client::by_id(tx, &caller.realm.id, uuid))?.ok_or_else(|| missing(MISSING))
}

/// How a client is shown; its secret only to those who may change it
fn rendered(app: &App, caller: &Caller, record: &ClientRecord) -> Result<Members, ApiError> {
    let client = &record.client;
    let mut members = representation::client::render(client, &record.kept);
    let realm = &caller.realm.settings;
    for (name, usual) in [
        ("defaultClientScopes", &realm.default_default_client_scopes),
        ("optionalClientScopes", &realm.default_optional_client_scopes),
    ] {
        members.entry(name).or_insert_with(|| json!(usual));
    }
    if client.is_confidential()
        && let Some(secret) = auth::client_secret(app.keys.master(), client)?
    {
        let shown = if caller.may(Role::ManageClients) {
            String::from_utf8_lossy(&secret).into_owned()
        } else {
            "**********".to_owned()
        };
        members.insert("secret".to_owned(), shown.into());
    }
    members.insert("access".to_owned(), access(caller.may(Role::ManageClients)));
    Ok(members)
}

async fn all(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::QueryClients)?;
    if !caller.may(Role::ViewClients) {
        return Ok(list::<Members>(&[]));
    }
    let (part, realm) = (query.part()?, &caller.realm.id);
    let search = query.flag("search").unwrap_or(false);
    let found = app.store.read(|tx| match query.get("clientId") {
        Some(name) if !search => Ok(store::client::by_client_id(tx, realm, name)?.into_iter().collect()),
        name => store::client::list(tx, realm, name, part),
    })?;
    let shown = found.iter().map(|record| rendered(&app, &caller, record)).collect::<Result<Vec<_>, _>>()?;
    Ok(list(&shown))
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(given): Json<ClientRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::CreateClient)?;
    let client_id = given.client_id().to_owned();
    if client_id.is_empty() || client_id.chars().count() > 255 {
        return Err(refused("clientId has 1 to 255 characters"));
    }
    let (mut settings, kept) = given.settings(&ClientSettings::default()).map_err(|error| wrong(&error))?;
    if settings.authorization_services_enabled && given.says_not_confidential() {
        return Err(refused(PUBLIC));
    }
    settings.make_confidential();
    name_mappers(&mut settings)?;
    let mut client = Client {
        id: given.id.clone().filter(|id| !id.is_empty()).map_or_else(keys::random_id, Ok)?,
        client_id: client_id.clone(),
        enabled: given.enabled.unwrap_or(true),
        secret: None,
        not_before: UnixTime(given.not_before.unwrap_or(0)),
        settings,
    };
    client.secret = sealed_secret(app.keys.master(), &client, given.secret.as_ref())?;
    let path = format!("clients/{}", segment(&client.id));
    let (location, note) = (caller.location(&path), caller.note("client.create", "CREATE", "CLIENT", path));
    let (realm, now) = (Arc::clone(&caller.realm), caller.now());
    app.store
        .write(move |tx| {
            let record = ClientRecord { client, kept };
            store::client::insert(tx, &realm.id, &record)?;
            let default_role = realm.default_role();
            store::client::service_account(tx, &realm.id, &record.client, &default_role, now)?;
            if record.client.settings.authorization_services_enabled {
                let writing = store::import::Writing::new(tx, &realm, now);
                writing.authorization(&record.client, given.authorization_settings.as_ref())?;
            }
            store::realm::touch(tx, &realm.id)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, || format!("Client {client_id} already exists"), MISSING))?;
    created(&location)
}

fn name_mappers(settings: &mut ClientSettings) -> Result<(), ApiError> {
    for mapper in &mut settings.protocol_mappers {
        let id = mapper.id.get_or_insert_default();
        if id.is_empty() {
            *id = keys::random_id()?;
        }
    }
    Ok(())
}

async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let record = load(&app, &caller, &place.uuid)?;
    Ok(one(&rendered(&app, &caller, &record)?))
}

/// What every realm needs cannot be taken from it
fn is_needed(client: &Client) -> bool {
    client.client_id == REALM_MANAGEMENT
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<ClientRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    let known = load(&app, &caller, &place.uuid)?;
    let client_id =
        given.client_id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| known.client.client_id.clone());
    if is_needed(&known.client) && (client_id != known.client.client_id || given.enabled == Some(false)) {
        return Err(refused("This client cannot be renamed or switched off"));
    }
    let master = Arc::clone(app.keys.master());
    let (realm, now) = (Arc::clone(&caller.realm), caller.now());
    let note = caller.note("client.change", "UPDATE", "CLIENT", format!("clients/{}", place.uuid));
    let taken = client_id.clone();
    let changed = app.store.write(move |tx| {
        let before = store::client::by_id(tx, &realm.id, &place.uuid)?.ok_or(StoreError::Missing)?;
        let (mut settings, rest) =
            given.settings(&before.client.settings).map_err(|error| in_store(&error))?;
        // Settings of a resource server are not read here (`admin-surface` §7).
        if given.authorization_settings.is_some()
            && !given.members.contains_key("authorizationServicesEnabled")
        {
            settings.authorization_services_enabled = before.client.settings.authorization_services_enabled;
        }
        if settings.authorization_services_enabled && (settings.public_client || settings.bearer_only) {
            return Err(StoreError::Refused(PUBLIC.to_owned()));
        }
        settings.make_confidential();
        for mapper in &mut settings.protocol_mappers {
            if mapper.id.get_or_insert_default().is_empty() {
                mapper.id = Some(store::new_id());
            }
        }
        let mut client = Client {
            client_id,
            enabled: given.enabled.unwrap_or(before.client.enabled),
            not_before: given.not_before.map_or(before.client.not_before, UnixTime),
            settings,
            ..before.client
        };
        if given.secret.is_some() || client.secret.is_none() {
            let given = given.secret.as_ref().filter(|secret| secret.0 != "**********");
            if given.is_some() || client.secret.is_none() {
                client.secret = sealed_secret(&master, &client, given)
                    .map_err(|error| StoreError::Other(error.to_string()))?;
            }
        }
        let kept = representation::client::kept(&before.kept, &rest);
        let record = ClientRecord { client, kept };
        store::client::update(tx, &realm.id, &record, &realm.default_role(), now)?;
        note.record(tx)
    });
    changed.await.map_err(|error| or_else(error, || format!("Client {taken} already exists"), MISSING))?;
    Ok(no_content())
}

async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    if is_needed(&load(&app, &caller, &place.uuid)?.client) {
        return Err(refused("This client cannot be deleted"));
    }
    let (realm, now) = (caller.realm.id.clone(), caller.now());
    let note = caller.note("client.delete", "DELETE", "CLIENT", format!("clients/{}", place.uuid));
    app.store
        .write(move |tx| {
            store::client::delete(tx, &realm, &place.uuid, now)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}

fn shown_secret(app: &App, client: &Client) -> Result<Response, ApiError> {
    let secret = auth::client_secret(app.keys.master(), client)?;
    let value = secret.map(|secret| String::from_utf8_lossy(&secret).into_owned());
    Ok(one(&match value {
        Some(value) => json!({ "type": "secret", "value": value }),
        None => json!({ "type": "secret" }),
    }))
}

async fn secret(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    shown_secret(&app, &load(&app, &caller, &place.uuid)?.client)
}

async fn new_secret(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    let mut record = load(&app, &caller, &place.uuid)?;
    let made = Secret(keys::random_session_id()?);
    record.client.secret = sealed_secret(app.keys.master(), &record.client, Some(&made))?;
    let (realm, now) = (Arc::clone(&caller.realm), caller.now());
    let note =
        caller.note("client.secret", "ACTION", "CLIENT", format!("clients/{}/client-secret", place.uuid));
    let client = record.client.clone();
    app.store
        .write(move |tx| {
            store::client::update(tx, &realm.id, &record, &realm.default_role(), now)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, MISSING))?;
    shown_secret(&app, &client)
}

async fn service_account(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let client = load(&app, &caller, &place.uuid)?.client;
    let account = app.store.read(|tx| {
        let Some(user) = store::user::service_account(tx, &caller.realm.id, &client.id)? else {
            return Ok(None);
        };
        store::user::people::by_id(tx, &caller.realm.id, &user.id)
    })?;
    let account = account.ok_or_else(|| {
        let text = format!("Service account not enabled for the client '{}'", client.client_id);
        ApiError::bare(axum::http::StatusCode::BAD_REQUEST, text)
    })?;
    Ok(one(&users::rendered(&account, false, caller.may(Role::ManageUsers))))
}

fn sign_ins(
    tx: &Transaction<'_>,
    caller: &Caller,
    client: &str,
) -> Result<Vec<crate::realm::Session>, StoreError> {
    store::session::of_client(tx, &caller.realm, client, caller.now())
}

async fn user_sessions(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let client = load(&app, &caller, &place.uuid)?.client;
    let part = query.page()?;
    let shown = app.store.read(|tx| {
        let all = sign_ins(tx, &caller, &client.id)?;
        part.of(all, |session| Some(&session.id))
            .iter()
            .map(|session| sessions::rendered(tx, &caller.realm, session))
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(list(&shown))
}

async fn session_count(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let client = load(&app, &caller, &place.uuid)?.client;
    let count = app.store.read(|tx| Ok(sign_ins(tx, &caller, &client.id)?.len()))?;
    Ok(one(&json!({ "count": count })))
}

/// What an adapter is set up with
async fn installation(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    let client = load(&app, &caller, &place.uuid)?.client;
    let mut body = Members::from_iter([
        ("realm".to_owned(), json!(caller.realm.name)),
        ("auth-server-url".to_owned(), json!(format!("{}/", caller.admin.base))),
        ("ssl-required".to_owned(), json!(caller.realm.settings.ssl_required)),
        ("resource".to_owned(), json!(client.client_id)),
        ("confidential-port".to_owned(), json!(0)),
    ]);
    if client.settings.public_client {
        body.insert("public-client".to_owned(), true.into());
    } else if client.settings.bearer_only {
        body.insert("bearer-only".to_owned(), true.into());
    } else if let Some(secret) = auth::client_secret(app.keys.master(), &client)? {
        let secret = String::from_utf8_lossy(&secret);
        body.insert("credentials".to_owned(), json!({ "secret": secret }));
    }
    Ok(one(&body))
}
