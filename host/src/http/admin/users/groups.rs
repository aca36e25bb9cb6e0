//! The groups of a user.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use rusqlite::Transaction;
use serde_json::json;

use super::Place;
use crate::{
    app::App,
    error::ApiError,
    http::{
        admin::{
            answer::{list, missing, no_content, one},
            caller::{Caller, Role},
            groups::{MISSING, rendered},
        },
        extract::Query,
    },
    representation::Members,
    store::{
        self, Part, StoreError,
        role::{self, Holder},
    },
};

pub(super) async fn all(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let user = super::load(&app, &caller, &place.id)?.user;
    let (part, brief) = (query.part()?, query.flag("briefRepresentation").unwrap_or(true));
    let shown: Vec<Members> = app.store.read(|tx| {
        let groups = store::group::of_user(tx, &user.id, part)?;
        groups.iter().map(|group| rendered(tx, &caller, group, brief)).collect()
    })?;
    Ok(list(&shown))
}

pub(super) async fn count(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let user = super::load(&app, &caller, &place.id)?.user;
    let count = app.store.read(|tx| Ok(store::group::of_user(tx, &user.id, Part::ALL)?.len()))?;
    Ok(one(&json!({ "count": count })))
}

pub(super) async fn join(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    put(&app, &caller, place, true).await
}

pub(super) async fn leave(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    put(&app, &caller, place, false).await
}

/// Demands that the caller may give what a group gives to those who join it
pub(super) fn demand(tx: &Transaction<'_>, caller: &Caller, group: &str) -> Result<(), StoreError> {
    role::effective(tx, Holder::Group, group)?.iter().try_for_each(|held| caller.demand_gift(tx, &held.id))
}

async fn put(app: &App, caller: &Caller, place: Place, join: bool) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let user = super::load(app, caller, &place.id)?.user;
    let by = caller.clone();
    let (name, operation) = if join { ("group.join", "CREATE") } else { ("group.leave", "DELETE") };
    let path = format!("users/{}/groups/{}", place.id, place.gid);
    let note = caller.note(name, operation, "GROUP_MEMBERSHIP", path);
    let done = app.store.write(move |tx| {
        let Some(group) = store::group::by_id(tx, &by.realm.id, &place.gid)? else {
            return Ok(Err(missing("Group not found")));
        };
        if join {
            demand(tx, &by, &group.id)?;
            store::group::join(tx, &user.id, &group.id)?;
        } else {
            store::group::leave(tx, &user.id, &group.id)?;
        }
        store::realm::touch(tx, &by.realm.id)?;
        note.record(tx)?;
        Ok(Ok(()))
    });
    done.await.map_err(|error| crate::http::admin::answer::or_else(error, String::new, MISSING))??;
    Ok(no_content())
}
