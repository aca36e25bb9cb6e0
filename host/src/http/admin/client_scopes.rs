//! Client scopes of the realm, and which of them new clients get (`admin-surface` §8).

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, put},
};
use serde_json::json;

use super::{
    REALM,
    answer::{created, list, missing, no_content, one, or_else, refused},
    caller::{Caller, Role},
    mappers,
};
use crate::{
    app::App,
    error::ApiError,
    http::{Routes as _, extract::Json},
    realm::{ClientScope, RealmSettings},
    store::{self, StoreError, new_id},
};

/// 404
pub(super) const MISSING: &str = "Could not find client scope";
/// 404, in the words of calls about a client
pub(super) const MISSING_FOR_CLIENT: &str = "Client scope not found";

pub(super) fn routes() -> Router<Arc<App>> {
    type S = State<Arc<App>>;
    let base = format!("{REALM}/client-scopes");
    let mut router = Router::new()
        .at(&base, get(all).post(create))
        .at(&format!("{base}/{{id}}"), get(read).put(change).delete(remove));
    for (name, always) in [("default-default-client-scopes", true), ("default-optional-client-scopes", false)]
    {
        let base = format!("{REALM}/{name}");
        router = router.at(&base, get(move |caller: Caller| async move { usual(always, &caller) })).at(
            &format!("{base}/{{id}}"),
            put(move |app: S, caller, place| set_usual(always, true, app, caller, place))
                .delete(move |app: S, caller, place| set_usual(always, false, app, caller, place)),
        );
    }
    router
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Place {
    id: String,
}

async fn all(caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    Ok(list(&caller.realm.settings.client_scopes))
}

async fn read(caller: Caller, Path(place): Path<Place>) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let scope = caller.realm.settings.client_scopes.iter().find(|scope| scope.id == place.id);
    Ok(one(scope.ok_or_else(|| missing(MISSING))?))
}

/// Changes the settings of the realm in a transaction that begins with reading them
pub(super) async fn change_settings(
    app: &App,
    caller: &Caller,
    note: super::caller::Note,
    change: impl FnOnce(&mut RealmSettings) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StoreError> {
    let realm = caller.realm.id.clone();
    app.store
        .write(move |tx| {
            let mut settings = store::realm::settings(tx, &realm)?;
            change(&mut settings)?;
            store::realm::set_settings(tx, &realm, &settings)?;
            note.record(tx)
        })
        .await
}

/// Names without blanks: a token lists them with blanks between
fn check(name: &str) -> Result<(), ApiError> {
    if name.is_empty()
        || name.chars().count() > 255
        || name.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        return Err(refused(format!("Unexpected name \"{name}\" for ClientScope")));
    }
    Ok(())
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(mut scope): Json<ClientScope>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    check(&scope.name)?;
    if scope.id.is_empty() {
        scope.id = new_id();
    }
    for mapper in &mut scope.protocol_mappers {
        mappers::complete(mapper)?;
    }
    scope.protocol.get_or_insert_with(|| "openid-connect".to_owned());
    let path = format!("client-scopes/{}", scope.id);
    let (location, name) = (caller.location(&path), scope.name.clone());
    let note = caller.note("client_scope.create", "CREATE", "CLIENT_SCOPE", path);
    change_settings(&app, &caller, note, move |settings| {
        if settings.client_scopes.iter().any(|known| known.name == scope.name || known.id == scope.id) {
            return Err(StoreError::Conflict(String::new()));
        }
        settings.client_scopes.push(scope);
        Ok(())
    })
    .await
    .map_err(|error| or_else(error, || format!("Client Scope {name} already exists"), MISSING))?;
    created(&location)
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<ClientScope>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    if !given.name.is_empty() {
        check(&given.name)?;
    }
    let name = given.name.clone();
    let note =
        caller.note("client_scope.change", "UPDATE", "CLIENT_SCOPE", format!("client-scopes/{}", place.id));
    change_settings(&app, &caller, note, move |settings| {
        if settings.client_scopes.iter().any(|known| known.name == given.name && known.id != place.id) {
            return Err(StoreError::Conflict(String::new()));
        }
        let scope = settings.client_scopes.iter_mut().find(|scope| scope.id == place.id);
        let scope = scope.ok_or(StoreError::Missing)?;
        if !given.name.is_empty() && given.name != scope.name {
            let before = core::mem::replace(&mut scope.name, given.name);
            let after = scope.name.clone();
            for names in
                [&mut settings.default_default_client_scopes, &mut settings.default_optional_client_scopes]
            {
                names.iter_mut().filter(|name| **name == before).for_each(|name| name.clone_from(&after));
            }
        }
        let scope = settings.client_scopes.iter_mut().find(|scope| scope.id == place.id);
        let scope = scope.ok_or(StoreError::Missing)?;
        if given.description.is_some() {
            scope.description = given.description;
        }
        if given.protocol.is_some() {
            scope.protocol = given.protocol;
        }
        for (name, value) in given.attributes {
            scope.attributes.insert(name, value);
        }
        scope.other.extend(given.other);
        Ok(())
    })
    .await
    .map_err(|error| or_else(error, || format!("Client Scope {name} already exists"), MISSING))?;
    Ok(no_content())
}

async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    let realm = caller.realm.id.clone();
    let note =
        caller.note("client_scope.delete", "DELETE", "CLIENT_SCOPE", format!("client-scopes/{}", place.id));
    app.store
        .write(move |tx| {
            let mut settings = store::realm::settings(tx, &realm)?;
            let position = settings.client_scopes.iter().position(|scope| scope.id == place.id);
            let scope = settings.client_scopes.remove(position.ok_or(StoreError::Missing)?);
            settings.default_default_client_scopes.retain(|name| *name != scope.name);
            settings.default_optional_client_scopes.retain(|name| *name != scope.name);
            store::client::without_scope(tx, &realm, &scope)?;
            store::realm::set_settings(tx, &realm, &settings)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}

fn usual(always: bool, caller: &Caller) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let settings = &caller.realm.settings;
    let names = if always {
        &settings.default_default_client_scopes
    } else {
        &settings.default_optional_client_scopes
    };
    let scopes = settings.client_scopes.iter().filter(|scope| names.contains(&scope.name));
    Ok(list(&scopes.map(|scope| json!({ "id": scope.id, "name": scope.name })).collect::<Vec<_>>()))
}

async fn set_usual(
    always: bool,
    on: bool,
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    let note =
        caller.note("realm.client_scopes", "UPDATE", "CLIENT_SCOPE", format!("client-scopes/{}", place.id));
    change_settings(&app, &caller, note, move |settings| {
        let scope = settings.client_scopes.iter().find(|scope| scope.id == place.id);
        let name = scope.ok_or(StoreError::Missing)?.name.clone();
        let (here, there) = if always {
            (&mut settings.default_default_client_scopes, &mut settings.default_optional_client_scopes)
        } else {
            (&mut settings.default_optional_client_scopes, &mut settings.default_default_client_scopes)
        };
        here.retain(|known| *known != name);
        if on {
            there.retain(|known| *known != name);
            here.push(name);
        }
        Ok(())
    })
    .await
    .map_err(|error| or_else(error, String::new, MISSING_FOR_CLIENT))?;
    Ok(no_content())
}
