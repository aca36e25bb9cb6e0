//! What scripts ask about people and groups (`keycloak-wire` §8.8, `getRealm()`).

use core::iter;
use std::collections::BTreeMap;

use rusqlite::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    realm::User,
    store::{
        Store, StoreError,
        group::{self, GroupRecord},
        realm,
        role::{self, Holder, RoleRecord},
        user,
    },
};

/// One question; a user is named by id, username, e-mail address or the client whose account it is, a group by its path,
/// a client by its `clientId`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Inquiry {
    IsUserInGroup(String, String, bool),
    IsUserInRealmRole(String, String),
    IsUserInClientRole(String, String, String),
    IsGroupInRole(String, String),
    GetUserRealmRoles([String; 1]),
    GetUserClientRoles(String, String),
    GetUserGroups([String; 1]),
    GetUserAttributes([String; 1]),
}

/// The answer; `null` where a list is asked for of a user whom nobody knows
pub(super) fn answer(store: &Store, realm_id: &str, inquiry: &Inquiry) -> Result<Value, StoreError> {
    store.read(|tx| Lookup { tx, realm_id }.answer(inquiry))
}

struct Lookup<'a> {
    tx: &'a Transaction<'a>,
    realm_id: &'a str,
}

impl Lookup<'_> {
    fn answer(&self, inquiry: &Inquiry) -> Result<Value, StoreError> {
        match inquiry {
            Inquiry::IsUserInGroup(user, group, parents) => {
                let (Some(user), Some(group)) = (self.user(user)?, self.group(group)?) else {
                    return Ok(false.into());
                };
                for of_user in user::groups(self.tx, &user.id)? {
                    if of_user.id == group.id
                        || (*parents && group::is_within(self.tx, &of_user.id, &group.id)?)
                    {
                        return Ok(true.into());
                    }
                }
                Ok(false.into())
            }
            Inquiry::IsUserInRealmRole(user, name) => {
                let direct = self.roles(user, None)?.unwrap_or_default();
                self.reaches(&direct, None, name).map(Value::from)
            }
            Inquiry::IsUserInClientRole(user, client, name) => {
                let Some(client) = self.client(client)? else { return Ok(false.into()) };
                let direct = self.roles(user, Some(&client))?.unwrap_or_default();
                self.reaches(&direct, Some(&client), name).map(Value::from)
            }
            Inquiry::IsGroupInRole(group, name) => {
                let Some(group) = self.group(group)? else { return Ok(false.into()) };
                let direct = role::of(self.tx, Holder::Group, &group.id)?;
                self.reaches(&direct, None, name).map(Value::from)
            }
            Inquiry::GetUserRealmRoles([user]) => Ok(names(self.roles(user, None)?)),
            Inquiry::GetUserClientRoles(user, client) => match self.client(client)? {
                Some(client) => Ok(names(self.roles(user, Some(&client))?)),
                None => Ok(json!([])),
            },
            Inquiry::GetUserGroups([user]) => {
                let Some(user) = self.user(user)? else { return Ok(Value::Null) };
                let groups = user::groups(self.tx, &user.id)?;
                Ok(groups.into_iter().map(|group| group.path).collect())
            }
            Inquiry::GetUserAttributes([user]) => Ok(json!(self.user(user)?.map(attributes))),
        }
    }

    fn user(&self, text: &str) -> Result<Option<User>, StoreError> {
        let Self { tx, realm_id } = *self;
        if let Some(user) = user::by_id(tx, realm_id, text)? {
            return Ok(Some(user));
        }
        if let Some(user) = user::by_username(tx, realm_id, text)? {
            return Ok(Some(user));
        }
        if let Some(user) = user::by_email(tx, realm_id, text)? {
            return Ok(Some(user));
        }
        match self.client(text)? {
            Some(client) => user::service_account(tx, realm_id, &client),
            None => Ok(None),
        }
    }

    fn group(&self, path: &str) -> Result<Option<GroupRecord>, StoreError> {
        let path = format!("/{}", path.trim_start_matches('/'));
        group::by_path(self.tx, self.realm_id, &path)
    }

    /// Internal id of a client
    fn client(&self, client_id: &str) -> Result<Option<String>, StoreError> {
        Ok(realm::client_by_client_id(self.tx, self.realm_id, client_id)?.map(|client| client.id))
    }

    /// The roles that a user has himself, of a client or of the realm
    fn roles(&self, user: &str, client: Option<&str>) -> Result<Option<Vec<RoleRecord>>, StoreError> {
        let Some(user) = self.user(user)? else { return Ok(None) };
        let mut direct = role::of(self.tx, Holder::User, &user.id)?;
        direct.retain(|role| role.client.as_deref() == client);
        Ok(Some(direct))
    }

    /// Whether one of the roles is the named one, or contains it
    fn reaches(&self, direct: &[RoleRecord], client: Option<&str>, name: &str) -> Result<bool, StoreError> {
        let is_meant = |role: &RoleRecord| role.client.as_deref() == client && role.name == name;
        for role in direct {
            if is_meant(role) || role::closure(self.tx, &role.id)?.iter().any(is_meant) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn names(roles: Option<Vec<RoleRecord>>) -> Value {
    json!(roles.map(|roles| roles.into_iter().map(|role| role.name).collect::<Vec<_>>()))
}

/// A user's attributes with those that Keycloak counts among them: name, first and last name, e-mail address
fn attributes(user: User) -> BTreeMap<String, Vec<String>> {
    let mut all = user.attributes;
    let own = [("firstName", user.first_name), ("lastName", user.last_name), ("email", user.email)];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
    for (name, value) in own.chain(iter::once(("username", user.username))) {
        all.insert(name.to_owned(), vec![value]);
    }
    all
}
