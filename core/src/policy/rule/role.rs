//! Role policies: realm and client roles, of the token or of the record.

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};

use serde_json::Value;

use super::super::{Circumstances, Effect, Fault, config::Config};
use crate::requester::{Directory, RoleName, Roles};

/// Configuration of a `role` policy
#[derive(Debug)]
pub struct RoleRule {
    /// The roles
    pub roles: Vec<RoleRef>,
    /// Roles of the user's record count, not those of the token
    pub fetch: bool,
}

/// One role of a policy
#[derive(Debug)]
pub struct RoleRef {
    name: Reference,
    /// Without it, the others do not help
    pub required: bool,
}

#[derive(Debug)]
enum Reference {
    Named(RoleName),
    Id(String),
}

impl RoleRef {
    pub(super) fn read(item: &Value) -> Result<Self, Fault> {
        let config = Config(item);
        let required = config.flag("required").map_err(|_| Fault::Configuration("roles"))?;
        let text = |name| config.text(name).map_err(|_| Fault::Configuration("roles"));
        let name = match (text("name")?, text("id")?) {
            (Some(name), _) => {
                let client = text("client")?.map(ToOwned::to_owned);
                Reference::Named(RoleName { client, name: name.to_owned() })
            }
            (None, Some(id)) => Reference::Id(id.to_owned()),
            (None, None) => return Err(Fault::Configuration("roles")),
        };
        Ok(Self { name, required })
    }

    /// The role's name; none if it was given by an id that nobody knows any more
    pub fn name<'a>(&'a self, directory: &'a Directory) -> Option<&'a RoleName> {
        match &self.name {
            Reference::Named(name) => Some(name),
            Reference::Id(id) => directory.roles.get(id),
        }
    }

    /// Whether it is among these; no answer where the role is gone
    pub(super) fn held(&self, roles: &Roles, directory: &Directory) -> Option<bool> {
        self.name(directory).map(|role| roles.holds(role.client.as_deref(), &role.name))
    }
}

pub(super) fn refs(list: &[Cow<'_, Value>]) -> Result<Vec<RoleRef>, Fault> {
    list.iter().map(|item| RoleRef::read(item)).collect()
}

impl RoleRule {
    pub(super) fn read(config: Config<'_>) -> Result<Self, Fault> {
        Ok(Self { roles: refs(&config.some("roles")?)?, fetch: config.flag("fetchRoles")? })
    }

    /// The roles that count; none where the record was not fetched
    pub fn held<'a>(&self, at: &Circumstances<'a>) -> Option<&'a Roles> {
        if self.fetch { at.requester.recorded_roles.as_ref() } else { Some(&at.requester.roles) }
    }

    pub(super) fn effect(&self, at: &Circumstances<'_>) -> Effect {
        let Some(roles) = self.held(at) else { return Effect::Broken };
        let (mut any, mut known) = (false, false);
        for role in &self.roles {
            let Some(held) = role.held(roles, at.directory) else { continue };
            if role.required && !held {
                return Effect::Deny;
            }
            known = true;
            any |= held;
        }
        if known { Effect::of(any) } else { Effect::Broken }
    }
}
