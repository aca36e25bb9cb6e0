//! The core with owners' policies: each is a rule.

use countersign_core::{
    assessment::{Assessment, Question, assess},
    policy::PolicyRow,
};
use serde_json::json;

use crate::rules::{Ask, Rules, document, user};

/// The rules, as far as they are ready before anybody asks
pub(crate) struct Engine;

impl Engine {
    pub(crate) fn new(_: Rules) -> Self {
        Self
    }

    /// The one place that knows how a question meets the policies
    pub(crate) fn decide(&self, question: &Question) -> bool {
        matches!(assess(question), Assessment::Granted { .. })
    }
}

/// The question, with the policies among its facts
pub(crate) fn question(rules: Rules, ask: Ask) -> Question {
    let mut question: Question = serde_json::from_value(json!({
        "now": 1_700_000_000,
        "server": { "id": "rs" },
        "requester": { "id": user(ask.user), "client": "app" },
        "asks": [{ "by": "id", "resource": document(ask.document), "scopes": ["read"] }],
        "facts": {
            "scopes": ["read"],
            "resources": [{ "id": document(ask.document), "name": document(ask.document), "owner": "alice",
                            "owner_managed": true, "scopes": ["read", "write"] }]
        }
    }))
    .expect("a question");
    question.facts.policies = rows(rules);
    question
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
