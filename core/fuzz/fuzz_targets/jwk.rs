//! A JWK, and a JWKS.
#![no_main]

use std::sync::Arc;

use countersign_core::{
    jwk::{Jwk, Jwks, PublicKey},
    jws::{Alg, Header, UnverifiedJws, compact, signing_input},
    limits::{JOSE_HEADER_BYTES, JWKS_BYTES, JWKS_KEYS},
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = Jwk::parse(data) {
        one(&key);
    }
    if let Ok(keys) = Jwks::parse(data) {
        set(&keys);
    }
});

/// A key that was read is public, fits its algorithm, and is written and read as the same.
fn one(key: &Jwk) {
    let fits = match key.public_key() {
        PublicKey::Rsa { n, e } => {
            assert!((256..=1024).contains(&n.len()) && (3..=4).contains(&e.len()));
            assert_eq!((n[0] == 0, n[n.len() - 1] & 1), (false, 1));
            matches!(key.alg(), Alg::Rs256 | Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512)
        }
        PublicKey::P256 { x, y } => x.len() == 32 && y.len() == 32 && key.alg() == Alg::Es256,
        PublicKey::P384 { x, y } => x.len() == 48 && y.len() == 48 && key.alg() == Alg::Es384,
        PublicKey::Ed25519 { x } => x.len() == 32 && key.alg() == Alg::EdDsa,
    };
    assert!(fits);
    let document = key.to_json();
    assert!(["d", "p", "q", "k"].iter().all(|private| document.get(private).is_none()));
    let again = Jwk::parse(document.to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(key));
    assert_eq!(again.map(|again| again.thumbprint()), Ok(key.thumbprint()));
    assert_eq!(key.thumbprint().len(), 43);
}

/// A set keeps its bound, is written and read as the same, and gives a token one key or none.
fn set(keys: &Jwks) {
    assert!(keys.keys().len() <= JWKS_KEYS);
    let members: Vec<_> = keys.keys().iter().map(|key| key.to_json()).collect();
    let document = json!({ "keys": members }).to_string();
    if document.len() <= JWKS_BYTES {
        assert_eq!(Jwks::parse(document.as_bytes()).as_ref(), Ok(keys));
    }
    for key in keys.keys() {
        one(key);
        let header = Header { alg: key.alg(), typ: None, kid: key.kid() };
        if key.kid().is_some_and(|kid| kid.len() * 6 > JOSE_HEADER_BYTES) {
            continue;
        }
        let jws = UnverifiedJws::parse(compact(signing_input(&header, "{}"), &[0]));
        let jws = jws.expect("a token with a header of this crate's own");
        let fitting = keys
            .keys()
            .iter()
            .filter(|other| other.alg() == key.alg() && (key.kid().is_none() || other.kid() == key.kid()));
        match keys.key_for(&jws) {
            Some(found) => assert!(Arc::ptr_eq(found, key)),
            None => assert!(fitting.count() > 1),
        }
    }
}
