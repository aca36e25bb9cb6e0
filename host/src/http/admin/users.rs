//! People (`admin-surface` §4).

mod groups;
mod profile;
mod sign_ins;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post, put},
};
use rusqlite::Transaction;
use serde_json::{Value, json};

use super::{
    REALM,
    answer::{created, list, missing, no_content, one, or_else, refused},
    caller::{Caller, Role},
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Routes as _,
        extract::{Json, Query},
    },
    import::stored,
    profile::change::{Taken, taken},
    realm::{Realm, User},
    representation::{
        Members,
        credential::CredentialRepresentation,
        keep, rendered as shown,
        user::{UserRepresentation, shown as always},
    },
    sign_in::credentials::demand,
    sign_in::required::{self, UPDATE_PASSWORD},
    store::{
        self, StoreError,
        import::StoredPassword,
        role::{self, Holder},
        user::{
            Credential,
            people::{self, UserFilter, UserRecord},
        },
    },
};

/// 404
pub(super) const MISSING: &str = "User not found";

pub(super) fn routes() -> Router<Arc<App>> {
    let base = format!("{REALM}/users");
    Router::new()
        .at(&base, get(all).post(create))
        .at(&format!("{base}/count"), get(count))
        .at(&format!("{base}/profile"), get(profile::read).put(profile::change))
        .at(&format!("{base}/{{id}}"), get(read).put(change).delete(remove))
        .at(&format!("{base}/{{id}}/reset-password"), put(reset_password))
        .at(&format!("{base}/{{id}}/credentials"), get(credentials))
        .at(&format!("{base}/{{id}}/groups"), get(groups::all))
        .at(&format!("{base}/{{id}}/groups/count"), get(groups::count))
        .at(&format!("{base}/{{id}}/groups/{{gid}}"), put(groups::join).delete(groups::leave))
        .at(&format!("{base}/{{id}}/sessions"), get(sign_ins::all))
        .at(&format!("{base}/{{id}}/logout"), post(sign_ins::end))
}

/// Whom a path means
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Place {
    id: String,
    #[serde(default)]
    gid: String,
}

/// How a user is shown
pub(super) fn rendered(record: &UserRecord, brief: bool, may_manage: bool) -> Members {
    let user = &record.user;
    let mut own = UserRepresentation {
        id: Some(user.id.clone()),
        username: Some(user.username.clone()),
        enabled: Some(user.enabled),
        email: user.email.clone(),
        email_verified: Some(user.email_verified),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        created_timestamp: Some(record.created_at.0.saturating_mul(1000)),
        ..UserRepresentation::default()
    };
    if !brief {
        own.required_actions = Some(record.required_actions.clone());
        own.not_before = Some(user.not_before.0);
    }
    let mut members = shown(&own);
    if let Some(exact) = record.kept.get("createdTimestamp") {
        members.insert("createdTimestamp".to_owned(), exact.clone());
    }
    if !brief {
        if !user.attributes.is_empty() {
            members.insert("attributes".to_owned(), json!(user.attributes));
        }
        for (name, value) in &record.kept {
            members.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    always(&mut members, may_manage);
    members
}

/// People by their ids, in that order, briefly
pub(super) fn by_ids(
    tx: &Transaction<'_>,
    caller: &Caller,
    ids: Vec<String>,
) -> Result<Vec<Members>, StoreError> {
    let may_manage = caller.may(Role::ManageUsers);
    let mut people = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(record) = people::by_id(tx, &caller.realm.id, &id)? {
            people.push(rendered(&record, true, may_manage));
        }
    }
    Ok(people)
}

fn filter(query: &Query) -> UserFilter {
    let text = |name: &str| query.get(name).map(str::to_owned);
    let mut filter = UserFilter {
        username: text("username"),
        email: text("email"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        search: text("search"),
        exact: query.flag("exact").unwrap_or(false),
        enabled: query.flag("enabled"),
        email_verified: query.flag("emailVerified"),
        service_accounts: false,
    };
    // Whoever names a field means whatever has it; a list of people has none of them.
    filter.service_accounts = filter.search.is_none()
        && (filter.username.is_some() || filter.email.is_some() || filter.first_name.is_some());
    filter
}

async fn all(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::QueryUsers)?;
    if !caller.may(Role::ViewUsers) {
        return Ok(list::<Members>(&[]));
    }
    let (part, brief) = (query.page()?, query.flag("briefRepresentation").unwrap_or(false));
    let found = app.store.read(|tx| people::list(tx, &caller.realm.id, &filter(&query), part))?;
    let may_manage = caller.may(Role::ManageUsers);
    Ok(list(&found.iter().map(|record| rendered(record, brief, may_manage)).collect::<Vec<_>>()))
}

async fn count(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    Ok(one(&app.store.read(|tx| people::count(tx, &caller.realm.id, &filter(&query)))?))
}

/// The user of a path
fn load(app: &App, caller: &Caller, id: &str) -> Result<UserRecord, ApiError> {
    app.store.read(|tx| people::by_id(tx, &caller.realm.id, id))?.ok_or_else(|| missing(MISSING))
}

async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    Ok(one(&rendered(&load(&app, &caller, &place.id)?, false, caller.may(Role::ManageUsers))))
}

/// What is to become of a user, before it is looked at by the profile
fn changed(before: UserRecord, given: &UserRepresentation) -> UserRecord {
    let UserRecord { mut user, created_at, mut required_actions, mut kept } = before;
    let text = |given: &Option<String>| given.clone().filter(|text| !text.trim().is_empty());
    if given.username.is_some() {
        user.username = given.username();
    }
    if given.email.is_some() {
        user.email = text(&given.email).map(|email| email.to_lowercase());
    }
    if given.first_name.is_some() {
        user.first_name = text(&given.first_name);
    }
    if given.last_name.is_some() {
        user.last_name = text(&given.last_name);
    }
    user.email_verified = given.email_verified.unwrap_or(user.email_verified);
    user.enabled = given.enabled.unwrap_or(user.enabled);
    if let Some(not_before) = given.not_before {
        user.not_before = countersign_core::time::UnixTime(not_before);
    }
    if let Some(actions) = &given.required_actions {
        required_actions.clone_from(actions);
    }
    keep(&mut kept, &given.kept());
    UserRecord { user, created_at, required_actions, kept }
}

/// Credentials in the form in which they are kept; a plain password is what the realm demands of a new one
async fn passwords(
    app: &App,
    realm: &Realm,
    user: &User,
    given: Vec<CredentialRepresentation>,
) -> Result<Vec<StoredPassword>, ApiError> {
    for plain in given.iter().filter(|one| one.is_password()).filter_map(|one| one.value.as_ref()) {
        demand(app, realm, user, &plain.0).await?;
    }
    let hashed = tokio::task::spawn_blocking(move || {
        given.iter().filter_map(|one| stored(one).transpose()).collect::<Result<Vec<_>, _>>()
    });
    hashed.await.map_err(|_| ApiError::server_error())?.map_err(|_| refused("A password could not be hashed"))
}

fn put_passwords(
    tx: &Transaction<'_>,
    realm: &Realm,
    record: &mut UserRecord,
    passwords: &[StoredPassword],
    now: countersign_core::time::UnixTime,
) -> Result<(), StoreError> {
    let earlier = realm.password_policy().earlier();
    for password in passwords.iter().filter(|password| password.kind == "password") {
        let new = Credential {
            id: store::new_id(),
            secret_data: password.secret_data.clone(),
            credential_data: password.credential_data.clone(),
        };
        people::set_password(tx, &record.user.id, &new, earlier, now)?;
        record.required_actions.retain(|action| action != UPDATE_PASSWORD);
        if password.temporary {
            record.required_actions.push(UPDATE_PASSWORD.to_owned());
        }
    }
    Ok(())
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(given): Json<UserRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let now = caller.now();
    let mut record = changed(UserRecord::named("", now), &given);
    record.user.enabled = given.enabled.unwrap_or(false);
    if given.required_actions.is_none() {
        record.required_actions = required::of_new_users(&caller.realm);
    }
    crate::profile::of(&caller.realm).apply(&mut record.user, given.attributes.as_ref(), false)?;
    let passwords =
        passwords(&app, &caller.realm, &record.user, given.credentials.unwrap_or_default()).await?;
    let path = format!("users/{}", record.user.id);
    let (location, note) = (caller.location(&path), caller.note("user.create", "CREATE", "USER", path));
    let paths = given.groups.unwrap_or_default();
    let by = caller.clone();
    let made = app.store.write(move |tx| {
        let realm = &by.realm;
        if let Some(taken) = taken(tx, realm, &record.user)? {
            return Ok(Err(taken));
        }
        people::insert(tx, &realm.id, &record)?;
        let id = record.user.id.clone();
        if !passwords.is_empty() {
            put_passwords(tx, realm, &mut record, &passwords, now)?;
            people::update(tx, &realm.id, &record, now)?;
        }
        if let Some(role) = role::by_name(tx, &realm.id, None, &realm.default_role())? {
            role::give(tx, Holder::User, &id, &role.id)?;
        }
        let defaults = store::group::defaults(tx, &realm.id)?;
        let mut joined: Vec<String> = defaults.into_iter().map(|group| group.id).collect();
        for path in paths {
            let path = if path.starts_with('/') { path } else { format!("/{path}") };
            let group = store::group::by_path(tx, &realm.id, &path)?.ok_or_else(|| {
                StoreError::Refused(format!("Unable to find group specified by path: {path}"))
            })?;
            groups::demand(tx, &by, &group.id)?;
            joined.push(group.id);
        }
        for group in joined {
            store::group::join(tx, &id, &group)?;
        }
        note.record(tx)?;
        Ok(Ok(()))
    });
    or_back(made.await)?;
    created(&location)
}

/// A refusal that came with the data of the transaction
fn or_back(done: Result<Result<(), Taken>, StoreError>) -> Result<(), ApiError> {
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(taken)) => Err(taken.into()),
        Err(error) => Err(or_else(error, || Taken::Username.text().to_owned(), MISSING)),
    }
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<UserRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let now = caller.now();
    let mut record = changed(load(&app, &caller, &place.id)?, &given);
    crate::profile::of(&caller.realm).apply(&mut record.user, given.attributes.as_ref(), true)?;
    let passwords =
        passwords(&app, &caller.realm, &record.user, given.credentials.unwrap_or_default()).await?;
    let note = caller.note("user.change", "UPDATE", "USER", format!("users/{}", place.id));
    let realm = Arc::clone(&caller.realm);
    let done = app.store.write(move |tx| {
        if let Some(taken) = taken(tx, &realm, &record.user)? {
            return Ok(Err(taken));
        }
        put_passwords(tx, &realm, &mut record, &passwords, now)?;
        people::update(tx, &realm.id, &record, now)?;
        note.record(tx)?;
        Ok(Ok(()))
    });
    or_back(done.await)?;
    Ok(no_content())
}

async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let (realm, now) = (caller.realm.id.clone(), caller.now());
    let note = caller.note("user.delete", "DELETE", "USER", format!("users/{}", place.id));
    app.store
        .write(move |tx| {
            people::delete(tx, &realm, &place.id, now)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}

async fn reset_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<CredentialRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let mut record = load(&app, &caller, &place.id)?;
    if given.value.as_ref().is_none_or(|value| value.0.trim().is_empty()) {
        return Err(ApiError::bare(axum::http::StatusCode::BAD_REQUEST, "Empty password not allowed"));
    }
    if !given.is_password() {
        return Err(refused("Only a password can be set"));
    }
    let passwords = passwords(&app, &caller.realm, &record.user, vec![given]).await?;
    let (realm, now) = (Arc::clone(&caller.realm), caller.now());
    let note = caller.note("user.password", "ACTION", "USER", format!("users/{}/reset-password", place.id));
    app.store
        .write(move |tx| {
            put_passwords(tx, &realm, &mut record, &passwords, now)?;
            people::update(tx, &realm.id, &record, now)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}

/// Which credentials a user has, without any of their secrets
async fn credentials(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    load(&app, &caller, &place.id)?;
    let stored = app.store.read(|tx| people::credentials(tx, &place.id))?;
    let shown: Vec<Value> = stored
        .iter()
        .filter(|one| one.kind != people::EARLIER)
        .map(|one| {
            let mut shown = json!({
                "id": one.id, "type": one.kind, "createdDate": one.created_at.0.saturating_mul(1000),
                "credentialData": one.credential_data,
            });
            if let (Some(label), Some(members)) = (&one.label, shown.as_object_mut()) {
                members.insert("userLabel".to_owned(), json!(label));
            }
            shown
        })
        .collect();
    Ok(list(&shown))
}
