//! Events, and which of them a realm keeps (`admin-surface` §9).

use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::get};
use serde_json::Value;

use super::{
    REALM,
    answer::{in_store, list, no_content, one, or_else},
    caller::{Caller, Role},
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Routes as _,
        extract::{Json, Query},
    },
    representation::{
        Members, change,
        event::USUAL_EVENTS,
        realm::{EVENTS, EventsConfig},
        rendered,
    },
    store::{self, event::EventFilter},
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .at(&format!("{REALM}/events"), get(all).delete(clear))
        .at(&format!("{REALM}/events/config"), get(config).put(set_config))
        .at(&format!("{REALM}/admin-events"), get(all_admin).delete(clear_admin))
}

/// A day, or milliseconds since 1970; `end` takes the last moment of the day
fn moment(query: &Query, name: &str, end: bool) -> Result<Option<i64>, ApiError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(Some(millis));
    }
    let wrong = || ApiError::invalid_request(format!("Invalid {name}"));
    let mut parts = text.splitn(3, '-').map(str::parse::<i64>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let days = days(year, month, day).ok_or_else(wrong)?;
    let days = if end { days.saturating_add(1) } else { days };
    let millis = days.saturating_mul(86_400_000);
    Ok(Some(if end { millis.saturating_sub(1) } else { millis }))
}

/// Days since 1970 of a date in the Gregorian calendar
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let place = usize::try_from(month.checked_sub(1)?).ok()?;
    let before = *BEFORE.get(place)?;
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let past = year.checked_sub(1)?;
    let leaps =
        past.checked_div(4)?.checked_sub(past.checked_div(100)?)?.checked_add(past.checked_div(400)?)?;
    // 477 leap years came before 1970.
    let of_years = year.checked_sub(1970)?.checked_mul(365)?.checked_add(leaps.checked_sub(477)?)?;
    let leap_day = i64::from(leap(year) && month > 2);
    of_years.checked_add(before)?.checked_add(leap_day)?.checked_add(day.checked_sub(1)?)
}

async fn all(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::ViewEvents)?;
    let text = |name: &str| query.get(name).map(str::to_owned);
    let filter = EventFilter {
        kinds: query.all("type").take(200).map(str::to_owned).collect(),
        client: text("client"),
        user: text("user"),
        address: text("ipAddress"),
        from: moment(&query, "dateFrom", false)?,
        to: moment(&query, "dateTo", true)?,
    };
    let part = query.page()?;
    Ok(list(&app.store.read(|tx| store::event::list(tx, &caller.realm.id, &filter, part))?))
}

async fn clear(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ManageEvents)?;
    let (realm, event) = (caller.realm.id.clone(), caller.event("events.clear"));
    app.store
        .write(move |tx| {
            store::event::clear(tx, &realm)?;
            store::audit::record(tx, &event)
        })
        .await?;
    Ok(no_content())
}

async fn config(State(_): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ViewEvents)?;
    let mut members = rendered(&caller.realm.settings);
    members.retain(|name, _| EVENTS.contains(&name.as_str()));
    if members.get("enabledEventTypes").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        members.insert("enabledEventTypes".to_owned(), USUAL_EVENTS.into());
    }
    Ok(one(&members))
}

async fn set_config(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(EventsConfig(given)): Json<EventsConfig>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageEvents)?;
    let note = caller.note("events.config", "UPDATE", "REALM", "events/config");
    let given: Members = given.into_iter().filter(|(name, _)| EVENTS.contains(&name.as_str())).collect();
    super::client_scopes::change_settings(&app, &caller, note, move |settings| {
        (*settings, _) = change(settings, &given).map_err(|error| in_store(&error))?;
        Ok(())
    })
    .await
    .map_err(|error| or_else(error, String::new, "Realm not found."))?;
    Ok(no_content())
}

async fn all_admin(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::ViewEvents)?;
    let part = query.page()?;
    Ok(list(&app.store.read(|tx| store::event::list_admin(tx, &caller.realm.id, part))?))
}

async fn clear_admin(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ManageEvents)?;
    let (realm, event) = (caller.realm.id.clone(), caller.event("admin_events.clear"));
    app.store
        .write(move |tx| {
            store::event::clear_admin(tx, &realm)?;
            store::audit::record(tx, &event)
        })
        .await?;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(2000, 2, 29), Some(11_016));
        assert_eq!(days(2000, 3, 1), Some(11_017));
        assert_eq!(days(2026, 11, 22), Some(20_779));
        assert_eq!(days(2026, 13, 1), None);
    }
}
