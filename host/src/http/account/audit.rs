//! `audit`: what happened to a person's resources, his part of the audit trail.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};

use super::{caller::Person, resources::SEES};
use crate::{
    app::App,
    error::ApiError,
    http::{Family, admin::audit::filter, extract::Query, json},
    store::{self, audit::AuditFilter},
};

/// `GET audit`
pub(super) async fn own(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require_resources(&SEES)?;
    let filter = AuditFilter { owner: Some(caller.user.id.clone()), ..filter(&query)? };
    let rows = app.store.read(|tx| store::audit::list(tx, &caller.realm.id, &filter))?;
    Ok(json(StatusCode::OK, Family::ApiList, &rows))
}
