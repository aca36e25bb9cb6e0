//! Policies and permissions of a resource server, as administrators and imports write them (`keycloak-wire` §8.7).

pub mod form;
mod member;
pub mod show;

use core::fmt;

use countersign_core::policy::{EVALUATED, Strategy};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::member::{Member, Noun, Shape, members};
use crate::{script::Mishap, store::StoreError};

/// `logic`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Logic {
    /// As it says
    #[default]
    Positive,
    /// Turned around
    Negative,
}

impl Logic {
    /// Its name, as representations and rows have it
    pub const fn name(self) -> &'static str {
        match self {
            Self::Positive => "POSITIVE",
            Self::Negative => "NEGATIVE",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Positive, Self::Negative].into_iter().find(|logic| logic.name() == name)
    }
}

/// A policy or permission that is to be stored: everything that it refers to by id or name
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Its id, if the caller chose one
    pub id: Option<String>,
    /// Its name, unique in the resource server
    pub name: String,
    /// What it is for
    pub description: Option<String>,
    /// Its type
    pub kind: String,
    /// Whether its result is turned around
    pub logic: Logic,
    /// How the results below it are combined
    pub strategy: Strategy,
    /// What the type looks at, references as they were given
    pub config: Map<String, Value>,
    /// Entries of the configuration that the type does not have
    pub kept: Map<String, Value>,
    /// What it hangs together with
    pub links: Links,
}

/// What a policy or permission hangs together with, by id or name; an absent list leaves things as they are
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Resources that a permission names
    pub resources: Option<Vec<String>>,
    /// The type of resources that a permission names
    pub resource_type: Option<String>,
    /// Scopes that a permission names
    pub scopes: Option<Vec<String>>,
    /// Policies that it applies
    pub policies: Option<Vec<String>>,
}

/// Whether such a policy may be made: it is evaluated, and no owner's
pub fn is_known(kind: &str) -> bool {
    kind != "uma" && EVALUATED.contains(&kind)
}

/// Permissions are combined, policies are asked
pub fn is_permission(kind: &str) -> bool {
    matches!(kind, "resource" | "scope" | "uma")
}

/// Why a policy is not stored
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has no name
    #[error("Policy name not provided.")]
    Nameless,
    /// A member is not what it should be
    #[error("Invalid {0}")]
    Member(String),
    /// It refers to something that is not there
    #[error("{0} [{1}] does not exist")]
    Unknown(Noun, String),
    /// One role twice in a role policy
    #[error("Role can't be specified multiple times - {0}")]
    RoleTwice(String),
    /// A date that is none (`keycloak-wire` N10)
    #[error("Unable not parse a date using format [{0}]")]
    Date(String),
    /// It ends before it begins
    #[error("Expire time can't be set to a date before start time")]
    DateOrder,
    /// It would be part of itself
    #[error("Cyclic policy [{0}]")]
    Cycle(String),
    /// No such type
    #[error("Couldn't find policy provider with type [{0}]")]
    Kind(String),
    /// No such script
    #[error("Script [{0}] is not deployed")]
    Script(String),
    /// Code that is not run here, or no code at all
    #[error("Invalid code: {0}")]
    Code(Mishap),
    /// Nobody could evaluate it
    #[error("{0}")]
    Broken(String),
}

/// Why a policy is not stored: it, or the store
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// The policy
    Refused(Refused),
    /// The store
    Store(StoreError),
}

impl From<Refused> for WriteError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl<E: Into<StoreError>> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl WriteError {
    /// As the store says it where several policies are written at once
    pub fn in_store(self) -> StoreError {
        match self {
            Self::Refused(refused) => StoreError::Refused(refused.to_string()),
            Self::Store(error) => error,
        }
    }
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
