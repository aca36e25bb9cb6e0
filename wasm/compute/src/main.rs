//! An application under user-managed access, without a change to it: what a request may is known before it gets there.
//!
//! Two backends, `application` and `authorization_server`; a Config Store and a Secret Store, both `countersign`. The
//! settings are the entry `settings` of the first, the secret is in the second, under the name that they say.
#![forbid(unsafe_code)]

use countersign_compute::{Gate, Names, bare};
use fastly::{Request, Response};

/// The backend that the guard stands in front of
const APPLICATION: &str = "application";

fn main() {
    let request = Request::from_client();
    match Gate::open(&Names::default()) {
        Ok(mut gate) => {
            answer(&mut gate, request).send_to_client();
            gate.renew();
        }
        Err(line) => {
            eprintln!("countersign: {line}");
            bare(500).send_to_client();
        }
    }
}

fn answer(gate: &mut Gate, mut request: Request) -> Response {
    match gate.check(&mut request) {
        // An error names the backend, which is nobody's business.
        Ok(()) => request.send(APPLICATION).unwrap_or_else(|_| bare(502)),
        Err(refusal) => *refusal,
    }
}
