//! The status list of an issuer for JavaScript, which fetches it and checks its signature (Token Status List §8.3).

use countersign_core::{
    denial::Denial,
    jws::UnverifiedJws,
    status::{Status, StatusList, StatusRef, UnverifiedStatusList},
    time::UnixTime,
    token::{Claims, Pending, SignatureOk},
};
use serde::Serialize;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::{GuardModule, failure, moment, to_js};

/// Which tokens of an issuer were taken back
#[wasm_bindgen]
#[derive(Debug)]
pub struct WithdrawalModule {
    issuer: String,
    uri: String,
    list: Option<StatusList>,
    /// When the list was asked for: ages count from the question
    known_at: UnixTime,
}

/// A list whose signature nobody has checked
#[wasm_bindgen]
#[derive(Debug)]
pub struct ListModule {
    pending: Pending<StatusList>,
    began: UnixTime,
    key: i32,
}

/// What the signature is over, and the signature
#[derive(Serialize)]
struct Signed<'a> {
    key: i32,
    input: &'a str,
    signature: &'a [u8],
}

#[wasm_bindgen]
impl ListModule {
    /// `{ key, input, signature }`: which of the guard's keys it has to be right under
    pub fn signed(&self) -> Result<JsValue, JsValue> {
        let input = core::str::from_utf8(self.pending.signing_input()).unwrap_or_default();
        to_js(&Signed { key: self.key, input, signature: self.pending.signature() })
    }
}

#[wasm_bindgen]
impl WithdrawalModule {
    /// For the list of an issuer at the address that its metadata name
    #[wasm_bindgen(constructor)]
    pub fn new(issuer: String, uri: String) -> Self {
        Self { issuer, uri, list: None, known_at: UnixTime(0) }
    }

    /// Checks everything but the signature of a list that was asked for at `began`; throws `{ code, message }`.
    pub fn begin(
        &self,
        guard: &GuardModule,
        token: &[u8],
        began: f64,
        now: f64,
    ) -> Result<ListModule, JsValue> {
        let pending = UnverifiedStatusList::parse(token, &guard.keys, &self.issuer, &self.uri, moment(now))
            .map_err(|error| failure(Denial::StatusUnavailable.code(), &error.to_string()))?;
        let key = guard.keys.keys().iter().position(|key| key == pending.key());
        let key = key.and_then(|at| i32::try_from(at).ok()).unwrap_or(-1);
        Ok(ListModule { pending, began: moment(began), key })
    }

    /// Takes a list whose signature is right; false if a newer one is here already.
    pub fn take(&mut self, list: ListModule, signature_ok: bool) -> bool {
        if !signature_ok {
            return false;
        }
        let began = list.began;
        let list = list.pending.accept(SignatureOk::i_have_verified_the_signature());
        if self.list.as_ref().is_some_and(|present| !list.may_replace(present)) {
            return false;
        }
        self.known_at = self.known_at.max(began);
        self.list = Some(list);
        true
    }

    /// The place of a verified token in this list: -1 where it has none, -2 where it names another list or is malformed
    pub fn place(&self, token: &str) -> f64 {
        let claims = UnverifiedJws::parse(token).ok().and_then(|jws| Claims::parse(jws.payload()).ok());
        match claims.map(|claims| StatusRef::of(&claims)) {
            Some(Ok(None)) => -1.0,
            Some(Ok(Some(place))) if place.uri() == self.uri => {
                u32::try_from(place.idx()).map_or(-2.0, f64::from)
            }
            _ => -2.0,
        }
    }

    /// Whether the list is as new as its `ttl` wants it `ahead` seconds from now
    pub fn is_current(&self, ahead: u32, now: f64) -> bool {
        self.is_within(self.ttl(), moment(now).plus(ahead.into()))
    }

    /// Seconds after which the list is to be fetched again; 0 without one
    pub fn ttl_seconds(&self) -> u32 {
        u32::try_from(self.ttl()).unwrap_or(u32::MAX)
    }

    /// 0 as it was issued, 1 taken back, 3 narrowed, -1 not known: the list is older than `staleness` seconds allow.
    /// Without `staleness` it has to be current. What was once taken back stays so.
    pub fn standing(&self, place: u32, staleness: Option<u32>, now: f64) -> i32 {
        let Some(list) = &self.list else { return -1 };
        let standing = match list.status(place.into()) {
            Status::Valid => 0,
            Status::Narrowed => 3,
            Status::Invalid | Status::Other => 1,
        };
        let window = staleness.map_or_else(|| self.ttl(), |seconds| self.ttl().max(seconds.into()));
        if standing == 1 || self.is_within(window, moment(now)) { standing } else { -1 }
    }

    fn ttl(&self) -> u64 {
        self.list.as_ref().map_or(0, StatusList::ttl)
    }

    fn is_within(&self, seconds: u64, now: UnixTime) -> bool {
        let is_live = self.list.as_ref().is_some_and(|list| list.is_live(now));
        is_live && self.known_at <= now && self.known_at.plus(seconds) >= now
    }
}
