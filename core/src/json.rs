//! JSON as tokens need it: one meaning only (RFC 7515 §4, RFC 7519 §4).

use alloc::string::String;

use serde_json::{Map, Value};

#[cfg(any(doc, test))]
use crate::limits::JSON_DEPTH;

pub(crate) use document::{Document, Json, Members};

mod document;
mod escape;
mod number;
mod walk;

/// Why bytes are no JSON object with one meaning
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseObjectError {
    /// Not UTF-8, not JSON, a member name given twice, nested deeper than [`JSON_DEPTH`], or more after the end
    #[error("not an unambiguous JSON text")]
    Ambiguous,
    /// It does not begin as a JSON object does
    #[error("not a JSON object")]
    NotAnObject,
}

/// Reads one JSON object in which no member name occurs twice, at any depth
///
/// ```
/// use countersign_core::json::{ParseObjectError, object};
///
/// assert_eq!(object(br#"{"a":1}"#)?.len(), 1);
/// assert_eq!(object(br#"{"a":1,"\u0061":2}"#), Err(ParseObjectError::Ambiguous));
/// # Ok::<(), ParseObjectError>(())
/// ```
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, ParseObjectError> {
    let document = Document::parse(bytes);
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(ParseObjectError::NotAnObject);
    }
    let members = document.as_ref().and_then(|document| document.root().members());
    members.map(Members::into_map).ok_or(ParseObjectError::Ambiguous)
}

/// Reads one JSON array with one meaning
#[cfg(any(feature = "guard", feature = "pdp"))]
pub(crate) fn list(bytes: &[u8]) -> Result<alloc::vec::Vec<Value>, ParseObjectError> {
    let document = Document::parse(bytes).ok_or(ParseObjectError::Ambiguous)?;
    let items = document.root().items().ok_or(ParseObjectError::Ambiguous)?;
    Ok(items.map(Json::to_value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_given_twice_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":{"a":1,"a":2}}"#, r#"{"x":[{"a":1,"\u0061":2}]}"#] {
            assert_eq!(object(text.as_bytes()), Err(ParseObjectError::Ambiguous), "{text}");
        }
    }

    #[test]
    fn what_is_not_strict_json_is_refused() {
        let bad: &[&[u8]] = &[
            b"{",
            b"{} {}",
            b"{}x",
            b"{'a':1}",
            b"{\"a\":01}",
            b"{\"a\":NaN}",
            b"{\"a\":1e400}",
            b"{\"a\":1}//",
            b"{\"a\":\"\xFF\"}",
            br#"{"a":"\ud800"}"#,
            b"{\0\"\0a\0\"\0",
        ];
        for text in bad {
            assert_eq!(object(text), Err(ParseObjectError::Ambiguous), "{text:?}");
        }
        for text in ["", "[]", "1", "null", "\"a\"", "\u{feff}{}"] {
            assert_eq!(object(text.as_bytes()), Err(ParseObjectError::NotAnObject), "{text}");
        }
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        let nested = |depth: usize| {
            let mut text = String::from("{\"a\":");
            text.extend(core::iter::repeat_n('[', depth - 1));
            text.extend(core::iter::repeat_n(']', depth - 1));
            text.push('}');
            text
        };
        assert!(object(nested(JSON_DEPTH).as_bytes()).is_ok());
        assert!(object(nested(JSON_DEPTH + 1).as_bytes()).is_err());
    }
}
