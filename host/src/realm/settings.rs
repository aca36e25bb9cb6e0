//! The settings of a realm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ClientScope;
use crate::representation::{event::RequiredAction, lenient};

/// The settings of a realm, by Keycloak's member names
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the document has these members")]
pub struct RealmSettings {
    /// Shown to people
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// `external`, `none` or `all`
    pub ssl_required: String,
    /// People see and manage their own resources in the account console
    #[serde(deserialize_with = "lenient::is")]
    pub user_managed_access_allowed: bool,
    /// People may register themselves
    #[serde(deserialize_with = "lenient::is")]
    pub registration_allowed: bool,
    /// An e-mail address works as a user name
    #[serde(deserialize_with = "lenient::is")]
    pub login_with_email_allowed: bool,
    /// People may ask to be remembered when they sign in
    pub remember_me: bool,
    /// What new passwords must be like, in Keycloak's words; empty: nothing
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password_policy: String,
    /// Guessing of passwords is slowed down
    pub brute_force_protected: bool,
    /// Wrong passwords from which on each one makes the next wait
    pub failure_factor: u64,
    /// By how much longer the wait gets, in seconds
    pub wait_increment_seconds: u64,
    /// Longest wait, in seconds
    pub max_failure_wait_seconds: u64,
    /// When wrong passwords are forgotten, in seconds
    pub max_delta_time_seconds: u64,
    /// Life of an access token, in seconds
    pub access_token_lifespan: u64,
    /// Life of a refresh token, in seconds
    pub sso_session_idle_timeout: u64,
    /// Life of a sign-in, in seconds
    pub sso_session_max_lifespan: u64,
    /// The same for users who want to be remembered; 0: as for others
    pub sso_session_idle_timeout_remember_me: u64,
    /// The same for users who want to be remembered; 0: as for others
    pub sso_session_max_lifespan_remember_me: u64,
    /// Life of a refresh token; 0: as long as the sign-in may be left alone
    pub client_session_idle_timeout: u64,
    /// How long a client's part in a sign-in lasts; 0: as long as the sign-in
    pub client_session_max_lifespan: u64,
    /// Seconds that an offline session may be left alone
    pub offline_session_idle_timeout: u64,
    /// Offline sessions end, however they are used
    pub offline_session_max_lifespan_enabled: bool,
    /// Life of an offline session, if that is limited
    pub offline_session_max_lifespan: u64,
    /// Life of an offline token; 0: as long as the session may be left alone
    pub client_offline_session_idle_timeout: u64,
    /// How long a client's part in an offline session lasts; 0: as long as the session
    pub client_offline_session_max_lifespan: u64,
    /// A refresh token is used up by its use
    pub revoke_refresh_token: bool,
    /// How often a refresh token that is used up may be used again
    pub refresh_token_max_reuse: u64,
    /// Algorithm of access tokens where the client names none
    pub default_signature_algorithm: String,
    /// Name of the role that new people get
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_role: Option<String>,
    /// Client scopes that a client gets which names none
    pub default_default_client_scopes: Vec<String>,
    /// The same, on request only
    pub default_optional_client_scopes: Vec<String>,
    /// Client scopes by name
    pub client_scopes: Vec<ClientScope>,
    /// Events of people and clients are stored
    #[serde(deserialize_with = "lenient::is")]
    pub events_enabled: bool,
    /// For so many seconds; 0: until somebody removes them
    pub events_expiration: u64,
    /// Where else they go
    pub events_listeners: Vec<String>,
    /// Which ones; none named: all
    pub enabled_event_types: Vec<String>,
    /// What administrators do is stored
    #[serde(deserialize_with = "lenient::is")]
    pub admin_events_enabled: bool,
    /// With what they sent
    #[serde(deserialize_with = "lenient::is")]
    pub admin_events_details_enabled: bool,
    /// One-time codes of people who set up an app now: `totp`, `hotp`
    pub otp_policy_type: String,
    /// Their hash
    pub otp_policy_algorithm: String,
    /// First step of a counter
    pub otp_policy_initial_counter: u64,
    /// How many digits they have
    pub otp_policy_digits: u32,
    /// So many steps away from the present one a code counts too
    pub otp_policy_look_ahead_window: u64,
    /// Seconds of a step
    pub otp_policy_period: u64,
    /// A code counts as often as it is given
    #[serde(deserialize_with = "lenient::is")]
    pub otp_policy_code_reusable: bool,
    /// The sign-in page offers passkeys
    #[serde(deserialize_with = "lenient::is")]
    pub web_authn_policy_passwordless_passkeys_enabled: bool,
    /// What passkeys call this server; empty: as people call the realm
    pub web_authn_policy_passwordless_rp_entity_name: String,
    /// The domain of passkeys; empty: the host of this server
    pub web_authn_policy_passwordless_rp_id: String,
    /// Signatures of new passkeys
    #[serde(deserialize_with = "lenient::list")]
    pub web_authn_policy_passwordless_signature_algorithms: Vec<String>,
    /// Whether their makers are asked for: `none`, `indirect`, `direct`
    pub web_authn_policy_passwordless_attestation_conveyance_preference: String,
    /// Where they are kept: `platform`, `cross-platform`
    pub web_authn_policy_passwordless_authenticator_attachment: String,
    /// Whether they name their owner; here they must
    pub web_authn_policy_passwordless_require_resident_key: String,
    /// Whether they make sure who holds them: `required`, `preferred`, `discouraged`
    pub web_authn_policy_passwordless_user_verification_requirement: String,
    /// Seconds that people have; 0: as the browser likes
    pub web_authn_policy_passwordless_create_timeout: u64,
    /// One authenticator has one passkey of a user
    #[serde(deserialize_with = "lenient::is")]
    pub web_authn_policy_passwordless_avoid_same_authenticator_register: bool,
    /// Models that may have one; none named: all
    #[serde(deserialize_with = "lenient::list")]
    pub web_authn_policy_passwordless_acceptable_aaguids: Vec<String>,
    /// Origins of pages that may use passkeys besides this server's own
    #[serde(deserialize_with = "lenient::list")]
    pub web_authn_policy_passwordless_extra_origins: Vec<String>,
    /// What people may be asked to do at a sign-in; absent: as usual
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_actions: Option<Vec<RequiredAction>>,
    /// The profile of people, in Keycloak's form; absent: as usual
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_profile: Option<Value>,
    /// Attributes, ours (`countersign.*`) among them
    #[serde(deserialize_with = "lenient::texts")]
    pub attributes: BTreeMap<String, String>,
}

impl Default for RealmSettings {
    fn default() -> Self {
        Self {
            display_name: None,
            ssl_required: "external".to_owned(),
            user_managed_access_allowed: false,
            registration_allowed: false,
            login_with_email_allowed: true,
            remember_me: false,
            password_policy: String::new(),
            // Keycloak leaves this off where a file does not say.
            brute_force_protected: true,
            failure_factor: 30,
            wait_increment_seconds: 60,
            max_failure_wait_seconds: 900,
            max_delta_time_seconds: 43_200,
            access_token_lifespan: 300,
            sso_session_idle_timeout: 1_800,
            sso_session_max_lifespan: 36_000,
            sso_session_idle_timeout_remember_me: 0,
            sso_session_max_lifespan_remember_me: 0,
            client_session_idle_timeout: 0,
            client_session_max_lifespan: 0,
            offline_session_idle_timeout: 2_592_000,
            offline_session_max_lifespan_enabled: false,
            offline_session_max_lifespan: 5_184_000,
            client_offline_session_idle_timeout: 0,
            client_offline_session_max_lifespan: 0,
            revoke_refresh_token: false,
            refresh_token_max_reuse: 0,
            default_signature_algorithm: "RS256".to_owned(),
            default_role: None,
            default_default_client_scopes: names(&[
                "web-origins",
                "acr",
                "profile",
                "roles",
                "email",
                "basic",
            ]),
            default_optional_client_scopes: names(&[
                "address",
                "phone",
                "offline_access",
                "microprofile-jwt",
                "organization",
            ]),
            client_scopes: Vec::new(),
            events_enabled: false,
            events_expiration: 0,
            events_listeners: names(&["jboss-logging"]),
            enabled_event_types: Vec::new(),
            admin_events_enabled: false,
            admin_events_details_enabled: false,
            otp_policy_type: "totp".to_owned(),
            otp_policy_algorithm: "HmacSHA1".to_owned(),
            otp_policy_initial_counter: 0,
            otp_policy_digits: 6,
            otp_policy_look_ahead_window: 1,
            otp_policy_period: 30,
            otp_policy_code_reusable: false,
            web_authn_policy_passwordless_passkeys_enabled: false,
            web_authn_policy_passwordless_rp_entity_name: String::new(),
            web_authn_policy_passwordless_rp_id: String::new(),
            web_authn_policy_passwordless_signature_algorithms: names(&["ES256", "RS256"]),
            web_authn_policy_passwordless_attestation_conveyance_preference: "not specified".to_owned(),
            web_authn_policy_passwordless_authenticator_attachment: "not specified".to_owned(),
            web_authn_policy_passwordless_require_resident_key: "Yes".to_owned(),
            web_authn_policy_passwordless_user_verification_requirement: "required".to_owned(),
            web_authn_policy_passwordless_create_timeout: 0,
            web_authn_policy_passwordless_avoid_same_authenticator_register: false,
            web_authn_policy_passwordless_acceptable_aaguids: Vec::new(),
            web_authn_policy_passwordless_extra_origins: Vec::new(),
            required_actions: None,
            user_profile: None,
            attributes: BTreeMap::new(),
        }
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
