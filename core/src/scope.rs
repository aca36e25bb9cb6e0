//! Resource scopes, and sets of them.

use alloc::{boxed::Box, collections::BTreeSet, string::String};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::limits::SCOPE_BYTES;

/// Why a text is no scope
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseScopeError {
    /// It has no characters
    #[error("scope is empty")]
    Empty,
    /// It is longer than [`SCOPE_BYTES`]
    #[error("scope is longer than {SCOPE_BYTES} bytes")]
    TooLong,
    /// It holds a control character
    #[error("scope has a control character at byte {at}")]
    Control {
        /// Offset of the character in bytes
        at: usize,
    },
}

/// One resource scope (FedAuthz §3.1).
///
/// Compared byte for byte. Wider than RFC 6749 §3.3: blanks are allowed, because real realms have scopes
/// such as `Scope A`.
///
/// ```
/// use countersign_core::scope::{ParseScopeError, Scope};
///
/// let view: Scope = "https://rs.example/scopes/view".parse()?;
/// assert_eq!(view.as_str(), "https://rs.example/scopes/view");
/// assert_eq!("a\nb".parse::<Scope>(), Err(ParseScopeError::Control { at: 1 }));
/// # Ok::<(), ParseScopeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Box<str>);

/// Scopes without order or repetition
pub type ScopeSet = BTreeSet<Scope>;

impl Scope {
    /// The scope as it was registered
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, ParseScopeError> {
        if text.is_empty() {
            return Err(ParseScopeError::Empty);
        }
        if text.len() > SCOPE_BYTES {
            return Err(ParseScopeError::TooLong);
        }
        match text.char_indices().find(|(_, c)| c.is_control()) {
            Some((at, _)) => Err(ParseScopeError::Control { at }),
            None => Ok(Self(text.into())),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = ParseScopeError;

    fn try_from(text: String) -> Result<Self, ParseScopeError> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0.into()
    }
}

impl core::borrow::Borrow<str> for Scope {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
