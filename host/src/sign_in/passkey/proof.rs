//! Somebody shows by a passkey who he is.
//!
//! A passkey names its owner: nobody is asked for a name, no list of passkeys is given to anybody, and the answer to
//! one that is not right is always the same. What is wrong is counted as a wrong password is.

use core::net::IpAddr;

use super::{
    super::{
        Token,
        credentials::{Refused, failed, is_locked, known},
        throttle::Subjects,
    },
    Assertion, Challenge, Passkey, Policy, Refused as Wrong,
};
use crate::{
    app::App,
    event::Draft,
    realm::{Realm, User},
    store,
};

/// Somebody tries to sign in by a passkey
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// What the realm demands
    pub policy: &'a Policy,
    /// What had to be signed
    pub challenge: &'a Challenge,
    /// What came; nothing, if it cannot be read
    pub given: Option<&'a Assertion>,
    /// From where
    pub address: IpAddr,
    /// What the browser shows if somebody has signed in there before
    pub browser: Option<&'a Token>,
    /// What the realm's events will say of it
    pub event: &'a Draft,
}

/// Somebody whose passkey was right
#[derive(Debug, Clone)]
pub struct Proof {
    /// Who it is
    pub user: User,
    /// Internal id of the passkey
    pub passkey: String,
    /// The authenticator has made sure who holds it
    pub verified: bool,
}

/// Checks what a passkey signed, and uses the challenge up.
///
/// Whether somebody has to wait shows in nothing; whether his account is switched off only to those whose passkey is
/// right.
pub async fn check(app: &App, realm: &Realm, attempt: Attempt<'_>) -> Result<Proof, Refused> {
    attempt.event.detail("credential_type", super::KIND);
    let handle = attempt.given.map(|given| given.user.as_str()).unwrap_or_default();
    let (found, subjects, locked) = app.store.read(|tx| {
        let user = store::user::by_id(tx, &realm.id, handle)?.filter(|user| user.service_client.is_none());
        let id = user.as_ref().map(|user| user.id.as_str());
        let browser = known(app, tx, id, attempt.browser)?;
        let subjects = Subjects::of(id, handle, attempt.address, browser);
        let locked = is_locked(app, realm, tx, &subjects)?;
        let found = match user {
            Some(user) => Some((store::passkey::of_user(tx, &user.id)?, user)),
            None => None,
        };
        Ok((found, subjects, locked))
    })?;
    attempt.event.error(match &found {
        None => "user_not_found",
        Some(_) if locked => "user_temporarily_disabled",
        Some((_, user)) => {
            attempt.event.user(&user.id);
            attempt.event.detail("username", &user.username);
            if user.enabled { "invalid_user_credentials" } else { "user_disabled" }
        }
    });
    if locked {
        return Err(Refused::Wrong);
    }
    let right = match (&found, attempt.given) {
        (Some((all, _)), Some(given)) => verified(all, attempt, given),
        _ => Err(Wrong::Unknown),
    };
    let (stored, after, verified) = match right {
        Ok(right) => right,
        Err(wrong) => {
            attempt.event.detail("web_authn_authentication_error", &wrong.to_string());
            app.limits.failed(attempt.address);
            failed(app, realm, &subjects).await?;
            return Err(Refused::Wrong);
        }
    };
    let (id, challenge) = (stored.id.clone(), attempt.challenge.clone());
    let until = app.clock.now().plus(super::super::progress::PATIENCE);
    if !app.store.write(move |tx| store::passkey::used(tx, &stored, &after, &challenge, until)).await? {
        // Answered before, or by two at once.
        attempt.event.detail("web_authn_authentication_error", &Wrong::Challenge.to_string());
        app.limits.failed(attempt.address);
        failed(app, realm, &subjects).await?;
        return Err(Refused::Wrong);
    }
    match found {
        Some((_, user)) if user.enabled => Ok(Proof { user, passkey: id, verified }),
        _ => Err(Refused::Disabled),
    }
}

type Right = (store::user::Credential, store::user::Credential, bool);

/// The passkey that signed: as it is stored, as it will be, and whether it has made sure who holds it
fn verified(
    all: &[store::user::Credential],
    attempt: Attempt<'_>,
    given: &Assertion,
) -> Result<Right, Wrong> {
    for stored in all {
        // One that cannot be read is not the one that signed.
        let Ok(passkey) = Passkey::read(stored) else { continue };
        if passkey.id == given.id {
            let right = attempt.policy.asserted(attempt.challenge, &passkey, given)?;
            return Ok((stored.clone(), passkey.counted(stored, right.counter), right.verified));
        }
    }
    Err(Wrong::Unknown)
}
