//! The token endpoint (RFC 6749 §3.2; wire §6).

mod authorization_code;
mod client_credentials;
pub(super) mod cors;
mod exchange;
mod password;
mod refresh;
pub mod uma_ticket;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use countersign_core::time::UnixTime;
use serde_json::{Map, Value};

use self::exchange::Cut;
use super::{
    Family,
    extract::{Form, InRealm},
    json,
};
use crate::{
    app::App,
    auth::{self, proof},
    error::ApiError,
    event::{self, Kept},
    issue::{self, IssueContext, OFFLINE_ACCESS, OPENID, Origin, Scopes, SignIn},
    keys::{KeyError, random_session_id},
    realm::{Client, ClientSession, Dialect, Session, User},
    store::{self, StoreError, session::Entry},
};

/// Every grant that is served, in alphabetical order
pub const GRANT_TYPES: &[&str] = &[
    "authorization_code",
    "client_credentials",
    "password",
    "refresh_token",
    exchange::GRANT_TYPE,
    uma_ticket::GRANT_TYPE,
];

/// Longest value of a parameter, in characters (wire §6.1)
const PARAMETER: usize = 20_000;
/// Parameters that carry tokens of this server, which may be longer
const LONG: &[&str] = &["rpt"];

/// What no grant takes twice: proxies and logs may see the other one (RFC 6749 §3.2, TRAP-OAUTH-17). Keycloak takes the
/// first of two tickets.
const SINGLE: &[&str] =
    &["grant_type", "ticket", "rpt", "claim_token", "client_id", "client_secret", "client_assertion"];

/// `POST …/protocol/openid-connect/token`
pub async fn token(State(app): State<Arc<App>>, place: InRealm, headers: HeaderMap, form: Form) -> Response {
    let (origin, answer) = match cors::origin(&app, &place, &headers, &form) {
        Ok(origin) => (origin, told(&app, place, &headers, &form).await),
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

/// The grant, and its event
async fn told(
    app: &Arc<App>,
    place: InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    let grant_type = form.get("grant_type").unwrap_or_default();
    let Some(kind) = kind(grant_type) else { return proved(app, place, headers, form).await };
    place.event.kind(kind);
    place.event.detail("grant_type", grant_type);
    let answer = proved(app, place.clone(), headers, form).await;
    match &answer {
        Ok(_) => event::succeeded(app, &place).await?,
        Err(error) => event::refused(app, &place, error).await,
    }
    answer
}

/// What the event of a grant is called
fn kind(grant_type: &str) -> Option<&'static str> {
    Some(match grant_type {
        "authorization_code" => "CODE_TO_TOKEN",
        "client_credentials" => "CLIENT_LOGIN",
        "password" => "LOGIN",
        "refresh_token" => "REFRESH_TOKEN",
        exchange::GRANT_TYPE => "TOKEN_EXCHANGE",
        uma_ticket::GRANT_TYPE => "PERMISSION_TOKEN",
        _ => return None,
    })
}

/// The grant, once a proof that came with it is seen to be good
async fn proved(
    app: &Arc<App>,
    mut place: InRealm,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, ApiError> {
    // With a token in the header the proof is one for that token too (RFC 9449 §7.1).
    let token = auth::presented(headers).ok().flatten().filter(|presented| presented.with_proof);
    let with = token.map(|presented| presented.token);
    let proof = proof::proof(app, headers, ("POST", &place.endpoint("token")), with).await?;
    if with.is_some() {
        if proof.is_none() {
            return Err(ApiError::bad_request("invalid_dpop_proof", "DPoP proof is missing"));
        }
        place.held = proof::possession(proof.as_ref());
    }
    place.key = proof.map(|proof| proof.thumbprint().to_owned());
    grant(app, &place, headers, form).await
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
    // `permission` repeats (wire §6.1), `audience` too (RFC 8693 §2.1).
    if !matches!(grant_type, uma_ticket::GRANT_TYPE | exchange::GRANT_TYPE) && form.has_duplicates() {
        return Err(ApiError::invalid_request("duplicated parameter"));
    }
    let keycloaks = place.realm.uma.dialect == Dialect::Keycloak;
    if keycloaks && SINGLE.iter().any(|name| form.all(name).count() > 1) {
        return Err(ApiError::invalid_request("duplicated parameter"));
    }
    match grant_type {
        "authorization_code" => authorization_code::grant(app, place, headers, form).await,
        "client_credentials" => client_credentials::grant(app, place, headers, form).await,
        "password" => password::grant(app, place, headers, form).await,
        "refresh_token" => refresh::grant(app, place, headers, form).await,
        exchange::GRANT_TYPE => exchange::grant(app, place, headers, form).await,
        _ => uma_ticket::grant(app, place, headers, form).await,
    }
}

/// For whom an ordinary grant makes tokens
pub(crate) struct Ordinary<'a> {
    /// The client that gets them
    pub(crate) client: &'a Client,
    /// Of whom they speak
    pub(crate) user: User,
    /// The sign-in that they belong to; none for a service account. It is stored here, if the grant begins it.
    pub(crate) session: Option<&'a Session>,
    /// What they are good for
    pub(crate) scopes: &'a Scopes,
    /// The grant
    pub(crate) origin: Origin,
    /// What the client wants to find in the ID token again (OIDC Core §3.1.2.1)
    pub(crate) nonce: Option<&'a str>,
    /// How sure the sign-in is: `0` where only a cookie spoke for the user, else `1`; absent: as before
    pub(crate) acr: Option<&'a str>,
}

/// Signs the tokens of an ordinary grant and answers with them (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
///
/// The client takes part in the sign-in from now on; a sign-in that has ended meanwhile gets nothing.
pub(crate) async fn issue(app: &App, place: &InRealm, request: Ordinary<'_>) -> Result<Response, ApiError> {
    issue_cut(app, place, request, None).await
}

/// [`issue()`] of tokens that may have no more than an exchanged one had
async fn issue_cut(
    app: &App,
    place: &InRealm,
    request: Ordinary<'_>,
    cut: Option<&Cut>,
) -> Result<Response, ApiError> {
    let Ordinary { client, user, session, scopes, origin, nonce, acr } = request;
    if place.key.is_none() && client.attribute("dpop.bound.access.tokens") == Some("true") {
        return Err(ApiError::bad_request("invalid_dpop_proof", "DPoP proof is missing"));
    }
    place.event.user(&user.id);
    let (realm, now) = (&*place.realm, app.clock.now());
    let (alg, id_alg) = (issue::access_token_alg(realm, client), issue::id_token_alg(realm, client));
    if scopes.has(OPENID) {
        app.keys.with(&app.store, realm, id_alg).await?;
    }
    let ring = app.keys.with(&app.store, realm, alg).await?;
    let (subject, scopes) = app.store.read(|tx| {
        let subject = issue::subject(tx, user)?;
        let scopes = scopes.clone().permitted(tx, realm, &subject.roles)?;
        Ok((subject, scopes))
    })?;
    place.event.detail("scope", &scopes.in_token());
    let entered = match session {
        None => None,
        Some(session) => {
            let offline = scopes.has(OFFLINE_ACCESS) && !session.offline;
            if offline && !subject.has_realm_role(OFFLINE_ACCESS) {
                let text = "Offline tokens not allowed for the user or client";
                return Err(ApiError::bad_request("not_allowed", text));
            }
            place.event.session(&session.id);
            let kept = place.event.done(&place.realm, now);
            Some(enter(app, place, Entering { client, session, origin, acr, offline, kept, now }).await?)
        }
    };
    let context = |entered| IssueContext {
        realm,
        issuer: &place.issuer,
        client,
        scopes_of: client,
        subject: &subject,
        sign_in: entered,
        scopes: &scopes,
        address: place.address,
        key: place.key.as_deref(),
        origin,
        now,
    };
    let online = context(entered.as_ref().map(|entered| entered.online.sign_in()));
    // The offline session goes on where the sign-in ends.
    let wanted =
        cut.map_or_else(|| client.uses_refresh_tokens() || scopes.has(OFFLINE_ACCESS), |cut| cut.refresh);
    let refreshing = entered.as_ref().filter(|_| wanted);
    let refreshing = refreshing.map(|entered| context(Some(entered.lasting().sign_in())));
    let (mut access, id) = app.store.read(|tx| {
        let id = scopes.has(OPENID).then(|| issue::id_claims(tx, &online, nonce)).transpose()?;
        Ok((issue::access_claims(tx, &online)?, id))
    })?;
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if let Some(cut) = cut {
        cut.apply(&mut access);
        set("issued_token_type", cut.issued_type().into());
    }
    let until = UnixTime(access.get("exp").and_then(Value::as_u64).unwrap_or(0));
    set("expires_in", now.seconds_until(until).into());
    let access = ring.sign(alg, &access)?;
    set("refresh_expires_in", 0.into());
    if let Some(context) = &refreshing {
        let life = issue::lifetimes(realm, client, context.sign_in, now);
        set("refresh_expires_in", life.refresh_expires_in().into());
        set("refresh_token", ring.sign_internal(&issue::refresh_claims(context, None)?)?.into());
    }
    set("token_type", issue::token_type(place.key.as_deref()).into());
    if let Some(mut claims) = id {
        claims.insert("at_hash".to_owned(), issue::at_hash(id_alg, &access).into());
        set("id_token", ring.sign(id_alg, &claims)?.into());
    }
    set("access_token", access.into());
    set("not-before-policy", realm.not_before.max(client.not_before).0.into());
    if let Some(entered) = &entered {
        set("session_state", entered.online.session.id.as_str().into());
    }
    set("scope", scopes.in_token().into());
    Ok(json(StatusCode::OK, Family::Token, &body))
}

/// A client that is about to get tokens of a sign-in
struct Entering<'a> {
    client: &'a Client,
    session: &'a Session,
    origin: Origin,
    acr: Option<&'a str>,
    /// It gets an offline session of its own besides
    offline: bool,
    /// What the realm keeps of it
    kept: Option<Kept>,
    /// When it does
    now: UnixTime,
}

/// The sign-ins that the tokens of one answer belong to
struct Entered {
    /// That of the access token and the ID token
    online: Part,
    /// That of the refresh token, if it is another one
    offline: Option<Part>,
}

impl Entered {
    fn lasting(&self) -> &Part {
        self.offline.as_ref().unwrap_or(&self.online)
    }
}

/// A sign-in with a client's part in it, as they are stored now
struct Part {
    session: Session,
    part: ClientSession,
}

impl Part {
    const fn sign_in(&self) -> SignIn<'_> {
        SignIn { session: &self.session, part: &self.part }
    }
}

/// Stores that a client gets tokens of a sign-in
async fn enter(app: &App, place: &InRealm, entering: Entering<'_>) -> Result<Entered, ApiError> {
    let Entering { client, session, origin, acr, offline, kept, now } = entering;
    let realm = Arc::clone(&place.realm);
    let offline = if offline { Some(session.offline(random_session_id()?, &realm, now)) } else { None };
    let (session, client_id, acr) = (session.clone(), client.id.clone(), acr.map(str::to_owned));
    let entered = app.store.write(move |tx| {
        let enter = |session: &Session, begins| {
            let entry = Entry { session, begins, client_id: &client_id, acr: acr.as_deref() };
            store::session::enter(tx, &realm, &entry, now).map(|(session, part)| Part { session, part })
        };
        let online = enter(&session, origin.begins())?;
        let offline = offline.map(|session| enter(&session, true)).transpose()?;
        event::record(tx, kept.as_ref())?;
        Ok(Entered { online, offline })
    });
    entered.await.map_err(|error| {
        if error == StoreError::Missing {
            ApiError::invalid_grant("Session not active")
        } else {
            error.into()
        }
    })
}

/// A sign-in that the grant begins: the user has seen no page of this server
fn begin(app: &App, place: &InRealm, user: &User) -> Result<Session, KeyError> {
    let address = place.address.to_string();
    let session =
        Session::begin(random_session_id()?, &place.realm, &user.id, Some(address), app.clock.now());
    Ok(Session { auth_time: None, ..session })
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
