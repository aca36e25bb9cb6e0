//! One line of the bench's table.

use serde_json::{Value, json};

/// A figure in microseconds, beside a peer's where there is one
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) budget: Option<f64>,
    pub(crate) peer: Option<(&'static str, f64)>,
}

impl Row {
    /// The rows in the form that `cargo xtask bench` reads
    pub(crate) fn array(rows: &[Self]) -> Value {
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        let row = |Self { name, value, budget, peer }: &Self| {
            json!({ "name": name, "value": round(*value), "unit": "µs", "budget": budget,
                    "higher_is_better": false, "peer": peer.map(|(name, _)| name),
                    "peer_value": peer.map(|(_, value)| round(value)) })
        };
        rows.iter().map(row).collect()
    }
}
