//! The terms of a realm, to which somebody has to agree (`TERMS_AND_CONDITIONS`).

use axum::response::Response;
use maud::html;
use rusqlite::Transaction;
use serde_json::Value;

use super::{
    super::pages::{self, Step},
    Doing, Outcome,
};
use crate::{
    app::App,
    error::ApiError,
    http::extract::{Form, InRealm},
    representation::Members,
    store::{self, StoreError, user::people},
};

/// The attribute that says when somebody agreed, in seconds since 1970
const AGREED: &str = "terms_and_conditions";
/// The text, among those that replace Keycloak's (`localizationTexts`)
const TEXT: &str = "termsText";

/// Shows the terms, and asks whether somebody agrees
pub(super) fn page(app: &App, place: &InRealm, step: Step<'_>) -> Result<Response, ApiError> {
    let kept = app.store.read(|tx| store::realm::kept(tx, &place.realm.id))?;
    let text = text(&kept);
    let name = pages::name(place);
    let body = html! {
        div id="kc-terms-text" {
            @match text {
                Some(text) => @for paragraph in text.split("\n\n") { p { (paragraph.trim()) } },
                None => p { "To go on, you have to agree to the terms and conditions of " strong { (name) } "." },
            }
        }
        (pages::alert(step.error()))
        form id="kc-terms-form" action=(step.action) method="post" {
            button id="kc-accept" name="accept" type="submit" value="Accept" { "Accept" }
            button.plain id="kc-decline" name="cancel" type="submit" value="Decline" formnovalidate { "Decline" }
        }
    };
    Ok(pages::page_of_step(place, step, "Terms and Conditions", &body))
}

/// The terms in the realm's own words, in its default language
fn text(kept: &Members) -> Option<&str> {
    let language = kept.get("defaultLocale").and_then(Value::as_str).unwrap_or("en");
    let text = kept.get("localizationTexts")?.get(language)?.get(TEXT)?.as_str()?;
    Some(text).filter(|text| !text.trim().is_empty())
}

/// Keeps when somebody agreed; who does not any more has not
pub(super) async fn answered(doing: &Doing<'_>, form: &Form) -> Result<Outcome, ApiError> {
    let Doing { place, user, alias, .. } = doing;
    place.event.detail("custom_required_action", alias);
    let agreed = form.get("accept").is_some() && form.get("cancel").is_none();
    let (realm_id, user_id, now) = (place.realm.id.clone(), user.id.clone(), doing.app.clock.now());
    let put = move |tx: &Transaction<'_>| {
        let mut record = people::by_id(tx, &realm_id, &user_id)?.ok_or(StoreError::Missing)?;
        record.user.attributes.remove(AGREED);
        if agreed {
            record.user.attributes.insert(AGREED.to_owned(), vec![now.0.to_string()]);
        }
        people::update(tx, &realm_id, &record, now)?;
        Ok(if agreed { Outcome::Done } else { Outcome::Declined("User declined the terms") })
    };
    doing.keep(if agreed { "terms.accepted" } else { "terms.declined" }, put).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_realm_words_its_terms_in_its_own_language() {
        let kept = |value: Value| -> Members { serde_json::from_value(value).unwrap() };
        let texts = json!({ "en": { "termsText": "Be kind." }, "de": { "termsText": "Sei nett." } });
        assert_eq!(text(&kept(json!({ "localizationTexts": texts }))), Some("Be kind."));
        assert_eq!(
            text(&kept(json!({ "localizationTexts": texts, "defaultLocale": "de" }))),
            Some("Sei nett.")
        );
        assert_eq!(text(&kept(json!({ "localizationTexts": { "en": { "termsText": " " } } }))), None);
        assert_eq!(text(&kept(json!({}))), None);
    }
}
