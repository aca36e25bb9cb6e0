//! Protocol mappers: what realms configure into tokens (wire §9.4).

use rusqlite::Transaction;
use serde_json::{Map, Value};

use super::IssueContext;
use crate::{
    realm::{ProtocolMapper, User},
    store::{self, StoreError},
};

/// Claims that a mapper cannot set: they say who made the token, for whom and until when
const FIXED: &[&str] =
    &["exp", "iat", "nbf", "jti", "iss", "sub", "typ", "azp", "sid", "aud", "authorization", "cnf"];

/// Does what one mapper says; kinds that are not known do nothing
pub(super) fn apply(
    tx: &Transaction<'_>,
    context: &IssueContext<'_>,
    mapper: &ProtocolMapper,
    claims: &mut Map<String, Value>,
    audience: &mut Vec<String>,
) -> Result<(), StoreError> {
    let config = |name: &str| mapper.config.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if config("access.token.claim").is_some_and(|value| value != "true") {
        return Ok(());
    }
    let user = &context.subject.user;
    match mapper.protocol_mapper.as_str() {
        "oidc-audience-mapper" => {
            if let Some(client) = config("included.client.audience") {
                let found = store::realm::client_by_client_id(tx, &context.realm.id, client)?;
                if found.is_some_and(|found| found.enabled) {
                    audience.push(client.to_owned());
                }
            } else if let Some(custom) = config("included.custom.audience") {
                audience.push(custom.to_owned());
            }
        }
        "oidc-hardcoded-claim-mapper" => {
            if let (Some(name), Some(value)) = (config("claim.name"), config("claim.value")) {
                set(claims, name, typed(value, config("jsonType.label")));
            }
        }
        "oidc-usermodel-attribute-mapper" | "oidc-usermodel-property-mapper" => {
            let (Some(name), Some(attribute)) = (config("claim.name"), config("user.attribute")) else {
                return Ok(());
            };
            let values = attribute_values(user, attribute);
            let label = config("jsonType.label");
            if config("multivalued") == Some("true") {
                if !values.is_empty() {
                    set(claims, name, values.iter().map(|value| typed(value, label)).collect());
                }
            } else if let Some(value) = values.first() {
                set(claims, name, typed(value, label));
            }
        }
        "oidc-group-membership-mapper" => {
            let Some(name) = config("claim.name") else { return Ok(()) };
            let full = config("full.path").is_none_or(|value| value == "true");
            let groups = context.subject.groups.iter();
            set(claims, name, groups.map(|group| if full { &*group.path } else { &*group.name }).collect());
        }
        _ => {}
    }
    Ok(())
}

fn attribute_values(user: &User, name: &str) -> Vec<String> {
    let one = |value: &Option<String>| value.iter().cloned().collect();
    match name {
        "username" => vec![user.username.clone()],
        "email" => one(&user.email),
        "firstName" => one(&user.first_name),
        "lastName" => one(&user.last_name),
        "emailVerified" => vec![user.email_verified.to_string()],
        _ => user.attributes.get(name).cloned().unwrap_or_default(),
    }
}

/// A value in the JSON type that the mapper names; one that does not fit stays a text
fn typed(value: &str, label: Option<&str>) -> Value {
    let parsed = match label {
        Some("JSON") => serde_json::from_str(value).ok(),
        Some("boolean") => value.parse::<bool>().ok().map(Value::from),
        Some("int" | "long") => value.parse::<i64>().ok().map(Value::from),
        _ => None,
    };
    parsed.unwrap_or_else(|| value.into())
}

/// Sets a claim; a dot that no backslash precedes goes one level down, as in Keycloak
fn set(claims: &mut Map<String, Value>, path: &str, value: Value) {
    let mut names = vec![String::new()];
    let mut escaped = false;
    for c in path.chars() {
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
    let Some(last) = names.pop() else { return };
    let top = names.first().unwrap_or(&last);
    if FIXED.contains(&top.as_str()) {
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
        assert_eq!(Value::from(claims), serde_json::json!({ "organization": { "name": "acme" }, "a.b": 1 }));
    }

    #[test]
    fn values_have_the_type_that_the_mapper_names() {
        assert_eq!(typed("[1]", Some("JSON")), serde_json::json!([1]));
        assert_eq!(typed("true", Some("boolean")), Value::from(true));
        assert_eq!(typed("7", Some("long")), Value::from(7));
        assert_eq!(typed("x", Some("long")), Value::from("x"));
        assert_eq!(typed("7", None), Value::from("7"));
    }
}
