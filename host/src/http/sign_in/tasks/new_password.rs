//! A password that somebody has to choose anew (`UPDATE_PASSWORD`).

use std::{borrow::Cow, sync::Arc};

use axum::http::StatusCode;

use super::Outcome;
use crate::{
    app::App,
    error::ApiError,
    event,
    http::extract::{Form, InRealm},
    keys::random_id,
    password::{Checked, PasswordHash},
    realm::User,
    sign_in::{
        credentials::{self, Refused},
        progress::Known,
    },
    store::{
        self,
        audit::{self, Event},
        user::Credential,
    },
};

/// Shortest password that somebody may choose where the realm says nothing, in characters
const SHORTEST: usize = 8;

/// Stores the password that somebody chose; says what is wrong with it otherwise
pub(super) async fn set(
    app: &App,
    place: &InRealm,
    user: &User,
    known: &mut Known,
    form: &Form,
) -> Result<Outcome, ApiError> {
    match stored(app, place, user, form).await? {
        Ok(mark) => {
            known.password = Some(mark);
            Ok(Outcome::Done)
        }
        Err(text) => {
            place.event.kind("UPDATE_PASSWORD");
            event::failed(app, place, "password_rejected", &text).await;
            place.event.kind("LOGIN");
            Ok(Outcome::Again(text))
        }
    }
}

/// The mark of the password that is stored now, or what is wrong with it
async fn stored(
    app: &App,
    place: &InRealm,
    user: &User,
    form: &Form,
) -> Result<Result<String, Cow<'static, str>>, ApiError> {
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
    let new = Credential { id: random_id()?, secret_data, credential_data };
    let mark = credentials::mark(&new);
    let (realm, user_id, now) = (Arc::clone(&place.realm), user.id.clone(), app.clock.now());
    place.event.kind("UPDATE_PASSWORD");
    let event = Event::new("password.updated", &realm.id, &user.id, now).kept(place.event.done(&realm, now));
    place.event.kind("LOGIN");
    app.store
        .write(move |tx| {
            store::sign_in::update_password(tx, &realm, &user_id, &new, now)?;
            audit::record(tx, &event)
        })
        .await?;
    Ok(Ok(mark))
}
