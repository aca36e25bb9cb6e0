//! Ends that come while a clock is watched.

use axum::http::Method;
use serde_json::json;

use super::*;
use crate::http::tests::stage::{START, Stage, error, member, permissions};

#[test]
fn both_forms_are_read_and_others_refused() {
    let read = |value: Value| Expiry::read(Some(&value), UnixTime(1_000));
    assert_eq!(read(json!(1_001)), Ok(Expiry::At(UnixTime(1_001))));
    assert_eq!(read(json!("1970-01-01T01:00:00Z")), Ok(Expiry::At(UnixTime(3_600))));
    assert_eq!(read(json!(null)), Ok(Expiry::Never));
    assert_eq!(Expiry::read(None, UnixTime(0)), Ok(Expiry::Unsaid));
    for form in [json!("1001"), json!(1_001.5), json!(-1), json!(true), json!([]), json!(u64::MAX), json!("")]
    {
        assert_eq!(read(form.clone()), Err(ExpiryRefused::Form), "{form}");
    }
    assert_eq!(read(json!(1_000)), Err(ExpiryRefused::Past));
}

/// Introspection, decision, upgrade, refresh, lists: nobody has to do anything for it
#[tokio::test]
async fn a_share_that_has_ended_is_as_if_withdrawn() {
    let stage = Stage::new().await;
    let hers = stage.register("hers").await;
    let share = member(&stage.share(&hers, "read", Some(100)).await, "id");
    let bob = stage.token("reader", "bob").await;
    let granted = stage.uma(&bob, &[("ticket", &stage.ticket(&hers).await)]).await;
    let (rpt, refresh) = (member(&granted, "access_token"), member(&granted, "refresh_token"));
    assert_eq!(permissions(&rpt)[0]["exp"], START + 99);
    let named = format!("{hers}#read");
    let decision = [("audience", "documents"), ("permission", &*named), ("response_mode", "decision")];

    stage.set(99);
    assert_eq!(stage.introspect(&rpt).await["permissions"][0]["scopes"], json!(["read"]));
    assert_eq!(stage.uma(&bob, &decision).await.json(), json!({ "result": true }));
    let refreshed = stage.refresh(&refresh).await;
    assert_eq!(permissions(&member(&refreshed, "access_token"))[0]["exp"], START + 99);

    stage.set(100);
    let told = stage.introspect(&rpt).await;
    assert_eq!((&told["active"], &told["permissions"]), (&json!(true), &json!([])));
    assert_eq!(error(&stage.uma(&bob, &decision).await), (403, "access_denied".to_owned()));
    let upgrade = [("audience", "documents"), ("permission", &*named), ("rpt", &*rpt)];
    assert_eq!(error(&stage.uma(&bob, &upgrade).await), (403, "access_denied".to_owned()));
    let everything = [("audience", "documents"), ("response_mode", "permissions")];
    assert_eq!(error(&stage.uma(&bob, &everything).await), (403, "access_denied".to_owned()));
    assert_eq!(error(&stage.refresh(&refresh).await), (400, "invalid_grant".to_owned()));
    let (pat, alice) = (stage.pat().await, stage.token("documents", "alice").await);
    for (token, path, want) in [
        (&pat, "permission/ticket", json!([])),
        (&pat, "permission/ticket/count", json!(0)),
        (&alice, "uma-policy", json!([])),
    ] {
        assert_eq!(stage.protection(Method::GET, path, token, None).await.json(), want, "{path}");
    }
    let body = json!({ "id": share, "granted": true, "expires_at": START + 500 });
    let late = stage.protection(Method::PUT, "permission/ticket", &pat, Some(body)).await;
    assert_eq!(error(&late), (400, "invalid_request".to_owned()));
    // Nor does it stand in the way of a new one.
    assert_eq!(stage.share(&hers, "read", None).await.status.as_u16(), 200);
    assert_eq!(stage.uma(&bob, &decision).await.json(), json!({ "result": true }));
}

#[tokio::test]
async fn who_asks_again_after_the_end_asks_the_owner() {
    let stage = Stage::new().await;
    let hers = stage.register("hers").await;
    _ = stage.share(&hers, "read", Some(100)).await;
    let bob = stage.token("reader", "bob").await;
    stage.set(100);
    let asked = stage.uma(&bob, &[("ticket", &stage.ticket(&hers).await)]).await;
    assert_eq!(asked.json()["error_description"], "request_submitted");
    assert_eq!(asked.header("retry-after"), "5");
    let rows = stage
        .protection(Method::GET, "permission/ticket?extended=true", &stage.pat().await, None)
        .await
        .json();
    assert_eq!((&rows[0]["granted"], rows[0].get("expires_at")), (&json!(false), None));
}

#[tokio::test]
async fn a_policy_that_has_ended_is_as_if_deleted() {
    let stage = Stage::new().await;
    let hers = stage.register("hers").await;
    let (alice, bob) = (stage.token("documents", "alice").await, stage.token("reader", "bob").await);
    let body = json!({ "name": "p", "users": ["bob"], "scopes": ["read"], "expires_at": START + 100 });
    let path = format!("uma-policy/{hers}");
    let made = stage.protection(Method::POST, &path, &alice, Some(body.clone())).await;
    let own = format!("uma-policy/{}", member(&made, "id"));
    let granted = stage.uma(&bob, &[("ticket", &stage.ticket(&hers).await)]).await;
    let (rpt, refresh) = (member(&granted, "access_token"), member(&granted, "refresh_token"));
    assert_eq!(permissions(&rpt)[0]["exp"], START + 99);
    stage.set(100);
    assert_eq!(stage.introspect(&rpt).await["permissions"], json!([]));
    assert_eq!(error(&stage.refresh(&refresh).await), (400, "invalid_grant".to_owned()));
    let named = format!("{hers}#read");
    let ask = [("audience", "documents"), ("permission", &*named)];
    assert_eq!(error(&stage.uma(&bob, &ask).await), (403, "access_denied".to_owned()));
    assert_eq!(stage.protection(Method::GET, &own, &alice, None).await.status.as_u16(), 404);
    assert_eq!(stage.protection(Method::GET, "uma-policy", &alice, None).await.json(), json!([]));
    let again = json!({ "name": "p", "users": ["bob"], "scopes": ["read"] });
    assert_eq!(stage.protection(Method::POST, &path, &alice, Some(again)).await.status.as_u16(), 200);
    assert_eq!(stage.uma(&bob, &ask).await.status.as_u16(), 200);
}

#[tokio::test]
async fn rows_that_have_ended_go_away_in_time() {
    let stage = Stage::new().await;
    let hers = stage.register("hers").await;
    _ = stage.share(&hers, "read", Some(100)).await;
    _ = stage.share(&hers, "write", None).await;
    let rows = || -> i64 {
        let store = &stage.0.app.store;
        store.read(|tx| Ok(tx.query_row("SELECT count(*) FROM share", [], |row| row.get(0))?)).unwrap()
    };
    _ = stage.0.app.store.sweep(UnixTime(START + 100)).await.unwrap();
    assert_eq!(rows(), 2);
    _ = stage.0.app.store.sweep(UnixTime(START + 101)).await.unwrap();
    assert_eq!(rows(), 1);
}

/// RPTs, refresh tokens, tickets, PATs, and what an earlier RPT would bring along
#[tokio::test]
async fn the_not_before_of_a_resource_server_cuts_everything_before() {
    let stage = Stage::new().await;
    let hers = stage.register("hers").await;
    _ = stage.share(&hers, "read", None).await;
    let (pat, bob) = (stage.pat().await, stage.token("reader", "bob").await);
    let granted = stage.uma(&bob, &[("ticket", &stage.ticket(&hers).await)]).await;
    let (rpt, refresh) = (member(&granted, "access_token"), member(&granted, "refresh_token"));
    let ticket = stage.ticket(&hers).await;
    stage.set(10);
    let (store, clock) = (&stage.0.app.store, &stage.0.app.clock);
    let server: String =
        store.read(|tx| Ok(tx.query_row("SELECT id FROM resource_server", [], |row| row.get(0))?)).unwrap();
    let mut settings = store.resource_server(&server).unwrap().unwrap();
    settings.not_before = START + 10;
    let event = crate::store::audit::Event::new("resource_server.changed", "demo", "root", clock.now());
    store.set_server(&server, settings, clock.now(), event).await.unwrap();

    assert_eq!(stage.introspect(&rpt).await, json!({ "active": false }));
    let marked: i64 =
        store.read(|tx| Ok(tx.query_row("SELECT status FROM rpt", [], |row| row.get(0))?)).unwrap();
    assert_eq!(marked, 1);
    assert_eq!(error(&stage.refresh(&refresh).await), (400, "invalid_grant".to_owned()));
    assert_eq!(error(&stage.uma(&bob, &[("ticket", &ticket)]).await), (403, "invalid_ticket".to_owned()));
    let upgrade = [("audience", "documents"), ("permission", &*hers), ("rpt", &*rpt)];
    assert_eq!(error(&stage.uma(&bob, &upgrade).await), (403, "invalid_rpt".to_owned()));
    let old = stage.protection(Method::GET, "resource_set", &pat, None).await;
    assert_eq!(error(&old), (403, "invalid_bearer_token".to_owned()));
    // From now on it is as before.
    let granted = stage.uma(&bob, &[("ticket", &stage.ticket(&hers).await)]).await;
    assert_eq!(stage.introspect(&member(&granted, "access_token")).await["active"], true);
    assert_eq!(stage.refresh(&member(&granted, "refresh_token")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn what_was_given_last_goes_first_where_not_everything_fits() {
    let stage = Stage::of(json!({ "countersign.rpt_max_bytes": "4096" })).await;
    let mut ids = Vec::new();
    for number in 0..12 {
        let name = format!("document {number}{}", " of a long list".repeat(12));
        ids.push(stage.register(&name).await);
    }
    // Not in the order in which they were registered.
    for (place, number) in [7_usize, 2, 11, 0, 5, 9, 1, 10, 3, 8, 6, 4].into_iter().enumerate() {
        stage.set(u64::try_from(place).unwrap() + 1);
        _ = stage.share(&ids[number], "read", None).await;
    }
    let bob = stage.token("reader", "bob").await;
    let granted = stage.uma(&bob, &[("audience", "documents")]).await;
    let permissions = permissions(&member(&granted, "access_token"));
    let carried: Vec<_> = permissions.as_array().unwrap().iter().map(|one| one["rsid"].clone()).collect();
    let newest = [4_usize, 6, 8, 3, 10, 1, 9, 5, 0, 11, 2, 7].map(|number| json!(ids[number]));
    assert!(!carried.is_empty() && carried.len() < 12, "{}", carried.len());
    assert_eq!(carried, newest[..carried.len()]);
    assert_eq!(granted.header("countersign-truncated"), (12 - carried.len()).to_string());
}
