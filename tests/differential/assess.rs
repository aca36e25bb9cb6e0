//! Kind `assess`: the library, and the component in wasmtime as the server runs it.

use std::sync::LazyLock;

use countersign::pdp::{Pdp, PdpSource};
use countersign_core::assessment::{Question, assess};
use serde_json::{Map, Value};

use crate::vectors::{self, Vector};

static PDP: LazyLock<Pdp> = LazyLock::new(|| Pdp::new(PdpSource::Embedded).expect("the built-in component"));

type Members = Map<String, Value>;

/// `given` and `request` together are the question
fn question(vector: &Vector<Members, Members>) -> Question {
    let members = vector.given.iter().chain(&vector.request);
    let members = members.map(|(name, value)| (name.clone(), value.clone())).collect();
    serde_json::from_value(Value::Object(members)).expect("a question")
}

#[test]
fn the_library_answers_every_assess_vector() {
    vectors::run("assess", |vector| serde_json::to_value(assess(&question(vector))).expect("JSON"));
}

#[test]
fn the_component_answers_every_assess_vector_as_the_library_does() {
    vectors::run("assess", |vector| {
        let question = question(vector);
        let got = PDP.decide(&question).expect("an answer of the component");
        assert_eq!(got, assess(&question));
        serde_json::to_value(got).expect("JSON")
    });
}
