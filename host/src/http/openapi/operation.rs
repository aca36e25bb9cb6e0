//! One operation: what it takes and what it gives.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// A schema: of a type, or written down where a document has many forms
#[derive(Debug, Clone)]
pub(super) enum Form {
    Typed(fn(&mut SchemaGenerator) -> Schema),
    Written(Value),
}

/// The body of a request or of an answer
#[derive(Debug, Clone)]
pub(super) enum Body {
    Nothing,
    Json(Form),
    /// A form of these fields
    Fields(&'static str),
    /// A text of these types
    Text(&'static [&'static str]),
}

/// JSON of this type
pub(super) fn json<T: JsonSchema>() -> Body {
    Body::Json(Form::Typed(SchemaGenerator::subschema_for::<T>))
}

/// A list of this type
pub(super) fn list<T: JsonSchema>() -> Body {
    json::<Vec<T>>()
}

/// An object with at least these members, each a text, and others
pub(super) fn object(members: &'static str) -> Body {
    Body::Json(Form::Written(open(members)))
}

/// A list of such objects
pub(super) fn objects(members: &'static str) -> Body {
    Body::Json(Form::Written(json!({ "type": "array", "items": open(members) })))
}

/// Written down
pub(super) fn written(schema: Value) -> Body {
    Body::Json(Form::Written(schema))
}

/// The schema of an object with these members; a name is followed by its [kind](kind)
pub(super) fn open(members: &'static str) -> Value {
    let named = |text: &'static str| kind(text).0;
    let properties: serde_json::Map<_, _> =
        members.split_whitespace().map(kind).map(|(name, schema)| (name.to_owned(), schema)).collect();
    let required: Vec<_> = members.split_whitespace().map(named).collect();
    if required.is_empty() {
        return json!({ "type": "object" });
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// Name and schema of a parameter or member: `name` is a text, `name#` a whole number, `name?` true or false, `name*`
/// may come several times, `name{}` is an object, `name[]` a list
pub(super) fn kind(text: &'static str) -> (&'static str, Value) {
    let of = |kind: &str| json!({ "type": kind });
    for (end, schema) in [
        ("#", of("integer")),
        ("?", of("boolean")),
        ("*", json!({ "type": "array", "items": { "type": "string" } })),
        ("{}", of("object")),
        ("[]", of("array")),
    ] {
        if let Some(name) = text.strip_suffix(end) {
            return (name, schema);
        }
    }
    (text, of("string"))
}

/// One verb of one path
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: &'static str,
    pub(super) headers: &'static str,
    pub(super) takes: Body,
    pub(super) must: bool,
    pub(super) gives: Vec<(u16, Body)>,
    pub(super) refuses: &'static [u16],
}

fn operation(method: &'static str, summary: &'static str) -> Operation {
    let (query, takes, gives) = ("", Body::Nothing, Vec::new());
    Operation { method, summary, query, headers: "", takes, must: true, gives, refuses: &[] }
}

pub(super) fn get(summary: &'static str) -> Operation {
    operation("get", summary)
}

pub(super) fn post(summary: &'static str) -> Operation {
    operation("post", summary)
}

pub(super) fn put(summary: &'static str) -> Operation {
    operation("put", summary)
}

pub(super) fn delete(summary: &'static str) -> Operation {
    operation("delete", summary)
}

impl Operation {
    /// With these parameters, each as [`kind`] reads it
    pub(super) fn query(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    /// With these headers
    pub(super) fn headers(self, headers: &'static str) -> Self {
        Self { headers, ..self }
    }

    /// With this body
    pub(super) fn takes(self, takes: Body) -> Self {
        Self { takes, ..self }
    }

    /// With this body or with none
    pub(super) fn may_take(self, takes: Body) -> Self {
        Self { takes, must: false, ..self }
    }

    /// Answers so
    pub(super) fn gives(mut self, status: u16, body: Body) -> Self {
        self.gives.push((status, body));
        self
    }

    /// Answers 200 with this
    pub(super) fn shows(self, body: Body) -> Self {
        self.gives(200, body)
    }

    /// Answers 204
    pub(super) fn done(self) -> Self {
        self.gives(204, Body::Nothing)
    }

    /// Refuses with these statuses beside those of its family
    pub(super) fn refuses(self, refuses: &'static [u16]) -> Self {
        Self { refuses, ..self }
    }
}
