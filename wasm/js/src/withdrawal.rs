//! The status list of an issuer and its stream of changes for JavaScript, which fetches and listens, and checks the
//! list's signature (Token Status List §8.3).

use countersign_core::{
    denial::Denial,
    edge::{OnStale, Standing, StreamId, Withdrawal, Withdrawals},
    status::{StatusList, UnverifiedStatusList},
    time::UnixTime,
    token::{Pending, SignatureOk},
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
    withdrawal: Withdrawal,
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
    /// For the list of an issuer at the address that its metadata name; an old list serves for `staleness` seconds, and
    /// after that either nobody is let in or, `until_exp`, nobody is kept out.
    #[wasm_bindgen(constructor)]
    pub fn new(issuer: String, uri: String, listens: bool, until_exp: bool, staleness: u32) -> Self {
        let withdrawals = if listens { Withdrawals::Stream } else { Withdrawals::List };
        let on_stale = if until_exp { OnStale::UntilExp } else { OnStale::Deny };
        Self { issuer, uri, withdrawal: Withdrawal::new(withdrawals, on_stale, staleness.into()) }
    }

    /// Whether the list may be fetched: that has not failed a moment ago.
    pub fn may_fetch(&self, now: f64) -> bool {
        self.withdrawal.may_fetch(moment(now))
    }

    /// Whether the list is about to be too old for those who need it.
    pub fn is_ending(&self, now: f64) -> bool {
        self.withdrawal.is_ending(moment(now))
    }

    /// The list could not be had.
    pub fn failed(&mut self, now: f64) {
        self.withdrawal.failed(moment(now));
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
        signature_ok && {
            let began = list.began;
            let list = list.pending.accept(SignatureOk::i_have_verified_the_signature());
            self.withdrawal.take(list, began)
        }
    }

    /// The place of a verified token in this list: -1 where it has none, -2 where it names another list or is malformed
    pub fn place(&self, guard: &GuardModule, handle: i32) -> f64 {
        match guard.tokens.status(handle) {
            Some(Ok(None)) => -1.0,
            Some(Ok(Some(place))) if place.uri() == self.uri => {
                u32::try_from(place.idx()).map_or(-2.0, f64::from)
            }
            _ => -2.0,
        }
    }

    /// 0 as it was issued, 1 taken back, 3 narrowed, -1 not known: the list has to be fetched first
    pub fn standing(&mut self, place: u32, now: f64) -> i32 {
        number(self.withdrawal.standing_at(place.into(), moment(now)))
    }

    /// The same when no current list is to be had
    pub fn last_standing(&self, place: u32, now: f64) -> i32 {
        number(self.withdrawal.last_standing_at(place.into(), moment(now)))
    }

    /// Whether it is time to open a stream.
    pub fn may_listen(&self, now: f64) -> bool {
        self.withdrawal.may_listen(moment(now))
    }

    /// Opens a stream, and answers with the number of the last change that is known, for `Last-Event-ID`.
    pub fn listen(&mut self, now: f64) -> Option<String> {
        self.withdrawal.listen(moment(now)).1.map(|seq| seq.to_string())
    }

    /// Number of the stream that is open, or 0
    pub fn stream(&self) -> u64 {
        self.withdrawal.stream().map_or(0, |StreamId(number)| number)
    }

    /// Takes a message of a stream.
    pub fn message(&mut self, stream: u64, data: &str, now: f64) {
        self.withdrawal.message(StreamId(stream), data.as_bytes(), moment(now));
    }

    /// A stream has ended, or could not be opened.
    pub fn closed(&mut self, stream: u64, now: f64) {
        self.withdrawal.closed(StreamId(stream), moment(now));
    }

    /// Takes a stream that is silent for too long for closed.
    pub fn give_up_silence(&mut self, now: f64) {
        self.withdrawal.give_up_silence(moment(now));
    }
}

#[wasm_bindgen]
impl GuardModule {
    /// Whether a verified token says anything of a status list; also true of what is malformed or no token
    pub fn has_status(&self, handle: i32) -> bool {
        !matches!(self.tokens.status(handle), Some(Ok(None)))
    }
}

/// As the list itself numbers them
const fn number(standing: Standing) -> i32 {
    match standing {
        Standing::Good => 0,
        Standing::Withdrawn => 1,
        Standing::Narrowed => 3,
        Standing::Foreign | Standing::Unknown => -1,
    }
}
