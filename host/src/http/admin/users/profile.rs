//! The profile of people of a realm, over HTTP (`admin-surface` §4).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    app::App,
    error::ApiError,
    http::{
        Family,
        admin::{
            answer::{one, refused},
            caller::{Caller, Role},
        },
        extract::{Json, Represents},
        json as answer,
    },
    profile::{Profile, usual},
    store,
};

/// A profile as it is sent and stored
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(in crate::http::admin) struct Document(Value);

impl Represents for Document {
    const CLASS: &'static str = "UPConfig";
}

pub(in crate::http::admin) async fn read(
    State(_): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, ApiError> {
    if !caller.may(Role::ViewRealm) {
        caller.require(Role::QueryUsers)?;
    }
    Ok(one(&caller.realm.settings.user_profile.clone().unwrap_or_else(usual)))
}

pub(in crate::http::admin) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(Document(given)): Json<Document>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageRealm)?;
    let profile: Profile =
        serde_json::from_value(given.clone()).map_err(|_| refused("UserProfile configuration is invalid"))?;
    if let Some(text) = profile.refusal() {
        return Err(refused(format!("UserProfile configuration is invalid. Errors: [{text}]")));
    }
    let note = caller.note("realm.profile", "UPDATE", "USER_PROFILE", "users/profile");
    let (realm, stored) = (caller.realm.id.clone(), given.clone());
    app.store
        .write(move |tx| {
            let mut settings = store::realm::settings(tx, &realm)?;
            settings.user_profile = Some(stored);
            store::realm::set_settings(tx, &realm, &settings)?;
            note.record(tx)
        })
        .await?;
    Ok(answer(StatusCode::OK, Family::Api, &given))
}
