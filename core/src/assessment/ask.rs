//! One thing that is asked for, and the `permission` parameter that names it.

use alloc::{borrow::ToOwned, string::String};

use serde::{Deserialize, Serialize};

use crate::{
    ids::ResourceId,
    scope::{ParseScopeError, ScopeSet},
};

/// One thing that is asked for; without scopes, all that the resource has
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
pub enum Ask {
    /// A resource by its id: what a ticket names
    Id {
        /// The id
        resource: ResourceId,
        /// Its scopes
        #[serde(default)]
        scopes: ScopeSet,
    },
    /// A resource by id or name: a `permission` parameter
    Name {
        /// Id or name
        resource: String,
        /// Its scopes
        #[serde(default)]
        scopes: ScopeSet,
    },
    /// Resources by URI: a `permission` parameter with `permission_resource_format=uri`
    Uri {
        /// The URI as registered
        uri: String,
        /// Its scopes
        #[serde(default)]
        scopes: ScopeSet,
        /// Where no resource has exactly this URI, patterns count (`permission_resource_matching_uri`)
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        matching: bool,
    },
    /// All resources of a type: a `permission` parameter with a prefix `resource-type…:`
    Type {
        /// The type
        #[serde(rename = "type")]
        kind: String,
        /// Whose resources are meant
        whose: Whose,
        /// Their scopes
        #[serde(default)]
        scopes: ScopeSet,
    },
    /// Any resource with one of these scopes
    Scopes {
        /// The scopes
        scopes: ScopeSet,
    },
}

/// Whose resources of a type are meant (behaviours R10)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// `resource-type:`, the resource server's own
    Server,
    /// `resource-type-owner:`, the requester's
    Requester,
    /// `resource-type-instance:`, anybody's but the resource server's
    Instance,
    /// `resource-type-any:`, all
    Any,
}

impl Whose {
    const PREFIXES: [(&'static str, Self); 4] = [
        ("resource-type:", Self::Server),
        ("resource-type-owner:", Self::Requester),
        ("resource-type-instance:", Self::Instance),
        ("resource-type-any:", Self::Any),
    ];
}

/// How a `permission` parameter names resources (`permission_resource_format`)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// `id`: by id, name or type
    #[default]
    Id,
    /// `uri`
    Uri {
        /// `permission_resource_matching_uri`
        matching: bool,
    },
}

/// Why a `permission` parameter cannot be read
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseAskError {
    /// Neither a resource nor scopes
    #[error("`permission` names neither a resource nor scopes")]
    Empty,
    /// What follows `#` is no scope
    #[error("`permission`: {0}")]
    Scope(#[from] ParseScopeError),
}

impl Ask {
    /// Reads one `permission` parameter: `id`, `name`, `id#s1,s2`, `#s`, a URI, or a type with its prefix
    /// (`keycloak-wire` §6.3). What follows a second `#` is dropped.
    ///
    /// ```
    /// use countersign_core::assessment::{Ask, Format, Whose};
    ///
    /// let asked = Ask::from_parameter("report#read,write", Format::Id)?;
    /// assert!(matches!(&asked, Ask::Name { resource, scopes } if resource == "report" && scopes.len() == 2));
    /// let typed = Ask::from_parameter("resource-type-owner:album#view", Format::Id)?;
    /// assert!(matches!(&typed, Ask::Type { kind, whose: Whose::Requester, .. } if kind == "album"));
    /// assert!(matches!(Ask::from_parameter("#view", Format::Id)?, Ask::Scopes { .. }));
    /// # Ok::<(), countersign_core::assessment::ParseAskError>(())
    /// ```
    pub fn from_parameter(text: &str, format: Format) -> Result<Self, ParseAskError> {
        let mut parts = text.split('#');
        let resource = parts.next().unwrap_or_default();
        let names = parts.next().unwrap_or_default().split(',').filter(|name| !name.is_empty());
        let scopes = names.map(str::parse).collect::<Result<ScopeSet, ParseScopeError>>()?;
        if resource.is_empty() && scopes.is_empty() {
            return Err(ParseAskError::Empty);
        }
        Ok(match format {
            Format::Uri { matching } => Self::Uri { uri: resource.to_owned(), scopes, matching },
            Format::Id if resource.is_empty() => Self::Scopes { scopes },
            Format::Id => {
                let typed = Whose::PREFIXES
                    .into_iter()
                    .find_map(|(prefix, whose)| resource.strip_prefix(prefix).map(|kind| (kind, whose)));
                match typed {
                    Some((kind, whose)) => Self::Type { kind: kind.to_owned(), whose, scopes },
                    None => Self::Name { resource: resource.to_owned(), scopes },
                }
            }
        })
    }

    /// The scopes that are asked for
    pub const fn scopes(&self) -> &ScopeSet {
        match self {
            Self::Id { scopes, .. }
            | Self::Name { scopes, .. }
            | Self::Uri { scopes, .. }
            | Self::Type { scopes, .. }
            | Self::Scopes { scopes } => scopes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(names: &[&str]) -> ScopeSet {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_parameter_is_read_as_its_format_says() {
        let by_id = |text| Ask::from_parameter(text, Format::Id);
        for (text, resource, named) in [
            ("doc", "doc", &[][..]),
            ("doc#", "doc", &[]),
            ("doc#read,,write#export", "doc", &["read", "write"]),
        ] {
            let want = Ask::Name { resource: resource.to_owned(), scopes: scopes(named) };
            assert_eq!(by_id(text), Ok(want), "{text}");
        }
        assert_eq!(by_id("#read"), Ok(Ask::Scopes { scopes: scopes(&["read"]) }));
        let typed = by_id("resource-type-any:album#read");
        let want = Ask::Type { kind: "album".to_owned(), whose: Whose::Any, scopes: scopes(&["read"]) };
        assert_eq!(typed, Ok(want));
        for text in ["", "#", "#,"] {
            assert_eq!(by_id(text), Err(ParseAskError::Empty), "{text}");
        }
        let uri = Ask::from_parameter("#read", Format::Uri { matching: true });
        assert_eq!(uri, Ok(Ask::Uri { uri: String::new(), scopes: scopes(&["read"]), matching: true }));
    }
}
