//! The guard inside the npm package: tokens go in as text, answers come out as small values.
//!
//! Nothing here decides; `countersign-core` does. Signatures are checked by the platform's own cryptography, between
//! [`GuardModule::begin`] and [`GuardModule::finish`], but in the module `pdp`.
//!
//! Of this crate come three modules: `guard`, with the feature `gate` the larger `gate`, which has the rules of
//! Keycloak's policy enforcer, `DPoP` proofs, status lists and answers of introspection as well, and with the feature
//! `pdp` the module `pdp`, which checks signatures itself and assesses owners' policies and shares.

pub mod challenge;
#[cfg(feature = "gate")]
pub mod enforcer;
#[cfg(feature = "gate")]
pub mod introspection;
#[cfg(feature = "pdp")]
pub mod pdp;
#[cfg(feature = "gate")]
pub mod proof;
#[cfg(feature = "pdp")]
pub mod shares;
mod tokens;
#[cfg(feature = "gate")]
pub mod withdrawal;

use countersign_core::{
    denial::Denial,
    ids::ClientId,
    jwk::Jwks,
    limits::TOKEN_BYTES,
    rpt::{Granted, NotPermitted, Rpt},
    scope::Scope,
    time::UnixTime,
    token::{Expect, Pending, TokenError, UnverifiedToken},
};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use tokens::Tokens;

/// Why something was refused; `code` is one of [`denial_codes`]
#[derive(Debug, Serialize)]
struct Refusal {
    code: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    permission: &'a countersign_core::permission::Permission,
    until: UnixTime,
}

/// The guard of one resource server
#[wasm_bindgen]
#[derive(Debug)]
pub struct GuardModule {
    expect: Expect,
    keys: Jwks,
    tokens: Tokens,
    refusal: Refusal,
    input: Vec<u8>,
}

#[wasm_bindgen]
impl GuardModule {
    /// A guard that takes bearer tokens of this issuer for this audience
    #[wasm_bindgen(constructor)]
    pub fn new(issuer: &str, audience: &str, leeway: u32) -> Result<GuardModule, JsValue> {
        let audience: ClientId =
            audience.parse().map_err(|_| failure("invalid_configuration", "`audience` is no client id"))?;
        let expect = Expect::bearer(issuer).audience(audience).leeway(leeway.into());
        let refusal = Refusal { code: Denial::EngineFailed.code(), message: String::new() };
        Ok(Self { expect, keys: Jwks::default(), tokens: Tokens::default(), refusal, input: Vec::new() })
    }

    /// Takes the issuer's key set and answers with the keys that are of use, as JWKs in a fixed order
    pub fn set_keys(&mut self, jwks: &[u8]) -> Result<JsValue, JsValue> {
        self.keys = Jwks::parse(jwks).map_err(|error| failure("invalid_keys", &error.to_string()))?;
        let keys: Vec<_> = self.keys.keys().iter().map(|key| key.members()).collect();
        to_js(&keys)
    }

    /// Where in memory to write a token of so many bytes for [`begin`](Self::begin); 0 if it is too long
    pub fn input(&mut self, length: usize) -> usize {
        if length > TOKEN_BYTES {
            return 0;
        }
        self.input.resize(length, 0);
        self.input.as_ptr().expose_provenance()
    }

    /// Checks everything of the token in [`input`](Self::input) but its signature: a handle, or -1 and a
    /// [`refusal`](Self::refusal)
    pub fn begin(&mut self, now: f64) -> i32 {
        let pending = UnverifiedToken::parse(self.input.as_slice(), &self.keys, &self.expect, moment(now));
        self.wait(pending)
    }

    /// Like [`begin`](Self::begin), for any text
    pub fn begin_text(&mut self, token: &str, now: f64) -> i32 {
        let pending = UnverifiedToken::parse(token.as_bytes(), &self.keys, &self.expect, moment(now));
        self.wait(pending)
    }

    /// Which of the keys of [`set_keys`](Self::set_keys) the signature has to be right under, or -1
    pub fn key(&self, handle: i32) -> i32 {
        self.tokens
            .pending(handle)
            .and_then(|pending| self.keys.keys().iter().position(|key| key == pending.key()))
            .and_then(|at| i32::try_from(at).ok())
            .unwrap_or(-1)
    }

    /// Where in memory the signature stands that waits to be checked, or 0
    pub fn signature_at(&self, handle: i32) -> usize {
        self.tokens.pending(handle).map_or(0, |pending| pending.signature().as_ptr().expose_provenance())
    }

    /// How many bytes [it](Self::signature_at) has
    pub fn signature_length(&self, handle: i32) -> usize {
        self.tokens.pending(handle).map_or(0, |pending| pending.signature().len())
    }

    /// Says whether the signature is right: if so, the handle is that of an RPT from now on, else of nothing
    pub fn finish(&mut self, handle: i32, signature_ok: bool) -> bool {
        signature_ok && self.tokens.accept(handle) || {
            self.tokens.forget(handle);
            self.refuse(Denial::InvalidSignature, "token signature is wrong");
            false
        }
    }

    /// Forgets a token
    pub fn forget(&mut self, handle: i32) {
        self.tokens.forget(handle);
    }

    /// Whether an RPT permits all scopes on the resource of this id: `{ permission, until }`, or `undefined` and a
    /// [`refusal`](Self::refusal)
    pub fn permits(&mut self, handle: i32, resource: &str, scopes: Vec<String>, now: f64) -> JsValue {
        let answer = self.tokens.rpt(handle).map(|rpt| {
            let resource = resource.parse().map_err(|_| NotPermitted::Resource)?;
            rpt.permits(&resource, &scopes_of(scopes)?, moment(now))
        });
        self.answer(answer)
    }

    /// Like [`permits`](Self::permits), by the name of a resource that the resource server owns
    pub fn permits_named(&mut self, handle: i32, name: &str, scopes: Vec<String>, now: f64) -> JsValue {
        let answer =
            self.tokens.rpt(handle).map(|rpt| rpt.permits_named(name, &scopes_of(scopes)?, moment(now)));
        self.answer(answer)
    }

    /// All permissions of an RPT
    pub fn permissions(&self, handle: i32) -> Result<JsValue, JsValue> {
        to_js(&self.tokens.rpt(handle).map(Rpt::permissions).unwrap_or_default())
    }

    /// The last second of an RPT's life, or -1
    pub fn expires_at(&self, handle: i32) -> f64 {
        let seconds = self.tokens.rpt(handle).map(|rpt| rpt.token().expires_at().0);
        seconds.and_then(|seconds| u32::try_from(seconds).ok()).map_or(-1.0, f64::from)
    }

    /// Why the last answer was no: `{ code, message }`
    pub fn refusal(&self) -> Result<JsValue, JsValue> {
        to_js(&self.refusal)
    }

    fn wait(&mut self, pending: Result<Pending, TokenError>) -> i32 {
        match pending {
            Ok(pending) => match self.tokens.put(pending) {
                Some(handle) => handle,
                None => self.refuse(Denial::EngineFailed, "too many tokens"),
            },
            Err(error) => self.refuse(error.denial(), &error.to_string()),
        }
    }

    fn answer(&mut self, answer: Option<Result<Granted, NotPermitted>>) -> JsValue {
        match answer {
            Some(Ok(Granted { permission, until })) => {
                match to_js(&Answer { permission: &permission, until }) {
                    Ok(value) => return value,
                    Err(_) => self.refuse(Denial::EngineFailed, "answer cannot be carried over"),
                }
            }
            Some(Err(error)) => self.refuse(error.denial(), &error.to_string()),
            None => self.refuse(Denial::EngineFailed, "token is not known"),
        };
        JsValue::UNDEFINED
    }

    fn refuse(&mut self, denial: Denial, message: &str) -> i32 {
        self.refusal = Refusal { code: denial.code(), message: message.into() };
        -1
    }
}

/// Every code that a refusal can have
#[wasm_bindgen]
pub fn denial_codes() -> Vec<String> {
    Denial::ALL.iter().map(|denial| denial.code().into()).collect()
}

/// A clock that shows no time makes everything expired.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "neither negative nor infinite, and cutting off the fraction is the purpose"
)]
fn moment(now: f64) -> UnixTime {
    if now.is_finite() && now >= 0.0 { UnixTime(now as u64) } else { UnixTime(u64::MAX) }
}

/// A text that is no scope is a scope that nobody was granted.
fn scopes_of(names: Vec<String>) -> Result<Vec<Scope>, NotPermitted> {
    names.into_iter().map(|name| Scope::try_from(name).map_err(|_| NotPermitted::Resource)).collect()
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    let serializer = Serializer::json_compatible();
    value.serialize(&serializer).map_err(|error| failure(Denial::EngineFailed.code(), &error.to_string()))
}

/// What is thrown: `{ code, message }`
fn failure(code: &'static str, message: &str) -> JsValue {
    let refusal = Refusal { code, message: message.into() };
    serde_wasm_bindgen::to_value(&refusal).unwrap_or(JsValue::UNDEFINED)
}
