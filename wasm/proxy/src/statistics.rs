//! Counters, as Envoy shows them under `wasmcustom`.

use countersign_core::edge::Answer;
use proxy_wasm::{hostcalls, types::MetricType};

/// What is counted
#[derive(Debug, Clone, Copy)]
pub(crate) enum Count {
    /// A request passed
    Permitted,
    /// A request was answered with a ticket
    Challenged,
    /// A request was refused, and a ticket would be of no use
    Denied,
    /// A request was refused because the authorization server could not be asked
    Unreachable,
    /// The authorization server was asked
    Called,
    /// And gave no answer
    Failed,
}

const NAMES: [&str; 6] = [
    "countersign.permitted",
    "countersign.challenged",
    "countersign.denied",
    "countersign.unreachable",
    "countersign.calls",
    "countersign.calls_failed",
];

/// The counters of a plugin; where Envoy gives none, nothing is counted
#[derive(Debug, Default)]
pub(crate) struct Statistics([Option<u32>; 6]);

impl Statistics {
    pub(crate) fn define() -> Self {
        Self(NAMES.map(|name| hostcalls::define_metric(MetricType::Counter, name).ok()))
    }

    pub(crate) fn count(&self, what: Count) {
        let at = match what {
            Count::Permitted => 0,
            Count::Challenged => 1,
            Count::Denied => 2,
            Count::Unreachable => 3,
            Count::Called => 4,
            Count::Failed => 5,
        };
        if let Some(Some(metric)) = self.0.get(at) {
            // A counter that is gone counts nothing.
            _ = hostcalls::increment_metric(*metric, 1);
        }
    }

    pub(crate) fn answered(&self, answer: &Answer) {
        let has = |name: &str| answer.headers.iter().any(|(known, _)| *known == name);
        self.count(if has("warning") || answer.status == 503 {
            Count::Unreachable
        } else if answer.status == 401 {
            Count::Challenged
        } else {
            Count::Denied
        });
    }
}
