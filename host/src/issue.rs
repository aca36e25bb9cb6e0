//! What tokens say (wire §6.10, §6.12).

mod mappers;
mod rpt;
mod scopes;

use core::net::IpAddr;

use countersign_core::{jws::Alg, time::UnixTime, token::Claims};
use rusqlite::Transaction;
use serde_json::{Map, Value, json};

pub use self::{
    rpt::{IssuedRpt, RptRequest, permissions_of, rpt},
    scopes::{ScopeRefused, Scopes},
};
use crate::{
    keys::{KeyError, random_id},
    realm::{Client, ClientSession, Group, Realm, Role, RoleNames, Session, User},
    store::{self, StoreError},
};

/// Somebody who gets a token: the user, with what he is and where he belongs
#[derive(Debug, Clone)]
pub struct Subject {
    /// The user
    pub user: User,
    /// Every role that he has
    pub roles: Vec<Role>,
    /// The groups in which he is
    pub groups: Vec<Group>,
}

/// From which grant a token comes
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Authorization code
    Code,
    /// Client credentials
    ClientCredentials,
    /// Password
    Password,
    /// UMA grant
    Uma,
    /// Refresh
    Refresh,
}

impl Origin {
    /// A new `jti`; its first six letters say what kind of sign-in and which grant it comes from (wire §6.12)
    pub fn jti(self, session: Option<&Session>) -> Result<String, KeyError> {
        let kind = match (session, self) {
            (Some(Session { offline: true, .. }), _) => "of",
            (Some(_), _) => "on",
            (None, Self::Uma) => "nt",
            (None, Self::Code | Self::ClientCredentials | Self::Password | Self::Refresh) => "tr",
        };
        let grant = match self {
            Self::Code => "ac",
            Self::ClientCredentials => "cc",
            Self::Password => "ro",
            Self::Uma => "na",
            Self::Refresh => "rt",
        };
        Ok(format!("{kind}rt{grant}:{}", random_id()?))
    }

    /// Whether the sign-in of its tokens begins with them
    pub const fn begins(self) -> bool {
        matches!(self, Self::ClientCredentials | Self::Password)
    }
}

/// For whom a token is made
#[derive(Debug, Clone, Copy)]
pub struct IssueContext<'a> {
    /// The realm
    pub realm: &'a Realm,
    /// Its issuer as this request sees it
    pub issuer: &'a str,
    /// The client that the token is issued to: `azp`
    pub client: &'a Client,
    /// The client whose scopes and mappers shape the token: for an RPT the resource server (wire §6.10)
    pub scopes_of: &'a Client,
    /// Whose token it is
    pub subject: &'a Subject,
    /// His sign-in; none for a service account
    pub sign_in: Option<SignIn<'a>>,
    /// The granted scopes
    pub scopes: &'a Scopes,
    /// From where the client called
    pub address: IpAddr,
    /// The grant
    pub origin: Origin,
    /// Now
    pub now: UnixTime,
}

/// A sign-in, and the client's part in it
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// The sign-in
    pub session: &'a Session,
    /// The client's part
    pub part: &'a ClientSession,
}

/// How long tokens live, in seconds
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token
    pub access: u64,
    /// A refresh token
    pub refresh: u64,
}

/// The lives of tokens of this client, none longer than the sign-in (wire §12)
pub fn lifetimes(realm: &Realm, client: &Client, sign_in: Option<SignIn<'_>>, now: UnixTime) -> Lifetimes {
    let own = |name| client.attribute(name).and_then(|text| text.parse::<u64>().ok()).filter(|n| *n > 0);
    let access = own("access.token.lifespan").unwrap_or(realm.settings.access_token_lifespan);
    match sign_in {
        None => Lifetimes { access, refresh: 0 },
        Some(SignIn { session, part }) => Lifetimes {
            access: access.min(now.seconds_until(session.last_second(realm, client, part))),
            refresh: now.seconds_until(session.refresh_until(realm, client, part, now)),
        },
    }
}

/// The algorithm of access tokens of this client
pub fn access_token_alg(realm: &Realm, client: &Client) -> Alg {
    client
        .attribute("access.token.signed.response.alg")
        .and_then(signing_alg)
        .unwrap_or_else(|| realm_alg(realm))
}

/// The algorithm of access tokens of this realm
pub fn realm_alg(realm: &Realm) -> Alg {
    signing_alg(&realm.settings.default_signature_algorithm).unwrap_or(Alg::Rs256)
}

/// Those that keys are made for
fn signing_alg(name: &str) -> Option<Alg> {
    Alg::from_name(name).filter(|alg| matches!(alg, Alg::Rs256 | Alg::Es256 | Alg::EdDsa))
}

/// The claims of an access token.
///
/// The transaction is asked only where a mapper names another client. An RPT gets its `authorization` and its `aud`
/// ([`set_rpt_audience`]) from the caller.
pub fn claims(tx: &Transaction<'_>, context: &IssueContext<'_>) -> Result<Map<String, Value>, StoreError> {
    let IssueContext { realm, client, scopes_of, subject, scopes, now, .. } = *context;
    let life = lifetimes(realm, client, context.sign_in, now);
    let session = context.sign_in.map(|sign_in| sign_in.session);
    let user = &subject.user;
    let mut claims = Map::new();
    let mut set = |name: &str, value: Value| {
        claims.insert(name.to_owned(), value);
    };
    set("exp", now.plus(life.access).0.into());
    set("iat", now.0.into());
    set("jti", context.origin.jti(session).map_err(|error| StoreError::Other(error.to_string()))?.into());
    set("iss", context.issuer.into());
    set("sub", user.id.as_str().into());
    set("typ", "Bearer".into());
    set("azp", client.client_id.as_str().into());
    set("acr", context.sign_in.map_or("1", |sign_in| &sign_in.part.acr).into());
    if let Some(session) = session {
        set("sid", session.id.as_str().into());
    }
    set("scope", scopes.in_token().into());
    let origins = allowed_origins(scopes_of);
    if scopes.has("web-origins") && !origins.is_empty() {
        set("allowed-origins", origins.into());
    }
    if scopes.has("email") {
        if let Some(email) = &user.email {
            set("email", email.as_str().into());
        }
        set("email_verified", user.email_verified.into());
    }
    if scopes.has("profile") {
        set("preferred_username", user.username.as_str().into());
        let names: Vec<_> = [&user.first_name, &user.last_name].into_iter().flatten().cloned().collect();
        if !names.is_empty() {
            set("name", names.join(" ").into());
        }
        for (claim, value) in [("given_name", &user.first_name), ("family_name", &user.last_name)] {
            if let Some(value) = value {
                set(claim, value.as_str().into());
            }
        }
    }
    if user.service_client.is_some() {
        let address = context.address.to_string();
        set("client_id", client.client_id.as_str().into());
        set("clientHost", address.as_str().into());
        set("clientAddress", address.into());
        set("preferred_username", user.username.as_str().into());
    }
    let mut audience = Vec::new();
    if scopes.has("roles") {
        let roles = roles(scopes_of, &subject.roles);
        // Whoever has a role of a client is meant for that client too (audience resolve).
        audience.extend(roles.clients.keys().filter(|name| **name != client.client_id).cloned());
        if !roles.realm.is_empty() {
            set("realm_access", json!({ "roles": roles.realm }));
        }
        if !roles.clients.is_empty() {
            let clients: Map<_, _> =
                roles.clients.into_iter().map(|(name, roles)| (name, json!({ "roles": roles }))).collect();
            set("resource_access", clients.into());
        }
    }
    for mapper in scopes.mappers(realm, scopes_of) {
        mappers::apply(tx, context, mapper, &mut claims, &mut audience)?;
    }
    set_audience(&mut claims, audience);
    Ok(claims)
}

/// The roles that tokens of this client show
fn roles(client: &Client, roles: &[Role]) -> RoleNames {
    if client.settings.full_scope_allowed {
        RoleNames::of(roles)
    } else {
        RoleNames::of(roles.iter().filter(|role| role.client.as_deref() == Some(&client.id)))
    }
}

fn allowed_origins(client: &Client) -> Vec<String> {
    let mut origins: Vec<String> = Vec::new();
    for origin in &client.settings.web_origins {
        if origin == "+" {
            origins.extend(client.settings.redirect_uris.iter().filter_map(|uri| origin_of(uri)));
        } else {
            origins.push(origin.clone());
        }
    }
    origins.sort_unstable();
    origins.dedup();
    origins
}

/// Scheme, host and port of a URL (RFC 6454 §4)
fn origin_of(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    (!host.is_empty()).then(|| format!("{scheme}://{host}"))
}

/// One audience is a text, several are a list (RFC 7519 §4.1.3)
fn set_audience(claims: &mut Map<String, Value>, mut audience: Vec<String>) {
    audience.sort_unstable();
    audience.dedup();
    let value = match audience.as_slice() {
        [] => return,
        [one] => Value::from(one.as_str()),
        _ => audience.into(),
    };
    claims.insert("aud".to_owned(), value);
}

/// The audience of an RPT: the resource server first, others only if the mapped audience named it too
/// (wire §6.10, behaviours R12)
pub fn set_rpt_audience(claims: &mut Map<String, Value>, server: &str) {
    match claims.get_mut("aud") {
        // It comes first: clients look there (behaviours R12).
        Some(Value::Array(many)) if many.iter().any(|name| *name == server) => {
            many.sort_by_key(|name| *name != server);
        }
        _ => {
            claims.insert("aud".to_owned(), server.into());
        }
    }
}

/// What a refresh token of an RPT says besides
#[derive(Debug, Clone, Copy)]
pub struct RptGrant<'a> {
    /// The grant row that a refresh re-issues
    pub grant: &'a str,
    /// `authorization` of the RPT
    pub authorization: &'a Value,
}

/// The claims of a refresh token: HS512, for this server only (wire §6.11, §6.12)
pub fn refresh_claims(
    context: &IssueContext<'_>,
    rpt: Option<RptGrant<'_>>,
) -> Result<Map<String, Value>, KeyError> {
    let life = lifetimes(context.realm, context.client, context.sign_in, context.now);
    let claims = json!({
        "exp": context.now.plus(life.refresh).0,
        "iat": context.now.0,
        "jti": random_id()?,
        "iss": context.issuer,
        "aud": context.issuer,
        "sub": context.subject.user.id,
        "typ": "Refresh",
        "azp": context.client.client_id,
        "scope": context.scopes.all(),
        "prov": "default",
    });
    let Value::Object(mut claims) = claims else { return Err(KeyError::Claims) };
    if let Some(SignIn { session, .. }) = context.sign_in {
        claims.insert("sid".to_owned(), session.id.as_str().into());
    }
    if let Some(rpt) = rpt {
        claims.insert(GRANT_CLAIM.to_owned(), rpt.grant.into());
        claims.insert("authorization".to_owned(), rpt.authorization.clone());
    }
    Ok(claims)
}

/// Names the grant row in a refresh token of an RPT
pub const GRANT_CLAIM: &str = "countersign_grant";

/// All claims of a token again, under their names (RFC 7519 §4)
pub fn to_map(claims: &Claims) -> Map<String, Value> {
    let mut map = claims.other.clone();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            map.insert(name.to_owned(), value);
        }
    };
    set("iss", claims.iss.as_deref().map(Value::from));
    set("sub", claims.sub.as_ref().map(|sub| sub.as_str().into()));
    set("azp", claims.azp.as_ref().map(|azp| azp.as_str().into()));
    set("jti", claims.jti.as_ref().map(|jti| jti.as_str().into()));
    set("exp", claims.exp.map(|time| time.0.into()));
    set("nbf", claims.nbf.map(|time| time.0.into()));
    set("iat", claims.iat.map(|time| time.0.into()));
    set("sid", claims.sid.as_deref().map(Value::from));
    set("scope", claims.scope.as_deref().map(Value::from));
    set("typ", claims.typ.as_deref().map(Value::from));
    set_audience(&mut map, claims.aud.clone());
    map
}

/// Everything about a user that tokens and policies ask for
pub fn subject(tx: &Transaction<'_>, user: User) -> Result<Subject, StoreError> {
    let roles = store::user::effective_roles(tx, &user.id)?;
    let groups = store::user::groups(tx, &user.id)?;
    Ok(Subject { user, roles, groups })
}

#[cfg(test)]
mod tests;
