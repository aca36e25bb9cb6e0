//! Credentials: plain, exported, or in the legacy form (wire §9.3). They come in and, but for an export, never go out.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Idle, Members, Representation,
    lenient::{self, Secret},
    stranger,
};

/// One credential
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CredentialRepresentation {
    /// `password`, `otp`, …
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// A password as it is typed
    pub value: Option<Secret>,
    /// Exported: `{"value","salt",…}` as text
    pub secret_data: Option<Secret>,
    /// Exported: `{"hashIterations","algorithm",…}` as text
    pub credential_data: Option<String>,
    /// To be changed at the next sign-in
    #[serde(deserialize_with = "lenient::flag")]
    pub temporary: Option<bool>,
    /// What its owner calls it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_label: Option<String>,
    /// Milliseconds since 1970
    pub created_date: Option<u64>,
    /// Legacy: the hash, base64
    pub hashed_salted_value: Option<Secret>,
    /// Legacy: the salt, base64
    pub salt: Option<Secret>,
    /// Legacy
    pub hash_iterations: Option<u64>,
    /// Legacy
    pub algorithm: Option<String>,
    /// The rest
    #[serde(flatten)]
    pub other: Members,
}

/// Members that have no effect here
pub const IDLE: &[Idle] = &[
    ("id", "named the credential"),
    ("priority", "ordered an owner's credentials"),
    ("device", "named a device"),
    ("counter", "belonged to a one-time password"),
    ("digits", "belonged to a one-time password"),
    ("period", "belonged to a one-time password"),
    ("config", "belonged to a one-time password"),
    ("federationLink", "named a user store elsewhere"),
];

impl Representation for CredentialRepresentation {
    const CLASS: &'static str = "CredentialRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        stranger(&self.other, &[], IDLE)
    }
}

impl CredentialRepresentation {
    /// A password, not something else
    pub fn is_password(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind.is_empty() || kind == "password")
    }

    /// `secretData` and `credentialData` of a hash that was made elsewhere
    pub fn hashed(&self) -> Option<(String, String)> {
        if let Some((secret, data)) = self.secret_data.as_ref().zip(self.credential_data.as_ref()) {
            return Some((secret.0.clone(), data.clone()));
        }
        let secret = json!({
            "value": self.hashed_salted_value.as_ref()?.0,
            "salt": self.salt.as_ref().map(|salt| salt.0.as_str()).unwrap_or_default(),
            "additionalParameters": {},
        });
        let data = json!({
            "hashIterations": self.hash_iterations.unwrap_or(1),
            "algorithm": self.algorithm.as_deref().unwrap_or("pbkdf2"),
            "additionalParameters": {},
        });
        Some((secret.to_string(), data.to_string()))
    }

    /// A stored password, for an export
    pub fn exported(id: &str, secret_data: String, credential_data: String, created: u64) -> Self {
        Self {
            kind: Some("password".to_owned()),
            secret_data: Some(Secret(secret_data)),
            credential_data: Some(credential_data),
            created_date: Some(created),
            other: Members::from_iter([("id".to_owned(), Value::from(id))]),
            ..Self::default()
        }
    }
}
