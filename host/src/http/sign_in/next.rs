//! What is left to do for somebody who is known, decided anew from the store at each step.

use rusqlite::Transaction;

use crate::{
    issue::Scopes,
    realm::{Client, Realm, User},
    sign_in::{
        credentials,
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
    /// To let the client have these scopes
    Consent(Vec<String>),
    /// Nothing
    Done,
}

/// What Keycloak calls the setting up of an authenticator app
pub(super) const CONFIGURE_TOTP: &str = "CONFIGURE_TOTP";

/// Finds out what is left to do for somebody who is known; nothing, if he is not any more
pub(super) fn next(
    tx: &Transaction<'_>,
    realm: &Realm,
    client: &Client,
    request: &AuthRequest,
    known: &Known,
) -> Result<Option<(User, Next)>, StoreError> {
    let Some(user) = store::user::by_id(tx, &realm.id, &known.user)?.filter(|user| user.enabled) else {
        return Ok(None);
    };
    let stored = store::user::password(tx, &user.id)?;
    let same = known.password.is_none() || stored.as_ref().map(credentials::mark) == known.password;
    if !same || known.at < realm.not_before.max(user.not_before) {
        return Ok(None);
    }
    if !known.second && store::sign_in::otp(tx, &user.id)?.is_some() {
        return Ok(Some((user, Next::OneTimeCode)));
    }
    let actions = store::sign_in::required_actions(tx, &user.id)?;
    let wants = |wanted: &str| actions.iter().any(|action| action == wanted);
    if wants("UPDATE_PASSWORD") {
        return Ok(Some((user, Next::NewPassword)));
    }
    if wants(CONFIGURE_TOTP) {
        return Ok(Some((user, Next::NewOneTimeCode)));
    }
    let wanted = wanted(tx, realm, client, request, &user)?;
    Ok(Some((user, wanted.map_or(Next::Done, Next::Consent))))
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
