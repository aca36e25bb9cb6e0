//! Between parsing and believing: what waits for the word of whoever does the arithmetic.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::{AccessToken, TokenError};
use crate::{
    jwk::Jwk,
    jws::{Alg, UnverifiedJws},
};

/// Whoever can check signatures
pub trait SignatureVerifier {
    /// Whether `signature` over `input` is right under `key` by `alg`. An error is a no.
    fn verify(&self, alg: Alg, key: &Jwk, input: &[u8], signature: &[u8]) -> bool;
}

/// The word of the caller that a signature is right
#[derive(Debug)]
pub struct SignatureOk(());

impl SignatureOk {
    /// For platforms whose verification is not a function call: say so only after it has answered yes for
    /// the [`Pending`] that this is passed to
    #[must_use]
    pub const fn i_have_verified_the_signature() -> Self {
        Self(())
    }
}

/// Something signed that is right in everything but the signature, which has yet to be checked: a token, and by the
/// same rules a `DPoP` proof or a status list
#[must_use]
pub struct Pending<T = AccessToken> {
    key: Arc<Jwk>,
    signing_input: String,
    signature: Vec<u8>,
    content: T,
}

impl<T> Pending<T> {
    /// What `jws` says once its signature is found right under `key`
    pub(crate) fn new(jws: UnverifiedJws, key: Arc<Jwk>, content: T) -> Result<Self, TokenError> {
        if !key.is_signature_length(jws.signature().len()) {
            return Err(TokenError::Signature);
        }
        let (signing_input, signature) = jws.into_signed();
        Ok(Self { key, signing_input, signature, content })
    }

    /// The key's algorithm, which is also the token's
    pub fn alg(&self) -> Alg {
        self.key.alg()
    }

    /// The key to check with
    pub const fn key(&self) -> &Arc<Jwk> {
        &self.key
    }

    /// What the signature is over
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The signature to check
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The verified content, if the verifier says so
    pub fn verify_with(self, verifier: &impl SignatureVerifier) -> Result<T, TokenError> {
        if verifier.verify(self.alg(), &self.key, self.signing_input(), &self.signature) {
            Ok(self.accept(SignatureOk(())))
        } else {
            Err(TokenError::Signature)
        }
    }

    /// The verified content, on the caller's word
    #[must_use]
    pub fn accept(self, _: SignatureOk) -> T {
        self.content
    }
}

/// Without content and signature: together they are a credential
impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("key", &self.key).finish_non_exhaustive()
    }
}
