//! What somebody says of herself before she is signed in (`UPDATE_PROFILE`, `VERIFY_PROFILE`).

use std::{borrow::Cow, sync::Arc};

use axum::response::Response;
use maud::{Markup, html};
use rusqlite::Transaction;

use super::{
    super::pages::{self, Again, Step},
    Doing, Outcome, Wrong,
};
use crate::{
    error::ApiError,
    http::extract::{Form, InRealm},
    profile::{
        self, Field,
        change::{self, Change},
    },
    realm::User,
};

/// Asks for what the profile of the realm has her say
pub(super) fn page(place: &InRealm, step: Step<'_>, user: &User) -> Response {
    let mut fields = profile::of(&place.realm).fields(user);
    if let Some(Again { given, .. }) = step.again {
        for field in &mut fields {
            field.value = given.get(&field.name).unwrap_or_default().to_owned();
        }
    }
    let body = html! {
        p { "You need to complete your account before you go on." }
        (pages::alert(step.error()))
        form id="kc-update-profile-form" action=(step.action) method="post" {
            label for="username" { "Username" }
            input id="username" name="username" type="text" value=(user.username) autocomplete="username" readonly;
            @for field in &fields { (input(field)) }
            button id="kc-submit" type="submit" { "Submit" }
            (pages::cancel(step))
        }
    };
    pages::page_of_step(place, step, "Update your account", &body)
}

fn input(field: &Field) -> Markup {
    let (kind, autocomplete) = match field.name.as_str() {
        "email" => ("email", Some("email")),
        "firstName" => ("text", Some("given-name")),
        "lastName" => ("text", Some("family-name")),
        _ => ("text", None),
    };
    html! {
        label for=(field.name) { (field.label) }
        @if field.options.is_empty() {
            input id=(field.name) name=(field.name) type=(kind) value=(field.value) required[field.required]
                autocomplete=[autocomplete];
        } @else {
            select id=(field.name) name=(field.name) required[field.required] {
                option value="" selected[field.value.is_empty()] {}
                @for option in &field.options {
                    option value=(option) selected[*option == field.value] { (option) }
                }
            }
        }
    }
}

/// What the form changes. A field that is empty does not come with it; what has no field stays.
fn change(place: &InRealm, user: &User, form: &Form) -> Change {
    let profile = profile::of(&place.realm);
    let mut attributes = profile.seen(user);
    let mut change = Change::default();
    for field in profile.fields(user) {
        let value = form.get(&field.name).unwrap_or_default().trim().to_owned();
        match field.name.as_str() {
            "email" => change.email = Some(value),
            "firstName" => change.first_name = Some(value),
            "lastName" => change.last_name = Some(value),
            _ if value.is_empty() => _ = attributes.remove(&field.name),
            _ => _ = attributes.insert(field.name, vec![value]),
        }
    }
    Change { attributes: Some(attributes), ..change }
}

/// Stores what she says; says what is wrong with it otherwise
pub(super) async fn update(doing: &Doing<'_>, form: &Form) -> Result<Outcome, ApiError> {
    let Doing { place, user, .. } = doing;
    let after = match change(place, user, form).of(&place.realm, user) {
        Ok(after) => after,
        Err(violation) => return Ok(Outcome::Again(wrong(violation.text()))),
    };
    let (realm, before, now) = (Arc::clone(&place.realm), (*user).clone(), doing.app.clock.now());
    let put = move |tx: &Transaction<'_>| {
        let taken = change::put(tx, &realm, &before, after, now)?;
        Ok(taken.map_or(Outcome::Done, |taken| Outcome::Again(wrong(taken.message()))))
    };
    doing.keep("user.change", put).await
}

fn wrong(text: impl Into<Cow<'static, str>>) -> Wrong {
    Wrong::new("invalid_user_profile", text)
}
