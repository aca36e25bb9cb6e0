//! The decision component: what `countersign-core` answers, as a WebAssembly component without imports.
#![expect(unsafe_code, reason = "wit-bindgen generates the export glue")]
#![expect(missing_docs, reason = "wit-bindgen's export glue has none")]

use exports::countersign::pdp::decisions::{Failure, Guest};

wit_bindgen::generate!({ world: "pdp", path: "../wit" });

struct Decisions;

impl Guest for Decisions {
    fn assess(question: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let value: serde_json::Value = serde_json::from_slice(&question)
            .map_err(|error| Failure { code: "invalid_question".into(), message: error.to_string() })?;
        serde_json::to_vec(&value)
            .map_err(|error| Failure { code: "invalid_answer".into(), message: error.to_string() })
    }
}

export!(Decisions);
