use core::fmt::Write as _;
use std::{env, fs, path::Path};

use serde_json::Value;

use super::{DOCUMENT, account, admin, authz, authzen, document::Document, open, protection, protocol};

fn generated() -> Value {
    let mut document = Document::new();
    open::describe(&mut document);
    protocol::describe(&mut document);
    protection::describe(&mut document);
    authzen::describe(&mut document);
    account::describe(&mut document);
    admin::describe(&mut document);
    authz::describe(&mut document);
    document.finish()
}

/// One line an operation and a schema: what a change changes is seen
fn text(document: &Value) -> String {
    fn lines(value: &Value, depths: &[()], end: &str, out: &mut String) {
        match (value.as_object().filter(|members| !members.is_empty()), depths.split_first()) {
            (Some(members), Some(((), below))) => {
                for (place, (name, value)) in members.iter().enumerate() {
                    let before = if place == 0 { "{" } else { "," };
                    write!(out, "{before}\n{end}  {}: ", Value::from(name.as_str())).unwrap();
                    lines(value, below, &format!("{end}  "), out);
                }
                write!(out, "\n{end}}}").unwrap();
            }
            _ => write!(out, "{value}").unwrap(),
        }
    }
    let mut out = String::new();
    lines(document, &[(); 3], "", &mut out);
    out + "\n"
}

/// `COUNTERSIGN_WRITE_OPENAPI=1 cargo test -p countersign openapi` writes the file anew
#[test]
fn the_document_is_what_the_code_says() {
    let document = generated();
    if env::var_os("COUNTERSIGN_WRITE_OPENAPI").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        fs::write(file, text(&document)).unwrap();
    } else {
        let kept: Value = serde_json::from_str(DOCUMENT).unwrap();
        assert!(kept == document, "`docs/openapi.json` is not what the code says; this test can write it");
    }
}

#[test]
fn the_document_has_the_paths_and_verbs_of_the_router() {
    let document = generated();
    let mut found: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|name| *name != "parameters");
            let mut methods: Vec<_> = methods.map(|name| name.to_uppercase()).collect();
            methods.sort_unstable();
            format!("{path} {}", methods.join(","))
        })
        .collect();
    found.sort_unstable();
    let listed = include_str!("../../../../tests/endpoints.txt").replace("{*", "{");
    let mut listed: Vec<_> = listed.lines().map(str::to_owned).collect();
    listed.sort_unstable();
    let lacking: Vec<_> = listed.iter().filter(|line| !found.contains(line)).collect();
    let stale: Vec<_> = found.iter().filter(|line| !listed.contains(line)).collect();
    assert!(lacking.is_empty() && stale.is_empty(), "lacking: {lacking:#?}\nstale: {stale:#?}");
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = generated();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());
    let ids: Vec<_> = operations.filter_map(|operation| operation.get("operationId")).collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert!(ids.len() > 200 && ids.len() == distinct.len());
}

/// Every reference leads somewhere
#[test]
fn every_reference_leads_to_a_schema() {
    fn walk(document: &Value, value: &Value) {
        if let Some(members) = value.as_object() {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            members.values().for_each(|value| walk(document, value));
        }
        value.as_array().into_iter().flatten().for_each(|value| walk(document, value));
    }
    let document = generated();
    walk(&document, &document);
}
