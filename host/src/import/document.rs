//! Keycloak's realm file: the members that are understood (`keycloak-wire` §9).
//!
//! What is not listed here is kept with the realm and reported, never dropped in silence.

mod authorization;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

pub use self::authorization::{AuthorizationFile, Logic, OwnerFile, PolicyFile, ResourceFile};
use crate::realm::{ClientScope, ClientSettings, ProtocolMapper, RealmSettings, built_in};

/// One realm of one file
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RealmFile {
    /// Name of the realm
    pub realm: String,
    /// Internal id
    pub id: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    enabled: Option<bool>,
    display_name: Option<String>,
    ssl_required: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    user_managed_access_allowed: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    registration_allowed: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    login_with_email_allowed: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    remember_me: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    brute_force_protected: Option<bool>,
    failure_factor: Option<u64>,
    wait_increment_seconds: Option<u64>,
    max_failure_wait_seconds: Option<u64>,
    max_delta_time_seconds: Option<u64>,
    access_token_lifespan: Option<u64>,
    sso_session_idle_timeout: Option<u64>,
    sso_session_max_lifespan: Option<u64>,
    sso_session_idle_timeout_remember_me: Option<u64>,
    sso_session_max_lifespan_remember_me: Option<u64>,
    client_session_idle_timeout: Option<u64>,
    client_session_max_lifespan: Option<u64>,
    offline_session_idle_timeout: Option<u64>,
    #[serde(default, deserialize_with = "flag")]
    offline_session_max_lifespan_enabled: Option<bool>,
    offline_session_max_lifespan: Option<u64>,
    client_offline_session_idle_timeout: Option<u64>,
    client_offline_session_max_lifespan: Option<u64>,
    #[serde(default, deserialize_with = "flag")]
    revoke_refresh_token: Option<bool>,
    refresh_token_max_reuse: Option<u64>,
    default_signature_algorithm: Option<String>,
    default_default_client_scopes: Option<Vec<String>>,
    default_optional_client_scopes: Option<Vec<String>>,
    client_scopes: Option<Vec<ClientScope>>,
    #[serde(default)]
    attributes: BTreeMap<String, Text>,
    /// Tokens from before this moment are dead
    #[serde(default)]
    pub not_before: u64,
    /// The role that new people get
    pub default_role: Option<RoleFile>,
    /// The same in old files: names of realm roles
    pub default_roles: Option<Vec<String>>,
    /// Legacy realm key, base64 of PKCS #8 or PKCS #1 DER
    pub private_key: Option<Secret>,
    /// Roles of the realm and of clients
    #[serde(default)]
    pub roles: RolesFile,
    /// Groups, nested
    #[serde(default)]
    pub groups: Vec<GroupFile>,
    /// People and service accounts
    #[serde(default)]
    pub users: Vec<UserFile>,
    /// Clients; absent in a file that only adds people
    pub clients: Option<Vec<ClientFile>>,
}

/// A text that some files write as a number or a truth value
#[derive(Debug, Clone, Default)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            other @ (Value::Bool(_) | Value::Number(_)) => Ok(Self(other.to_string())),
            Value::Null => Ok(Self::default()),
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom("expected a text")),
        }
    }
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::String(text) if text == "true" => Ok(Some(true)),
        Value::String(text) if text == "false" => Ok(Some(false)),
        Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(D::Error::custom("expected true or false"))
        }
    }
}

/// `roles`
#[derive(Debug, Default, Deserialize)]
pub struct RolesFile {
    /// Of the realm
    #[serde(default)]
    pub realm: Vec<RoleFile>,
    /// Of clients, by `clientId`
    #[serde(default)]
    pub client: BTreeMap<String, Vec<RoleFile>>,
}

/// One role
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleFile {
    /// Internal id
    pub id: Option<String>,
    /// Its name
    pub name: String,
    /// What it is for
    pub description: Option<String>,
    #[serde(default, rename = "composite", deserialize_with = "flag")]
    _composite: Option<bool>,
    /// Roles that it contains
    #[serde(default)]
    pub composites: Composites,
    #[serde(default, rename = "scopeParamRequired")]
    _scope_param_required: Value,
    #[serde(default, rename = "clientRole")]
    _client_role: Value,
    #[serde(default, rename = "containerId")]
    _container_id: Value,
}

impl RoleFile {
    /// A role that is only named
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// Roles that a role contains
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Composites {
    /// Realm roles by name
    #[serde(default)]
    pub realm: Vec<String>,
    /// Client roles by `clientId` and name
    #[serde(default)]
    pub client: BTreeMap<String, Vec<String>>,
}

/// One group
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupFile {
    /// Internal id
    pub id: Option<String>,
    /// Its name
    pub name: String,
    #[serde(default, rename = "path")]
    _path: Value,
    /// Realm roles of its members
    #[serde(default)]
    pub realm_roles: Vec<String>,
    /// Client roles of its members
    #[serde(default)]
    pub client_roles: BTreeMap<String, Vec<String>>,
    /// Groups below it
    #[serde(default)]
    pub sub_groups: Vec<GroupFile>,
}

/// One user
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserFile {
    /// Internal id: `sub` of the tokens
    pub id: Option<String>,
    /// User name
    pub username: String,
    #[serde(default, deserialize_with = "flag")]
    enabled: Option<bool>,
    /// E-mail address
    pub email: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    email_verified: Option<bool>,
    /// Given name
    pub first_name: Option<String>,
    /// Family name
    pub last_name: Option<String>,
    /// Attributes
    #[serde(default)]
    pub attributes: BTreeMap<String, Values>,
    /// Passwords and other credentials
    #[serde(default)]
    pub credentials: Vec<CredentialFile>,
    /// Realm roles
    #[serde(default)]
    pub realm_roles: Vec<String>,
    /// Client roles
    #[serde(default)]
    pub client_roles: BTreeMap<String, Vec<String>>,
    /// Paths of groups
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whose service account this is
    pub service_account_client_id: Option<String>,
    /// Milliseconds since 1970
    pub created_timestamp: Option<u64>,
    /// Tokens from before this moment are dead
    #[serde(default)]
    pub not_before: u64,
}

impl UserFile {
    /// The service account of a client, without roles (`keycloak-wire` §9.6)
    pub fn service_account(client_id: &str) -> Self {
        Self {
            username: format!("service-account-{client_id}"),
            service_account_client_id: Some(client_id.to_owned()),
            ..Self::default()
        }
    }

    /// Whether the account is switched on: yes, if nothing is said
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    /// Whether the address is known to be the user's
    pub fn has_verified_email(&self) -> bool {
        self.email_verified.unwrap_or(false)
    }
}

/// Values of an attribute, one or many
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// One
    One(String),
    /// Many
    Many(Vec<String>),
}

impl From<Values> for Vec<String> {
    fn from(values: Values) -> Self {
        match values {
            Values::One(value) => vec![value],
            Values::Many(values) => values,
        }
    }
}

/// One credential: plain, exported, or in the legacy form (`keycloak-wire` §9.3)
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialFile {
    /// `password`, `otp`, …
    #[serde(rename = "type", default)]
    pub kind: String,
    /// A password as it is typed
    pub value: Option<Secret>,
    /// Exported: `{"value","salt",…}` as text
    pub secret_data: Option<Secret>,
    /// Exported: `{"hashIterations","algorithm",…}` as text
    pub credential_data: Option<String>,
    #[serde(default, rename = "temporary", deserialize_with = "flag")]
    _temporary: Option<bool>,
    #[serde(default, rename = "createdDate")]
    _created: Value,
    #[serde(default, rename = "id")]
    _id: Value,
}

/// A text that is never shown
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}

/// One client
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientFile {
    /// Internal id
    pub id: Option<String>,
    /// Public name
    pub client_id: String,
    /// Its secret
    pub secret: Option<Secret>,
    name: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    enabled: Option<bool>,
    protocol: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    public_client: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    bearer_only: Option<bool>,
    client_authenticator_type: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    web_origins: Vec<String>,
    base_url: Option<String>,
    root_url: Option<String>,
    admin_url: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    standard_flow_enabled: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    implicit_flow_enabled: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    direct_access_grants_enabled: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    service_accounts_enabled: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    authorization_services_enabled: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    full_scope_allowed: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    consent_required: Option<bool>,
    default_client_scopes: Option<Vec<String>>,
    optional_client_scopes: Option<Vec<String>>,
    #[serde(default)]
    protocol_mappers: Vec<ProtocolMapper>,
    #[serde(default)]
    attributes: BTreeMap<String, Text>,
    /// Tokens issued to it before this moment are dead
    #[serde(default)]
    pub not_before: u64,
    /// Legacy: client roles that everybody with the default role has
    #[serde(default)]
    pub default_roles: Vec<String>,
    /// Resources, scopes and policies
    pub authorization_settings: Option<AuthorizationFile>,
}

impl ClientFile {
    /// Whether the client is switched on: yes, if nothing is said
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    /// Settings with Keycloak's defaults; authorization makes a client confidential (`keycloak-wire` §9.4)
    pub fn settings(&self) -> ClientSettings {
        let authorization = self.authorization_services_enabled.unwrap_or(false);
        let defaults = ClientSettings::default();
        ClientSettings {
            name: self.name.clone(),
            description: self.description.clone(),
            protocol: self.protocol.clone().unwrap_or(defaults.protocol),
            public_client: self.public_client.unwrap_or(false) && !authorization,
            bearer_only: self.bearer_only.unwrap_or(false) && !authorization,
            client_authenticator_type: self
                .client_authenticator_type
                .clone()
                .unwrap_or(defaults.client_authenticator_type),
            redirect_uris: self.redirect_uris.clone(),
            web_origins: self.web_origins.clone(),
            base_url: self.base_url.clone(),
            root_url: self.root_url.clone(),
            admin_url: self.admin_url.clone(),
            standard_flow_enabled: self.standard_flow_enabled.unwrap_or(true),
            implicit_flow_enabled: self.implicit_flow_enabled.unwrap_or(false),
            direct_access_grants_enabled: self.direct_access_grants_enabled.unwrap_or(false),
            service_accounts_enabled: self.service_accounts_enabled.unwrap_or(false) || authorization,
            authorization_services_enabled: authorization,
            full_scope_allowed: self.full_scope_allowed.unwrap_or(true),
            consent_required: self.consent_required.unwrap_or(false),
            default_client_scopes: self.default_client_scopes.clone(),
            optional_client_scopes: self.optional_client_scopes.clone(),
            protocol_mappers: self.protocol_mappers.clone(),
            attributes: self.attributes.iter().map(|(name, text)| (name.clone(), text.0.clone())).collect(),
        }
    }
}

impl RealmFile {
    /// Whether the realm is switched on: yes, if nothing is said
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    /// Settings with Keycloak's defaults
    pub fn settings(&self) -> RealmSettings {
        let defaults = RealmSettings::default();
        RealmSettings {
            display_name: self.display_name.clone(),
            ssl_required: self.ssl_required.clone().unwrap_or(defaults.ssl_required),
            user_managed_access_allowed: self.user_managed_access_allowed.unwrap_or(false),
            registration_allowed: self.registration_allowed.unwrap_or(false),
            login_with_email_allowed: self.login_with_email_allowed.unwrap_or(true),
            remember_me: self.remember_me.unwrap_or(defaults.remember_me),
            brute_force_protected: self.brute_force_protected.unwrap_or(defaults.brute_force_protected),
            failure_factor: self.failure_factor.unwrap_or(defaults.failure_factor),
            wait_increment_seconds: self.wait_increment_seconds.unwrap_or(defaults.wait_increment_seconds),
            max_failure_wait_seconds: self
                .max_failure_wait_seconds
                .unwrap_or(defaults.max_failure_wait_seconds),
            max_delta_time_seconds: self.max_delta_time_seconds.unwrap_or(defaults.max_delta_time_seconds),
            access_token_lifespan: self.access_token_lifespan.unwrap_or(defaults.access_token_lifespan),
            sso_session_idle_timeout: self
                .sso_session_idle_timeout
                .unwrap_or(defaults.sso_session_idle_timeout),
            sso_session_max_lifespan: self
                .sso_session_max_lifespan
                .unwrap_or(defaults.sso_session_max_lifespan),
            sso_session_idle_timeout_remember_me: self
                .sso_session_idle_timeout_remember_me
                .unwrap_or(defaults.sso_session_idle_timeout_remember_me),
            sso_session_max_lifespan_remember_me: self
                .sso_session_max_lifespan_remember_me
                .unwrap_or(defaults.sso_session_max_lifespan_remember_me),
            client_session_idle_timeout: self
                .client_session_idle_timeout
                .unwrap_or(defaults.client_session_idle_timeout),
            client_session_max_lifespan: self
                .client_session_max_lifespan
                .unwrap_or(defaults.client_session_max_lifespan),
            offline_session_idle_timeout: self
                .offline_session_idle_timeout
                .unwrap_or(defaults.offline_session_idle_timeout),
            offline_session_max_lifespan_enabled: self
                .offline_session_max_lifespan_enabled
                .unwrap_or(defaults.offline_session_max_lifespan_enabled),
            offline_session_max_lifespan: self
                .offline_session_max_lifespan
                .unwrap_or(defaults.offline_session_max_lifespan),
            client_offline_session_idle_timeout: self
                .client_offline_session_idle_timeout
                .unwrap_or(defaults.client_offline_session_idle_timeout),
            client_offline_session_max_lifespan: self
                .client_offline_session_max_lifespan
                .unwrap_or(defaults.client_offline_session_max_lifespan),
            revoke_refresh_token: self.revoke_refresh_token.unwrap_or(defaults.revoke_refresh_token),
            refresh_token_max_reuse: self.refresh_token_max_reuse.unwrap_or(defaults.refresh_token_max_reuse),
            default_signature_algorithm: self
                .default_signature_algorithm
                .clone()
                .unwrap_or(defaults.default_signature_algorithm),
            default_role: self.default_role.as_ref().map(|role| role.name.clone()),
            default_default_client_scopes: self
                .default_default_client_scopes
                .clone()
                .unwrap_or(defaults.default_default_client_scopes),
            default_optional_client_scopes: self
                .default_optional_client_scopes
                .clone()
                .unwrap_or(defaults.default_optional_client_scopes),
            client_scopes: self.client_scopes.clone().unwrap_or_default(),
            attributes: self.attributes.iter().map(|(name, text)| (name.clone(), text.0.clone())).collect(),
        }
    }

    /// Client scopes by id and by name, to their name
    pub fn client_scope_names(&self) -> BTreeMap<String, String> {
        let scopes = self.client_scopes.iter().flatten();
        scopes
            .flat_map(|scope| [&scope.id, &scope.name].map(|key| (key.clone(), scope.name.clone())))
            .collect()
    }

    /// Writes down what a realm has that a file leaves out: the built-in client scopes, where it names none
    pub fn complete(&mut self) {
        self.client_scopes.get_or_insert_with(built_in::client_scopes);
    }

    /// Whether the file says anything but people
    pub fn defines_realm(&self) -> bool {
        self.clients.is_some()
    }
}
