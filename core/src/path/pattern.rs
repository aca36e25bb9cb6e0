//! One pattern (wire §11.5).

use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use super::{ParsePathError, Path, parse::Piece};
use crate::limits::{PATH_BYTES, PATH_SEGMENTS, PATTERN_SUFFIX_BYTES};

/// Why a text is no pattern
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParsePatternError {
    /// It has no characters
    #[error("pattern is empty")]
    Empty,
    /// `{` and `}` that are not around a whole segment
    #[error("pattern has braces that are not a whole segment, such as `/{{id}}/`")]
    Braces,
    /// `*` elsewhere than in a last segment `*` or `*.suffix`, or a suffix below a template
    #[error("pattern has `*` elsewhere than in a last segment `*` or `*.suffix`")]
    Star,
    /// It has a query, a fragment, parameters, dot segments, encoded slashes, or begins with `//`
    #[error(
        "pattern has more than one spelling: leave out query, fragment, parameters, dot segments and `%2F`"
    )]
    Spelling,
    /// It is a path that no request can have
    #[error(transparent)]
    Path(#[from] ParsePathError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Text(Box<str>),
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tail {
    Closed,
    Open,
    Suffix(Box<str>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// No path, so matched as it stands
    Opaque,
    Path(Vec<Segment>, Tail),
}

/// A registered URI or a configured path
///
/// | Pattern | Matches |
/// |---|---|
/// | `/x/y` | this path |
/// | `/x/{id}` | one segment in the place of each `{…}` |
/// | `/x/{id}/*` | one segment or more below |
/// | `/x/*.html` | every path below `/x` that ends so; prefix and suffix must both match (wire N40) |
/// | `/x/*` | `/x` and everything below |
/// | `urn:x:y`, `https://rs.example/x` | this text, character for character, and never the path of a request |
///
/// ```
/// use countersign_core::path::{ParsePatternError, Path, Pattern};
///
/// let albums: Pattern = "/album/{id}/*".parse()?;
/// let path = Path::parse(b"/album/42/photos/7").map_err(ParsePatternError::Path)?;
/// assert_eq!(albums.instance(&path).as_deref(), Some("/album/42"));
/// assert_eq!("/album/{id".parse::<Pattern>(), Err(ParsePatternError::Braces));
/// # Ok::<(), ParsePatternError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Box<str>,
    pub(super) shape: Shape,
}

impl Pattern {
    /// As it was registered
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a path, so that requests can match it
    pub const fn is_path(&self) -> bool {
        matches!(self.shape, Shape::Path(..))
    }

    /// Whether it has `{…}`, so that each path that matches may be a resource of its own
    pub fn is_template(&self) -> bool {
        self.instance_length().is_some()
    }

    /// Whether it ends in `*`
    pub const fn is_wildcard(&self) -> bool {
        matches!(self.shape, Shape::Path(_, Tail::Open | Tail::Suffix(_)))
    }

    /// The path up to what stands for the last `{…}`: the instance itself, for paths below it (wire §11.3 step 2)
    pub fn instance(&self, path: &Path) -> Option<String> {
        let names: Vec<_> = path.segments().take(self.instance_length()?).collect();
        let mut text = String::from("/");
        text.push_str(&names.join("/"));
        Some(text)
    }

    fn instance_length(&self) -> Option<usize> {
        let Shape::Path(segments, _) = &self.shape else { return None };
        Some(segments.iter().rposition(|segment| *segment == Segment::Any)?.saturating_add(1))
    }
}

/// Patterns that match the same are equal, whatever their parameters are called
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && (self.is_path() || self.text == other.text)
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::str::FromStr for Pattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, ParsePatternError> {
        if text.is_empty() {
            return Err(ParsePatternError::Empty);
        }
        if text.len() > PATH_BYTES {
            return Err(ParsePathError::TooLong.into());
        }
        let shape = if text.starts_with('/') { shape(text)? } else { Shape::Opaque };
        Ok(Self { text: text.into(), shape })
    }
}

fn shape(text: &str) -> Result<Shape, ParsePatternError> {
    if text.starts_with("//") || text.contains(['?', '#']) {
        return Err(ParsePatternError::Spelling);
    }
    let mut segments = Vec::new();
    let mut tail = Tail::Closed;
    for raw in text.split('/').filter(|raw| !raw.is_empty()) {
        if tail != Tail::Closed {
            return Err(ParsePatternError::Star);
        }
        if segments.len() >= PATH_SEGMENTS {
            return Err(ParsePathError::TooLong.into());
        }
        if let Some(suffix) = raw.strip_prefix('*') {
            tail = if suffix.is_empty() { Tail::Open } else { Tail::Suffix(self::suffix(suffix)?) };
        } else {
            segments.push(segment(raw)?);
        }
    }
    // `/x/*/` would be a wildcard with something below.
    let ends_open = tail != Tail::Closed && text.ends_with('/');
    if ends_open || matches!(tail, Tail::Suffix(_)) && segments.contains(&Segment::Any) {
        return Err(ParsePatternError::Star);
    }
    Ok(Shape::Path(segments, tail))
}

fn segment(raw: &str) -> Result<Segment, ParsePatternError> {
    let name = raw.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if name.is_some_and(|name| !name.is_empty() && !name.contains(['{', '}', '*'])) {
        return Ok(Segment::Any);
    }
    if raw.contains(['{', '}']) {
        return Err(ParsePatternError::Braces);
    }
    if raw.contains('*') {
        return Err(ParsePatternError::Star);
    }
    literal(raw).map(Segment::Text)
}

fn suffix(raw: &str) -> Result<Box<str>, ParsePatternError> {
    if raw.contains(['{', '}']) {
        return Err(ParsePatternError::Braces);
    }
    if raw.contains('*') {
        return Err(ParsePatternError::Star);
    }
    let text = literal(raw)?;
    if text.len() > PATTERN_SUFFIX_BYTES { Err(ParsePathError::TooLong.into()) } else { Ok(text) }
}

fn literal(raw: &str) -> Result<Box<str>, ParsePatternError> {
    let piece = Piece::parse(raw.as_bytes())?;
    if piece.is_plain() { Ok(piece.text.into()) } else { Err(ParsePatternError::Spelling) }
}
