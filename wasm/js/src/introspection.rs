//! What the authorization server says of a token now.

use countersign_core::{denial::Denial, json, limits::EDGE_ANSWER_BYTES};
use serde_json::Value;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::GuardModule;

#[wasm_bindgen]
impl GuardModule {
    /// The RPT of a handle with what an introspection answer says that it still permits (FedAuthz §5.1.1): another
    /// handle, or -1 and a [`refusal`](Self::refusal)
    pub fn introspected(&mut self, handle: i32, answer: &[u8]) -> i32 {
        let answer = if answer.len() > EDGE_ANSWER_BYTES { None } else { json::object(answer).ok() };
        let is_active = answer.as_ref().and_then(|answer| answer.get("active")).and_then(Value::as_bool);
        let (Some(answer), Some(is_active)) = (answer, is_active) else {
            return self.refuse(Denial::StatusUnavailable, "answer of introspection cannot be read");
        };
        if !is_active {
            return self.refuse(Denial::Withdrawn, "token is not active any more");
        }
        let Some(token) = self.tokens.verified(handle) else {
            return self.refuse(Denial::EngineFailed, "token is not known");
        };
        let left = token.as_introspected(answer.get("permissions"));
        self.tokens.put(left).unwrap_or_else(|| self.refuse(Denial::EngineFailed, "too many tokens"))
    }
}
