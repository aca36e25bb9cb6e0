//! One attribute of a profile: who sees and changes it, and what values it takes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{OWN, Violation, member};
use crate::realm::User;

/// An attribute that people have
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    pub(super) validations: BTreeMap<String, Value>,
    pub(super) required: Option<Required>,
    pub(super) permissions: Rights,
    pub(super) multivalued: bool,
    pub(super) group: Option<String>,
    pub(super) annotations: Option<Value>,
}

/// Who sees and who changes an attribute: `admin`, `user`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rights {
    pub(super) view: Vec<String>,
    pub(super) edit: Vec<String>,
}

/// Who changes a profile
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Administrator,
    Herself,
}

impl By {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "admin",
            Self::Herself => "user",
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Required {
    roles: Vec<String>,
    scopes: Vec<String>,
}

/// What a page asks somebody for
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// By which it is sent
    pub name: String,
    /// In words for people
    pub label: String,
    /// What stands in it
    pub value: String,
    /// Whether something has to
    pub required: bool,
    /// The values that it takes, where it takes no others
    pub options: Vec<String>,
}

impl Attribute {
    /// What a page asks for; nothing for what has several values
    pub(super) fn field(&self, user: &User) -> Option<Field> {
        let values = self.values(user);
        let value = match values.as_slice() {
            [] => "",
            [value] => value,
            _ => return None,
        };
        let options = self.validations.get("options").and_then(|settings| settings.get("options"));
        let options = options.and_then(Value::as_array).into_iter().flatten();
        Some(Field {
            name: self.name.clone(),
            label: self.label(),
            value: value.to_owned(),
            required: self.is_required(By::Herself),
            options: options.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }

    /// What people call it; a name of a text of Keycloak's themes says nothing to them
    fn label(&self) -> String {
        let usual = match self.name.as_str() {
            "username" => Some("Username"),
            "email" => Some("Email"),
            "firstName" => Some("First name"),
            "lastName" => Some("Last name"),
            _ => None,
        };
        let shown = self.display_name.as_deref().filter(|text| !text.is_empty() && !text.starts_with("${"));
        shown.or(usual).unwrap_or(&self.name).to_owned()
    }

    fn refused(&self, key: &'static str, rest: &[Value]) -> Violation {
        Violation::new(&self.name, key, rest).called(self.label())
    }

    pub(super) fn values<'a>(&self, user: &'a User) -> Vec<&'a str> {
        if OWN.contains(&self.name.as_str()) {
            return member(user, &self.name).into_iter().collect();
        }
        user.attributes.get(&self.name).into_iter().flatten().map(String::as_str).collect()
    }

    pub(super) fn is_required(&self, by: By) -> bool {
        self.required.as_ref().is_some_and(|required| {
            required.scopes.is_empty()
                && (required.roles.is_empty() || required.roles.iter().any(|role| role == by.name()))
        })
    }

    pub(super) fn check(&self, user: &User, by: By) -> Result<(), Violation> {
        let values = self.values(user);
        if values.iter().all(|value| value.trim().is_empty()) {
            // What belongs to a client has no profile to fill.
            if self.is_required(by) && user.service_client.is_none() {
                return Err(self.refused("error-user-attribute-required", &[]));
            }
            return Ok(());
        }
        for value in values {
            for (kind, settings) in &self.validations {
                self.validate(kind, settings, value)?;
            }
        }
        Ok(())
    }

    fn validate(&self, kind: &str, settings: &Value, value: &str) -> Result<(), Violation> {
        let number = |name: &str| {
            let given = settings.get(name)?;
            given.as_u64().or_else(|| given.as_str()?.parse().ok())
        };
        match kind {
            "length" => {
                let length = u64::try_from(value.chars().count()).unwrap_or(u64::MAX);
                let (min, max) = (number("min").unwrap_or(0), number("max").unwrap_or(2_048));
                if length < min || length > max {
                    return Err(self.refused("error-invalid-length", &[json!(min), json!(max)]));
                }
            }
            "email" if !is_address(value) => {
                return Err(self.refused("error-invalid-email", &[json!(value)]));
            }
            "integer" if value.parse::<i64>().is_err() => {
                return Err(self.refused("error-not-a-number", &[json!(value)]));
            }
            "double" if value.parse::<f64>().is_err() => {
                return Err(self.refused("error-not-a-number", &[json!(value)]));
            }
            "options" => {
                let options = settings.get("options").and_then(Value::as_array);
                if options.is_some_and(|options| !options.iter().any(|option| option == value)) {
                    return Err(self.refused("error-invalid-value", &[json!(value)]));
                }
            }
            "username-prohibited-characters"
                if value.contains([
                    '<', '>', '&', '"', '\'', '$', '%', '!', '#', '?', '§', ',', ';', ':', '*', '~', '/',
                    '\\', '|', '^', '=', '[', ']', '{', '}', '(', ')', '`', '\t',
                ]) =>
            {
                return Err(self.refused("error-username-invalid-character", &[json!(value)]));
            }
            "person-name-prohibited-characters"
                if value.contains([
                    '<', '>', '&', '"', '$', '%', '!', '#', '?', '§', ';', '*', '~', '/', '\\', '|', '^',
                    '=', '[', ']', '{', '}', '(', ')',
                ]) =>
            {
                return Err(self.refused("error-person-name-invalid-character", &[json!(value)]));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Something before and something behind one `@`, without blanks
fn is_address(text: &str) -> bool {
    match text.rsplit_once('@') {
        Some((local, host)) => {
            !local.is_empty()
                && local.len() <= 64
                && !host.is_empty()
                && !text.chars().any(|c| c.is_whitespace() || c.is_control())
                && !local.contains('@')
                && !host.starts_with('.')
                && !host.ends_with('.')
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_sign_with_something_on_both_sides() {
        for good in ["a@b", "a.b+c@example.com"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "a", "@b", "a@", "a b@c", "a@@b", "a@.b"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
