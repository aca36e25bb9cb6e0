//! Where a person is signed in (`keycloak-wire` §10).

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use rusqlite::Transaction;
use serde::Serialize;

use super::{
    applications::Application,
    caller::{Caller, Person, Role},
};
use crate::{
    app::App,
    error::ApiError,
    http::{Family, extract::Query, json},
    realm::Session,
    store::{self, StoreError},
};

/// Most sign-ins of one answer, the newest first
const MOST: u64 = 100;

/// A sign-in as its user sees it; times in seconds since 1970
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "SignIn"))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct View {
    id: String,
    ip_address: String,
    started: u64,
    last_access: u64,
    expires: u64,
    clients: Vec<Application>,
    browser: &'static str,
    current: bool,
}

fn view(tx: &Transaction<'_>, caller: &Caller, session: Session) -> Result<View, StoreError> {
    let mut clients = Vec::new();
    for part in store::session::parts(tx, &session.id)? {
        if let Some(client) = store::realm::client_by_id(tx, &caller.realm.id, &part.client_id)? {
            clients.push(Application::of(client, &caller.base).in_use());
        }
    }
    Ok(View {
        current: session.id == caller.session.id,
        started: session.started_at.0,
        last_access: session.last_access.0,
        expires: session.expires_at.0,
        ip_address: session.ip_address.unwrap_or_default(),
        // What a browser says of itself is not kept.
        browser: "Unknown",
        id: session.id,
        clients,
    })
}

/// `GET account/sessions`
pub(super) async fn list(State(app): State<Arc<App>>, caller: Person) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount, Role::ViewProfile])?;
    let views: Vec<View> = app.store.read(|tx| {
        let sessions = store::session::newest_of_user(tx, &caller.realm, &caller.user.id, MOST, caller.now)?;
        let online = sessions.into_iter().filter(|session| !session.offline);
        online.map(|session| view(tx, &caller, session)).collect()
    })?;
    Ok(json(StatusCode::OK, Family::Api, &views))
}

/// `DELETE account/sessions`: ends all but this one, with `current=true` this one too
pub(super) async fn end_all(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount])?;
    let this_too = query.flag("current").unwrap_or(false);
    let by = caller.clone();
    app.store
        .write(move |tx| {
            for session in store::session::of_user(tx, &by.realm, &by.user.id, by.now)? {
                if !session.offline && (this_too || session.id != by.session.id) {
                    store::session::end(tx, &session.id)?;
                }
            }
            store::audit::record(tx, &by.event("session.end"))
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The sign-in that a path names
#[derive(Debug, serde::Deserialize)]
pub(super) struct Place {
    id: String,
}

/// `DELETE account/sessions/{id}`; somebody else's is as good as none
pub(super) async fn end(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount])?;
    let by = caller.clone();
    app.store
        .write(move |tx| {
            let found = store::session::live(tx, &by.realm, &place.id, by.now)?;
            if found.is_some_and(|session| session.user_id == by.user.id) {
                store::session::end(tx, &place.id)?;
                store::audit::record(tx, &by.event("session.end"))?;
            }
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
