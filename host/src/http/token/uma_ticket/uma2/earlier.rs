//! An earlier RPT, whose permissions a new one may carry on (Grant §3.3.5.1).

use countersign_core::{
    permission::{Claims, Permission},
    time::UnixTime,
    token::Confirmation,
};

use super::super::Asker;
use crate::{app::App, auth, error::ApiError, http::extract::InRealm, issue, realm::Client, store};

/// An RPT that may be upgraded
pub(super) struct Earlier {
    pub(super) id: String,
    pub(super) issued: UnixTime,
    pub(super) until: UnixTime,
    pub(super) permissions: Vec<Permission>,
    /// What it was decided with: no token says so
    pub(super) claims: Claims,
}

/// What an earlier RPT brings: of the same client, party, resource server and key, and still alive; else nothing
/// (GRANT-3.3.1-11)
pub(super) fn earlier(
    app: &App,
    place: &InRealm,
    asker: &Asker,
    server: &Client,
    token: &str,
) -> Result<Option<Earlier>, ApiError> {
    let verified = match auth::verify_mentioned(app, &place.realm, &place.issuer, token) {
        Ok(verified) => verified,
        Err(refused) => return refused.or_inactive().map(|()| None),
    };
    let claims = verified.token.claims();
    let (Some(id), Some(issued), Some(until)) = (claims.jti.as_ref(), claims.iat, claims.exp) else {
        return Ok(None);
    };
    let bound = Confirmation::of(claims).ok().and_then(|bound| bound.jkt().map(str::to_owned));
    let same = verified.client.id == asker.client.id
        && verified.user.id == asker.user.id
        && bound.as_deref() == place.key.as_deref()
        && app.store.read(|tx| store::grant::rpt_server(tx, id.as_str()))?.as_deref() == Some(&*server.id);
    let Some(permissions) = issue::permissions_of(&claims.other).filter(|_| same) else { return Ok(None) };
    let claims = app.store.rpt_claims(id.as_str())?;
    Ok(Some(Earlier { id: id.to_string(), issued, until, permissions, claims }))
}
