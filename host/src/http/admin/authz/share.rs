//! `authz/resource-server/share`: what owners share there. Ours; Keycloak's administrators cannot see it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{
    super::answer::{self, no_content},
    Authz,
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        extract::Query,
        resource_set::{page, party},
        stored_ticket::view,
    },
    store::{policy::reference, share::ShareFilter},
};

/// `GET share`: by `resource`, `owner`, `requester` and `granted`; what nobody knows has none
pub(super) async fn list(
    State(app): State<Arc<App>>,
    authz: Authz,
    query: Query,
) -> Result<Response, ApiError> {
    let (first, max) = page(&query)?;
    let mut filter = ShareFilter { granted: query.flag("granted"), first, max, ..ShareFilter::default() };
    if let Some(text) = query.get("resource") {
        let found = app.store.read(|tx| reference::resource(tx, authz.id(), text))?;
        let found = found.map_or_else(|| app.store.resource_of_name(authz.id(), text), |id| Ok(Some(id)))?;
        let Some(id) = found else { return Ok(answer::list::<()>(&[])) };
        filter.resource = Some(id);
    }
    for (name, place) in [("owner", &mut filter.owner), ("requester", &mut filter.requester)] {
        let Some(text) = query.get(name) else { continue };
        let Some(id) = party(&app, authz.realm_id(), &authz.server, text)? else {
            return Ok(answer::list::<()>(&[]));
        };
        *place = Some(id);
    }
    let shares = app.store.shares(authz.id(), &filter, authz.now())?;
    Ok(answer::list(&shares.into_iter().map(|share| view(share, true, true)).collect::<Vec<_>>()))
}

/// `DELETE share/{id}`: ends it at once
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path((_, _, id)): Path<(String, String, String)>,
    authz: Authz,
) -> Result<Response, ApiError> {
    authz.manage()?;
    let share = app.store.share(authz.id(), &id, authz.now())?.ok_or_else(ApiError::not_found)?;
    app.store.withdraw_share(&share, authz.now(), authz.event("share.withdrawn")).await?;
    Ok(no_content())
}
