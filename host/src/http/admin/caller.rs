//! Who administers, and what she may do (`admin-surface` §1).

use core::net::IpAddr;
use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
};
use countersign_core::{jws::UnverifiedJws, time::UnixTime, token::Claims};
use serde_json::json;

use super::answer::missing;
use crate::{
    app::App,
    auth,
    error::ApiError,
    http::extract::{ClientAddress, Sent},
    percent::segment,
    realm::{Client, MASTER, Realm, User},
    store::{self, StoreError, audit::Event, event::NewAdminEvent, role::RoleRecord},
};

/// What somebody may do in a realm, by Keycloak's names
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Change the realm, its roles and its required actions
    ManageRealm,
    /// See them
    ViewRealm,
    /// Change people and groups, end their sessions
    ManageUsers,
    /// See them
    ViewUsers,
    /// Search for people
    QueryUsers,
    /// Search for groups
    QueryGroups,
    /// Change clients and client scopes
    ManageClients,
    /// See them
    ViewClients,
    /// Search for clients
    QueryClients,
    /// Make clients
    CreateClient,
    /// Change resources, scopes, policies and permissions
    ManageAuthorization,
    /// See them
    ViewAuthorization,
    /// Change which events are kept, and remove them
    ManageEvents,
    /// See them
    ViewEvents,
}

impl Role {
    /// The roles of which one is enough, itself first
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::ManageRealm => &["manage-realm"],
            Self::ViewRealm => &["view-realm", "manage-realm"],
            Self::ManageUsers => &["manage-users"],
            Self::ViewUsers => &["view-users", "manage-users"],
            Self::QueryUsers => &["query-users", "view-users", "manage-users"],
            Self::QueryGroups => &["query-groups", "view-users", "manage-users"],
            Self::ManageClients => &["manage-clients"],
            Self::ViewClients => &["view-clients", "manage-clients"],
            Self::QueryClients => &["query-clients", "view-clients", "manage-clients"],
            Self::CreateClient => &["create-client", "manage-clients"],
            Self::ManageAuthorization => &["manage-authorization"],
            Self::ViewAuthorization => &["view-authorization", "manage-authorization"],
            Self::ManageEvents => &["manage-events"],
            Self::ViewEvents => &["view-events", "manage-events"],
        }
    }
}

/// The client whose roles open a realm to administrators: in `master` one for each realm, in the realm its own
pub fn management_client(of: &Realm, administrators: &Realm) -> String {
    if administrators.name == MASTER { format!("{}-realm", of.name) } else { REALM_MANAGEMENT.to_owned() }
}

/// The client of the roles for administrators in every realm but `master`
pub const REALM_MANAGEMENT: &str = "realm-management";

/// Somebody with a good token of `master`, or of the realm that the path names
#[derive(Debug, Clone)]
pub struct Administrator {
    /// Who
    pub user: User,
    /// Where she signed in
    pub realm: Arc<Realm>,
    /// By which client
    pub client: Client,
    /// From where she calls
    pub address: IpAddr,
    /// Base of all URLs, without a slash at its end
    pub base: String,
    /// The time of the request
    pub now: UnixTime,
    /// Her roles as they are now, whatever her token says
    roles: Vec<crate::realm::Role>,
}

impl Administrator {
    fn is_of_master(&self) -> bool {
        self.realm.name == MASTER
    }

    fn has_realm_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.client.is_none() && role.name == name)
    }

    /// The role `admin` of `master`: everything
    pub fn is_almighty(&self) -> bool {
        self.is_of_master() && self.has_realm_role("admin")
    }

    /// May make realms
    pub fn may_create_realms(&self) -> bool {
        self.is_almighty() || self.is_of_master() && self.has_realm_role("create-realm")
    }

    /// Has this very role
    pub fn has(&self, role_id: &str) -> bool {
        self.roles.iter().any(|role| role.id == role_id)
    }

    fn powers(&self, of: &Realm) -> Powers {
        if self.is_almighty() {
            return Powers::All;
        }
        if !self.is_of_master() && self.realm.id != of.id {
            return Powers::Some(BTreeSet::new());
        }
        let client = management_client(of, &self.realm);
        let names: BTreeSet<String> = self
            .roles
            .iter()
            .filter(|role| role.client_id.as_ref() == Some(&client) && role.client_enabled)
            .map(|role| role.name.clone())
            .collect();
        if names.contains("realm-admin") { Powers::All } else { Powers::Some(names) }
    }

    /// Whether she may do this in that realm
    pub fn may(&self, realm: &Realm, role: Role) -> bool {
        self.powers(realm).include(role)
    }

    /// Whether she has any role for that realm
    pub fn may_anything(&self, realm: &Realm) -> bool {
        match self.powers(realm) {
            Powers::All => true,
            Powers::Some(names) => !names.is_empty(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Powers {
    All,
    Some(BTreeSet<String>),
}

impl Powers {
    fn include(&self, role: Role) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => role.names().iter().any(|name| names.contains(*name)),
        }
    }
}

/// An administrator and the realm that the path names, which may be switched off
#[derive(Debug, Clone)]
pub struct Caller {
    /// The realm
    pub realm: Arc<Realm>,
    /// Its issuer
    pub issuer: String,
    /// Who
    pub admin: Administrator,
    powers: Powers,
    /// What she sends, where the realm keeps that
    sent: Option<Sent>,
}

impl Caller {
    /// Whether this may be done in the realm
    pub fn may(&self, role: Role) -> bool {
        self.powers.include(role)
    }

    /// Demands a role: 403 without it
    pub fn require(&self, role: Role) -> Result<(), ApiError> {
        if self.may(role) { Ok(()) } else { Err(forbidden()) }
    }

    /// Demands any role at all in this realm
    pub fn require_any(&self) -> Result<(), ApiError> {
        if self.admin.may_anything(&self.realm) { Ok(()) } else { Err(forbidden()) }
    }

    /// Whether everything may be done in the realm
    pub fn may_everything(&self) -> bool {
        self.powers == Powers::All
    }

    /// Now
    pub const fn now(&self) -> UnixTime {
        self.admin.now
    }

    /// An absolute URL below the realm
    pub fn location(&self, path: &str) -> String {
        format!("{}/admin/realms/{}/{path}", self.admin.base, segment(&self.realm.name))
    }

    /// What is written down about a change, in its own transaction
    pub fn note(
        &self,
        name: &'static str,
        operation: &'static str,
        resource: &'static str,
        path: impl Into<String>,
    ) -> Note {
        let admin = NewAdminEvent {
            at: self.admin.now.0.saturating_mul(1000),
            operation,
            resource_type: resource,
            path: path.into(),
            auth: json!({
                "realmId": self.admin.realm.id, "clientId": self.admin.client.id,
                "userId": self.admin.user.id, "ipAddress": self.admin.address.to_string(),
            }),
            // What is done by itself, setting a password among it, is no change of a document.
            representation: (operation != "ACTION")
                .then(|| self.sent.as_ref().and_then(Sent::without_secrets))
                .flatten(),
        };
        Note(self.event(name).administered(Arc::clone(&self.realm), admin))
    }

    /// Whether a role may be given away: what opens the administration, only by those who have as much themselves
    pub fn may_give(&self, tx: &rusqlite::Transaction<'_>, role: &str) -> Result<bool, StoreError> {
        if self.admin.is_almighty() {
            return Ok(true);
        }
        for held in store::role::closure(tx, role)? {
            if self.opens_administration(tx, &held)? && !self.may_pass_on(&held) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// [`Caller::may_give`] as a demand of a change
    pub fn demand_gift(&self, tx: &rusqlite::Transaction<'_>, role: &str) -> Result<(), StoreError> {
        if self.may_give(tx, role)? { Ok(()) } else { Err(StoreError::Denied) }
    }

    fn may_pass_on(&self, role: &RoleRecord) -> bool {
        // In `master` each realm has a client of its own: only what she has herself is hers to give.
        self.admin.has(&role.id) || self.realm.name != MASTER && self.may_everything()
    }

    fn opens_administration(
        &self,
        tx: &rusqlite::Transaction<'_>,
        role: &RoleRecord,
    ) -> Result<bool, StoreError> {
        let master = self.realm.name == MASTER;
        let Some(client) = &role.client else {
            return Ok(master && matches!(role.name.as_str(), "admin" | "create-realm"));
        };
        let client = store::realm::client_by_id(tx, &self.realm.id, client)?;
        Ok(client.is_some_and(|client| {
            client.client_id == REALM_MANAGEMENT || master && client.client_id.ends_with("-realm")
        }))
    }

    /// An audit entry of something that she does
    pub fn event(&self, name: &'static str) -> Event {
        Event::new(name, &self.realm.id, &self.admin.user.id, self.admin.now)
    }
}

/// What is written down about a change: in the audit trail always, for administrators where the realm keeps that
#[derive(Debug, Clone)]
pub struct Note(Event);

impl Note {
    /// Writes it
    pub fn record(&self, tx: &rusqlite::Transaction<'_>) -> Result<(), StoreError> {
        store::audit::record(tx, &self.0)
    }

    /// For a change that writes it itself
    pub fn into_event(self) -> Event {
        self.0
    }
}

/// 403 for whoever lacks a role
pub fn forbidden() -> ApiError {
    ApiError::plain(StatusCode::FORBIDDEN)
}

fn unauthorized() -> ApiError {
    ApiError::plain(StatusCode::UNAUTHORIZED)
}

impl FromRequestParts<Arc<App>> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        authenticate(parts, app, None)
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let params =
            RawPathParams::from_request_parts(parts, app).await.map_err(|_| ApiError::not_found())?;
        let name = params.iter().find(|(name, _)| *name == "realm").map(|(_, value)| value);
        let realm = name.map(|name| app.realm(name)).transpose()?.flatten();
        let admin = authenticate(parts, app, realm.as_ref())?;
        let realm = realm.ok_or_else(|| missing("Realm not found."))?;
        let powers = admin.powers(&realm);
        let settings = &realm.settings;
        let sent =
            (settings.admin_events_enabled && settings.admin_events_details_enabled).then(Sent::default);
        if let Some(sent) = &sent {
            parts.extensions.insert(sent.clone());
        }
        Ok(Self { issuer: realm.issuer(&admin.base), realm, admin, powers, sent })
    }
}

/// The bearer's token is one of `master`, or of the realm that is to be administered
fn authenticate(parts: &Parts, app: &App, realm: Option<&Arc<Realm>>) -> Result<Administrator, ApiError> {
    let base = app.issuers.base(parts)?;
    let token = auth::bearer(&parts.headers)?.ok_or_else(unauthorized)?;
    let issuer = claimed_issuer(token).ok_or_else(unauthorized)?;
    let master = app.realm(MASTER)?;
    let home = master
        .as_ref()
        .into_iter()
        .chain(realm)
        .find(|realm| realm.enabled && realm.issuer(&base) == issuer)
        .ok_or_else(unauthorized)?;
    let verified =
        auth::verify_access_token(app, home, &issuer, token).map_err(|error| error.or_else(unauthorized))?;
    let roles = app.store.read(|tx| {
        let mut roles = store::user::effective_roles(tx, &verified.user.id)?;
        let client = &verified.client;
        if !client.settings.full_scope_allowed {
            // An app that may not show her roles does not get to use them.
            let shown = store::role::effective(tx, store::role::Holder::Scope, &client.id)?;
            roles.retain(|role| {
                role.client.as_ref() == Some(&client.id) || shown.iter().any(|known| known.id == role.id)
            });
        }
        Ok(roles)
    })?;
    let ClientAddress(address) = parts.extensions.get().copied().unwrap_or_default();
    Ok(Administrator {
        user: verified.user,
        realm: Arc::clone(home),
        client: verified.client,
        address,
        base,
        now: app.clock.now(),
        roles,
    })
}

/// Whom a token names as its issuer, before anything of it was checked
fn claimed_issuer(token: &str) -> Option<String> {
    let jws = UnverifiedJws::parse(token).ok()?;
    Claims::parse(jws.payload()).ok()?.iss
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_manages_may_look_and_not_the_other_way_round() {
        let powers = |names: &[&str]| Powers::Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert!(powers(&["manage-users"]).include(Role::ViewUsers));
        assert!(powers(&["view-users"]).include(Role::QueryUsers));
        assert!(!powers(&["view-users"]).include(Role::ManageUsers));
        assert!(!powers(&["query-users"]).include(Role::ViewUsers));
        assert!(!powers(&[]).include(Role::ViewRealm));
        assert!(Powers::All.include(Role::ManageEvents));
    }

    #[test]
    fn names_are_encoded_where_a_url_needs_it() {
        assert_eq!(segment("a b/ü"), "a%20b%2F%C3%BC");
        assert_eq!(segment("default-roles-test"), "default-roles-test");
    }
}
