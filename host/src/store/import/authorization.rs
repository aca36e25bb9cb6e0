//! Authorization settings of an imported client: scopes, resources, policies (`keycloak-wire` §9.5).

use std::collections::BTreeMap;

use rusqlite::params;
use serde_json::{Map, Value, json};

use super::{Writing, list, new_id, refused};
use crate::{
    import::document::{AuthorizationFile, Logic, OwnerFile, PolicyFile, ResourceFile},
    realm::Client,
    store::{
        StoreError,
        resource::{ResourceDescription, ensure_scope, insert},
    },
};

/// One resource server while it is written
struct Server<'a, 'b> {
    writing: &'a mut Writing<'b>,
    id: String,
    /// Scopes by name, and by id to their name
    scopes: BTreeMap<String, String>,
    /// Own resources by name and by id
    resources: BTreeMap<String, String>,
    /// Policies by name and by id
    policies: BTreeMap<String, String>,
}

pub(super) fn write(
    writing: &mut Writing<'_>,
    client: &Client,
    document: Option<&AuthorizationFile>,
) -> Result<(), StoreError> {
    let id = client.id.clone();
    let defaults = AuthorizationFile::default();
    let settings = document.unwrap_or(&defaults);
    let mode = settings.policy_enforcement_mode.name();
    let strategy = settings.decision_strategy.unwrap_or_default().name();
    writing
        .tx
        .prepare_cached("INSERT INTO resource_server (id, mode, strategy, remote) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, mode, strategy, settings.allows_remote_management()])?;
    let mut server = Server {
        writing,
        id,
        scopes: BTreeMap::new(),
        resources: BTreeMap::new(),
        policies: BTreeMap::new(),
    };
    let place = |error| {
        if let StoreError::Refused(text) = error {
            refused(format!("client `{}`: {text}", client.client_id))
        } else {
            error
        }
    };
    server.all(settings).map_err(place)
}

impl Server<'_, '_> {
    fn all(&mut self, settings: &AuthorizationFile) -> Result<(), StoreError> {
        for scope in &settings.scopes {
            let id = scope.id.clone().unwrap_or_else(new_id);
            self.writing
                .tx
                .prepare_cached(
                    "INSERT INTO scope (id, server_id, name, display_name, icon_uri) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![id, self.id, scope.name, scope.display_name, scope.icon_uri])
                .map_err(|error| super::named(error.into(), "scope", &scope.name))?;
            self.scopes.insert(scope.name.clone(), id.clone());
            self.scopes.insert(id.clone(), id);
        }
        for resource in &settings.resources {
            self.resource(resource)?;
        }
        for policy in &settings.policies {
            let id = policy.id.clone().unwrap_or_else(new_id);
            self.policies.insert(policy.name.clone(), id.clone());
            self.policies.insert(id.clone(), id);
        }
        // Rows first, references after: a policy may name one that is listed later.
        for policy in &settings.policies {
            self.policy(policy).map_err(|error| in_policy(error, policy))?;
        }
        for policy in &settings.policies {
            self.references(policy).map_err(|error| in_policy(error, policy))?;
        }
        Ok(())
    }

    fn resource(&mut self, file: &ResourceFile) -> Result<(), StoreError> {
        let owner = match &file.owner {
            None => self.id.clone(),
            Some(OwnerFile::Name(name)) => self.owner(name, &file.name)?,
            Some(OwnerFile::Object { name, id }) => {
                let named = name.as_ref().or(id.as_ref());
                self.owner(named.map(String::as_str).unwrap_or_default(), &file.name)?
            }
        };
        let description = ResourceDescription {
            name: file.name.clone(),
            display_name: file.display_name.clone(),
            kind: file.kind.clone(),
            icon_uri: file.icon_uri.clone(),
            owner_managed: file.is_owner_managed(),
            attributes: Some(
                file.attributes.iter().map(|(name, values)| (name.clone(), values.clone().into())).collect(),
            ),
            uris: file.uris.iter().cloned().chain(file.uri.clone()).collect(),
            scopes: file.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        };
        let id = file.id.clone().unwrap_or_else(new_id);
        insert(self.writing.tx, &self.id, &id, &owner, &description)
            .map_err(|error| super::named(error, "resource", &file.name))?;
        for name in &description.scopes {
            let scope = ensure_scope(self.writing.tx, &self.id, name)?;
            self.scopes.insert(name.clone(), scope);
        }
        if owner == self.id {
            self.resources.insert(file.name.clone(), id.clone());
        }
        self.resources.insert(id.clone(), id);
        Ok(())
    }

    fn owner(&self, name: &str, resource: &str) -> Result<String, StoreError> {
        if self.writing.client_uid(name).as_deref() == Some(&self.id) {
            return Ok(self.id.clone());
        }
        self.writing
            .user_id(name)
            .ok_or_else(|| refused(format!("resource `{resource}`: owner `{name}` does not exist")))
    }

    fn policy(&self, policy: &PolicyFile) -> Result<(), StoreError> {
        let id = self.policies.get(&policy.name).ok_or(StoreError::Missing)?;
        let logic = match policy.logic {
            None | Some(Logic::Positive) => "POSITIVE",
            Some(Logic::Negative) => "NEGATIVE",
        };
        let resource_type =
            policy.config.get("defaultResourceType").map(|text| &text.0).filter(|text| !text.is_empty());
        self.writing
            .tx
            .prepare_cached(
                "INSERT INTO policy (id, server_id, name, description, type, logic, strategy, config, resource_type)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                id,
                self.id,
                policy.name,
                policy.description,
                policy.kind,
                logic,
                policy.decision_strategy.unwrap_or_default().name(),
                self.config(policy)?.to_string(),
                resource_type,
            ])
            .map_err(|error| super::named(error.into(), "policy", &policy.name))?;
        Ok(())
    }

    /// The configuration with ids for names, so that a renamed role or user stays the one that was meant
    fn config(&self, policy: &PolicyFile) -> Result<Value, StoreError> {
        let given = |name| list(&policy.config, name).map_err(refused);
        let text_of = |name: &str| policy.config.get(name).map(|text| text.0.clone());
        let writing = &*self.writing;
        let config = match policy.kind.as_str() {
            "user" => json!({ "users": ids(given("users")?, "user", |name| writing.user_id(name))? }),
            "client" => {
                json!({ "clients": ids(given("clients")?, "client", |name| writing.client_uid(name))? })
            }
            "role" => json!({
                "roles": objects(given("roles")?, "role", "id", &["id"], |name| writing.role_id(name))?,
                "fetchRoles": text_of("fetchRoles").as_deref() == Some("true"),
            }),
            "group" => {
                let groups =
                    objects(given("groups")?, "group", "id", &["id", "path"], |name| writing.group_id(name))?;
                let mut config = json!({ "groups": groups });
                if let (Some(claim), Some(members)) =
                    (text_of("groupsClaim").filter(|claim| !claim.is_empty()), config.as_object_mut())
                {
                    members.insert("groupsClaim".to_owned(), claim.into());
                }
                config
            }
            "client-scope" => {
                let scopes = given("clientScopes")?;
                let find = |name: &str| writing.client_scopes.get(name).cloned();
                // A client scope is known by its name, which is what tokens carry.
                let named = objects(scopes, "client scope", "name", &["id", "name"], find)?;
                json!({ "clientScopes": named })
            }
            "aggregate" | "resource" | "scope" | "uma" => json!({}),
            // `time`, `regex` and scripts name nothing else of the realm, and are kept as they came.
            _ => policy
                .config
                .iter()
                .map(|(name, text)| (name.clone(), json!(text.0)))
                .collect::<Map<_, _>>()
                .into(),
        };
        Ok(config)
    }

    fn references(&self, policy: &PolicyFile) -> Result<(), StoreError> {
        let tx = self.writing.tx;
        let Some(id) = self.policies.get(&policy.name) else { return Ok(()) };
        let applied = list(&policy.config, "applyPolicies").map_err(refused)?.unwrap_or_default();
        for name in names(&applied)? {
            let applied = self
                .policies
                .get(name)
                .ok_or_else(|| refused(format!("Policy with name [{name}] not defined.")))?;
            tx.prepare_cached("INSERT OR IGNORE INTO policy_apply (policy_id, applied_id) VALUES (?1, ?2)")?
                .execute([id, applied])?;
        }
        let resources = list(&policy.config, "resources").map_err(refused)?.unwrap_or_default();
        for name in names(&resources)? {
            let resource = self
                .resources
                .get(name)
                .ok_or_else(|| refused(format!("resource `{name}` does not exist")))?;
            tx.prepare_cached(
                "INSERT OR IGNORE INTO policy_resource (policy_id, resource_id) VALUES (?1, ?2)",
            )?
            .execute([id, resource])?;
        }
        let typed = policy.config.get("defaultResourceType").is_some_and(|text| !text.0.is_empty());
        let floating = policy.kind == "scope" && resources.is_empty() && !typed;
        let scopes = list(&policy.config, "scopes").map_err(refused)?.unwrap_or_default();
        for name in names(&scopes)? {
            let scope =
                self.scopes.get(name).ok_or_else(|| refused(format!("scope `{name}` does not exist")))?;
            tx.prepare_cached(
                "INSERT OR IGNORE INTO policy_scope (policy_id, scope_id, floating) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![id, scope, floating])?;
        }
        Ok(())
    }
}

fn in_policy(error: StoreError, policy: &PolicyFile) -> StoreError {
    if let StoreError::Refused(text) = error {
        refused(format!("policy `{}`: {text}", policy.name))
    } else {
        error
    }
}

fn names(values: &[Value]) -> Result<Vec<&str>, StoreError> {
    values.iter().map(|value| value.as_str().ok_or_else(|| refused("a reference is no text"))).collect()
}

fn ids(
    given: Option<Vec<Value>>,
    kind: &str,
    find: impl Fn(&str) -> Option<String>,
) -> Result<Vec<String>, StoreError> {
    let given = given.unwrap_or_default();
    let missing = |name: &str| refused(format!("{kind} `{name}` does not exist"));
    names(&given)?.into_iter().map(|name| find(name).ok_or_else(|| missing(name))).collect()
}

/// Objects that name something in one of `members`; what is found takes its place as `found_as`, the rest stays
fn objects(
    given: Option<Vec<Value>>,
    kind: &str,
    found_as: &str,
    members: &[&str],
    find: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Value>, StoreError> {
    let mut found = Vec::new();
    for value in given.unwrap_or_default() {
        let Value::Object(mut object) = value else { return Err(refused(format!("a {kind} is no object"))) };
        let name = members.iter().find_map(|member| object.remove(*member));
        let name = name.as_ref().and_then(Value::as_str);
        let name = name.ok_or_else(|| refused(format!("a {kind} has no `{}`", members.join("` or `"))))?;
        let id = find(name).ok_or_else(|| refused(format!("{kind} `{name}` does not exist")))?;
        object.retain(|member, _| !members.contains(&member.as_str()));
        object.insert(found_as.to_owned(), id.into());
        found.push(Value::Object(object));
    }
    Ok(found)
}
