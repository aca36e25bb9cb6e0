//! Writing: a stored policy in the forms that callers read (`admin-surface` §11).

use serde_json::{Map, Value, json};

use super::{Shape, is_permission, members};
use crate::store::policy::{Named, PolicyRecord};

fn head(record: &PolicyRecord) -> Map<String, Value> {
    let mut form = Map::new();
    let mut set = |name: &str, value: Value| {
        form.insert(name.to_owned(), value);
    };
    set("id", record.id.as_str().into());
    set("name", record.name.as_str().into());
    if let Some(description) = &record.description {
        set("description", description.as_str().into());
    }
    set("type", record.kind.as_str().into());
    set("logic", record.logic.as_str().into());
    set("decisionStrategy", record.strategy.as_str().into());
    form
}

/// The generic form: every value of `config` is a text
pub fn generic(record: &PolicyRecord) -> Map<String, Value> {
    let mut form = head(record);
    if let Some(owner) = &record.owner {
        form.insert("owner".to_owned(), owner.as_str().into());
    }
    form.insert("config".to_owned(), config(record, |named| &named.id).into());
    form
}

/// The form of an export: without ids, and with names in `config`
pub fn exported(record: &PolicyRecord) -> Map<String, Value> {
    let mut form = head(record);
    form.remove("id");
    form.insert("config".to_owned(), config(record, |named| &named.name).into());
    form
}

fn config(record: &PolicyRecord, text: impl Fn(&Named) -> &String) -> Map<String, Value> {
    let mut config = record.kept.clone();
    for (name, value) in &record.config {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.to_string()
            }
        };
        config.insert(name.clone(), value.into());
    }
    for (name, all) in
        [("resources", &record.resources), ("scopes", &record.scopes), ("applyPolicies", &record.policies)]
    {
        if !all.is_empty() {
            let texts: Vec<_> = all.iter().map(&text).collect();
            config.insert(name.to_owned(), json!(texts).to_string().into());
        }
    }
    if let Some(kind) = &record.resource_type {
        config.insert("defaultResourceType".to_owned(), kind.as_str().into());
    }
    config
}

/// The form of its type: a permission without what it hangs together with, which is read by itself
pub fn typed(record: &PolicyRecord) -> Map<String, Value> {
    let mut form = head(record);
    for member in members(&record.kind) {
        let value = match record.config.get(member.name) {
            Some(value) => value.clone(),
            None => match member.shape {
                Shape::References(_) | Shape::Flagged(..) => json!([]),
                Shape::Flag | Shape::Text => continue,
            },
        };
        form.insert(member.typed.to_owned(), value);
    }
    if record.kind == "aggregate" {
        form.insert("policies".to_owned(), ids(&record.policies));
    }
    if let Some(kind) = record.resource_type.as_ref().filter(|_| is_permission(&record.kind)) {
        form.insert("resourceType".to_owned(), kind.as_str().into());
    }
    form
}

/// The answer to the one who made it: users and clients as she wrote them, the rest by id
pub fn created(record: &PolicyRecord, sent: &Map<String, Value>) -> Map<String, Value> {
    let mut form = typed(record);
    for name in ["users", "clients"] {
        if let Some(as_sent) = sent.get(name).filter(|value| value.is_array()) {
            form.insert(name.to_owned(), as_sent.clone());
        }
    }
    for (name, all) in
        [("resources", &record.resources), ("scopes", &record.scopes), ("policies", &record.policies)]
    {
        if !all.is_empty() {
            form.insert(name.to_owned(), ids(all));
        }
    }
    form
}

fn ids(all: &[Named]) -> Value {
    all.iter().map(|named| Value::from(named.id.as_str())).collect::<Vec<_>>().into()
}
