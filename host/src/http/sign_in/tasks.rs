//! What somebody carries out before he is signed in: a page for each task ([`crate::sign_in::required`]).

mod new_otp;
mod new_passkey;
mod new_password;
mod profile;
mod terms;

use std::{borrow::Cow, sync::Arc};

use axum::{http::StatusCode, response::Response};
use rusqlite::Transaction;

use super::{
    super::extract::{Form, InRealm},
    pages::{self, Step},
    passkey,
};
use crate::{
    app::App,
    error::ApiError,
    event,
    realm::User,
    sign_in::{
        progress::{Known, Progress},
        required::{Task, Todo, Undoable},
    },
    store::{
        self, StoreError,
        audit::{self, Event},
    },
};

/// What events call somebody who is kept out by an action
const UNDONE: &str = "resolve_required_actions";
/// What events call somebody who does not want to
pub(super) const REJECTED: &str = "rejected_by_user";

/// What came of the form of a task
pub(super) enum Outcome {
    /// It is done
    Done,
    /// It is asked for again
    Again(Wrong),
    /// He does not want to; said to the client
    Declined(&'static str),
}

/// What is wrong with the form of a task
pub(super) struct Wrong {
    /// What events call it
    error: &'static str,
    /// What is read with that by those who look at events
    reason: Cow<'static, str>,
    /// What he reads himself
    pub(super) text: Cow<'static, str>,
}

impl Wrong {
    /// What everybody reads alike
    fn new(error: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        Self { error, reason: text.clone(), text }
    }
}

/// The progress that goes with the page of a task, where that has a secret: it goes with its form, sealed
pub(super) fn with_secret(task: Task, progress: &Progress) -> Result<Option<Progress>, ApiError> {
    Ok(match task {
        Task::NewOneTimeCode => Some(new_otp::with_secret(progress)?),
        Task::NewPasskey => Some(passkey::with_challenge(progress)?),
        Task::Terms | Task::NewPassword | Task::Profile => None,
    })
}

/// The page of a task
pub(super) fn page(
    app: &App,
    place: &InRealm,
    step: Step<'_>,
    progress: &Progress,
    (user, task): (&User, Task),
) -> Result<Response, ApiError> {
    match task {
        Task::NewOneTimeCode => new_otp::page(place, step, progress, user),
        Task::Terms => terms::page(app, place, step),
        Task::NewPassword => Ok(pages::update_password(place, step, &user.username)),
        Task::Profile => Ok(profile::page(place, step, user)),
        Task::NewPasskey => new_passkey::page(app, place, step, progress, user),
    }
}

/// Carries a task out with what came by its form. What comes of it is an event of its own, beside that of the sign-in.
pub(super) async fn carry_out(
    app: &App,
    place: &InRealm,
    (user, todo): (&User, &Todo),
    (progress, known): (&Progress, &mut Known),
    form: &Form,
) -> Result<Outcome, ApiError> {
    let place = &place.apart(match todo.task {
        Task::NewOneTimeCode => "UPDATE_TOTP",
        Task::Terms => "CUSTOM_REQUIRED_ACTION",
        Task::NewPassword => "UPDATE_PASSWORD",
        Task::Profile => "UPDATE_PROFILE",
        Task::NewPasskey => "UPDATE_CREDENTIAL",
    });
    let doing = Doing { app, place, user, alias: &todo.alias };
    let outcome = match todo.task {
        Task::NewOneTimeCode => new_otp::set_up(&doing, known, form).await,
        Task::Terms => terms::answered(&doing, form).await,
        Task::NewPassword => new_password::set(&doing, known, form).await,
        Task::Profile => profile::update(&doing, form).await,
        Task::NewPasskey => new_passkey::set_up(&doing, progress, form).await,
    }?;
    match &outcome {
        Outcome::Done => {}
        Outcome::Again(wrong) => event::failed(app, place, wrong.error, &wrong.reason).await,
        Outcome::Declined(_) => event::failed(app, place, REJECTED, "").await,
    }
    Ok(outcome)
}

/// Somebody who carries out a task
struct Doing<'a> {
    app: &'a App,
    /// Its event is that of the task
    place: &'a InRealm,
    user: &'a User,
    /// As his list names it
    alias: &'a str,
}

impl Doing<'_> {
    /// Stores what he does by `work`, and in the journal under this name. Once it is done it is off his list, and an event.
    async fn keep(
        &self,
        name: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<Outcome, StoreError> + Send + 'static,
    ) -> Result<Outcome, ApiError> {
        let (realm, now) = (Arc::clone(&self.place.realm), self.app.clock.now());
        let (user_id, alias) = (self.user.id.clone(), self.alias.to_owned());
        let (entry, done) = (Event::new(name, &realm.id, &user_id, now), self.place.event.done(&realm, now));
        let kept = self.app.store.write(move |tx| {
            let outcome = work(tx)?;
            match outcome {
                Outcome::Done => {
                    store::sign_in::acted(tx, &realm, &user_id, &alias)?;
                    audit::record(tx, &entry.kept(done))?;
                }
                Outcome::Declined(_) => audit::record(tx, &entry)?,
                Outcome::Again(_) => {}
            }
            Ok(outcome)
        });
        Ok(kept.await?)
    }
}

/// Says that somebody has to do what nobody can do here
pub(super) async fn stuck(app: &App, place: &InRealm, user: &User, action: &Undoable) -> Response {
    place.event.user(&user.id);
    place.event.detail("username", &user.username);
    place.event.detail("custom_required_action", &action.alias);
    // What was noted of the password before is not the reason.
    place.event.error(UNDONE);
    event::failed(app, place, UNDONE, "").await;
    let text = format!(
        "Account is not fully set up, and this cannot be done here: {}. Contact your administrator.",
        action.name
    );
    pages::error(place, StatusCode::FORBIDDEN, &text)
}
