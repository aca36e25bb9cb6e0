//! JSON as tokens need it: one meaning only (RFC 7515 §4, RFC 7519 §4).

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::limits::JSON_DEPTH;

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
    let mut members = Map::new();
    each_member(bytes, &mut |name, value| members.insert(name, value).is_none())?;
    Ok(members)
}

/// Reads one JSON object and hands over its members, which `take` refuses where a name comes the second time
pub(crate) fn each_member(
    bytes: &[u8],
    take: &mut dyn FnMut(String, Value) -> bool,
) -> Result<(), ParseObjectError> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|first| *first != b'{') {
        return Err(ParseObjectError::NotAnObject);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    deserializer
        .deserialize_map(Members(take))
        .and_then(|()| deserializer.end())
        .map_err(|_| ParseObjectError::Ambiguous)
}

/// Reads one JSON array with one meaning
#[cfg(feature = "guard")]
pub(crate) fn list(bytes: &[u8]) -> Result<Vec<Value>, ParseObjectError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: JSON_DEPTH }.deserialize(&mut deserializer);
    match value.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(Value::Array(values)) => Ok(values),
        Ok(_) | Err(_) => Err(ParseObjectError::Ambiguous),
    }
}

struct Members<'a>(&'a mut dyn FnMut(String, Value) -> bool);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = Strict { depth: JSON_DEPTH.saturating_sub(1) };
        while let Some(name) = members.next_key::<String>()? {
            if !(self.0)(name, members.next_value_seed(inner)?) {
                return Err(A::Error::custom("a member name is given twice"));
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth }),
            None => Err(E::custom("nested too deep")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if values.insert(name, value).is_some() {
                return Err(A::Error::custom("a member name is given twice"));
            }
        }
        Ok(Value::Object(values))
    }
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
