//! Every test and every vector that `CONFORMANCE.md` names is there; every MUST of UMA and every trap is named in it.

use std::{collections::BTreeSet, fs, path::Path};

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

/// Every duty of the checklist's parts 1.2 and 1.3 whose level is MUST or MUST NOT, whosever it is
const MUSTS: &[(&str, &[u32])] = &[
    ("GRANT-1.1", &[1]),
    ("GRANT-1.3", &[1]),
    ("GRANT-3.2", &[1]),
    ("GRANT-3.2.1", &[1, 2]),
    ("GRANT-3.2.2", &[1]),
    ("GRANT-3.3", &[1]),
    ("GRANT-3.3.1", &[1, 2, 3, 4, 9]),
    ("GRANT-3.3.2", &[1, 2, 3, 4, 5, 6, 7]),
    ("GRANT-3.3.3", &[1, 2, 3, 5, 6, 7]),
    ("GRANT-3.3.4", &[1, 2, 3]),
    ("GRANT-3.3.5", &[1, 5, 6, 7]),
    ("GRANT-3.3.5.1", &[2, 4]),
    ("GRANT-3.3.6", &[1, 2, 3, 4, 8, 9, 11]),
    ("GRANT-3.4", &[1]),
    ("GRANT-3.5", &[1, 2]),
    ("GRANT-3.6", &[2]),
    ("GRANT-3.7", &[2]),
    ("GRANT-5.1", &[1, 2, 3]),
    ("GRANT-5.2", &[1, 2, 3]),
    ("GRANT-5.4", &[1]),
    ("GRANT-5.5", &[1, 2]),
    ("GRANT-5.6", &[1]),
    ("GRANT-7", &[1]),
    ("FED-1.2", &[1]),
    ("FED-1.3", &[1, 2, 3, 4]),
    ("FED-1.5", &[1]),
    ("FED-2", &[1, 2, 3]),
    ("FED-3", &[1]),
    ("FED-3.1", &[1]),
    ("FED-3.2", &[1, 2, 4, 5, 6]),
    ("FED-3.2.1", &[1]),
    ("FED-3.2.2", &[1]),
    ("FED-3.2.3", &[1]),
    ("FED-3.2.4", &[1]),
    ("FED-3.2.5", &[1]),
    ("FED-4", &[1]),
    ("FED-4.1", &[1, 2]),
    ("FED-4.2", &[1, 2]),
    ("FED-4.3", &[1, 2]),
    ("FED-5.1", &[1]),
    ("FED-5.1.1", &[1, 2, 3, 5]),
    ("FED-6", &[1]),
];

/// The ids of these kinds that a text names: `GRANT-3.3.1-01, -03`, `FED-3.1-01 to -04`
fn ids(text: &str, kinds: &[&str]) -> BTreeSet<(String, u32)> {
    let mut found = BTreeSet::new();
    let mut last: Option<(String, u32)> = None;
    let mut range = false;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let Some((part, number)) = bare.rsplit_once('-') else {
            range = word == "to";
            continue;
        };
        let part = match (&last, part) {
            (Some((part, _)), "") => part.clone(),
            (_, part) if kinds.iter().any(|kind| part.starts_with(kind)) => part.to_owned(),
            (_, _) => {
                last = None;
                continue;
            }
        };
        let Ok(number) = number.parse::<u32>() else { continue };
        let from = last.as_ref().filter(|_| range).map_or(number, |(_, from)| *from);
        found.extend((from..=number).map(|number| (part.clone(), number)));
        // Only what follows at once belongs to the same part.
        let goes_on = word.ends_with(',') || !word.ends_with([')', '.', ':', ';', '`']);
        last = goes_on.then_some((part, number));
        range = false;
    }
    found
}

#[test]
fn every_must_of_uma_is_in_the_table() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(here.join("CONFORMANCE.md")).unwrap();
    let named = ids(&table, &["GRANT-", "FED-"]);
    let musts = MUSTS.iter().flat_map(|(part, numbers)| numbers.iter().map(|one| ((*part).to_owned(), *one)));
    let missing: Vec<_> = musts.clone().filter(|duty| !named.contains(duty)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
    assert!(musts.count() > 90);
}

#[test]
fn ids_are_read_as_they_are_written() {
    let read = |text: &str| {
        let found = ids(text, &["GRANT-", "FED-"]);
        found.iter().map(|(part, number)| format!("{part}-{number:02}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(read("| GRANT-3.3.1-01, -03 | x"), "GRANT-3.3.1-01 GRANT-3.3.1-03");
    assert_eq!(read("| FED-3.1-01 to -03, FED-4-01 |"), "FED-3.1-01 FED-3.1-02 FED-3.1-03 FED-4-01");
    assert_eq!(read("(GRANT-5.1-02, -03 (as it came))"), "GRANT-5.1-02 GRANT-5.1-03");
    assert_eq!(read("| TRAP-UMA-01, -02 | GRANT-7-01"), "GRANT-7-01");
}

/// Parts 4.2 and 4.3 of the checklist
#[test]
fn every_trap_of_oauth_and_uma_has_a_row_with_a_proof() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(here.join("CONFORMANCE.md")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let proven = rows.filter(|(_, rest)| rest.contains("::") || rest.contains("`vectors: "));
    let proven: BTreeSet<_> = proven.flat_map(|(first, _)| ids(first, &["TRAP-"])).collect();
    let oauth = (1..=28).map(|number| ("TRAP-OAUTH".to_owned(), number));
    let uma = (1..=38).map(|number| ("TRAP-UMA".to_owned(), number));
    let lacking: Vec<_> = oauth.chain(uma).filter(|id| !proven.contains(id)).collect();
    assert!(lacking.is_empty(), "no row with a proof for {lacking:?}");
}
