//! The groups of a person.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;

use super::caller::{Person, Role};
use crate::{
    app::App,
    error::ApiError,
    http::{Family, extract::Query, json},
    store,
};

/// A group as its members see it
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "OwnGroup"))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Group {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<std::collections::BTreeMap<String, Vec<String>>>,
    sub_groups: [(); 0],
}

/// `GET account/groups`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ViewGroups])?;
    let brief = query.flag("briefRepresentation").unwrap_or(true);
    let groups: Vec<Group> = app.store.read(|tx| {
        let mut shown = Vec::new();
        for group in store::user::groups(tx, &caller.user.id)? {
            let Some(group) = store::group::by_id(tx, &caller.realm.id, &group.id)? else { continue };
            shown.push(Group {
                id: group.id,
                name: group.name,
                description: group.description,
                path: group.path,
                attributes: (!brief).then_some(group.attributes),
                sub_groups: [],
            });
        }
        Ok(shown)
    })?;
    Ok(json(StatusCode::OK, Family::Api, &groups))
}
