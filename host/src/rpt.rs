//! Requesting party tokens: what one says, and how it is made (Grant §3.3.5, `keycloak-wire` §6.9–§6.11).

use core::net::IpAddr;

use countersign_core::{jws::Alg, permission::Permission, time::UnixTime, token::Claims};
use serde_json::{Value, json};

use crate::{
    app::App,
    error::ApiError,
    http::extract::InRealm,
    issue::{self, IssueContext, Origin, RptGrant, Scopes},
    keys,
    realm::{Client, Session, User},
    store::StoreError,
};

/// For whom an RPT is made, and with what
#[derive(Debug, Clone, Copy)]
pub struct RptRequest<'a> {
    /// The realm, as the request sees it
    pub place: &'a InRealm,
    /// The client of the requesting party's token: `azp`
    pub client: &'a Client,
    /// The resource server: `aud`
    pub server: &'a Client,
    /// The requesting party
    pub user: &'a User,
    /// His sign-in; without one there is no refresh token
    pub session: Option<&'a Session>,
    /// What is granted
    pub permissions: &'a [Permission],
    /// Where the request came from
    pub address: IpAddr,
    /// When
    pub now: UnixTime,
    /// Which grant asked for it
    pub origin: Origin,
    /// The grant row that a refresh has used; a new one is made otherwise
    pub grant: Option<&'a str>,
}

/// An RPT that was signed and is not yet on record
#[derive(Clone)]
pub struct IssuedRpt {
    /// Its `jti`
    pub jti: String,
    /// Its last good second
    pub expires_at: UnixTime,
    /// Id and end of its grant row, where it has a refresh token
    pub grant: Option<(String, UnixTime)>,
    answer: Value,
}

impl core::fmt::Debug for IssuedRpt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("IssuedRpt").field("jti", &self.jti).finish_non_exhaustive()
    }
}

impl IssuedRpt {
    /// The answer of the UMA grant
    pub fn into_grant_answer(self, upgraded: bool) -> Value {
        let mut answer = self.answer;
        answer["upgraded"] = upgraded.into();
        answer
    }

    /// The answer of an ordinary refresh, which names session and scopes (`keycloak-wire` §6.11)
    pub fn into_refresh_answer(self, session: &str, scope: &str) -> Value {
        let mut answer = self.answer;
        answer["session_state"] = session.into();
        answer["scope"] = scope.into();
        answer
    }
}

/// The permissions of a token; nothing if it is no RPT
pub fn permissions(claims: &Claims) -> Option<Vec<Permission>> {
    let permissions = claims.other.get("authorization")?.get("permissions")?;
    serde_json::from_value(permissions.clone()).ok()
}

/// Signs an RPT and its refresh token; recording it is the caller's business
pub async fn issue(app: &App, request: &RptRequest<'_>) -> Result<IssuedRpt, ApiError> {
    let RptRequest { place, client, server, user, session, permissions, now, .. } = *request;
    let scopes = Scopes::resolve(&place.realm, server, None).map_err(|_| ApiError::server_error())?;
    let subject = app.store.read(|tx| issue::subject(tx, user.clone()))?;
    let context = IssueContext {
        realm: &place.realm,
        issuer: &place.issuer,
        client,
        scopes_of: server,
        subject: &subject,
        session,
        scopes: &scopes,
        address: request.address,
        origin: request.origin,
        now,
    };
    let mut claims = app.store.read(|tx| issue::claims(tx, &context))?;
    let authorization = json!({ "permissions": permissions });
    claims.insert("authorization".to_owned(), authorization.clone());
    issue::set_rpt_audience(&mut claims, &server.client_id);
    let jti = claims.get("jti").and_then(Value::as_str).unwrap_or_default().to_owned();
    let lifetimes = issue::lifetimes(&place.realm, client, session, now);
    let alg = issue::access_token_alg(&place.realm, client);
    let ring = app.keys.with(&app.store, &place.realm, alg).await?;
    let mut answer = json!({
        "access_token": ring.sign(alg, &claims)?,
        "expires_in": lifetimes.access,
        "refresh_expires_in": 0,
        "token_type": "Bearer",
        "not-before-policy": place.realm.not_before.0,
    });
    let mut grant = None;
    if session.is_some() && client.uses_refresh_tokens() {
        let id = match request.grant {
            Some(id) => id.to_owned(),
            None => keys::random_id()?,
        };
        let rpt = RptGrant { grant: &id, authorization: &authorization };
        let ring = app.keys.with(&app.store, &place.realm, Alg::Hs512).await?;
        answer["refresh_token"] = ring.sign_internal(&issue::refresh_claims(&context, Some(rpt))?)?.into();
        answer["refresh_expires_in"] = lifetimes.refresh.into();
        grant = Some((id, now.plus(lifetimes.refresh)));
    }
    if jti.is_empty() {
        return Err(StoreError::Other("an RPT has no jti".to_owned()).into());
    }
    Ok(IssuedRpt { jti, expires_at: now.plus(lifetimes.access), grant, answer })
}
