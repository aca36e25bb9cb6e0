//! The decision component: what `countersign-core` answers, as a WebAssembly component without imports.
#![expect(unsafe_code, clippy::same_length_and_capacity, reason = "wit-bindgen generates the export glue")]
#![expect(missing_docs, reason = "the generated glue has none")]

#[cfg(target_arch = "wasm32")]
mod bump;

use countersign_core::assessment::{self, Question};
use exports::countersign::pdp::decisions::{Failure, Guest};

wit_bindgen::generate!({ world: "pdp", path: "../wit" });

struct Decisions;

export!(Decisions);

impl Guest for Decisions {
    fn assess(question: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let question: Question = serde_json::from_slice(&question).map_err(|error| invalid(&error))?;
        serde_json::to_vec(&assessment::assess(&question)).map_err(|_| Failure {
            code: "invalid_answer".into(),
            message: "the assessment cannot be written as JSON".into(),
        })
    }
}

/// Says where the question is wrong and not what stands there: it may be a claim.
fn invalid(error: &serde_json::Error) -> Failure {
    let (line, column) = (error.line(), error.column());
    Failure {
        code: "invalid_question".into(),
        message: format!("the question cannot be read at line {line}, column {column}"),
    }
}
