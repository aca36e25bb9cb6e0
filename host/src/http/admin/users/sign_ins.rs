//! The sign-ins of a user.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::Place;
use crate::{
    app::App,
    error::ApiError,
    http::admin::{
        answer::{list, no_content},
        caller::{Caller, Role},
        sessions::rendered,
    },
    representation::session::SessionRepresentation,
    store,
};

pub(super) async fn all(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let user = super::load(&app, &caller, &place.id)?.user;
    let shown: Vec<SessionRepresentation> = app.store.read(|tx| {
        let sessions = store::session::of_user(tx, &caller.realm, &user.id, caller.now())?;
        let online = sessions.iter().filter(|session| !session.offline);
        online.map(|session| rendered(tx, &caller.realm, session)).collect()
    })?;
    Ok(list(&shown))
}

pub(super) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let user = super::load(&app, &caller, &place.id)?.user;
    let (realm, now) = (Arc::clone(&caller.realm), caller.now());
    let note = caller.note("user.logout", "ACTION", "USER", format!("users/{}/logout", place.id));
    app.store
        .write(move |tx| {
            for session in store::session::of_user(tx, &realm, &user.id, now)? {
                store::session::end(tx, &session.id)?;
            }
            note.record(tx)
        })
        .await?;
    Ok(no_content())
}
