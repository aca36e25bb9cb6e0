//! The event of a request: who and what it is about is noted on the way, and stored at its end, with the change where
//! there is one (`admin-surface` §9, wire §6.13).

use core::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::time::UnixTime;

use crate::{
    app::App,
    error::{ApiError, log_seldom},
    http::extract::InRealm,
    realm::Realm,
    store::{
        StoreError,
        event::{self, NewEvent},
    },
};

/// Longest text of an event, in characters: some of them are what anybody sent
const TEXT: usize = 255;

/// What is known so far of the request that an event will be about; clones share it
#[derive(Debug, Clone)]
pub struct Draft(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    event: NewEvent,
    /// What it is called where it goes well
    kind: &'static str,
    /// More exact than the answer
    error: Option<&'static str>,
    /// It went into a change
    stored: bool,
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

impl Draft {
    /// Of a request from this address
    pub fn new(address: IpAddr) -> Self {
        let event = NewEvent { address: Some(address.to_string()), ..NewEvent::default() };
        Self(Arc::new(Mutex::new(Noted { event, ..Noted::default() })))
    }

    fn note(&self, note: impl FnOnce(&mut Noted)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What it is called where it goes well; what goes wrong has `_ERROR` behind it
    pub fn kind(&self, kind: &'static str) {
        self.note(|noted| noted.kind = kind);
    }

    /// Another event, of what is known so far; what is noted of one is not noted of the other
    #[must_use]
    pub fn apart(&self, kind: &'static str) -> Self {
        let mut event = NewEvent::default();
        self.note(|noted| event = noted.event.clone());
        Self(Arc::new(Mutex::new(Noted { event, kind, ..Noted::default() })))
    }

    /// The client, as it names itself
    pub fn client(&self, client_id: &str) {
        self.note(|noted| noted.event.client_id = Some(cut(client_id)));
    }

    /// The user, by internal id
    pub fn user(&self, id: &str) {
        self.note(|noted| noted.event.user_id = Some(id.to_owned()));
    }

    /// The sign-in
    pub fn session(&self, id: &str) {
        self.note(|noted| noted.event.session_id = Some(id.to_owned()));
    }

    /// One more thing; never a secret or a token
    pub fn detail(&self, name: &str, value: &str) {
        self.note(|noted| {
            noted.event.details.insert(name.to_owned(), cut(value));
        });
    }

    /// What goes wrong, where the answer must not tell
    pub fn error(&self, error: &'static str) {
        self.note(|noted| noted.error = Some(error));
    }

    /// The event of a success, to be stored with the change; nothing where the realm does not keep it
    pub fn done(&self, realm: &Arc<Realm>, now: UnixTime) -> Option<Kept> {
        let (mut event, mut kind) = (NewEvent::default(), "");
        self.note(|noted| {
            noted.stored = true;
            event = noted.event.clone();
            kind = noted.kind;
        });
        Kept::of(realm, kind.to_owned(), event, now)
    }

    fn is_stored(&self) -> bool {
        let mut stored = false;
        self.note(|noted| stored = noted.stored);
        stored
    }
}

/// An event that the realm keeps
#[derive(Debug, Clone)]
pub struct Kept {
    realm: Arc<Realm>,
    event: NewEvent,
}

impl Kept {
    fn of(realm: &Arc<Realm>, kind: String, event: NewEvent, now: UnixTime) -> Option<Self> {
        event::is_kept(realm, &kind).then(|| {
            let event = NewEvent { kind, at: now.0.saturating_mul(1000), ..event };
            Self { realm: Arc::clone(realm), event }
        })
    }
}

/// Stores what the realm keeps, in the transaction of the change
pub fn record(tx: &rusqlite::Transaction<'_>, kept: Option<&Kept>) -> Result<(), StoreError> {
    kept.map_or(Ok(()), |kept| event::record(tx, &kept.realm, &kept.event))
}

/// Stores the event of a success, unless it went into a change already
pub async fn succeeded(app: &App, place: &InRealm) -> Result<(), StoreError> {
    if place.event.is_stored() {
        return Ok(());
    }
    match place.event.done(&place.realm, app.clock.now()) {
        Some(kept) => app.store.write(move |tx| record(tx, Some(&kept))).await,
        None => Ok(()),
    }
}

/// Stores the event of a refusal; the answer stays the refusal, whatever becomes of that
pub async fn refused(app: &App, place: &InRealm, error: &ApiError) {
    let mut kind = "";
    place.event.note(|noted| {
        kind = noted.kind;
        if error.status().is_server_error() {
            noted.error = None;
        }
    });
    failed(app, place, cause(kind, error.error()), error.description().unwrap_or_default()).await;
}

/// Stores the event of a failure by its own name
pub async fn failed(app: &App, place: &InRealm, error: &str, reason: &str) {
    let (mut event, mut kind) = (NewEvent::default(), "");
    place.event.note(|noted| {
        event = noted.event.clone();
        event.error = Some(noted.error.unwrap_or(error).to_owned());
        kind = noted.kind;
    });
    if !reason.is_empty() {
        event.details.insert("reason".to_owned(), cut(reason));
    }
    let Some(kept) = Kept::of(&place.realm, format!("{kind}_ERROR"), event, app.clock.now()) else { return };
    if let Err(error) = app.store.write(move |tx| record(tx, Some(&kept))).await {
        log_seldom("event", &error);
    }
}

/// Keycloak's word for what an answer calls otherwise
fn cause<'a>(kind: &str, error: &'a str) -> &'a str {
    match (kind, error) {
        ("PERMISSION_TOKEN", "unauthorized_client") => "invalid_token",
        (_, "invalid_client" | "unauthorized_client") => "invalid_client_credentials",
        ("CODE_TO_TOKEN", "invalid_grant") => "invalid_code",
        ("LOGIN", "invalid_grant") => "invalid_user_credentials",
        (_, "invalid_grant") => "invalid_token",
        (_, "invalid_scope") | ("PERMISSION_TOKEN", "invalid_resource") => "invalid_request",
        (_, error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_called_as_keycloak_calls_them() {
        assert_eq!(cause("CODE_TO_TOKEN", "invalid_grant"), "invalid_code");
        assert_eq!(cause("REFRESH_TOKEN", "invalid_grant"), "invalid_token");
        assert_eq!(cause("LOGIN", "invalid_grant"), "invalid_user_credentials");
        assert_eq!(cause("CLIENT_LOGIN", "unauthorized_client"), "invalid_client_credentials");
        assert_eq!(cause("PERMISSION_TOKEN", "access_denied"), "access_denied");
    }

    #[test]
    fn what_anybody_sent_is_cut() {
        let draft = Draft::new(IpAddr::from([127, 0, 0, 1]));
        draft.client(&"x".repeat(5_000));
        draft.note(|noted| assert_eq!(noted.event.client_id.as_ref().unwrap().len(), TEXT));
    }
}
