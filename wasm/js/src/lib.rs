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

use core::str::Split;

use countersign_core::{
    denial::Denial,
    ids::ClientId,
    jwk::Jwks,
    limits::TOKEN_BYTES,
    permission::Permission,
    rpt::{Granted, GrantedBy, NotPermitted, Rpt},
    scope::Scope,
    time::UnixTime,
    token::{Expect, Pending, TokenError, UnverifiedToken},
};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use tokens::{Tokens, Verified};

/// Why something was refused; `code` is one of [`denial_codes`]
#[derive(Debug, Serialize)]
struct Refusal {
    code: &'static str,
    message: String,
}

/// What an RPT says to a question
type Judgement<'a> = Result<GrantedBy<'a>, NotPermitted>;

/// The guard of one resource server
#[wasm_bindgen]
#[derive(Debug)]
pub struct GuardModule {
    expect: Expect,
    keys: Jwks,
    tokens: Tokens,
    refusal: Refusal,
    input: Vec<u8>,
    granted: Permission,
    output: String,
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
        Ok(Self {
            expect,
            keys: Jwks::default(),
            tokens: Tokens::default(),
            refusal,
            input: Vec::new(),
            granted: Permission::default(),
            output: String::new(),
        })
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
        let pending = UnverifiedToken::parse_as(self.input.as_slice(), &self.keys, &self.expect, moment(now));
        self.wait(pending)
    }

    /// Like [`begin`](Self::begin), for any text
    pub fn begin_text(&mut self, token: &str, now: f64) -> i32 {
        let pending = UnverifiedToken::parse_as(token.as_bytes(), &self.keys, &self.expect, moment(now));
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

    /// Whether an RPT permits all scopes on the resource of this id: the last second for which this answer holds and a
    /// permission, [`granted`](Self::granted), or -1 and a [`refusal`](Self::refusal).
    ///
    /// What is asked stands in [`input`](Self::input): the id, and so many scopes, each behind a zero byte.
    pub fn permits(&mut self, handle: i32, length: usize, scopes: usize, now: f64) -> f64 {
        self.answer(handle, length, scopes, |rpt, id, scopes| rpt.permits_texts(id, scopes, moment(now)))
    }

    /// Like [`permits`](Self::permits), by the name of a resource that the resource server owns
    pub fn permits_named(&mut self, handle: i32, length: usize, scopes: usize, now: f64) -> f64 {
        self.answer(handle, length, scopes, |rpt, name, scopes| {
            rpt.permits_named_texts(name, scopes, moment(now))
        })
    }

    /// The permission of the last yes, unless it [stands in memory](Self::granted_at)
    pub fn granted(&self) -> Result<JsValue, JsValue> {
        to_js(&self.granted)
    }

    /// Where in memory the permission of the last yes stands, or 0 where it has more than a name and scopes: an equals sign
    /// if its scopes are those that were asked for, else a plus sign; `n` and its name, or `-` if it has none; and behind a
    /// plus sign its scopes, each behind a zero byte
    pub fn granted_at(&self) -> usize {
        if self.output.is_empty() { 0 } else { self.output.as_ptr().expose_provenance() }
    }

    /// How many bytes [it](Self::granted_at) has
    pub fn granted_length(&self) -> usize {
        self.output.len()
    }

    /// All permissions of an RPT
    pub fn permissions(&self, handle: i32) -> Result<JsValue, JsValue> {
        to_js(&self.tokens.rpt(handle).map(Rpt::permissions).unwrap_or_default())
    }

    /// The last second of an RPT's life, or -1
    pub fn expires_at(&self, handle: i32) -> f64 {
        let seconds = self.tokens.rpt(handle).map(|rpt| rpt.expires_at().0);
        seconds.and_then(|seconds| u32::try_from(seconds).ok()).map_or(-1.0, f64::from)
    }

    /// Why the last answer was no: `{ code, message }`
    pub fn refusal(&self) -> Result<JsValue, JsValue> {
        to_js(&self.refusal)
    }

    fn wait(&mut self, pending: Result<Pending<Verified>, TokenError>) -> i32 {
        match pending {
            Ok(pending) => match self.tokens.put(pending) {
                Some(handle) => handle,
                None => self.refuse(Denial::EngineFailed, "too many tokens"),
            },
            Err(error) => self.refuse(error.denial(), &error.to_string()),
        }
    }

    fn answer(
        &mut self,
        handle: i32,
        length: usize,
        scopes: usize,
        permits: impl for<'a> Fn(&'a Rpt, &str, Split<'_, char>) -> Judgement<'a>,
    ) -> f64 {
        let Some(rpt) = self.tokens.rpt(handle) else {
            return self.refuse(Denial::EngineFailed, "token is not known").into();
        };
        let asked = asked(self.input.get(..length), scopes);
        let answer = asked.ok_or(NotPermitted::Resource).and_then(|(text, scopes)| {
            let granted = permits(rpt, text, scopes.clone())?;
            Ok((granted, scopes))
        });
        match answer {
            Ok((Granted { permission, until }, scopes)) => {
                // One of the two says it, and the other says nothing: not what somebody else was granted before.
                self.granted = if plain(&permission, scopes, &mut self.output) {
                    Permission::default()
                } else {
                    permission.into_owned()
                };
                seconds(until)
            }
            Err(error) => self.refuse(error.denial(), &error.to_string()).into(),
        }
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

/// A second as JavaScript counts; those so far away that it could not, are the last that it can
fn seconds(moment: UnixTime) -> f64 {
    u32::try_from(moment.0).map_or(f64::from(u32::MAX), f64::from)
}

/// What is asked, as it stands in memory. A text with a zero byte would be taken for two, so that there would be more of
/// them than were announced.
fn asked(input: Option<&[u8]>, scopes: usize) -> Option<(&str, Split<'_, char>)> {
    let mut texts = core::str::from_utf8(input?).ok()?.split('\0');
    let first = texts.next()?;
    (texts.clone().count() == scopes).then_some((first, texts))
}

/// Writes a permission as [`GuardModule::granted_at`] shows it; nothing and false where it has more than that
fn plain(permission: &Permission, asked: Split<'_, char>, into: &mut String) -> bool {
    let Permission { rsid: _, rsname, rsowned, scopes, claims, exp, nbf } = permission;
    let name = rsname.as_deref().unwrap_or_default();
    into.clear();
    if *rsowned || !claims.is_empty() || exp.is_some() || nbf.is_some() || name.contains('\0') {
        return false;
    }
    let are_asked = scopes.iter().map(Scope::as_str).eq(asked);
    into.push(if are_asked { '=' } else { '+' });
    into.push(if rsname.is_some() { 'n' } else { '-' });
    into.push_str(name);
    for scope in scopes.iter().filter(|_| !are_asked) {
        into.push('\0');
        into.push_str(scope.as_str());
    }
    true
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
