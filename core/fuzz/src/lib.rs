//! What several fuzz targets ask of a document.

use serde_json::Value;

/// Whether there is a number in it that is not whole: of such a one, `serde_json` may read a neighbour, so that it is
/// not written as it was read
#[must_use]
pub fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
