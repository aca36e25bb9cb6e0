//! Partial import and partial export of a realm.

use core::fmt;
use std::sync::Arc;

use axum::{Router, extract::State, response::Response, routing::post};
use countersign_core::time::UnixTime;
use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    REALM,
    answer::{one, or_else, refused, wrong},
    caller::{Caller, Role},
};
use crate::{
    app::App,
    error::ApiError,
    export::{self, Parts},
    http::{
        Routes as _,
        extract::{Json, Query},
    },
    import::{check, document::RealmFile, sealed_secret, stored},
    keys,
    realm::{Client, ClientSettings, Realm},
    representation::{
        Members, Representation, client::ClientRepresentation, group::GroupRepresentation, lenient,
        role::RolesRepresentation, stranger, stranger_in, user::UserRepresentation,
    },
    store::{
        self, StoreError,
        client::ClientRecord,
        import::{StoredPassword, Writing},
        user::people,
    },
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .at(&format!("{REALM}/partialImport"), post(import))
        .at(&format!("{REALM}/partial-export"), post(partial_export))
}

/// What is to be added to a realm, and what happens to what is there already
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub(in crate::http) struct PartialImport {
    if_resource_exists: Policy,
    #[serde(deserialize_with = "lenient::list")]
    users: Vec<UserRepresentation>,
    #[serde(deserialize_with = "lenient::list")]
    groups: Vec<GroupRepresentation>,
    clients: Option<Vec<ClientRepresentation>>,
    roles: RolesRepresentation,
    #[serde(flatten)]
    other: Members,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "IfResourceExists"))]
#[serde(rename_all = "UPPERCASE")]
enum Policy {
    #[default]
    Fail,
    Skip,
    Overwrite,
}

impl Representation for PartialImport {
    const CLASS: &'static str = "PartialImportRepresentation";
    const BYTES: usize = crate::import::FILE_BYTES;

    fn unknown(&self) -> Option<Vec<String>> {
        // A whole realm may be sent: what is no part of this is passed over, as in Keycloak.
        let known = crate::representation::fields::of::<RealmFileNames>();
        stranger(&self.other, &[known], crate::representation::realm::IDLE)
            .or_else(|| stranger_in("users", &self.users))
            .or_else(|| stranger_in("groups", &self.groups))
            .or_else(|| self.clients.as_ref().and_then(|all| stranger_in("clients", all)))
    }
}

/// The members of a realm's settings
type RealmFileNames = crate::realm::RealmSettings;

/// What became of one thing
struct Outcome {
    action: &'static str,
    kind: Kind,
    name: String,
    id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Group,
    Client,
    RealmRole,
    ClientRole,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "USER",
            Self::Group => "GROUP",
            Self::Client => "CLIENT",
            Self::RealmRole => "REALM_ROLE",
            Self::ClientRole => "CLIENT_ROLE",
        })
    }
}

async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(given): Json<PartialImport>,
) -> Result<Response, ApiError> {
    caller.require(Role::ManageRealm)?;
    caller.require(Role::ManageUsers)?;
    caller.require(Role::ManageClients)?;
    let policy = given.if_resource_exists;
    let file = RealmFile {
        realm: Some(caller.realm.name.clone()),
        users: given.users,
        groups: given.groups,
        clients: given.clients,
        roles: given.roles,
        ..RealmFile::default()
    };
    check::members(&file).map_err(|error| wrong(&error))?;
    check::whole(&file).map_err(refused)?;
    check::passwords(&file, &caller.realm.password_policy()).map_err(refused)?;
    let (file, passwords) = tokio::task::spawn_blocking(move || {
        let of = |user: &UserRepresentation| -> Result<Vec<StoredPassword>, _> {
            user.credentials.iter().flatten().filter_map(|given| stored(given).transpose()).collect()
        };
        let passwords = file.users.iter().map(of).collect::<Result<Vec<_>, _>>();
        passwords.map(|passwords| (file, passwords))
    })
    .await
    .map_err(|_| ApiError::server_error())?
    .map_err(|_| refused("A password could not be hashed"))?;
    let mut clients = Vec::new();
    for given in file.clients.iter().flatten() {
        clients.push(client(&app, given)?);
    }
    let note = caller.note("realm.partial_import", "CREATE", "REALM", "partialImport");
    let by = caller.clone();
    let done = app.store.write(move |tx| {
        let mut import = Import { tx, by: &by, policy, now: by.now(), outcomes: Vec::new() };
        import.all(&file, &clients, &passwords)?;
        let outcomes = import.outcomes;
        store::realm::touch(tx, &by.realm.id)?;
        note.record(tx)?;
        Ok(outcomes)
    });
    let outcomes = done.await.map_err(|error| {
        let taken = if let StoreError::Conflict(text) = &error { text.clone() } else { String::new() };
        or_else(error, || taken, "Realm not found.")
    })?;
    let count = |action: &str| outcomes.iter().filter(|one| one.action == action).count();
    let results: Vec<Value> = outcomes
        .iter()
        .map(|one| {
            json!({
                "action": one.action, "resourceType": one.kind.to_string(), "resourceName": one.name, "id": one.id,
            })
        })
        .collect();
    Ok(one(&json!({
        "overwritten": count("OVERWRITTEN"), "added": count("ADDED"), "skipped": count("SKIPPED"),
        "results": results,
    })))
}

fn client(app: &App, given: &ClientRepresentation) -> Result<ClientRecord, ApiError> {
    let (mut settings, kept) = given.settings(&ClientSettings::default()).map_err(|error| wrong(&error))?;
    settings.make_confidential();
    for mapper in &mut settings.protocol_mappers {
        let id = mapper.id.get_or_insert_default();
        if id.is_empty() {
            *id = keys::random_id()?;
        }
    }
    let mut client = Client {
        id: given.id.clone().filter(|id| !id.is_empty()).map_or_else(keys::random_id, Ok)?,
        client_id: given.client_id().to_owned(),
        enabled: given.enabled.unwrap_or(true),
        secret: None,
        not_before: UnixTime(given.not_before.unwrap_or(0)),
        settings,
    };
    client.secret = sealed_secret(app.keys.master(), &client, given.secret.as_ref())?;
    Ok(ClientRecord { client, kept })
}

struct Import<'a> {
    tx: &'a Transaction<'a>,
    by: &'a Caller,
    policy: Policy,
    now: UnixTime,
    outcomes: Vec<Outcome>,
}

impl Import<'_> {
    fn realm(&self) -> &Realm {
        &self.by.realm
    }

    /// Whether something goes in; what is there already decides by the policy, and is removed to be written over
    fn admits(
        &mut self,
        kind: Kind,
        name: &str,
        known: Option<String>,
    ) -> Result<Option<&'static str>, StoreError> {
        let Some(id) = known else { return Ok(Some("ADDED")) };
        match self.policy {
            Policy::Fail => {
                let kind = match kind {
                    Kind::User => "User",
                    Kind::Group => "Group",
                    Kind::Client => "Client",
                    Kind::RealmRole => "Realm role",
                    Kind::ClientRole => "Client role",
                };
                Err(StoreError::Conflict(format!("{kind} '{name}' already exists. See ifResourceExists.")))
            }
            Policy::Skip => {
                self.outcomes.push(Outcome { action: "SKIPPED", kind, name: name.to_owned(), id });
                Ok(None)
            }
            Policy::Overwrite => {
                let realm = &self.by.realm.id;
                match kind {
                    Kind::User => people::delete(self.tx, realm, &id, self.now)?,
                    Kind::Group => store::group::delete(self.tx, realm, &id)?,
                    Kind::Client => store::client::delete(self.tx, realm, &id, self.now)?,
                    Kind::RealmRole | Kind::ClientRole => store::role::delete(self.tx, realm, &id)?,
                }
                Ok(Some("OVERWRITTEN"))
            }
        }
    }

    fn note(&mut self, action: &'static str, kind: Kind, name: &str, id: &str) {
        self.outcomes.push(Outcome { action, kind, name: name.to_owned(), id: id.to_owned() });
    }

    fn all(
        &mut self,
        file: &RealmFile,
        clients: &[ClientRecord],
        passwords: &[Vec<StoredPassword>],
    ) -> Result<(), StoreError> {
        let default_role = self.realm().default_role();
        let mut admitted = Vec::new();
        for (record, given) in clients.iter().zip(file.clients.iter().flatten()) {
            let name = &record.client.client_id;
            let known = store::client::by_client_id(self.tx, &self.realm().id, name)?;
            if let Some(action) = self.admits(Kind::Client, name, known.map(|known| known.client.id))? {
                admitted.push((action, record, given));
            }
        }
        let mut writing = Writing::new(self.tx, &self.by.realm, self.now);
        for (action, record, _) in &admitted {
            writing.client(record)?;
            self.note(action, Kind::Client, &record.client.client_id, &record.client.id);
        }
        let of_clients = file.roles.client.iter();
        let of_clients =
            of_clients.flat_map(|(client, roles)| roles.iter().map(move |role| (Some(client), role)));
        let listed = file.roles.realm.iter().map(|role| (None, role)).chain(of_clients);
        let mut roles = Vec::new();
        for (client, role) in listed {
            let client = client.map(String::as_str);
            let kind = if client.is_some() { Kind::ClientRole } else { Kind::RealmRole };
            let known = writing.known_role(client, role.name())?;
            // A role that came with its client a moment ago, or the default role, is filled, not replaced.
            let is_default = client.is_none() && role.name() == default_role;
            if is_default && known.is_some() {
                continue;
            }
            if let Some(action) = self.admits(kind, role.name(), known)? {
                writing.forget_role(client, role.name());
                let id = writing.insert_role(client, role)?;
                self.note(action, kind, role.name(), &id);
                roles.push((id, role));
            }
        }
        for (id, role) in roles {
            writing.composites(&id, role.composites.as_ref())?;
        }
        for group in &file.groups {
            let name = group.name.clone().unwrap_or_default();
            let path = format!("/{name}");
            let known = store::group::by_path(self.tx, &self.realm().id, &path)?.map(|known| known.id);
            if let Some(action) = self.admits(Kind::Group, &path, known)? {
                let id = writing.group(group, None, "")?;
                self.note(action, Kind::Group, &path, &id);
            }
        }
        for (place, user) in file.users.iter().enumerate() {
            let name = user.username();
            let known = store::user::by_username(self.tx, &self.realm().id, &name)?.map(|known| known.id);
            if let Some(action) = self.admits(Kind::User, &name, known)? {
                let id = writing.user(user, passwords.get(place).map(Vec::as_slice).unwrap_or_default())?;
                self.note(action, Kind::User, &name, &id);
                self.demand_gifts(&id)?;
            }
        }
        for (_, record, given) in admitted {
            writing.service_account(record, &default_role)?;
            if record.client.settings.authorization_services_enabled {
                writing.authorization(&record.client, given.authorization_settings.as_ref())?;
            }
        }
        Ok(())
    }

    /// Nobody gets more by an import than the caller may give
    fn demand_gifts(&self, user: &str) -> Result<(), StoreError> {
        let held = store::role::effective(self.tx, store::role::Holder::User, user)?;
        held.iter().try_for_each(|role| self.by.demand_gift(self.tx, &role.id))
    }
}

async fn partial_export(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    caller.require(Role::ViewRealm)?;
    let parts = Parts {
        users: false,
        clients: query.flag("exportClients").unwrap_or(false),
        roles: query.flag("exportGroupsAndRoles").unwrap_or(false),
        secrets: false,
        keys: false,
    };
    if parts.clients {
        caller.require(Role::ViewClients)?;
    }
    if parts.roles {
        caller.require(Role::ViewUsers)?;
    }
    let document = export::realm(&app.store, app.keys.master(), &caller.realm.name, parts).map_err(
        |error| match error {
            export::ExportError::Unknown(_) => super::answer::missing("Realm not found."),
            export::ExportError::Store(error) => error.into(),
            export::ExportError::Key(error) => error.into(),
        },
    )?;
    Ok(one(&document))
}
