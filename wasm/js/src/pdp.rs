//! Decisions without anybody's help: signatures are checked in here, and owners' policies and shares are assessed.

use countersign_core::assessment::{self, Question};
use countersign_signature::is_right;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::{GuardModule, failure, to_js};

#[wasm_bindgen]
impl GuardModule {
    /// Checks the signature of a token that was [begun](Self::begin), as [`finish`](Self::finish) takes it: if it is right,
    /// the handle is that of an RPT from now on, else of nothing.
    pub fn verify(&mut self, handle: i32) -> bool {
        let right = self.tokens.pending(handle).is_some_and(|pending| {
            is_right(pending.alg(), pending.key(), pending.signing_input(), pending.signature())
        });
        self.finish(handle, right)
    }
}

/// Assesses a question, a JSON document, and answers with its assessment (UMA Grant §3.3.4); throws
/// `{ code, message }` where it is no question.
#[wasm_bindgen]
pub fn assess(question: &[u8]) -> Result<JsValue, JsValue> {
    let question: Question = serde_json::from_slice(question).map_err(|error| {
        // Says where it is wrong and not what stands there: it may be a claim.
        let (line, column) = (error.line(), error.column());
        let message = format!("the question cannot be read at line {line}, column {column}");
        failure("invalid_question", &message)
    })?;
    to_js(&assessment::assess(&question))
}
