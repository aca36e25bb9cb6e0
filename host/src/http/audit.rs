//! What happened to an owner's resources, for himself: his part of the audit trail.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::Value;

use super::{
    Family,
    admin::audit::filter,
    extract::{InRealm, Query},
    json,
};
use crate::{
    app::App,
    auth,
    error::ApiError,
    store::{self, audit::AuditFilter},
};

/// The client whose roles open what people see of their own, and which a token must be for
const ACCOUNT: &str = "account";
/// The roles of which one is enough
const ROLES: [&str; 2] = ["manage-account", "view-profile"];

/// `GET /realms/{realm}/account/audit`
pub async fn own(
    State(app): State<Arc<App>>,
    place: InRealm,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, ApiError> {
    let refused = || ApiError::plain(StatusCode::UNAUTHORIZED).challenged("Bearer");
    let token = auth::bearer(&headers).map_err(|_| refused())?.ok_or_else(refused)?;
    let verified = auth::verify_access_token(&app, &place.realm, &place.issuer, token)
        .map_err(|error| error.or_else(refused))?;
    let claims = verified.token.claims();
    if !claims.aud.iter().any(|audience| audience == ACCOUNT) || verified.user.service_client.is_some() {
        return Err(refused());
    }
    let roles = claims.other.get("resource_access").and_then(|access| access.get(ACCOUNT));
    let roles = roles.and_then(|access| access.get("roles")).and_then(Value::as_array);
    let may = roles.into_iter().flatten().filter_map(Value::as_str).any(|role| ROLES.contains(&role));
    if !may || !place.realm.settings.user_managed_access_allowed {
        return Err(ApiError::plain(StatusCode::FORBIDDEN));
    }
    let filter = AuditFilter { owner: Some(verified.user.id), ..filter(&query)? };
    let rows = app.store.read(|tx| store::audit::list(tx, &place.realm.id, &filter))?;
    Ok(json(StatusCode::OK, Family::ApiList, &rows))
}
