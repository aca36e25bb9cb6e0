//! Reading the members of a question, with the values that stand where one is absent.

use std::collections::BTreeSet;

use serde_json::Value;

pub(super) type Scopes = BTreeSet<String>;

/// A text, or the empty one
pub(super) fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// A list, or the empty one
pub(super) fn list<'v>(value: &'v Value, member: &str) -> &'v [Value] {
    value.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A list of texts
pub(super) fn texts(value: &Value, member: &str) -> Vec<String> {
    list(value, member).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A flag that is off where it is absent
pub(super) fn flag(value: &Value, member: &str) -> bool {
    value.get(member) == Some(&Value::Bool(true))
}

/// The resource of this id, whoever owns it
pub(super) fn resource<'q>(question: &'q Value, id: &str) -> Option<&'q Value> {
    list(&question["facts"], "resources").iter().find(|resource| text(resource, "id") == id)
}

/// Whether the resource server itself owns the resource
pub(super) fn is_the_servers(question: &Value, resource: &Value) -> bool {
    resource["owner"] == question["server"]["id"]
}

/// Whether the requester owns the resource: the identity's id is compared, a service account's too (Keycloak wire §8.5)
pub(super) fn is_the_requesters(question: &Value, resource: &Value) -> bool {
    resource["owner"] == question["requester"]["id"]
}

/// The names that a set of roles holds for a client, or of the realm
pub(super) fn roles(roles: &Value, client: Option<&str>) -> Vec<String> {
    match client {
        None => texts(roles, "realm"),
        Some(client) => roles.get("client").map(|clients| texts(clients, client)).unwrap_or_default(),
    }
}
