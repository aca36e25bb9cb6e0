//! Challenges, written and read.

use countersign_core::challenge::{UNREACHABLE_WARNING, UmaChallenge};
use serde::Serialize;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::{failure, to_js};

/// The value of `WWW-Authenticate` that sends a client to the authorization server with a ticket
#[wasm_bindgen]
pub fn challenge(realm: &str, as_uri: &str, ticket: &str) -> Result<String, JsValue> {
    let challenge = UmaChallenge::new(realm, as_uri, ticket);
    challenge.map(|challenge| challenge.to_string()).map_err(|e| failure("invalid_challenge", &e.to_string()))
}

/// The first UMA challenge of some `WWW-Authenticate` values: `{ realm, as_uri, ticket }` or `undefined`
#[wasm_bindgen]
pub fn find_challenge(values: Vec<String>) -> Result<JsValue, JsValue> {
    #[derive(Serialize)]
    struct Found<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        realm: Option<&'a str>,
        as_uri: &'a str,
        ticket: &'a str,
    }
    match UmaChallenge::find(values).map_err(|e| failure("invalid_challenge", &e.to_string()))? {
        Some(uma) => to_js(&Found { realm: uma.realm(), as_uri: uma.as_uri(), ticket: uma.ticket() }),
        None => Ok(JsValue::UNDEFINED),
    }
}

/// The value of `Warning` where no ticket can be had
#[wasm_bindgen]
pub fn unreachable_warning() -> String {
    UNREACHABLE_WARNING.into()
}
