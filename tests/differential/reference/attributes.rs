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
    find(&attributes, target)
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

/// The attribute of exactly this name, else the path into one
fn find(attributes: &Value, target: &str) -> Option<String> {
    if let Some(value) = attributes.get(target) {
        return first(value);
    }
    let mut steps = Vec::new();
    for part in target.split('.') {
        let (name, indexes) = match part.split_once('[') {
            None => (part, ""),
            Some((name, indexes)) => (name, indexes),
        };
        steps.push(Step::Member(name));
        if part.contains('[') {
            for index in indexes.strip_suffix(']')?.split("][") {
                steps.push(Step::Index(index.parse().ok()?));
            }
        }
    }
    let mut place = attributes.clone();
    for (depth, step) in steps.iter().enumerate() {
        // An attribute may hold JSON as text.
        if depth == 1 {
            place = opened(place);
        }
        place = match step {
            Step::Member(name) => place.get(name)?.clone(),
            Step::Index(index) => place.get(index)?.clone(),
        };
    }
    first(&place)
}

enum Step<'t> {
    Member(&'t str),
    Index(usize),
}

/// JSON that stands in a text, or in the first text of a list
fn opened(value: Value) -> Value {
    let parse = |text: &str| {
        serde_json::from_str::<Value>(text).ok().filter(|json| json.is_object() || json.is_array())
    };
    match &value {
        Value::String(text) => parse(text).unwrap_or(value),
        Value::Array(items) => items.first().and_then(Value::as_str).and_then(parse).unwrap_or(value),
        _ => value,
    }
}

/// The first value as text: booleans and numbers by their JSON text, objects too
fn first(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items.first().and_then(first),
        other => Some(other.to_string()),
    }
}
