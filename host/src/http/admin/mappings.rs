//! Roles of users and groups, and those that tokens may show of clients and client scopes (`admin-surface` §4, §6).

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use rusqlite::Transaction;
use serde_json::{Map, Value, json};

use super::{
    REALM,
    answer::{missing, no_content, one, or_else},
    caller::{Caller, Role},
    roles::{named, rendered, rendered_all},
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Routes as _,
        extract::{Json, Query},
    },
    representation::role::RoleRepresentation,
    store::{self, Part, StoreError, role::Holder, role::RoleRecord},
};

/// Whose roles a path is about
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    User,
    Group,
    Client,
    ClientScope,
}

impl Of {
    const fn base(self) -> &'static str {
        match self {
            Self::User => "users/{id}/role-mappings",
            Self::Group => "groups/{id}/role-mappings",
            Self::Client => "clients/{id}/scope-mappings",
            Self::ClientScope => "client-scopes/{id}/scope-mappings",
        }
    }

    const fn holder(self) -> Holder {
        match self {
            Self::User => Holder::User,
            Self::Group => Holder::Group,
            Self::Client | Self::ClientScope => Holder::Scope,
        }
    }

    const fn right(self, manage: bool) -> Role {
        match (self, manage) {
            (Self::User | Self::Group, false) => Role::ViewUsers,
            (Self::User | Self::Group, true) => Role::ManageUsers,
            (Self::Client | Self::ClientScope, false) => Role::ViewClients,
            (Self::Client | Self::ClientScope, true) => Role::ManageClients,
        }
    }

    const fn missing(self) -> &'static str {
        match self {
            Self::User => super::users::MISSING,
            Self::Group => super::groups::MISSING,
            Self::Client => super::clients::MISSING,
            Self::ClientScope => super::client_scopes::MISSING,
        }
    }

    fn exists(self, tx: &Transaction<'_>, caller: &Caller, id: &str) -> Result<bool, StoreError> {
        let realm = &caller.realm.id;
        Ok(match self {
            Self::User => store::user::by_id(tx, realm, id)?.is_some(),
            Self::Group => store::group::by_id(tx, realm, id)?.is_some(),
            Self::Client => store::realm::client_by_id(tx, realm, id)?.is_some(),
            Self::ClientScope => caller.realm.settings.client_scopes.iter().any(|scope| scope.id == id),
        })
    }
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Place {
    id: String,
    uuid: Option<String>,
}

type S = State<Arc<App>>;

pub(super) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for of in [Of::User, Of::Group, Of::Client, Of::ClientScope] {
        let base = format!("{REALM}/{}", of.base());
        router = router.at(
            &base,
            get(move |app: S, caller: Caller, place| async move { everything(of, app, &caller, place) }),
        );
        for below in ["realm", "clients/{uuid}"] {
            let base = format!("{base}/{below}");
            router =
                router
                    .at(
                        &base,
                        get(move |app: S, caller: Caller, place| async move { own(of, app, &caller, place) })
                            .post(move |app: S, caller, place, body| put(of, true, app, caller, place, body))
                            .delete(move |app: S, caller, place, body| {
                                put(of, false, app, caller, place, body)
                            }),
                    )
                    .at(
                        &format!("{base}/available"),
                        get(move |app: S, caller: Caller, place| async move {
                            available(of, app, &caller, place)
                        }),
                    )
                    .at(
                        &format!("{base}/composite"),
                        get(move |app: S, caller: Caller, place, query: Query| async move {
                            composite(of, app, &caller, place, &query)
                        }),
                    );
        }
    }
    router
}

/// Reads about a holder that is there
fn about<T>(
    app: &App,
    caller: &Caller,
    of: Of,
    place: &Place,
    question: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, ApiError> {
    caller.require(of.right(false))?;
    let found = app.store.read(|tx| {
        if !of.exists(tx, caller, &place.id)? {
            return Ok(Err(of.missing()));
        }
        if let Some(uuid) = &place.uuid
            && store::realm::client_by_id(tx, &caller.realm.id, uuid)?.is_none()
        {
            return Ok(Err(super::clients::MISSING));
        }
        question(tx).map(Ok)
    })?;
    found.map_err(missing)
}

/// `GET …/role-mappings`: all of them, by client
fn everything(
    of: Of,
    State(app): State<Arc<App>>,
    caller: &Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    let realm = &caller.realm.id;
    let body = about(&app, caller, of, &place, |tx| {
        let roles = store::role::of(tx, of.holder(), &place.id)?;
        let mut body = Map::new();
        let of_realm: Vec<_> = roles
            .iter()
            .filter(|role| role.client.is_none())
            .map(|role| rendered(role, realm, true))
            .collect();
        if !of_realm.is_empty() {
            body.insert("realmMappings".to_owned(), of_realm.into());
        }
        let mut clients = Map::new();
        for role in &roles {
            let Some(id) = &role.client else { continue };
            let Some(client) = store::realm::client_by_id(tx, realm, id)? else { continue };
            let entry = clients
                .entry(client.client_id.clone())
                .or_insert_with(|| json!({ "id": id, "client": client.client_id, "mappings": [] }));
            if let Some(list) = entry.get_mut("mappings").and_then(Value::as_array_mut) {
                list.push(rendered(role, realm, true).into());
            }
        }
        if !clients.is_empty() {
            body.insert("clientMappings".to_owned(), clients.into());
        }
        Ok(body)
    })?;
    Ok(one(&body))
}

fn of_place(roles: Vec<RoleRecord>, place: &Place) -> Vec<RoleRecord> {
    roles.into_iter().filter(|role| role.client == place.uuid).collect()
}

fn own(
    of: Of,
    State(app): State<Arc<App>>,
    caller: &Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    let roles = about(&app, caller, of, &place, |tx| store::role::of(tx, of.holder(), &place.id))?;
    Ok(rendered_all(&of_place(roles, &place), &caller.realm.id, true))
}

fn available(
    of: Of,
    State(app): State<Arc<App>>,
    caller: &Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    let realm = &caller.realm.id;
    let roles = about(&app, caller, of, &place, |tx| {
        let held = store::role::of(tx, of.holder(), &place.id)?;
        let mut all = store::role::list(tx, realm, place.uuid.as_deref(), None, Part::ALL)?;
        all.retain(|role| !held.iter().any(|known| known.id == role.id));
        Ok(all)
    })?;
    Ok(rendered_all(&roles, realm, true))
}

fn composite(
    of: Of,
    State(app): State<Arc<App>>,
    caller: &Caller,
    Path(place): Path<Place>,
    query: &Query,
) -> Result<Response, ApiError> {
    let brief = query.flag("briefRepresentation").unwrap_or(true);
    let roles = about(&app, caller, of, &place, |tx| store::role::effective(tx, of.holder(), &place.id))?;
    Ok(rendered_all(&of_place(roles, &place), &caller.realm.id, brief))
}

async fn put(
    of: Of,
    give: bool,
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<Vec<RoleRepresentation>>,
) -> Result<Response, ApiError> {
    caller.require(of.right(true))?;
    about(&app, &caller, of, &place, |_| Ok(())).or_else(|error| {
        // Whoever may change roles may do so without the right to see them.
        if error.status() == axum::http::StatusCode::FORBIDDEN { Ok(()) } else { Err(error) }
    })?;
    let (name, operation) = if give { ("role.give", "CREATE") } else { ("role.take", "DELETE") };
    let note = caller.note(name, operation, "REALM_ROLE_MAPPING", of.base().replace("{id}", &place.id));
    let by = caller.clone();
    let done = app.store.write(move |tx| {
        if !of.exists(tx, &by, &place.id)? {
            return Err(StoreError::Missing);
        }
        for role in named(tx, &by.realm.id, place.uuid.as_deref(), &given)? {
            if role.client != place.uuid {
                return Err(StoreError::Missing);
            }
            if give {
                if of.holder() != Holder::Scope {
                    by.demand_gift(tx, &role.id)?;
                }
                store::role::give(tx, of.holder(), &place.id, &role.id)?;
            } else {
                store::role::take(tx, of.holder(), &place.id, &role.id)?;
            }
        }
        store::realm::touch(tx, &by.realm.id)?;
        note.record(tx)
    });
    done.await.map_err(|error| or_else(error, String::new, "Role not found"))?;
    Ok(no_content())
}
