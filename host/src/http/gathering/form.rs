//! What the page looks like: who asks for what, and a field for each question.

use axum::response::Response;
use countersign_core::{dialect::uma2::RequiredClaim, scope::Scope};
use maud::{Markup, html};

use super::page::{Open, address, mark, questions};
use crate::{
    app::App,
    error::ApiError,
    gathering::{self, Kind},
    http::{
        extract::{Form, InRealm},
        sign_in::pages::{self, Again, Step},
    },
    realm::{Session, User},
};

/// Most resources that a page names
const NAMED: usize = 20;

/// Names of what is asked for, with scopes
fn wanted(app: &App, open: &Open) -> Result<Vec<String>, ApiError> {
    let mut texts = Vec::new();
    for permission in open.ticket.permissions().iter().take(NAMED) {
        let resource = match &permission.rsid {
            Some(id) => app.store.resource(&open.server.id, id.as_str())?.map(|resource| resource.name),
            None => None,
        };
        let scopes = permission.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(", ");
        texts.push(match resource {
            Some(name) if scopes.is_empty() => name,
            Some(name) => format!("{name}: {scopes}"),
            None => scopes,
        });
    }
    texts.retain(|text| !text.is_empty());
    Ok(texts)
}

/// The page, with what somebody has filled in already
pub(super) fn render(
    app: &App,
    place: &InRealm,
    open: &Open,
    (session, user): (&Session, &User),
    given: &Form,
    error: Option<&str>,
) -> Result<Response, ApiError> {
    let asked = questions(app, place, open, user)?;
    let wanted = wanted(app, open)?;
    let name = open.client.settings.name.as_deref().filter(|name| !name.is_empty());
    let name = name.unwrap_or(&open.client.client_id);
    let action = address(place, &open.id);
    let again = error.map(|error| Again { error, given });
    let step = Step { action: &action, redirect_uri: &open.about.redirect_uri, again, optional: false };
    let body = html! {
        p { strong { (name) } " asks for access in your name (" (user.username) "):" }
        ul id="cs-wanted" { @for text in &wanted { li { (text) } } }
        @if !asked.is_empty() {
            p.help {
                "To decide, this server needs to know more about you. The application does not see what you say here."
            }
        }
        (pages::alert(step.error()))
        form id="cs-claims-form" action=(step.action) method="post" {
            input type="hidden" name="session" value=(mark(open, session));
            @for claim in &asked { (question(claim, given)) }
            @if !asked.is_empty() && place.realm.uma.pct_lifespan > 0 {
                label.check for="remember" {
                    input id="remember" name="remember" type="checkbox" checked[given.get("remember").is_some()];
                    "Remember this for " (name)
                }
            }
            button id="cs-accept" name="accept" type="submit" value="Yes" {
                @if asked.is_empty() { "Allow" } @else { "Send" }
            }
            button.plain id="cs-cancel" name="cancel" type="submit" value="No" formnovalidate { "Do not allow" }
        }
    };
    Ok(pages::page_of_step(place, step, "Access", &body))
}

/// One question
fn question(claim: &RequiredClaim, given: &Form) -> Markup {
    let (field, label) = (gathering::field(claim), gathering::label(claim));
    let value = given.get(&field).unwrap_or_default();
    let kind = match Kind::of(claim) {
        Kind::Agreement => {
            return html! {
                label.check for=(field) {
                    input id=(field) name=(field) type="checkbox" value="true" checked[value == "true"];
                    (label)
                }
            };
        }
        Kind::Text => "text",
        Kind::Integer => "number",
        Kind::Date => "date",
        Kind::Email => "email",
    };
    html! {
        label for=(field) { (label) }
        input id=(field) name=(field) type=(kind) value=(value) autocomplete="off";
    }
}
