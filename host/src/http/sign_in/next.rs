//! What is left to do for somebody who is known, decided anew from the store at each step.

use rusqlite::Transaction;

use crate::{
    issue::Scopes,
    realm::{Client, Realm, User},
    sign_in::{
        credentials,
        passkey::REGISTER,
        progress::Known,
        request::{AuthRequest, ResponseMode},
    },
    store::{self, StoreError},
};

/// What is left to do
pub(super) enum Next {
    /// To give a one-time code
    OneTimeCode,
    /// To choose another password
    NewPassword,
    /// To set up an authenticator app
    NewOneTimeCode,
    /// To make a passkey
    NewPasskey,
    /// To let the client have these scopes
    Consent(Vec<String>),
    /// Nothing
    Done,
}

/// What Keycloak calls the choice of another password
const UPDATE_PASSWORD: &str = "UPDATE_PASSWORD";
/// What Keycloak calls the setting up of an authenticator app
pub(super) const CONFIGURE_TOTP: &str = "CONFIGURE_TOTP";

/// Somebody who is known, and what is left to do for him
pub(super) struct Left {
    /// Who
    pub(super) user: User,
    /// What
    pub(super) next: Next,
    /// Only the client wants it: he may leave it
    pub(super) optional: bool,
}

impl Next {
    /// What Keycloak calls it, if it is one that can be asked for by its name
    pub(super) const fn action(&self) -> Option<&'static str> {
        match self {
            Self::NewPassword => Some(UPDATE_PASSWORD),
            Self::NewOneTimeCode => Some(CONFIGURE_TOTP),
            Self::NewPasskey => Some(REGISTER),
            Self::OneTimeCode | Self::Consent(_) | Self::Done => None,
        }
    }

    fn of_action(name: &str) -> Option<Self> {
        [Self::NewPassword, Self::NewOneTimeCode, Self::NewPasskey]
            .into_iter()
            .find(|next| next.action() == Some(name))
    }
}

/// Finds out what is left to do for somebody who is known; nothing, if he is not any more
pub(super) fn next(
    tx: &Transaction<'_>,
    realm: &Realm,
    client: &Client,
    request: &AuthRequest,
    known: &Known,
) -> Result<Option<Left>, StoreError> {
    let Some(user) = store::user::by_id(tx, &realm.id, &known.user)?.filter(|user| user.enabled) else {
        return Ok(None);
    };
    let stored = store::user::password(tx, &user.id)?;
    let same = known.password.is_none() || stored.as_ref().map(credentials::mark) == known.password;
    let held = known.passkey.as_ref().map_or(Ok(true), |id| store::passkey::has(tx, &user.id, id))?;
    if !same || !held || known.at < realm.not_before.max(user.not_before) {
        return Ok(None);
    }
    if !known.second && store::sign_in::otp(tx, &user.id)?.is_some() {
        return Ok(Some(Left { user, next: Next::OneTimeCode, optional: false }));
    }
    let actions = store::sign_in::required_actions(tx, &user.id)?;
    for next in [Next::NewPassword, Next::NewOneTimeCode, Next::NewPasskey] {
        if actions.iter().any(|action| next.action() == Some(action)) {
            return Ok(Some(Left { user, next, optional: false }));
        }
    }
    let asked = request.action.as_deref().filter(|name| known.acted.is_none() && is_on(realm, name));
    if let Some(next) = asked.and_then(Next::of_action) {
        return Ok(Some(Left { user, next, optional: true }));
    }
    let wanted = wanted(tx, realm, client, request, &user)?;
    Ok(Some(Left { user, next: wanted.map_or(Next::Done, Next::Consent), optional: false }))
}

/// Whether a client may ask people to do this: a realm may switch it off
fn is_on(realm: &Realm, action: &str) -> bool {
    let known = realm.settings.required_actions.as_ref();
    known.is_none_or(|all| all.iter().any(|known| known.alias == action && known.enabled))
}

/// The scopes that the user has to agree to
fn wanted(
    tx: &Transaction<'_>,
    realm: &Realm,
    client: &Client,
    request: &AuthRequest,
    user: &User,
) -> Result<Option<Vec<String>>, StoreError> {
    let unasked = !client.settings.consent_required && !request.prompt.consent;
    // A page of this server gives the client nothing.
    if unasked || request.to.mode == ResponseMode::Here {
        return Ok(None);
    }
    let all = Scopes::resolve(realm, client, request.scope.as_deref()).unwrap_or_default().names();
    let given = store::sign_in::consent(tx, &user.id, &client.id)?;
    let enough = given.is_some_and(|given| all.is_subset(&given));
    if enough && !request.prompt.consent {
        return Ok(None);
    }
    Ok(Some(all.into_iter().collect()))
}

/// What scopes mean, in words for people; those that say nothing to them are left out
pub(super) fn texts(realm: &Realm, scopes: &[String]) -> Vec<String> {
    let ours = |text: &str| match text {
        "${profileScopeConsentText}" => Some("User profile"),
        "${emailScopeConsentText}" => Some("Email address"),
        "${addressScopeConsentText}" => Some("Address"),
        "${phoneScopeConsentText}" => Some("Phone number"),
        "${rolesScopeConsentText}" => Some("User roles"),
        "${offlineAccessScopeConsentText}" => Some("Offline access"),
        _ => None,
    };
    let known = scopes
        .iter()
        .filter_map(|name| realm.settings.client_scopes.iter().find(|scope| scope.name == *name));
    let asked = known.filter(|scope| {
        scope.attributes.get("display.on.consent.screen").is_none_or(|shown| shown == "true")
    });
    asked
        .map(|scope| {
            let text = scope.attributes.get("consent.screen.text").filter(|text| !text.is_empty());
            let text = text.unwrap_or(&scope.name);
            ours(text).unwrap_or(text).to_owned()
        })
        .collect()
}
