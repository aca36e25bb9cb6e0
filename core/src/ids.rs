//! A newtype for each identifier, so that none can stand in another's place.

use alloc::{boxed::Box, string::String};
use core::{fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::limits::ID_BYTES;

/// Why a text is no identifier
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// It has no characters
    #[error("identifier is empty")]
    Empty,
    /// It is longer than [`ID_BYTES`]
    #[error("identifier is longer than {ID_BYTES} bytes")]
    TooLong,
    /// It holds a control character
    #[error("identifier has a control character at byte {at}")]
    Control {
        /// Offset of the character in bytes
        at: usize,
    },
}

/// Whether a text is an identifier
pub(crate) fn check(text: &str) -> Result<(), ParseIdError> {
    if text.is_empty() {
        return Err(ParseIdError::Empty);
    }
    if text.len() > ID_BYTES {
        return Err(ParseIdError::TooLong);
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(ParseIdError::Control { at }),
        None => Ok(()),
    }
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The identifier as it was given
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, ParseIdError> {
                check(&text)?;
                Ok(Self(text.into_boxed_str()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

identifiers! {
    /// A registered resource: `_id`, `rsid`, `resource_id` (FedAuthz §3.2)
    ///
    /// ```
    /// use countersign_core::ids::{ParseIdError, ResourceId};
    ///
    /// let id: ResourceId = "7f1c-42".parse()?;
    /// assert_eq!(id.as_str(), "7f1c-42");
    /// assert_eq!("".parse::<ResourceId>(), Err(ParseIdError::Empty));
    /// # Ok::<(), ParseIdError>(())
    /// ```
    ResourceId;
    /// The public name of a client: `client_id`, `azp`, `aud` (RFC 6749 §2.2)
    ClientId;
    /// Whoever owns or asks: a user's id, or a resource server's internal id where it acts for itself
    PartyId;
    /// One row of [`crate::share`](crate)
    ShareId;
    /// A policy or a permission of a resource server, or an owner's policy
    PolicyId;
    /// The `jti` of a permission ticket or of a token (RFC 7519 §4.1.7)
    TokenId;
}
