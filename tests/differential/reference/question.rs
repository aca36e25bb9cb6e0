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

/// Whether one of these roles is the wanted one, or contains it, however deep (EVAL-13)
pub(super) fn holds_role(question: &Value, roles: &Value, wanted: &Value) -> bool {
    let mut held: Vec<Role> = texts(roles, "realm").into_iter().map(|name| (name, None)).collect();
    for client in
        roles.get("client").and_then(Value::as_object).into_iter().flat_map(|clients| clients.keys())
    {
        held.extend(texts(&roles["client"], client).into_iter().map(|name| (name, Some(client.clone()))));
    }
    let wanted = role(wanted);
    let mut at = 0;
    while let Some(one) = held.get(at).cloned() {
        if one == wanted {
            return true;
        }
        for composite in list(&question["facts"]["directory"], "composites") {
            if role(&composite["role"]) == one {
                let contained: Vec<Role> = list(composite, "contains").iter().map(role).collect();
                held.extend(contained.into_iter().filter(|other| !held.contains(other)).collect::<Vec<_>>());
            }
        }
        at += 1;
    }
    false
}

/// Name, and the client whose role it is; none for a realm role
type Role = (String, Option<String>);

fn role(value: &Value) -> Role {
    (text(value, "name").to_owned(), value.get("client").and_then(Value::as_str).map(str::to_owned))
}
