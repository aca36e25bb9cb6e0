//! Token exchange within a realm (RFC 8693, Keycloak's standard token exchange): a client trades a user's token for one of
//! its own that says no more, to no more, and for no longer.

use axum::{http::HeaderMap, response::Response};
use countersign_core::{time::UnixTime, token::Confirmation};
use serde_json::{Map, Value};

use super::{Ordinary, issue_cut};
use crate::{
    app::App,
    auth::{self, Verified},
    error::ApiError,
    http::extract::{Form, InRealm},
    issue::{self, IssueContext, OFFLINE_ACCESS, OPENID, Origin, Scopes},
    realm::Client,
};

/// The grant's name
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
/// Parameters of exchanges that are not served
const FOREIGN: &[&str] = &["requested_subject", "subject_issuer", "requested_issuer", "actor_token"];
/// Most audiences of one request
const AUDIENCES: usize = 100;

/// What an exchanged token may have at most
#[derive(Debug)]
pub(super) struct Cut {
    /// Of the mapped audiences only these; all if it is empty
    audience: Vec<String>,
    /// The last second of the token that was exchanged
    until: UnixTime,
    /// With a refresh token
    pub(super) refresh: bool,
}

impl Cut {
    /// What the answer calls the token (RFC 8693 §2.2.1)
    pub(super) const fn issued_type(&self) -> &'static str {
        if self.refresh { REFRESH_TOKEN } else { ACCESS_TOKEN }
    }

    /// Takes away what the token may not have: other audiences with their roles, and a longer life
    pub(super) fn apply(&self, claims: &mut Map<String, Value>) {
        let exp = claims.get("exp").and_then(Value::as_u64).unwrap_or(0);
        claims.insert("exp".to_owned(), exp.min(self.until.0).into());
        if self.audience.is_empty() {
            return;
        }
        let kept = audiences(claims).into_iter().filter(|name| self.audience.contains(name)).collect();
        claims.remove("aud");
        issue::set_audience(claims, kept);
        if let Some(Value::Object(roles)) = claims.get_mut("resource_access") {
            roles.retain(|client, _| self.audience.contains(client));
            if roles.is_empty() {
                claims.remove("resource_access");
            }
        }
    }
}

fn audiences(claims: &Map<String, Value>) -> Vec<String> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Answers a user's access token with another one, for the client that asks
pub(super) async fn grant(
    app: &App,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let client = auth::authenticate_client(app, place, headers, form).await?;
    check(&client, form)?;
    let refresh = wants_refresh(&client, form)?;
    let subject = subject(app, place, &client, form)?;
    let claims = subject.token.claims();
    let scopes = scopes(place, &client, form, claims.scope.as_deref().unwrap_or_default())?;
    let audience: Vec<String> = form.all("audience").map(str::to_owned).collect();
    let until = claims.exp.unwrap_or(UnixTime(0));
    available(app, place, &client, &subject, &scopes, &audience)?;
    let Verified { user, session, .. } = subject;
    let ordinary = Ordinary {
        client: &client,
        user,
        session: session.as_ref(),
        scopes: &scopes,
        origin: Origin::Exchange,
        nonce: None,
        acr: None,
    };
    issue_cut(app, place, ordinary, Some(&Cut { audience, until, refresh })).await
}

/// Whether the client may exchange at all, and by these parameters
fn check(client: &Client, form: &Form) -> Result<(), ApiError> {
    if client.settings.public_client {
        let text = "Public client is not allowed to exchange token";
        return Err(ApiError::bad_request("invalid_client", text));
    }
    if client.attribute("standard.token.exchange.enabled") != Some("true") {
        let text = "Standard token exchange is not enabled for the requested client";
        return Err(ApiError::invalid_request(text));
    }
    let repeats = |name: &str| name != "audience" && form.all(name).count() > 1;
    if form.iter().any(|(name, _)| repeats(name)) || form.all("audience").count() > AUDIENCES {
        return Err(ApiError::invalid_request("duplicated parameter"));
    }
    if let Some(name) = FOREIGN.iter().find(|name| form.get(name).is_some()) {
        return Err(ApiError::invalid_request(format!(
            "Parameter '{name}' is not supported for standard token exchange"
        )));
    }
    if form.get("resource").is_some() {
        return Err(ApiError::bad_request("invalid_target", "Parameter 'resource' is not supported"));
    }
    if form.get("actor_token_type").is_some() {
        return Err(ApiError::invalid_request("Parameter 'actor_token_type' needs 'actor_token'"));
    }
    match form.get("subject_token_type") {
        Some(ACCESS_TOKEN) => Ok(()),
        None => Err(ApiError::invalid_request("Missing parameter: subject_token_type")),
        Some(_) => Err(ApiError::invalid_request("Parameter 'subject_token' supports access tokens only")),
    }
}

/// A refresh token is given only where the client is set so
fn wants_refresh(client: &Client, form: &Form) -> Result<bool, ApiError> {
    const SETTING: &str = "standard.token.exchange.enableRefreshRequestedTokenType";
    match form.get("requested_token_type") {
        None | Some(ACCESS_TOKEN) => Ok(false),
        Some(REFRESH_TOKEN) if client.attribute(SETTING) == Some("SAME_SESSION") => Ok(true),
        Some(_) => Err(ApiError::invalid_request("requested_token_type unsupported")),
    }
}

/// The token that is exchanged: an ordinary one, meant for this client, whose key the sender holds if it has one
fn subject(app: &App, place: &InRealm, client: &Client, form: &Form) -> Result<Verified, ApiError> {
    let invalid = || ApiError::invalid_request("Invalid token");
    let text = form
        .get("subject_token")
        .ok_or_else(|| ApiError::invalid_request("Missing parameter: subject_token"))?;
    let verified = auth::verify_mentioned(app, &place.realm, &place.issuer, text)
        .map_err(|refused| refused.or_else(invalid))?;
    let claims = verified.token.claims();
    let bound = Confirmation::of(claims).map_err(|_| invalid())?;
    let held = bound.is_none() || (bound.jkt().is_some() && bound.jkt() == place.key.as_deref());
    // What an RPT permits was assessed for its own client.
    if !held || claims.other.contains_key("authorization") {
        return Err(invalid());
    }
    if verified.client.id != client.id && !claims.aud.contains(&client.client_id) {
        return Err(ApiError::forbidden("access_denied", "Client is not within the token audience"));
    }
    Ok(verified)
}

/// The client's default scopes, and those of the subject token that it asks for
fn scopes(place: &InRealm, client: &Client, form: &Form, held: &str) -> Result<Scopes, ApiError> {
    let asked = form.get("scope").unwrap_or_default();
    let more = |name: &&str| !name.is_empty() && !held.split(' ').any(|known| known == *name);
    let defaults = Scopes::resolve(&place.realm, client, None).unwrap_or_default();
    let wider = asked.split(' ').filter(more).any(|name| name == OPENID || !defaults.has(name));
    let resolved = Scopes::resolve(&place.realm, client, Some(asked)).ok();
    // What outlives the browser is the user's to give, not a client's.
    resolved.filter(|scopes| !wider && !scopes.has(OFFLINE_ACCESS)).ok_or_else(|| {
        let asked: String = asked.chars().take(1_000).collect();
        ApiError::bad_request("invalid_scope", format!("Invalid scopes: {asked}"))
    })
}

/// Whether every audience that is asked for is one that the mappers of the client give this user
fn available(
    app: &App,
    place: &InRealm,
    client: &Client,
    subject: &Verified,
    scopes: &Scopes,
    audience: &[String],
) -> Result<(), ApiError> {
    if audience.is_empty() {
        return Ok(());
    }
    let claims = app.store.read(|tx| {
        let context = IssueContext {
            realm: &place.realm,
            issuer: &place.issuer,
            client,
            scopes_of: client,
            subject: &issue::subject(tx, subject.user.clone())?,
            sign_in: None,
            scopes,
            address: place.address,
            key: None,
            origin: Origin::Exchange,
            now: app.clock.now(),
        };
        issue::access_claims(tx, &context)
    })?;
    let available = audiences(&claims);
    match audience.iter().find(|name| !available.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let name: String = name.chars().take(200).collect();
            Err(ApiError::bad_request("invalid_target", format!("Requested audience not available: {name}")))
        }
    }
}
