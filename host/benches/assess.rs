//! One assessment through wasmtime, everything included, and the same by the core itself.
//!
//! Prints JSON rows for `cargo xtask bench`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench that cannot run shall say so")]

use core::{hint::black_box, time::Duration};
use std::time::Instant;

use countersign::pdp::{Pdp, PdpSource};
use countersign_core::assessment::{Assessment, Question, assess};
use serde_json::{Value, json};

const ROUNDS: u32 = 21;
const CALLS: u32 = 500;

/// A permission of ten policies, all of which have to permit
fn question() -> Question {
    let mut policies: Vec<Value> = Vec::new();
    for place in 0..10_u32 {
        let name = format!("policy {place}");
        let (kind, config) = match place % 4 {
            0 => ("user", json!({ "users": ["carol", "dave", "bob"] })),
            1 => ("role", json!({ "roles": [{ "name": "admin" }, { "name": "editor" }] })),
            2 => ("group", json!({ "groups": [{ "path": "/staff", "extendChildren": true }] })),
            _ => ("client", json!({ "clients": ["app", "other"] })),
        };
        policies.push(json!({ "id": name, "name": name, "type": kind, "config": config }));
    }
    let ids: Vec<Value> = policies.iter().filter_map(|policy| policy.get("id")).cloned().collect();
    policies
        .push(json!({ "id": "p", "name": "p", "type": "resource", "resources": ["doc-42"], "apply": ids }));
    let question = json!({
        "now": 1_700_000_000,
        "server": { "id": "rs" },
        "requester": {
            "id": "bob", "client": "app", "roles": { "realm": ["editor", "user"] }, "groups": ["/staff/ops"]
        },
        "asks": [{ "by": "id", "resource": "doc-42", "scopes": ["read"] }],
        "facts": {
            "scopes": ["read", "write"],
            "resources": [
                { "id": "doc-42", "name": "document 42", "owner": "rs", "owner_managed": false, "scopes": ["read", "write"] }
            ],
            "policies": policies
        }
    });
    serde_json::from_value(question).unwrap()
}

/// The median over the rounds of the time that one call takes
fn measure(mut call: impl FnMut()) -> f64 {
    let mut rounds: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..CALLS {
            call();
        }
        rounds.push(begin.elapsed());
    }
    rounds.sort_unstable();
    rounds.get(rounds.len().div_euclid(2)).unwrap().as_secs_f64() * 1e6 / f64::from(CALLS)
}

fn main() {
    let pdp = Pdp::new(PdpSource::Embedded).unwrap();
    let question = question();
    let granted = |answer: &Assessment| matches!(answer, Assessment::Granted { .. });
    assert!(granted(&pdp.decide(&question).unwrap()));
    let module = measure(|| assert!(granted(&pdp.decide(black_box(&question)).unwrap())));
    let native = measure(|| assert!(granted(&assess(black_box(&question)))));
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    let rows = json!([{
        "name": "Assessment through wasmtime, 10 policies",
        "value": rounded(module),
        "unit": "µs",
        "budget": 60,
        "higher_is_better": false,
        "peer": "the core itself, without JSON",
        "peer_value": rounded(native),
    }]);
    println!("{rows}");
}
