//! Roles of the realm and of clients, and what they contain (`admin-surface` §5).

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use rusqlite::Transaction;
use serde_json::json;

use super::{
    REALM,
    answer::{created, list, no_content, one, or_else, refused},
    caller::{Caller, Role},
    users,
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Routes as _,
        extract::{Json, Query},
    },
    percent::segment,
    representation::{
        Members, keep, lenient, rendered as shown,
        role::{Composites, RoleRepresentation},
    },
    store::{self, StoreError, new_id, role::RoleRecord},
};

const MISSING: &str = "Could not find role";

pub(super) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for below in ["roles", "clients/{uuid}/roles"] {
        let base = format!("{REALM}/{below}");
        router = router
            .at(&base, get(all).post(create))
            .at(&format!("{base}/{{name}}"), get(read).put(change).delete(remove))
            .at(
                &format!("{base}/{{name}}/composites"),
                get(composites).post(add_composites).delete(remove_composites),
            )
            .at(&format!("{base}/{{name}}/composites/realm"), get(composites_of_realm))
            .at(&format!("{base}/{{name}}/composites/clients/{{other}}"), get(composites_of_client))
            .at(&format!("{base}/{{name}}/users"), get(holders))
            .at(&format!("{base}/{{name}}/groups"), get(holding_groups));
    }
    let base = format!("{REALM}/roles-by-id/{{id}}");
    router
        .at(&base, get(read).put(change).delete(remove))
        .at(&format!("{base}/composites"), get(composites).post(add_composites).delete(remove_composites))
        .at(&format!("{base}/composites/realm"), get(composites_of_realm))
        .at(&format!("{base}/composites/clients/{{other}}"), get(composites_of_client))
}

/// Which role a path means: by id, or by name below the realm or a client
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
struct Place {
    uuid: Option<String>,
    name: Option<String>,
    id: Option<String>,
    other: Option<String>,
}

impl Place {
    /// Demands the right for roles of the realm, or of clients; which one, a role by id says itself
    fn require(caller: &Caller, of_client: bool, manage: bool) -> Result<(), ApiError> {
        caller.require(match (of_client, manage) {
            (false, false) => Role::ViewRealm,
            (false, true) => Role::ManageRealm,
            (true, false) => Role::ViewClients,
            (true, true) => Role::ManageClients,
        })
    }

    /// The client whose roles are meant; one that is not there is a refusal
    fn client(&self, tx: &Transaction<'_>, realm_id: &str) -> Result<Option<String>, StoreError> {
        match &self.uuid {
            None => Ok(None),
            Some(uuid) => match store::realm::client_by_id(tx, realm_id, uuid)? {
                Some(client) => Ok(Some(client.id)),
                None => Err(StoreError::Missing),
            },
        }
    }

    fn role(&self, tx: &Transaction<'_>, realm_id: &str) -> Result<RoleRecord, StoreError> {
        if let Some(id) = &self.id {
            return store::role::by_id(tx, realm_id, id)?.ok_or(StoreError::Missing);
        }
        let client = self.client(tx, realm_id)?;
        let name = self.name.as_deref().unwrap_or_default();
        store::role::by_name(tx, realm_id, client.as_deref(), name)?.ok_or(StoreError::Missing)
    }

    /// The role, with the right to see or to change it
    fn load(&self, app: &App, caller: &Caller, manage: bool) -> Result<RoleRecord, ApiError> {
        if self.id.is_none() {
            Self::require(caller, self.uuid.is_some(), manage)?;
        }
        let role = app
            .store
            .read(|tx| self.role(tx, &caller.realm.id))
            .map_err(|error| or_else(error, String::new, MISSING))?;
        Self::require(caller, role.client.is_some(), manage)?;
        Ok(role)
    }
}

/// How a role is shown
pub(super) fn rendered(role: &RoleRecord, realm_id: &str, brief: bool) -> Members {
    let mut members = if brief { Members::new() } else { role.kept.clone() };
    let own = RoleRepresentation {
        id: Some(role.id.clone()),
        name: Some(role.name.clone()),
        description: role.description.clone(),
        composite: Some(role.composite),
        client_role: Some(role.client.is_some()),
        container_id: Some(role.client.clone().unwrap_or_else(|| realm_id.to_owned())),
        ..RoleRepresentation::default()
    };
    members.extend(shown(&own));
    if !brief {
        members.insert("attributes".to_owned(), json!(role.attributes));
    }
    members
}

/// How several are shown
pub(super) fn rendered_all(roles: &[RoleRecord], realm_id: &str, brief: bool) -> Response {
    list(&roles.iter().map(|role| rendered(role, realm_id, brief)).collect::<Vec<_>>())
}

async fn all(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    query: Query,
) -> Result<Response, ApiError> {
    Place::require(&caller, place.uuid.is_some(), false)?;
    let (part, brief) = (query.part()?, query.flag("briefRepresentation").unwrap_or(true));
    let realm = &caller.realm.id;
    let roles = app.store.read(|tx| {
        let client = place.client(tx, realm)?;
        store::role::list(tx, realm, client.as_deref(), query.get("search"), part)
    });
    let roles = roles.map_err(|error| or_else(error, String::new, super::clients::MISSING))?;
    Ok(rendered_all(&roles, realm, brief))
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<RoleRepresentation>,
) -> Result<Response, ApiError> {
    Place::require(&caller, place.uuid.is_some(), true)?;
    let name = given.name().to_owned();
    if name.is_empty() || name.chars().count() > 255 {
        return Err(refused("The name of a role has 1 to 255 characters"));
    }
    let path = match &place.uuid {
        None => format!("roles/{}", segment(&name)),
        Some(uuid) => format!("clients/{}/roles/{}", segment(uuid), segment(&name)),
    };
    let location = caller.location(&path);
    let note = caller.note("role.create", "CREATE", "REALM_ROLE", path);
    let taken = name.clone();
    let by = caller.clone();
    let made = app.store.write(move |tx| {
        let realm = &by.realm;
        let role = RoleRecord {
            id: new_id(),
            name,
            description: given.description.clone(),
            client: place.client(tx, &realm.id)?,
            composite: false,
            attributes: given.attributes.as_ref().map(lenient::attributes).unwrap_or_default(),
            kept: given.other.clone(),
        };
        store::role::insert(tx, &realm.id, &role)?;
        let mut writing = store::import::Writing::new(tx, realm, by.now());
        for (client, name) in given.composites.iter().flat_map(Composites::iter) {
            let child = writing.known_role(client, name)?;
            let child = child.ok_or_else(|| StoreError::Refused(format!("Role {name} does not exist")))?;
            by.demand_gift(tx, &child)?;
            store::role::contain(tx, &role.id, &child)?;
        }
        store::realm::touch(tx, &realm.id)?;
        note.record(tx)
    });
    made.await.map_err(|error| {
        or_else(error, || format!("Role with name {taken} already exists"), super::clients::MISSING)
    })?;
    created(&location)
}

async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    let role = place.load(&app, &caller, false)?;
    Ok(one(&rendered(&role, &caller.realm.id, false)))
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<RoleRepresentation>,
) -> Result<Response, ApiError> {
    let before = place.load(&app, &caller, true)?;
    let name = given.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| before.name.clone());
    let mut after = RoleRecord { name: name.clone(), ..before };
    if given.description.is_some() {
        after.description.clone_from(&given.description);
    }
    if let Some(attributes) = &given.attributes {
        after.attributes = lenient::attributes(attributes);
    }
    keep(&mut after.kept, &given.other);
    let (realm, note) = (
        caller.realm.id.clone(),
        caller.note("role.change", "UPDATE", "REALM_ROLE", format!("roles-by-id/{}", after.id)),
    );
    app.store
        .write(move |tx| {
            store::role::update(tx, &realm, &after)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, || format!("Role with name {name} already exists"), MISSING))?;
    Ok(no_content())
}

async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    let role = place.load(&app, &caller, true)?;
    if role.client.is_none() && role.name == caller.realm.default_role() {
        return Err(refused(format!(
            "{} is the default role of the realm and cannot be removed.",
            role.name
        )));
    }
    let (realm, note) = (
        caller.realm.id.clone(),
        caller.note("role.delete", "DELETE", "REALM_ROLE", format!("roles-by-id/{}", role.id)),
    );
    app.store
        .write(move |tx| {
            store::role::delete(tx, &realm, &role.id)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}

fn contained(
    app: &App,
    caller: &Caller,
    place: &Place,
    only: impl Fn(&RoleRecord) -> bool,
) -> Result<Response, ApiError> {
    let role = place.load(app, caller, false)?;
    let mut below = app.store.read(|tx| store::role::composites(tx, &role.id))?;
    below.retain(only);
    Ok(rendered_all(&below, &caller.realm.id, true))
}

async fn composites(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    contained(&app, &caller, &place, |_| true)
}

async fn composites_of_realm(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    contained(&app, &caller, &place, |role| role.client.is_none())
}

async fn composites_of_client(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    contained(&app, &caller, &place, |role| role.client == place.other)
}

/// The roles that a body names, by id or by name
pub(super) fn named(
    tx: &Transaction<'_>,
    realm_id: &str,
    client: Option<&str>,
    given: &[RoleRepresentation],
) -> Result<Vec<RoleRecord>, StoreError> {
    let find = |given: &RoleRepresentation| {
        let found = match given.id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => store::role::by_id(tx, realm_id, id)?,
            None => store::role::by_name(tx, realm_id, client, given.name())?,
        };
        found.ok_or(StoreError::Missing)
    };
    given.iter().map(find).collect()
}

async fn add_composites(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<Vec<RoleRepresentation>>,
) -> Result<Response, ApiError> {
    let parent = place.load(&app, &caller, true)?;
    let note = caller.note("role.composite", "CREATE", "REALM_ROLE", format!("roles-by-id/{}", parent.id));
    let by = caller.clone();
    let done = app.store.write(move |tx| {
        for child in named(tx, &by.realm.id, None, &given)? {
            by.demand_gift(tx, &child.id)?;
            store::role::contain(tx, &parent.id, &child.id)?;
        }
        store::realm::touch(tx, &by.realm.id)?;
        note.record(tx)
    });
    done.await.map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}

async fn remove_composites(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<Vec<RoleRepresentation>>,
) -> Result<Response, ApiError> {
    let parent = place.load(&app, &caller, true)?;
    let note = caller.note("role.composite", "DELETE", "REALM_ROLE", format!("roles-by-id/{}", parent.id));
    let realm = caller.realm.id.clone();
    app.store
        .write(move |tx| {
            for child in named(tx, &realm, None, &given)? {
                store::role::release(tx, &parent.id, &child.id)?;
            }
            store::realm::touch(tx, &realm)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}

async fn holders(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let role = place.load(&app, &caller, false)?;
    let part = query.part()?;
    let people = app.store.read(|tx| {
        let ids = store::role::users(tx, &role.id, part)?;
        users::by_ids(tx, &caller, ids)
    })?;
    Ok(list(&people))
}

async fn holding_groups(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let role = place.load(&app, &caller, false)?;
    let part = query.part()?;
    let shown = app.store.read(|tx| {
        let ids = store::role::groups(tx, &role.id, part)?;
        let mut shown = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(group) = store::group::by_id(tx, &caller.realm.id, &id)? {
                shown.push(super::groups::rendered(tx, &caller, &group, true)?);
            }
        }
        Ok(shown)
    })?;
    Ok(list(&shown))
}
