//! `attack-detection/brute-force`: who has to wait after wrong passwords, and who need not any more.

use core::net::IpAddr;
use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{delete, get},
};
use serde_json::json;

use super::{
    REALM,
    answer::{missing, no_content, one},
    caller::{Caller, Role},
    users::MISSING,
};
use crate::{
    app::App,
    error::ApiError,
    http::Routes as _,
    sign_in::throttle::Subjects,
    store::{self, user::people},
};

pub(super) fn routes() -> Router<Arc<App>> {
    let base = format!("{REALM}/attack-detection/brute-force/users");
    Router::new().at(&base, delete(forget_all)).at(&format!("{base}/{{id}}"), get(read).delete(forget))
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Place {
    id: String,
}

/// The name under which a user's failures are counted, by whoever does not come from a browser that is known
fn subject(id: &str) -> String {
    // Neither name nor address matters to this one.
    Subjects::of(Some(id), "", IpAddr::from([127, 0, 0, 1]), None).user
}

/// `GET …/users/{id}`
async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let now = caller.now();
    let failures = app.store.read(|tx| {
        people::by_id(tx, &caller.realm.id, &place.id)?
            .map(|_| store::sign_in::failures(tx, &caller.realm.id, &subject(&place.id)))
            .transpose()
    })?;
    let failures = failures.ok_or_else(|| missing(MISSING))?.filter(|known| now <= known.expires_at);
    // From where is not kept with them.
    Ok(one(&json!({
        "numFailures": failures.map_or(0, |known| known.count),
        "numTemporaryLockouts": 0,
        "disabled": failures.is_some_and(|known| known.is_locked(now)),
        "lastIPFailure": "n/a",
        "lastFailure": failures.map_or(0, |known| known.last_at.0.saturating_mul(1000)),
    })))
}

/// `DELETE …/users/{id}`
async fn forget(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let (realm, subject) = (caller.realm.id.clone(), subject(&place.id));
    let path = format!("attack-detection/brute-force/users/{}", place.id);
    let note = caller.note("user.failures_forgotten", "DELETE", "USER_LOGIN_FAILURE", path);
    let forgotten = app.store.write(move |tx| {
        if people::by_id(tx, &realm, &place.id)?.is_none() {
            return Ok(false);
        }
        store::sign_in::forget_failures(tx, &realm, &subject)?;
        note.record(tx)?;
        Ok(true)
    });
    if forgotten.await? { Ok(no_content()) } else { Err(missing(MISSING)) }
}

/// `DELETE …/users`
async fn forget_all(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let realm = caller.realm.id.clone();
    let path = "attack-detection/brute-force/users";
    let note = caller.note("user.failures_forgotten", "DELETE", "USER_LOGIN_FAILURE", path);
    app.store
        .write(move |tx| {
            store::sign_in::forget_all_failures(tx, &realm)?;
            note.record(tx)
        })
        .await?;
    Ok(no_content())
}
