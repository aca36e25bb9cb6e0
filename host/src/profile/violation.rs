//! What a profile says of a value that it does not take.

use serde_json::{Value, json};

use crate::error::ApiError;

/// A value that a profile does not take
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    field: String,
    /// What people call it
    label: String,
    key: &'static str,
    rest: Vec<Value>,
}

impl Violation {
    /// Of an attribute, in Keycloak's words; `rest` is what they are about besides its name
    pub fn new(field: &str, key: &'static str, rest: &[Value]) -> Self {
        Self { field: field.to_owned(), label: field.to_owned(), key, rest: rest.to_vec() }
    }

    /// With what people call the attribute
    #[must_use]
    pub fn called(self, label: String) -> Self {
        Self { label, ..self }
    }

    /// In words for people
    pub fn text(&self) -> String {
        let label = &self.label;
        match (self.key, self.rest.as_slice()) {
            ("error-user-attribute-required", _) => format!("Please specify this field: {label}."),
            ("error-invalid-length", [min, max]) => {
                format!("{label}: the length must be between {min} and {max}.")
            }
            ("error-invalid-email", _) => format!("{label}: this is no email address."),
            ("error-not-a-number", _) => format!("{label}: this is no number."),
            ("error-user-attribute-read-only", _) => format!("{label}: this cannot be changed."),
            ("error-person-name-invalid-character" | "error-username-invalid-character", _) => {
                format!("{label}: this contains a character that is not allowed.")
            }
            _ => format!("{label}: this value is not accepted."),
        }
    }
}

/// 400 that names the member (`admin-surface` §2)
impl From<Violation> for ApiError {
    fn from(violation: Violation) -> Self {
        let mut params = vec![json!(violation.field)];
        params.extend(violation.rest);
        Self::violation(&violation.field, violation.key, &params)
    }
}
