//! Who somebody is: name and password, and the one-time code of those who have set one up.
//!
//! The sign-in form and the password grant ask here, so that one counter slows both down.

use core::net::IpAddr;

use super::{
    Token, fingerprint,
    otp::{Otp, Policy},
    throttle::{Failures, Rules, Subjects},
};
use crate::{
    app::App,
    error::{ApiError, log_seldom},
    event::Draft,
    password::{
        Checked, PasswordError, PasswordHash,
        policy::{Owner, Violation},
    },
    realm::{Realm, User},
    store::{self, StoreError, user::Credential},
};

/// Somebody tries to sign in
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// User name or e-mail address
    pub login: &'a str,
    /// As it was typed
    pub password: &'a str,
    /// From where
    pub address: IpAddr,
    /// What the browser shows if somebody has signed in there before
    pub browser: Option<&'a Token>,
    /// What the realm's events will say of it
    pub event: &'a Draft,
}

impl core::fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Attempt").field("login", &self.login).finish_non_exhaustive()
    }
}

/// Why somebody is not signed in
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Name, password or one-time code is wrong, or too many were
    Wrong,
    /// The password is right, the account is switched off
    Disabled,
    /// This server could not say now
    Failed(ApiError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<PasswordError> for Refused {
    fn from(error: PasswordError) -> Self {
        log_seldom("password", &error);
        Self::Failed(ApiError::temporarily_unavailable())
    }
}

/// Somebody whose password was right
#[derive(Debug, Clone)]
pub struct Proof {
    /// Who it is
    pub user: User,
    /// Digest of the stored password: another one since then undoes the proof
    pub mark: String,
}

/// The digest of a stored password
pub fn mark(credential: &Credential) -> String {
    fingerprint(credential.secret_data.as_bytes())
}

/// Checks name and password.
///
/// Whether there is such a user, and whether he has to wait, shows neither in the answer nor in the time; whether his
/// account is switched off shows only to those who know the password.
pub async fn check(app: &App, realm: &Realm, attempt: Attempt<'_>) -> Result<Proof, Refused> {
    attempt.event.detail("username", attempt.login);
    let (found, subjects, locked) = app.store.read(|tx| {
        let user = store::user::by_login(tx, realm, attempt.login)?;
        let user = user.filter(|user| user.service_client.is_none());
        let id = user.as_ref().map(|user| user.id.as_str());
        let browser = known(app, tx, id, attempt.browser)?;
        let subjects = Subjects::of(id, attempt.login, attempt.address, browser);
        let locked = is_locked(app, realm, tx, &subjects)?;
        let found = match user {
            Some(user) => Some((store::user::password(tx, &user.id)?, user)),
            None => None,
        };
        Ok((found, subjects, locked))
    })?;
    let hash = match &found {
        Some((Some(stored), _)) if !locked => {
            PasswordHash::read(&stored.secret_data, &stored.credential_data)
                .inspect_err(|error| log_seldom("password", error))
                .ok()
        }
        _ => None,
    };
    attempt.event.error(match &found {
        None => "user_not_found",
        Some(_) if locked => "user_temporarily_disabled",
        Some((_, user)) => {
            attempt.event.user(&user.id);
            if user.enabled { "invalid_user_credentials" } else { "user_disabled" }
        }
    });
    let outcome = app.passwords.check(hash, attempt.password.to_owned()).await?;
    // Others may have failed while this one was checked.
    if locked || app.store.read(|tx| is_locked(app, realm, tx, &subjects))? {
        return Err(Refused::Wrong);
    }
    let (Some((Some(stored), user)), Checked::Right | Checked::Renew(_)) = (found, &outcome) else {
        app.limits.failed(attempt.address);
        failed(app, realm, &subjects).await?;
        return Err(Refused::Wrong);
    };
    if !user.enabled {
        return Err(Refused::Disabled);
    }
    let stored = match outcome {
        Checked::Renew(hash) => renew(app, stored, &hash).await,
        Checked::Right | Checked::Wrong => stored,
    };
    Ok(Proof { user, mark: mark(&stored) })
}

/// Demands of a new password what the realm does, and that it is none of the last ones where the realm remembers them
pub async fn demand(app: &App, realm: &Realm, user: &User, password: &str) -> Result<(), ApiError> {
    let policy = realm.password_policy();
    let refused = |violation: Violation| ApiError::bad_request(violation.key, violation.text);
    policy
        .check(password, Owner { username: &user.username, email: user.email.as_deref() })
        .map_err(refused)?;
    let last = app.store.read(|tx| store::user::people::last_passwords(tx, &user.id, policy.history()))?;
    for stored in last {
        let Ok(hash) = PasswordHash::read(&stored.secret_data, &stored.credential_data) else { continue };
        let checked = app.passwords.check(Some(hash), password.to_owned()).await.map_err(|error| {
            log_seldom("password", &error);
            ApiError::temporarily_unavailable()
        })?;
        if checked != Checked::Wrong {
            return Err(refused(policy.repeated()));
        }
    }
    Ok(())
}

/// Checks the one-time code of somebody whose password was right; nothing to check for those who have none
pub async fn check_code(
    app: &App,
    realm: &Realm,
    user: &User,
    code: Option<&str>,
    address: IpAddr,
    browser: Option<&Token>,
) -> Result<(), Refused> {
    let (credential, last, subjects, locked) = app.store.read(|tx| {
        let browser = known(app, tx, Some(&user.id), browser)?;
        let subjects = Subjects::of(Some(&user.id), &user.username, address, browser);
        let credential = store::sign_in::otp(tx, &user.id)?;
        let last = match &credential {
            Some(credential) => store::sign_in::otp_last(tx, &credential.id)?,
            None => None,
        };
        let locked = is_locked(app, realm, tx, &subjects)?;
        Ok((credential, last, subjects, locked))
    })?;
    let Some(credential) = credential else { return Ok(()) };
    if locked {
        return Err(Refused::Wrong);
    }
    let otp = Otp::read(&credential).map_err(|error| {
        log_seldom("otp", &error);
        Refused::Wrong
    })?;
    let policy = Policy::of(&realm.settings);
    let step = code.and_then(|code| otp.step_of(policy, code, app.clock.now(), last));
    let again = otp.is_reusable(policy);
    let fresh = match step {
        None => false,
        Some(step) => app.store.write(move |tx| store::sign_in::otp_use(tx, &credential.id, step)).await?,
    };
    if fresh || (again && step.is_some()) {
        return Ok(());
    }
    app.limits.failed(address);
    failed(app, realm, &subjects).await?;
    Err(Refused::Wrong)
}

/// Forgets the failures of somebody who has shown who he is, by everything that he has to show; those of his address
/// stay
pub async fn succeeded(
    app: &App,
    realm: &Realm,
    user: &User,
    browser: Option<&Token>,
) -> Result<(), StoreError> {
    let subject = app.store.read(|tx| {
        let browser = known(app, tx, Some(&user.id), browser)?;
        // The address does not matter to this one.
        let subject =
            Subjects::of(Some(&user.id), &user.username, IpAddr::from([127, 0, 0, 1]), browser).user;
        Ok(store::sign_in::failures(tx, &realm.id, &subject)?.map(|_| subject))
    })?;
    let Some(subject) = subject else { return Ok(()) };
    let realm_id = realm.id.clone();
    app.store.write(move |tx| store::sign_in::forget_failures(tx, &realm_id, &subject)).await
}

/// The browser, if this user has signed in there before
pub(super) fn known<'a>(
    app: &App,
    tx: &rusqlite::Transaction<'_>,
    user: Option<&str>,
    browser: Option<&'a Token>,
) -> Result<Option<&'a Token>, StoreError> {
    let (Some(user), Some(browser)) = (user, browser) else { return Ok(None) };
    Ok(store::sign_in::knows(tx, user, browser, app.clock.now())?.then_some(browser))
}

/// Whether one of these has to wait
pub(super) fn is_locked(
    app: &App,
    realm: &Realm,
    tx: &rusqlite::Transaction<'_>,
    subjects: &Subjects,
) -> Result<bool, StoreError> {
    let Some(rules) = Rules::of(&realm.settings) else { return Ok(false) };
    let now = app.clock.now();
    for (subject, _) in subjects.with(rules) {
        let failures = store::sign_in::failures(tx, &realm.id, subject)?;
        if failures.is_some_and(|failures| failures.is_locked(now)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Counts one more failure of each
pub(super) async fn failed(app: &App, realm: &Realm, subjects: &Subjects) -> Result<(), StoreError> {
    let Some(rules) = Rules::of(&realm.settings) else { return Ok(()) };
    let (now, realm_id) = (app.clock.now(), realm.id.clone());
    let subjects: Vec<_> = subjects.with(rules).map(|(name, rules)| (name.to_owned(), rules)).collect();
    app.store
        .write(move |tx| {
            for (subject, rules) in &subjects {
                let known = store::sign_in::failures(tx, &realm_id, subject)?;
                let failures = Failures::more(known, *rules, now);
                store::sign_in::put_failures(tx, &realm_id, subject, &failures)?;
            }
            Ok(())
        })
        .await
}

/// Stores a better hash of the same password; a sign-in does not fail because of it
async fn renew(app: &App, old: Credential, hash: &PasswordHash) -> Credential {
    let Ok((secret_data, credential_data)) = hash.write() else { return old };
    let new = Credential { id: old.id.clone(), secret_data, credential_data };
    let (before, after) = (old.clone(), new.clone());
    match app.store.write(move |tx| store::user::rehash(tx, &before, &after)).await {
        Ok(()) => new,
        Err(error) => {
            log_seldom("password", &error);
            old
        }
    }
}
