//! Signatures, checked by `jsonwebtoken` with the pure Rust libraries that run in any WebAssembly.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::{
    edge::Verify,
    jwk::{Jwk, PublicKey},
    jws::Alg,
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto::rust_crypto::DEFAULT_PROVIDER, errors::Error};

/// Whether a signature is right; what cannot be checked is not.
pub(crate) fn is_right(verify: &Verify) -> bool {
    self::verify(verify.alg, &verify.key, &verify.input, &verify.signature)
}

pub(crate) fn verify(alg: Alg, jwk: &Jwk, input: &[u8], signature: &[u8]) -> bool {
    let Some(algorithm) = algorithm(alg) else { return false };
    // Not by `crypto::verify`, which would bring in all that signs.
    let verifier = key(jwk).and_then(|key| (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &key));
    verifier.is_ok_and(|verifier| verifier.verify(input, &signature.to_vec()).is_ok())
}

fn key(key: &Jwk) -> Result<DecodingKey, Error> {
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match key.public_key() {
        PublicKey::Rsa { n, e } => Ok(DecodingKey::from_rsa_raw_components(n, e)),
        PublicKey::P256 { x, y } | PublicKey::P384 { x, y } => {
            DecodingKey::from_ec_components(&encoded(x), &encoded(y))
        }
        PublicKey::Ed25519 { x } => DecodingKey::from_ed_components(&encoded(x)),
    }
}

const fn algorithm(alg: Alg) -> Option<Algorithm> {
    Some(match alg {
        Alg::Rs256 => Algorithm::RS256,
        Alg::Rs384 => Algorithm::RS384,
        Alg::Rs512 => Algorithm::RS512,
        Alg::Ps256 => Algorithm::PS256,
        Alg::Ps384 => Algorithm::PS384,
        Alg::Ps512 => Algorithm::PS512,
        Alg::Es256 => Algorithm::ES256,
        Alg::Es384 => Algorithm::ES384,
        Alg::EdDsa => Algorithm::EdDSA,
        // A secret is nothing that a guard has.
        Alg::Hs512 => return None,
    })
}
