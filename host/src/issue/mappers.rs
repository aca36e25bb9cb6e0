//! Protocol mappers: what realms configure into tokens (wire §9.4).

mod claim;
mod values;

use rusqlite::Transaction;
use serde_json::{Map, Value, json};

use self::claim::{set, set_for, typed};
use super::{IssueContext, roles};
use crate::{
    realm::{ProtocolMapper, RoleNames},
    store::{self, StoreError},
};

/// For which document a mapper makes its claim
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// An access token
    Access,
    /// An access token that says only what it must
    Lightweight,
    /// An ID token
    Id,
    /// The answer of the userinfo endpoint
    UserInfo,
    /// The answer of the introspection endpoint
    Introspection,
}

/// What the mappers of a token make of its user
#[derive(Debug, Default)]
pub(super) struct Mapped {
    /// Claims
    pub(super) claims: Map<String, Value>,
    /// Audiences, in the order of the mappers
    pub(super) audience: Vec<String>,
}

/// Applies every mapper of the client and of the granted scopes
pub(super) fn apply(
    tx: &Transaction<'_>,
    context: &IssueContext<'_>,
    target: Target,
) -> Result<Mapped, StoreError> {
    let client = context.scopes_of;
    let scopes = || context.scopes.client_scopes(context.realm);
    let all: Vec<Mapper<'_>> = scopes()
        .flat_map(|scope| &scope.protocol_mappers)
        .chain(&client.settings.protocol_mappers)
        .map(Mapper)
        .collect();
    let mut names = roles::carried(tx, client, scopes(), &context.subject.roles)?;
    // These two decide which roles the others see.
    for mapper in all.iter().filter(|mapper| mapper.kind() == "oidc-hardcoded-role-mapper") {
        mapper.add_role(tx, context, &mut names)?;
    }
    for mapper in all.iter().filter(|mapper| mapper.kind() == "oidc-role-name-mapper") {
        mapper.rename_role(&mut names);
    }
    let mut making = Making { tx, context, roles: &names, group_attributes: None, mapped: Mapped::default() };
    for mapper in all.iter().filter(|mapper| mapper.is_for(target)) {
        making.apply(*mapper)?;
    }
    Ok(making.mapped)
}

/// One mapper with its settings
#[derive(Clone, Copy)]
struct Mapper<'a>(&'a ProtocolMapper);

impl<'a> Mapper<'a> {
    fn kind(self) -> &'a str {
        &self.0.protocol_mapper
    }

    /// A setting, absent if it is empty
    fn config(self, name: &str) -> Option<&'a str> {
        self.0.config.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn is_set(self, name: &str) -> bool {
        self.config(name) == Some("true")
    }

    /// Whether it makes a claim of this document; settings that an older realm lacks count as Keycloak counts them
    fn is_for(self, target: Target) -> bool {
        let access = || match (self.config("access.token.claim"), self.kind()) {
            (None, "oidc-audience-resolve-mapper" | "oidc-allowed-origins-mapper") => true,
            (value, _) => value == Some("true"),
        };
        let only_access =
            matches!(self.kind(), "oidc-audience-resolve-mapper" | "oidc-allowed-origins-mapper");
        match target {
            Target::Access => access(),
            Target::Lightweight => self.is_set("lightweight.claim"),
            Target::Id => !only_access && self.is_set("id.token.claim"),
            Target::UserInfo
                if only_access || matches!(self.kind(), "oidc-audience-mapper" | "oidc-acr-mapper") =>
            {
                false
            }
            Target::UserInfo => self
                .config("userinfo.token.claim")
                .map_or_else(|| self.is_set("id.token.claim"), |value| value == "true"),
            Target::Introspection => {
                self.config("introspection.token.claim").map_or_else(access, |value| value == "true")
            }
        }
    }

    /// A role that every user of the client has in his tokens, whether it is his or not
    fn add_role(
        self,
        tx: &Transaction<'_>,
        context: &IssueContext<'_>,
        names: &mut RoleNames,
    ) -> Result<(), StoreError> {
        let Some(role) = self.config("role") else { return Ok(()) };
        let (client, name) = roles::split(role);
        if let Some(client) = client {
            let found = store::realm::client_by_client_id(tx, &context.realm.id, client)?;
            if !found.is_some_and(|client| client.enabled) {
                return Ok(());
            }
        }
        names.add((client, name));
        Ok(())
    }

    /// Another name for a role
    fn rename_role(self, names: &mut RoleNames) {
        if let (Some(role), Some(new)) = (self.config("role"), self.config("new.role.name"))
            && names.remove(roles::split(role))
        {
            names.add(roles::split(new));
        }
    }
}

/// Claims while they are made
struct Making<'a> {
    tx: &'a Transaction<'a>,
    context: &'a IssueContext<'a>,
    roles: &'a RoleNames,
    group_attributes: Option<Vec<values::Attributes>>,
    mapped: Mapped,
}

impl Making<'_> {
    /// Does what one mapper says; kinds that are not known do nothing
    fn apply(&mut self, mapper: Mapper<'_>) -> Result<(), StoreError> {
        let claim = mapper.config("claim.name");
        match mapper.kind() {
            "oidc-audience-mapper" => self.audience(mapper)?,
            "oidc-audience-resolve-mapper" => {
                // Whoever has a role of a client is meant for that client too.
                let own = &self.context.client.client_id;
                let others = self.roles.by_client().into_keys().filter(|name| name != own);
                self.mapped.audience.extend(others.map(str::to_owned));
            }
            "oidc-allowed-origins-mapper" => {
                let origins = values::allowed_origins(self.context.scopes_of);
                if !origins.is_empty() {
                    self.mapped.claims.insert("allowed-origins".to_owned(), origins.into());
                }
            }
            "oidc-acr-mapper" => {
                let acr = self.context.sign_in.map_or("1", |sign_in| &sign_in.part.acr);
                self.mapped.claims.insert("acr".to_owned(), acr.into());
            }
            "oidc-full-name-mapper" => {
                if let Some(name) = values::full_name(&self.context.subject.user) {
                    self.mapped.claims.insert("name".to_owned(), name.into());
                }
            }
            "oidc-address-mapper" => {
                let address = values::address(&self.context.subject.user, |name| mapper.config(name));
                self.mapped.claims.insert("address".to_owned(), address.into());
            }
            "oidc-hardcoded-claim-mapper" => {
                if let (Some(name), Some(value)) = (claim, mapper.config("claim.value")) {
                    self.set(name, typed(value, mapper.config("jsonType.label")));
                }
            }
            "oidc-usersessionmodel-note-mapper" => {
                let note = mapper.config("user.session.note").and_then(|note| self.context.note(note));
                if let (Some(name), Some(note)) = (claim, note) {
                    self.set(name, typed(&note, mapper.config("jsonType.label")));
                }
            }
            "oidc-usermodel-attribute-mapper" => {
                if let (Some(name), Some(attribute)) = (claim, mapper.config("user.attribute")) {
                    let values = self.attribute(attribute, mapper.is_set("aggregate.attrs"))?;
                    self.set_values(mapper, name, &values);
                }
            }
            "oidc-usermodel-property-mapper" => {
                if let (Some(name), Some(property)) = (claim, mapper.config("user.attribute")) {
                    let value = values::property(&self.context.subject.user, property);
                    self.set(name, value.and_then(|value| typed(&value, mapper.config("jsonType.label"))));
                }
            }
            "oidc-group-membership-mapper" => {
                let full = mapper.is_set("full.path");
                let groups = self.context.subject.groups.iter();
                let names: Vec<_> =
                    groups.map(|group| if full { &*group.path } else { &*group.name }).collect();
                if let Some(name) = claim.filter(|_| !names.is_empty()) {
                    self.set(name, Some(names.into()));
                }
            }
            "oidc-usermodel-realm-role-mapper" => {
                let prefix = mapper.config("usermodel.realmRoleMapping.rolePrefix").unwrap_or_default();
                let roles: Vec<_> = self.roles.realm.iter().map(|role| format!("{prefix}{role}")).collect();
                if !roles.is_empty() {
                    self.set(claim.unwrap_or("realm_access.roles"), Some(roles.into()));
                }
            }
            "oidc-usermodel-client-role-mapper" => self.client_roles(mapper, claim),
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value {
            set(&mut self.mapped.claims, name, value);
        }
    }

    fn set_values(&mut self, mapper: Mapper<'_>, name: &str, values: &[String]) {
        let label = mapper.config("jsonType.label");
        if mapper.is_set("multivalued") {
            let values: Vec<_> = values.iter().filter_map(|value| typed(value, label)).collect();
            self.set(name, (!values.is_empty()).then_some(values.into()));
        } else {
            self.set(name, values.first().and_then(|value| typed(value, label)));
        }
    }

    fn audience(&mut self, mapper: Mapper<'_>) -> Result<(), StoreError> {
        if let Some(client) = mapper.config("included.client.audience") {
            let found = store::realm::client_by_client_id(self.tx, &self.context.realm.id, client)?;
            if found.is_some_and(|found| found.enabled) {
                self.mapped.audience.push(client.to_owned());
            }
        } else if let Some(custom) = mapper.config("included.custom.audience") {
            self.mapped.audience.push(custom.to_owned());
        }
        Ok(())
    }

    /// The user's own values; where he has none, or all are wanted, those of his groups
    fn attribute(&mut self, name: &str, all: bool) -> Result<Vec<String>, StoreError> {
        let subject = self.context.subject;
        let mut values = values::attribute(&subject.user, name);
        if subject.groups.is_empty() || (!values.is_empty() && !all) {
            return Ok(values);
        }
        let groups = match &mut self.group_attributes {
            Some(groups) => groups,
            none => none.insert(store::user::group_attributes(self.tx, &subject.user.id)?),
        };
        for found in groups.iter().filter_map(|attributes| attributes.get(name)) {
            values.extend(found.iter().cloned());
            if !all {
                break;
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        values.retain(|value| seen.insert(value.clone()));
        Ok(values)
    }

    fn client_roles(&mut self, mapper: Mapper<'_>, claim: Option<&str>) {
        let name = claim.unwrap_or("resource_access.${client_id}.roles");
        let only = mapper.config("usermodel.clientRoleMapping.clientId");
        let prefix = mapper.config("usermodel.clientRoleMapping.rolePrefix").unwrap_or_default();
        let mut together = Vec::new();
        for (client, roles) in self.roles.by_client() {
            if only.is_some_and(|only| only != client) {
                continue;
            }
            let roles: Vec<_> = roles.iter().map(|role| format!("{prefix}{role}")).collect();
            if name.contains("${client_id}") {
                set_for(&mut self.mapped.claims, name, client, json!(roles));
            } else {
                together.extend(roles);
            }
        }
        if !together.is_empty() {
            self.set(name, Some(json!(together)));
        }
    }
}
