//! A passkey that somebody makes (`webauthn-register-passwordless`).

use std::sync::Arc;

use axum::response::Response;

use super::{
    super::{
        pages::{self, NewPasskey, Step},
        passkey::{bytes, policy},
    },
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
        passkey::{KIND, Passkey, REGISTER, Refused},
        progress::{PATIENCE_KNOWN, Progress},
    },
    store::{
        self,
        audit::{self, Event},
    },
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
pub(super) async fn set_up(
    app: &App,
    place: &InRealm,
    user: &User,
    progress: &Progress,
    form: &Form,
) -> Result<Outcome, ApiError> {
    place.event.kind("UPDATE_CREDENTIAL");
    place.event.detail("credential_type", KIND);
    let outcome = registered(app, place, user, progress, form).await;
    if let Ok(Err(refused)) = &outcome {
        event::failed(app, place, "invalid_registration", &refused.to_string()).await;
    }
    place.event.kind("LOGIN");
    let Err(refused) = outcome? else { return Ok(Outcome::Done) };
    Ok(Outcome::again(match refused {
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
    }))
}

async fn registered(
    app: &App,
    place: &InRealm,
    user: &User,
    progress: &Progress,
    form: &Form,
) -> Result<Result<(), Refused>, ApiError> {
    let Some(challenge) = progress.challenge.clone() else { return Ok(Err(Refused::Challenge)) };
    let (Some(client_data), Some(attestation)) =
        (bytes(form, "clientDataJSON"), bytes(form, "attestationObject"))
    else {
        return Ok(Err(Refused::Malformed));
    };
    let made = match policy(place).registered(&challenge, &client_data, &attestation) {
        Ok(made) => made,
        Err(refused) => return Ok(Err(refused)),
    };
    let stored = app.store.read(|tx| store::passkey::of_user(tx, &user.id))?;
    // A passkey is looked for among those of the user whom it names: what others have does not matter.
    if stored.iter().any(|one| Passkey::read(one).is_ok_and(|known| known.id == made.id)) {
        return Ok(Err(Refused::Known));
    }
    let named = form.get("transports").unwrap_or_default();
    let transports: Vec<_> =
        TRANSPORTS.into_iter().filter(|known| named.split(',').any(|name| name == *known)).collect();
    let credential = made.credential(random_id()?, &transports);
    let label = form.get("authenticatorLabel").map(str::trim).filter(|label| !label.is_empty());
    let label: String = label.unwrap_or(LABEL).chars().take(LONGEST).collect();
    let (realm, user_id, now) = (Arc::clone(&place.realm), user.id.clone(), app.clock.now());
    let event = Event::new("passkey.made", &realm.id, &user.id, now).kept(place.event.done(&realm, now));
    let until = now.plus(PATIENCE_KNOWN);
    let stored = app
        .store
        .write(move |tx| {
            let stored = store::passkey::put(tx, &user_id, (&credential, &label), (&challenge, until), now)?;
            if stored {
                store::sign_in::acted(tx, &realm, &user_id, REGISTER)?;
                audit::record(tx, &event)?;
            }
            Ok(stored)
        })
        .await?;
    Ok(if stored { Ok(()) } else { Err(Refused::Challenge) })
}
