//! `resources/{id}/permissions`: with whom a person shares a resource, who asks for it, and what becomes of that
//! (`keycloak-wire` §10.2, §10.3).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use countersign_core::share::ShareState;
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};

use super::{
    caller::{Caller, Person, Role},
    page::Page,
    resources::{Place, SEES, own},
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Family,
        extract::{OptionalJson, Query, Represents},
        json,
    },
    realm::User,
    store::{
        self, Part, StoreError,
        account::{Holder, Wanted},
        resource::ResourceRecord,
    },
};

/// Most people of one resource in an answer, and in a change
const PEOPLE: i64 = 1_000;

/// What somebody may do with a resource
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AccountPermission"))]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::http) struct Permission {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    scopes: Option<Vec<String>>,
}

impl Represents for Permission {
    const CLASS: &'static str = "Permission";
}

impl From<Holder> for Permission {
    fn from(holder: Holder) -> Self {
        let Holder { user, scopes } = holder;
        Self {
            username: Some(user.username),
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            scopes: Some(scopes),
        }
    }
}

/// With whom a resource is shared
pub(super) fn holders(
    tx: &Transaction<'_>,
    caller: &Caller,
    resource_id: &str,
) -> Result<Vec<Permission>, StoreError> {
    let part = Part { max: PEOPLE, ..Part::ALL };
    let found =
        store::account::holders(tx, &caller.realm.id, resource_id, ShareState::Granted, part, caller.now)?;
    Ok(found.into_iter().map(Permission::from).collect())
}

/// `GET permissions`: with whom
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
    query: Query,
    uri: Uri,
) -> Result<Response, ApiError> {
    people(&app, &caller, &place, &query, &uri, ShareState::Granted)
}

/// `GET permissions/requests`: who asks
pub(super) async fn requests(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
    query: Query,
    uri: Uri,
) -> Result<Response, ApiError> {
    people(&app, &caller, &place, &query, &uri, ShareState::Pending)
}

fn people(
    app: &App,
    caller: &Caller,
    place: &Place,
    query: &Query,
    uri: &Uri,
    state: ShareState,
) -> Result<Response, ApiError> {
    caller.require_resources(&SEES)?;
    let resource = own(app, caller, place)?;
    let page = Page::of(query, PEOPLE)?;
    let mut found = app.store.read(|tx| {
        store::account::holders(tx, &caller.realm.id, &resource.id, state, page.part(), caller.now)
    })?;
    let links = page.cut(&mut found, |holder| Some(holder.user.identity()));
    let people: Vec<_> = found.into_iter().map(Permission::from).collect();
    Ok(links.on(json(StatusCode::OK, Family::Api, &people), &caller.base, uri))
}

fn invalid(description: impl Into<String>) -> ApiError {
    ApiError::bad_request("invalid_permissions", description.into())
}

/// `PUT permissions`: what is listed for somebody is all that he has
pub(super) async fn put(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
    body: Result<OptionalJson<Vec<Permission>>, ApiError>,
) -> Result<Response, ApiError> {
    caller.require_resources(&[Role::ManageAccount])?;
    let resource = own(&app, &caller, &place)?;
    let OptionalJson(body) = body?;
    let listed = body.unwrap_or_default();
    if listed.is_empty() {
        return Err(ApiError::bare(StatusCode::BAD_REQUEST, "invalid_permissions"));
    }
    if listed.len() > usize::try_from(PEOPLE).unwrap_or(usize::MAX) {
        return Err(invalid(format!("at most {PEOPLE} entries at once")));
    }
    let wanted = wanted(&app, &caller, &resource, listed)?;
    let by = caller.clone();
    let done = app.store.put_shares(&resource, wanted, caller.now, move |name| by.event(name)).await;
    // The resource, or a scope of it, has gone meanwhile.
    let gone = |error: StoreError| {
        if error == StoreError::Missing {
            ApiError::bare(StatusCode::NOT_FOUND, "resource_not_found")
        } else {
            error.into()
        }
    };
    done.map_err(gone)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ids for the names of a body; who is listed twice has what is listed last
fn wanted(
    app: &App,
    caller: &Caller,
    resource: &ResourceRecord,
    listed: Vec<Permission>,
) -> Result<Vec<Wanted>, ApiError> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for permission in listed {
        let name = permission.username.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| invalid("`username` is missing"))?;
        let names = permission.scopes.ok_or_else(|| invalid("`scopes` is missing"))?;
        let found = app.store.read(|tx| find(tx, &caller.realm.id, &name))?;
        let user = match found {
            Found::One(user) => user,
            Found::Nobody => return Err(ApiError::bare(StatusCode::NOT_FOUND, name)),
            Found::Several(_) => {
                return Err(invalid("`username` is the name of one and the e-mail address of another"));
            }
        };
        let mut scopes = BTreeSet::new();
        for name in names {
            let known = resource.scopes.iter().find(|scope| scope.id == name || scope.name == name);
            let known = known.ok_or_else(|| invalid(format!("the resource has no scope [{name}]")))?;
            scopes.insert(known.id.clone());
        }
        wanted.insert(user.identity().to_owned(), scopes);
    }
    Ok(wanted.into_iter().map(|(requester, scopes)| Wanted { requester, scopes }).collect())
}

enum Found {
    Nobody,
    One(User),
    /// The name of this one is the address of another
    Several(User),
}

/// Whom a text names: the user of exactly this name or e-mail address
fn find(tx: &Transaction<'_>, realm_id: &str, text: &str) -> Result<Found, StoreError> {
    let by_name = store::user::by_username(tx, realm_id, text)?;
    let by_email = store::user::by_email(tx, realm_id, text)?;
    Ok(match (by_name, by_email) {
        (Some(one), Some(other)) if one.id != other.id => Found::Several(one),
        (Some(user), _) | (None, Some(user)) => Found::One(user),
        (None, None) => Found::Nobody,
    })
}

/// Somebody who has, or has asked for, something of a resource
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Requester {
    id: String,
    username: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// `GET user?value=`: who is behind exactly this name or address, told only of those who take part in the resource
pub(super) async fn user(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require_resources(&SEES)?;
    let resource = own(&app, &caller, &place)?;
    let text = query.get("value").unwrap_or_default();
    let found = app.store.read(|tx| {
        let (Found::One(user) | Found::Several(user)) = find(tx, &caller.realm.id, text)? else {
            return Ok(None);
        };
        let takes_part = store::account::takes_part(tx, &resource.id, user.identity())?;
        Ok(Some((user, takes_part)))
    })?;
    match found {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some((_, false)) => Err(ApiError::plain(StatusCode::FORBIDDEN)),
        Some((user, true)) => {
            let User { id, username, first_name, last_name, email, .. } = user;
            let shown = Requester { id, username, first_name, last_name, email };
            Ok(json(StatusCode::OK, Family::Api, &shown))
        }
    }
}
