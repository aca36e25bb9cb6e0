//! Every test that `CONFORMANCE.md` names is there.

use std::{fs, path::Path};

#[test]
fn every_named_test_exists() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(here.join("CONFORMANCE.md")).unwrap();
    let all: Vec<_> = table.split('`').skip(1).step_by(2).filter_map(|name| name.split_once("::")).collect();
    let named: Vec<_> = all.iter().filter(|(file, _)| *file != "file").collect();
    assert!(named.len() > 20, "only {} tests are named", named.len());
    for (file, test) in named {
        let source = fs::read_to_string(here.join(format!("e2e/{file}.rs"))).unwrap_or_default();
        assert!(source.contains(&format!("fn {test}()")), "there is no test `{file}::{test}`");
    }
}
