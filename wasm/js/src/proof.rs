//! `DPoP` proofs for JavaScript (RFC 9449 §4.3); the signature is checked by the platform's cryptography.

use countersign_core::{
    dpop::{Proof, ProofError, ProofRequest, UnverifiedProof},
    token::{Pending, Possession, SignatureOk, UnverifiedToken},
    uri::HttpUri,
};
use serde::Serialize;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::{GuardModule, moment, to_js};

/// One proof, on its way from text to what its sender holds
#[wasm_bindgen]
#[derive(Debug)]
pub struct ProofModule {
    pending: Option<Pending<Proof>>,
    proof: Option<Proof>,
}

#[wasm_bindgen]
impl ProofModule {
    /// Checks everything of the values of the `DPoP` headers but the signature; throws `{ code, message, error }`.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::needless_pass_by_value, reason = "wasm-bindgen hands over owned values")]
    pub fn new(
        proofs: Vec<String>,
        method: &str,
        uri: &str,
        token: Option<String>,
        nonces: Vec<String>,
        now: f64,
    ) -> Result<ProofModule, JsValue> {
        let uri: HttpUri = uri.parse().map_err(|_| refused(ProofError::Uri))?;
        let nonces: Vec<&str> = nonces.iter().map(String::as_str).collect();
        let mut request = ProofRequest::new(method, &uri).nonces(&nonces);
        if let Some(token) = &token {
            request = request.access_token(token);
        }
        let pending = UnverifiedProof::parse(proofs, &request, moment(now)).map_err(refused)?;
        Ok(Self { pending: Some(pending), proof: None })
    }

    /// The key that the signature has to be right under, as a JWK with `alg`
    pub fn key(&self) -> Result<JsValue, JsValue> {
        to_js(&self.pending.as_ref().map(|pending| pending.key().members()))
    }

    /// What the signature is over
    pub fn input(&self) -> Vec<u8> {
        self.pending.as_ref().map(|pending| pending.signing_input().to_vec()).unwrap_or_default()
    }

    /// The signature
    pub fn signature(&self) -> Vec<u8> {
        self.pending.as_ref().map(|pending| pending.signature().to_vec()).unwrap_or_default()
    }

    /// Says whether the signature is right; throws if not.
    pub fn finish(&mut self, signature_ok: bool) -> Result<(), JsValue> {
        match self.pending.take() {
            Some(pending) if signature_ok => {
                self.proof = Some(pending.accept(SignatureOk::i_have_verified_the_signature()));
                Ok(())
            }
            _ => Err(refused(ProofError::Signature)),
        }
    }

    /// The thumbprint of its key
    pub fn thumbprint(&self) -> Option<String> {
        self.proof.as_ref().map(|proof| proof.thumbprint().into())
    }

    /// What must not have been seen before
    pub fn replay_key(&self) -> Vec<u8> {
        self.proof.as_ref().map(|proof| proof.replay_key().as_bytes().to_vec()).unwrap_or_default()
    }

    /// Last second for which the proof would be accepted again, or -1
    pub fn until(&self) -> f64 {
        let until = self.proof.as_ref().and_then(|proof| u32::try_from(proof.replay_key().until().0).ok());
        until.map_or(-1.0, f64::from)
    }
}

#[wasm_bindgen]
impl GuardModule {
    /// Like [`begin_text`](Self::begin_text), for a token whose presenter has proved to hold a key
    pub fn begin_held(&mut self, token: &str, proof: &ProofModule, now: f64) -> i32 {
        let held = proof.proof.as_ref().map_or_else(Possession::none, |proof| Possession::none().key(proof));
        let expect = self.expect.clone().held(held);
        let pending = UnverifiedToken::parse_as(token.as_bytes(), &self.keys, &expect, moment(now));
        self.wait(pending)
    }
}

fn refused(error: ProofError) -> JsValue {
    #[derive(Serialize)]
    struct Refused {
        code: &'static str,
        message: String,
        error: &'static str,
    }
    let refused =
        Refused { code: error.denial().code(), message: error.to_string(), error: error.oauth_code() };
    to_js(&refused).unwrap_or(JsValue::UNDEFINED)
}
