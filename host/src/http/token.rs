//! The token endpoint (RFC 6749 §3.2; wire §6).

mod client_credentials;
mod cors;
mod password;
mod refresh;
pub mod uma_ticket;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value};

use super::{
    Family,
    extract::{Form, InRealm},
    json,
};
use crate::{
    app::App,
    error::ApiError,
    issue::{self, IssueContext, Origin, Scopes, Subject},
    realm::{Client, Session},
};

/// Every grant that is served, in alphabetical order
pub const GRANT_TYPES: &[&str] = &["client_credentials", "password", "refresh_token", uma_ticket::GRANT_TYPE];

/// Longest value of a parameter, in characters (wire §6.1)
const PARAMETER: usize = 20_000;
/// Parameters that carry tokens of this server, which may be longer
const LONG: &[&str] = &["rpt"];

/// `POST …/protocol/openid-connect/token`
pub async fn token(State(app): State<Arc<App>>, place: InRealm, headers: HeaderMap, form: Form) -> Response {
    let (origin, answer) = match cors::origin(&app, &place, &headers, &form) {
        Ok(origin) => (origin, grant(&app, &place, &headers, &form).await),
        Err(refused) => (None, Err(refused)),
    };
    let mut response = answer.unwrap_or_else(ApiError::into_response);
    if let Some(origin) = origin {
        cors::allow(response.headers_mut(), origin);
    }
    // Refusals are not stored either (RFC 6749 §5.2).
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

async fn grant(
    app: &Arc<App>,
    place: &InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let Some(grant_type) = form.get("grant_type") else {
        return Err(ApiError::invalid_request("Missing form parameter: grant_type"));
    };
    if !GRANT_TYPES.contains(&grant_type) {
        return Err(ApiError::bad_request("unsupported_grant_type", "Unsupported grant_type"));
    }
    let long = |(name, value): &(&str, &str)| !LONG.contains(name) && value.chars().count() > PARAMETER;
    if let Some((name, _)) = form.iter().find(long) {
        let name: String = name.chars().take(100).collect();
        return Err(ApiError::invalid_request(format!(
            "The size of OIDC parameter '{name}' is longer than allowed."
        )));
    }
    // `permission` repeats (wire §6.1).
    if grant_type != uma_ticket::GRANT_TYPE && form.has_duplicates() {
        return Err(ApiError::invalid_request("duplicated parameter"));
    }
    match grant_type {
        "client_credentials" => client_credentials::grant(app, place, headers, form).await,
        "password" => password::grant(app, place, headers, form).await,
        "refresh_token" => refresh::grant(app, place, headers, form).await,
        _ => uma_ticket::grant(app, place, headers, form).await,
    }
}

/// For whom an ordinary grant makes tokens
struct Ordinary<'a> {
    client: &'a Client,
    subject: &'a Subject,
    session: Option<&'a Session>,
    scopes: &'a Scopes,
    origin: Origin,
}

/// Signs the tokens of an ordinary grant and answers with them (RFC 6749 §5.1)
async fn issue(app: &App, place: &InRealm, request: Ordinary<'_>) -> Result<Response, ApiError> {
    let Ordinary { client, subject, session, scopes, origin } = request;
    let (realm, now) = (&*place.realm, app.clock.now());
    let alg = issue::access_token_alg(realm, client);
    let ring = app.keys.with(&app.store, realm, alg).await?;
    let context = IssueContext {
        realm,
        issuer: &place.issuer,
        client,
        scopes_of: client,
        subject,
        session,
        scopes,
        address: place.address,
        origin,
        now,
    };
    let access = app.store.read(|tx| issue::claims(tx, &context))?;
    let life = issue::lifetimes(realm, client, session, now);
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("access_token", ring.sign(alg, &access)?.into());
    set("expires_in", life.access.into());
    set("refresh_expires_in", 0.into());
    set("token_type", "Bearer".into());
    set("not-before-policy", realm.not_before.max(client.not_before).0.into());
    set("scope", scopes.in_token().into());
    if let Some(session) = session {
        set("session_state", session.id.as_str().into());
        if client.uses_refresh_tokens() {
            let refresh = issue::refresh_claims(&context, None)?;
            set("refresh_token", ring.sign_internal(&refresh)?.into());
            set("refresh_expires_in", life.refresh.into());
        }
    }
    Ok(json(StatusCode::OK, Family::Token, &body))
}

fn scopes(place: &InRealm, client: &Client, form: &Form) -> Result<Scopes, ApiError> {
    let asked = form.get("scope");
    Scopes::resolve(&place.realm, client, asked).map_err(|_| {
        let asked: String = asked.unwrap_or_default().chars().take(1_000).collect();
        ApiError::bad_request("invalid_scope", format!("Invalid scopes: {asked}"))
    })
}

#[cfg(test)]
mod tests;
