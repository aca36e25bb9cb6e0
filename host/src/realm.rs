//! Realms, clients and people, as the store keeps them and the handlers see them.
//!
//! The settings documents have Keycloak's member names, so that an export needs no second table of names.

pub mod built_in;
mod client;
mod people;
mod scope;
mod session;
mod settings;
mod uma;

use countersign_core::time::UnixTime;

use crate::password::policy::PasswordPolicy;

pub use self::{
    client::{Client, ClientSettings, Sealed},
    people::{Group, Role, RoleNames, User},
    scope::{ClientScope, ProtocolMapper},
    session::{ClientSession, Session},
    settings::RealmSettings,
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

#[cfg(test)]
impl Realm {
    /// A realm `r` for tests
    pub fn with(settings: RealmSettings) -> Self {
        Self {
            id: "r".to_owned(),
            name: "r".to_owned(),
            enabled: true,
            version: 0,
            not_before: UnixTime(0),
            settings,
            uma: UmaSettings::default(),
        }
    }
}
