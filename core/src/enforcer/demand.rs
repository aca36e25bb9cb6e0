//! What a request needs in order to pass.

use alloc::{string::String, vec::Vec};

use super::config::{PathConfig, ScopesEnforcementMode};
use crate::{ids::ResourceId, path::Path, scope::Scope};

/// What a request needs
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand<'a> {
    /// Nothing: the path is `DISABLED`, or it is the page that refused requests are sent to
    Open,
    /// Any good token: the enforcer is `DISABLED` (ENF-12)
    Authenticated,
    /// No path is configured for it
    Unmapped(Unmapped),
    /// A permission
    Protected(Protected<'a>),
    /// Nothing helps: method or target cannot be read, servers may read them in different ways, or a header says that
    /// another request is meant
    Unreadable,
}

/// A request for a path that is not configured
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmapped {
    /// The path
    pub path: Path,
    /// A good token is enough (`PERMISSIVE`)
    pub permissive: bool,
    /// What to ask the authorization server first
    pub lookup: Option<Lookup>,
    pub(super) verb: Option<Vec<Scope>>,
}

/// A request for a protected path
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protected<'a> {
    /// The path
    pub path: Path,
    /// The entry that covers it, if one of the configuration does
    pub config: Option<&'a PathConfig>,
    /// The resource
    pub resource: Target,
    /// The scopes that are needed
    pub scopes: Vec<Scope>,
    /// How many of them
    pub mode: ScopesEnforcementMode,
    pub(super) permissive: bool,
    pub(super) takes_scopes: bool,
}

/// A resource, as far as it is known
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This one
    Known(ResourceId),
    /// To be looked up at the authorization server
    Lookup(Lookup),
    /// There is none, or more than one, so that nothing can permit the request
    Missing,
}

/// Questions to the `resource_set` endpoint, in order, until one has an answer (wire §2.7, §11.3)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lookup(pub Vec<Query>);

/// One such question
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Query {
    /// `name=…&exactName=true&owner=<own client id>`: names are unique only per owner
    Name(String),
    /// `uri=…`
    Uri(String),
    /// `uri=…&matchingUri=true`
    MatchingUri(String),
}

/// A resource that was looked up
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id
    pub id: ResourceId,
    /// Its scopes
    pub scopes: Vec<Scope>,
}

impl Demand<'_> {
    /// What to ask the authorization server before [`decide`](Self::decide); the answer goes to
    /// [`Enforcer::resolve`](super::Enforcer::resolve) and may be kept under this key.
    ///
    /// Until then the request is refused. That stays so while nobody answers (TRAP-UMA-35).
    pub const fn lookup(&self) -> Option<&Lookup> {
        match self {
            Self::Unmapped(unmapped) => unmapped.lookup.as_ref(),
            Self::Protected(Protected { mode: ScopesEnforcementMode::Disabled, .. }) => None,
            Self::Protected(Protected { resource: Target::Lookup(lookup), .. }) => Some(lookup),
            Self::Protected(_) | Self::Open | Self::Authenticated | Self::Unreadable => None,
        }
    }
}

impl Lookup {
    /// Asks for the resource that a configured path protects
    pub(super) fn of(config: &PathConfig, path: &Path, lazy: bool) -> Self {
        let mut queries = Vec::new();
        if let Some(instance) = config.path.instance(path) {
            queries.push(Query::Uri(path.as_str().into()));
            if instance != path.as_str() {
                queries.push(Query::Uri(instance));
            }
            queries.push(Query::MatchingUri(path.as_str().into()));
        } else if lazy && config.path.is_wildcard() {
            queries.push(Query::MatchingUri(path.as_str().into()));
        }
        match &config.name {
            Some(name) => queries.push(Query::Name(name.clone())),
            None if config.path.is_template() => {}
            None => queries.extend([
                Query::Uri(config.path.as_str().into()),
                Query::MatchingUri(config.path.as_str().into()),
            ]),
        }
        Self(queries)
    }
}
