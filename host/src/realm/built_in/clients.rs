//! The clients that every realm has from its beginning, with their roles (`admin-surface` §7).

use std::collections::BTreeMap;

use countersign_core::time::UnixTime;

use crate::realm::{Client, ClientSettings};
use crate::{
    representation::Members,
    store::{client::ClientRecord, new_id, role::RoleRecord},
};

/// A role of a client, with those of the same client that it contains
type Role = (&'static str, &'static [&'static str]);

/// `account`: what people may do with their own accounts
const ACCOUNT: &[Role] = &[
    ("view-profile", &[]),
    ("manage-account", &["manage-account-links"]),
    ("manage-account-links", &[]),
    ("view-applications", &[]),
    ("view-consent", &[]),
    ("manage-consent", &["view-consent"]),
    ("view-groups", &[]),
    ("delete-account", &[]),
];

/// `realm-management`: what administrators may do in the realm
const MANAGEMENT: &[Role] = &[
    ("create-client", &[]),
    ("impersonation", &[]),
    ("manage-authorization", &[]),
    ("manage-clients", &[]),
    ("manage-events", &[]),
    ("manage-identity-providers", &[]),
    ("manage-realm", &[]),
    ("manage-users", &[]),
    ("query-clients", &[]),
    ("query-groups", &[]),
    ("query-realms", &[]),
    ("query-users", &[]),
    ("view-authorization", &[]),
    ("view-clients", &["query-clients"]),
    ("view-events", &[]),
    ("view-identity-providers", &[]),
    ("view-realm", &[]),
    ("view-users", &["query-groups", "query-users"]),
];

const REALM_ADMIN: Role = (
    "realm-admin",
    &[
        "create-client",
        "impersonation",
        "manage-authorization",
        "manage-clients",
        "manage-events",
        "manage-identity-providers",
        "manage-realm",
        "manage-users",
        "query-clients",
        "query-groups",
        "query-realms",
        "query-users",
        "view-authorization",
        "view-clients",
        "view-events",
        "view-identity-providers",
        "view-realm",
        "view-users",
    ],
);

/// A client with its roles, each with those that it contains
#[derive(Debug)]
pub struct BuiltIn {
    /// Its public name
    pub client_id: &'static str,
    /// Its settings
    pub settings: ClientSettings,
    /// Its roles
    pub roles: Vec<Role>,
}

/// The clients of a new realm of this name
pub fn built_in(realm: &str) -> Vec<BuiltIn> {
    let quiet = || ClientSettings {
        standard_flow_enabled: false,
        implicit_flow_enabled: false,
        direct_access_grants_enabled: false,
        ..ClientSettings::default()
    };
    let named = |name: &str, settings: ClientSettings| ClientSettings {
        name: Some(format!("${{client_{name}}}")),
        ..settings
    };
    let page = |path: &str| ClientSettings {
        public_client: true,
        standard_flow_enabled: true,
        root_url: Some("${authBaseUrl}".to_owned()),
        base_url: Some(path.to_owned()),
        redirect_uris: vec![format!("{path}*")],
        attributes: map(&[("post.logout.redirect.uris", "+"), ("pkce.code.challenge.method", "S256")]),
        ..quiet()
    };
    let account = format!("/realms/{realm}/account/");
    let mut without_scripts = page(&account);
    without_scripts.attributes.remove("pkce.code.challenge.method");
    let admin = ClientSettings {
        root_url: Some("${authAdminUrl}".to_owned()),
        web_origins: vec!["+".to_owned()],
        ..page(&format!("/admin/{realm}/console/"))
    };
    let client = |client_id, settings, roles: &[Role]| BuiltIn { client_id, settings, roles: roles.to_vec() };
    let mut management = MANAGEMENT.to_vec();
    management.push(REALM_ADMIN);
    vec![
        client("account", named("account", without_scripts), ACCOUNT),
        client("account-console", named("account-console", page(&account)), &[]),
        client(
            "admin-cli",
            named(
                "admin-cli",
                ClientSettings { public_client: true, direct_access_grants_enabled: true, ..quiet() },
            ),
            &[],
        ),
        client(
            "broker",
            named("broker", ClientSettings { bearer_only: true, ..quiet() }),
            &[("read-token", &[])],
        ),
        client(
            "realm-management",
            named("realm-management", ClientSettings { bearer_only: true, ..quiet() }),
            &management,
        ),
        client("security-admin-console", named("security-admin-console", admin), &[]),
    ]
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The client of `master` whose roles open a realm to administrators
pub fn management(client_id: &str, realm: &str) -> ClientRecord {
    let settings = ClientSettings {
        name: Some(format!("{realm} Realm")),
        bearer_only: true,
        standard_flow_enabled: false,
        ..ClientSettings::default()
    };
    let client = Client {
        id: new_id(),
        client_id: client_id.to_owned(),
        enabled: true,
        secret: None,
        not_before: UnixTime(0),
        settings,
    };
    ClientRecord { client, kept: Members::new() }
}

/// Its roles
pub fn management_roles() -> impl Iterator<Item = RoleRecord> {
    MANAGEMENT.iter().map(|(name, _)| RoleRecord {
        name: (*name).to_owned(),
        description: Some(described(name)),
        ..RoleRecord::default()
    })
}

/// What Keycloak says of its own roles: the key of a text
pub fn described(role: &str) -> String {
    format!("${{role_{role}}}")
}
