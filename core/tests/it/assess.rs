//! Kind `assess`, on this crate alone: `given` and `request` together are the question.

use countersign_core::assessment::{Question, assess};
use serde_json::{Map, Value};

use crate::vectors;

#[test]
fn every_assess_vector_is_answered_as_written() {
    vectors::run("assess", |mut given: Map<String, Value>, request: Map<String, Value>| {
        given.extend(request);
        let question: Question = serde_json::from_value(Value::Object(given)).unwrap();
        serde_json::to_value(assess(&question)).unwrap()
    });
}
