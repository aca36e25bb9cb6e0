//! Signatures, checked inside by `jsonwebtoken` over RustCrypto.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::{
    jwk::{Jwk, PublicKey},
    jws::Alg,
};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::{JwtVerifier, rust_crypto::DEFAULT_PROVIDER},
    errors::Error,
    signature::Verifier,
};

/// Of the provider only this, so that nothing of it that signs is linked
static VERIFIER: fn(&Algorithm, &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> =
    DEFAULT_PROVIDER.verifier_factory;

/// Whether a signature is right under a key. An error is a no.
pub(crate) fn is_right(alg: Alg, key: &Jwk, input: &[u8], signature: &[u8]) -> bool {
    let alg = match alg {
        Alg::Rs256 => Algorithm::RS256,
        Alg::Rs384 => Algorithm::RS384,
        Alg::Rs512 => Algorithm::RS512,
        Alg::Ps256 => Algorithm::PS256,
        Alg::Ps384 => Algorithm::PS384,
        Alg::Ps512 => Algorithm::PS512,
        Alg::Es256 => Algorithm::ES256,
        Alg::Es384 => Algorithm::ES384,
        Alg::EdDsa => Algorithm::EdDSA,
        // No public key is symmetric.
        Alg::Hs512 => return false,
    };
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let key = match key.public_key() {
        PublicKey::Rsa { n, e } => Ok(DecodingKey::from_rsa_raw_components(n, e)),
        PublicKey::P256 { x, y } | PublicKey::P384 { x, y } => {
            DecodingKey::from_ec_components(&b64(x), &b64(y))
        }
        PublicKey::Ed25519 { x } => DecodingKey::from_ed_components(&b64(x)),
    };
    let verifier = key.and_then(|key| VERIFIER(&alg, &key));
    verifier.is_ok_and(|verifier| Verifier::verify(&*verifier, input, &signature.to_vec()).is_ok())
}
