//! `resources`: what a person owns, shares, is given and has asked for (`keycloak-wire` §10.2).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::Response,
};
use rusqlite::Transaction;
use serde::Serialize;

use super::{
    caller::{Caller, Person, Role},
    page::Page,
    permissions::{Permission, holders},
};
use crate::{
    app::App,
    error::ApiError,
    http::{Family, extract::Query, json},
    store::{
        self, StoreError,
        account::Received,
        resource::{ResourceRecord, ScopeRecord},
    },
};

/// Most entries of one answer
const MOST: i64 = 1_000;
/// The same where each comes with people
const MOST_SHARED: i64 = 100;

/// The roles that open a person's resources
pub(super) const SEES: [Role; 2] = [Role::ManageAccount, Role::ViewProfile];

/// A resource as a person sees it
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AccountResource"))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct View {
    #[serde(rename = "_id")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    uris: Vec<String>,
    #[serde(rename = "icon_uri", skip_serializing_if = "Option::is_none")]
    icon_uri: Option<String>,
    scopes: Vec<Scope>,
    client: Application,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Vec<Permission>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AccountScope"))]
#[serde(rename_all = "camelCase")]
struct Scope {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_uri: Option<String>,
}

/// The resource server, as a person knows it
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ResourceServer"))]
#[serde(rename_all = "camelCase")]
struct Application {
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
}

impl From<ScopeRecord> for Scope {
    fn from(scope: ScopeRecord) -> Self {
        let ScopeRecord { name, display_name, icon_uri, .. } = scope;
        Self { name, display_name, icon_uri }
    }
}

/// Shows resources of one answer; each application is read once
struct Views<'a> {
    tx: &'a Transaction<'a>,
    caller: &'a Caller,
    applications: BTreeMap<String, Application>,
}

impl<'a> Views<'a> {
    const fn new(tx: &'a Transaction<'a>, caller: &'a Caller) -> Self {
        Self { tx, caller, applications: BTreeMap::new() }
    }

    /// With its own scopes
    fn whole(&mut self, mut resource: ResourceRecord) -> Result<View, StoreError> {
        let scopes = core::mem::take(&mut resource.scopes);
        self.some(Received { resource, scopes })
    }

    /// With these scopes
    fn some(&mut self, received: Received) -> Result<View, StoreError> {
        let Received { resource, scopes } = received;
        let client = self.application(&resource.server_id)?;
        Ok(View {
            id: resource.id,
            name: resource.name,
            display_name: resource.display_name,
            uris: resource.uris,
            icon_uri: resource.icon_uri,
            scopes: scopes.into_iter().map(Scope::from).collect(),
            client,
            permissions: None,
        })
    }

    fn application(&mut self, server_id: &str) -> Result<Application, StoreError> {
        if let Some(known) = self.applications.get(server_id) {
            return Ok(known.clone());
        }
        let client = store::realm::client_by_id(self.tx, &self.caller.realm.id, server_id)?;
        let client = client.ok_or(StoreError::Missing)?;
        let application = Application {
            client_id: client.client_id,
            name: client.settings.name,
            base_url: client.settings.base_url,
        };
        self.applications.insert(server_id.to_owned(), application.clone());
        Ok(application)
    }
}

/// A list that a person asks for, part by part, `most` entries at once; `by_id` where entries differ in it, so that the
/// next part can begin behind the last one
struct List {
    most: i64,
    by_id: bool,
}

impl List {
    /// Answers with what `found` reads
    fn answer(
        &self,
        app: &App,
        (caller, query, uri): (&Caller, &Query, &Uri),
        found: impl FnOnce(&mut Views<'_>, &Page) -> Result<Vec<View>, StoreError>,
    ) -> Result<Response, ApiError> {
        caller.require_resources(&SEES)?;
        let page = Page::of(query, self.most)?;
        let mut views = app.store.read(|tx| found(&mut Views::new(tx, caller), &page))?;
        let links = page.cut(&mut views, |view| self.by_id.then_some(view.id.as_str()));
        Ok(links.on(json(StatusCode::OK, Family::Api, &views), &caller.base, uri))
    }
}

/// `GET resources`: what a person owns at every resource server
pub(super) async fn owned(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
    uri: Uri,
) -> Result<Response, ApiError> {
    List { most: MOST, by_id: true }.answer(&app, (&caller, &query, &uri), |views, page| {
        let (realm, me) = (caller.realm.id.as_str(), caller.user.id.as_str());
        let found = store::account::owned(views.tx, realm, me, page.name(), page.part())?;
        found.into_iter().map(|resource| views.whole(resource)).collect()
    })
}

/// `GET resources/shared-with-me`
pub(super) async fn shared_with_me(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
    uri: Uri,
) -> Result<Response, ApiError> {
    List { most: MOST, by_id: true }.answer(&app, (&caller, &query, &uri), |views, page| {
        let (realm, me) = (caller.realm.id.as_str(), caller.user.id.as_str());
        let found = store::account::shared_with(views.tx, realm, me, page.name(), page.part(), caller.now)?;
        found.into_iter().map(|received| views.some(received)).collect()
    })
}

/// `GET resources/shared-with-others`, each with whom
pub(super) async fn shared_with_others(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
    uri: Uri,
) -> Result<Response, ApiError> {
    List { most: MOST_SHARED, by_id: true }.answer(&app, (&caller, &query, &uri), |views, page| {
        let (realm, me) = (caller.realm.id.as_str(), caller.user.id.as_str());
        let found = store::account::shared_by(views.tx, realm, me, page.part(), caller.now)?;
        let shown = found.into_iter().map(|resource| {
            let permissions = Some(holders(views.tx, &caller, &resource.id)?);
            Ok(View { permissions, ..views.whole(resource)? })
        });
        shown.collect()
    })
}

/// `GET resources/pending-requests`: what a person has asked for and nobody has answered, one entry a scope
pub(super) async fn pending(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
    uri: Uri,
) -> Result<Response, ApiError> {
    List { most: MOST, by_id: false }.answer(&app, (&caller, &query, &uri), |views, page| {
        let found = store::account::asked_for(views.tx, &caller.realm.id, &caller.user.id, page.part())?;
        found.into_iter().map(|received| views.some(received)).collect()
    })
}

/// `GET resources/{id}`
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require_resources(&SEES)?;
    let resource = own(&app, &caller, &place)?;
    let view = app.store.read(|tx| Views::new(tx, &caller).whole(resource))?;
    Ok(json(StatusCode::OK, Family::Api, &view))
}

/// The resource that a path names
#[derive(Debug, serde::Deserialize)]
pub(super) struct Place {
    id: String,
}

/// The resource of a path, which must be the caller's own
pub(super) fn own(app: &App, caller: &Caller, place: &Place) -> Result<ResourceRecord, ApiError> {
    let found = app.store.read(|tx| store::account::resource_of(tx, &caller.realm.id, &place.id))?;
    let resource = found.ok_or_else(|| ApiError::bare(StatusCode::NOT_FOUND, "resource_not_found"))?;
    if resource.owner == caller.user.id {
        Ok(resource)
    } else {
        Err(ApiError::bare(StatusCode::BAD_REQUEST, "invalid_resource"))
    }
}
