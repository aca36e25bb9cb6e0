//! Members of a representation as KEY=VALUE.

use serde_json::{Map, Value, json};

use super::AdminError;

/// Members whose values are secrets: a command line can be read by others
const SECRETS: [&str; 5] = ["secret", "password", "credentials", "privateKey", "value"];
/// Members that are lists of texts
const TEXTS: [&str; 13] = [
    "users",
    "clients",
    "policies",
    "resources",
    "scopes",
    "uris",
    "redirectUris",
    "webOrigins",
    "defaultClientScopes",
    "optionalClientScopes",
    "requiredActions",
    "groups",
    "roles",
];
/// Members that are texts, whatever they look like
const PLAIN: [&str; 18] = [
    "name",
    "description",
    "displayName",
    "email",
    "firstName",
    "lastName",
    "pattern",
    "year",
    "yearEnd",
    "month",
    "monthEnd",
    "dayMonth",
    "dayMonthEnd",
    "hour",
    "hourEnd",
    "minute",
    "minuteEnd",
    "type",
];

/// The member names that a policy of a type lists as objects
fn as_objects(name: &str, value: &Value) -> Option<Value> {
    let member = match name {
        "roles" | "clientScopes" => "id",
        "groups" => "path",
        _ => return None,
    };
    let items = value.as_array()?.iter().map(|item| match item {
        Value::String(text) => json!({ member: text }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => item.clone(),
    });
    Some(items.collect::<Vec<_>>().into())
}

/// Sets what KEY=VALUE pairs say; a key with dots is a member of a member
pub(super) fn set(document: &mut Map<String, Value>, pairs: &[String]) -> Result<(), AdminError> {
    for pair in pairs {
        let Some((key, text)) = pair.split_once('=') else {
            return Err(AdminError::Usage(format!("`{pair}` is no KEY=VALUE")));
        };
        let first = key.split('.').next().unwrap_or_default();
        if key.is_empty() || SECRETS.contains(&first) {
            return Err(AdminError::Usage(format!(
                "`{key}` is not set on the command line, which others can read: use `user password` or `client secret`"
            )));
        }
        place(document, key, value(first, text))?;
    }
    Ok(())
}

/// The same for a policy, where roles, groups and client scopes are lists of objects
pub(super) fn set_policy(document: &mut Map<String, Value>, pairs: &[String]) -> Result<(), AdminError> {
    set(document, pairs)?;
    for (name, value) in document.iter_mut() {
        let value: &mut Value = value;
        if name == "clientScopes"
            && let Value::String(text) = value
        {
            *value = listed(text);
        }
        if let Some(objects) = as_objects(name, value) {
            *value = objects;
        }
    }
    Ok(())
}

fn listed(text: &str) -> Value {
    text.split(',').filter(|item| !item.is_empty()).map(Value::from).collect::<Vec<_>>().into()
}

fn value(name: &str, text: &str) -> Value {
    if TEXTS.contains(&name) && !text.starts_with('[') {
        return listed(text);
    }
    if PLAIN.contains(&name) || name == "attributes" {
        return text.into();
    }
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn place(document: &mut Map<String, Value>, key: &str, value: Value) -> Result<(), AdminError> {
    // Names of attributes have dots of their own: only the first one parts.
    let Some((first, rest)) = key.split_once('.') else {
        document.insert(key.to_owned(), value);
        return Ok(());
    };
    match document.entry(first).or_insert_with(|| json!({})) {
        Value::Object(members) => {
            members.insert(rest.to_owned(), value);
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(AdminError::Usage(format!("`{first}` has no members")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(pairs: &[&str]) -> Value {
        let mut document = Map::new();
        let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        set_policy(&mut document, &pairs).unwrap();
        document.into()
    }

    #[test]
    fn values_are_texts_lists_or_json() {
        let told = members(&["enabled=false", "users=alice,bob", "hour=8", "attributes.a.b=1", "email=x@y"]);
        let want = json!({ "enabled": false, "users": ["alice", "bob"], "hour": "8",
            "attributes": { "a.b": "1" }, "email": "x@y" });
        assert_eq!(told, want);
        let told =
            members(&["roles=a,c/b", "groups=[{\"path\":\"/x\",\"extendChildren\":true}]", "clientScopes=s"]);
        let want = json!({ "roles": [{ "id": "a" }, { "id": "c/b" }],
            "groups": [{ "path": "/x", "extendChildren": true }], "clientScopes": [{ "id": "s" }] });
        assert_eq!(told, want);
    }

    #[test]
    fn secrets_and_what_is_no_pair_are_refused() {
        let mut document = Map::new();
        for pair in ["secret=x", "password=x", "credentials.value=x", "=x", "x"] {
            let error = set(&mut document, &[pair.to_owned()]).unwrap_err().to_string();
            assert!(!error.contains("=x") || pair == "=x", "{error}");
        }
        assert!(document.is_empty());
    }
}
