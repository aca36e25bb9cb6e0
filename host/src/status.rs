//! Withdrawals as guards learn of them: a signed list of the realm, and a stream of changes (Token Status List;
//! design §5, §7).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::{jws::Alg, time::UnixTime};
use rusqlite::Transaction;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    app::App,
    error::ApiError,
    keys::random_place,
    realm::Realm,
    store::{self, StoreError, status::Change},
};

/// After so many seconds a guard without a stream asks for the list again
pub const TTL_SECONDS: u64 = 5;
/// A list stands so long, in seconds, for guards that cannot get a newer one
const LIFE_SECONDS: u64 = 3_600;
/// A list that has not changed is signed anew after so many seconds
const RENEW_SECONDS: u64 = 60;
/// Draws before the list counts as full
const DRAWS: usize = 64;

/// Address of a realm's list: `sub` of the list, `uri` in its tokens
pub fn list_uri(issuer: &str) -> String {
    format!("{issuer}/status-list")
}

/// Address of a realm's stream of changes
pub fn stream_uri(issuer: &str) -> String {
    format!("{issuer}/status-changes")
}

/// The claim `status` of a token that has this place (Token Status List §6.2)
pub fn claim(issuer: &str, place: u64) -> Value {
    json!({ "status_list": { "idx": place, "uri": list_uri(issuer) } })
}

/// A place for a new token, drawn at random so that it tells nothing (Token Status List §12).
///
/// The store refuses it where another token has taken it meanwhile.
pub fn draw(tx: &Transaction<'_>, realm: &Realm) -> Result<u64, StoreError> {
    let (_, places) = store::status::state(tx, &realm.id)?;
    for _ in 0..DRAWS {
        let place = random_place(places).map_err(|error| StoreError::Other(error.to_string()))?;
        if store::status::is_free(tx, &realm.id, place)? {
            return Ok(place);
        }
    }
    // It is made longer soon.
    Err(StoreError::Stale)
}

/// Entries of two bits, packed from the least significant bit up (Token Status List §4.1)
fn packed(places: u64, marked: &[(u64, u8)]) -> Vec<u8> {
    let mut bytes = vec![0_u8; usize::try_from(places.div_ceil(4)).unwrap_or_default()];
    for (place, status) in marked {
        let shift = u32::try_from(place.wrapping_rem(4)).unwrap_or_default().wrapping_mul(2);
        if let Some(byte) = usize::try_from(place >> 2).ok().and_then(|at| bytes.get_mut(at)) {
            *byte |= (status & 3).wrapping_shl(shift);
        }
    }
    bytes
}

/// A signed list
#[derive(Debug, Clone)]
pub struct SignedList {
    /// Number of the last change in it
    pub seq: u64,
    /// The JWT: nothing in it is secret
    pub token: Arc<str>,
    issued_at: UnixTime,
    places: u64,
    alg: Alg,
}

/// The lists of all realms as last signed, and who listens to their changes
#[derive(Debug, Default)]
pub struct StatusLists {
    signed: RwLock<HashMap<(String, String), SignedList>>,
    heard: Mutex<HashMap<String, watch::Sender<u64>>>,
}

impl SignedList {
    /// When it was signed
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }
}

impl StatusLists {
    /// The list of a realm as of now
    pub async fn list(
        &self,
        app: &App,
        realm: &Realm,
        issuer: &str,
        alg: Alg,
    ) -> Result<SignedList, ApiError> {
        let now = app.clock.now();
        let key = (realm.id.clone(), list_uri(issuer));
        let (seq, places) = app.store.read(|tx| store::status::state(tx, &realm.id))?;
        let known = self.signed.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known
            && (known.seq, known.places, known.alg) == (seq, places, alg)
            && known.issued_at.seconds_until(now) < RENEW_SECONDS
        {
            return Ok(known);
        }
        let ring = app.keys.with(&app.store, realm, alg).await?;
        // Number and marks come from one view of the store.
        let ((seq, places), marked) = app.store.read(|tx| {
            Ok((store::status::state(tx, &realm.id)?, store::status::marked(tx, &realm.id, now)?))
        })?;
        let compressed = miniz_oxide::deflate::compress_to_vec_zlib(&packed(places, &marked), 6);
        let uri = list_uri(issuer);
        let claims = json!({
            "iss": issuer, "sub": uri, "iat": now.0, "exp": now.plus(LIFE_SECONDS).0, "ttl": TTL_SECONDS, "seq": seq,
            "status_list": { "bits": 2, "lst": URL_SAFE_NO_PAD.encode(compressed) },
        });
        let token = ring.sign_as(alg, "statuslist+jwt", &claims)?.into();
        let list = SignedList { seq, token, issued_at: now, places, alg };
        self.signed.write().unwrap_or_else(PoisonError::into_inner).insert(key, list.clone());
        Ok(list)
    }

    /// Tells when a realm's number of changes grows.
    ///
    /// One task a realm asks the store, however many listen; it ends with the last of them.
    pub fn listen(&self, app: &Arc<App>, realm_id: &str, seq: u64) -> watch::Receiver<u64> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = heard.get(realm_id) {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(seq);
        heard.insert(realm_id.to_owned(), sender);
        tokio::spawn(ask(Arc::clone(app), realm_id.to_owned()));
        receiver
    }
}

/// How often the store is asked for changes that other processes have made too
const TURN: core::time::Duration = core::time::Duration::from_millis(100);

/// Asks the store as long as somebody listens
async fn ask(app: Arc<App>, realm_id: String) {
    let mut turn = tokio::time::interval(TURN);
    loop {
        turn.tick().await;
        let state = app.store.read(|tx| store::status::state(tx, &realm_id));
        let mut heard = app.status.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = heard.get(&realm_id) else { return };
        if sender.receiver_count() == 0 {
            heard.remove(&realm_id);
            return;
        }
        match state {
            Ok((seq, _)) => {
                sender.send_if_modified(|known| core::mem::replace(known, seq) != seq);
            }
            Err(error) => crate::error::log_seldom("status", &error),
        }
    }
}

/// A message of the stream as an event of `text/event-stream` (HTML §9.2); without a change it says that nothing was
/// missed
pub fn event(seq: u64, change: Option<Change>) -> String {
    match change {
        None => format!("data: {{\"seq\":{seq}}}\n\n"),
        Some(Change { seq, place, status }) => {
            format!("id: {seq}\ndata: {{\"seq\":{seq},\"changes\":[[{place},{status}]]}}\n\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::status::{Changes, Followed, Status, UnverifiedStatusList};
    use countersign_core::{jwk::Jwks, jws, token::SignatureOk};

    use super::*;

    /// TSL-4.1-03: `1,2,0,3,0,1,0,1,1,2,3,3` is `C9 44 F9`
    #[test]
    fn entries_are_packed_from_the_least_significant_bit_up() {
        let entries = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
        let marked: Vec<_> = (0_u64..).zip(entries).collect();
        assert_eq!(packed(12, &marked), [0xC9, 0x44, 0xF9]);
        assert_eq!(packed(12, &[(12, 1)]), [0; 3], "a place outside the list changes nothing");
    }

    #[test]
    fn events_are_what_guards_read() {
        let text = event(7, Some(Change { seq: 7, place: 40, status: 3 }));
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let message = Changes::parse(data.as_bytes()).unwrap();
        assert_eq!(message.seq(), 7);
        let text = event(9, None);
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        assert!(Changes::parse(data.as_bytes()).unwrap().is_heartbeat());

        let keys = Jwks::parse(
            br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
        )
        .unwrap();
        let list = miniz_oxide::deflate::compress_to_vec_zlib(&packed(64, &[(1, 1)]), 6);
        let claims = json!({ "iss": "https://as.example", "sub": "https://as.example/status-list", "iat": 50, "exp": 90,
            "ttl": 5, "seq": 6, "status_list": { "bits": 2, "lst": URL_SAFE_NO_PAD.encode(list) } });
        let header = jws::Header { alg: Alg::EdDsa, typ: Some("statuslist+jwt"), kid: None };
        let token = jws::compact(jws::signing_input(&header, claims.to_string()), &[0; 64]);
        let uri = list_uri("https://as.example");
        let mut list = UnverifiedStatusList::parse(&token, &keys, "https://as.example", &uri, UnixTime(60))
            .unwrap()
            .accept(SignatureOk::i_have_verified_the_signature());
        assert_eq!(
            (list.status(0), list.status(1), list.status(40)),
            (Status::Valid, Status::Invalid, Status::Valid)
        );
        assert_eq!(list.follow(&message), Followed::Current);
        assert_eq!(list.status(40), Status::Narrowed);
    }
}
