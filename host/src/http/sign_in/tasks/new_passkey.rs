//! A passkey that somebody makes (`webauthn-register-passwordless`).

use axum::response::Response;
use rusqlite::Transaction;

use super::{
    super::{
        pages::{self, NewPasskey, Step},
        passkey::{bytes, policy},
    },
    Doing, Outcome, Wrong,
};
use crate::{
    app::App,
    error::ApiError,
    http::extract::{Form, InRealm},
    keys::random_id,
    realm::User,
    sign_in::{
        passkey::{self, Challenge, KIND, Passkey, Refused},
        progress::{PATIENCE_KNOWN, Progress},
    },
    store,
};

/// What a passkey is called whose owner has not said
const LABEL: &str = "Passkey";
/// Longest name, in characters
const LONGEST: usize = 255;
/// The ways to an authenticator (`WebAuthn` §5.8.4)
const TRANSPORTS: [&str; 6] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

/// Asks the browser to make one
pub(super) fn page(
    app: &App,
    place: &InRealm,
    step: Step<'_>,
    progress: &Progress,
    user: &User,
) -> Result<Response, ApiError> {
    let policy = policy(place);
    let challenge = progress.challenge.as_ref().ok_or_else(ApiError::server_error)?;
    let known =
        if policy.once { app.store.read(|tx| store::passkey::of_user(tx, &user.id))? } else { Vec::new() };
    let known: Vec<_> = known.iter().filter_map(|one| Passkey::read(one).ok()).map(|one| one.id).collect();
    Ok(pages::set_up_passkey(place, step, NewPasskey { policy: &policy, challenge, user, known: &known }))
}

/// Stores the passkey that came; says what is wrong otherwise
pub(super) async fn set_up(doing: &Doing<'_>, progress: &Progress, form: &Form) -> Result<Outcome, ApiError> {
    doing.place.event.detail("credential_type", KIND);
    let (made, challenge) = match registered(doing, progress, form)? {
        Ok(registered) => registered,
        Err(refused) => return Ok(Outcome::Again(wrong(refused))),
    };
    let named = form.get("transports").unwrap_or_default();
    let transports: Vec<_> =
        TRANSPORTS.into_iter().filter(|known| named.split(',').any(|name| name == *known)).collect();
    let credential = made.credential(random_id()?, &transports);
    let label = form.get("authenticatorLabel").map(str::trim).filter(|label| !label.is_empty());
    let label: String = label.unwrap_or(LABEL).chars().take(LONGEST).collect();
    let (user_id, now) = (doing.user.id.clone(), doing.app.clock.now());
    let until = now.plus(PATIENCE_KNOWN);
    let put = move |tx: &Transaction<'_>| {
        let stored = store::passkey::put(tx, &user_id, (&credential, &label), (&challenge, until), now)?;
        Ok(if stored { Outcome::Done } else { Outcome::Again(wrong(Refused::Challenge)) })
    };
    doing.keep("passkey.made", put).await
}

/// What came, if it may be kept, and the challenge that it answers, which counts once
fn registered(
    doing: &Doing<'_>,
    progress: &Progress,
    form: &Form,
) -> Result<Result<(passkey::NewPasskey, Challenge), Refused>, ApiError> {
    let Some(challenge) = progress.challenge.clone() else { return Ok(Err(Refused::Challenge)) };
    let (Some(client_data), Some(attestation)) =
        (bytes(form, "clientDataJSON"), bytes(form, "attestationObject"))
    else {
        return Ok(Err(Refused::Malformed));
    };
    let made = match policy(doing.place).registered(&challenge, &client_data, &attestation) {
        Ok(made) => made,
        Err(refused) => return Ok(Err(refused)),
    };
    let stored = doing.app.store.read(|tx| store::passkey::of_user(tx, &doing.user.id))?;
    // A passkey is looked for among those of the user whom it names: what others have does not matter.
    let known = stored.iter().any(|one| Passkey::read(one).is_ok_and(|known| known.id == made.id));
    Ok(if known { Err(Refused::Known) } else { Ok((made, challenge)) })
}

fn wrong(refused: Refused) -> Wrong {
    let text = match refused {
        Refused::Known => "You have this passkey already.",
        Refused::Model | Refused::Algorithm => "Such passkeys are not accepted here. Please try another one.",
        Refused::NotVerified => "Your device has to make sure that it is you. Please try again.",
        Refused::Malformed
        | Refused::Kind
        | Refused::Challenge
        | Refused::Origin
        | Refused::RelyingParty
        | Refused::NotPresent
        | Refused::Unknown
        | Refused::Signature
        | Refused::Counter => "The passkey could not be set up. Please try again.",
    };
    Wrong { error: "invalid_registration", reason: refused.to_string().into(), text: text.into() }
}
