//! Export of a realm in Keycloak's form: what an import understands, and what it kept (wire §9).
//!
//! Shares and requests are not in it, as in Keycloak; neither are sign-ins and events.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rusqlite::Transaction;
use serde_json::{Map, Value, json};

use crate::{
    auth,
    keys::{self, KeyError, MasterKey},
    realm::{Client, Realm},
    representation::{
        self, Members,
        credential::CredentialRepresentation,
        group::GroupRepresentation,
        realm::{KEY_PROVIDER, ScopeMapping},
        rendered,
        role::{Composites, RoleRepresentation},
        user::UserRepresentation,
    },
    store::{
        self, Part, Store, StoreError,
        client::ClientRecord,
        role::{Holder, RoleRecord},
        user::people::{self, UserFilter, UserRecord},
    },
};

/// What an export holds besides the realm
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each part is there or not, whatever the others are")]
pub struct Parts {
    /// People; service accounts are always there
    pub users: bool,
    /// Clients with their service accounts
    pub clients: bool,
    /// Roles and groups
    pub roles: bool,
    /// Secrets of clients and hashes of passwords, as Keycloak exports them
    pub secrets: bool,
    /// The private keys of the realm
    pub keys: bool,
}

impl Parts {
    /// Everything but the private keys
    pub const ALL: Self = Self { users: true, clients: true, roles: true, secrets: true, keys: false };
}

/// Why there is no export
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No realm has this name
    #[error("there is no realm `{0}`")]
    Unknown(String),
    /// The store
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret cannot be opened
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The realm as one document
pub fn realm(store: &Store, master: &MasterKey, name: &str, parts: Parts) -> Result<Value, ExportError> {
    let mut servers: BTreeMap<String, Value> = BTreeMap::new();
    let (realm, document) = store.read(|tx| {
        let Some(realm) = store::realm::by_name(tx, name)? else { return Ok((None, Ok(Value::Null))) };
        let written = Export { tx, realm: &realm, master, parts, clients: clients(tx, &realm)? }.write();
        let document = match written {
            Err(ExportError::Store(error)) => return Err(error),
            Err(error) => Err(error),
            Ok(document) => Ok(document),
        };
        Ok((Some(realm), document))
    })?;
    if realm.is_none() {
        return Err(ExportError::Unknown(name.to_owned()));
    }
    let mut document = document?;
    let Some(Value::Array(clients)) = document.get_mut("clients") else { return Ok(document) };
    for client in clients.iter_mut().filter_map(Value::as_object_mut) {
        let id = client.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(settings) = store.settings(&id)? {
            let settings = crate::http::admin::authz::exported_settings(&id, &settings);
            servers.insert(id.clone(), settings.into());
        }
        if let Some(settings) = servers.remove(&id) {
            client.insert("authorizationServicesEnabled".to_owned(), true.into());
            client.insert("authorizationSettings".to_owned(), settings);
        }
    }
    Ok(document)
}

/// The people of a document in one of their own, in the form of a file that only adds them
pub fn split_users(document: &mut Value) -> Value {
    let (mut people, mut accounts) = (Vec::new(), Vec::new());
    if let Some(Value::Array(users)) = document.get_mut("users").map(Value::take) {
        for user in users {
            if user.get("serviceAccountClientId").is_some() { accounts.push(user) } else { people.push(user) }
        }
    }
    let name = document.get("realm").cloned().unwrap_or_default();
    if let Some(members) = document.as_object_mut() {
        members.insert("users".to_owned(), accounts.into());
    }
    json!({ "realm": name, "users": people })
}

fn clients(tx: &Transaction<'_>, realm: &Realm) -> Result<BTreeMap<String, ClientRecord>, StoreError> {
    let all = store::client::list(tx, &realm.id, None, Part::ALL)?;
    Ok(all.into_iter().map(|record| (record.client.id.clone(), record)).collect())
}

/// Names of realm roles, and of client roles by client
type RoleLists = (Vec<String>, BTreeMap<String, Vec<String>>);

struct Export<'a> {
    tx: &'a Transaction<'a>,
    realm: &'a Realm,
    master: &'a MasterKey,
    parts: Parts,
    clients: BTreeMap<String, ClientRecord>,
}

impl Export<'_> {
    fn write(&self) -> Result<Value, ExportError> {
        let kept = store::realm::kept(self.tx, &self.realm.id)?;
        let mut document = representation::realm::render(self.realm, &kept);
        let scopes = &self.realm.settings.client_scopes;
        document.insert("clientScopes".to_owned(), json!(scopes));
        if self.parts.keys {
            self.keys(&mut document)?;
        }
        if !self.parts.secrets {
            representation::realm::without_secrets(&mut document);
        }
        if self.parts.roles {
            self.roles(&mut document)?;
            let groups = store::group::defaults(self.tx, &self.realm.id)?;
            let paths: Vec<_> = groups.into_iter().map(|group| group.path).collect();
            if !paths.is_empty() {
                document.insert("defaultGroups".to_owned(), json!(paths));
            }
            document.insert("groups".to_owned(), json!(self.groups()?));
        }
        let default_role = self.realm.default_role();
        if let Some(role) = store::role::by_name(self.tx, &self.realm.id, None, &default_role)? {
            let shown = RoleRepresentation {
                id: Some(role.id),
                name: Some(role.name),
                description: role.description,
                composite: Some(role.composite),
                client_role: Some(false),
                container_id: Some(self.realm.id.clone()),
                ..RoleRepresentation::default()
            };
            document.insert("defaultRole".to_owned(), rendered(&shown).into());
        }
        if self.parts.clients {
            let clients = self.clients.values().map(|record| self.client(record));
            document.insert("clients".to_owned(), json!(clients.collect::<Result<Vec<_>, _>>()?));
            self.scope_mappings(&mut document)?;
        }
        let filter = UserFilter { service_accounts: true, ..UserFilter::default() };
        let mut users = Vec::new();
        for record in people::list(self.tx, &self.realm.id, &filter, Part::ALL)? {
            if self.parts.users || self.parts.clients && record.user.service_client.is_some() {
                users.push(self.user(&record)?);
            }
        }
        document.insert("users".to_owned(), users.into());
        Ok(document.into())
    }

    fn client_id(&self, id: &str) -> String {
        self.clients.get(id).map(|record| record.client.client_id.clone()).unwrap_or_default()
    }

    fn client(&self, record: &ClientRecord) -> Result<Value, ExportError> {
        let client: &Client = &record.client;
        let mut members = representation::client::render(client, &record.kept);
        if client.is_confidential() {
            let secret = auth::client_secret(self.master, client)?;
            if let Some(secret) = secret {
                let text = String::from_utf8_lossy(&secret).into_owned();
                let shown = if self.parts.secrets { text } else { "**********".to_owned() };
                members.insert("secret".to_owned(), shown.into());
            }
        }
        Ok(members.into())
    }

    fn role(&self, role: &RoleRecord) -> Result<Value, StoreError> {
        let mut own = RoleRepresentation {
            id: Some(role.id.clone()),
            name: Some(role.name.clone()),
            description: role.description.clone(),
            composite: Some(role.composite),
            client_role: Some(role.client.is_some()),
            container_id: Some(role.client.clone().unwrap_or_else(|| self.realm.id.clone())),
            other: role.kept.clone(),
            ..RoleRepresentation::default()
        };
        if role.composite {
            let mut composites = Composites::default();
            for child in store::role::composites(self.tx, &role.id)? {
                match &child.client {
                    None => composites.realm.push(child.name),
                    Some(client) => {
                        composites.client.entry(self.client_id(client)).or_default().push(child.name);
                    }
                }
            }
            own.composites = Some(composites);
        }
        let mut members = rendered(&own);
        members.insert("attributes".to_owned(), json!(role.attributes));
        Ok(members.into())
    }

    fn roles(&self, document: &mut Members) -> Result<(), StoreError> {
        let of = |client: Option<&str>| -> Result<Vec<Value>, StoreError> {
            let roles = store::role::list(self.tx, &self.realm.id, client, None, Part::ALL)?;
            roles.iter().map(|role| self.role(role)).collect()
        };
        let mut by_client = Map::new();
        for (id, record) in &self.clients {
            let roles = of(Some(id))?;
            if !roles.is_empty() {
                by_client.insert(record.client.client_id.clone(), roles.into());
            }
        }
        document.insert("roles".to_owned(), json!({ "realm": of(None)?, "client": by_client }));
        Ok(())
    }

    fn roles_of(&self, holder: Holder, id: &str) -> Result<RoleLists, StoreError> {
        let (mut realm, mut clients) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
        for role in store::role::of(self.tx, holder, id)? {
            match &role.client {
                None => realm.push(role.name),
                Some(client) => clients.entry(self.client_id(client)).or_default().push(role.name),
            }
        }
        Ok((realm, clients))
    }

    /// Groups, nested; the deepest are put into those above them first
    fn groups(&self) -> Result<Vec<Value>, StoreError> {
        let mut all: Vec<(Option<String>, GroupRepresentation)> = Vec::new();
        for group in store::group::all(self.tx, &self.realm.id)? {
            let (realm, clients) = self.roles_of(Holder::Group, &group.id)?;
            let attributes = serde_json::from_value(json!(group.attributes))?;
            let shown = GroupRepresentation {
                id: Some(group.id),
                name: Some(group.name),
                description: group.description,
                path: Some(group.path),
                attributes: Some(attributes),
                realm_roles: Some(realm),
                client_roles: Some(clients),
                other: group.kept,
                ..GroupRepresentation::default()
            };
            all.push((group.parent, shown));
        }
        let mut below: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut top = Vec::new();
        // By path, whatever is above another comes first: backwards it comes last.
        for (parent, group) in all.into_iter().rev() {
            let mut members = rendered(&group);
            let mut children = below.remove(group.id.as_deref().unwrap_or_default()).unwrap_or_default();
            children.reverse();
            members.insert("subGroups".to_owned(), children.into());
            match parent {
                Some(parent) => below.entry(parent).or_default().push(members.into()),
                None => top.push(members.into()),
            }
        }
        top.reverse();
        Ok(top)
    }

    fn user(&self, record: &UserRecord) -> Result<Value, StoreError> {
        let user = &record.user;
        let (realm, clients) = self.roles_of(Holder::User, &user.id)?;
        let groups = store::group::of_user(self.tx, &user.id, Part::ALL)?;
        let mut own = UserRepresentation {
            id: Some(user.id.clone()),
            username: Some(user.username.clone()),
            enabled: Some(user.enabled),
            email: user.email.clone(),
            email_verified: Some(user.email_verified),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            required_actions: Some(record.required_actions.clone()),
            realm_roles: Some(realm),
            client_roles: Some(clients).filter(|clients| !clients.is_empty()),
            groups: Some(groups.into_iter().map(|group| group.path).collect()),
            created_timestamp: Some(record.created_at.0.saturating_mul(1000)),
            not_before: Some(user.not_before.0),
            service_account_client_id: user.service_client.as_ref().map(|client| self.client_id(client)),
            ..UserRepresentation::default()
        };
        if self.parts.secrets {
            let stored = people::credentials(self.tx, &user.id)?;
            let credentials = stored.into_iter().map(|one| CredentialRepresentation {
                kind: Some(one.kind),
                temporary: one.temporary.then_some(true),
                user_label: one.label,
                ..CredentialRepresentation::exported(
                    &one.id,
                    one.secret_data,
                    one.credential_data,
                    one.created_at.0.saturating_mul(1000),
                )
            });
            own.credentials = Some(credentials.collect());
        }
        let mut members = rendered(&own);
        if let Some(Value::Array(list)) = members.get_mut("credentials") {
            for one in list.iter_mut().filter_map(Value::as_object_mut) {
                one.retain(|_, value| !value.is_null());
            }
        }
        if !user.attributes.is_empty() {
            members.insert("attributes".to_owned(), json!(user.attributes));
        }
        members.extend(record.kept.clone());
        Ok(members.into())
    }

    /// Roles that tokens may show of clients without full scope, and with client scopes
    fn scope_mappings(&self, document: &mut Members) -> Result<(), StoreError> {
        let (mut of_realm, mut of_clients) = (Vec::new(), BTreeMap::<String, Vec<ScopeMapping>>::new());
        let clients = self.clients.values().map(|record| {
            let name = Some(record.client.client_id.clone());
            (&record.client.id, ScopeMapping { client: name, ..ScopeMapping::default() })
        });
        let scopes = self.realm.settings.client_scopes.iter().map(|scope| {
            (&scope.id, ScopeMapping { client_scope: Some(scope.name.clone()), ..ScopeMapping::default() })
        });
        for (id, holder) in clients.chain(scopes) {
            let (realm, by_client) = self.roles_of(Holder::Scope, id)?;
            if !realm.is_empty() {
                of_realm.push(ScopeMapping { roles: realm, ..holder.clone() });
            }
            for (client, roles) in by_client {
                of_clients.entry(client).or_default().push(ScopeMapping { roles, ..holder.clone() });
            }
        }
        if !of_realm.is_empty() {
            document.insert("scopeMappings".to_owned(), json!(of_realm));
        }
        if !of_clients.is_empty() {
            document.insert("clientScopeMappings".to_owned(), json!(of_clients));
        }
        Ok(())
    }

    /// The private keys as components: an import goes on signing with them, under their names
    fn keys(&self, document: &mut Members) -> Result<(), ExportError> {
        let (_, stored) = store::key::all(self.tx, &self.realm.id)?;
        let mut list = Vec::new();
        for key in &stored {
            let Some(public) = keys::public_info(self.master, key)? else { continue };
            let (private, public) = (STANDARD.encode(keys::open(self.master, key)?), STANDARD.encode(public));
            let (provider, own) = match key.alg.as_str() {
                "ES256" => (
                    "ecdsa-generated",
                    json!({ "ecdsaPrivateKey": [private], "ecdsaPublicKey": [public],
                            "ecdsaEllipticCurveKey": ["P-256"] }),
                ),
                "EdDSA" => (
                    "eddsa-generated",
                    json!({ "eddsaPrivateKey": [private], "eddsaPublicKey": [public],
                            "eddsaEllipticCurveKey": ["Ed25519"] }),
                ),
                _ => ("rsa", json!({ "privateKey": [private], "algorithm": ["RS256"] })),
            };
            let mut config = json!({
                "kid": [key.kid], "enabled": ["true"], "active": [key.active.to_string()],
                "priority": [if key.active { "100" } else { "0" }],
            });
            if let (Some(config), Value::Object(own)) = (config.as_object_mut(), own) {
                config.extend(own);
            }
            list.push(json!({
                "name": key.kid, "providerId": provider, "subComponents": {}, "config": config,
            }));
        }
        if let (false, Some(components)) =
            (list.is_empty(), document.entry("components").or_insert_with(|| json!({})).as_object_mut())
        {
            components.insert(KEY_PROVIDER.to_owned(), list.into());
        }
        Ok(())
    }
}
