//! Passkeys as they are stored: Keycloak's `credentialData`.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::{Refused, key::PublicKey};
use crate::store::user::Credential;

/// A passkey that was just made
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// Model of the authenticator, as it says
    pub aaguid: String,
    /// By which it names itself
    pub id: Vec<u8>,
    /// Its public key
    pub cose: Vec<u8>,
    /// How often it has signed
    pub counter: u32,
    /// Format of the statement of its maker
    pub format: String,
}

impl NewPasskey {
    /// As it is stored; `transports` are the ways to the authenticator that the browser names
    pub fn credential(&self, id: String, transports: &[&str]) -> Credential {
        Credential {
            id,
            secret_data: "{}".to_owned(),
            credential_data: json!({
                "aaguid": self.aaguid, "credentialId": STANDARD.encode(&self.id), "counter": self.counter,
                "credentialPublicKey": URL_SAFE_NO_PAD.encode(&self.cose),
                "attestationStatementFormat": self.format, "transports": transports,
            })
            .to_string(),
        }
    }
}

/// A passkey that is known
#[derive(Debug)]
pub struct Passkey {
    /// By which it names itself
    pub id: Vec<u8>,
    /// Its public key
    pub key: PublicKey,
    /// How often it has signed
    pub counter: u64,
    data: Value,
}

impl Passkey {
    /// Reads Keycloak's `credentialData`
    pub fn read(stored: &Credential) -> Result<Self, Refused> {
        let data: Value = serde_json::from_str(&stored.credential_data).map_err(|_| Refused::Malformed)?;
        let bytes = |member: &str| data.get(member).and_then(Value::as_str).and_then(decoded);
        let id = bytes("credentialId").ok_or(Refused::Malformed)?;
        let key = bytes("credentialPublicKey").ok_or(Refused::Malformed)?;
        let (key, length) = PublicKey::read(&key).map(|(read, length)| (read, length == key.len()))?;
        if !length {
            return Err(Refused::Malformed);
        }
        let counter = data.get("counter").and_then(Value::as_u64).unwrap_or_default();
        Ok(Self { id, key, counter, data })
    }

    /// As it is stored once it has signed so often
    #[must_use]
    pub fn counted(&self, stored: &Credential, counter: u64) -> Credential {
        let mut data = self.data.clone();
        if let Some(members) = data.as_object_mut() {
            members.insert("counter".to_owned(), counter.into());
        }
        Credential { credential_data: data.to_string(), ..stored.clone() }
    }
}

/// Base64 as any release of Keycloak writes it: with or without `=`, in either alphabet
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    URL_SAFE_NO_PAD.decode(text).ok()
}
