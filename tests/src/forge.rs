//! Tokens as an attacker, or a clock, would make them: signed with the key that a realm was imported with.

use std::sync::OnceLock;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    hmac, rand,
    rsa::{KeyPair, KeySize},
    signature::RSA_PKCS1_SHA256,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;

static KEY: OnceLock<KeyPair> = OnceLock::new();

fn key() -> &'static KeyPair {
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).unwrap())
}

/// The value of a realm's member `privateKey`
pub fn private_key() -> String {
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(key()).unwrap();
    STANDARD.encode(der.as_ref())
}

/// A part of a token: 0 its header, 1 its claims
pub fn part(token: &str, place: usize) -> Value {
    let text = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// What a token says
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A token with this header and these claims under the realm's own key
pub fn signed(header: &Value, claims: &Value) -> String {
    let input = unsigned(header, claims);
    let mut signature = vec![0; key().public_modulus_len()];
    key().sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token whose signature is an HMAC under `secret`
pub fn hashed(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let input = unsigned(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// Header and claims without a signature
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The same token with other claims, signed with the realm's own key
pub fn changed(token: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims(token);
    change(&mut claims);
    signed(&part(token, 0), &claims)
}

/// The same token with a bit of its signature turned over
pub fn tampered(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[0] ^= 1;
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes))
}
