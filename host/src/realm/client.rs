//! Clients: applications and resource servers.

use core::fmt;
use std::collections::BTreeMap;

use countersign_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::ProtocolMapper;
use crate::representation::lenient;

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
