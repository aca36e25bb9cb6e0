//! A resource as callers describe it and as answers show it (`keycloak-wire` §2.2).

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{limits::PATH_BYTES, scope::Scope};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    error::ApiError,
    http::extract::Represents,
    store::resource::{Attributes, ResourceDescription, ResourceRecord, ScopeRecord},
};

/// A resource as callers describe it (`keycloak-wire` §2.2)
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ResourceDescription"))]
#[serde(deny_unknown_fields)]
pub struct Description {
    #[serde(rename = "_id")]
    id: Option<String>,
    name: Option<String>,
    #[serde(rename = "displayName")]
    display_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    uris: Option<Vec<String>>,
    uri: Option<String>,
    icon_uri: Option<String>,
    owner: Option<Owner>,
    #[serde(default, rename = "ownerManagedAccess")]
    owner_managed: Option<bool>,
    resource_scopes: Option<Vec<ScopeName>>,
    scopes: Option<Vec<ScopeName>>,
    attributes: Option<BTreeMap<String, Values>>,
}

/// The same in a `PUT`, where Keycloak has another name for it
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ResourceReplacement"))]
#[serde(transparent)]
pub struct Replacement(pub Description);

impl Represents for Description {
    const CLASS: &'static str = "UmaResourceRepresentation";
}

impl Represents for Replacement {
    const CLASS: &'static str = "ResourceRepresentation";
}

/// Who is to own a resource, as callers name him
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ResourceOwner"))]
#[serde(untagged)]
pub enum Owner {
    /// Name or id
    Name(String),
    /// In an object
    Object {
        /// Internal id
        id: Option<String>,
        /// Name
        name: Option<String>,
    },
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum ScopeName {
    Name(String),
    Object { id: Option<String>, name: Option<String> },
}

#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AttributeValues"))]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

impl Description {
    /// What is to be stored, the id that the caller chose, and whom she named as owner
    pub fn checked(
        self,
        app: &App,
        server_id: &str,
    ) -> Result<(ResourceDescription, Option<String>, Option<Owner>), ApiError> {
        let name = self.name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| ApiError::invalid_request("Resource name not provided."))?;
        if name.len() > 255 {
            return Err(ApiError::invalid_request("Resource name is longer than 255 bytes."));
        }
        if self.uris.iter().flatten().chain(&self.uri).any(|uri| uri.len() > PATH_BYTES) {
            return Err(ApiError::invalid_request(format!(
                "Resource URI is longer than {PATH_BYTES} bytes."
            )));
        }
        let scopes = self.resource_scopes.into_iter().chain(self.scopes).flatten();
        let mut names = BTreeSet::new();
        for scope in scopes {
            let name = match scope {
                ScopeName::Name(name) | ScopeName::Object { name: Some(name), .. } => name,
                // By its id (`keycloak-wire` §2.3)
                ScopeName::Object { id: Some(id), name: None } => {
                    let known = app.store.scope(server_id, &id)?;
                    known
                        .ok_or_else(|| ApiError::invalid_request(format!("Scope [{id}] does not exist")))?
                        .name
                }
                ScopeName::Object { id: None, name: None } => String::new(),
            };
            if name.parse::<Scope>().is_err() {
                return Err(bad_scope());
            }
            names.insert(name);
        }
        let attributes = self.attributes.map(|attributes| {
            let values = |values| match values {
                Values::One(value) => vec![value],
                Values::Many(values) => values,
            };
            attributes.into_iter().map(|(name, given)| (name, values(given))).collect::<Attributes>()
        });
        let description = ResourceDescription {
            name,
            display_name: self.display_name,
            kind: self.kind,
            icon_uri: self.icon_uri,
            owner_managed: self.owner_managed.unwrap_or(false),
            attributes,
            kept: None,
            uris: self.uris.into_iter().flatten().chain(self.uri).collect(),
            scopes: names,
        };
        Ok((description, self.id, self.owner))
    }
}

/// What a scope must not be called
pub fn bad_scope() -> ApiError {
    ApiError::invalid_request("Scope name is empty, too long or has control characters.")
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ScopeView {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    #[serde(rename = "iconUri", skip_serializing_if = "Option::is_none")]
    icon_uri: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OwnerView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// The answer; which members it has differs by operation, as Keycloak has it (`keycloak-wire` §2.2)
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Resource"))]
pub struct View {
    name: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    owner: OwnerView,
    #[serde(rename = "ownerManagedAccess")]
    owner_managed: bool,
    #[serde(rename = "displayName", skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes>,
    #[serde(rename = "_id")]
    id: String,
    uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_scopes: Option<Vec<ScopeView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<ScopeView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_uri: Option<String>,
}

/// Which operation answers
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `POST` of the protection API
    Created,
    /// `GET` of one there
    Read,
    /// Its list
    Listed,
    /// All of the admin API
    Administered,
}

/// The answer
pub fn view(resource: ResourceRecord, shape: Shape) -> View {
    let scopes = || -> Vec<ScopeView> {
        let brief = shape == Shape::Read;
        let one = |scope: &ScopeRecord| ScopeView {
            id: (!brief).then(|| scope.id.clone()),
            name: scope.name.clone(),
            icon_uri: scope.icon_uri.clone().filter(|_| !brief),
        };
        resource.scopes.iter().map(one).collect()
    };
    let has_scopes = !resource.scopes.is_empty();
    View {
        resource_scopes: matches!(shape, Shape::Created | Shape::Read).then(scopes),
        scopes: (has_scopes || shape == Shape::Administered).then(scopes),
        name: resource.name,
        kind: resource.kind,
        owner: OwnerView { id: resource.owner, name: resource.owner_name.filter(|_| shape != Shape::Read) },
        owner_managed: resource.owner_managed,
        display_name: resource.display_name,
        attributes: (shape != Shape::Created).then_some(resource.attributes),
        id: resource.id,
        uris: resource.uris,
        icon_uri: resource.icon_uri,
    }
}
