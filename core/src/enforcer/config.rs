//! The configuration of an enforcer, as Keycloak's adapters have it (wire §11.2).

use alloc::{string::String, vec::Vec};

pub use super::error::ParseConfigError;
use super::{claims::ClaimInformationPoint, read};
use crate::{
    ids::ResourceId,
    path::{ParsePatternError, Pattern},
    scope::Scope,
};

/// What happens to requests, at all or for one path
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EnforcementMode {
    /// Nothing passes without a permission
    #[default]
    Enforcing,
    /// A token passes where no path is configured; on a configured path, an RPT that says nothing of its resource
    Permissive,
    /// Everything passes; at the top level, with any good token
    Disabled,
}

/// How many of the scopes are needed
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ScopesEnforcementMode {
    /// Each of them
    #[default]
    All,
    /// One of them
    Any,
    /// None: any good token passes
    Disabled,
}

/// One of `paths[].methods[]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodConfig {
    /// The method, in upper case
    pub method: String,
    /// The scopes that it needs
    pub scopes: Vec<Scope>,
    /// How many of them
    pub mode: ScopesEnforcementMode,
}

/// One of `paths[]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathConfig {
    /// What it covers
    pub path: Pattern,
    /// The name of the resource that it protects
    pub name: Option<String>,
    /// The type of that resource
    pub kind: Option<String>,
    /// The id of that resource
    pub id: Option<ResourceId>,
    /// The scopes of methods that are not configured: one of them is needed, where there are any
    pub scopes: Vec<Scope>,
    /// Methods with scopes of their own
    pub methods: Vec<MethodConfig>,
    /// What happens to requests
    pub mode: EnforcementMode,
    /// Claims about requests
    pub claims: ClaimInformationPoint,
}

/// How long answers of the authorization server about paths may be kept
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathCache {
    /// Most answers
    pub max_entries: u64,
    /// Milliseconds; 0 keeps nothing, -1 keeps for ever
    pub lifespan: i64,
}

/// The `policy-enforcer` object, with what the rest of the file says about the connection
///
/// ```
/// use countersign_core::enforcer::Config;
///
/// let config = Config::parse(br#"{ "realm": "demo", "policy-enforcer": { "paths": [{ "path": "/api/*" }] } }"#)?;
/// assert_eq!(config.paths.len(), 1);
/// let error = Config::parse(br#"{ "paths": [{ "path": "/api/*", "scope": ["read"] }] }"#).unwrap_err();
/// assert_eq!(error.to_string(), "`paths[0].scope` is not known; did you mean `scopes`?");
/// # Ok::<(), countersign_core::enforcer::ParseConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of the file")]
pub struct Config {
    /// What happens to requests
    pub mode: EnforcementMode,
    /// The configured paths, each pattern once
    pub paths: Vec<PathConfig>,
    /// Claims about requests for any path
    pub claims: ClaimInformationPoint,
    /// The method is the scope that is needed where none is configured for it
    pub http_method_as_scope: bool,
    /// Where a refused request is sent
    pub on_deny_redirect_to: Option<String>,
    /// Refused requests are answered with a permission ticket (`user-managed-access`)
    pub user_managed_access: bool,
    /// The resource server takes bearer tokens only, so that requests without any are challenged as well
    pub bearer_only: bool,
    /// Whether and how long answers about paths may be kept
    pub path_cache: Option<PathCache>,
    /// Resources of unknown paths are looked up when they are asked for
    pub lazy_load_paths: bool,
    /// The realm
    pub realm: Option<String>,
    /// Where the authorization server is
    pub auth_server_url: Option<String>,
    /// The client id of the resource server
    pub resource: Option<String>,
}

impl Config {
    /// Reads a `policy-enforcer` object, a whole `keycloak.json`, or a `policy-enforcer.json`.
    ///
    /// Members that Keycloak's adapters know and an enforcer has no use for are passed over, `credentials` among them;
    /// any other is refused by name. The same path twice adds methods and scopes to the first, as in Keycloak.
    pub fn parse(json: &[u8]) -> Result<Self, ParseConfigError> {
        read::config(json)
    }

    /// Whether claims are made of the request's body
    pub fn reads_body(&self) -> bool {
        self.claims.reads_body() || self.paths.iter().any(|path| path.claims.reads_body())
    }

    /// Whether the authorization server is asked about paths that are not configured (wire §11.3)
    pub(super) fn looks_up(&self) -> bool {
        self.lazy_load_paths
            || self.path_cache.is_some()
            || self.paths.iter().all(|path| path.mode == EnforcementMode::Disabled)
    }
}

impl PathConfig {
    /// Adds methods and scopes of another entry for an equal path; whether it says nothing else
    pub(super) fn merge(&mut self, other: Self) -> bool {
        let is_same = (other.id.is_none() || other.id == self.id)
            && (other.name.is_none() || other.name == self.name)
            && other.mode == self.mode
            && other.claims == ClaimInformationPoint::default()
            && !other.methods.iter().any(|new| self.methods.iter().any(|old| old.method == new.method));
        if is_same {
            self.methods.extend(other.methods);
            self.scopes.extend(other.scopes);
        }
        is_same
    }
}

/// A pattern of a path, which begins with `/`
pub(super) fn pattern(text: &str) -> Result<Option<Pattern>, ParsePatternError> {
    text.parse::<Pattern>().map(|pattern| pattern.is_path().then_some(pattern))
}
