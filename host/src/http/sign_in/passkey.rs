//! Signing in by a passkey: an offer beside the form for name and password, where the realm has one.

use axum::response::Response;

use super::{
    super::extract::{Form, InRealm},
    cookies::{Cookie, Cookies},
    front,
    pages::{self, Offer},
    steps::{Resumed, recognised, refused, sign_in_page},
};
use crate::{
    app::App,
    error::ApiError,
    sign_in::{
        passkey::{
            Assertion, Challenge, Policy, decoded,
            proof::{self, Attempt},
        },
        progress::{Known, Progress},
    },
};

/// One text for all that may be wrong: whose passkeys are known here shows to nobody
const WRONG: &str = "Could not sign you in with this passkey.";

/// What this realm demands of passkeys
pub(super) fn policy(place: &InRealm) -> Policy {
    Policy::of(&place.realm.settings, pages::name(place), front(place))
}

/// The progress with a challenge of its own for the page that is shown now
pub(super) fn with_challenge(progress: &Progress) -> Result<Progress, ApiError> {
    let mut progress = progress.clone();
    progress.challenge = Some(Challenge::random()?);
    Ok(progress)
}

/// What the page for name and password needs to offer passkeys; nothing where the realm does not want that
pub(super) fn offer<'a>(place: &InRealm, policy: &'a Policy, progress: &'a Progress) -> Option<Offer<'a>> {
    let challenge = progress.challenge.as_ref()?;
    place.realm.settings.web_authn_policy_passwordless_passkeys_enabled.then_some(Offer { policy, challenge })
}

/// Whether a form is one of a passkey
pub(super) fn is_given(form: &Form) -> bool {
    form.get("credentialId").is_some()
}

/// Reads a member in base64url
pub(super) fn bytes(form: &Form, name: &str) -> Option<Vec<u8>> {
    form.get(name).and_then(decoded)
}

fn read(form: &Form) -> Option<Assertion> {
    Some(Assertion {
        id: bytes(form, "credentialId")?,
        user: String::from_utf8(bytes(form, "userHandle")?).ok()?,
        client_data: bytes(form, "clientDataJSON")?,
        data: bytes(form, "authenticatorData")?,
        signature: bytes(form, "signature")?,
    })
}

/// The form of a passkey, under Keycloak's names
pub(super) async fn sign_in(
    app: &App,
    place: &InRealm,
    cookies: &Cookies,
    resumed: Resumed,
    form: &Form,
) -> Result<Response, ApiError> {
    let Resumed { client, progress, .. } = resumed;
    let settings = &place.realm.settings;
    let remember = settings.remember_me && form.get("rememberMe").is_some();
    let again = |text| sign_in_page(app, place, &progress, progress.request.hint(), Some(text), remember);
    let Some(challenge) = progress.challenge.clone() else { return again(WRONG) };
    if !settings.web_authn_policy_passwordless_passkeys_enabled {
        return again(WRONG);
    }
    let (policy, given, known) = (policy(place), read(form), cookies.get(Cookie::Known));
    let attempt = Attempt {
        policy: &policy,
        challenge: &challenge,
        given: given.as_ref(),
        address: place.address,
        browser: known.as_ref(),
        event: &place.event,
    };
    let proof = match proof::check(app, &place.realm, attempt).await {
        Ok(proof) => proof,
        Err(refusal) => return again(refused(app, place, refusal, WRONG).await?),
    };
    let known = Known {
        passkey: Some(proof.passkey),
        // To hold it and to unlock it are two factors; to hold it is one.
        second: proof.verified,
        remember,
        ..Known::new(proof.user.id, app.clock.now())
    };
    recognised(app, place, cookies, &client, progress, known).await
}
