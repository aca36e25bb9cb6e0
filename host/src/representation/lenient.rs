//! Values as realm files of many ages write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// A text that some files write as a number or a truth value
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            other @ (Value::Bool(_) | Value::Number(_)) => Ok(Self(other.to_string())),
            Value::Null => Ok(Self::default()),
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom("expected a text")),
        }
    }
}

/// Texts by name; what is `null` is left out
pub fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let given = Option::<BTreeMap<String, Option<Text>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(given.into_iter().filter_map(|(name, text)| Some((name, text?.0))).collect())
}

/// Texts by name of a document that was read already; `null` stays apart from a text. Nothing if it is none.
pub fn texts_of(value: &Value) -> Option<BTreeMap<String, Option<String>>> {
    let given = BTreeMap::<String, Option<Text>>::deserialize(value).ok()?;
    Some(given.into_iter().map(|(name, text)| (name, text.map(|text| text.0))).collect())
}

/// `true`, `false` or nothing, also as a text
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::String(text) if text == "true" => Ok(Some(true)),
        Value::String(text) if text == "false" => Ok(Some(false)),
        Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(D::Error::custom("expected true or false"))
        }
    }
}

/// `true` or `false`, also as a text
pub fn is<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    flag(deserializer).map(Option::unwrap_or_default)
}

/// A list that may be `null`
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Values of an attribute, one or many
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Values {
    /// One
    One(String),
    /// Many
    Many(Vec<String>),
}

impl From<Values> for Vec<String> {
    fn from(values: Values) -> Self {
        match values {
            Values::One(value) => vec![value],
            Values::Many(values) => values,
        }
    }
}

/// Attributes with their values, as they are stored
pub fn attributes(given: &BTreeMap<String, Option<Values>>) -> BTreeMap<String, Vec<String>> {
    given
        .iter()
        .filter_map(|(name, values)| Some((name.clone(), values.clone()?.into())))
        .filter(|(_, values): &(String, Vec<String>)| !values.is_empty())
        .collect()
}

/// A text that is never shown
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Secret(pub String);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}
