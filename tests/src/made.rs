//! What each server would make anew of a realm file: hashes of passwords and a key to sign with, made once for all.
//!
//! They are most of what a server does until it is ready, and there are hundreds of servers.

use std::{collections::BTreeMap, sync::Mutex};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Keys by realm, for those that bring none: PKCS#8, as Keycloak's exports have them
static KEYS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn key(realm: &str) -> String {
    let mut keys = KEYS.lock().unwrap();
    let make = || {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        STANDARD.encode(der.as_ref())
    };
    keys.entry(realm.to_owned()).or_insert_with(make).clone()
}

/// Hashes by password
static HASHES: Mutex<BTreeMap<String, (String, String)>> = Mutex::new(BTreeMap::new());

fn hashed(password: &str) -> (String, String) {
    let mut hashes = HASHES.lock().unwrap();
    hashes
        .entry(password.to_owned())
        .or_insert_with(|| countersign::password::hash(password).unwrap())
        .clone()
}

/// The same realm with a key, and with hashes in the place of plain passwords, unless a policy is to look at these
pub fn with_made(mut realm: Value) -> Value {
    let is_looked_at = realm.get("passwordPolicy").is_some();
    let users = realm.get_mut("users").and_then(Value::as_array_mut);
    for user in users.into_iter().flatten().filter(|_| !is_looked_at) {
        for credential in user.get_mut("credentials").and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(plain) = credential["value"].as_str().filter(|_| credential["type"] == "password")
            else {
                continue;
            };
            let (secret, data) = hashed(plain);
            let members = credential.as_object_mut().unwrap();
            members.remove("value");
            members.extend([
                ("secretData".to_owned(), secret.into()),
                ("credentialData".to_owned(), data.into()),
            ]);
        }
    }
    if realm.get("components").is_none() {
        let key = key(realm["realm"].as_str().unwrap_or_default());
        let config = json!({ "privateKey": [key], "priority": ["100"] });
        let provider = json!({ "name": "rsa-generated", "providerId": "rsa-generated", "subComponents": {}, "config": config });
        realm["components"] = json!({ "org.keycloak.keys.KeyProvider": [provider] });
    }
    realm
}
