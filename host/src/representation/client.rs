//! Clients (`admin-surface` §7; wire §9.4).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Idle, Members, Representation, WrongMember, change, fields, fill, keep,
    lenient::{self, Secret},
    rendered, stranger, stranger_in,
};
use crate::{
    import::document::AuthorizationFile,
    realm::{Client, ClientSettings, ProtocolMapper},
};

/// One client as it is sent; what its settings have is among the members
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ClientRepresentation {
    /// Internal id
    pub id: Option<String>,
    /// Public name
    pub client_id: Option<String>,
    /// Its secret
    pub secret: Option<Secret>,
    /// It gets tokens
    #[serde(deserialize_with = "lenient::flag")]
    pub enabled: Option<bool>,
    /// Tokens issued to it before this moment are dead
    pub not_before: Option<u64>,
    /// Legacy: client roles that everybody with the default role has
    pub default_roles: Option<Vec<String>>,
    /// Resources, scopes and policies
    pub authorization_settings: Option<AuthorizationFile>,
    /// Mappers of its own
    pub protocol_mappers: Option<Vec<ProtocolMapper>>,
    /// Everything else
    #[serde(flatten)]
    pub members: Members,
}

/// Members that are shown and never read
const READ_ONLY: &[&str] = &["access", "origin"];

/// Members that have no effect here
pub const IDLE: &[Idle] = &[
    ("surrogateAuthRequired", "was of no effect in Keycloak either"),
    ("alwaysDisplayInConsole", "listed the client in everybody's account console"),
    ("authenticationFlowBindingOverrides", "chose other steps for the sign-in"),
    ("nodeReRegistrationTimeout", "renewed the registration of cluster nodes"),
    ("registeredNodes", "named cluster nodes to be told of sign-outs"),
    ("registrationAccessToken", "let the client change itself by dynamic registration"),
    ("frontchannelLogout", "signed people out of the client through their browser"),
    ("clientTemplate", "named what client scopes have replaced"),
    ("useTemplateConfig", "used what client scopes have replaced"),
    ("useTemplateScope", "used what client scopes have replaced"),
    ("useTemplateMappers", "used what client scopes have replaced"),
    ("directGrantsOnly", "switched off every flow but the password grant, in old releases"),
    ("proofKeyForCodeExchangeRequired", "demanded a code challenge, in old releases"),
    ("type", "named a client type"),
];

impl Representation for ClientRepresentation {
    const CLASS: &'static str = "ClientRepresentation";

    fn unknown(&self) -> Option<Vec<String>> {
        stranger(&self.members, &[fields::of::<ClientSettings>(), READ_ONLY], IDLE)
            .or_else(|| self.protocol_mappers.as_ref().and_then(|all| stranger_in("protocolMappers", all)))
    }
}

impl ClientRepresentation {
    /// Its public name, if it has one
    pub fn client_id(&self) -> &str {
        self.client_id.as_deref().unwrap_or_default()
    }

    /// Settings after this change, and the members that are kept; authorization makes a client confidential
    pub fn settings(&self, before: &ClientSettings) -> Result<(ClientSettings, Members), WrongMember> {
        let mut given = self.members.clone();
        given.remove("attributes");
        let (mut after, mut rest) = change(before, &given)?;
        if let Some(attributes) = self.members.get("attributes").filter(|value| !value.is_null()) {
            let attributes = lenient::texts_of(attributes)
                .ok_or_else(|| WrongMember::new("attributes", "expected texts by name"))?;
            for (name, value) in attributes {
                match value.filter(|value| !value.is_empty()) {
                    Some(value) => _ = after.attributes.insert(name, value),
                    None => _ = after.attributes.remove(&name),
                }
            }
        }
        if let Some(mappers) = &self.protocol_mappers {
            after.protocol_mappers.clone_from(mappers);
        }
        if self.authorization_settings.is_some() {
            after.authorization_services_enabled = true;
        }
        rest.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
        Ok((after, rest))
    }

    /// Whether it says of itself that it is public or never asks for tokens
    pub fn says_not_confidential(&self) -> bool {
        let says = |name| self.members.get(name).is_some_and(|value| *value == true || *value == "true");
        says("publicClient") || says("bearerOnly")
    }
}

/// How a client is shown
pub fn render(client: &Client, kept: &Members) -> Members {
    let mut members = rendered(&client.settings);
    let own = [
        ("id", json!(client.id)),
        ("clientId", json!(client.client_id)),
        ("enabled", json!(client.enabled)),
        ("notBefore", json!(client.not_before.0)),
    ];
    members.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if !client.settings.authorization_services_enabled {
        members.remove("authorizationServicesEnabled");
    }
    fill(&mut members, kept);
    fill(&mut members, &usual());
    members
}

/// What Keycloak shows of every client, and nothing here reads
fn usual() -> Members {
    let usual = json!({
        "surrogateAuthRequired": false, "alwaysDisplayInConsole": false, "frontchannelLogout": false,
        "nodeReRegistrationTimeout": -1, "authenticationFlowBindingOverrides": {},
    });
    let Value::Object(members) = usual else { return Members::new() };
    members
}

/// What the caller may do with a client
pub fn access(may_manage: bool) -> Value {
    json!({ "view": true, "configure": may_manage, "manage": may_manage })
}

/// What is kept of a client after a change
pub fn kept(before: &Members, given: &Members) -> Members {
    let mut kept = before.clone();
    keep(&mut kept, given);
    kept
}
