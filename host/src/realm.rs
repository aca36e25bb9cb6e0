//! Realms, clients and people, as the store keeps them and the handlers see them.
//!
//! The settings documents have Keycloak's member names, so that an export needs no second table of names.

pub mod built_in;
pub mod clients;
mod session;
mod uma;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use countersign_core::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    password::policy::PasswordPolicy,
    representation::{Members, event::RequiredAction, lenient},
};

pub use self::{
    session::{ClientSession, Session},
    uma::{Dialect, KeycloakCompat, OwnerAccess, ScriptUse, SettingError, TicketUse, UmaSettings},
};

/// The realm of those who administer all others
pub const MASTER: &str = "master";
/// The client role that opens the protection API
pub const UMA_PROTECTION: &str = "uma_protection";

/// A realm: a name space of clients, people and keys with an issuer of its own
#[derive(Debug, Clone)]
pub struct Realm {
    /// Internal id
    pub id: String,
    /// Its name in every path
    pub name: String,
    /// A realm that is switched off answers nobody
    pub enabled: bool,
    /// Raised by every change of the realm, its clients, keys or people
    pub version: u64,
    /// Tokens issued before this are dead
    pub not_before: UnixTime,
    /// Its settings
    pub settings: RealmSettings,
    /// The `countersign.*` attributes among them, read
    pub uma: UmaSettings,
}

impl Realm {
    /// The issuer of this realm (OIDC Discovery §3) below the base that the caller used
    pub fn issuer(&self, base: &str) -> String {
        let own = self.settings.attributes.get("frontendUrl").filter(|url| !url.is_empty());
        let base = own.map_or(base, |url| url.trim_end_matches('/'));
        format!("{base}/realms/{}", self.name)
    }

    /// What new passwords must be like; one that cannot be read was refused before it was stored
    pub fn password_policy(&self) -> PasswordPolicy {
        PasswordPolicy::read(&self.settings.password_policy).unwrap_or_default()
    }

    /// Name of the role that new people get
    pub fn default_role(&self) -> String {
        self.settings
            .default_role
            .clone()
            .unwrap_or_else(|| format!("default-roles-{}", self.name.to_lowercase()))
    }
}

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

/// A client scope: mappers that several clients share
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ClientScope {
    /// Internal id
    pub id: String,
    /// What a client's lists and a token's `scope` name
    pub name: String,
    /// Shown to administrators
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `openid-connect`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// `include.in.token.scope` and the like
    #[serde(deserialize_with = "lenient::texts")]
    pub attributes: BTreeMap<String, String>,
    /// What it puts into tokens
    #[serde(deserialize_with = "lenient::list")]
    pub protocol_mappers: Vec<ProtocolMapper>,
    /// Members that nothing here reads
    #[serde(flatten)]
    pub other: Members,
}

impl ClientScope {
    /// Whether the token's `scope` names it
    pub fn in_token(&self) -> bool {
        self.attributes.get("include.in.token.scope").is_none_or(|value| value == "true")
    }
}

/// Puts one thing into tokens
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ProtocolMapper {
    /// Internal id
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Shown to administrators
    pub name: String,
    /// `openid-connect`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Which kind, for example `oidc-audience-mapper`
    pub protocol_mapper: String,
    /// Its settings
    #[serde(deserialize_with = "lenient::texts")]
    pub config: BTreeMap<String, String>,
    /// Members that nothing here reads
    #[serde(flatten)]
    pub other: Members,
}

/// A client: an application, or a resource server
#[derive(Debug, Clone)]
pub struct Client {
    /// Internal id; that of its resource server too
    pub id: String,
    /// Its public name (RFC 6749 §2.2)
    pub client_id: String,
    /// A client that is switched off gets no tokens, and its tokens are dead
    pub enabled: bool,
    /// Its secret, sealed under the master key
    pub secret: Option<Sealed>,
    /// Tokens issued to it before this are dead
    pub not_before: UnixTime,
    /// Its settings
    pub settings: ClientSettings,
}

impl Client {
    /// The value of an attribute, absent if it is empty
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.settings.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether grants for it come with a refresh token (`use.refresh.tokens`)
    pub fn uses_refresh_tokens(&self) -> bool {
        self.attribute("use.refresh.tokens") != Some("false")
    }

    /// Whether it can keep a secret and prove who it is
    pub const fn is_confidential(&self) -> bool {
        !self.settings.public_client && !self.settings.bearer_only
    }
}

/// Bytes that only the master key opens
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

/// The settings of a client, by Keycloak's member names
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the document has these members")]
pub struct ClientSettings {
    /// Shown to people
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Shown to administrators
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `openid-connect`
    pub protocol: String,
    /// Has no secret
    #[serde(deserialize_with = "lenient::is")]
    pub public_client: bool,
    /// Never asks for tokens
    #[serde(deserialize_with = "lenient::is")]
    pub bearer_only: bool,
    /// How it proves who it is
    pub client_authenticator_type: String,
    /// Where a sign-in may return to
    pub redirect_uris: Vec<String>,
    /// Origins of scripts that may call with its tokens
    pub web_origins: Vec<String>,
    /// Its home page
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// What relative URLs are relative to
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_url: Option<String>,
    /// Where an administrator's pushes go
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_url: Option<String>,
    /// Authorization code grant
    #[serde(deserialize_with = "lenient::is")]
    pub standard_flow_enabled: bool,
    /// Implicit grant
    #[serde(deserialize_with = "lenient::is")]
    pub implicit_flow_enabled: bool,
    /// Password grant
    #[serde(deserialize_with = "lenient::is")]
    pub direct_access_grants_enabled: bool,
    /// Client credentials grant
    #[serde(deserialize_with = "lenient::is")]
    pub service_accounts_enabled: bool,
    /// It is a resource server
    #[serde(deserialize_with = "lenient::is")]
    pub authorization_services_enabled: bool,
    /// Its tokens carry every role of the user
    #[serde(deserialize_with = "lenient::is")]
    pub full_scope_allowed: bool,
    /// People are asked before it gets tokens
    #[serde(deserialize_with = "lenient::is")]
    pub consent_required: bool,
    /// Client scopes of every token; absent: the realm's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_client_scopes: Option<Vec<String>>,
    /// Client scopes on request
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional_client_scopes: Option<Vec<String>>,
    /// Mappers of its own
    pub protocol_mappers: Vec<ProtocolMapper>,
    /// `access.token.lifespan`, `use.refresh.tokens` and the like
    #[serde(deserialize_with = "lenient::texts")]
    pub attributes: BTreeMap<String, String>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            name: None,
            description: None,
            protocol: "openid-connect".to_owned(),
            public_client: false,
            bearer_only: false,
            client_authenticator_type: "client-secret".to_owned(),
            redirect_uris: Vec::new(),
            web_origins: Vec::new(),
            base_url: None,
            root_url: None,
            admin_url: None,
            standard_flow_enabled: true,
            implicit_flow_enabled: false,
            direct_access_grants_enabled: false,
            service_accounts_enabled: false,
            authorization_services_enabled: false,
            full_scope_allowed: true,
            consent_required: false,
            default_client_scopes: None,
            optional_client_scopes: None,
            protocol_mappers: Vec::new(),
            attributes: BTreeMap::new(),
        }
    }
}

impl ClientSettings {
    /// Authorization makes a client confidential, with a service account (wire §9.4)
    pub fn make_confidential(&mut self) {
        if self.authorization_services_enabled {
            self.public_client = false;
            self.bearer_only = false;
            self.service_accounts_enabled = true;
        }
    }
}

/// A person, or the service account of a client
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `sub` of the tokens
    pub id: String,
    /// In lower case
    pub username: String,
    /// E-mail address
    pub email: Option<String>,
    /// Given name
    pub first_name: Option<String>,
    /// Family name
    pub last_name: Option<String>,
    /// Somebody has shown that the address is hers
    pub email_verified: bool,
    /// An account that is switched off gets no tokens, and its tokens are dead
    pub enabled: bool,
    /// Internal id of the client whose service account this is
    pub service_client: Option<String>,
    /// Attributes, each with its values
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Tokens issued before this are dead
    pub not_before: UnixTime,
}

impl User {
    /// Under which id somebody owns and asks: a service account is its client (`keycloak-wire` §2.1)
    pub fn identity(&self) -> &str {
        self.service_client.as_deref().unwrap_or(&self.id)
    }
}

/// A role of a realm or of a client
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Internal id, which policies name
    pub id: String,
    /// Its name
    pub name: String,
    /// Internal id of its client; absent: a role of the realm
    pub client: Option<String>,
    /// Public name of its client
    pub client_id: Option<String>,
    /// Its client, if it has one, is switched on
    pub client_enabled: bool,
}

/// Names of roles, as a token carries them
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleNames {
    /// `realm_access.roles`
    pub realm: BTreeSet<String>,
    /// `resource_access.{client}.roles`
    pub clients: BTreeMap<String, BTreeSet<String>>,
}

impl RoleNames {
    /// The names of roles whose clients are switched on (wire N37)
    pub fn of<'a>(roles: impl IntoIterator<Item = &'a Role>) -> Self {
        let mut names = Self::default();
        for role in roles.into_iter().filter(|role| role.client_enabled) {
            match &role.client_id {
                None => names.realm.insert(role.name.clone()),
                Some(client) => names.clients.entry(client.clone()).or_default().insert(role.name.clone()),
            };
        }
        names
    }
}

/// A group in which somebody is
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Internal id, which policies name
    pub id: String,
    /// Its name, which other groups may have too
    pub name: String,
    /// Its full path: `/staff/night`
    pub path: String,
}
