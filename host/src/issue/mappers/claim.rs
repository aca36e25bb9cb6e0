//! Where a mapper puts its value, and what that becomes in JSON.

use serde_json::{Map, Value};

/// Claims that a mapper cannot set: they say who made the token, for whom, of whom and until when
const FIXED: &[&str] = &[
    "exp",
    "iat",
    "nbf",
    "jti",
    "iss",
    "sub",
    "typ",
    "azp",
    "sid",
    "aud",
    "scope",
    "nonce",
    "at_hash",
    "authorization",
    "cnf",
    "countersign_grant",
];

/// A value in the JSON type that the mapper names; nothing where it does not fit
pub(super) fn typed(value: &str, label: Option<&str>) -> Option<Value> {
    match label {
        Some("JSON") => serde_json::from_str(value).ok(),
        Some("boolean") => value.to_ascii_lowercase().parse::<bool>().ok().map(Value::from),
        Some("int") => value.parse::<i32>().ok().map(Value::from),
        Some("long") => value.parse::<i64>().ok().map(Value::from),
        _ => Some(value.into()),
    }
}

/// The names on the way to a claim: a dot goes one level down, unless a backslash precedes it
fn path(name: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut escaped = false;
    for c in name.chars() {
        match (c, escaped) {
            ('\\', false) => {
                escaped = true;
                continue;
            }
            ('.', false) => names.push(String::new()),
            _ => {
                if let Some(name) = names.last_mut() {
                    name.push(c);
                }
            }
        }
        escaped = false;
    }
    names
}

/// Sets a claim
pub(super) fn set(claims: &mut Map<String, Value>, name: &str, value: Value) {
    set_for(claims, name, "", value);
}

/// Sets a claim whose name may hold `${client_id}`, for this client
pub(super) fn set_for(claims: &mut Map<String, Value>, name: &str, client: &str, value: Value) {
    let mut names: Vec<_> = path(name).into_iter().map(|part| part.replace("${client_id}", client)).collect();
    let Some(last) = names.pop() else { return };
    let top = names.first().unwrap_or(&last);
    if top.is_empty() || FIXED.contains(&top.as_str()) {
        return;
    }
    let mut level = claims;
    for name in names {
        let next = level.entry(name).or_insert_with(|| Map::new().into());
        let Value::Object(next) = next else { return };
        level = next;
    }
    level.insert(last, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_in_a_claim_name_go_down_and_fixed_claims_stay() {
        let mut claims = Map::new();
        set(&mut claims, "organization.name", "acme".into());
        set(&mut claims, r"a\.b", 1.into());
        set(&mut claims, "sub", "mallory".into());
        set(&mut claims, "authorization.permissions", "all".into());
        set(&mut claims, "organization.name.short", "a".into());
        set(&mut claims, "", "nothing".into());
        assert_eq!(Value::from(claims), serde_json::json!({ "organization": { "name": "acme" }, "a.b": 1 }));
    }

    #[test]
    fn a_claim_of_a_client_bears_its_name_whatever_dots_that_has() {
        let mut claims = Map::new();
        set_for(&mut claims, "resource_access.${client_id}.roles", "a.b", 1.into());
        set_for(&mut claims, "${client_id}", "sub", 1.into());
        assert_eq!(Value::from(claims), serde_json::json!({ "resource_access": { "a.b": { "roles": 1 } } }));
    }

    #[test]
    fn values_have_the_type_that_the_mapper_names() {
        assert_eq!(typed("[1]", Some("JSON")), Some(serde_json::json!([1])));
        assert_eq!(typed("TRUE", Some("boolean")), Some(Value::from(true)));
        assert_eq!(typed("7", Some("long")), Some(Value::from(7)));
        assert_eq!(typed("7", None), Some(Value::from("7")));
        for (value, label) in [("x", "long"), ("2147483648", "int"), ("yes", "boolean"), ("{", "JSON")] {
            assert_eq!(typed(value, Some(label)), None, "{value} {label}");
        }
    }
}
