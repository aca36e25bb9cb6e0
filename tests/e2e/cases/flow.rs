//! UMAF: owners manage access.

use countersign_tests::{
    authz::Authz,
    case::{self, granted, permissions},
};
use serde_json::{Value, json};

const NAME: &str = "Resource A";

/// marta's resource with these scopes and the user policy `only owner`; its id
fn managed(scopes: &[&str]) -> (Authz, String) {
    let authz = Authz::of_cases();
    let id = authz.world.managed(NAME, "marta", scopes);
    _ = authz.user_policy("only owner", "marta");
    (authz, id)
}

#[test]
fn umaf_1_only_the_owner_gets_in() {
    let (authz, id) = managed(&["ScopeA", "ScopeB"]);
    _ = authz.permit(&[&id], "only owner");
    let answer = authz.world.asks("marta", NAME, &["ScopeA", "ScopeB"]).expect(200);
    assert_eq!(answer.json()["upgraded"], false);
    assert_eq!(granted(answer), ["Resource A: ScopeA ScopeB"]);
    authz.world.asks("kolo", &id, &["ScopeA", "ScopeB"]).denied();
}

#[test]
fn umaf_2_only_the_owner_gets_scopes_until_he_shares_them() {
    let (authz, id) = managed(&["ScopeA", "ScopeB"]);
    for scope in ["ScopeA", "ScopeB"] {
        _ = authz.permit_scopes(Some(&id), &[scope], "only owner");
    }
    let both = ["ScopeA", "ScopeB"];
    assert_eq!(granted(authz.world.asks("marta", NAME, &both)), ["Resource A: ScopeA ScopeB"]);
    authz.world.asks("kolo", &id, &both).denied();
    assert_eq!(authz.world.rows_of(&id).len(), 2);
    authz.world.grant_all(&id);
    assert_eq!(granted(authz.world.asks("kolo", &id, &both)), ["Resource A: ScopeA ScopeB"]);
    assert_eq!(granted(authz.world.asks("marta", &id, &["ScopeB"])), ["Resource A: ScopeB"]);
}

#[test]
fn umaf_4_a_request_is_granted() {
    let authz = Authz::of(&case::realm().set("eventsEnabled", json!(true)));
    let id = authz.world.managed(NAME, "marta", &["ScopeA", "ScopeB"]);
    _ = authz.user_policy("only owner", "marta");
    _ = authz.permit(&[&id], "only owner");
    authz.world.asks("kolo", &id, &[]).refused(403, "access_denied", "request_submitted");
    let rows = authz.world.rows_of(&id);
    assert_eq!(rows.len(), 2, "one for each scope");
    assert!(rows.iter().all(|row| row["granted"] == false && !row["scope"].is_null()));
    authz.world.grant_all(&id);
    assert!(authz.world.rows_of(&id).iter().all(|row| row["granted"] == true));
    let answer = authz.world.asks("kolo", &id, &["ScopeA", "ScopeB"]);
    assert_eq!(granted(answer), ["Resource A: ScopeA ScopeB"]);
    // Its events: one for each request
    let kolo = authz.world.id_of("kolo");
    let [refused] = &authz.events("PERMISSION_TOKEN_ERROR")[..] else { panic!("not one refusal") };
    let said = |member: &str| refused[member].as_str();
    assert_eq!((said("clientId"), said("userId")), (Some("documents"), Some(&*kolo)));
    assert_eq!(
        (said("error"), refused["details"]["reason"].as_str()),
        (Some("access_denied"), Some("request_submitted"))
    );
    let [granted] = &authz.events("PERMISSION_TOKEN")[..] else { panic!("not one grant") };
    assert_eq!((&granted["clientId"], &granted["userId"]), (&json!("documents"), &json!(kolo)));
    // One sign-in for each request, and the one that told his id.
    assert_eq!(authz.events("LOGIN").iter().filter(|event| event["userId"] == kolo).count(), 3);
}

#[test]
fn umaf_6_a_resource_without_scopes_is_shared_as_a_whole() {
    let (authz, id) = managed(&[]);
    _ = authz.permit(&[&id], "only owner");
    let whole = [json!({ "rsid": id, "rsname": NAME })];
    assert_eq!(permissions(authz.world.asks("marta", NAME, &[])), whole);
    authz.world.asks("kolo", &id, &[]).denied();
    let rows = authz.world.rows_of(&id);
    assert_eq!((rows.len(), rows[0].get("scope")), (1, None));
    authz.world.grant_all(&id);
    for _ in 0..2 {
        assert_eq!(permissions(authz.world.asks("kolo", &id, &[])), whole);
        assert_eq!(authz.world.rows_of(&id).len(), 1);
    }
    _ = authz.world.withdraw(&authz.world.pat(), &rows[0]["id"]).expect(204);
    assert_eq!(authz.world.rows_of(&id), Vec::<Value>::new());
    authz.world.asks("kolo", &id, &[]).denied();
}

#[test]
fn umaf_8_permissive_opens_what_nobody_has_decided() {
    let authz = Authz::of_cases();
    let id = authz.resource(NAME, &[]);
    authz.world.asks("kolo", &id, &[]).denied();
    let mut settings = authz.get("");
    settings["policyEnforcementMode"] = json!("PERMISSIVE");
    _ = authz.put("", &settings).expect(204);
    assert_eq!(granted(authz.world.asks("marta", &id, &[])), [NAME]);
}

#[test]
fn umaf_9_only_what_its_owner_manages_is_shared() {
    let authz = Authz::of(&case::realm());
    let id = authz.resource(NAME, &["ScopeA"]);
    let body = json!({ "resource": id, "requesterName": "marta", "scopeName": "ScopeA", "granted": true });
    let answer = authz.world.protection("POST", "permission/ticket", &authz.world.pat()).json(&body).send();
    let text = "permission can only be created for resources with user-managed access enabled";
    answer.refused(400, "invalid_permission", text);
}
