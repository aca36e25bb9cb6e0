//! Which client scopes a client has, always or on request.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, put},
};
use serde_json::json;

use super::{Place as Client, load};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Routes as _,
        admin::{
            answer::{list, missing, no_content, or_else},
            caller::{Caller, Role},
            client_scopes,
        },
    },
    realm::{ClientSettings, RealmSettings},
    store::{self, StoreError},
};

/// Which of the two lists
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Default,
    Optional,
}

impl List {
    fn of(self, client: &ClientSettings, realm: &RealmSettings) -> Vec<String> {
        match self {
            Self::Default => {
                client.default_client_scopes.as_ref().unwrap_or(&realm.default_default_client_scopes).clone()
            }
            Self::Optional => client
                .optional_client_scopes
                .as_ref()
                .unwrap_or(&realm.default_optional_client_scopes)
                .clone(),
        }
    }

    fn set(self, client: &mut ClientSettings, names: Vec<String>) {
        match self {
            Self::Default => client.default_client_scopes = Some(names),
            Self::Optional => client.optional_client_scopes = Some(names),
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Default => Self::Optional,
            Self::Optional => Self::Default,
        }
    }
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Place {
    uuid: String,
    id: String,
}

pub(super) fn routes(below: &str) -> Router<Arc<App>> {
    type S = State<Arc<App>>;
    let mut router = Router::new();
    for (name, which) in
        [("default-client-scopes", List::Default), ("optional-client-scopes", List::Optional)]
    {
        router = router
            .at(
                &format!("{below}/{name}"),
                get(move |app: S, caller: Caller, place| async move { all(which, app, &caller, place) }),
            )
            .at(
                &format!("{below}/{name}/{{id}}"),
                put(move |app: S, caller, place| set(which, true, app, caller, place))
                    .delete(move |app: S, caller, place| set(which, false, app, caller, place)),
            );
    }
    router
}

fn all(
    which: List,
    State(app): State<Arc<App>>,
    caller: &Caller,
    Path(place): Path<Client>,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewClients)?;
    let client = load(&app, caller, &place.uuid)?.client;
    let names = which.of(&client.settings, &caller.realm.settings);
    let scopes = caller.realm.settings.client_scopes.iter().filter(|scope| names.contains(&scope.name));
    Ok(list(&scopes.map(|scope| json!({ "id": scope.id, "name": scope.name })).collect::<Vec<_>>()))
}

async fn set(
    which: List,
    on: bool,
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageClients)?;
    load(&app, &caller, &place.uuid)?;
    let scope = caller.realm.settings.client_scopes.iter().find(|scope| scope.id == place.id);
    let scope = scope.ok_or_else(|| missing(client_scopes::MISSING_FOR_CLIENT))?.name.clone();
    let (realm, now) = (Arc::clone(&caller.realm), caller.now());
    let note = caller.note("client.scopes", "UPDATE", "CLIENT", format!("clients/{}", place.uuid));
    app.store
        .write(move |tx| {
            let mut record = store::client::by_id(tx, &realm.id, &place.uuid)?.ok_or(StoreError::Missing)?;
            let settings = &mut record.client.settings;
            let mut names = which.of(settings, &realm.settings);
            names.retain(|name| *name != scope);
            // A scope is in one of the lists; the other keeps it if it has it there already.
            let elsewhere = which.other().of(settings, &realm.settings).contains(&scope);
            if on && !elsewhere {
                names.push(scope);
            }
            which.set(settings, names);
            store::client::update(tx, &realm.id, &record, &realm.default_role(), now)?;
            note.record(tx)
        })
        .await
        .map_err(|error| or_else(error, String::new, super::MISSING))?;
    Ok(no_content())
}
