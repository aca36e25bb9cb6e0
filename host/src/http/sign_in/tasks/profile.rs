//! What somebody says of herself before she is signed in (`UPDATE_PROFILE`, `VERIFY_PROFILE`).

use std::sync::Arc;

use axum::response::Response;
use maud::{Markup, html};

use super::{
    super::pages::{self, Step},
    Outcome,
};
use crate::{
    app::App,
    error::ApiError,
    event,
    http::extract::{Form, InRealm},
    profile::{
        self, Field,
        change::{self, Change, Taken},
    },
    realm::User,
    store::{
        self,
        audit::{self, Event},
    },
};

/// Asks for what the profile of the realm has her say
pub(super) fn page(place: &InRealm, step: Step<'_>, user: &User) -> Response {
    let fields = profile::of(&place.realm).fields(user);
    let body = html! {
        p { "You need to complete your account before you go on." }
        (pages::alert(step.error))
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
pub(super) async fn update(
    app: &App,
    place: &InRealm,
    user: &User,
    alias: &str,
    form: &Form,
) -> Result<Outcome, ApiError> {
    place.event.kind("UPDATE_PROFILE");
    let outcome = put(app, place, user, alias, form).await;
    if let Ok(Outcome::Again(text)) = &outcome {
        event::failed(app, place, "invalid_user_profile", text).await;
    }
    place.event.kind("LOGIN");
    outcome
}

async fn put(app: &App, place: &InRealm, user: &User, alias: &str, form: &Form) -> Result<Outcome, ApiError> {
    let after = match change(place, user, form).of(&place.realm, user) {
        Ok(after) => after,
        Err(violation) => return Ok(Outcome::Again(violation.text().into())),
    };
    let (realm, before, now, alias) =
        (Arc::clone(&place.realm), user.clone(), app.clock.now(), alias.to_owned());
    let event = Event::new("user.change", &realm.id, &user.id, now).kept(place.event.done(&realm, now));
    let taken = app.store.write(move |tx| {
        let taken = change::put(tx, &realm, &before, after, now)?;
        if taken.is_none() {
            store::sign_in::acted(tx, &realm, &before.id, &alias)?;
            audit::record(tx, &event)?;
        }
        Ok(taken)
    });
    Ok(match taken.await? {
        None => Outcome::Done,
        Some(Taken::Username) => Outcome::again("Username already exists."),
        Some(Taken::Email) => Outcome::again("Email already exists."),
    })
}
