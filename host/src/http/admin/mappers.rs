//! Protocol mappers of clients and of client scopes (`admin-surface` §8).

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};

use super::{
    REALM,
    answer::{created, list, missing, no_content, one, or_else, refused},
    caller::{Caller, Role},
    client_scopes, clients,
};
use crate::{
    app::App,
    error::ApiError,
    http::{Routes as _, extract::Json},
    realm::ProtocolMapper,
    store::{self, StoreError, new_id},
};

const MISSING: &str = "Model not found";

/// Whose mappers
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Client,
    ClientScope,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
struct Place {
    uuid: String,
    id: String,
    mapper: String,
    protocol: String,
}

pub(super) fn routes() -> Router<Arc<App>> {
    type S = State<Arc<App>>;
    let mut router = Router::new();
    for (of, base) in [(Of::Client, "clients/{uuid}"), (Of::ClientScope, "client-scopes/{id}")] {
        let base = format!("{REALM}/{base}/protocol-mappers");
        router = router
            .at(
                &format!("{base}/models"),
                get(move |app: S, caller: Caller, place| async move { all(of, app, &caller, place) })
                    .post(move |app: S, caller, place, body| create(of, app, caller, place, body)),
            )
            .at(
                &format!("{base}/add-models"),
                post(move |app: S, caller, place, body| create_all(of, app, caller, place, body)),
            )
            .at(
                &format!("{base}/models/{{mapper}}"),
                get(move |app: S, caller: Caller, place| async move { read(of, app, &caller, place) })
                    .put(move |app: S, caller, place, body| change(of, app, caller, place, body))
                    .delete(move |app: S, caller, place| remove(of, app, caller, place)),
            )
            .at(
                &format!("{base}/protocol/{{protocol}}"),
                get(move |app: S, caller: Caller, place| async move { all(of, app, &caller, place) }),
            );
    }
    router
}

/// Gives a mapper what it needs to be found; one that says too little is refused
pub(super) fn complete(mapper: &mut ProtocolMapper) -> Result<(), ApiError> {
    if mapper.name.is_empty() || mapper.protocol_mapper.is_empty() {
        return Err(refused("A protocol mapper has a name and a protocolMapper"));
    }
    mapper.protocol.get_or_insert_with(|| "openid-connect".to_owned());
    if mapper.id.as_ref().is_none_or(String::is_empty) {
        mapper.id = Some(new_id());
    }
    Ok(())
}

/// The mappers of a client or client scope that is there
fn load(app: &App, caller: &Caller, of: Of, place: &Place) -> Result<Vec<ProtocolMapper>, ApiError> {
    match of {
        Of::Client => Ok(clients::load(app, caller, &place.uuid)?.client.settings.protocol_mappers),
        Of::ClientScope => {
            let scope = caller.realm.settings.client_scopes.iter().find(|scope| scope.id == place.id);
            Ok(scope.ok_or_else(|| missing(client_scopes::MISSING))?.protocol_mappers.clone())
        }
    }
}

fn all(
    of: Of,
    State(app): State<Arc<App>>,
    caller: &Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let mut mappers = load(&app, caller, of, &place)?;
    mappers.retain(|mapper| {
        place.protocol.is_empty() || mapper.protocol.as_deref() == Some(place.protocol.as_str())
    });
    Ok(list(&mappers))
}

fn read(
    of: Of,
    State(app): State<Arc<App>>,
    caller: &Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let mappers = load(&app, caller, of, &place)?;
    let mapper = mappers.iter().find(|mapper| mapper.id.as_ref() == Some(&place.mapper));
    Ok(one(mapper.ok_or_else(|| missing(MISSING))?))
}

/// Changes the list of mappers in a transaction that begins with reading it
async fn alter(
    of: Of,
    app: &App,
    caller: &Caller,
    place: Place,
    operation: &'static str,
    change: impl FnOnce(&mut Vec<ProtocolMapper>) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StoreError> {
    let path = match of {
        Of::Client => format!("clients/{}/protocol-mappers/models", place.uuid),
        Of::ClientScope => format!("client-scopes/{}/protocol-mappers/models", place.id),
    };
    let note = caller.note("mapper.change", operation, "PROTOCOL_MAPPER", path);
    match of {
        Of::ClientScope => {
            client_scopes::change_settings(app, caller, note, move |settings| {
                let scope = settings.client_scopes.iter_mut().find(|scope| scope.id == place.id);
                change(&mut scope.ok_or(StoreError::Missing)?.protocol_mappers)
            })
            .await
        }
        Of::Client => {
            let (realm, now) = (Arc::clone(&caller.realm), caller.now());
            app.store
                .write(move |tx| {
                    let found = store::client::by_id(tx, &realm.id, &place.uuid)?;
                    let mut record = found.ok_or(StoreError::Missing)?;
                    change(&mut record.client.settings.protocol_mappers)?;
                    store::client::update(tx, &realm.id, &record, &realm.default_role(), now)?;
                    note.record(tx)
                })
                .await
        }
    }
}

fn add(mappers: &mut Vec<ProtocolMapper>, mapper: ProtocolMapper) -> Result<(), StoreError> {
    if mappers.iter().any(|known| known.name == mapper.name || known.id == mapper.id) {
        return Err(StoreError::Conflict(String::new()));
    }
    mappers.push(mapper);
    Ok(())
}

const TAKEN: &str = "Protocol mapper exists with same name";

async fn create(
    of: Of,
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(mut mapper): Json<ProtocolMapper>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    load(&app, &caller, of, &place)?;
    complete(&mut mapper)?;
    let base = match of {
        Of::Client => format!("clients/{}", place.uuid),
        Of::ClientScope => format!("client-scopes/{}", place.id),
    };
    let id = mapper.id.clone().unwrap_or_default();
    let location = caller.location(&format!("{base}/protocol-mappers/models/{id}"));
    alter(of, &app, &caller, place, "CREATE", move |mappers| add(mappers, mapper))
        .await
        .map_err(|error| or_else(error, || TAKEN.to_owned(), MISSING))?;
    created(&location)
}

async fn create_all(
    of: Of,
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(mut given): Json<Vec<ProtocolMapper>>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    load(&app, &caller, of, &place)?;
    given.iter_mut().try_for_each(complete)?;
    alter(of, &app, &caller, place, "CREATE", move |mappers| {
        given.into_iter().try_for_each(|mapper| add(mappers, mapper))
    })
    .await
    .map_err(|error| or_else(error, || TAKEN.to_owned(), MISSING))?;
    Ok(no_content())
}

async fn change(
    of: Of,
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(mut given): Json<ProtocolMapper>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    load(&app, &caller, of, &place)?;
    given.id = Some(place.mapper.clone());
    complete(&mut given)?;
    alter(of, &app, &caller, place, "UPDATE", move |mappers| {
        if mappers.iter().any(|known| known.name == given.name && known.id != given.id) {
            return Err(StoreError::Conflict(String::new()));
        }
        let known = mappers.iter_mut().find(|known| known.id == given.id);
        *known.ok_or(StoreError::Missing)? = given;
        Ok(())
    })
    .await
    .map_err(|error| or_else(error, || TAKEN.to_owned(), MISSING))?;
    Ok(no_content())
}

async fn remove(
    of: Of,
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    load(&app, &caller, of, &place)?;
    let id = Some(place.mapper.clone());
    alter(of, &app, &caller, place, "DELETE", move |mappers| {
        let before = mappers.len();
        mappers.retain(|mapper| mapper.id != id);
        if mappers.len() < before { Ok(()) } else { Err(StoreError::Missing) }
    })
    .await
    .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}
