//! People of an import.

use countersign_core::time::UnixTime;
use rusqlite::params;
use serde_json::json;

use super::{StoreError, StoredPassword, Writing, named, new_id, refused};
use crate::{
    import::document::UserFile,
    realm::User,
    representation::{lenient, role::mapped},
    sign_in::required::UPDATE_PASSWORD,
    store::{
        group,
        role::{self, Holder},
        seconds,
        user::people::{self, UserRecord},
    },
};

impl Writing<'_> {
    /// Writes a user with exactly the roles that the file gives him (`keycloak-wire` §9.3); gives his id
    pub(crate) fn user(
        &mut self,
        file: &UserFile,
        passwords: &[StoredPassword],
    ) -> Result<String, StoreError> {
        let username = file.username();
        let service = match &file.service_account_client_id {
            None => None,
            Some(client) => Some(self.client_named(client)?.ok_or_else(|| {
                refused(format!("user `{username}`: client `{client}` of its service account does not exist"))
            })?),
        };
        let mut kept = file.kept();
        if let Some(millis) = file.created_timestamp.filter(|millis| millis % 1000 != 0) {
            // Seconds are stored; what was given comes back.
            kept.insert("createdTimestamp".to_owned(), json!(millis));
        }
        let mut actions = file.required_actions.clone().unwrap_or_default();
        let update = UPDATE_PASSWORD.to_owned();
        if passwords.iter().any(|password| password.temporary) && !actions.contains(&update) {
            actions.push(update);
        }
        let record = UserRecord {
            user: User {
                id: file.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(new_id),
                username: username.clone(),
                email: file
                    .email
                    .as_ref()
                    .map(|email| email.to_lowercase())
                    .filter(|email| !email.is_empty()),
                first_name: file.first_name.clone(),
                last_name: file.last_name.clone(),
                email_verified: file.email_verified.unwrap_or(false),
                enabled: file.enabled.unwrap_or(true),
                service_client: service,
                attributes: file.attributes.as_ref().map(lenient::attributes).unwrap_or_default(),
                not_before: UnixTime(file.not_before.unwrap_or(0)),
            },
            created_at: file.created_timestamp.map_or(self.now, |millis| UnixTime(millis / 1000)),
            required_actions: actions,
            kept,
        };
        let id = record.user.id.clone();
        people::insert(self.tx, &self.realm_id, &record).map_err(|error| named(error, "user", &username))?;
        self.users.insert(username.clone(), id.clone());
        for password in passwords {
            self.tx
                .prepare_cached(
                    "INSERT INTO credential (id, user_id, type, secret_data, credential_data, created_at, temporary, label)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    password.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(new_id),
                    id,
                    password.kind,
                    password.secret_data,
                    password.credential_data,
                    seconds(password.created.map_or(self.now, UnixTime)),
                    password.temporary,
                    password.label,
                ])
                .map_err(|error| named(error.into(), "a credential of user", &username))?;
        }
        let (realm, clients) =
            (file.realm_roles.as_deref().unwrap_or_default(), file.client_roles.clone().unwrap_or_default());
        for (client, name) in mapped(realm, &clients) {
            let role = self.role(client, name)?;
            role::give(self.tx, Holder::User, &id, &role)?;
        }
        for path in file.groups.iter().flatten() {
            let group = self
                .group_at(path)?
                .ok_or_else(|| refused(format!("user `{username}`: group `{path}` does not exist")))?;
            group::join(self.tx, &id, &group)?;
        }
        Ok(id)
    }
}
