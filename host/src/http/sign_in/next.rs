//! What is left to do for somebody who is known, decided anew from the store at each step.

use rusqlite::Transaction;

use super::consent;
use crate::{
    realm::{Client, Realm, User},
    sign_in::{
        credentials,
        progress::Known,
        request::AuthRequest,
        required::{self, Required},
    },
    store::{self, StoreError},
};

/// What is left to do
pub(super) enum Next {
    /// To give a one-time code
    OneTimeCode,
    /// To do what his account or the client demands
    Do(Required),
    /// To let the client have these scopes
    Consent(Vec<String>),
    /// Nothing
    Done,
}

/// Somebody who is known, and what is left to do for him
pub(super) struct Left {
    /// Who
    pub(super) user: User,
    /// What
    pub(super) next: Next,
    /// Only the client wants it: he may leave it
    pub(super) optional: bool,
}

/// Finds out what is left to do for somebody who is known; nothing, if he is not any more
pub(super) fn next(
    tx: &Transaction<'_>,
    realm: &Realm,
    client: &Client,
    request: &AuthRequest,
    known: &Known,
) -> Result<Option<Left>, StoreError> {
    let Some(user) = store::user::by_id(tx, &realm.id, &known.user)?.filter(|user| user.enabled) else {
        return Ok(None);
    };
    let stored = store::user::password(tx, &user.id)?;
    let same = known.password.is_none() || stored.as_ref().map(credentials::mark) == known.password;
    let held = known.passkey.as_ref().map_or(Ok(true), |id| store::passkey::has(tx, &user.id, id))?;
    if !same || !held || known.at < realm.not_before.max(user.not_before) {
        return Ok(None);
    }
    if !known.second && store::sign_in::otp(tx, &user.id)?.is_some() {
        return Ok(Some(Left { user, next: Next::OneTimeCode, optional: false }));
    }
    if let Some(required) = required::first(tx, realm, &user)? {
        return Ok(Some(Left { user, next: Next::Do(required), optional: false }));
    }
    let asked = request.action.as_deref().filter(|_| known.acted.is_none());
    if let Some(required) = asked.and_then(|alias| required::asked(realm, alias)) {
        return Ok(Some(Left { user, next: Next::Do(required), optional: true }));
    }
    let wanted = consent::wanted(tx, realm, client, request, &user)?;
    Ok(Some(Left { user, next: wanted.map_or(Next::Done, Next::Consent), optional: false }))
}
