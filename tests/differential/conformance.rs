//! Every test and every vector that `CONFORMANCE.md` names is there.

use std::{fs, path::Path};

use serde_json::Value;

use crate::vectors;

/// Where the test `file::name` may stand: end to end, or in the core or the host beside the code or among their own tests
fn sources(file: &str) -> Vec<String> {
    if let Some(module) = file.strip_prefix("host/") {
        return vec![format!("../host/src/{module}.rs"), format!("../host/src/{module}/tests.rs")];
    }
    match file.strip_prefix("core/") {
        Some(module) => ["src/{}.rs", "src/{}/tests.rs", "src/{}/tests", "tests/it/{}.rs", "tests/it/{}"]
            .map(|place| format!("../core/{}", place.replace("{}", module)))
            .into(),
        None => vec![format!("e2e/{file}.rs")],
    }
}

/// A file, or all files of a folder
fn text(path: &Path) -> String {
    match fs::read_dir(path) {
        Ok(folder) => folder.flatten().map(|entry| text(&entry.path())).collect(),
        Err(_) => fs::read_to_string(path).unwrap_or_default(),
    }
}

#[test]
fn every_named_test_and_vector_exists() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(here.join("CONFORMANCE.md")).unwrap();
    let specs: Vec<Value> = vectors::all();
    let (mut tests, mut cases) = (0_usize, 0_usize);
    for name in table.split('`').skip(1).step_by(2) {
        if let Some(spec) = name.strip_prefix("vectors: ") {
            let is_it =
                |case: &Value| case.get("spec").and_then(Value::as_str).is_some_and(|of| of.contains(spec));
            assert!(specs.iter().any(is_it), "there is no vector of `{spec}`");
            cases = cases.saturating_add(1);
        } else if let Some((file, test)) = name.split_once("::").filter(|(file, _)| *file != "file") {
            let found =
                sources(file).iter().any(|source| text(&here.join(source)).contains(&format!("fn {test}()")));
            assert!(found, "there is no test `{name}`");
            tests = tests.saturating_add(1);
        }
    }
    assert!(tests > 20 && cases > 10, "only {tests} tests and {cases} vectors are named");
}

/// Ids of a row's first cell: `TRAP-UMA-07, -30` are two
fn ids(cell: &str) -> Vec<String> {
    let mut before = "";
    let mut found = Vec::new();
    for word in cell.split([',', ' ']).filter(|word| !word.is_empty()) {
        if let Some(number) = word.strip_prefix('-') {
            found.push(format!("{before}-{number}"));
        } else {
            before = word.rsplit_once('-').map_or(word, |(before, _)| before);
            found.push(word.to_owned());
        }
    }
    found
}

/// Parts 4.2 and 4.3 of the checklist
#[test]
fn every_trap_of_oauth_and_uma_has_a_row_with_a_proof() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(here.join("CONFORMANCE.md")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let proven = rows.filter(|(_, rest)| rest.contains("::") || rest.contains("`vectors: "));
    let proven: Vec<String> = proven.flat_map(|(first, _)| ids(first)).collect();
    let oauth = (1..=28).map(|number| format!("TRAP-OAUTH-{number:02}"));
    let uma = (1..=38).map(|number| format!("TRAP-UMA-{number:02}"));
    let lacking: Vec<_> = oauth.chain(uma).filter(|id| !proven.contains(id)).collect();
    assert!(lacking.is_empty(), "no row with a proof for {lacking:?}");
}
