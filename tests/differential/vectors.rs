//! Reading `tests/vectors`.

use std::{fs, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// One case, its parts still to be read by the engine
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector<G, R> {
    spec: String,
    kind: String,
    note: String,
    pub(crate) given: G,
    pub(crate) request: R,
    want: Value,
}

/// Runs all cases of a kind and shows all that are answered otherwise than they want.
pub(crate) fn run<G: DeserializeOwned, R: DeserializeOwned>(
    kind: &str,
    answer: impl Fn(&Vector<G, R>) -> Value,
) {
    let mut wrong = Vec::new();
    let mut count = 0_usize;
    for vector in all().into_iter().filter(|vector| vector.get("kind").and_then(Value::as_str) == Some(kind))
    {
        let vector: Vector<G, R> =
            serde_json::from_value(vector).expect("a vector of the format of its kind");
        let got = answer(&vector);
        count = count.saturating_add(1);
        if got != vector.want {
            wrong.push(format!(
                "{} ({}, {}): {got}, want {}",
                vector.note, vector.kind, vector.spec, vector.want
            ));
        }
    }
    assert!(count > 0, "no vectors of kind {kind}");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// All cases of all kinds
pub(crate) fn all() -> Vec<Value> {
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/vectors")))
}

fn read(folder: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of vectors") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(read(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read(&path).expect("a file of vectors");
            let content = serde_json::from_slice(&text);
            let content: Value = content.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if let Value::Array(cases) = content {
                found.extend(cases);
            } else {
                found.push(content);
            }
        }
    }
    found
}
