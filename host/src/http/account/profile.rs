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
        extract::{Json, Query, Represents},
        json as answer,
    },
    profile::{
        self,
        change::{self, Change},
    },
    representation::lenient::{self, Values},
    store,
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

impl Profile {
    fn change(self) -> Change {
        let Self { username, email, first_name, last_name, attributes, .. } = self;
        let attributes = attributes.as_ref().map(lenient::attributes);
        Change { username, email, first_name, last_name, attributes }
    }
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

/// `POST account`
pub(super) async fn change(
    State(app): State<Arc<App>>,
    caller: Person,
    body: Result<Json<Profile>, ApiError>,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount])?;
    let Json(given) = body?;
    let (realm, id) = (Arc::clone(&caller.realm), caller.user.id.clone());
    let before = app.store.read(|tx| store::user::by_id(tx, &realm.id, &id))?;
    let before = before.ok_or_else(|| ApiError::plain(StatusCode::UNAUTHORIZED))?;
    let user = given.change().of(&realm, &before).map_err(|violation| ApiError::from(violation).in_list())?;
    let by = caller.clone();
    let taken = app.store.write(move |tx| {
        let taken = change::put(tx, &realm, &before, user, by.now)?;
        if taken.is_none() {
            store::audit::record(tx, &by.event("user.change"))?;
        }
        Ok(taken)
    });
    match taken.await? {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(taken) => Err(taken.into()),
    }
}

/// `GET account/supportedLocales`: as the realm's settings list them
pub(super) async fn locales(State(app): State<Arc<App>>, caller: Person) -> Result<Response, ApiError> {
    let kept = app.store.read(|tx| store::realm::kept(tx, &caller.realm.id))?;
    let locales = kept.get("supportedLocales").and_then(Value::as_array);
    let locales: Vec<_> = locales.into_iter().flatten().filter_map(Value::as_str).collect();
    Ok(answer(StatusCode::OK, Family::Api, &locales))
}
