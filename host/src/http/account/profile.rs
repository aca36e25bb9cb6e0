//! What a person is called, and what else her profile says (`keycloak-wire` §10; `admin-surface` §4).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::caller::{Person, Role};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Family,
        admin::users::{profile, taken},
        extract::{Json, Query, Represents},
        json as answer,
    },
    realm::User,
    representation::lenient::Values,
    store::{
        self,
        user::people::{self, UserRecord},
    },
};

/// What a person sends of herself; members of what she was shown come back and have no effect
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "OwnProfile"))]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(in crate::http) struct Profile {
    #[serde(rename = "id")]
    _id: Option<String>,
    username: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    #[serde(rename = "emailVerified")]
    _email_verified: Option<bool>,
    #[serde(rename = "userProfileMetadata")]
    _metadata: Option<Value>,
    attributes: Option<BTreeMap<String, Option<Values>>>,
}

impl Represents for Profile {
    const CLASS: &'static str = "UserRepresentation";
}

/// `GET account`
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount, Role::ViewProfile])?;
    let user = app.store.read(|tx| store::user::by_id(tx, &caller.realm.id, &caller.user.id))?;
    let user = user.ok_or_else(|| ApiError::plain(StatusCode::UNAUTHORIZED))?;
    let profile = profile::of(&caller.realm);
    let mut document = Map::new();
    document.insert("id".to_owned(), user.id.as_str().into());
    document.insert("username".to_owned(), user.username.as_str().into());
    let named =
        [("firstName", &user.first_name), ("lastName", &user.last_name), ("email", &user.email)].into_iter();
    document.extend(named.filter_map(|(name, text)| Some((name.to_owned(), text.as_deref()?.into()))));
    document.insert("emailVerified".to_owned(), user.email_verified.into());
    if query.flag("userProfileMetadata").unwrap_or(true) {
        document.insert("userProfileMetadata".to_owned(), profile.metadata());
    }
    document.insert("attributes".to_owned(), json!(profile.seen(&user)));
    Ok(answer(StatusCode::OK, Family::Api, &document))
}

/// What is to become of a person; members that she does not send stay
fn changed(mut user: User, given: &Profile) -> User {
    let text = |given: &str| Some(given.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    if let Some(username) = &given.username {
        user.username = username.to_lowercase();
    }
    if let Some(first_name) = &given.first_name {
        user.first_name = text(first_name);
    }
    if let Some(last_name) = &given.last_name {
        user.last_name = text(last_name);
    }
    if let Some(email) = &given.email {
        let email = text(email).map(|email| email.to_lowercase());
        // Nobody has shown that a new address is hers.
        user.email_verified &= email == user.email;
        user.email = email;
    }
    user
}

/// `POST account`
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Person,
    body: Result<Json<Profile>, ApiError>,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount])?;
    let Json(given) = body?;
    let record = app.store.read(|tx| people::by_id(tx, &caller.realm.id, &caller.user.id))?;
    let record = record.ok_or_else(|| ApiError::plain(StatusCode::UNAUTHORIZED))?;
    let mut user = changed(record.user.clone(), &given);
    profile::of(&caller.realm)
        .apply_own(&record.user, &mut user, given.attributes.as_ref())
        .map_err(ApiError::in_list)?;
    let (by, before) = (caller.clone(), record.user.clone());
    let record = UserRecord { user, ..record };
    let taken = app.store.write(move |tx| {
        // Somebody may have switched her off, or changed her, since she was read.
        let now = people::by_id(tx, &by.realm.id, &before.id)?.map(|record| record.user);
        if now.as_ref() != Some(&before) {
            return Err(store::StoreError::Stale);
        }
        if let Some(refusal) = taken(tx, &by.realm, &record.user)? {
            return Ok(Some(refusal));
        }
        people::update(tx, &by.realm.id, &record, by.now)?;
        store::audit::record(tx, &by.event("user.change"))?;
        Ok(None)
    });
    match taken.await? {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(refusal) => Err(refusal.into()),
    }
}

/// `GET account/supportedLocales`: as the realm's settings list them
pub(super) async fn locales(State(app): State<Arc<App>>, caller: Person) -> Result<Response, ApiError> {
    let kept = app.store.read(|tx| store::realm::kept(tx, &caller.realm.id))?;
    let locales = kept.get("supportedLocales").and_then(Value::as_array);
    let locales: Vec<_> = locales.into_iter().flatten().filter_map(Value::as_str).collect();
    Ok(answer(StatusCode::OK, Family::Api, &locales))
}
