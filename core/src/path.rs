//! Paths in one spelling, and the patterns that they match (wire §11.5, N27, N40; CVE-2026-74909).
//!
//! What a guard matches must be what the server behind it serves (TRAP-OAUTH-19). So a path is normalised before it is
//! matched, and refused where servers are known to disagree about it in ways that no second look can settle:
//!
//! | Spelling | Here |
//! |---|---|
//! | query, fragment, trailing `/`, `//` inside, `%72` | dropped, collapsed, decoded |
//! | `;x=1`, `.` and `..`, `%2F`, `//` at the beginning | normalised; the path as it came is matched as well, and where that leads to another pattern the path is doubtful |
//! | two of those kinds in one path, `..` beside `//` | refused |
//! | dot segments in disguise (`%2e`, `..;`), or above the root | refused |
//! | text that is still encoded once decoded (`%2572`), `%3B`, `%3F`, `%23` | refused |
//! | `\`, control characters, NUL, bytes that are no UTF-8, segments that end in a dot or a blank | refused |
//!
//! Case counts, as it does in Keycloak: behind a server to which it does not, protect a wildcard above.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

pub use pattern::{ParsePatternError, Pattern};
pub use patterns::{DoubtfulPath, Patterns};

mod parse;
mod pattern;
mod patterns;

/// Why a request target or a URI is no path that can be relied on
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParsePathError {
    /// It neither begins with `/` nor is an `http` or `https` URI: `*`, `host:443`, `urn:x`
    #[error("not a path")]
    NotAPath,
    /// Longer than [`PATH_BYTES`](crate::limits::PATH_BYTES), or of more segments than
    /// [`PATH_SEGMENTS`](crate::limits::PATH_SEGMENTS)
    #[error("path is too long")]
    TooLong,
    /// A control character, a backslash, bytes that are no UTF-8, or an encoded delimiter
    #[error("path has a character that servers read in different ways")]
    Character,
    /// `%` without two hexadecimal digits, or what is still encoded after decoding
    #[error("path is not percent-encoded exactly once")]
    Encoding,
    /// Dot segments that are encoded, have parameters, or leave the root; a segment that ends in a dot or a blank
    #[error("path has dots that servers read in different ways")]
    Dots,
    /// More than one kind of spelling that servers read in different ways
    #[error("path can be read in too many ways")]
    Ambiguous,
}

/// A path in its one spelling: decoded, without query, fragment, parameters, dot segments and doubled slashes
///
/// ```
/// use countersign_core::path::{ParsePathError, Path};
///
/// for spelling in ["/api/resource", "/api//%72esource/?a=b", "/api/x/../resource", "https://rs.example/api/resource;v=1"] {
///     assert_eq!(Path::parse(spelling.as_bytes())?.as_str(), "/api/resource");
/// }
/// assert_eq!(Path::parse(b"/api/..;/resource"), Err(ParsePathError::Dots));
/// assert_eq!(Path::parse(b"/api/%2572esource"), Err(ParsePathError::Encoding));
/// assert_eq!(Path::parse(b"/x/../resource;v=1"), Err(ParsePathError::Ambiguous));
/// # Ok::<(), ParsePathError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
    other: Option<Vec<String>>,
}

impl Path {
    /// Reads a request target in origin form or absolute form (RFC 9112 §3.2), or a registered URI that is a path
    pub fn parse(target: &[u8]) -> Result<Self, ParsePathError> {
        parse::path(target)
    }

    /// The path, `/` at least
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its segments, none for `/`
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.split('/').filter(|segment| !segment.is_empty())
    }

    /// Whether all servers take its spelling for the same path
    pub const fn is_plain(&self) -> bool {
        self.other.is_none()
    }

    /// The segments that a server sees which leaves the path as it came, where that makes a difference
    fn other(&self) -> Option<&[String]> {
        self.other.as_deref()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Path").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests;
