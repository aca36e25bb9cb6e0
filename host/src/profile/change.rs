//! What somebody changes of herself, wherever she does (`admin-surface` §4, wire §10).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use countersign_core::time::UnixTime;
use rusqlite::Transaction;

use super::{Violation, of};
use crate::{
    error::ApiError,
    realm::{Realm, User},
    store::{
        StoreError,
        user::people::{self, UserRecord},
    },
};

/// What she says of herself; what she does not say stays
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The name by which she signs in
    pub username: Option<String>,
    /// Her address
    pub email: Option<String>,
    /// Her first name
    pub first_name: Option<String>,
    /// Her last name
    pub last_name: Option<String>,
    /// All attributes that she may change
    pub attributes: Option<BTreeMap<String, Vec<String>>>,
}

impl Change {
    /// What becomes of her, as the realm's profile has it
    pub fn of(&self, realm: &Realm, before: &User) -> Result<User, Violation> {
        let text = |given: &str| Some(given.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let mut user = before.clone();
        if let Some(username) = &self.username {
            user.username = username.to_lowercase();
        }
        if let Some(first_name) = &self.first_name {
            user.first_name = text(first_name);
        }
        if let Some(last_name) = &self.last_name {
            user.last_name = text(last_name);
        }
        if let Some(email) = &self.email {
            let email = text(email).map(|email| email.to_lowercase());
            // Nobody has shown that a new address is hers.
            user.email_verified &= email == user.email;
            user.email = email;
        }
        of(realm).apply_own(before, &mut user, self.attributes.as_ref())?;
        Ok(user)
    }
}

/// What somebody else has already; said before anything is written
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The name by which he signs in
    Username,
    /// The address, where nobody shares one
    Email,
}

impl Taken {
    /// As Keycloak's APIs say it
    pub const fn text(self) -> &'static str {
        match self {
            Self::Username => "User exists with same username",
            Self::Email => "User exists with same email",
        }
    }

    /// As Keycloak's pages say it
    pub const fn message(self) -> &'static str {
        match self {
            Self::Username => "Username already exists.",
            Self::Email => "Email already exists.",
        }
    }
}

impl From<Taken> for ApiError {
    fn from(taken: Taken) -> Self {
        Self::message(StatusCode::CONFLICT, taken.text())
    }
}

/// What somebody else has of what a user is to be
pub fn taken(tx: &Transaction<'_>, realm: &Realm, user: &User) -> Result<Option<Taken>, StoreError> {
    if people::username_taken(tx, &realm.id, &user.username, &user.id)? {
        return Ok(Some(Taken::Username));
    }
    let duplicates =
        realm.settings.attributes.get("duplicateEmailsAllowed").is_some_and(|value| value == "true");
    match &user.email {
        Some(email) if !duplicates && people::email_taken(tx, &realm.id, email, &user.id)? => {
            Ok(Some(Taken::Email))
        }
        _ => Ok(None),
    }
}

/// Puts what has become of her in the place of what she was `before`, unless somebody has changed her meanwhile
/// ([`StoreError::Stale`]) or somebody else has what she wants
pub fn put(
    tx: &Transaction<'_>,
    realm: &Realm,
    before: &User,
    user: User,
    now: UnixTime,
) -> Result<Option<Taken>, StoreError> {
    let Some(record) = people::by_id(tx, &realm.id, &before.id)?.filter(|record| record.user == *before)
    else {
        return Err(StoreError::Stale);
    };
    if let Some(taken) = taken(tx, realm, &user)? {
        return Ok(Some(taken));
    }
    people::update(tx, &realm.id, &UserRecord { user, ..record }, now)?;
    Ok(None)
}
