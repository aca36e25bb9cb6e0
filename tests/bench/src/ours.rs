//! The core with owners' policies: each is a rule.

use countersign_core::{
    assessment::{Assessment, Question, assess_with, explain_with},
    policy::{PolicyRow, PolicySet},
};
use serde_json::json;

use crate::rules::{Ask, Rules, document, user};

/// The rules, read before anybody asks
pub(crate) struct Engine(PolicySet<'static>);

impl Engine {
    pub(crate) fn new(rules: Rules) -> Self {
        Self(PolicySet::from_rows(rows(rules)))
    }

    /// The one place that knows how a question meets the policies
    pub(crate) fn decide(&self, question: &Question) -> bool {
        matches!(assess_with(question, &self.0), Assessment::Granted { .. })
    }

    /// The decision and why it came out so
    pub(crate) fn explain(&self, question: &Question) -> bool {
        matches!(explain_with(question, &self.0), (Assessment::Granted { .. }, _))
    }
}

/// The question, with all its facts but the policies
pub(crate) fn question(ask: Ask) -> Question {
    let question = json!({
        "now": 1_700_000_000,
        "server": { "id": "rs" },
        "requester": { "id": user(ask.user), "client": "app" },
        "asks": [{ "by": "id", "resource": document(ask.document), "scopes": ["read"] }],
        "facts": {
            "scopes": ["read"],
            "resources": [{ "id": document(ask.document), "name": document(ask.document), "owner": "alice",
                            "owner_managed": true, "scopes": ["read", "write"] }]
        }
    });
    serde_json::from_value(question).expect("a question")
}

fn rows(rules: Rules) -> Vec<PolicyRow> {
    let row = |number| {
        let row = json!({
            "id": format!("policy-{number}"), "name": format!("policy {number}"), "type": "uma", "owner": "alice",
            "config": { "users": [user(number)] }, "scopes": ["read"], "resources": [document(number)]
        });
        serde_json::from_value(row).expect("a policy")
    };
    (0..rules.size).map(row).collect()
}
