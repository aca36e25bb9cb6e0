//! One line of the bench's table.

use serde_json::{Value, json};

/// A figure in microseconds beside a peer's
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) budget: Option<f64>,
    pub(crate) peer: &'static str,
    pub(crate) peer_value: f64,
}

impl Row {
    /// The rows in the form that `cargo xtask bench` reads
    pub(crate) fn array(rows: &[Self]) -> Value {
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        rows.iter()
            .map(|Self { name, value, budget, peer, peer_value }| {
                json!({ "name": name, "value": round(*value), "unit": "µs", "budget": budget,
                        "higher_is_better": false, "peer": peer, "peer_value": round(*peer_value) })
            })
            .collect()
    }
}
