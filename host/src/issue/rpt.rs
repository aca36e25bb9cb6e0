//! Requesting party tokens (wire §6.9 to §6.11).

use core::net::IpAddr;

use countersign_core::{permission::Permission, time::UnixTime};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::{
    IssueContext, Origin, RptGrant, Scopes, SignIn, access_claims, access_token_alg, grant_until, lifetimes,
    refresh_claims, set_rpt_audience, subject, token_type,
};
use crate::{
    app::App,
    error::ApiError,
    keys::random_id,
    realm::{Client, Dialect, Realm, Session, User},
    status, store,
};

/// What an RPT is made of
#[derive(Debug, Clone, Copy)]
pub struct RptRequest<'a> {
    /// The realm
    pub realm: &'a Realm,
    /// Its issuer as this request sees it
    pub issuer: &'a str,
    /// The client of the requesting party's token: `azp`
    pub client: &'a Client,
    /// The resource server: `aud`
    pub server: &'a Client,
    /// The requesting party
    pub user: &'a User,
    /// His sign-in; without it there is no refresh token
    pub session: Option<&'a Session>,
    /// What is granted
    pub permissions: &'a [Permission],
    /// From where the client called
    pub address: IpAddr,
    /// The key that the tokens are bound to
    pub key: Option<&'a str>,
    /// The grant row that a refresh keeps; none for a first RPT
    pub grant: Option<&'a str>,
    /// Now
    pub now: UnixTime,
}

/// An RPT that is ready to be recorded and sent
#[derive(Clone)]
pub struct IssuedRpt {
    /// Its `jti`
    pub jti: String,
    /// Its last good second
    pub expires_at: UnixTime,
    /// Its place in the realm's status list
    pub status_index: u64,
    /// The grant row of its refresh token, and the last second for which that row is of use
    pub grant: Option<(String, UnixTime)>,
    access: String,
    refresh: Option<String>,
    lives: (u64, u64),
    not_before: UnixTime,
    scope: String,
    session: Option<String>,
    token_type: &'static str,
}

impl core::fmt::Debug for IssuedRpt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("IssuedRpt")
            .field("jti", &self.jti)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

impl IssuedRpt {
    /// The answer of the UMA grant
    pub fn body(&self, upgraded: bool) -> Value {
        let mut body = self.members();
        body.insert("upgraded".to_owned(), upgraded.into());
        body.into()
    }

    /// How long the token is
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.access.len()).unwrap_or(u64::MAX)
    }

    /// The answer of a refresh, which has what an ordinary one has (wire §6.11)
    pub fn refreshed_body(&self) -> Value {
        let mut body = self.members();
        body.insert("scope".to_owned(), self.scope.as_str().into());
        if let Some(session) = &self.session {
            body.insert("session_state".to_owned(), session.as_str().into());
        }
        body.into()
    }

    fn members(&self) -> Map<String, Value> {
        let mut body = Map::new();
        let (access, refresh) = self.lives;
        body.insert("access_token".to_owned(), self.access.as_str().into());
        body.insert("expires_in".to_owned(), access.into());
        body.insert("refresh_expires_in".to_owned(), refresh.into());
        body.insert("token_type".to_owned(), self.token_type.into());
        body.insert("not-before-policy".to_owned(), self.not_before.0.into());
        if let Some(refresh) = &self.refresh {
            body.insert("refresh_token".to_owned(), refresh.as_str().into());
        }
        body
    }
}

/// Makes an RPT, and its refresh token where the requesting party has a sign-in and the client uses refresh tokens
pub async fn rpt(app: &App, request: &RptRequest<'_>) -> Result<IssuedRpt, ApiError> {
    let RptRequest { realm, client, server, session, now, .. } = *request;
    let alg = access_token_alg(realm, client);
    let ring = app.keys.with(&app.store, realm, alg).await?;
    let authorization = json!({ "permissions": shown(realm, request.permissions) });
    let refreshing = session.filter(|_| client.uses_refresh_tokens());
    let grant = match (request.grant, refreshing) {
        (_, None) => None,
        (Some(kept), Some(session)) => Some((kept.to_owned(), grant_until(session, now))),
        (None, Some(session)) => Some((random_id()?, grant_until(session, now))),
    };
    let (access, refresh, life, scope, place) = app.store.read(|tx| {
        let place = status::draw(tx, realm)?;
        let subject = subject(tx, request.user.clone())?;
        let scopes = Scopes::resolve(realm, server, None).unwrap_or_default();
        let scopes = scopes.permitted(tx, realm, &subject.roles)?;
        let part = match session {
            Some(session) => store::session::part(tx, &session.id, &client.id)?,
            None => None,
        };
        let sign_in = session.zip(part.as_ref()).map(|(session, part)| SignIn { session, part });
        let context = IssueContext {
            realm,
            issuer: request.issuer,
            client,
            scopes_of: server,
            subject: &subject,
            sign_in,
            scopes: &scopes,
            address: request.address,
            key: request.key,
            origin: if request.grant.is_some() { Origin::Refresh } else { Origin::Uma },
            now,
        };
        let mut access = access_claims(tx, &context)?;
        set_rpt_audience(&mut access, &server.client_id);
        access.insert("authorization".to_owned(), authorization.clone());
        access.insert("status".to_owned(), status::claim(request.issuer, place));
        let refresh = grant.as_ref().map(|(grant, _)| {
            refresh_claims(&context, Some(RptGrant { grant, authorization: &authorization }))
        });
        Ok((access, refresh, lifetimes(realm, client, sign_in, now), scopes.in_token(), place))
    })?;
    let jti = access.get("jti").and_then(Value::as_str).unwrap_or_default().to_owned();
    let refresh = refresh.transpose()?.map(|claims| ring.sign_internal(&claims)).transpose()?;
    let refresh_life = if refresh.is_some() { life.refresh_expires_in() } else { 0 };
    Ok(IssuedRpt {
        jti,
        expires_at: now.plus(life.access),
        status_index: place,
        grant,
        access: ring.sign(alg, &access)?,
        refresh,
        lives: (life.access, refresh_life),
        not_before: realm.not_before.max(client.not_before),
        scope,
        session: session.map(|session| session.id.clone()),
        token_type: token_type(request.key),
    })
}

/// Permissions as a token carries them: what somebody has told this server about himself is for it alone, where no
/// client of Keycloak's looks for it (Grant §3.3.3)
fn shown(realm: &Realm, permissions: &[Permission]) -> Vec<Permission> {
    let mut shown = permissions.to_vec();
    if realm.uma.dialect == Dialect::Uma2 {
        for permission in &mut shown {
            permission.claims.clear();
        }
    }
    shown
}

/// The permissions of an RPT's claims; nothing where the token is no RPT
pub fn permissions_of(claims: &Map<String, Value>) -> Option<Vec<Permission>> {
    let entries = claims.get("authorization")?.get("permissions")?.as_array()?;
    Some(entries.iter().filter_map(|entry| Permission::deserialize(entry).ok()).collect())
}
