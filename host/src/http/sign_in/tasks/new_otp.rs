//! An authenticator app that somebody has to set up (`CONFIGURE_TOTP`).
//!
//! The secret is made for the page and goes with its form, sealed: it is stored once a code shows that the app has it.

use core::fmt::Write as _;
use std::sync::Arc;

use axum::response::Response;
use maud::{Markup, html};
use qrcodegen::{QrCode, QrCodeEcc};

use super::{
    super::pages::{self, Step},
    Outcome,
};
use crate::{
    app::App,
    error::ApiError,
    event,
    http::extract::{Form, InRealm},
    keys::random_id,
    realm::User,
    sign_in::{
        otp::{NewSecret, Otp, Policy},
        progress::{Known, Progress},
        required::CONFIGURE_TOTP,
    },
    store::{
        self,
        audit::{self, Event},
    },
};

/// Light around the code, in modules (ISO/IEC 18004 §5.3.8)
const BORDER: i32 = 4;

/// The progress with a secret to share in it
pub(super) fn with_secret(progress: &Progress) -> Result<Progress, ApiError> {
    let mut progress = progress.clone();
    if let Some(known) = &mut progress.known
        && known.new_otp.is_none()
    {
        known.new_otp = Some(NewSecret::random()?);
    }
    Ok(progress)
}

/// Shows the secret, and asks for a code of the app
pub(super) fn page(
    place: &InRealm,
    step: Step<'_>,
    progress: &Progress,
    user: &User,
) -> Result<Response, ApiError> {
    let secret = progress.known.as_ref().and_then(|known| known.new_otp.as_ref());
    let secret = secret.ok_or_else(ApiError::server_error)?;
    let policy = Policy::of(&place.realm.settings);
    let uri = secret.uri(policy, pages::name(place), &user.username);
    Ok(pages::set_up_otp(place, step, &picture(&uri), secret.text(), &policy.words()))
}

/// A text as a QR code; nothing where it is too long for one
fn picture(text: &str) -> Markup {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return html! {} };
    let side = code.size().saturating_add(BORDER.saturating_mul(2));
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            let (left, top) = (x.saturating_add(BORDER), y.saturating_add(BORDER));
            // Writing to a text does not fail.
            _ = write!(path, "M{left},{top}h1v1h-1z");
        }
    }
    html! {
        svg.qr id="kc-totp-secret-qr-code" xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (side) " " (side) }
            role="img" aria-label="QR code for the authenticator app" shape-rendering="crispEdges" {
            rect width="100%" height="100%" fill="#fff";
            path d=(path) fill="#000";
        }
    }
}

/// Stores the secret once a code of it came; says what is wrong otherwise
pub(super) async fn set_up(
    app: &App,
    place: &InRealm,
    user: &User,
    known: &mut Known,
    form: &Form,
) -> Result<Outcome, ApiError> {
    // A form without a secret is one of another page.
    let Some(secret) = &known.new_otp else { return Ok(Outcome::again("Please scan the code again.")) };
    let policy = Policy::of(&place.realm.settings);
    let credential = secret.credential(policy, random_id()?);
    let otp = Otp::read(&credential).map_err(|_| ApiError::server_error())?;
    let now = app.clock.now();
    place.event.kind("UPDATE_TOTP");
    let Some(step) = otp.step_of(policy, form.get("totp").unwrap_or_default(), now, None) else {
        event::failed(app, place, "invalid_user_credentials", "").await;
        place.event.kind("LOGIN");
        return Ok(Outcome::again("Invalid authenticator code."));
    };
    let (realm, user_id) = (Arc::clone(&place.realm), user.id.clone());
    let kept = place.event.done(&realm, now);
    place.event.kind("LOGIN");
    let event = Event::new("otp.configured", &realm.id, &user.id, now).kept(kept);
    app.store
        .write(move |tx| {
            store::sign_in::put_otp(tx, &user_id, &credential, now)?;
            store::sign_in::otp_use(tx, &credential.id, step)?;
            store::sign_in::acted(tx, &realm, &user_id, CONFIGURE_TOTP)?;
            audit::record(tx, &event)
        })
        .await?;
    known.second = true;
    known.new_otp = None;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_a_picture_without_script_or_style() {
        let svg = picture("otpauth://totp/test:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").into_string();
        assert!(svg.starts_with("<svg") && svg.contains("<path d=\"M4,4h1v1h-1z"), "{svg}");
        assert!(!svg.contains("style") && !svg.contains("script"), "{svg}");
        assert_eq!(picture(&"x".repeat(10_000)).into_string(), "");
    }
}
