//! Keys of clients, and what these sign: assertions (RFC 7523) and proofs (RFC 9449).

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac, rand,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaPublicKeyComponents,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::forge::unsigned;

/// Algorithms that a [`Signer`] has keys for
pub const ALGS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/// A key for one algorithm
#[derive(Debug)]
pub struct Signer {
    alg: &'static str,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    /// A new key
    pub fn new(alg: &'static str) -> Self {
        let key = match alg {
            "ES256" => Key::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            "ES384" => Key::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
            "ES512" => Key::Ec(EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap()),
            "EdDSA" | "Ed25519" => Key::Ed(Ed25519KeyPair::generate().unwrap()),
            _ => Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        Self { alg, key }
    }

    /// Its public part
    pub fn jwk(&self) -> Value {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.key {
            Key::Rsa(key) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({ "kty": "RSA", "n": b64(&public.n), "e": b64(&public.e) })
            }
            Key::Ec(key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                json!({ "kty": "EC", "crv": crv, "x": b64(x), "y": b64(y) })
            }
            Key::Ed(key) => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().as_ref()) }),
        }
    }

    /// A key set with it, under this name
    pub fn jwks(&self, kid: &str) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = kid.into();
        json!({ "keys": [jwk] })
    }

    /// A JWT with these claims; `alg` is put into its header
    pub fn sign(&self, mut header: Value, claims: &Value) -> String {
        header["alg"] = self.alg.into();
        let input = unsigned(&header, claims);
        let signature = URL_SAFE_NO_PAD.encode(self.signature(input.as_bytes()));
        format!("{input}.{signature}")
    }

    fn signature(&self, input: &[u8]) -> Vec<u8> {
        let random = rand::SystemRandom::new();
        match &self.key {
            Key::Rsa(key) => {
                let by: &'static dyn aws_lc_rs::signature::RsaEncoding = match self.alg {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(by, &random, input, &mut signature).unwrap();
                signature
            }
            Key::Ec(key) => key.sign(&random, input).unwrap().as_ref().to_vec(),
            Key::Ed(key) => key.sign(input).as_ref().to_vec(),
        }
    }

    /// A certificate of an RSA key in base64, as Keycloak makes one for a client: X.509 version 1
    pub fn certificate(&self) -> String {
        const SHA256_WITH_RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];
        let Key::Rsa(key) = &self.key else { panic!("an RSA key is needed") };
        let spki: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        let time = |text: &str| tlv(0x17, text.as_bytes());
        let validity = [time("250101000000Z"), time("350101000000Z")].concat();
        let tbs = tlv(
            0x30,
            &[
                tlv(2, &[1]),
                tlv(0x30, SHA256_WITH_RSA),
                tlv(0x30, &[]),
                tlv(0x30, &validity),
                tlv(0x30, &[]),
                spki.as_ref().to_vec(),
            ]
            .concat(),
        );
        let mut bits = vec![0];
        bits.extend(self.signature(&tbs));
        STANDARD.encode(tlv(0x30, &[tbs, tlv(0x30, SHA256_WITH_RSA), tlv(3, &bits)].concat()))
    }
}

/// One element of DER
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut element = vec![tag];
    if content.len() < 128 {
        element.push(u8::try_from(content.len()).unwrap());
    } else {
        element.push(0x80 | u8::try_from(length.len()).unwrap());
        element.extend(length);
    }
    element.extend(content);
    element
}

/// A JWT under a secret, by this algorithm
pub fn by_secret(alg: &str, mut header: Value, claims: &Value, secret: &[u8]) -> String {
    let by = match alg {
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    header["alg"] = alg.into();
    let input = unsigned(&header, claims);
    let tag = hmac::sign(&hmac::Key::new(by, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A number that no other call gives: for `jti`
pub fn fresh() -> String {
    let mut bytes = [0; 16];
    rand::SecureRandom::fill(&rand::SystemRandom::new(), &mut bytes).unwrap();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since 1970
pub fn now() -> u64 {
    countersign::clock::Clock::system().now().0
}
