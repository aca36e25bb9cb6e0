//! A sign-in on its way: everything between the request of a client and its answer.
//!
//! It is kept by the browser, sealed under the master key, as `session_code` in the address of the form: so that people
//! who only look at the page cost no memory, any number of processes serve one sign-in, and a restart loses none. It
//! is good only together with the browser's own cookie, for this realm, and for half an hour; once somebody is known,
//! with another cookie and for ten minutes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::{Token, otp::NewSecret, passkey::Challenge, request::AuthRequest};
use crate::{
    keys::{KeyError, MasterKey},
    realm::{Realm, Sealed},
};

/// How long somebody may take to sign in, in seconds
pub const PATIENCE: u64 = 1_800;
/// How long somebody who is known already may take for what is left, in seconds
pub const PATIENCE_KNOWN: u64 = 600;

/// A sign-in on its way
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What the client asked for
    pub request: AuthRequest,
    /// Who has shown who he is, if somebody has
    pub known: Option<Known>,
    /// What a passkey has to sign for the page that is shown
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Challenge>,
    /// Digest of the browser's cookie
    browser: Vec<u8>,
    until: UnixTime,
}

/// Somebody who has shown who he is
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Internal id of the user
    pub user: String,
    /// When he did
    pub at: UnixTime,
    /// Digest of the password by which he did: another one since then undoes it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Internal id of the passkey by which he did: once it is taken away it undoes it
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<String>,
    /// What came of the action that the client asked for, in Keycloak's words
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted: Option<String>,
    /// He has given a one-time code too
    #[serde(default)]
    pub second: bool,
    /// The secret of the authenticator app that he is setting up
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_otp: Option<NewSecret>,
    /// He wants to be remembered
    #[serde(default)]
    pub remember: bool,
    /// The sign-in that this browser has already, where that is enough
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl Known {
    /// Somebody of whom no more is known yet
    pub const fn new(user: String, at: UnixTime) -> Self {
        Self {
            user,
            at,
            password: None,
            passkey: None,
            acted: None,
            second: false,
            new_otp: None,
            remember: false,
            session: None,
        }
    }
}

/// Why a `session_code` leads nowhere
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// It is none of this realm
    Unreadable,
    /// Right, but too late or in another browser: what it was about may begin again
    Over(Box<AuthRequest>),
}

impl Progress {
    /// The beginning of a sign-in in this browser
    pub fn begin(request: AuthRequest, browser: &Token, now: UnixTime) -> Self {
        Self { request, known: None, challenge: None, browser: browser.digest(), until: now.plus(PATIENCE) }
    }

    /// The same, once somebody is known
    #[must_use]
    pub fn with(self, known: Known, browser: &Token, now: UnixTime) -> Self {
        let until = now.plus(PATIENCE_KNOWN);
        Self { known: Some(known), challenge: None, browser: browser.digest(), until, ..self }
    }

    /// As `session_code`
    pub fn seal(&self, master: &MasterKey, realm: &Realm) -> Result<String, KeyError> {
        wrap(master, &place(realm), &Bound { about: self, browser: self.browser.clone(), until: self.until })
    }

    /// Reads a `session_code` that this browser sent
    pub fn open(
        master: &MasterKey,
        realm: &Realm,
        code: &str,
        browser: Option<&Token>,
        now: UnixTime,
    ) -> Result<Self, Lost> {
        open(master, &place(realm), code, browser, now).map_err(|lost: Option<Self>| match lost {
            None => Lost::Unreadable,
            Some(progress) => Lost::Over(Box::new(progress.request)),
        })
    }
}

/// What goes to the browser
#[derive(Serialize, Deserialize)]
struct Bound<T> {
    about: T,
    browser: Vec<u8>,
    until: UnixTime,
}

fn wrap<T: Serialize>(master: &MasterKey, place: &str, bound: &Bound<T>) -> Result<String, KeyError> {
    let bytes = serde_json::to_vec(bound).map_err(|_| KeyError::Claims)?;
    Ok(URL_SAFE_NO_PAD.encode(master.seal(place, &bytes)?.0))
}

/// Seals anything for one place, for this browser and half an hour
pub fn seal<T: Serialize>(
    master: &MasterKey,
    place: &str,
    about: &T,
    browser: &Token,
    now: UnixTime,
) -> Result<String, KeyError> {
    wrap(master, place, &Bound { about, browser: browser.digest(), until: now.plus(PATIENCE) })
}

/// Opens what was sealed for a place; in another browser or too late that is only lost
pub fn open<T: for<'de> Deserialize<'de>>(
    master: &MasterKey,
    place: &str,
    code: &str,
    browser: Option<&Token>,
    now: UnixTime,
) -> Result<T, Option<T>> {
    let bytes = URL_SAFE_NO_PAD.decode(code).map_err(|_| None)?;
    let bytes = master.open(place, &Sealed(bytes)).map_err(|_| None)?;
    let bound: Bound<T> = serde_json::from_slice(&bytes).map_err(|_| None)?;
    let own = browser.is_some_and(|browser| {
        aws_lc_rs::constant_time::verify_slices_are_equal(&browser.digest(), &bound.browser).is_ok()
    });
    if own && now <= bound.until { Ok(bound.about) } else { Err(Some(bound.about)) }
}

/// Sealed for one realm, it opens in no other
fn place(realm: &Realm) -> String {
    format!("sign-in:{}", realm.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        realm::RealmSettings,
        sign_in::request::{Prompt, ResponseMode, ReturnTo},
    };
    use base64::engine::general_purpose::STANDARD;

    fn realm(id: &str) -> Realm {
        Realm { id: id.to_owned(), ..Realm::with(RealmSettings::default()) }
    }

    #[test]
    fn it_opens_in_its_own_browser_realm_and_time_only() {
        let master = MasterKey::from_text(&STANDARD.encode([7; 32]), "a test").unwrap();
        let (mine, other) = (Token::random().unwrap(), Token::random().unwrap());
        let request = AuthRequest {
            client_id: "app".to_owned(),
            to: ReturnTo {
                redirect_uri: "https://app.example/cb".to_owned(),
                mode: ResponseMode::Query,
                state: Some("s".to_owned()),
            },
            scope: None,
            nonce: None,
            prompt: Prompt::default(),
            max_age: None,
            login_hint: None,
            challenge: None,
            action: None,
        };
        let progress = Progress::begin(request.clone(), &mine, UnixTime(1_000));
        let code = progress.seal(&master, &realm("a")).unwrap();
        let open = |code: &str, in_realm: &str, browser: Option<&Token>, now| {
            Progress::open(&master, &realm(in_realm), code, browser, UnixTime(now))
        };
        assert_eq!(open(&code, "a", Some(&mine), 2_800), Ok(progress));
        let over = Err(Lost::Over(Box::new(request)));
        assert_eq!(open(&code, "a", Some(&mine), 2_801), over);
        assert_eq!(open(&code, "a", Some(&other), 1_000), over);
        assert_eq!(open(&code, "a", None, 1_000), over);
        assert_eq!(open(&code, "b", Some(&mine), 1_000), Err(Lost::Unreadable));
        assert_eq!(open(code.get(1..).unwrap(), "a", Some(&mine), 1_000), Err(Lost::Unreadable));
        assert_eq!(open("", "a", Some(&mine), 1_000), Err(Lost::Unreadable));
    }
}
