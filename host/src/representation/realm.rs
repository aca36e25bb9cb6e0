//! Realms (`admin-surface` §3; wire §9.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Idle, Members, Representation, WrongMember, change,
    client::ClientRepresentation,
    fields, fill,
    group::GroupRepresentation,
    lenient::{self, Secret},
    rendered,
    role::{RoleRepresentation, RolesRepresentation},
    stranger, stranger_in,
    user::UserRepresentation,
};
use crate::{
    password::policy::PasswordPolicy,
    realm::{Realm, RealmSettings},
    sign_in::otp,
};

/// One realm as it is sent; what its settings have is among the members
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RealmRepresentation {
    /// Its name
    pub realm: Option<String>,
    /// Internal id
    pub id: Option<String>,
    /// It answers
    #[serde(deserialize_with = "lenient::flag")]
    pub enabled: Option<bool>,
    /// Tokens from before this moment are dead
    pub not_before: Option<u64>,
    /// The role that new people get
    pub default_role: Option<RoleRepresentation>,
    /// The same in old files: names of realm roles
    pub default_roles: Option<Vec<String>>,
    /// Paths of the groups that new people join
    pub default_groups: Option<Vec<String>>,
    /// Legacy realm key, base64 of PKCS #8 or PKCS #1 DER
    pub private_key: Option<Secret>,
    /// Roles of the realm and of clients
    pub roles: RolesRepresentation,
    /// Groups, nested
    #[serde(deserialize_with = "lenient::list")]
    pub groups: Vec<GroupRepresentation>,
    /// People and service accounts
    #[serde(deserialize_with = "lenient::list")]
    pub users: Vec<UserRepresentation>,
    /// Clients; absent in a file that only adds people
    pub clients: Option<Vec<ClientRepresentation>>,
    /// Realm roles that tokens may show of a client or client scope
    #[serde(deserialize_with = "lenient::list")]
    pub scope_mappings: Vec<ScopeMapping>,
    /// Client roles that they may show, by the client of the roles
    pub client_scope_mappings: BTreeMap<String, Vec<ScopeMapping>>,
    /// Everything else
    #[serde(flatten)]
    pub members: Members,
}

/// Roles that tokens of a client, or with a client scope, may show
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ScopeMapping {
    /// `clientId`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Name of a client scope
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_scope: Option<String>,
    /// Names
    pub roles: Vec<String>,
}

/// Where the profile of people is kept in an export: a component
pub const PROFILE_PROVIDER: &str = "org.keycloak.userprofile.UserProfileProvider";
const PROFILE_CONFIG: &str = "kc.user.profile.config";
/// Where the keys of an export are: components
pub const KEY_PROVIDER: &str = "org.keycloak.keys.KeyProvider";

/// The setting that Keycloak has as a component
const PROFILE: &str = "userProfile";

impl Representation for RealmRepresentation {
    const CLASS: &'static str = "RealmRepresentation";
    const BYTES: usize = crate::import::FILE_BYTES;

    fn unknown(&self) -> Option<Vec<String>> {
        if self.members.contains_key(PROFILE) {
            return Some(vec![PROFILE.to_owned()]);
        }
        let below = |name: &str, path: Option<Vec<String>>| {
            path.map(|mut path| {
                path.insert(0, name.to_owned());
                path
            })
        };
        stranger(&self.members, &[fields::of::<RealmSettings>()], IDLE)
            .or_else(|| below("roles", self.roles.unknown()))
            .or_else(|| stranger_in("groups", &self.groups))
            .or_else(|| stranger_in("users", &self.users))
            .or_else(|| self.clients.as_ref().and_then(|all| stranger_in("clients", all)))
    }
}

impl RealmRepresentation {
    /// Its name, if it has one
    pub fn name(&self) -> &str {
        self.realm.as_deref().unwrap_or_default()
    }

    /// Whether the file says anything but people
    pub fn defines_realm(&self) -> bool {
        self.clients.is_some()
    }

    /// Settings after this change, and the members that are kept
    pub fn settings(&self, before: &RealmSettings) -> Result<(RealmSettings, Members), WrongMember> {
        let mut given = self.members.clone();
        given.remove("attributes");
        given.remove(PROFILE);
        let (mut after, rest) = change(before, &given)?;
        if let Some(attributes) = self.members.get("attributes").filter(|value| !value.is_null()) {
            let attributes = lenient::texts_of(attributes)
                .ok_or_else(|| WrongMember::new("attributes", "expected texts by name"))?;
            for (name, value) in attributes {
                match value {
                    Some(value) => _ = after.attributes.insert(name, value),
                    None => _ = after.attributes.remove(&name),
                }
            }
        }
        PasswordPolicy::read(&after.password_policy)
            .map_err(|error| WrongMember::new("passwordPolicy", error.to_string()))?;
        otp::Policy::of(&after).check().map_err(|(member, text)| WrongMember::new(member, text))?;
        if let Some(role) = self.default_role.as_ref().and_then(|role| role.name.clone()) {
            after.default_role = Some(role);
        }
        if let Some(profile) = profile_of(&rest)? {
            after.user_profile = Some(profile);
        }
        Ok((after, rest))
    }
}

/// The profile among the components of an export
fn profile_of(members: &Members) -> Result<Option<Value>, WrongMember> {
    let text = members
        .get("components")
        .and_then(|components| {
            components.get(PROFILE_PROVIDER)?.get(0)?.get("config")?.get(PROFILE_CONFIG)?.get(0)
        })
        .and_then(Value::as_str);
    text.map(|text| {
        serde_json::from_str(text)
            .map_err(|_| WrongMember::new("components", format!("`{PROFILE_CONFIG}` is not JSON")))
    })
    .transpose()
}

/// How a realm is shown: without users, clients, roles and groups
pub fn render(realm: &Realm, kept: &Members) -> Members {
    let mut members = rendered(&realm.settings);
    let profile = members.remove(PROFILE);
    for below in ["clientScopes", "defaultRole"] {
        members.remove(below);
    }
    let own = [
        ("id", json!(realm.id)),
        ("realm", json!(realm.name)),
        ("enabled", json!(realm.enabled)),
        ("notBefore", json!(realm.not_before.0)),
    ];
    members.extend(own.map(|(name, value)| (name.to_owned(), value)));
    fill(&mut members, kept);
    if let Some(profile) = profile {
        put_profile(&mut members, &profile);
    }
    members
}

fn put_profile(members: &mut Members, profile: &Value) {
    let components = members.entry("components").or_insert_with(|| json!({}));
    if let Some(components) = components.as_object_mut() {
        let list = components.entry(PROFILE_PROVIDER).or_insert_with(
            || json!([{ "providerId": "declarative-user-profile", "subComponents": {}, "config": {} }]),
        );
        if let Some(config) =
            list.get_mut(0).and_then(|one| one.get_mut("config")).and_then(Value::as_object_mut)
        {
            config.insert(PROFILE_CONFIG.to_owned(), json!([profile.to_string()]));
        }
    }
}

/// The settings for secrets of other services are never shown
pub fn without_secrets(members: &mut Members) {
    if let Some(smtp) = members.get_mut("smtpServer").and_then(Value::as_object_mut)
        && smtp.contains_key("password")
    {
        smtp.insert("password".to_owned(), json!("**********"));
    }
}

/// Members that have no effect here, with what they did in Keycloak
pub const IDLE: &[Idle] = &[
    ("displayNameHtml", "was the name of the realm on its pages, as HTML"),
    ("revokeRefreshToken", "made refresh tokens work a limited number of times"),
    ("refreshTokenMaxReuse", "said how often a refresh token works"),
    ("accessTokenLifespanForImplicitFlow", "set the life of tokens of the implicit flow"),
    ("ssoSessionIdleTimeoutRememberMe", "set the life of a remembered sign-in"),
    ("ssoSessionMaxLifespanRememberMe", "set the life of a remembered sign-in"),
    ("offlineSessionIdleTimeout", "set the life of offline sessions"),
    ("offlineSessionMaxLifespanEnabled", "limited the life of offline sessions"),
    ("offlineSessionMaxLifespan", "limited the life of offline sessions"),
    ("clientSessionIdleTimeout", "set the life of a client's part of a sign-in"),
    ("clientSessionMaxLifespan", "set the life of a client's part of a sign-in"),
    ("clientOfflineSessionIdleTimeout", "set the life of a client's part of an offline session"),
    ("clientOfflineSessionMaxLifespan", "set the life of a client's part of an offline session"),
    ("accessCodeLifespan", "set the life of an authorization code"),
    ("accessCodeLifespanUserAction", "set how long a required action may take"),
    ("accessCodeLifespanLogin", "set how long a sign-in may take"),
    ("actionTokenGeneratedByAdminLifespan", "set the life of links in mails that administrators cause"),
    ("actionTokenGeneratedByUserLifespan", "set the life of links in mails that people cause"),
    ("oauth2DeviceCodeLifespan", "belonged to the device grant"),
    ("oauth2DevicePollingInterval", "belonged to the device grant"),
    ("passwordCredentialGrantAllowed", "allowed the password grant, in old releases"),
    ("registrationEmailAsUsername", "made the e-mail address the user name at registration"),
    ("rememberMe", "offered to remember the sign-in"),
    ("verifyEmail", "sent a mail that shows that the address is right"),
    ("duplicateEmailsAllowed", "let several people have one e-mail address"),
    ("resetPasswordAllowed", "offered to set a forgotten password"),
    ("editUsernameAllowed", "let people change their user names"),
    ("userCacheEnabled", "belonged to a cache"),
    ("realmCacheEnabled", "belonged to a cache"),
    ("bruteForceProtected", "locked accounts after wrong passwords"),
    ("permanentLockout", "locked accounts after wrong passwords"),
    ("maxTemporaryLockouts", "locked accounts after wrong passwords"),
    ("bruteForceStrategy", "locked accounts after wrong passwords"),
    ("maxFailureWaitSeconds", "locked accounts after wrong passwords"),
    ("minimumQuickLoginWaitSeconds", "locked accounts after wrong passwords"),
    ("waitIncrementSeconds", "locked accounts after wrong passwords"),
    ("quickLoginCheckMilliSeconds", "locked accounts after wrong passwords"),
    ("maxDeltaTimeSeconds", "locked accounts after wrong passwords"),
    ("failureFactor", "locked accounts after wrong passwords"),
    ("publicKey", "was the public part of `privateKey`; it is computed"),
    ("certificate", "was a certificate of `privateKey`; none is used"),
    ("codeSecret", "signed authorization codes, in old releases"),
    ("requiredCredentials", "named what a sign-in needs, in old releases; it is a password"),
    ("otpSupportedApplications", "belonged to one-time passwords"),
    ("localizationTexts", "replaced texts of the pages; `termsText` is used"),
    ("webAuthnPolicyRpEntityName", WEBAUTHN),
    ("webAuthnPolicySignatureAlgorithms", WEBAUTHN),
    ("webAuthnPolicyRpId", WEBAUTHN),
    ("webAuthnPolicyAttestationConveyancePreference", WEBAUTHN),
    ("webAuthnPolicyAuthenticatorAttachment", WEBAUTHN),
    ("webAuthnPolicyRequireResidentKey", WEBAUTHN),
    ("webAuthnPolicyUserVerificationRequirement", WEBAUTHN),
    ("webAuthnPolicyCreateTimeout", WEBAUTHN),
    ("webAuthnPolicyAvoidSameAuthenticatorRegister", WEBAUTHN),
    ("webAuthnPolicyAcceptableAaguids", WEBAUTHN),
    ("webAuthnPolicyExtraOrigins", WEBAUTHN),
    ("clientProfiles", "set rules for clients"),
    ("clientPolicies", "set rules for clients"),
    ("federatedUsers", "held what belongs to people of other user stores"),
    ("browserSecurityHeaders", "set headers of the pages"),
    ("smtpServer", "named the server that sends mail"),
    ("userFederationProviders", "named other user stores"),
    ("userFederationMappers", "named other user stores"),
    ("loginTheme", "chose the look of the pages"),
    ("accountTheme", "chose the look of the pages"),
    ("adminTheme", "chose the look of the pages"),
    ("emailTheme", "chose the look of mails"),
    ("identityProviders", "let people sign in through other servers"),
    ("identityProviderMappers", "let people sign in through other servers"),
    ("protocolMappers", "were mappers of the realm, in old releases"),
    (
        "components",
        "named keys, user stores and rules of registration; keys and the profile of people are used",
    ),
    ("internationalizationEnabled", "offered the pages in several languages"),
    ("supportedLocales", "offered the pages in several languages"),
    ("defaultLocale", "offered the pages in several languages; the terms are shown in it"),
    ("authenticationFlows", FLOW),
    ("authenticatorConfig", FLOW),
    ("browserFlow", FLOW),
    ("registrationFlow", FLOW),
    ("directGrantFlow", FLOW),
    ("resetCredentialsFlow", FLOW),
    ("clientAuthenticationFlow", FLOW),
    ("dockerAuthenticationFlow", FLOW),
    ("firstBrokerLoginFlow", FLOW),
    ("keycloakVersion", "said which release wrote the file"),
    ("organizationsEnabled", "grouped people by organization"),
    ("organizations", "grouped people by organization"),
    ("oid4VciEnabled", "issued verifiable credentials"),
    ("verifiableCredentialsEnabled", "issued verifiable credentials"),
    ("adminPermissionsEnabled", "gave administrators rights to single users, groups and clients"),
    ("scimApiEnabled", "offered the SCIM API"),
    ("social", "let people sign in through other servers, in old releases"),
    ("updateProfileOnInitialSocialLogin", "let people sign in through other servers, in old releases"),
    ("socialProviders", "let people sign in through other servers, in old releases"),
    ("applicationScopeMappings", "was an old name of `clientScopeMappings`"),
    ("applications", "was an old name of `clients`"),
    ("oauthClients", "was an old name of `clients`"),
    ("clientTemplates", "named what client scopes have replaced"),
    ("workflows", "acted on people after some time"),
];

const WEBAUTHN: &str = "belonged to security keys as a second factor";
const FLOW: &str = "chose the steps of the sign-in; here it is user name and password";

/// Events that are stored, and for how long (`admin-surface` §9)
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct EventsConfig(pub Members);

/// The members of a realm that are its settings for events
pub const EVENTS: &[&str] = &[
    "eventsEnabled",
    "eventsExpiration",
    "eventsListeners",
    "enabledEventTypes",
    "adminEventsEnabled",
    "adminEventsDetailsEnabled",
];

impl Representation for EventsConfig {
    const CLASS: &'static str = "RealmEventsConfigRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        stranger(&self.0, &[EVENTS], &[])
    }
}
