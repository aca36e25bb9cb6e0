//! The audit trail of a realm: what was changed and what was decided.

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};

use super::{
    REALM,
    answer::list,
    caller::{Caller, Role},
};
use crate::{
    app::App,
    error::ApiError,
    http::{Routes as _, extract::Query},
    store::{self, audit::AuditFilter},
};

/// Rows of a page that says nothing, and of the longest
const USUAL: i64 = 100;
const MOST: i64 = 1_000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().at(&format!("{REALM}/audit"), get(all))
}

/// What a query asks for. Pages follow by `before` and `after`, which name a row: nothing is passed over or shown twice.
pub fn filter(query: &Query) -> Result<AuditFilter, ApiError> {
    let text = |name: &str| query.get(name).map(str::to_owned);
    // In milliseconds, as the rows say it.
    let seconds = |name: &str| Ok::<_, ApiError>(query.number(name)?.map(|millis| millis.div_euclid(1000)));
    Ok(AuditFilter {
        events: query.all("event").take(100).map(str::to_owned).collect(),
        actor: text("actor"),
        server: text("resourceServer"),
        resource: text("resource"),
        requester: text("requester"),
        owner: text("owner"),
        from: seconds("from")?,
        to: seconds("to")?,
        before: query.number("before")?,
        after: query.number("after")?,
        max: query.number("max")?.unwrap_or(USUAL).clamp(0, MOST),
    })
}

/// `GET /admin/realms/{realm}/audit`
async fn all(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::ViewEvents)?;
    let filter = filter(&query)?;
    Ok(list(&app.store.read(|tx| store::audit::list(tx, &caller.realm.id, &filter))?))
}
