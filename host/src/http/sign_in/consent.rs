//! Consent: what a client gets of somebody, if he lets it have that (OIDC Core §3.1.2.4).

use std::collections::BTreeSet;

use axum::response::Response;
use rusqlite::Transaction;

use super::pages::{self, Step};
use crate::{
    app::App,
    error::ApiError,
    http::extract::InRealm,
    issue::Scopes,
    realm::{Client, Realm, User},
    sign_in::request::{AuthRequest, ResponseMode},
    store::{
        self, StoreError,
        audit::{self, Event},
    },
};

/// The scopes that the user has to agree to
pub(super) fn wanted(
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

/// Asks for it
pub(super) fn page(place: &InRealm, step: Step<'_>, client: &Client, scopes: &[String]) -> Response {
    let name = client.settings.name.as_deref().filter(|name| !name.is_empty());
    pages::consent(place, step, name.unwrap_or(&client.client_id), &texts(&place.realm, scopes))
}

/// What scopes mean, in words for people; those that say nothing to them are left out
fn texts(realm: &Realm, scopes: &[String]) -> Vec<String> {
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

/// Keeps that somebody gave it
pub(super) async fn give(
    app: &App,
    place: &InRealm,
    (user, client): (&User, &Client),
    scopes: &[String],
) -> Result<(), ApiError> {
    let now = app.clock.now();
    let scopes: BTreeSet<_> = scopes.iter().cloned().collect();
    let (user_id, client_id) = (user.id.clone(), client.id.clone());
    place.event.kind("GRANT_CONSENT");
    let event =
        Event::new("consent.given", &place.realm.id, &user.id, now).kept(place.event.done(&place.realm, now));
    place.event.kind("LOGIN");
    app.store
        .write(move |tx| {
            store::sign_in::put_consent(tx, &user_id, &client_id, &scopes, now)?;
            audit::record(tx, &event)
        })
        .await?;
    Ok(())
}
