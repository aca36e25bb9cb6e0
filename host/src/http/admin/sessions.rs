//! Sign-ins of a realm (`admin-surface` §9).

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{delete, post},
};
use rusqlite::Transaction;
use serde_json::json;

use super::{
    REALM,
    answer::{missing, no_content, one},
    caller::{Caller, Role},
};
use crate::{
    app::App,
    error::ApiError,
    http::Routes as _,
    realm::{Realm, Session},
    representation::session::SessionRepresentation,
    store::{self, StoreError},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .at(&format!("{REALM}/logout-all"), post(end_all))
        .at(&format!("{REALM}/sessions/{{sid}}"), delete(end))
}

/// How a sign-in is shown
pub(super) fn rendered(
    tx: &Transaction<'_>,
    realm: &Realm,
    session: &Session,
) -> Result<SessionRepresentation, StoreError> {
    let millis = |time: countersign_core::time::UnixTime| time.0.saturating_mul(1000);
    let user = store::user::by_id(tx, &realm.id, &session.user_id)?;
    let mut clients = std::collections::BTreeMap::new();
    for part in store::session::parts(tx, &session.id)? {
        if let Some(client) = store::realm::client_by_id(tx, &realm.id, &part.client_id)? {
            clients.insert(client.id, client.client_id);
        }
    }
    Ok(SessionRepresentation {
        id: session.id.clone(),
        username: user.map(|user| user.username).unwrap_or_default(),
        user_id: session.user_id.clone(),
        ip_address: session.ip_address.clone().unwrap_or_default(),
        start: millis(session.started_at),
        last_access: millis(session.last_access),
        remember_me: session.remember_me,
        clients,
    })
}

async fn end_all(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let realm = caller.realm.id.clone();
    let note = caller.note("realm.logout", "ACTION", "REALM", "logout-all");
    app.store
        .write(move |tx| {
            store::session::end_all(tx, &realm)?;
            note.record(tx)
        })
        .await?;
    Ok(one(&json!({})))
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Place {
    sid: String,
}

async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let (realm, now) = (Arc::clone(&caller.realm), caller.now());
    let note = caller.note("session.end", "DELETE", "USER_SESSION", format!("sessions/{}", place.sid));
    let ended = app.store.write(move |tx| {
        if store::session::live(tx, &realm, &place.sid, now)?.is_none() {
            return Ok(false);
        }
        store::session::end(tx, &place.sid)?;
        note.record(tx)?;
        Ok(true)
    });
    if ended.await? { Ok(no_content()) } else { Err(missing("Session not found")) }
}
