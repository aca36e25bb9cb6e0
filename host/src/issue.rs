//! What tokens say (wire §6.10, §6.12).

mod mappers;
mod roles;
mod rpt;
mod scopes;

use core::net::IpAddr;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::{jws::Alg, time::UnixTime, token::Claims};
use rusqlite::Transaction;
use serde_json::{Map, Value, json};

use self::mappers::{Mapped, Target};
pub use self::{
    rpt::{IssuedRpt, RptRequest, permissions_of, rpt},
    scopes::{OFFLINE_ACCESS, OPENID, ScopeRefused, Scopes},
};
use crate::{
    keys::{KeyError, random_id},
    realm::{Client, ClientSession, Group, Realm, Role, Session, User},
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

impl Subject {
    /// Whether he has this role of the realm
    pub fn has_realm_role(&self, name: &str) -> bool {
        self.roles.iter().any(|role| role.client.is_none() && role.name == name)
    }
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
    /// Token exchange
    Exchange,
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
            (
                None,
                Self::Code | Self::ClientCredentials | Self::Exchange | Self::Password | Self::Refresh,
            ) => "tr",
        };
        let grant = match self {
            Self::Code => "ac",
            Self::ClientCredentials => "cc",
            Self::Exchange => "te",
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
    /// The key that the tokens are bound to (RFC 9449 §6.1)
    pub key: Option<&'a str>,
    /// The grant
    pub origin: Origin,
    /// Now
    pub now: UnixTime,
}

impl IssueContext<'_> {
    /// A note of the sign-in; a service account's client counts as one
    pub(super) fn note(&self, name: &str) -> Option<String> {
        let session = self.sign_in.map(|sign_in| sign_in.session);
        let account = self.subject.user.service_client.is_some();
        match name {
            "AUTH_TIME" => session?.auth_time.map(|time| time.0.to_string()),
            "client_id" if account => Some(self.client.client_id.clone()),
            "clientHost" | "clientAddress" if account => Some(self.address.to_string()),
            name => session?.notes.get(name).cloned(),
        }
    }
}

/// A sign-in, and the client's part in it
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// The sign-in
    pub session: &'a Session,
    /// The client's part
    pub part: &'a ClientSession,
}

/// Seconds for which a token of an offline session without a fixed end may be kept: the session says when it is over
const OFFLINE_SECONDS: u64 = 10 * 365 * 24 * 60 * 60;

/// How long tokens live, in seconds
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token
    pub access: u64,
    /// A refresh token
    pub refresh: u64,
    /// The refresh token is good for as long as somebody uses it
    pub endless: bool,
}

impl Lifetimes {
    /// `refresh_expires_in` of an answer: 0 where only the session's use counts, as in Keycloak
    pub const fn refresh_expires_in(&self) -> u64 {
        if self.endless { 0 } else { self.refresh }
    }
}

/// The lives of tokens of this client, none longer than the sign-in (wire §12)
pub fn lifetimes(realm: &Realm, client: &Client, sign_in: Option<SignIn<'_>>, now: UnixTime) -> Lifetimes {
    let own = |name| client.attribute(name).and_then(|text| text.parse::<u64>().ok()).filter(|n| *n > 0);
    let access = own("access.token.lifespan").unwrap_or(realm.settings.access_token_lifespan);
    let Some(SignIn { session, part }) = sign_in else {
        return Lifetimes { access, refresh: 0, endless: false };
    };
    let endless = session.offline && !realm.settings.offline_session_max_lifespan_enabled;
    Lifetimes {
        access: access.min(now.seconds_until(session.last_second(realm, client, part))),
        refresh: if endless {
            OFFLINE_SECONDS
        } else {
            now.seconds_until(session.refresh_until(realm, client, part, now))
        },
        endless,
    }
}

/// Until when the grant of a refresh token is kept
pub fn grant_until(session: &Session, now: UnixTime) -> UnixTime {
    if session.offline { now.plus(OFFLINE_SECONDS) } else { session.expires_at }
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

/// The algorithm of ID tokens of this client
pub fn id_token_alg(realm: &Realm, client: &Client) -> Alg {
    client.attribute("id.token.signed.response.alg").and_then(signing_alg).unwrap_or_else(|| realm_alg(realm))
}

/// Those that keys are made for
pub fn signing_alg(name: &str) -> Option<Alg> {
    Alg::from_name(name).filter(|alg| matches!(alg, Alg::Rs256 | Alg::Es256 | Alg::EdDsa))
}

/// The claims of an access token.
///
/// The client and its scopes say what else than the fixed ones it has. An RPT gets its `authorization` and its `aud`
/// ([`set_rpt_audience`]) from the caller.
pub fn access_claims(
    tx: &Transaction<'_>,
    context: &IssueContext<'_>,
) -> Result<Map<String, Value>, StoreError> {
    let lightweight = context.client.attribute("client.use.lightweight.access.token.enabled") == Some("true");
    let target = if lightweight { Target::Lightweight } else { Target::Access };
    let Mapped { mut claims, audience } = mappers::apply(tx, context, target)?;
    let session = context.sign_in.map(|sign_in| sign_in.session);
    let jti = context.origin.jti(session).map_err(|error| StoreError::Other(error.to_string()))?;
    common(context, &mut claims, jti, token_type(context.key));
    if let Some(key) = context.key {
        claims.insert("cnf".to_owned(), json!({ "jkt": key }));
    }
    claims.insert("scope".to_owned(), context.scopes.in_token().into());
    set_audience(&mut claims, audience);
    Ok(claims)
}

/// The claims of an ID token that comes with this access token (OpenID Connect Core §2)
pub fn id_claims(
    tx: &Transaction<'_>,
    context: &IssueContext<'_>,
    nonce: Option<&str>,
) -> Result<Map<String, Value>, StoreError> {
    let Mapped { mut claims, mut audience } = mappers::apply(tx, context, Target::Id)?;
    let jti = random_id().map_err(|error| StoreError::Other(error.to_string()))?;
    common(context, &mut claims, jti, "ID");
    if let Some(time) = context.sign_in.and_then(|sign_in| sign_in.session.auth_time) {
        claims.insert("auth_time".to_owned(), time.0.into());
    }
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), nonce.into());
    }
    audience.push(context.client.client_id.clone());
    set_audience(&mut claims, audience);
    Ok(claims)
}

/// What the userinfo endpoint says of the subject (OpenID Connect Core §5.3.2)
pub fn user_info_claims(
    tx: &Transaction<'_>,
    context: &IssueContext<'_>,
) -> Result<Map<String, Value>, StoreError> {
    let Mapped { mut claims, .. } = mappers::apply(tx, context, Target::UserInfo)?;
    claims.insert("sub".to_owned(), context.subject.user.id.as_str().into());
    Ok(claims)
}

/// What introspection adds to the claims of an access token, and the audiences of that token as of now
pub fn introspection_claims(
    tx: &Transaction<'_>,
    context: &IssueContext<'_>,
) -> Result<(Map<String, Value>, Vec<String>), StoreError> {
    let Mapped { claims, audience } = mappers::apply(tx, context, Target::Introspection)?;
    Ok((claims, audience))
}

/// The claims that no mapper decides
fn common(context: &IssueContext<'_>, claims: &mut Map<String, Value>, jti: String, typ: &str) {
    let life = lifetimes(context.realm, context.client, context.sign_in, context.now);
    let mut set = |name: &str, value: Value| {
        claims.insert(name.to_owned(), value);
    };
    set("exp", context.now.plus(life.access).0.into());
    set("iat", context.now.0.into());
    set("jti", jti.into());
    set("iss", context.issuer.into());
    set("sub", context.subject.user.id.as_str().into());
    set("typ", typ.into());
    set("azp", context.client.client_id.as_str().into());
    if let Some(SignIn { session, .. }) = context.sign_in {
        set("sid", session.id.as_str().into());
    }
}

/// Left half of the hash of an access token, which ties an ID token to it (OpenID Connect Core §3.1.3.6)
pub fn at_hash(alg: Alg, access_token: &str) -> String {
    let by = match alg {
        Alg::Rs256 | Alg::Ps256 | Alg::Es256 => &digest::SHA256,
        Alg::Rs384 | Alg::Ps384 | Alg::Es384 => &digest::SHA384,
        Alg::Rs512 | Alg::Ps512 | Alg::EdDsa | Alg::Hs512 => &digest::SHA512,
    };
    let hash = digest::digest(by, access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len().div_euclid(2));
    URL_SAFE_NO_PAD.encode(left)
}

/// One audience is a text, several are a list (RFC 7519 §4.1.3)
pub fn set_audience(claims: &mut Map<String, Value>, mut audience: Vec<String>) {
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

/// How a token is presented that is bound to this key, or to none (RFC 9449 §5)
pub const fn token_type(key: Option<&str>) -> &'static str {
    if key.is_some() { "DPoP" } else { "Bearer" }
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
        "typ": if context.sign_in.is_some_and(|sign_in| sign_in.session.offline) { "Offline" } else { "Refresh" },
        "azp": context.client.client_id,
        "scope": context.scopes.all(),
        "prov": "default",
    });
    let Value::Object(mut claims) = claims else { return Err(KeyError::Claims) };
    if let Some(SignIn { session, .. }) = context.sign_in {
        claims.insert("sid".to_owned(), session.id.as_str().into());
    }
    // A client that can prove who it is needs no key for its refresh tokens (RFC 9449 §5).
    if let Some(key) = context.key.filter(|_| context.client.settings.public_client) {
        claims.insert("cnf".to_owned(), json!({ "jkt": key }));
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
