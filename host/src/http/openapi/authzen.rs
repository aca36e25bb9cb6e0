//! The `AuthZEN` Authorization API.

use serde_json::{Value, json};

use super::{
    document::{Document, Family},
    operation::{json, post, written},
};
use crate::http::authzen::evaluation::Decision;

const AUTHZEN: Family = Family {
    tag: "authzen",
    about: "Decisions for whoever a resource server names, by AuthZEN 1.0",
    security: &["pat"],
    refuses: &[400, 401, 403, 404, 408, 413, 503],
    refuses_bodies: &[],
    refuses_changes: &[],
};

fn entity(members: &[&str]) -> Value {
    let mut properties: serde_json::Map<_, _> =
        members.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    properties.insert("properties".to_owned(), json!({ "type": "object" }));
    json!({ "type": "object", "properties": properties, "required": members })
}

/// A question that names these of its parts
fn question(named: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": {
            "subject": if named.contains(&"subject") { entity(&["type", "id"]) } else { entity(&["type"]) },
            "resource": if named.contains(&"resource") { entity(&["type", "id"]) } else { entity(&["type"]) },
            "action": entity(&["name"]),
            "context": { "type": "object" },
        },
        "required": named,
    })
}

fn search(named: &[&str]) -> Value {
    let mut question = question(named);
    question["properties"]["page"] = json!({
        "type": "object",
        "properties": { "limit": { "type": "integer", "minimum": 1 }, "token": { "type": "string" } },
    });
    question
}

fn found(members: &[&str]) -> Value {
    let page = json!({
        "type": "object",
        "properties": { "next_token": { "type": "string" }, "count": { "type": "integer" } },
        "required": ["next_token", "count"],
    });
    json!({
        "type": "object",
        "properties": { "page": page, "results": { "type": "array", "items": entity(members) } },
        "required": ["page", "results"],
    })
}

pub(super) fn describe(document: &mut Document) {
    document.family(AUTHZEN);
    let at = |name: &str| format!("/realms/{{realm}}/authzen/access/v1/{name}");
    let one = question(&["subject", "resource", "action"]);
    document.at(
        AUTHZEN,
        &at("evaluation"),
        [post("May this subject do this?")
            .query("reasons")
            .headers("x-request-id")
            .takes(written(one))
            .shows(json::<Decision>())],
    );
    let mut several = question(&[]);
    several["properties"]["evaluations"] = json!({ "type": "array", "items": { "type": "object" } });
    several["properties"]["options"] = json!({
        "type": "object",
        "properties": { "evaluations_semantic": {
            "enum": ["execute_all", "deny_on_first_deny", "permit_on_first_permit"],
        } },
    });
    let decision = json!({ "$ref": "#/components/schemas/Decision" });
    let decisions = json!({
        "type": "object",
        "properties": { "evaluations": { "type": "array", "items": decision } },
        "required": ["evaluations"],
    });
    document.at(
        AUTHZEN,
        &at("evaluations"),
        [post("Several questions at once; one alone is answered as by `evaluation`")
            .query("reasons")
            .takes(written(several))
            .shows(written(json!({ "anyOf": [decisions, decision] })))],
    );
    for (name, what, named, results) in [
        ("subject", "Who may?", &["subject", "action", "resource"][1..], &["type", "id"][..]),
        ("resource", "Which resources?", &["subject", "action"], &["type", "id"]),
        ("action", "Which actions?", &["subject", "resource"], &["name"]),
    ] {
        document.at(
            AUTHZEN,
            &at(&format!("search/{name}")),
            [post(what).takes(written(search(named))).shows(written(found(results)))],
        );
    }
}
