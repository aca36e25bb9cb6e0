//! The document as a whole: families of operations, what they have in common, and schemas of types.

use axum::http::StatusCode;
use schemars::{
    SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

use super::operation::{Body, Form, Operation, kind, open};

/// Operations that authenticate and refuse alike
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) tag: &'static str,
    pub(super) about: &'static str,
    /// Schemes of which one is enough
    pub(super) security: &'static [&'static str],
    /// Statuses of every refusal
    pub(super) refuses: &'static [u16],
    /// Statuses of refusals where there is a body
    pub(super) refuses_bodies: &'static [u16],
    /// Statuses of refusals where something is changed
    pub(super) refuses_changes: &'static [u16],
}

/// What is collected
pub(super) struct Document {
    paths: Map<String, Value>,
    tags: Vec<Value>,
    /// Schemas of what is sent to this server
    taken: SchemaGenerator,
    /// Schemas of what it answers
    given: SchemaGenerator,
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

impl Document {
    pub(super) fn new() -> Self {
        Self {
            paths: Map::new(),
            tags: Vec::new(),
            taken: generator(Contract::Deserialize),
            given: generator(Contract::Serialize),
        }
    }

    pub(super) fn family(&mut self, family: Family) {
        self.tags.push(json!({ "name": family.tag, "description": family.about }));
    }

    /// Names a type of what is sent
    pub(super) fn define<T: schemars::JsonSchema>(&mut self) {
        self.taken.subschema_for::<T>();
    }

    /// Adds the operations of one path
    pub(super) fn at(&mut self, family: Family, path: &str, operations: impl IntoIterator<Item = Operation>) {
        let mut item = Map::new();
        // A path that goes on to the end of the URL has no sign of its own in this language.
        let path = path.replace("{*", "{");
        let names = path.split('{').skip(1).filter_map(|part| part.split('}').next());
        let places: Vec<_> =
            names.map(|name| parameter(name, "path", &json!({ "type": "string" }))).collect();
        if !places.is_empty() {
            item.insert("parameters".to_owned(), places.into());
        }
        for operation in operations {
            let method = operation.method.to_owned();
            let before = item.insert(method, self.operation(family, &path, &operation));
            assert!(before.is_none(), "{path} has {} twice", operation.method);
        }
        assert!(self.paths.insert(path.clone(), item.into()).is_none(), "{path} comes twice");
    }

    fn operation(&mut self, family: Family, path: &str, operation: &Operation) -> Value {
        let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let id: Vec<_> = [operation.method].into_iter().chain(words).collect();
        let mut value = json!({
            "operationId": id.join("_"), "summary": operation.summary, "tags": [family.tag],
        });
        let of = |place: &'static str, text: &'static str| {
            text.split_whitespace().map(move |text| {
                let (name, schema) = kind(text);
                parameter(name, place, &schema)
            })
        };
        let parameters: Vec<_> =
            of("query", operation.query).chain(of("header", operation.headers)).collect();
        if !parameters.is_empty() {
            value["parameters"] = parameters.into();
        }
        if let Some(content) = content(&operation.takes, &mut self.taken, &suffixed) {
            value["requestBody"] = json!({ "content": content, "required": operation.must });
        }
        let security = family.security.iter().map(|name| json!({ *name: [] }));
        value["security"] = security.collect();
        let mut responses = Map::new();
        let has_body = !matches!(operation.takes, Body::Nothing);
        let refusals = family
            .refuses
            .iter()
            .chain(if has_body { family.refuses_bodies } else { &[] })
            .chain(if operation.method == "get" { &[] } else { family.refuses_changes })
            .chain(operation.refuses);
        for status in refusals {
            let reference = json!({ "$ref": format!("#/components/responses/{status}") });
            responses.insert(status.to_string(), reference);
        }
        for (status, body) in &operation.gives {
            let mut response = json!({ "description": reason(*status) });
            if let Some(content) = content(body, &mut self.given, &|schema| schema) {
                response["content"] = content;
            }
            if *status == 201 && matches!(body, Body::Nothing) && operation.method == "post" {
                response["headers"] =
                    json!({ "Location": { "description": "What was made", "schema": { "type": "string" } } });
            }
            responses.insert(status.to_string(), response);
        }
        value["responses"] = responses.into();
        value
    }

    /// The whole
    pub(super) fn finish(mut self) -> Value {
        let mut schemas = Map::new();
        schemas.insert("Refusal".to_owned(), refusal());
        for (name, schema) in self.given.take_definitions(true) {
            schemas.insert(name, schema);
        }
        for (name, schema) in self.taken.take_definitions(true) {
            assert!(schemas.insert(format!("{name}{SUFFIX}"), suffixed(schema)).is_none(), "{name}");
        }
        let statuses = [400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 429, 500, 501, 503];
        let responses: Map<_, _> =
            statuses.map(|status| (status.to_string(), refused(status))).into_iter().collect();
        let bearer = |about: &str| json!({ "type": "http", "scheme": "bearer", "description": about });
        json!({
            "openapi": "3.1.1",
            "info": {
                "title": "Countersign",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "User-managed access: OpenID Connect, UMA 2.0, the Protection API, the account API, AuthZEN \
                    and the admin API. Every path may also end in a slash. Any other path below `/admin` answers 501, \
                    any other path below `/realms/{realm}/authz` 405, everything else 404; a verb that a path does not \
                    have, 405.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
            "servers": [{ "url": "/" }],
            "tags": self.tags,
            "paths": self.paths,
            "components": {
                "responses": responses,
                "schemas": schemas,
                "securitySchemes": {
                    "administrator": bearer("An access token of somebody with roles of `realm-management`"),
                    "pat": bearer("A protection API token: an access token of a resource server with `uma_protection`"),
                    "person": bearer("An access token of a person, with the audience that the API asks for"),
                    "token": bearer("Any access token of the realm"),
                    "client": { "type": "http", "scheme": "basic", "description": "Name and secret of a client" },
                },
            },
        })
    }
}

/// Behind the name of a schema of what is sent: a member may be absent there that answers always have
const SUFFIX: &str = ".taken";

/// A schema whose references are to schemas of what is sent
fn suffixed(schema: Value) -> Value {
    match schema {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| match value.as_str().filter(|_| name == "$ref") {
                Some(text) => (name, format!("{text}{SUFFIX}").into()),
                None => (name, suffixed(value)),
            })
            .collect(),
        Value::Array(list) => list.into_iter().map(suffixed).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

fn parameter(name: &str, place: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": place, "required": place == "path", "schema": schema })
}

fn content(body: &Body, generator: &mut SchemaGenerator, change: &dyn Fn(Value) -> Value) -> Option<Value> {
    Some(match body {
        Body::Nothing => return None,
        Body::Json(Form::Typed(schema)) => {
            json!({ "application/json": { "schema": change(schema(generator).to_value()) } })
        }
        Body::Json(Form::Written(schema)) => json!({ "application/json": { "schema": schema } }),
        Body::Fields(fields) => {
            let properties: Map<_, _> =
                fields.split_whitespace().map(kind).map(|(name, schema)| (name.to_owned(), schema)).collect();
            let schema = json!({ "type": "object", "properties": properties });
            json!({ "application/x-www-form-urlencoded": { "schema": schema } })
        }
        Body::Text(kinds) => {
            kinds.iter().map(|kind| ((*kind).to_owned(), json!({}))).collect::<Map<_, _>>().into()
        }
    })
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).unwrap().canonical_reason().unwrap()
}

/// Members of refusals: those of OAuth, and those of the administrators' and people's own APIs
fn refusal() -> Value {
    json!({
        "type": "object",
        "properties": {
            "error": { "type": "string" },
            "error_description": { "type": "string" },
            "errorMessage": { "type": "string" },
            "field": { "type": "string" },
            "params": { "type": "array" },
            "errors": { "type": "array", "items": open("errorMessage") },
        },
        "anyOf": [{ "required": ["error"] }, { "required": ["errorMessage"] }, { "required": ["errors"] }],
    })
}

fn refused(status: u16) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Refusal" });
    let mut response =
        json!({ "description": reason(status), "content": { "application/json": { "schema": schema } } });
    if matches!(status, 429 | 503) {
        let seconds = json!({ "description": "Seconds", "schema": { "type": "integer" } });
        response["headers"] = json!({ "Retry-After": seconds });
    }
    response
}
