//! Groups (`admin-surface` §6).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::Response,
    routing::{get, put},
};
use rusqlite::Transaction;
use serde_json::{Value, json};

use super::{
    REALM,
    answer::{created, list, missing, no_content, one, or_else, refused},
    caller::{Caller, Role},
    users,
};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Family, Routes as _,
        extract::{Json, Query},
        json as answer,
    },
    representation::{
        Members,
        group::{GroupRepresentation, access},
        keep, lenient, rendered as shown,
    },
    store::{
        self, StoreError,
        group::GroupRecord,
        new_id,
        role::{self, Holder},
    },
};

/// 404
pub(super) const MISSING: &str = "Could not find group by id";

pub(super) fn routes() -> Router<Arc<App>> {
    let base = format!("{REALM}/groups");
    Router::new()
        .at(&base, get(all).post(create))
        .at(&format!("{base}/count"), get(count))
        .at(&format!("{base}/{{id}}"), get(read).put(change).delete(remove))
        .at(&format!("{base}/{{id}}/children"), get(children).post(create_below))
        .at(&format!("{base}/{{id}}/members"), get(members))
        .route(&format!("{REALM}/group-by-path/{{*path}}"), get(by_path))
        .at(&format!("{REALM}/default-groups"), get(defaults))
        .at(&format!("{REALM}/default-groups/{{id}}"), put(add_default).delete(remove_default))
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Place {
    #[serde(default)]
    id: String,
    #[serde(default)]
    path: String,
}

/// How a group is shown; what is below it only counts
pub(super) fn rendered(
    tx: &Transaction<'_>,
    caller: &Caller,
    group: &GroupRecord,
    brief: bool,
) -> Result<Members, StoreError> {
    let mut own = GroupRepresentation {
        id: Some(group.id.clone()),
        name: Some(group.name.clone()),
        description: group.description.clone(),
        path: Some(group.path.clone()),
        parent_id: group.parent.clone(),
        sub_group_count: Some(group.children),
        access: Some(access(true, caller.may(Role::ManageUsers))),
        ..GroupRepresentation::default()
    };
    if !brief {
        let (realm, clients) = roles_by_name(tx, &caller.realm.id, Holder::Group, &group.id)?;
        own.realm_roles = Some(realm);
        own.client_roles = Some(clients);
        own.other.clone_from(&group.kept);
    }
    let mut members = shown(&own);
    members.insert("subGroups".to_owned(), json!([]));
    if !brief {
        members.insert("attributes".to_owned(), json!(group.attributes));
    }
    Ok(members)
}

/// Names of realm roles, and of client roles by client
type RoleLists = (Vec<String>, BTreeMap<String, Vec<String>>);

/// Names of the roles that a holder has itself, by client
fn roles_by_name(
    tx: &Transaction<'_>,
    realm_id: &str,
    holder: Holder,
    id: &str,
) -> Result<RoleLists, StoreError> {
    let (mut realm, mut clients) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for role in role::of(tx, holder, id)? {
        match &role.client {
            None => realm.push(role.name),
            Some(client) => {
                if let Some(client) = store::realm::client_by_id(tx, realm_id, client)? {
                    clients.entry(client.client_id).or_default().push(role.name);
                }
            }
        }
    }
    Ok((realm, clients))
}

async fn all(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::QueryGroups)?;
    let (part, brief) = (query.part()?, query.flag("briefRepresentation").unwrap_or(true));
    let exact = query.flag("exact").unwrap_or(false);
    let realm = &caller.realm.id;
    let shown = app.store.read(|tx| {
        let Some(search) = query.get("search") else {
            let groups = store::group::below(tx, realm, None, None, false, part)?;
            return groups.iter().map(|group| rendered(tx, &caller, group, brief)).collect();
        };
        // The hits stand inside their tree, which is cut to them.
        let mut tree = Tree::default();
        for hit in store::group::search(tx, realm, search, exact)? {
            tree.add(tx, &caller, &hit, brief)?;
        }
        Ok(part.of(tree.top(), |group| group.get("id").and_then(Value::as_str)))
    })?;
    Ok(list(&shown))
}

/// Groups with those above them, each once
#[derive(Default)]
struct Tree {
    groups: BTreeMap<String, (Option<String>, Members)>,
}

impl Tree {
    fn add(
        &mut self,
        tx: &Transaction<'_>,
        caller: &Caller,
        hit: &GroupRecord,
        brief: bool,
    ) -> Result<(), StoreError> {
        let mut here = Some(hit.clone());
        while let Some(group) = here {
            if self.groups.contains_key(&group.path) {
                break;
            }
            let shown = rendered(tx, caller, &group, brief)?;
            here = match &group.parent {
                Some(parent) => store::group::by_id(tx, &caller.realm.id, parent)?,
                None => None,
            };
            let above = here.as_ref().map(|above| above.path.clone());
            self.groups.insert(group.path, (above, shown));
        }
        Ok(())
    }

    /// Puts each group into the one above it, the deepest first
    fn top(mut self) -> Vec<Members> {
        let mut top = Vec::new();
        let mut paths: Vec<String> = self.groups.keys().cloned().collect();
        paths.sort_by_key(|path| core::cmp::Reverse(path.matches('/').count()));
        for path in paths {
            let Some((above, shown)) = self.groups.remove(&path) else { continue };
            match above.and_then(|above| self.groups.get_mut(&above)) {
                Some((_, parent)) => {
                    if let Some(below) = parent.get_mut("subGroups").and_then(serde_json::Value::as_array_mut)
                    {
                        below.push(shown.into());
                    }
                }
                None => top.push(shown),
            }
        }
        top.sort_by(|one, other| {
            one.get("name").map(ToString::to_string).cmp(&other.get("name").map(ToString::to_string))
        });
        top
    }
}

async fn count(State(app): State<Arc<App>>, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.require(Role::QueryGroups)?;
    let top = query.flag("top").unwrap_or(false);
    let count = app.store.read(|tx| store::group::count(tx, &caller.realm.id, query.get("search"), top))?;
    Ok(one(&json!({ "count": count })))
}

fn load(app: &App, caller: &Caller, id: &str) -> Result<GroupRecord, ApiError> {
    app.store.read(|tx| store::group::by_id(tx, &caller.realm.id, id))?.ok_or_else(|| missing(MISSING))
}

async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let group = load(&app, &caller, &place.id)?;
    Ok(one(&app.store.read(|tx| rendered(tx, &caller, &group, false))?))
}

async fn by_path(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let path = format!("/{}", place.path.trim_matches('/'));
    let shown = app.store.read(|tx| match store::group::by_path(tx, &caller.realm.id, &path)? {
        Some(group) => rendered(tx, &caller, &group, false).map(Some),
        None => Ok(None),
    })?;
    Ok(one(&shown.ok_or_else(|| missing("Group path does not exist"))?))
}

async fn children(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let group = load(&app, &caller, &place.id)?;
    let (part, brief) = (query.part()?, query.flag("briefRepresentation").unwrap_or(false));
    let exact = query.flag("exact").unwrap_or(false);
    let shown: Vec<Members> = app.store.read(|tx| {
        let below =
            store::group::below(tx, &caller.realm.id, Some(&group.id), query.get("search"), exact, part)?;
        below.iter().map(|group| rendered(tx, &caller, group, brief)).collect()
    })?;
    Ok(list(&shown))
}

async fn members(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewUsers)?;
    let group = load(&app, &caller, &place.id)?;
    let part = query.page()?;
    let people = app.store.read(|tx| {
        let ids = store::group::members(tx, &group.id, part)?;
        users::by_ids(tx, &caller, ids)
    })?;
    Ok(list(&people))
}

/// The name that a body gives
fn name(given: &GroupRepresentation) -> Result<String, ApiError> {
    let name = given.name.clone().unwrap_or_default();
    if name.trim().is_empty() {
        return Err(refused("Group name is missing"));
    }
    if name.contains('/') || name.chars().count() > 255 || name.chars().any(char::is_control) {
        return Err(refused("The name of a group has at most 255 characters and no slash"));
    }
    Ok(name)
}

fn record(given: &GroupRepresentation, name: String, above: Option<&GroupRecord>) -> GroupRecord {
    GroupRecord {
        id: new_id(),
        parent: above.map(|above| above.id.clone()),
        path: path_of(&name, above),
        name,
        description: given.description.clone(),
        attributes: given.attributes.as_ref().map(lenient::attributes).unwrap_or_default(),
        kept: given.other.clone(),
        children: 0,
    }
}

fn path_of(name: &str, above: Option<&GroupRecord>) -> String {
    format!("{}/{name}", above.map(|above| above.path.as_str()).unwrap_or_default())
}

async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(given): Json<GroupRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    if let Some(id) = given.id.clone()
        && app.store.read(|tx| store::group::by_id(tx, &caller.realm.id, &id))?.is_some()
    {
        return move_below(&app, &caller, &id, None).await;
    }
    let name = name(&given)?;
    let group = record(&given, name.clone(), None);
    let path = format!("groups/{}", group.id);
    let (location, note) = (caller.location(&path), caller.note("group.create", "CREATE", "GROUP", path));
    let realm = caller.realm.id.clone();
    app.store
        .write(move |tx| {
            store::group::insert(tx, &realm, &group)?;
            note.record(tx)
        })
        .await
        .map_err(|error| {
            or_else(error, || format!("Top level group named '{name}' already exists."), MISSING)
        })?;
    created(&location)
}

async fn create_below(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<GroupRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let above = load(&app, &caller, &place.id)?;
    if let Some(id) = &given.id {
        return move_below(&app, &caller, id, Some(&above)).await;
    }
    let name = name(&given)?;
    let group = record(&given, name.clone(), Some(&above));
    let path = format!("groups/{}", group.id);
    let (location, note) = (caller.location(&path), caller.note("group.create", "CREATE", "GROUP", path));
    let (realm, stored) = (caller.realm.id.clone(), group.clone());
    app.store
        .write(move |tx| {
            store::group::insert(tx, &realm, &stored)?;
            note.record(tx)
        })
        .await
        .map_err(|error| {
            or_else(error, || format!("Sibling group named '{name}' already exists."), MISSING)
        })?;
    let body = app.store.read(|tx| rendered(tx, &caller, &group, false))?;
    let mut response = answer(StatusCode::CREATED, Family::Api, &body);
    let url = created(&location)?.headers().get(header::LOCATION).cloned();
    if let Some(url) = url {
        response.headers_mut().insert(header::LOCATION, url);
    }
    Ok(response)
}

/// A group that is there goes below another, or to the top
async fn move_below(
    app: &App,
    caller: &Caller,
    id: &str,
    above: Option<&GroupRecord>,
) -> Result<Response, ApiError> {
    let mut group = load(app, caller, id)?;
    group.parent = above.map(|above| above.id.clone());
    group.path = path_of(&group.name, above);
    let (name, realm) = (group.name.clone(), caller.realm.id.clone());
    let note = caller.note("group.move", "UPDATE", "GROUP", format!("groups/{id}"));
    app.store
        .write(move |tx| {
            if let Some(parent) = &group.parent
                && store::group::is_within(tx, parent, &group.id)?
            {
                return Err(StoreError::Refused("A group cannot be below itself".to_owned()));
            }
            store::group::update(tx, &realm, &group)?;
            note.record(tx)
        })
        .await
        .map_err(|error| {
            or_else(error, || format!("Sibling group named '{name}' already exists."), MISSING)
        })?;
    Ok(no_content())
}

async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
    Json(given): Json<GroupRepresentation>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let mut group = load(&app, &caller, &place.id)?;
    if given.name.is_some() {
        let name = name(&given)?;
        let above = group.path.rsplit_once('/').map(|(above, _)| above).unwrap_or_default();
        group.path = format!("{above}/{name}");
        group.name = name;
    }
    if given.description.is_some() {
        group.description.clone_from(&given.description);
    }
    if let Some(attributes) = &given.attributes {
        group.attributes = lenient::attributes(attributes);
    }
    keep(&mut group.kept, &given.other);
    let (name, realm) = (group.name.clone(), caller.realm.id.clone());
    let note = caller.note("group.change", "UPDATE", "GROUP", format!("groups/{}", group.id));
    app.store
        .write(move |tx| {
            store::group::update(tx, &realm, &group)?;
            note.record(tx)
        })
        .await
        .map_err(|error| {
            or_else(error, || format!("Sibling group named '{name}' already exists."), MISSING)
        })?;
    Ok(no_content())
}

async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageUsers)?;
    let realm = caller.realm.id.clone();
    let note = caller.note("group.delete", "DELETE", "GROUP", format!("groups/{}", place.id));
    app.store
        .write(move |tx| {
            store::group::delete(tx, &realm, &place.id)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, MISSING))?;
    Ok(no_content())
}

async fn defaults(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    caller.require(Role::ViewRealm)?;
    let shown: Vec<Members> = app.store.read(|tx| {
        let groups = store::group::defaults(tx, &caller.realm.id)?;
        groups.iter().map(|group| rendered(tx, &caller, group, true)).collect()
    })?;
    Ok(list(&shown))
}

async fn add_default(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    set_default(&app, &caller, place.id, true).await
}

async fn remove_default(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    set_default(&app, &caller, place.id, false).await
}

async fn set_default(app: &App, caller: &Caller, id: String, on: bool) -> Result<Response, ApiError> {
    caller.require(Role::ManageRealm)?;
    load(app, caller, &id)?;
    let by = caller.clone();
    let note = caller.note("group.default", "UPDATE", "GROUP", format!("default-groups/{id}"));
    let done = app.store.write(move |tx| {
        if on {
            for held in role::effective(tx, Holder::Group, &id)? {
                by.demand_gift(tx, &held.id)?;
            }
            store::group::add_default(tx, &by.realm.id, &id)?;
        } else {
            store::group::remove_default(tx, &by.realm.id, &id)?;
        }
        note.record(tx)
    });
    done.await?;
    Ok(no_content())
}
