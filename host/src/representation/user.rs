//! People and service accounts (`admin-surface` §4; wire §9.3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Idle, Members, Representation,
    credential::CredentialRepresentation,
    lenient::{self, Values},
    stranger, stranger_in,
};

/// One user
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(transform = super::as_set))]
#[serde(rename_all = "camelCase", default)]
pub struct UserRepresentation {
    /// Internal id: `sub` of the tokens
    pub id: Option<String>,
    /// User name
    pub username: Option<String>,
    /// The account is switched on
    #[serde(deserialize_with = "lenient::flag")]
    pub enabled: Option<bool>,
    /// E-mail address
    pub email: Option<String>,
    /// Somebody has shown that the address is hers
    #[serde(deserialize_with = "lenient::flag")]
    pub email_verified: Option<bool>,
    /// Given name
    pub first_name: Option<String>,
    /// Family name
    pub last_name: Option<String>,
    /// Attributes
    pub attributes: Option<BTreeMap<String, Option<Values>>>,
    /// Passwords and other credentials
    pub credentials: Option<Vec<CredentialRepresentation>>,
    /// What is to be done at the next sign-in
    pub required_actions: Option<Vec<String>>,
    /// Realm roles
    pub realm_roles: Option<Vec<String>>,
    /// Client roles
    pub client_roles: Option<BTreeMap<String, Vec<String>>>,
    /// Paths of groups
    pub groups: Option<Vec<String>>,
    /// Whose service account this is
    pub service_account_client_id: Option<String>,
    /// Milliseconds since 1970
    pub created_timestamp: Option<u64>,
    /// Tokens from before this moment are dead
    pub not_before: Option<u64>,
    /// The rest
    #[serde(flatten)]
    pub other: Members,
}

/// Members that are shown and never read
const READ_ONLY: &[&str] =
    &["access", "disableableCredentialTypes", "origin", "self", "totp", "userProfileMetadata"];

/// Members that have no effect here
pub const IDLE: &[Idle] = &[
    ("federatedIdentities", "linked the account to accounts elsewhere: sign-in through other servers"),
    ("federationLink", "named the user store that the account came from"),
    ("clientConsents", "remembered which clients the user had agreed to"),
    ("applicationRoles", "gave client roles under an old name"),
    ("socialLinks", "linked the account to accounts elsewhere"),
    ("organizations", "named the organizations of the user"),
    ("verifiableCredentials", "named credentials that are issued to the user"),
];

impl Representation for UserRepresentation {
    const CLASS: &'static str = "UserRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        stranger(&self.other, &[READ_ONLY], IDLE).or_else(|| {
            self.credentials.as_ref().and_then(|credentials| stranger_in("credentials", credentials))
        })
    }
}

impl UserRepresentation {
    /// The service account of a client, without roles (wire §9.6)
    pub fn service_account(client_id: &str) -> Self {
        Self {
            username: Some(format!("service-account-{client_id}")),
            service_account_client_id: Some(client_id.to_owned()),
            ..Self::default()
        }
    }

    /// User name as it is stored: in lower case
    pub fn username(&self) -> String {
        self.username.as_deref().unwrap_or_default().to_lowercase()
    }

    /// What is kept with the user
    pub fn kept(&self) -> Members {
        self.other.clone().into_iter().filter(|(name, _)| !READ_ONLY.contains(&name.as_str())).collect()
    }
}

/// Members that every user is shown with
pub fn shown(members: &mut Members, may_manage: bool) {
    let set = [
        ("totp", json!(false)),
        ("disableableCredentialTypes", json!([])),
        (
            "access",
            json!({
                "manageGroupMembership": may_manage, "resetPassword": may_manage, "view": true,
                "mapRoles": may_manage, "impersonate": false, "manage": may_manage,
            }),
        ),
    ];
    members.extend(set.map(|(name, value): (&str, Value)| (name.to_owned(), value)));
}
