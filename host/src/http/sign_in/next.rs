//! What is left to do for somebody who is known, decided anew from the store at each step.

use rusqlite::Transaction;

use super::consent;
use crate::{
    realm::{Client, Realm, User},
    sign_in::{
        credentials,
        progress::Known,
        request::AuthRequest,
        required::{self, Required, Todo, Undoable},
    },
    store::{self, StoreError},
};

/// Somebody who is known, and what is left to do for him
pub(super) struct Left {
    /// Who
    pub(super) user: User,
    /// What
    pub(super) next: Next,
}

/// What is left to do
pub(super) enum Next {
    /// To answer a page
    Ask(Ask),
    /// What his account demands, which nobody can do here
    Stuck(Undoable),
    /// Nothing
    Done,
}

/// What a page asks for
pub(super) struct Ask {
    /// What
    pub(super) what: What,
    /// Only the client wants it: he may leave it
    pub(super) optional: bool,
}

/// The kinds of pages
pub(super) enum What {
    /// To give a one-time code
    OneTimeCode,
    /// To do what his account or the client demands
    Do(Todo),
    /// To let the client have these scopes
    Consent(Vec<String>),
}

impl From<What> for Next {
    fn from(what: What) -> Self {
        Self::Ask(Ask { what, optional: false })
    }
}

impl From<Required> for Next {
    fn from(required: Required) -> Self {
        match required {
            Required::Here(todo) => What::Do(todo).into(),
            Required::Elsewhere(undoable) => Self::Stuck(undoable),
        }
    }
}

/// Finds out what is left to do for somebody who is known; nothing, if he is not any more
pub(super) fn left(
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
    let next = next(tx, realm, client, request, (known, &user))?;
    Ok(Some(Left { user, next }))
}

fn next(
    tx: &Transaction<'_>,
    realm: &Realm,
    client: &Client,
    request: &AuthRequest,
    (known, user): (&Known, &User),
) -> Result<Next, StoreError> {
    if !known.second && store::sign_in::otp(tx, &user.id)?.is_some() {
        return Ok(What::OneTimeCode.into());
    }
    if let Some(required) = required::first(tx, realm, user)? {
        return Ok(required.into());
    }
    let asked = request.action.as_deref().filter(|_| known.acted.is_none());
    if let Some(todo) = asked.and_then(|alias| required::asked(realm, alias)) {
        return Ok(Next::Ask(Ask { what: What::Do(todo), optional: true }));
    }
    let wanted = consent::wanted(tx, realm, client, request, user)?;
    Ok(wanted.map_or(Next::Done, |scopes| What::Consent(scopes).into()))
}
