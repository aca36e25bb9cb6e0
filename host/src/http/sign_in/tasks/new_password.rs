//! A password that somebody has to choose anew (`UPDATE_PASSWORD`).

use std::borrow::Cow;

use axum::http::StatusCode;
use rusqlite::Transaction;

use super::{Doing, Outcome, Wrong};
use crate::{
    error::ApiError,
    http::extract::Form,
    keys::random_id,
    password::{Checked, PasswordHash},
    sign_in::{
        credentials::{self, Refused},
        progress::Known,
    },
    store::{
        self,
        user::{Credential, people},
    },
};

/// Shortest password that somebody may choose where the realm says nothing, in characters
const SHORTEST: usize = 8;

/// Stores the password that somebody chose; says what is wrong with it otherwise
pub(super) async fn set(doing: &Doing<'_>, known: &mut Known, form: &Form) -> Result<Outcome, ApiError> {
    let new = match chosen(doing, form).await? {
        Ok(new) => new,
        Err(text) => return Ok(Outcome::Again(Wrong::new("password_rejected", text))),
    };
    let mark = credentials::mark(&new);
    let earlier = doing.place.realm.password_policy().earlier();
    let (user_id, now) = (doing.user.id.clone(), doing.app.clock.now());
    let put = move |tx: &Transaction<'_>| {
        people::set_password(tx, &user_id, &new, earlier, now)?;
        Ok(Outcome::Done)
    };
    let outcome = doing.keep("password.updated", put).await?;
    known.password = Some(mark);
    Ok(outcome)
}

/// The password to be stored, or what is wrong with it
async fn chosen(
    Doing { app, place, user, .. }: &Doing<'_>,
    form: &Form,
) -> Result<Result<Credential, Cow<'static, str>>, ApiError> {
    let Some(chosen) = form.get("password-new") else { return Ok(Err("Please specify password.".into())) };
    if form.get("password-confirm") != Some(chosen) {
        return Ok(Err("Passwords don't match.".into()));
    }
    if !place.realm.password_policy().says_length() && chosen.chars().count() < SHORTEST {
        return Ok(Err("Invalid password: minimum length 8.".into()));
    }
    if chosen.eq_ignore_ascii_case(&user.username) {
        return Ok(Err("Invalid password: must not be equal to the username.".into()));
    }
    match credentials::demand(app, &place.realm, user, chosen).await {
        Ok(()) => {}
        Err(error) if error.status() == StatusCode::BAD_REQUEST => {
            let text = error.description().unwrap_or("Invalid password").to_owned();
            return Ok(Err(text.into()));
        }
        Err(error) => return Err(error),
    }
    let failed = |error| match Refused::from(error) {
        Refused::Failed(error) => error,
        Refused::Wrong | Refused::Disabled => ApiError::server_error(),
    };
    let old = app.store.read(|tx| store::user::password(tx, &user.id))?;
    let old = old.and_then(|old| PasswordHash::read(&old.secret_data, &old.credential_data).ok());
    if let Some(old) = old
        && app.passwords.check(Some(old), chosen.to_owned()).await.map_err(failed)? != Checked::Wrong
    {
        return Ok(Err("Invalid password: must not be the one that you had.".into()));
    }
    let (secret_data, credential_data) = app.passwords.hash(chosen.to_owned()).await.map_err(failed)?;
    Ok(Ok(Credential { id: random_id()?, secret_data, credential_data }))
}
