//! What somebody carries out before he is signed in: a page for each task ([`crate::sign_in::required`]).

mod new_otp;
mod new_passkey;
mod new_password;
mod profile;
mod terms;

use std::borrow::Cow;

use axum::{http::StatusCode, response::Response};

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
        required::{Required, Task},
    },
};

/// What events call somebody who is kept out by an action
const UNDONE: &str = "resolve_required_actions";

/// What came of the form of a task
pub(super) enum Outcome {
    /// It is done
    Done,
    /// It is asked for again, for this reason
    Again(Cow<'static, str>),
    /// He does not want to
    Declined(&'static str),
}

impl Outcome {
    const fn again(text: &'static str) -> Self {
        Self::Again(Cow::Borrowed(text))
    }
}

/// The progress that goes with the page of a task, where that has a secret: it goes with its form, sealed
pub(super) fn with_secret(task: Task, progress: &Progress) -> Result<Option<Progress>, ApiError> {
    Ok(match task {
        Task::NewOneTimeCode => Some(new_otp::with_secret(progress)?),
        Task::NewPasskey => Some(passkey::with_challenge(progress)?),
        Task::Terms | Task::NewPassword | Task::Profile | Task::Elsewhere => None,
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
        Task::Elsewhere => Err(ApiError::server_error()),
    }
}

/// Carries a task out with what came by its form
pub(super) async fn carry_out(
    app: &App,
    place: &InRealm,
    (user, required): (&User, &Required),
    (progress, known): (&Progress, &mut Known),
    form: &Form,
) -> Result<Outcome, ApiError> {
    match required.task {
        Task::NewOneTimeCode => new_otp::set_up(app, place, user, known, form).await,
        Task::Terms => terms::answered(app, place, user, &required.alias, form).await,
        Task::NewPassword => new_password::set(app, place, user, known, form).await,
        Task::Profile => profile::update(app, place, user, &required.alias, form).await,
        Task::NewPasskey => new_passkey::set_up(app, place, user, progress, form).await,
        Task::Elsewhere => Err(ApiError::server_error()),
    }
}

/// Says that somebody has to do what nobody can do here
pub(super) async fn elsewhere(app: &App, place: &InRealm, required: &Required) -> Response {
    place.event.detail("custom_required_action", &required.alias);
    // What was noted of the password before is not the reason.
    place.event.error(UNDONE);
    event::failed(app, place, UNDONE, "").await;
    let text = format!(
        "Account is not fully set up, and this cannot be done here: {}. Contact your administrator.",
        required.name
    );
    pages::error(place, StatusCode::FORBIDDEN, &text)
}
