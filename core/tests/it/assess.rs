//! The shared vectors of kind `assess`, on this crate alone.

use std::{fs, path::Path};

use countersign_core::assessment::{Assessment, Question, assess};
use serde_json::{Map, Value};

/// `given` and `request` together are the question
fn question(case: &Value) -> Question {
    let mut members = Map::new();
    for part in ["given", "request"] {
        members.extend(case[part].as_object().unwrap().clone());
    }
    serde_json::from_value(Value::Object(members)).unwrap()
}

#[test]
fn every_assess_vector_is_answered_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/assess");
    let mut wrong = Vec::new();
    let mut cases = 0;
    for file in fs::read_dir(folder).unwrap() {
        let list: Vec<Value> = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        for case in list {
            cases += 1;
            let want: Assessment = serde_json::from_value(case["want"].clone()).unwrap();
            let got = assess(&question(&case));
            if got != want {
                wrong.push(format!("{}: {}\n  want {want:?}\n  got  {got:?}", case["spec"], case["note"]));
            }
        }
    }
    assert!(cases >= 100, "only {cases} vectors were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
