//! Groups of an import.

use super::{StoreError, Writing, named, new_id};
use crate::{
    import::document::GroupFile,
    representation::{lenient, role::mapped},
    store::{
        group::{self, GroupRecord},
        role::{self, Holder},
    },
};

impl Writing<'_> {
    /// Writes a group and all below it
    pub(crate) fn group(
        &mut self,
        file: &GroupFile,
        parent: Option<&str>,
        above: &str,
    ) -> Result<String, StoreError> {
        let name = file.name.clone().unwrap_or_default();
        let path = format!("{above}/{name}");
        let record = GroupRecord {
            id: file.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(new_id),
            parent: parent.map(str::to_owned),
            name,
            path: path.clone(),
            description: file.description.clone(),
            attributes: file.attributes.as_ref().map(lenient::attributes).unwrap_or_default(),
            kept: file.other.clone(),
            children: 0,
        };
        group::insert(self.tx, &self.realm_id, &record).map_err(|error| named(error, "group", &path))?;
        self.groups.insert(path.clone(), record.id.clone());
        let (realm, clients) =
            (file.realm_roles.as_deref().unwrap_or_default(), file.client_roles.clone().unwrap_or_default());
        for (client, name) in mapped(realm, &clients) {
            let role = self.role(client, name)?;
            role::give(self.tx, Holder::Group, &record.id, &role)?;
        }
        for below in &file.sub_groups {
            self.group(below, Some(&record.id), &path)?;
        }
        Ok(record.id)
    }
}
