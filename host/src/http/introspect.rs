//! Token introspection (RFC 7662, FedAuthz §5, `keycloak-wire` §7.1): permissions as of now.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use countersign_core::{
    assessment::Assessment,
    dialect::uma2,
    permission::{Claims, Permission},
    token::Possession,
};
use serde_json::{Map, Value, json};

use super::{
    Family,
    extract::{Form, InRealm},
    json as answer,
    protection::Caller,
};
use crate::{
    app::App,
    auth::{self, Verified},
    decide::{Party, Purpose, Request, decide},
    error::ApiError,
    issue::{self, IssueContext, Origin, Scopes},
    realm::{Client, Dialect},
    store,
};

/// The hint that asks for UMA's form
const RPT_HINT: &str = "requesting_party_token";

/// `POST token/introspect`
pub async fn introspect(
    State(app): State<Arc<App>>,
    place: InRealm,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, ApiError> {
    let is_uma2 = place.realm.uma.dialect == Dialect::Uma2;
    let caller = match pat(&app, &place, &headers)? {
        Some(server) => server,
        None => auth::authenticate_introspector(&app, &place, &headers, &form).await?,
    };
    if form.has_duplicates() {
        return Err(ApiError::invalid_request("duplicated parameter"));
    }
    let token = form.get("token").ok_or_else(|| ApiError::invalid_request("Token not provided."))?;
    let hint = form.get("token_type_hint");
    // Only Keycloak minds a hint that it does not know (FED-5.1-02).
    if !is_uma2 && hint.is_some_and(|hint| !matches!(hint, RPT_HINT | "access_token" | "refresh_token")) {
        return Err(ApiError::invalid_request("Unsupported token type."));
    }
    let body = match auth::verify_mentioned(&app, &place.realm, &place.issuer, token) {
        Ok(verified) => {
            let claims = all_claims(&app, &place, &verified)?;
            // Whom the token names, and to whom it was issued (design D4).
            let named = match claims.get("aud") {
                Some(Value::Array(many)) => many.iter().any(|name| *name == caller.client_id),
                one => one.is_some_and(|one| *one == caller.client_id),
            };
            if is_uma2 && named && claims.contains_key("authorization") {
                rpt(&app, &place, &verified)?
            } else if named || verified.client.id == caller.id {
                active(&app, &place, &verified, claims, (hint == Some(RPT_HINT), form.is_extended()))?
            } else {
                None
            }
        }
        Err(refused) => {
            refused.or_inactive()?;
            None
        }
    };
    let body = body.unwrap_or_else(|| json!({ "active": false }));
    Ok(answer(StatusCode::OK, Family::Introspection, &body))
}

/// The resource server whose PAT a request carries (FED-5.1-01)
fn pat(app: &App, place: &InRealm, headers: &HeaderMap) -> Result<Option<Client>, ApiError> {
    let Ok(Some(token)) = auth::bearer(headers) else { return Ok(None) };
    if place.realm.uma.dialect != Dialect::Uma2 {
        return Ok(None);
    }
    let refused = || {
        ApiError::bare(StatusCode::UNAUTHORIZED, "invalid_token").challenged("Bearer error=\"invalid_token\"")
    };
    let caller = Caller::of(app, place, token, Possession::none(), false, refused)?;
    caller.need_role()?;
    Ok(Some(caller.server))
}

/// An RPT as the specification shows it (FedAuthz §5.1.1): without `scope`, inactive once it permits nothing
fn rpt(app: &App, place: &InRealm, verified: &Verified) -> Result<Option<Value>, ApiError> {
    let claims = verified.token.claims();
    let granted = issue::permissions_of(&claims.other).unwrap_or_default();
    let granted = current(app, place, verified, granted)?.unwrap_or_default();
    if granted.is_empty() {
        return Ok(None);
    }
    let mut body = issue::to_map(claims);
    body.retain(|name, _| ["exp", "nbf", "iat", "jti", "iss", "aud", "sub", "cnf"].contains(&name.as_str()));
    body.insert("active".to_owned(), json!(true));
    body.insert("client_id".to_owned(), json!(verified.client.client_id));
    body.insert("token_type".to_owned(), json!(verified.token.token_type()));
    body.insert("permissions".to_owned(), uma2::permissions(&granted, claims.iat, claims.exp));
    Ok(Some(body.into()))
}

/// The claims of a live token: an RPT's own, and of others what the mappers for introspection make of the user now
fn all_claims(app: &App, place: &InRealm, verified: &Verified) -> Result<Map<String, Value>, ApiError> {
    const KEPT: &[&str] =
        &["exp", "nbf", "iat", "jti", "iss", "aud", "sub", "typ", "azp", "sid", "scope", "cnf"];
    let Verified { token, user, client, .. } = verified;
    let mut claims = issue::to_map(token.claims());
    if claims.contains_key("authorization") {
        return Ok(claims);
    }
    claims.retain(|name, _| KEPT.contains(&name.as_str()));
    let scope = token.claims().scope.as_deref().unwrap_or_default();
    let (mapped, audience) = app.store.read(|tx| {
        let subject = issue::subject(tx, user.clone())?;
        let scopes = Scopes::again(&place.realm, client, scope);
        let scopes = scopes.permitted(tx, &place.realm, &subject.roles)?;
        let context = IssueContext {
            realm: &place.realm,
            issuer: &place.issuer,
            client,
            scopes_of: client,
            subject: &subject,
            sign_in: verified.sign_in(),
            scopes: &scopes,
            address: place.address,
            key: None,
            origin: Origin::Refresh,
            now: app.clock.now(),
        };
        issue::introspection_claims(tx, &context)
    })?;
    claims.extend(mapped);
    // A lightweight token leaves it out.
    if !claims.contains_key("aud") {
        issue::set_audience(&mut claims, audience);
    }
    Ok(claims)
}

/// What a live token says; nothing for one that was never recorded
fn active(
    app: &App,
    place: &InRealm,
    verified: &Verified,
    full: Map<String, Value>,
    (brief, extended): (bool, bool),
) -> Result<Option<Value>, ApiError> {
    let claims = verified.token.claims();
    let permissions = match issue::permissions_of(&claims.other) {
        None => None,
        Some(permissions) => match current(app, place, verified, permissions)? {
            Some(permissions) => Some(permissions),
            None => return Ok(None),
        },
    };
    let mut body = Map::new();
    if brief {
        for name in ["exp", "nbf", "iat", "jti", "aud", "typ", "acr"] {
            if let Some(value) = full.get(name) {
                body.insert(name.to_owned(), value.clone());
            }
        }
    } else {
        body = full;
        body.remove("authorization");
        body.insert("client_id".to_owned(), json!(verified.client.client_id));
        body.insert("username".to_owned(), json!(verified.user.username));
        body.insert("token_type".to_owned(), json!(verified.token.token_type()));
    }
    if let Some(permissions) = permissions {
        body.insert(
            "permissions".to_owned(),
            permissions.iter().map(|of| both_spellings(of, extended)).collect(),
        );
        if !brief {
            body.insert("authorization".to_owned(), json!({ "permissions": permissions }));
        }
    }
    body.insert("active".to_owned(), json!(true));
    Ok(Some(Value::Object(body)))
}

/// Keycloak's names and UMA's (`keycloak-wire` §7.1), with times, which Keycloak's permissions do not have, or without
fn both_spellings(permission: &Permission, extended: bool) -> Value {
    let mut entry = Map::new();
    if let Some(id) = &permission.rsid {
        entry.insert("rsid".to_owned(), json!(id));
        entry.insert("resource_id".to_owned(), json!(id));
    }
    if let Some(name) = &permission.rsname {
        entry.insert("rsname".to_owned(), json!(name));
    }
    entry.insert("scopes".to_owned(), json!(permission.scopes));
    entry.insert("resource_scopes".to_owned(), json!(permission.scopes));
    for (name, time) in [("exp", permission.exp), ("nbf", permission.nbf)] {
        if let Some(time) = time.filter(|_| extended) {
            entry.insert(name.to_owned(), json!(time));
        }
    }
    Value::Object(entry)
}

/// The token's permissions, assessed again (design D3); nothing for an RPT that is not on record
fn current(
    app: &App,
    place: &InRealm,
    verified: &Verified,
    permissions: Vec<Permission>,
) -> Result<Option<Vec<Permission>>, ApiError> {
    let Some(jti) = verified.token.claims().jti.as_ref() else { return Ok(None) };
    let issued = verified.token.claims().iat.unwrap_or_default();
    let server = app.store.read(|tx| {
        let Some(id) = store::grant::rpt_server(tx, jti.as_str())? else { return Ok(None) };
        let server = store::realm::client_by_id(tx, &place.realm.id, &id)?;
        let Some(server) = server.filter(|server| server.enabled) else { return Ok(None) };
        Ok(store::server::counts(tx, &server.id, issued)?.then_some(server))
    })?;
    let Some(server) = server else { return Ok(None) };
    if permissions.is_empty() {
        return Ok(Some(permissions));
    }
    let pushed_claims: Claims = match place.realm.uma.dialect {
        Dialect::Keycloak => permissions.iter().flat_map(|permission| permission.claims.clone()).collect(),
        // They are in no token of this dialect.
        Dialect::Uma2 => app.store.rpt_claims(jti.as_str())?,
    };
    let request = Request {
        nameless: permissions.iter().all(|permission| permission.rsname.is_none()),
        rpt: Some(permissions),
        pushed_claims,
        purpose: Purpose::Introspection,
        ..Request::default()
    };
    let party = Party::of_rpt(app, &verified.user, &verified.client, verified.token.claims())?;
    let (assessment, _) = decide(app, &place.realm, &server, &party, &request, app.clock.now())?;
    Ok(Some(match assessment {
        Assessment::Granted { permissions, .. } => permissions,
        Assessment::Denied { .. } | Assessment::Refused(_) => Vec::new(),
    }))
}
