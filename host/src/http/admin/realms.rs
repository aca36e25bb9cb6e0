//! Realms (`admin-surface` §3).

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use serde_json::json;

use super::{
    answer::{conflict, created, in_store, list, no_content, one, refused},
    caller::{Administrator, Caller, Role, forbidden},
};
use crate::{
    app::App,
    error::ApiError,
    http::{Routes as _, extract::Json},
    import::{self, ImportError, ImportFailure},
    percent::segment,
    realm::{MASTER, Realm, UmaSettings},
    representation::{
        self, Members,
        realm::{RealmRepresentation, without_secrets},
    },
    store::{self, StoreError},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .at("/admin/realms", get(all).post(create))
        .at(super::REALM, get(read).put(change).delete(remove))
}

/// `GET /admin/realms`: those that the caller may see
async fn all(State(app): State<Arc<App>>, caller: Administrator) -> Result<Response, ApiError> {
    let mut shown = Vec::new();
    for name in app.store.read(store::realm::names)? {
        let Some(realm) = app.realm(&name)? else { continue };
        if caller.may_anything(&realm) {
            shown.push(rendered(&app, &realm, caller.may(&realm, Role::ViewRealm))?);
        }
    }
    Ok(list(&shown))
}

/// `POST /admin/realms`: a whole realm, as a file would be imported
async fn create(
    State(app): State<Arc<App>>,
    caller: Administrator,
    Json(file): Json<RealmRepresentation>,
) -> Result<Response, ApiError> {
    if !caller.may_create_realms() {
        return Err(forbidden());
    }
    let name = file.name().to_owned();
    let maker = (!caller.is_almighty()).then(|| caller.user.id.clone());
    match import::document(&app.store, app.keys.master(), file, maker, &app.scripts, caller.now).await {
        Ok(lines) => {
            for line in lines {
                tracing::warn!("{line}");
            }
            tracing::info!(realm = name, "realm was made");
            created(&format!("{}/admin/realms/{}", caller.base, segment(&name)))
        }
        Err(ImportFailure::Store(StoreError::Conflict(_))) => {
            Err(conflict(format!("Realm {name} already exists")))
        }
        Err(ImportFailure::Store(StoreError::Refused(text))) => Err(refused(text)),
        Err(ImportFailure::Store(error)) => Err(error.into()),
        Err(ImportFailure::Files(ImportError::Realm { message, .. })) => Err(refused(message)),
        Err(ImportFailure::Files(error)) => Err(refused(error.to_string())),
        Err(ImportFailure::Key(_)) => Err(refused("A key of the realm cannot be used")),
    }
}

/// `GET A`
async fn read(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require_any()?;
    Ok(one(&rendered(&app, &caller.realm, caller.may(Role::ViewRealm))?))
}

fn rendered(app: &App, realm: &Realm, whole: bool) -> Result<Members, ApiError> {
    if !whole {
        return Ok(Members::from_iter([("realm".to_owned(), json!(realm.name))]));
    }
    let (kept, default_role) = app.store.read(|tx| {
        let role = store::role::by_name(tx, &realm.id, None, &realm.default_role())?;
        Ok((store::realm::kept(tx, &realm.id)?, role))
    })?;
    let mut members = representation::realm::render(realm, &kept);
    members.remove("components");
    without_secrets(&mut members);
    if let Some(role) = default_role {
        let shown = super::roles::rendered(&role, &realm.id, true);
        members.insert("defaultRole".to_owned(), shown.into());
    }
    Ok(members)
}

/// `PUT A`: what is absent stays as it was
async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(given): Json<RealmRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageRealm)?;
    let name = given.realm.clone().unwrap_or_else(|| caller.realm.name.clone());
    if name != caller.realm.name && (name.is_empty() || name.contains('/') || name.len() > 255) {
        return Err(refused("The name of a realm has 1 to 255 characters and no slash"));
    }
    if name != caller.realm.name && caller.realm.name == MASTER {
        return Err(refused("The realm `master` cannot be renamed"));
    }
    let before = Arc::clone(&caller.realm);
    let note = caller.note("realm.change", "UPDATE", "REALM", "");
    let taken = name.clone();
    let changed = app.store.write(move |tx| {
        let current = store::realm::settings(tx, &before.id)?;
        let (settings, rest) = given.settings(&current).map_err(|error| in_store(&error))?;
        let uma = UmaSettings::read(&settings.attributes)
            .map_err(|error| StoreError::Refused(format!("member `attributes`: {error}")))?;
        let mut kept = store::realm::kept(tx, &before.id)?;
        representation::keep(&mut kept, &rest);
        let after = Realm {
            name,
            enabled: given.enabled.unwrap_or(before.enabled),
            not_before: given.not_before.map_or(before.not_before, countersign_core::time::UnixTime),
            settings,
            uma,
            ..Realm::clone(&before)
        };
        store::realm::update(tx, &after, &kept)?;
        note.record(tx)
    });
    changed.await.map_err(|error| {
        super::answer::or_else(error, || format!("Realm {taken} already exists"), "Realm not found.")
    })?;
    Ok(no_content())
}

/// `DELETE A`, with everything in it
async fn remove(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ManageRealm)?;
    if caller.realm.name == MASTER {
        return Err(refused("The realm `master` cannot be deleted"));
    }
    let (realm, now, event) = (Arc::clone(&caller.realm), caller.now(), caller.event("realm.delete"));
    app.store
        .write(move |tx| {
            store::realm::delete(tx, &realm, now)?;
            store::audit::record(tx, &event)
        })
        .await
        .map_err(|error| super::answer::or_else(error, String::new, "Realm not found."))?;
    app.forget(&caller.realm);
    Ok(no_content())
}
