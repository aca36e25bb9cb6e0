//! The document of a request, for who has to write down what was sent.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use serde_json::Value;

/// Longest document that is written down, in bytes
const LONGEST: usize = 64 * 1_024;
/// What stands for a secret
const MASKED: &str = "**********";

/// The document of a request, once it is read; clones share it
#[derive(Clone, Default)]
pub struct Sent(Arc<Mutex<Option<Bytes>>>);

impl core::fmt::Debug for Sent {
    // There may be secrets in it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sent")
    }
}

impl Sent {
    /// It was read
    pub(super) fn keep(&self, bytes: &Bytes) {
        if bytes.len() <= LONGEST {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.clone());
        }
    }

    /// The document without secrets; nothing, if there was none or too long a one
    pub fn without_secrets(&self) -> Option<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let mut document: Value = serde_json::from_slice(&bytes).ok()?;
        mask(&mut document);
        Some(document.to_string())
    }
}

/// Names of members whose values are secrets
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "password", "credential", "privatekey", "hashedsaltedvalue", "registrationaccesstoken"]
        .iter()
        .any(|word| name.contains(word))
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            // A credential by itself: its value is the password.
            let credential = members.get("type").is_some_and(|kind| kind == "password");
            for (name, value) in members {
                // A rule for passwords is none.
                let hidden = is_secret(name) && name != "passwordPolicy";
                if (hidden || credential && name == "value") && (value.is_string() || value.is_array()) {
                    *value = MASKED.into();
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let sent = Sent::default();
        assert_eq!(sent.without_secrets(), None);
        let document = json!({
            "username": "erin", "credentials": [{ "type": "password", "value": "hush" }], "secret": "hush",
            "passwordPolicy": "length(8)", "smtpServer": { "password": "hush", "host": "mail" },
            "config": { "privateKey": ["hush"], "bindCredential": ["hush"] }, "list": [{ "clientSecret": "hush" }],
            "attributes": { "client.secret.creation.time": "1" }, "publicClient": false,
        });
        sent.keep(&Bytes::from(document.to_string()));
        let shown = sent.without_secrets().unwrap();
        assert!(!shown.contains("hush"), "{shown}");
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!((&shown["username"], &shown["passwordPolicy"]), (&json!("erin"), &json!("length(8)")));
        assert_eq!((&shown["smtpServer"]["host"], &shown["publicClient"]), (&json!("mail"), &json!(false)));
        sent.keep(&Bytes::from(r#"{"type":"password","value":"hush"}"#));
        assert!(!sent.without_secrets().unwrap().contains("hush"));
        let long = Sent::default();
        long.keep(&Bytes::from(format!("\"{}\"", "x".repeat(LONGEST))));
        assert_eq!(long.without_secrets(), None);
    }
}
