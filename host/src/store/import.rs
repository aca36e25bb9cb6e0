//! Writing of imported realms: all of a start in one transaction, or nothing (`keycloak-wire` §9).

mod authorization;
mod clients;
mod groups;
mod roles;
mod users;

use std::{collections::BTreeMap, path::PathBuf};

use countersign_core::time::UnixTime;
use rusqlite::{OptionalExtension, Transaction};

pub(crate) use super::new_id;
use super::{
    Store, StoreError,
    client::ClientRecord,
    key::{self, StoredKey},
    realm,
};
use crate::{import::document::RealmFile, realm::Realm, representation::Members};

/// A realm with everything that is slow or secret already done
#[derive(Debug)]
pub struct PreparedRealm {
    /// The realm
    pub realm: Realm,
    /// Members of it that nothing here reads
    pub kept: Members,
    /// What the files say
    pub file: RealmFile,
    /// Where it comes from, for messages; empty for a request
    pub source: PathBuf,
    /// Keys that the files bring; others are made when they are first needed
    pub keys: Vec<StoredKey>,
    /// Its clients, in the order of the file
    pub clients: Vec<ClientRecord>,
    /// Credentials of its users by their place
    pub passwords: Vec<Vec<StoredPassword>>,
}

/// A credential in the form in which it is kept (`keycloak-wire` §9.3)
#[derive(Clone)]
pub struct StoredPassword {
    /// Internal id, if it has one
    pub id: Option<String>,
    /// `password`, `otp`, …
    pub kind: String,
    /// `{"value","salt",…}`
    pub secret_data: String,
    /// `{"hashIterations","algorithm",…}`
    pub credential_data: String,
    /// When it was set, in seconds since 1970
    pub created: Option<u64>,
    /// To be changed at the next sign-in
    pub temporary: bool,
    /// What its owner calls it
    pub label: Option<String>,
}

impl core::fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StoredPassword").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Store {
    /// Names of those realms that are there already
    pub fn known_realms(&self, names: &[String]) -> Result<Vec<String>, StoreError> {
        self.read(|tx| {
            let mut known = Vec::new();
            for name in names {
                if is_known(tx, name)? {
                    known.push(name.clone());
                }
            }
            Ok(known)
        })
    }

    /// Writes new realms; `maker` gets the roles to administer them, where one is named.
    ///
    /// A realm that is there is a [`StoreError::Conflict`]; what contradicts itself is [`StoreError::Refused`]. Either
    /// way nothing is written.
    pub async fn import(
        &self,
        realms: Vec<PreparedRealm>,
        maker: Option<String>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        self.write(move |tx| {
            for prepared in &realms {
                let name = &prepared.realm.name;
                if is_known(tx, name)? {
                    return Err(StoreError::Conflict(format!("realm `{name}`")));
                }
                write(tx, prepared, now).map_err(|error| {
                    let StoreError::Refused(text) = error else { return error };
                    if prepared.source.as_os_str().is_empty() {
                        return refused(text);
                    }
                    refused(format!("{}: realm `{name}`: {text}", prepared.source.display()))
                })?;
            }
            // The realm of the administrators may have come with the others.
            for prepared in &realms {
                realm::open_to_administrators(tx, &prepared.realm.name, maker.as_deref())?;
            }
            Ok(())
        })
        .await
    }
}

fn is_known(tx: &Transaction<'_>, name: &str) -> Result<bool, StoreError> {
    Ok(tx.prepare_cached("SELECT 1 FROM realm WHERE name = ?1")?.exists([name])?)
}

/// Client and name, or `None` and name: where a role is looked up
type RoleKey = (Option<String>, String);

/// One realm while it is written: what was named so far, with ids
pub(crate) struct Writing<'a> {
    pub(crate) tx: &'a Transaction<'a>,
    pub(crate) realm_id: String,
    clients: BTreeMap<String, String>,
    roles: BTreeMap<RoleKey, String>,
    groups: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
    client_scopes: BTreeMap<String, String>,
    pub(crate) now: UnixTime,
}

pub(crate) fn refused(message: impl Into<String>) -> StoreError {
    StoreError::Refused(message.into())
}

/// A clash of ids or names, said with the name
fn named(error: StoreError, kind: &str, name: &str) -> StoreError {
    if matches!(error, StoreError::Conflict(_)) {
        refused(format!("{kind} `{name}`: its name or id is in use already"))
    } else {
        error
    }
}

fn write(tx: &Transaction<'_>, prepared: &PreparedRealm, now: UnixTime) -> Result<(), StoreError> {
    let PreparedRealm { realm, kept, file, keys, clients, passwords, .. } = prepared;
    realm::insert(tx, realm, kept, now).map_err(|error| named(error, "realm", &realm.name))?;
    for stored in keys {
        key::insert_imported(tx, &realm.id, stored)?;
    }
    let mut writing = Writing::new(tx, realm, now);
    let default_role = realm.default_role();
    for record in clients {
        writing.client(record)?;
    }
    let built_in = writing.built_in_clients(&realm.name)?;
    writing.all_roles(file, &built_in, &default_role)?;
    for group in &file.groups {
        writing.group(group, None, "")?;
    }
    for path in file.default_groups.iter().flatten() {
        let group =
            writing.group_at(path)?.ok_or_else(|| refused(format!("group `{path}` does not exist")))?;
        super::group::add_default(tx, &realm.id, &group)?;
    }
    writing.scope_mappings(file)?;
    for (place, user) in file.users.iter().enumerate() {
        let passwords = passwords.get(place).map(Vec::as_slice).unwrap_or_default();
        writing.user(user, passwords)?;
    }
    for record in clients {
        writing.service_account(record, &default_role)?;
    }
    for (record, client) in clients.iter().zip(file.clients.iter().flatten()) {
        if record.client.settings.authorization_services_enabled {
            authorization::write(&writing, &record.client, client.authorization_settings.as_ref())?;
        }
    }
    Ok(())
}

impl<'a> Writing<'a> {
    /// Writes into this realm
    pub(crate) fn new(tx: &'a Transaction<'a>, realm: &Realm, now: UnixTime) -> Self {
        let scopes = &realm.settings.client_scopes;
        let client_scopes = scopes
            .iter()
            .flat_map(|scope| [&scope.id, &scope.name].map(|key| (key.clone(), scope.name.clone())))
            .collect();
        Self {
            tx,
            realm_id: realm.id.clone(),
            clients: BTreeMap::new(),
            roles: BTreeMap::new(),
            groups: BTreeMap::new(),
            users: BTreeMap::new(),
            client_scopes,
            now,
        }
    }

    /// The internal id of a client by its public name
    fn client_named(&mut self, client_id: &str) -> Result<Option<String>, StoreError> {
        if let Some(id) = self.clients.get(client_id) {
            return Ok(Some(id.clone()));
        }
        let id: Option<String> = self
            .tx
            .prepare_cached("SELECT id FROM client WHERE realm_id = ?1 AND client_id = ?2")?
            .query_row([self.realm_id.as_str(), client_id], |row| row.get(0))
            .optional()?;
        if let Some(id) = &id {
            self.clients.insert(client_id.to_owned(), id.clone());
        }
        Ok(id)
    }

    /// The id of a group by its path, whose first slash may be missing
    fn group_at(&mut self, path: &str) -> Result<Option<String>, StoreError> {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if let Some(id) = self.groups.get(&path) {
            return Ok(Some(id.clone()));
        }
        let id: Option<String> = self
            .tx
            .prepare_cached("SELECT id FROM user_group WHERE realm_id = ?1 AND path = ?2")?
            .query_row([&self.realm_id, &path], |row| row.get(0))
            .optional()?;
        if let Some(id) = &id {
            self.groups.insert(path, id.clone());
        }
        Ok(id)
    }
}
