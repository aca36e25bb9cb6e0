//! What people, clients and administrators did (`admin-surface` §9).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is kept where a realm names nothing; what happens with each request of a resource server only where it is named
pub const USUAL_EVENTS: &[&str] = &[
    "LOGIN",
    "LOGIN_ERROR",
    "LOGOUT",
    "LOGOUT_ERROR",
    "CODE_TO_TOKEN",
    "CODE_TO_TOKEN_ERROR",
    "CLIENT_LOGIN",
    "CLIENT_LOGIN_ERROR",
    "REFRESH_TOKEN",
    "REFRESH_TOKEN_ERROR",
    "TOKEN_EXCHANGE",
    "TOKEN_EXCHANGE_ERROR",
    "PERMISSION_TOKEN",
    "PERMISSION_TOKEN_ERROR",
    "REVOKE_GRANT",
    "REVOKE_GRANT_ERROR",
    "GRANT_CONSENT",
    "UPDATE_PASSWORD",
    "UPDATE_PASSWORD_ERROR",
    "UPDATE_TOTP",
    "UPDATE_TOTP_ERROR",
    "UPDATE_CREDENTIAL",
    "UPDATE_CREDENTIAL_ERROR",
    "UPDATE_PROFILE",
    "UPDATE_PROFILE_ERROR",
    "CUSTOM_REQUIRED_ACTION",
    "CUSTOM_REQUIRED_ACTION_ERROR",
];

/// An event as administrators see it
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventRepresentation {
    /// Its id
    pub id: String,
    /// Milliseconds since 1970
    pub time: u64,
    /// `LOGIN`, `LOGIN_ERROR`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Id of the realm
    pub realm_id: String,
    /// As the client named itself
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Who
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// `sid`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// From where
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// What went wrong
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// More
    pub details: BTreeMap<String, String>,
}

/// Something that an administrator did
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AdminEventRepresentation {
    /// Its id
    pub id: String,
    /// Milliseconds since 1970
    pub time: u64,
    /// Id of the realm
    pub realm_id: String,
    /// Who, from where
    pub auth_details: Value,
    /// `CREATE`, `UPDATE`, `DELETE` or `ACTION`
    pub operation_type: String,
    /// `USER`, `CLIENT`, …
    pub resource_type: String,
    /// Below the realm
    pub resource_path: String,
    /// What was sent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub representation: Option<String>,
}

/// A required action of a realm
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RequiredAction {
    /// By which it is found
    pub alias: String,
    /// Shown to administrators
    pub name: String,
    /// Which kind
    pub provider_id: String,
    /// People are asked
    pub enabled: bool,
    /// New people are asked at once
    pub default_action: bool,
    /// In which order
    pub priority: i64,
    /// Its settings
    pub config: BTreeMap<String, String>,
}

impl super::Representation for RequiredAction {
    const CLASS: &'static str = "RequiredActionProviderRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        None
    }
}

/// The required actions of a realm that says nothing of them
pub fn usual_actions() -> Vec<RequiredAction> {
    let actions = [
        ("CONFIGURE_TOTP", "Configure OTP", true, 10),
        ("TERMS_AND_CONDITIONS", "Terms and Conditions", false, 20),
        ("UPDATE_PASSWORD", "Update Password", true, 30),
        ("UPDATE_PROFILE", "Update Profile", true, 40),
        ("VERIFY_EMAIL", "Verify Email", true, 50),
        ("delete_account", "Delete Account", false, 60),
        ("webauthn-register", "Webauthn Register", true, 70),
        ("webauthn-register-passwordless", "Webauthn Register Passwordless", true, 80),
        ("VERIFY_PROFILE", "Verify Profile", true, 100),
        ("delete_credential", "Delete Credential", true, 110),
        ("CONFIGURE_RECOVERY_AUTHN_CODES", "Recovery Authentication Codes", true, 130),
        ("update_user_locale", "Update User Locale", true, 1_000),
    ];
    let action = |(alias, name, enabled, priority): (&str, &str, bool, i64)| RequiredAction {
        alias: alias.to_owned(),
        name: name.to_owned(),
        provider_id: alias.to_owned(),
        enabled,
        default_action: false,
        priority,
        config: BTreeMap::new(),
    };
    actions.map(action).into()
}
