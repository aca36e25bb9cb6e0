//! Attributes that policies can look at (Keycloak wire §8.8, N12).

use serde_json::{Value, json};

use super::{question::texts, units::base_claims};

/// An attribute of the circumstances, else of the claims that came with the ticket or from the client. What the server
/// knows itself cannot be overridden by claims (TRAP-UMA-13).
pub(super) fn of_context(question: &Value, target: &str) -> Option<String> {
    let mut attributes = question.get("context").cloned().unwrap_or_else(|| json!({}));
    for (name, values) in base_claims(question) {
        if attributes.get(&name).is_none() {
            attributes[&name] = json!(values);
        }
    }
    // They are lists of texts, into which no path leads.
    attributes.get(target).and_then(first)
}

/// A claim of the token, or its roles
pub(super) fn of_identity(question: &Value, target: &str) -> Option<String> {
    let requester = &question["requester"];
    let mut attributes = requester.get("claims").cloned().unwrap_or_else(|| json!({}));
    attributes["kc.realm.roles"] = json!(texts(&requester["roles"], "realm"));
    if let Some(clients) = requester["roles"].get("client").and_then(Value::as_object) {
        for client in clients.keys() {
            attributes[format!("kc.client.{client}.roles")] =
                json!(texts(&requester["roles"]["client"], client));
        }
    }
    find(&attributes, target)
}

/// A claim that holds a text or a list of texts
pub(super) fn claim_texts(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(text)) if !text.is_empty() => vec![text.clone()],
        Some(Value::Array(_)) => texts(&json!({"list": claim}), "list"),
        _ => Vec::new(),
    }
}

/// The attribute of exactly this name, else the path into one that is JSON (Keycloak wire §8.7: "walks into a JSON
/// claim"); a text is no JSON, even if it looks like it
fn find(attributes: &Value, target: &str) -> Option<String> {
    if let Some(value) = attributes.get(target) {
        return first(value);
    }
    let mut place = attributes;
    for part in target.split('.') {
        let (name, indexes) = part.split_once('[').unwrap_or((part, ""));
        place = place.get(name)?;
        if part.contains('[') {
            for index in indexes.strip_suffix(']')?.split("][") {
                place = place.get(index.parse::<usize>().ok()?)?;
            }
        }
    }
    first(place)
}

/// The first value as text: booleans and numbers by their JSON text, objects too
fn first(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.first().and_then(first),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(value.to_string()),
    }
}
