//! TICK: how stored tickets are shown.

use countersign_tests::authz::Authz;
use serde_json::{Value, json};

/// marta's resource, of which kolo may have `ScopeA`; its id and the stored ticket
fn shared() -> (Authz, String, Value) {
    let authz = Authz::of_cases();
    let id = authz.world.managed("Resource A", "marta", &["ScopeA", "ScopeB"]);
    let body = json!({ "resource": id, "scopeName": "ScopeA", "requesterName": "kolo", "granted": true });
    let marta = authz.world.token("marta");
    let row =
        authz.world.protection("POST", "permission/ticket", &marta).json(&body).send().expect(200).json();
    (authz, id, row)
}

#[test]
fn tick_1_a_ticket_is_shown_with_names() {
    let (authz, id, made) = shared();
    let rows = authz.world.rows_of(&id);
    let want = json!([{
        "id": made["id"], "owner": authz.world.id_of("marta"), "ownerName": "marta",
        "requester": authz.world.id_of("kolo"), "requesterName": "kolo", "resource": id,
        "resourceName": "Resource A", "scope": made["scope"], "scopeName": "ScopeA", "granted": true,
    }]);
    assert_eq!(json!(rows), want);
    // The resource server's own resource is its own.
    let body = json!({ "name": "Resource B", "ownerManagedAccess": true, "resource_scopes": ["ScopeA"] });
    let own = authz.world.register(&authz.world.pat(), &body);
    _ = authz.world.share(&own, "ScopeA", "kolo");
    let rows = authz.world.rows_of(&own);
    assert_eq!((rows.len(), &rows[0]["ownerName"]), (1, &json!("documents")));
}

#[test]
fn tick_3_an_evaluation_names_the_owner_who_granted() {
    let (authz, _, _) = shared();
    let body = json!({
        "userId": authz.world.id_of("kolo"), "clientId": countersign_tests::authz::DOCUMENTS,
        "resources": [{ "name": "Resource A", "scopes": [{ "name": "ScopeA" }] }],
    });
    let answer = authz.request("POST", "policy/evaluate").json(&body).send().expect(200).json();
    assert_eq!(answer["status"], "PERMIT");
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 1, "{answer}");
    let described = results[0]["policies"][0]["policy"]["description"].as_str().unwrap();
    assert!(described.starts_with("Resource owner (marta) grants access"), "{described}");
}

#[test]
fn tick_5_a_ticket_is_made_taken_back_and_removed() {
    let (authz, id, made) = shared();
    assert_eq!((&made["granted"], made.get("scopeName")), (&json!(true), None));
    let marta = authz.world.token("marta");
    let post = |granted: Option<bool>| {
        let body =
            json!({ "resource": id, "scopeName": "ScopeB", "requesterName": "kolo", "granted": granted });
        authz.world.protection("POST", "permission/ticket", &marta).json(&body).send().expect(200).json()
    };
    let pending = post(None);
    assert_eq!(pending["granted"], false);
    _ = authz.world.approve(&marta, &pending["id"]).expect(204);
    assert!(authz.world.rows_of(&id).iter().all(|row| row["granted"] == true));
    let off = json!({ "id": pending["id"], "granted": false });
    _ = authz.world.protection("PUT", "permission/ticket", &marta).json(&off).send().expect(204);
    assert_eq!(authz.world.rows_of(&id).len(), 1);
    _ = authz.world.withdraw(&marta, &made["id"]).expect(204);
    assert!(authz.world.rows_of(&id).is_empty());
    assert_eq!(post(Some(true))["granted"], true);
}

#[test]
fn tick_6_filters_take_ids_and_names_and_find_nothing_otherwise() {
    let (authz, _, made) = shared();
    let find = |query: &str| {
        let path = format!("permission/ticket?{query}");
        let answer = authz.world.protection("GET", &path, &authz.world.pat()).send().expect(200).json();
        answer.as_array().unwrap().iter().map(|row| row["id"].clone()).collect::<Vec<_>>()
    };
    let (owner, requester) = (authz.world.id_of("marta"), authz.world.id_of("kolo"));
    let scope = made["scope"].as_str().unwrap();
    for query in [
        "owner=marta".to_owned(),
        format!("owner={owner}"),
        "requester=kolo".to_owned(),
        format!("requester={requester}"),
        "scopeId=ScopeA".to_owned(),
        format!("scopeId={scope}"),
        "granted=true&owner=marta&requester=kolo".to_owned(),
    ] {
        assert_eq!(find(&query), [made["id"].clone()], "{query}");
    }
    for query in ["owner=kolo", "owner=nobody", "requester=nobody", "scopeId=nothing", "granted=false"] {
        assert_eq!(find(query), Vec::<Value>::new(), "{query}");
    }
}
