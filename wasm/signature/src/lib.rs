//! Signatures of tokens, checked by `jsonwebtoken`: with the feature `rust_crypto` over `RustCrypto`, which runs in any
//! WebAssembly, else over the provider that the caller brings.
//!
//! Decisions are `countersign-core`'s, which has no cryptography; whoever has none of the platform's asks here.
#![forbid(unsafe_code)]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::{
    jwk::{Jwk, PublicKey},
    jws::Alg,
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto::JwtVerifier, errors::Error};

/// Of a provider only this, so that nothing of it that signs is linked
pub type VerifierFactory = fn(&Algorithm, &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error>;

#[cfg(feature = "rust_crypto")]
static RUST_CRYPTO: VerifierFactory = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.verifier_factory;

/// Whether a signature over `input` is right under a key (RFC 7515 §5.2); what cannot be checked is not.
///
/// ```
/// use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
/// use countersign_core::{jwk::Jwk, jws::Alg};
/// use countersign_signature::is_right;
///
/// // RFC 8037 appendix A.
/// let key = Jwk::parse(br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// let input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
/// let signature = URL_SAFE_NO_PAD.decode(concat!(
///     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6d",
///     "WbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
/// ))?;
/// assert!(is_right(Alg::EdDsa, &key, input, &signature));
/// assert!(!is_right(Alg::EdDsa, &key, b"something else", &signature));
/// assert!(!is_right(Alg::Es256, &key, input, &signature), "not what the key is for");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "rust_crypto")]
pub fn is_right(alg: Alg, key: &Jwk, input: &[u8], signature: &[u8]) -> bool {
    is_right_by(RUST_CRYPTO, alg, key, input, signature)
}

/// Whether a signature over `input` is right under a key, as this provider sees it; what it cannot check is not
pub fn is_right_by(factory: VerifierFactory, alg: Alg, key: &Jwk, input: &[u8], signature: &[u8]) -> bool {
    let Some(algorithm) = algorithm(alg) else { return false };
    let verifier = decoding(key).and_then(|key| factory(&algorithm, &key));
    verifier.is_ok_and(|verifier| verifier.verify(input, &signature.to_vec()).is_ok())
}

fn decoding(key: &Jwk) -> Result<DecodingKey, Error> {
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
        // No public key is symmetric.
        Alg::Hs512 => return None,
    })
}
