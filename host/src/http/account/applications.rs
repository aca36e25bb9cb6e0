//! The applications of a person, and what she lets them have (`keycloak-wire` §10).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};

use super::caller::{Caller, Person, Role};
use crate::{
    app::App,
    error::ApiError,
    http::{
        Family,
        extract::{Json, Query, Represents},
        json,
    },
    realm::{Client, ClientScope},
    sign_in::redirect,
    store::{self, StoreError, sign_in::Consent},
};

/// Most sign-ins, and most consents, that are looked through
const MOST: u64 = 1_000;

const SEES_CONSENT: [Role; 3] = [Role::ManageAccount, Role::ViewConsent, Role::ManageConsent];
const CHANGES_CONSENT: [Role; 2] = [Role::ManageAccount, Role::ManageConsent];

/// An application as its user sees it
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Application {
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    user_consent_required: bool,
    in_use: bool,
    offline_access: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    root_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    effective_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tos_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<ConsentView>,
}

impl Application {
    /// What a client says of itself
    pub(super) fn of(client: Client, base: &str) -> Self {
        let attribute = |name: &str| client.attribute(name).map(str::to_owned);
        let (logo_uri, policy_uri, tos_uri) =
            (attribute("logoUri"), attribute("policyUri"), attribute("tosUri"));
        let effective_url = redirect::home(&client, base);
        let settings = client.settings;
        Self {
            client_id: client.client_id,
            client_name: settings.name,
            description: settings.description,
            user_consent_required: settings.consent_required,
            in_use: false,
            offline_access: false,
            root_url: settings.root_url,
            base_url: settings.base_url,
            effective_url,
            logo_uri,
            policy_uri,
            tos_uri,
            consent: None,
        }
    }

    /// It takes part in a sign-in
    pub(super) const fn in_use(mut self) -> Self {
        self.in_use = true;
        self
    }
}

/// What somebody lets a client have; times in milliseconds since 1970
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Consent"))]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct ConsentView {
    granted_scopes: Vec<GrantedScope>,
    created_date: u64,
    last_updated_date: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct GrantedScope {
    id: String,
    name: String,
    display_text: String,
}

fn shown(caller: &Caller, consent: &Consent) -> ConsentView {
    let granted = caller.realm.settings.client_scopes.iter();
    let granted = granted.filter(|scope| consent.scopes.contains(&scope.name));
    ConsentView {
        granted_scopes: granted
            .map(|scope| GrantedScope {
                id: scope.id.clone(),
                name: scope.name.clone(),
                display_text: scope.attributes.get("consent.screen.text").unwrap_or(&scope.name).clone(),
            })
            .collect(),
        created_date: consent.created_at.0.saturating_mul(1000),
        last_updated_date: consent.changed_at.0.saturating_mul(1000),
    }
}

/// `GET account/applications`: those that she is signed in to and those that she lets have something; `name` is part
/// of theirs
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Person,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(&[Role::ManageAccount, Role::ViewApplications])?;
    let name = query.get("name").map(str::to_lowercase);
    let mut shown = app.store.read(|tx| all(tx, &caller))?;
    shown.retain(|application| {
        let own = application.client_name.as_deref().unwrap_or(&application.client_id);
        name.as_ref().is_none_or(|name| own.to_lowercase().contains(name))
    });
    Ok(json(StatusCode::OK, Family::Api, &shown))
}

fn all(tx: &Transaction<'_>, caller: &Caller) -> Result<Vec<Application>, StoreError> {
    let mut uses: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for session in store::session::newest_of_user(tx, &caller.realm, &caller.user.id, MOST, caller.now)? {
        for part in store::session::parts(tx, &session.id)? {
            let (in_use, offline) = uses.entry(part.client_id).or_default();
            *in_use |= !session.offline;
            *offline |= session.offline;
        }
    }
    let mut consents: BTreeMap<String, Consent> =
        store::sign_in::consents(tx, &caller.user.id, MOST)?.into_iter().collect();
    let ids: BTreeSet<String> = uses.keys().chain(consents.keys()).cloned().collect();
    let mut applications = Vec::new();
    for id in ids {
        let Some(client) = store::realm::client_by_id(tx, &caller.realm.id, &id)? else { continue };
        if client.settings.bearer_only {
            continue;
        }
        let (in_use, offline_access) = uses.get(&id).copied().unwrap_or_default();
        let consent = consents.remove(&id).map(|consent| shown(caller, &consent));
        let application = Application::of(client, &caller.base);
        applications.push(Application { in_use, offline_access, consent, ..application });
    }
    applications.sort_by(|one, other| one.client_id.cmp(&other.client_id));
    Ok(applications)
}

/// The client that a path names
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    client: String,
}

fn load(app: &App, caller: &Caller, place: &Place) -> Result<Client, ApiError> {
    let found =
        app.store.read(|tx| store::realm::client_by_client_id(tx, &caller.realm.id, &place.client))?;
    found.ok_or_else(|| {
        let text = format!("No client with clientId: {} found.", place.client);
        ApiError::message(StatusCode::NOT_FOUND, text)
    })
}

/// `GET account/applications/{client}/consent`: 204 where she was never asked
pub(super) async fn consent(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(&SEES_CONSENT)?;
    let client = load(&app, &caller, &place)?;
    match app.store.read(|tx| store::sign_in::consent_of(tx, &caller.user.id, &client.id))? {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(consent) => Ok(json(StatusCode::OK, Family::Api, &shown(&caller, &consent))),
    }
}

/// What a client is to have
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ConsentRepresentation"))]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(in crate::http) struct Wanted {
    granted_scopes: Vec<WantedScope>,
    #[serde(rename = "createdDate")]
    _created: Option<u64>,
    #[serde(rename = "lastUpdatedDate")]
    _changed: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct WantedScope {
    id: String,
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "displayText")]
    _text: Option<String>,
}

impl Represents for Wanted {
    const CLASS: &'static str = "ConsentRepresentation";
}

/// `POST` and `PUT account/applications/{client}/consent`: this and nothing else
pub(super) async fn allow(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
    body: Result<Json<Wanted>, ApiError>,
) -> Result<Response, ApiError> {
    caller.require(&CHANGES_CONSENT)?;
    let client = load(&app, &caller, &place)?;
    let Json(wanted) = body?;
    let settings = &caller.realm.settings;
    let of = |own: &Option<Vec<String>>, usual: &[String]| own.clone().unwrap_or_else(|| usual.to_vec());
    let mut offered = of(&client.settings.default_client_scopes, &settings.default_default_client_scopes);
    offered.extend(of(&client.settings.optional_client_scopes, &settings.default_optional_client_scopes));
    let mut scopes = BTreeSet::new();
    for WantedScope { id, .. } in wanted.granted_scopes {
        let known = |scope: &&ClientScope| scope.id == id && offered.contains(&scope.name);
        let scope = settings.client_scopes.iter().find(known).ok_or_else(|| {
            let text = format!("Scope id {id} does not exist for client {}.", client.client_id);
            ApiError::message(StatusCode::BAD_REQUEST, text)
        })?;
        scopes.insert(scope.name.clone());
    }
    let (by, id) = (caller.clone(), client.id);
    let consent = app.store.write(move |tx| {
        store::sign_in::replace_consent(tx, &by.user.id, &id, &scopes, by.now)?;
        store::audit::record(tx, &by.event("consent.change"))?;
        store::sign_in::consent_of(tx, &by.user.id, &id)?.ok_or(StoreError::Missing)
    });
    Ok(json(StatusCode::OK, Family::Api, &shown(&caller, &consent.await?)))
}

/// `DELETE account/applications/{client}/consent`: the client loses what it has of her, its tokens included
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    caller: Person,
    Path(place): Path<Place>,
) -> Result<Response, ApiError> {
    caller.require(&CHANGES_CONSENT)?;
    let client = load(&app, &caller, &place)?;
    let by = caller.clone();
    app.store
        .write(move |tx| {
            store::sign_in::forget_consent(tx, &by.user.id, &client.id)?;
            store::gathering::forget_all(tx, &by.user.id, &client.id)?;
            for session in store::session::of_user(tx, &by.realm, &by.user.id, by.now)? {
                if store::session::part(tx, &session.id, &client.id)?.is_some() {
                    store::session::withdraw(tx, &session.id, &client.id)?;
                }
            }
            store::audit::record(tx, &by.event("consent.revoke"))
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
