//! Private keys and what they sign; public keys and what they check.

use aws_lc_rs::{
    digest,
    encoding::{AsDer as _, PublicKeyX509Der},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair, RsaPublicKeyComponents,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use countersign_core::{jwk::Jwk, jws::Alg, token::SignatureVerifier};
use countersign_signature::is_right_by;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use serde_json::json;

/// Why a key does not do what it should
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It was sealed under another master key, or for another place
    #[error("the master key does not open what is stored: is it the one that this database was made with?")]
    Sealed,
    /// No key of this algorithm can be made here
    #[error("no keys are made for this algorithm")]
    Algorithm,
    /// The bytes are no private key, or one that is too weak
    #[error("not a private key of at least 2048 bits")]
    Private,
    /// No randomness
    #[error("the system gives no random bytes")]
    Random,
    /// Claims that have no JSON form
    #[error("claims have no JSON form")]
    Claims,
}

/// A private key, read once: `jsonwebtoken` takes DER and would read and check an RSA key again for every token,
/// which costs about as much as the signature itself
pub(super) enum Private {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Private {
    /// Reads PKCS#8 as [`generate`] wrote it
    pub(super) fn read(alg: Alg, pkcs8: &[u8]) -> Result<Self, KeyError> {
        match alg {
            Alg::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(Self::Rsa).map_err(|_| KeyError::Private),
            Alg::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                .map(Self::P256)
                .map_err(|_| KeyError::Private),
            Alg::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Self::Ed25519).map_err(|_| KeyError::Private),
            Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512 | Alg::Es384 | Alg::Hs512 => {
                Err(KeyError::Algorithm)
            }
        }
    }

    pub(super) fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature).map_err(|_| KeyError::Random)?;
                Ok(signature)
            }
            Self::P256(key) => {
                key.sign(&random, input).map(|s| s.as_ref().to_vec()).map_err(|_| KeyError::Random)
            }
            Self::Ed25519(key) => {
                key.try_sign(input).map(|s| s.as_ref().to_vec()).map_err(|_| KeyError::Random)
            }
        }
    }

    /// The public key as `SubjectPublicKeyInfo` in base64, which old clients read (wire §1.3)
    pub(super) fn public_der(&self) -> Option<String> {
        match self {
            Self::Rsa(_) => self.public_info().ok().map(|der| STANDARD.encode(der)),
            Self::P256(_) | Self::Ed25519(_) => None,
        }
    }

    /// The public key as `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7)
    pub(super) fn public_info(&self) -> Result<Vec<u8>, KeyError> {
        let wrong = |_| KeyError::Private;
        let der: PublicKeyX509Der<'_> = match self {
            Self::Rsa(key) => key.public_key().as_der().map_err(wrong)?,
            Self::P256(key) => key.public_key().as_der().map_err(wrong)?,
            Self::Ed25519(key) => key.public_key().as_der().map_err(wrong)?,
        };
        Ok(der.as_ref().to_vec())
    }

    /// The public JWK; its `kid` is its RFC 7638 thumbprint unless another is given
    fn jwk(&self, kid: Option<&str>) -> Result<Jwk, KeyError> {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut members = match self {
            Self::Rsa(key) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({ "kty": "RSA", "alg": "RS256", "n": b64(&public.n), "e": b64(&public.e) })
            }
            Self::P256(key) => {
                // Uncompressed point: 4, then both coordinates (SEC 1 §2.3.3).
                let point = key.public_key().as_ref().strip_prefix(&[4]).ok_or(KeyError::Private)?;
                let (x, y) = point.split_at_checked(32).ok_or(KeyError::Private)?;
                json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "x": b64(x), "y": b64(y) })
            }
            Self::Ed25519(key) => {
                let x = b64(key.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x })
            }
        };
        let unnamed = Jwk::parse(members.to_string().as_bytes()).map_err(|_| KeyError::Private)?;
        let kid = kid.map_or_else(|| unnamed.thumbprint(), str::to_owned);
        if let Some(members) = members.as_object_mut() {
            members.insert("kid".to_owned(), kid.into());
        }
        Jwk::parse(members.to_string().as_bytes()).map_err(|_| KeyError::Private)
    }
}

/// A new key for signatures: its private part in PKCS#8, and its public part
pub struct NewKey {
    /// Its name in the key set
    pub kid: String,
    /// What it signs by
    pub alg: Alg,
    /// PKCS#8, or the bytes of an HMAC key
    pub private: Vec<u8>,
    /// Absent for a key that is never published
    pub public: Option<Jwk>,
}

impl core::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NewKey").field("kid", &self.kid).field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// Makes a key for this algorithm; RSA takes some tenths of a second
pub fn generate(alg: Alg) -> Result<NewKey, KeyError> {
    let pkcs8 = match alg {
        Alg::Rs256 => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Random)?;
            key.as_der().map_err(|_| KeyError::Random)?.as_ref().to_vec()
        }
        Alg::Es256 => {
            let key =
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError::Random)?;
            key.to_pkcs8v1().map_err(|_| KeyError::Random)?.as_ref().to_vec()
        }
        Alg::EdDsa => {
            let key = Ed25519KeyPair::generate().map_err(|_| KeyError::Random)?;
            key.to_pkcs8v1().map_err(|_| KeyError::Random)?.as_ref().to_vec()
        }
        Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512 | Alg::Es384 | Alg::Hs512 => {
            return Err(KeyError::Algorithm);
        }
    };
    let public = Private::read(alg, &pkcs8)?.jwk(None)?;
    Ok(NewKey { kid: public.kid().unwrap_or_default().to_owned(), alg, private: pkcs8, public: Some(public) })
}

/// The private key of an import as base64 of DER, or as PEM: PKCS#8, for RSA PKCS#1 too.
///
/// It keeps its `kid`, which stands in tokens that are good still; where none is said, that is Keycloak's: the SHA-256 of
/// its public part.
pub fn import(alg: Alg, text: &str, kid: Option<&str>) -> Result<NewKey, KeyError> {
    let body: String =
        text.lines().filter(|line| !line.starts_with("-----")).flat_map(str::split_whitespace).collect();
    let der = STANDARD.decode(body).map_err(|_| KeyError::Private)?;
    let pkcs8 = if alg == Alg::Rs256 {
        let key = RsaKeyPair::from_pkcs8(&der)
            .or_else(|_| RsaKeyPair::from_der(&der))
            .map_err(|_| KeyError::Private)?;
        key.as_der().map_err(|_| KeyError::Private)?.as_ref().to_vec()
    } else {
        der
    };
    let key = Private::read(alg, &pkcs8)?;
    let digest = digest::digest(&digest::SHA256, &key.public_info()?);
    let kid = kid.map_or_else(|| URL_SAFE_NO_PAD.encode(digest.as_ref()), str::to_owned);
    Ok(NewKey { alg, private: pkcs8, public: Some(key.jwk(Some(&kid))?), kid })
}

/// [`import()`] of an RSA key
pub fn import_rsa(text: &str) -> Result<NewKey, KeyError> {
    import(Alg::Rs256, text, None)
}

/// Makes a key for permission tickets and refresh tokens; it is never published
pub fn new_ticket_key() -> Result<NewKey, KeyError> {
    let mut bytes = vec![0; 64];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(NewKey { kid: random_id()?, alg: Alg::Hs512, private: bytes, public: None })
}

/// A random UUID (RFC 9562 §5.4)
pub fn random_id() -> Result<String, KeyError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

/// A number below `places`, which is a power of two
pub fn random_place(places: u64) -> Result<u64, KeyError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(u64::from_le_bytes(bytes) & places.saturating_sub(1))
}

/// 18 random bytes as 24 base64url characters: a session's id (wire §6.12)
pub fn random_session_id() -> Result<String, KeyError> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The HMAC key of these bytes
pub(super) fn hs512(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA512, bytes)
}

/// Checks signatures by `jsonwebtoken`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verifier;

impl SignatureVerifier for Verifier {
    fn verify(&self, alg: Alg, key: &Jwk, input: &[u8], signature: &[u8]) -> bool {
        is_right_by(DEFAULT_PROVIDER.verifier_factory, alg, key, input, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_key_signs_what_its_public_part_checks() {
        for alg in [Alg::Rs256, Alg::Es256, Alg::EdDsa] {
            let key = generate(alg).unwrap();
            let public = key.public.unwrap();
            assert_eq!(public.kid(), Some(public.thumbprint().as_str()));
            let signature = Private::read(alg, &key.private).unwrap().sign(b"input").unwrap();
            assert!(public.is_signature_length(signature.len()));
            assert!(Verifier.verify(alg, &public, b"input", &signature));
            assert!(!Verifier.verify(alg, &public, b"other", &signature));
            let other = generate(alg).unwrap().public.unwrap();
            assert!(!Verifier.verify(alg, &other, b"input", &signature));
        }
    }

    #[test]
    fn an_imported_key_is_read_as_der_or_pem_and_weak_ones_are_not() {
        let key = generate(Alg::Rs256).unwrap();
        let text = STANDARD.encode(&key.private);
        let imported = import_rsa(&text).unwrap();
        let n = |key: &NewKey| key.public.as_ref().unwrap().to_json()["n"].clone();
        assert_eq!(n(&imported), n(&key));
        assert_ne!(imported.kid, key.kid, "the name of an imported key is Keycloak's");
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        assert_eq!(import_rsa(&pem).unwrap().kid, imported.kid);
        assert_eq!(import_rsa("bm8ga2V5").unwrap_err(), KeyError::Private);
    }

    #[test]
    fn keys_of_other_kinds_are_imported_under_the_name_that_they_have() {
        for alg in [Alg::Es256, Alg::EdDsa] {
            let key = generate(alg).unwrap();
            let imported = import(alg, &STANDARD.encode(&key.private), None).unwrap();
            assert_eq!(imported.kid.len(), 43);
            let signature = Private::read(alg, &imported.private).unwrap().sign(b"input").unwrap();
            assert!(Verifier.verify(alg, &imported.public.unwrap(), b"input", &signature));
        }
        assert_eq!(import(Alg::Es256, "bm8ga2V5", None).unwrap_err(), KeyError::Private);
    }
}
