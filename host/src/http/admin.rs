//! The admin REST API: everything below `/admin/realms` (`admin-surface`).

pub mod answer;
pub mod audit;
pub mod authz;
mod brute_force;
pub mod caller;
mod client_scopes;
mod clients;
mod components;
mod events;
mod groups;
pub(in crate::http) mod keys;
mod mappers;
mod mappings;
pub(in crate::http) mod partial;
mod realms;
mod required_actions;
mod roles;
mod sessions;
pub(in crate::http) mod users;

use std::sync::Arc;

use axum::{Router, http::StatusCode};

use crate::{app::App, error::ApiError};

/// Every path of one realm begins so
pub const REALM: &str = "/admin/realms/{realm}";

/// All calls, each with and without a trailing slash
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .merge(realms::routes())
        .merge(partial::routes())
        .merge(users::routes())
        .merge(groups::routes())
        .merge(roles::routes())
        .merge(mappings::routes())
        .merge(clients::routes())
        .merge(client_scopes::routes())
        .merge(mappers::routes())
        .merge(sessions::routes())
        .merge(events::routes())
        .merge(audit::routes())
        .merge(keys::routes())
        .merge(components::routes())
        .merge(brute_force::routes())
        .merge(required_actions::routes())
        .merge(authz::router())
}

/// Any other path below `/admin` (design D9)
pub fn not_supported(path: &str) -> ApiError {
    let path: String = path.chars().take(200).collect();
    ApiError::new(StatusCode::NOT_IMPLEMENTED, "not_supported", path)
}
