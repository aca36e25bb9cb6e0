//! STRAT: permissions that contradict one another.

use countersign_tests::{authz::Authz, case::granted};
use serde_json::json;

const SCOPES: [&str; 3] = ["execute", "read", "write"];

/// Everything that marta gets where one permission opens a resource and another closes a scope of it
fn everything(mode: &str, strategy: &str) -> Vec<String> {
    let authz = Authz::of_cases();
    let [a, _, _] = ["A", "B", "C"].map(|name| authz.resource(name, &SCOPES));
    for user in ["marta", "kolo"] {
        _ = authz.user_policy(&format!("only {user}"), user);
    }
    _ = authz.permit(&[&a], "only marta");
    for policy in ["only marta", "only kolo"] {
        _ = authz.permit_scopes(Some(&a), &["read"], policy);
    }
    let mut settings = authz.get("");
    settings["policyEnforcementMode"] = json!(mode);
    settings["decisionStrategy"] = json!(strategy);
    _ = authz.put("", &settings).expect(204);
    granted(authz.world.uma(&authz.world.token("marta"), &[("audience", "documents")]))
}

#[test]
fn strat_1_unanimous_loses_what_one_permission_denies() {
    assert_eq!(everything("ENFORCING", "UNANIMOUS"), ["A: execute write"]);
}

#[test]
fn strat_2_affirmative_keeps_what_one_permission_grants() {
    assert_eq!(everything("ENFORCING", "AFFIRMATIVE"), ["A: execute read write"]);
}

#[test]
fn strat_4_disabled_asks_nobody() {
    let all = ["A: execute read write", "B: execute read write", "C: execute read write"];
    assert_eq!(everything("DISABLED", "UNANIMOUS"), all);
}
