//! What the authorization server says of a token now.

use countersign_core::{denial::Denial, rpt::Introspected};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::GuardModule;

#[wasm_bindgen]
impl GuardModule {
    /// The RPT of a handle with what an introspection answer says that it still permits (FedAuthz §5.1.1): another
    /// handle, or -1 and a [`refusal`](Self::refusal)
    pub fn introspected(&mut self, handle: i32, answer: &[u8]) -> i32 {
        let Some(token) = self.tokens.verified(handle) else {
            return self.refuse(Denial::EngineFailed, "token is not known");
        };
        match token.rpt.introspected(answer) {
            Some(Introspected::Active(left)) => {
                let left = token.with(left);
                self.tokens.put(left).unwrap_or_else(|| self.refuse(Denial::EngineFailed, "too many tokens"))
            }
            Some(Introspected::Inactive) => self.refuse(Denial::Withdrawn, "token is not active any more"),
            None => self.refuse(Denial::StatusUnavailable, "answer of introspection cannot be read"),
        }
    }
}
