//! CLM: claims that come with a request.

use countersign_tests::{
    authz::Authz,
    case::{self, granted, permissions},
    server::Server,
};
use serde_json::json;

/// At most a hundred, as a pattern: the case's policy is a script
const LIMIT: &str = r"[0-9]{1,2}(\.[0-9]+)?|100(\.0+)?";
const VALUE: &str = "my.bank.account.withdraw.value";

#[test]
fn clm_1_a_claim_of_the_ticket_decides_and_is_echoed() {
    let authz = Authz::of_cases();
    let id = authz.resource("Bank Account", &["withdraw"]);
    let pattern =
        json!({ "name": "limit", "targetClaim": VALUE, "pattern": LIMIT, "targetContextAttributes": true });
    _ = authz.make("policy/regex", &pattern);
    _ = authz.permit_scopes(Some(&id), &["withdraw"], "limit");
    let marta = authz.world.token("marta");
    let ask = |value: &str| {
        let body =
            json!([{ "resource_id": id, "resource_scopes": ["withdraw"], "claims": { VALUE: [value] } }]);
        let answer = authz.world.protection("POST", "permission", &authz.world.pat()).json(&body).send();
        authz.world.exchange(&marta, &answer.expect(201).member("ticket"))
    };
    let answer = ask("50.5").expect(200);
    assert_eq!(permissions(answer.clone())[0]["claims"], json!({ VALUE: ["50.5"] }));
    assert_eq!(granted(answer), ["Bank Account: withdraw"]);
    ask("100.5").denied();
}

#[test]
fn clm_2_and_3_scripts_add_claims_to_what_they_permit() {
    let authz = Authz::on(Server::builder().scripts(), &case::realm());
    for name in ["a", "b"] {
        let kind = format!("script-scripts/add-claim-{name}-policy.js");
        _ = authz.make("policy", &json!({ "name": format!("claim {name}"), "type": kind, "config": {} }));
    }
    let id = authz.resource("Resource A", &[]);
    _ = authz.permit(&[&id], "claim a");
    let marta = authz.world.token("marta");
    let claims = || permissions(authz.world.ask(&marta, &[&id]))[0]["claims"].clone();
    assert_eq!(claims(), json!({ "claim-a": ["claim-a", "claim-a1"] }));
    _ = authz.permit(&[&id], "claim b");
    assert_eq!(claims(), json!({ "claim-a": ["claim-a", "claim-a1"], "claim-b": ["claim-b"] }));
}
