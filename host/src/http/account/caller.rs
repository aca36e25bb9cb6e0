//! Who looks at his own account, and what his token lets him do there (`keycloak-wire` §10.1).

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use countersign_core::time::UnixTime;
use serde_json::Value;

use crate::{
    app::App,
    auth,
    error::ApiError,
    http::extract::InRealm,
    realm::{Client, Realm, Session, User},
    store::{self, audit::Event},
};

/// The client whose roles open the API, and which a token must be for
const ACCOUNT: &str = "account";

/// What somebody may do with his own account, by Keycloak's names
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Everything
    ManageAccount,
    /// See his profile, sign-ins, credentials and resources
    ViewProfile,
    /// See his groups
    ViewGroups,
    /// See his applications
    ViewApplications,
    /// See what he has let clients have
    ViewConsent,
    /// Change that
    ManageConsent,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::ManageAccount => "manage-account",
            Self::ViewProfile => "view-profile",
            Self::ViewGroups => "view-groups",
            Self::ViewApplications => "view-applications",
            Self::ViewConsent => "view-consent",
            Self::ManageConsent => "manage-consent",
        }
    }
}

/// A person with a good token for `account`
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The realm
    pub(super) realm: Arc<Realm>,
    /// Base of all URLs, without a slash at its end
    pub(super) base: String,
    /// Who
    pub(super) user: User,
    /// By which client
    pub(super) client: Client,
    /// In which sign-in
    pub(super) session: Session,
    /// The time of the request
    pub(super) now: UnixTime,
    roles: BTreeSet<String>,
}

impl Caller {
    /// Whoever the token speaks for: a person in a sign-in, and the token is meant for `account`
    pub(super) async fn of(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let InRealm { realm, issuer, base, .. } = InRealm::from_request_parts(parts, app).await?;
        let account = app.store.read(|tx| store::realm::client_by_client_id(tx, &realm.id, ACCOUNT))?;
        if !account.is_some_and(|client| client.enabled) {
            return Err(ApiError::not_found());
        }
        let verified = auth::verify_bearer(app, &realm, &issuer, &parts.headers)?;
        let claims = verified.token.claims();
        if !claims.aud.iter().any(|audience| audience == ACCOUNT) || verified.user.service_client.is_some() {
            return Err(auth::challenge());
        }
        let roles = claims.other.get("resource_access").and_then(|access| access.get(ACCOUNT));
        let roles = roles.and_then(|access| access.get("roles")).and_then(Value::as_array);
        let roles = roles.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let session = verified.session.ok_or_else(auth::challenge)?;
        let (user, client, now) = (verified.user, verified.client, app.clock.now());
        Ok(Self { realm, base, user, client, session, now, roles })
    }

    /// Demands one of these roles
    pub(super) fn require(&self, one_of: &[Role]) -> Result<(), ApiError> {
        if one_of.iter().any(|role| self.roles.contains(role.name())) {
            Ok(())
        } else {
            Err(ApiError::plain(StatusCode::FORBIDDEN))
        }
    }

    /// Demands a role that opens his resources, in a realm where people manage these
    pub(super) fn require_resources(&self, one_of: &[Role]) -> Result<(), ApiError> {
        self.require(one_of)?;
        if self.realm.settings.user_managed_access_allowed {
            Ok(())
        } else {
            Err(ApiError::message(StatusCode::FORBIDDEN, "User-managed access not enabled"))
        }
    }

    /// An audit entry of something that he does
    pub(super) fn event(&self, name: &'static str) -> Event {
        Event::new(name, &self.realm.id, &self.user.id, self.now)
    }
}

/// Whom [`Caller::of`] let in
#[derive(Debug, Clone)]
pub(super) struct Person(pub(super) Arc<Caller>);

impl core::ops::Deref for Person {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Person {
    type Rejection = ApiError;

    /// Behind the guard of all these paths there always is one
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        caller.map(Self).ok_or_else(|| ApiError::plain(StatusCode::UNAUTHORIZED))
    }
}
