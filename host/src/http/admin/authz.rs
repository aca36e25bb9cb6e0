//! Resource servers as administrators see them: everything below `authz/resource-server` of a client
//! (`admin-surface` §10-§12).

pub(in crate::http) mod evaluate;
mod policy;
mod resource;
pub(in crate::http) mod scope;
mod settings;
pub(in crate::http) mod share;

pub(crate) use self::settings::exported_settings;

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
    response::Response,
    routing::{get, post},
};
use countersign_core::time::UnixTime;

use super::{
    REALM,
    answer::missing,
    caller::{Caller, Role},
};
use crate::{
    app::App,
    error::ApiError,
    http::{Family, Routes as _, json},
    realm::Client,
    store::{self, audit::Event, server::ServerSettings},
};

/// The paths of one resource server
pub(super) fn router() -> Router<Arc<App>> {
    let base = format!("{REALM}/clients/{{client}}/authz/resource-server");
    let at = |path: &str| format!("{base}{path}");
    let resource = get(resource::read).put(resource::replace).delete(resource::delete);
    let scope = get(scope::read).put(scope::replace).delete(scope::delete);
    let mut router = Router::new()
        .at(&base, get(settings::read).put(settings::replace))
        .at(&at("/settings"), get(settings::export))
        .at(&at("/import"), post(settings::import))
        .at(&at("/resource"), get(resource::list).post(resource::create))
        .at(&at("/resource/search"), get(resource::search))
        .at(&at("/resource/{id}"), resource)
        .at(&at("/resource/{id}/permissions"), get(resource::permissions))
        .at(&at("/resource/{id}/scopes"), get(resource::scopes))
        .at(&at("/resource/{id}/attributes"), get(resource::attributes))
        .at(&at("/scope"), get(scope::list).post(scope::create))
        .at(&at("/scope/search"), get(scope::search))
        .at(&at("/scope/{id}"), scope)
        .at(&at("/scope/{id}/permissions"), get(scope::permissions))
        .at(&at("/scope/{id}/resources"), get(scope::resources))
        .at(&at("/share"), get(share::list).post(share::create))
        .at(&at("/share/{id}"), axum::routing::delete(share::delete));
    for family in ["/policy", "/permission"] {
        let at = |path: &str| format!("{base}{family}{path}");
        let list = if family == "/policy" { get(policy::list) } else { get(policy::list_permissions) };
        let one = get(policy::read).put(policy::replace).delete(policy::delete).post(policy::create_typed);
        let two = get(policy::read_below).put(policy::replace_typed).delete(policy::delete_typed);
        router = router
            .at(&at(""), list.post(policy::create))
            .at(&at("/search"), get(policy::search))
            .at(&at("/providers"), get(policy::providers))
            .at(&at("/evaluate"), post(evaluate::evaluate))
            .at(&at("/{one}"), one)
            .at(&at("/{one}/{two}"), two)
            .at(&at("/{one}/{two}/{three}"), get(policy::read_below_typed));
    }
    router
}

/// Somebody who may see a resource server, and that resource server
#[derive(Debug, Clone)]
pub struct Authz {
    /// Who administers
    pub caller: Caller,
    /// The client that is the resource server
    pub server: Client,
    /// Its settings
    pub settings: ServerSettings,
}

impl Authz {
    /// Its id
    fn id(&self) -> &str {
        &self.server.id
    }

    fn realm_id(&self) -> &str {
        &self.caller.realm.id
    }

    /// Demands the role that changes need
    fn manage(&self) -> Result<(), ApiError> {
        self.caller.require(Role::ManageAuthorization)
    }

    /// What is written down about a change, among the realm's events too (behaviours ADM-22)
    fn event(&self, name: &'static str, operation: &'static str, about: &Thing<'_>) -> Event {
        let path = format!("clients/{}/authz/resource-server{}", self.id(), about.path());
        self.caller.note(name, operation, about.kind(), path).into_event()
    }

    const fn now(&self) -> UnixTime {
        self.caller.now()
    }
}

/// What a change is about
enum Thing<'a> {
    /// The resource server itself
    Server,
    /// All of it
    Import,
    /// A resource, by id
    Resource(&'a str),
    /// A scope, by id
    Scope(&'a str),
    /// A policy or permission, by type and id
    Policy(&'a str, &'a str),
    /// What an owner shares, by id
    Share(&'a str),
}

impl Thing<'_> {
    /// What the realm's events call it
    const fn kind(&self) -> &'static str {
        match self {
            Self::Server | Self::Import => "AUTHORIZATION_RESOURCE_SERVER",
            Self::Resource(_) | Self::Share(_) => "AUTHORIZATION_RESOURCE",
            Self::Scope(_) => "AUTHORIZATION_SCOPE",
            Self::Policy(..) => "AUTHORIZATION_POLICY",
        }
    }

    /// Where it is below the resource server
    fn path(&self) -> String {
        match self {
            Self::Server => String::new(),
            Self::Import => "/import".to_owned(),
            Self::Resource(id) => format!("/resource/{id}"),
            Self::Scope(id) => format!("/scope/{id}"),
            Self::Policy(kind @ ("resource" | "scope"), id) => format!("/permission/{kind}/{id}"),
            Self::Policy(kind, id) => format!("/policy/{kind}/{id}"),
            Self::Share(id) => format!("/share/{id}"),
        }
    }
}

impl FromRequestParts<Arc<App>> for Authz {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        caller.require(Role::ViewAuthorization)?;
        let params =
            RawPathParams::from_request_parts(parts, app).await.map_err(|_| ApiError::not_found())?;
        let id = params.iter().find(|(name, _)| *name == "client").map(|(_, value)| value);
        let id = id.ok_or_else(ApiError::not_found)?;
        let server = app.store.read(|tx| store::realm::client_by_id(tx, &caller.realm.id, id))?;
        let server = server.ok_or_else(|| missing("Could not find client"))?;
        // A client without authorization has nothing here.
        let settings = app.store.resource_server(&server.id)?.ok_or_else(ApiError::not_found)?;
        Ok(Self { caller, server, settings })
    }
}

/// 201 with what was made as the body, as everything below a resource server answers
fn created(body: &impl serde::Serialize) -> Response {
    json(axum::http::StatusCode::CREATED, Family::Api, body)
}

/// The one that a search found, or 204
fn found<T: serde::Serialize>(body: Option<T>) -> Response {
    body.map_or_else(super::answer::no_content, |body| super::answer::one(&body))
}
