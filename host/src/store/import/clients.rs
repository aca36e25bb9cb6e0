//! Clients of an import.

use super::{StoreError, Writing, named, new_id, refused};
use crate::{
    import::document::RealmFile,
    realm::{
        Client,
        built_in::clients::{BuiltIn, built_in},
    },
    representation::Members,
    store::{client, client::ClientRecord, role, role::Holder, user},
};

impl Writing<'_> {
    /// Writes a client
    pub(crate) fn client(&mut self, record: &ClientRecord) -> Result<(), StoreError> {
        let client = &record.client;
        client::insert(self.tx, &self.realm_id, record)
            .map_err(|error| named(error, "client", &client.client_id))?;
        self.clients.insert(client.client_id.clone(), client.id.clone());
        Ok(())
    }

    /// Writes the clients that every realm has and the file does not list; all of them are given back
    pub(super) fn built_in_clients(&mut self, realm: &str) -> Result<Vec<BuiltIn>, StoreError> {
        let all = built_in(realm);
        for one in &all {
            if self.client_named(one.client_id)?.is_none() {
                let client = Client {
                    id: new_id(),
                    client_id: one.client_id.to_owned(),
                    enabled: true,
                    secret: None,
                    not_before: countersign_core::time::UnixTime(0),
                    settings: one.settings.clone(),
                };
                self.client(&ClientRecord { client, kept: Members::new() })?;
            }
        }
        Ok(all)
    }

    /// A service account that the file does not list is made, with what it needs (`keycloak-wire` §9.6)
    pub(crate) fn service_account(
        &mut self,
        record: &ClientRecord,
        default_role: &str,
    ) -> Result<(), StoreError> {
        let client = &record.client;
        let listed = user::service_account(self.tx, &self.realm_id, &client.id)?.is_some();
        if client.settings.service_accounts_enabled && !listed {
            client::service_account(self.tx, &self.realm_id, client, default_role, self.now)
                .map_err(|error| named(error, "service account of client", &client.client_id))?;
        }
        Ok(())
    }

    /// Roles that tokens may show of a client without full scope, or with a client scope
    pub(crate) fn scope_mappings(&mut self, file: &RealmFile) -> Result<(), StoreError> {
        let of_realm = file.scope_mappings.iter().map(|mapping| (None, mapping));
        let of_clients = file
            .client_scope_mappings
            .iter()
            .flat_map(|(client, all)| all.iter().map(move |mapping| (Some(client.as_str()), mapping)));
        for (client, mapping) in of_realm.chain(of_clients) {
            let holder = match (&mapping.client, &mapping.client_scope) {
                (Some(name), _) => self.client_named(name)?,
                (None, Some(scope)) => self.client_scope_id(scope),
                (None, None) => None,
            };
            let holder = holder.ok_or_else(|| {
                let name = mapping.client.as_ref().or(mapping.client_scope.as_ref());
                let name = name.map(String::as_str).unwrap_or_default();
                refused(format!("a scope mapping names `{name}`, which does not exist"))
            })?;
            for name in &mapping.roles {
                let role = self.role(client, name)?;
                role::give(self.tx, Holder::Scope, &holder, &role)?;
            }
        }
        Ok(())
    }

    fn client_scope_id(&self, name: &str) -> Option<String> {
        // Names and ids both lead to the name; the id is the key that is not the name.
        self.client_scopes.iter().find(|(key, of)| *of == name && *key != name).map(|(key, _)| key.clone())
    }
}
