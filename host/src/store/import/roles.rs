//! Roles of an import, and what they contain.

use super::{StoreError, Writing, named, new_id, refused};
use crate::{
    import::document::{Composites, RealmFile, RoleFile},
    realm::built_in::clients::{BuiltIn, described},
    representation::lenient,
    store::{role, role::RoleRecord},
};

impl Writing<'_> {
    /// The id of a role, made if it is not there: files name roles that they do not list
    pub(crate) fn role(&mut self, client: Option<&str>, name: &str) -> Result<String, StoreError> {
        match self.known_role(client, name)? {
            Some(id) => Ok(id),
            None => self.insert_role(client, &RoleFile::named(name)),
        }
    }

    /// The id of a role that is there
    pub(crate) fn known_role(
        &mut self,
        client: Option<&str>,
        name: &str,
    ) -> Result<Option<String>, StoreError> {
        let key = (client.map(str::to_owned), name.to_owned());
        if let Some(id) = self.roles.get(&key) {
            return Ok(Some(id.clone()));
        }
        let of = match client {
            None => None,
            Some(client) => Some(self.client_of(client, name)?),
        };
        let found = role::by_name(self.tx, &self.realm_id, of.as_deref(), name)?.map(|role| role.id);
        if let Some(id) = &found {
            self.roles.insert(key, id.clone());
        }
        Ok(found)
    }

    /// What was known of a role that was removed meanwhile
    pub(crate) fn forget_role(&mut self, client: Option<&str>, name: &str) {
        self.roles.remove(&(client.map(str::to_owned), name.to_owned()));
    }

    fn client_of(&mut self, client: &str, role: &str) -> Result<String, StoreError> {
        self.client_named(client)?
            .ok_or_else(|| refused(format!("role `{role}`: client `{client}` does not exist")))
    }

    /// Writes a role; one that was only named before gets what the file says of it
    pub(crate) fn insert_role(
        &mut self,
        client: Option<&str>,
        file: &RoleFile,
    ) -> Result<String, StoreError> {
        let name = file.name();
        let of = match client {
            None => None,
            Some(client) => Some(self.client_of(client, name)?),
        };
        let mut record = RoleRecord {
            id: file.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(new_id),
            name: name.to_owned(),
            description: file.description.clone(),
            client: of,
            composite: false,
            attributes: file.attributes.as_ref().map(lenient::attributes).unwrap_or_default(),
            kept: file.other.clone(),
        };
        if let Some(known) = self.known_role(client, name)? {
            record.id = known;
            role::update(self.tx, &self.realm_id, &record)?;
            return Ok(record.id);
        }
        role::insert(self.tx, &self.realm_id, &record).map_err(|error| named(error, "role", name))?;
        self.roles.insert((client.map(str::to_owned), name.to_owned()), record.id.clone());
        Ok(record.id)
    }

    /// Every role of a realm: those that are listed, those that every realm has, and the default role
    pub(super) fn all_roles(
        &mut self,
        file: &RealmFile,
        built_in: &[BuiltIn],
        default_role: &str,
    ) -> Result<(), StoreError> {
        let listed = file.roles.realm.iter();
        let of_clients = file.roles.client.iter().chain(&file.roles.application);
        let of_clients =
            || of_clients.clone().flat_map(|(client, all)| all.iter().map(move |role| (client, role)));
        for role in listed.clone() {
            self.insert_role(None, role)?;
        }
        for (client, role) in of_clients() {
            self.insert_role(Some(client), role)?;
        }
        self.built_in_roles(built_in)?;
        for role in listed {
            let parent = self.role(None, role.name())?;
            self.composites(&parent, role.composites.as_ref())?;
        }
        for (client, role) in of_clients() {
            let parent = self.role(Some(client), role.name())?;
            self.composites(&parent, role.composites.as_ref())?;
        }
        self.default_role(file, default_role)
    }

    /// Roles of the clients that every realm has, where the file does not list them
    fn built_in_roles(&mut self, built_in: &[BuiltIn]) -> Result<(), StoreError> {
        let realm = [
            ("offline_access", "${role_offline-access}"),
            ("uma_authorization", "${role_uma_authorization}"),
        ];
        for (name, description) in realm {
            if self.known_role(None, name)?.is_none() {
                let role = RoleFile { description: Some(description.to_owned()), ..RoleFile::named(name) };
                self.insert_role(None, &role)?;
            }
        }
        for client in built_in {
            let mut made = Vec::new();
            for (name, contains) in &client.roles {
                if self.known_role(Some(client.client_id), name)?.is_none() {
                    let role = RoleFile { description: Some(described(name)), ..RoleFile::named(name) };
                    made.push((self.insert_role(Some(client.client_id), &role)?, *contains));
                }
            }
            for (parent, contains) in made {
                for name in contains {
                    let child = self.role(Some(client.client_id), name)?;
                    role::put_composite(self.tx, &parent, &child)?;
                }
            }
        }
        Ok(())
    }

    /// What everybody gets who is not imported (`keycloak-wire` §9.2, §9.4)
    fn default_role(&mut self, file: &RealmFile, default_role: &str) -> Result<(), StoreError> {
        let given = file.default_role.as_ref();
        let parent = match (self.known_role(None, default_role)?, given) {
            (Some(id), _) => id,
            (None, Some(role)) => self.insert_role(None, role)?,
            (None, None) => {
                let role = RoleFile {
                    description: Some("${role_default-roles}".to_owned()),
                    ..RoleFile::named(default_role)
                };
                self.insert_role(None, &role)?
            }
        };
        let listed = file.roles.realm.iter().find(|role| role.name() == default_role);
        let described = listed.and_then(|role| role.composites.as_ref());
        let described = described.is_some_and(|composites| composites.iter().next().is_some());
        self.composites(&parent, given.and_then(|role| role.composites.as_ref()))?;
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
            for name in client.default_roles.iter().flatten() {
                self.contain(&parent, Some(client.client_id()), name)?;
            }
        }
        Ok(())
    }

    /// Puts roles into a role
    pub(crate) fn composites(
        &mut self,
        parent: &str,
        composites: Option<&Composites>,
    ) -> Result<(), StoreError> {
        for (client, name) in composites.into_iter().flat_map(Composites::iter) {
            self.contain(parent, client, name)?;
        }
        Ok(())
    }

    fn contain(&mut self, parent: &str, client: Option<&str>, name: &str) -> Result<(), StoreError> {
        let child = self.role(client, name)?;
        if child == parent { Ok(()) } else { role::put_composite(self.tx, parent, &child) }
    }
}
