//! An authenticator app that somebody has to set up (`CONFIGURE_TOTP`).
//!
//! The secret is made for the page and goes with its form, sealed: it is stored once a code shows that the app has it.

use core::fmt::Write as _;

use axum::response::Response;
use maud::{Markup, html};
use qrcodegen::{QrCode, QrCodeEcc};
use rusqlite::Transaction;

use super::{
    super::pages::{self, Step},
    Doing, Outcome, Wrong,
};
use crate::{
    error::ApiError,
    http::extract::{Form, InRealm},
    keys::random_id,
    realm::User,
    sign_in::{
        otp::{NewSecret, Otp, Policy},
        progress::{Known, Progress},
    },
    store,
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
pub(super) async fn set_up(doing: &Doing<'_>, known: &mut Known, form: &Form) -> Result<Outcome, ApiError> {
    let wrong = |text| Ok(Outcome::Again(Wrong::new("invalid_user_credentials", text)));
    // A form without a secret is one of another page.
    let Some(secret) = &known.new_otp else { return wrong("Please scan the code again.") };
    let policy = Policy::of(&doing.place.realm.settings);
    let credential = secret.credential(policy, random_id()?);
    let otp = Otp::read(&credential).map_err(|_| ApiError::server_error())?;
    let now = doing.app.clock.now();
    let Some(step) = otp.step_of(policy, form.get("totp").unwrap_or_default(), now, None) else {
        return wrong("Invalid authenticator code.");
    };
    let user_id = doing.user.id.clone();
    let put = move |tx: &Transaction<'_>| {
        store::sign_in::put_otp(tx, &user_id, &credential, now)?;
        store::sign_in::otp_use(tx, &credential.id, step)?;
        Ok(Outcome::Done)
    };
    let outcome = doing.keep("otp.configured", put).await?;
    known.second = true;
    known.new_otp = None;
    Ok(outcome)
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
