//! What people may be asked to do at a sign-in (`admin-surface` §9).

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};

use super::{
    REALM,
    answer::{list, missing, no_content, one, or_else},
    caller::{Caller, Role},
    client_scopes::change_settings,
};
use crate::{
    app::App,
    error::ApiError,
    http::{Routes as _, extract::Json},
    representation::event::{RequiredAction, usual_actions},
    sign_in::required::actions,
    store::StoreError,
};

const MISSING: &str = "Failed to find required action";

pub(super) fn routes() -> Router<Arc<App>> {
    let base = format!("{REALM}/authentication/required-actions");
    Router::new().at(&base, get(all)).at(&format!("{base}/{{alias}}"), get(read).put(change))
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Place {
    alias: String,
}

async fn all(caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ViewRealm)?;
    Ok(list(&actions(&caller.realm.settings)))
}

async fn read(caller: Caller, Path(place): Path<Place>) -> Result<Response, ApiError> {
    caller.require(Role::ViewRealm)?;
    let actions = actions(&caller.realm.settings);
    let action = actions.iter().find(|action| action.alias == place.alias);
    Ok(one(action.ok_or_else(|| missing(MISSING))?))
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<RequiredAction>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageRealm)?;
    let path = format!("authentication/required-actions/{}", place.alias);
    let note = caller.note("realm.required_action", "UPDATE", "REQUIRED_ACTION", path);
    change_settings(&app, &caller, note, move |settings| {
        let actions = settings.required_actions.get_or_insert_with(usual_actions);
        let action = actions.iter_mut().find(|action| action.alias == place.alias);
        let action = action.ok_or(StoreError::Missing)?;
        // By its alias it is found: that stays.
        *action = RequiredAction {
            alias: place.alias,
            provider_id: action.provider_id.clone(),
            name: if given.name.is_empty() { action.name.clone() } else { given.name },
            ..given
        };
        Ok(())
    })
    .await
    .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}
