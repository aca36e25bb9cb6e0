//! Writing of imported realms: all of a start in one transaction, or nothing (`keycloak-wire` §9).

use std::collections::BTreeMap;

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::Value;

use super::{
    Store, StoreError,
    key::{self, StoredKey},
    seconds,
};
use crate::{
    import::{
        RealmImport, StoredPassword,
        document::{ClientFile, Composites, GroupFile, RealmFile, RoleFile, UserFile},
    },
    realm::{ClientSettings, Sealed},
};

mod authorization;

/// A realm with everything that is slow or secret already done
#[derive(Debug)]
pub struct PreparedRealm {
    /// Its internal id
    pub id: String,
    /// What the files say
    pub import: RealmImport,
    /// Keys that the files bring; others are made when they are first needed
    pub keys: Vec<StoredKey>,
    /// Secrets of its clients by their place, sealed
    pub secrets: Vec<Option<Sealed>>,
}

impl Store {
    /// Names of those realms that are there already
    pub fn known_realms(&self, names: &[String]) -> Result<Vec<String>, StoreError> {
        self.read(|tx| {
            let mut known = Vec::new();
            for name in names {
                let found = tx
                    .prepare_cached("SELECT 1 FROM realm WHERE name = ?1")?
                    .query_row([name], |_| Ok(()))
                    .optional()?;
                known.extend(found.map(|()| name.clone()));
            }
            Ok(known)
        })
    }

    /// Writes new realms. What contradicts itself is [`StoreError::Refused`], and nothing is written.
    pub async fn import(&self, realms: Vec<PreparedRealm>, now: UnixTime) -> Result<(), StoreError> {
        self.write(move |tx| {
            realms.iter().try_for_each(|realm| {
                write(tx, realm, now).map_err(|error| {
                    let StoreError::Refused(text) = error else { return error };
                    let (file, name) = (realm.import.source.display(), &realm.import.file.realm);
                    refused(format!("{file}: realm `{name}`: {text}"))
                })
            })
        })
        .await
    }
}

/// Roles of the clients that every realm has
const BUILT_IN: [(&str, &[&str]); 3] = [
    (
        "account",
        &[
            "manage-account",
            "manage-account-links",
            "manage-consent",
            "view-applications",
            "view-consent",
            "view-groups",
            "view-profile",
            "delete-account",
        ],
    ),
    (
        "realm-management",
        &[
            "realm-admin",
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
    ),
    ("admin-cli", &[]),
];

/// Client and name, or `None` and name: where a role is looked up
type RoleKey = (Option<String>, String);

/// One realm while it is written
struct Writing<'a> {
    tx: &'a Transaction<'a>,
    realm_id: String,
    clients: BTreeMap<String, String>,
    roles: BTreeMap<RoleKey, String>,
    groups: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
    client_scopes: BTreeMap<String, String>,
    now: UnixTime,
}

pub(super) fn refused(message: impl Into<String>) -> StoreError {
    StoreError::Refused(message.into())
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn write(tx: &Transaction<'_>, realm: &PreparedRealm, now: UnixTime) -> Result<(), StoreError> {
    let PreparedRealm { id, import, keys, secrets } = realm;
    let file = &import.file;
    let realm_id = id.clone();
    let mut settings = file.settings();
    let default_role =
        settings.default_role.get_or_insert_with(|| format!("default-roles-{}", file.realm.to_lowercase()));
    let default_role = default_role.clone();
    tx.prepare_cached(
        "INSERT INTO realm (id, name, enabled, not_before, settings, kept, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        realm_id,
        file.realm,
        file.is_enabled(),
        i64::try_from(file.not_before).unwrap_or(i64::MAX),
        serde_json::to_string(&settings)?,
        serde_json::to_string(&import.kept)?,
        seconds(now),
    ])
    .map_err(|error| named(error.into(), "realm", &file.realm))?;
    for stored in keys {
        key::insert_first(tx, &realm_id, stored)?;
    }
    let mut writing = Writing {
        tx,
        realm_id,
        clients: BTreeMap::new(),
        roles: BTreeMap::new(),
        groups: BTreeMap::new(),
        users: BTreeMap::new(),
        client_scopes: file.client_scope_names(),
        now,
    };
    let clients = file.clients.as_deref().unwrap_or_default();
    for (place, client) in clients.iter().enumerate() {
        writing.client(client, secrets.get(place).and_then(Option::as_ref))?;
    }
    writing.built_in_clients()?;
    writing.all_roles(file, &default_role)?;
    for group in &file.groups {
        writing.group(group, None, "")?;
    }
    for (place, user) in file.users.iter().enumerate() {
        let passwords = import.passwords.get(place).map(Vec::as_slice).unwrap_or_default();
        writing.user(user, passwords)?;
    }
    for client in clients {
        writing.service_account(client, &default_role)?;
    }
    for client in clients {
        authorization::write(&mut writing, client)?;
    }
    Ok(())
}

/// A clash of ids or names, said with the name
fn named(error: StoreError, kind: &str, name: &str) -> StoreError {
    if matches!(error, StoreError::Conflict(_)) {
        refused(format!("{kind} `{name}`: its name or id is in use already"))
    } else {
        error
    }
}

impl Writing<'_> {
    fn client(&mut self, file: &ClientFile, secret: Option<&Sealed>) -> Result<(), StoreError> {
        let id = file.id.clone().unwrap_or_else(new_id);
        self.insert_client(&id, &file.client_id, file.is_enabled(), secret, &file.settings(), file.not_before)
    }

    fn insert_client(
        &mut self,
        id: &str,
        client_id: &str,
        enabled: bool,
        secret: Option<&Sealed>,
        settings: &ClientSettings,
        not_before: u64,
    ) -> Result<(), StoreError> {
        self.tx
            .prepare_cached(
                "INSERT INTO client (id, realm_id, client_id, enabled, secret, settings, not_before)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                id,
                self.realm_id,
                client_id,
                enabled,
                secret.map(|sealed| &sealed.0),
                serde_json::to_string(settings)?,
                i64::try_from(not_before).unwrap_or(i64::MAX),
            ])
            .map_err(|error| named(error.into(), "client", client_id))?;
        self.clients.insert(client_id.to_owned(), id.to_owned());
        Ok(())
    }

    fn built_in_clients(&mut self) -> Result<(), StoreError> {
        for (client_id, roles) in BUILT_IN {
            if !self.clients.contains_key(client_id) {
                let public = client_id == "admin-cli";
                let settings = ClientSettings {
                    public_client: public,
                    bearer_only: !public,
                    direct_access_grants_enabled: public,
                    standard_flow_enabled: false,
                    ..ClientSettings::default()
                };
                self.insert_client(&new_id(), client_id, true, None, &settings, 0)?;
            }
            for role in roles {
                self.role(Some(client_id), role)?;
            }
        }
        Ok(())
    }

    /// The id of a role, made if it is not there: files name roles that they do not list
    fn role(&mut self, client: Option<&str>, name: &str) -> Result<String, StoreError> {
        let key = (client.map(str::to_owned), name.to_owned());
        if let Some(id) = self.roles.get(&key) {
            return Ok(id.clone());
        }
        self.insert_role(client, &RoleFile::named(name))
    }

    fn insert_role(&mut self, client: Option<&str>, role: &RoleFile) -> Result<String, StoreError> {
        let key = (client.map(str::to_owned), role.name.clone());
        let client_uid =
            match client {
                None => None,
                Some(client) => Some(self.clients.get(client).ok_or_else(|| {
                    refused(format!("role `{}`: client `{client}` does not exist", role.name))
                })?),
            };
        if let Some(known) = self.roles.get(&key) {
            // Listed after it was named: only what it is for is new.
            self.tx
                .prepare_cached("UPDATE role SET description = ?2 WHERE id = ?1")?
                .execute(params![known, role.description])?;
            return Ok(known.clone());
        }
        let id = role.id.clone().unwrap_or_else(new_id);
        self.tx
            .prepare_cached(
                "INSERT INTO role (id, realm_id, client_id, name, description) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![id, self.realm_id, client_uid, role.name, role.description])
            .map_err(|error| named(error.into(), "role", &role.name))?;
        self.roles.insert(key, id.clone());
        Ok(id)
    }

    fn all_roles(&mut self, file: &RealmFile, default_role: &str) -> Result<(), StoreError> {
        let listed = file.roles.realm.iter().chain(&file.default_role);
        for role in listed.clone() {
            self.insert_role(None, role)?;
        }
        for (client, roles) in &file.roles.client {
            for role in roles {
                self.insert_role(Some(client), role)?;
            }
        }
        for role in listed {
            let parent = self.role(None, &role.name)?;
            self.composites(&parent, &role.composites)?;
        }
        for (client, roles) in &file.roles.client {
            for role in roles {
                let parent = self.role(Some(client), &role.name)?;
                self.composites(&parent, &role.composites)?;
            }
        }
        self.default_role(file, default_role)
    }

    /// What everybody gets who is not imported (`keycloak-wire` §9.2, §9.4)
    fn default_role(&mut self, file: &RealmFile, default_role: &str) -> Result<(), StoreError> {
        let parent = self.role(None, default_role)?;
        let described = file
            .roles
            .realm
            .iter()
            .any(|role| role.name == default_role && !role.composites.realm.is_empty());
        self.contain(&parent, None, "uma_authorization")?;
        if !described {
            self.contain(&parent, None, "offline_access")?;
            for role in ["manage-account", "view-profile"] {
                self.contain(&parent, Some("account"), role)?;
            }
        }
        for name in file.default_roles.iter().flatten() {
            self.contain(&parent, None, name)?;
        }
        for client in file.clients.iter().flatten() {
            for name in &client.default_roles {
                self.contain(&parent, Some(&client.client_id), name)?;
            }
        }
        Ok(())
    }

    fn composites(&mut self, parent: &str, composites: &Composites) -> Result<(), StoreError> {
        for name in &composites.realm {
            self.contain(parent, None, name)?;
        }
        for (client, names) in &composites.client {
            for name in names {
                self.contain(parent, Some(client), name)?;
            }
        }
        Ok(())
    }

    fn contain(&mut self, parent: &str, client: Option<&str>, name: &str) -> Result<(), StoreError> {
        let child = self.role(client, name)?;
        if child != parent {
            self.tx
                .prepare_cached("INSERT OR IGNORE INTO role_composite (parent, child) VALUES (?1, ?2)")?
                .execute([parent, &child])?;
        }
        Ok(())
    }

    fn group(&mut self, group: &GroupFile, parent: Option<&str>, above: &str) -> Result<(), StoreError> {
        let path = format!("{above}/{}", group.name);
        let id = group.id.clone().unwrap_or_else(new_id);
        self.tx
            .prepare_cached(
                "INSERT INTO user_group (id, realm_id, parent, name, path) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![id, self.realm_id, parent, group.name, path])
            .map_err(|error| named(error.into(), "group", &path))?;
        self.groups.insert(path.clone(), id.clone());
        for (client, name) in mapped(&group.realm_roles, &group.client_roles) {
            let role = self.role(client, name)?;
            self.tx
                .prepare_cached("INSERT OR IGNORE INTO group_role (group_id, role_id) VALUES (?1, ?2)")?
                .execute([&id, &role])?;
        }
        group.sub_groups.iter().try_for_each(|below| self.group(below, Some(&id), &path))
    }

    fn user(&mut self, user: &UserFile, passwords: &[StoredPassword]) -> Result<(), StoreError> {
        let id = user.id.clone().unwrap_or_else(new_id);
        let username = user.username.to_lowercase();
        let service = match &user.service_account_client_id {
            None => None,
            Some(client) => Some(self.clients.get(client).cloned().ok_or_else(|| {
                refused(format!("user `{username}`: client `{client}` of its service account does not exist"))
            })?),
        };
        let attributes: BTreeMap<&String, Vec<String>> =
            user.attributes.iter().map(|(name, values)| (name, values.clone().into())).collect();
        let created = user.created_timestamp.map_or(self.now, |millis| UnixTime(millis / 1000));
        self.tx
            .prepare_cached(
                "INSERT INTO user (id, realm_id, username, email, first_name, last_name, email_verified, enabled,
                                   service_client, attributes, not_before, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?
            .execute(params![
                id,
                self.realm_id,
                username,
                user.email.as_ref().map(|email| email.to_lowercase()),
                user.first_name,
                user.last_name,
                user.has_verified_email(),
                user.is_enabled(),
                service,
                serde_json::to_string(&attributes)?,
                i64::try_from(user.not_before).unwrap_or(i64::MAX),
                seconds(created),
            ])
            .map_err(|error| named(error.into(), "user", &username))?;
        self.users.insert(username.clone(), id.clone());
        for password in passwords {
            self.tx
                .prepare_cached(
                    "INSERT INTO credential (id, user_id, type, secret_data, credential_data, created_at)
                     VALUES (?1, ?2, 'password', ?3, ?4, ?5)",
                )?
                .execute(params![
                    new_id(),
                    id,
                    password.secret_data,
                    password.credential_data,
                    seconds(self.now)
                ])?;
        }
        for (client, name) in mapped(&user.realm_roles, &user.client_roles) {
            let role = self.role(client, name)?;
            self.give(&id, &role)?;
        }
        for path in &user.groups {
            let path = if path.starts_with('/') { path.clone() } else { format!("/{path}") };
            let group = self
                .groups
                .get(&path)
                .ok_or_else(|| refused(format!("user `{username}`: group `{path}` does not exist")))?;
            self.tx
                .prepare_cached(
                    "INSERT OR IGNORE INTO user_group_member (user_id, group_id) VALUES (?1, ?2)",
                )?
                .execute([&id, group])?;
        }
        Ok(())
    }

    fn give(&self, user: &str, role: &str) -> Result<(), StoreError> {
        self.tx
            .prepare_cached("INSERT OR IGNORE INTO user_role (user_id, role_id) VALUES (?1, ?2)")?
            .execute([user, role])?;
        Ok(())
    }

    /// A service account that the file does not list is made, with what it needs (`keycloak-wire` §9.6)
    fn service_account(&mut self, client: &ClientFile, default_role: &str) -> Result<(), StoreError> {
        let settings = client.settings();
        let listed = self
            .tx
            .prepare_cached("SELECT 1 FROM user WHERE service_client = ?1")?
            .query_row([self.clients.get(&client.client_id)], |_| Ok(()))
            .optional()?;
        if !settings.service_accounts_enabled || listed.is_some() {
            return Ok(());
        }
        let mut user = UserFile::service_account(&client.client_id);
        user.realm_roles.push(default_role.to_owned());
        if settings.authorization_services_enabled {
            user.client_roles.insert(client.client_id.clone(), vec!["uma_protection".to_owned()]);
        }
        self.user(&user, &[])
    }

    /// A user by id or name
    fn user_id(&self, name: &str) -> Option<String> {
        let by_name = self.users.get(&name.to_lowercase());
        by_name.or_else(|| self.users.values().find(|id| *id == name)).cloned()
    }

    /// A client by id or name
    fn client_uid(&self, name: &str) -> Option<String> {
        self.clients.get(name).or_else(|| self.clients.values().find(|id| *id == name)).cloned()
    }

    /// A role by id, `name` or `client/name`
    fn role_id(&self, name: &str) -> Option<String> {
        if let Some(id) = self.roles.values().find(|id| *id == name) {
            return Some(id.clone());
        }
        if let Some(id) = self.roles.get(&(None, name.to_owned())) {
            return Some(id.clone());
        }
        let (client, role) = name.split_once('/')?;
        self.roles.get(&(Some(client.to_owned()), role.to_owned())).cloned()
    }

    /// A group by id or path
    fn group_id(&self, name: &str) -> Option<String> {
        let path = if name.starts_with('/') { name.to_owned() } else { format!("/{name}") };
        self.groups.get(&path).or_else(|| self.groups.values().find(|id| *id == name)).cloned()
    }
}

/// Realm roles and client roles as one list
fn mapped<'a>(
    realm: &'a [String],
    clients: &'a BTreeMap<String, Vec<String>>,
) -> Vec<(Option<&'a str>, &'a str)> {
    let of_clients = clients
        .iter()
        .flat_map(|(client, names)| names.iter().map(move |name| (Some(client.as_str()), name.as_str())));
    realm.iter().map(|name| (None, name.as_str())).chain(of_clients).collect()
}

/// A configuration member that is a JSON list inside a text
pub(super) fn list(
    config: &BTreeMap<String, crate::import::document::Text>,
    name: &str,
) -> Result<Option<Vec<Value>>, String> {
    let Some(text) = config.get(name) else { return Ok(None) };
    serde_json::from_str(&text.0).map(Some).map_err(|_| format!("member `config.{name}` is no JSON list"))
}
