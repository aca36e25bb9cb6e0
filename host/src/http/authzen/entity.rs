//! Subjects, resources, actions and contexts as requests have them (AuthZEN §5).

use countersign_core::permission::Claims;
use serde_json::{Map, Value};

use super::Document;

/// What is wrong with a request, with the member's name
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) String);

/// A subject or a resource; without an id where a search looks for that
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entity {
    /// `user`, `client`, or the type of a resource
    pub(super) kind: String,
    /// Its id
    pub(super) id: String,
    /// What else is said of it
    properties: Claims,
}

impl Entity {
    /// Of which nothing else is said
    pub(super) fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned(), properties: Claims::new() }
    }
}

/// Whom or what a question is about
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entities {
    /// Who acts
    pub(super) subject: Option<Entity>,
    /// Upon what
    pub(super) resource: Option<Entity>,
    /// What he does: a scope
    pub(super) action: Option<String>,
    /// What else is said, by the names that policies know it by
    pub(super) attributes: Claims,
}

/// Which members a request must have
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Type and id, or a name
    Whole,
    /// The type alone; an id counts for nothing
    Type,
    /// Nothing; what is there is not looked at
    Nothing,
}

impl Entities {
    /// Reads those members that are wanted, each from the item if it is there and else from the defaults
    pub(super) fn read(
        item: &Map<String, Value>,
        defaults: &Map<String, Value>,
        [subject, resource, action]: [Wants; 3],
    ) -> Result<Self, Malformed> {
        let member =
            |name: &str| item.get(name).or_else(|| defaults.get(name)).filter(|value| !value.is_null());
        let mut entities = Self {
            subject: entity("subject", member("subject"), subject)?,
            resource: entity("resource", member("resource"), resource)?,
            ..Self::default()
        };
        if action != Wants::Nothing {
            let object = object("action", member("action"))?;
            entities.action = Some(text("action", object, "name")?);
            entities.attributes.extend(properties("action", object)?);
        }
        let of_entities = [&entities.subject, &entities.resource].into_iter().flatten();
        let of_entities: Vec<_> = of_entities.flat_map(|entity| entity.properties.clone()).collect();
        entities.attributes.extend(of_entities);
        if let Some(context) = member("context") {
            let context =
                context.as_object().ok_or_else(|| Malformed("`context` must be an object".to_owned()))?;
            entities.attributes.extend(claims("", context));
        }
        Ok(entities)
    }

    /// The same of a request that is one question
    pub(super) fn of(Document(document): &Document, wants: [Wants; 3]) -> Result<Self, Malformed> {
        Self::read(document, &Map::new(), wants)
    }
}

fn object<'a>(name: &str, value: Option<&'a Value>) -> Result<&'a Map<String, Value>, Malformed> {
    let value = value.ok_or_else(|| Malformed(format!("`{name}` is missing")))?;
    value.as_object().ok_or_else(|| Malformed(format!("`{name}` must be an object")))
}

fn text(entity: &str, members: &Map<String, Value>, name: &str) -> Result<String, Malformed> {
    match members.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null) => Err(Malformed(format!("`{entity}.{name}` is missing"))),
        Some(_) => Err(Malformed(format!("`{entity}.{name}` must be a text that is not empty"))),
    }
}

fn entity(name: &str, value: Option<&Value>, wants: Wants) -> Result<Option<Entity>, Malformed> {
    if wants == Wants::Nothing {
        return Ok(None);
    }
    let members = object(name, value)?;
    let kind = text(name, members, "type")?;
    let id = if wants == Wants::Whole { text(name, members, "id")? } else { String::new() };
    Ok(Some(Entity { kind, id, properties: properties(name, members)? }))
}

/// `properties` as policies know them: `authzen.subject.x`
fn properties(name: &str, members: &Map<String, Value>) -> Result<Claims, Malformed> {
    match members.get("properties") {
        None | Some(Value::Null) => Ok(Claims::new()),
        Some(Value::Object(properties)) => Ok(claims(&format!("authzen.{name}."), properties)),
        Some(_) => Err(Malformed(format!("`{name}.properties` must be an object"))),
    }
}

/// Values as texts, which is what policies compare; of lists, each value
fn claims(prefix: &str, members: &Map<String, Value>) -> Claims {
    let texts = |value: &Value| match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().filter(|value| !value.is_null()).map(plain).collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![plain(value)],
    };
    let named = members.iter().map(|(name, value)| (format!("{prefix}{name}"), texts(value)));
    named.filter(|(_, values)| !values.is_empty()).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WHOLE: [Wants; 3] = [Wants::Whole; 3];

    fn read(item: Value, defaults: Value) -> Result<Entities, String> {
        let (Value::Object(item), Value::Object(defaults)) = (item, defaults) else { panic!("no objects") };
        Entities::read(&item, &defaults, WHOLE).map_err(|malformed| malformed.to_string())
    }

    fn question() -> Value {
        json!({
            "subject": { "type": "user", "id": "bob", "properties": { "level": 3 } },
            "resource": { "type": "todo", "id": "1", "properties": { "ownerID": "bob", "tags": ["a", null, true] } },
            "action": { "name": "read", "properties": { "soft": true } },
            "context": { "time": "now", "deep": { "x": 1 }, "nothing": null },
        })
    }

    #[test]
    fn properties_and_context_become_attributes() {
        let entities = read(question(), json!({})).unwrap();
        let want = [
            ("authzen.action.soft", vec!["true"]),
            ("authzen.resource.ownerID", vec!["bob"]),
            ("authzen.resource.tags", vec!["a", "true"]),
            ("authzen.subject.level", vec!["3"]),
            ("deep", vec![r#"{"x":1}"#]),
            ("time", vec!["now"]),
        ];
        let want: Claims = want
            .into_iter()
            .map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()))
            .collect();
        assert_eq!(entities.attributes, want);
    }

    /// AZ-7.1.1-01
    #[test]
    fn an_item_replaces_the_whole_of_a_default() {
        let item = json!({ "resource": { "type": "todo", "id": "2" }, "context": {} });
        let entities = read(item, question()).unwrap();
        assert_eq!(entities.resource.unwrap().id, "2");
        assert_eq!(entities.subject.unwrap().id, "bob");
        let names: Vec<_> = entities.attributes.keys().map(String::as_str).collect();
        assert_eq!(names, ["authzen.action.soft", "authzen.subject.level"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (member, value, want) in [
            ("subject", json!(null), "`subject` is missing"),
            ("subject", json!("bob"), "`subject` must be an object"),
            ("subject", json!({ "type": "user" }), "`subject.id` is missing"),
            ("resource", json!({ "id": "1" }), "`resource.type` is missing"),
            ("resource", json!({ "type": 1, "id": "1" }), "`resource.type` must be a text that is not empty"),
            ("action", json!({ "name": "" }), "`action.name` must be a text that is not empty"),
            ("action", json!({ "name": "x", "properties": 1 }), "`action.properties` must be an object"),
            ("context", json!([]), "`context` must be an object"),
        ] {
            let mut document = question();
            document[member] = value;
            assert_eq!(read(document, json!({})), Err(want.to_owned()));
        }
    }
}
