//! Lists of resources, and whom a name means in them (`keycloak-wire` §2.7).

use crate::{
    app::App,
    error::ApiError,
    http::extract::Query,
    realm::Client,
    store::{
        policy::reference,
        resource::{ResourceFilter, ResourceRecord},
    },
};

/// Resources that a query asks for; `own` leaves only those of one owner
pub(in crate::http) fn search(
    app: &App,
    realm_id: &str,
    server: &Client,
    own: Option<&str>,
    query: &Query,
) -> Result<Vec<ResourceRecord>, ApiError> {
    let text = |name| query.get(name).map(str::to_owned);
    let owners = match query.get("owner") {
        None => None,
        Some(name) => Some(party(app, realm_id, server, name)?.into_iter().collect::<Vec<_>>()),
    };
    let owners = match own {
        None => owners,
        Some(me) => {
            let mine = owners.is_none_or(|owners| owners.iter().any(|owner| owner == me));
            Some(mine.then(|| me.to_owned()).into_iter().collect())
        }
    };
    let part = query.page()?;
    let mut filter = ResourceFilter {
        id: text("_id"),
        name: text("name"),
        exact_name: query.flag("exactName").unwrap_or(false),
        uri: text("uri"),
        owners,
        kind: text("type"),
        scope: text("scope"),
    };
    let found = app.store.resources(&server.id, &filter, part)?;
    let from_the_start = part.first == 0 && part.after.is_none() && part.max != 0;
    let by_pattern = query.flag("matchingUri").unwrap_or(false) && found.is_empty() && from_the_start;
    let Some(uri) = filter.uri.take().filter(|_| by_pattern) else { return Ok(found) };
    // Nothing has exactly this URI: the one resource of the resource server whose pattern fits.
    let Some(id) = app.store.resource_matching(&server.id, &uri)? else { return Ok(found) };
    if filter.id.as_ref().is_some_and(|wanted| *wanted != id) {
        return Ok(found);
    }
    filter.id = Some(id);
    Ok(app.store.resources(&server.id, &filter, part)?)
}

/// The id of a user by id or name, or of the resource server by either of its names
pub(in crate::http) fn party(
    app: &App,
    realm_id: &str,
    server: &Client,
    name: &str,
) -> Result<Option<String>, ApiError> {
    if name == server.client_id || name == server.id {
        return Ok(Some(server.id.clone()));
    }
    Ok(app.store.read(|tx| reference::user(tx, realm_id, name))?)
}

/// 400 for an owner that nobody is
pub(in crate::http) fn unknown_owner() -> ApiError {
    ApiError::invalid_request("Owner must be a valid username or user identifier.")
}
