//! Cedar with static policies: each is a rule.

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};

use crate::rules::{Ask, Rules, document, user};

/// The rules, parsed
pub(crate) struct Engine {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
}

impl Engine {
    pub(crate) fn new(rules: Rules) -> Self {
        let text: String = (0..rules.size).map(policy).collect();
        Self {
            authorizer: Authorizer::new(),
            policies: text.parse().expect("policies"),
            entities: Entities::empty(),
        }
    }

    pub(crate) fn decide(&self, request: &Request) -> bool {
        let answer = self.authorizer.is_authorized(request, &self.policies, &self.entities);
        answer.decision() == Decision::Allow
    }
}

fn policy(number: usize) -> String {
    let (user, document) = (user(number), document(number));
    format!(
        "permit(principal == User::\"{user}\", action == Action::\"read\", resource == Document::\"{document}\");\n"
    )
}

/// The question
pub(crate) fn request(ask: Ask) -> Request {
    let entity =
        |kind: &str, id: &str| -> EntityUid { format!("{kind}::\"{id}\"").parse().expect("an entity") };
    let (user, document) = (entity("User", &user(ask.user)), entity("Document", &document(ask.document)));
    Request::new(user, entity("Action", "read"), document, Context::empty(), None).expect("a request")
}
