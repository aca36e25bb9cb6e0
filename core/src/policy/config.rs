//! Reading a policy's configuration: as objects, or as Keycloak stores it, with every value a text and every list a
//! JSON array inside a text (`keycloak-wire` §8.7).

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};

use serde_json::Value;

use super::Fault;
use crate::json;

/// The members of a configuration
#[derive(Debug, Clone, Copy)]
pub(super) struct Config<'a>(pub(super) &'a Value);

impl<'a> Config<'a> {
    fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether the member is there at all
    pub(super) fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A list that must be there and have members
    pub(super) fn some(self, name: &'static str) -> Result<Vec<Cow<'a, Value>>, Fault> {
        match self.list(name)? {
            Some(list) if !list.is_empty() => Ok(list),
            Some(_) => Err(Fault::Emptied(name)),
            None => Err(Fault::Configuration(name)),
        }
    }

    /// A list, if it is there
    pub(super) fn list(self, name: &'static str) -> Result<Option<Vec<Cow<'a, Value>>>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items.iter().map(Cow::Borrowed).collect())),
            Some(Value::String(text)) => json::list(text.as_bytes())
                .map(|items| Some(items.into_iter().map(Cow::Owned).collect()))
                .map_err(|_| Fault::Configuration(name)),
            Some(_) => Err(Fault::Configuration(name)),
        }
    }

    /// A text that is not empty, if it is there
    pub(super) fn text(self, name: &'static str) -> Result<Option<&'a str>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(Fault::Configuration(name)),
        }
    }

    /// `true` or `false`, also as a text; `false` where it is absent
    pub(super) fn flag(self, name: &'static str) -> Result<bool, Fault> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" || text.is_empty() => Ok(false),
            Some(_) => Err(Fault::Configuration(name)),
        }
    }

    /// A whole number, also as a text; an empty text is an absent number
    pub(super) fn number(self, name: &'static str) -> Result<Option<u32>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| Fault::Configuration(name)),
            Some(value) => value
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .map(Some)
                .ok_or(Fault::Configuration(name)),
        }
    }
}

/// A text as an item of the list `name`
pub(super) fn text_of(item: &Value, name: &'static str) -> Result<String, Fault> {
    item.as_str().map(ToOwned::to_owned).ok_or(Fault::Configuration(name))
}
