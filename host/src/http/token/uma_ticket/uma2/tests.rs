use axum::http::Method;
use serde_json::json;

use crate::http::tests::stage::{Stage, error, member};

/// GRANT-3.3.6-10 to -13: each poll in its time, each with a ticket of its own
#[tokio::test]
async fn an_owner_is_waited_for_at_the_pace_that_is_told() {
    let stage = Stage::of(json!({ "countersign.dialect": "uma2", "countersign.poll_interval": "30" })).await;
    let hers = stage.register("hers").await;
    let bob = stage.token("reader", "bob").await;
    let present = async |ticket: &str| stage.uma(&bob, &[("ticket", ticket)]).await;
    let first = present(&stage.ticket(&hers).await).await;
    assert_eq!(first.json()["interval"], 30);
    assert_eq!(first.header("retry-after"), "30");
    let second = member(&first, "ticket");
    stage.set(29);
    let early = present(&second).await;
    assert_eq!((error(&early), early.header("retry-after")), ((429, "slow_down".to_owned()), "1"));
    stage.set(30);
    let again = present(&second).await;
    assert_eq!(error(&again), (403, "request_submitted".to_owned()));
    let third = member(&again, "ticket");
    assert_ne!(second, third);
    assert_eq!(error(&present(&second).await), (400, "invalid_grant".to_owned()));
    // One request, however often it is asked for (GRANT-3.3.6-16).
    let pat = stage.pat().await;
    let rows = stage.protection(Method::GET, "permission/ticket", &pat, None).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let body = json!({ "id": rows[0]["id"], "granted": true });
    _ = stage.protection(Method::PUT, "permission/ticket", &pat, Some(body)).await;
    stage.set(60);
    assert_eq!(present(&third).await.status.as_u16(), 200);
    assert_eq!(error(&present(&third).await), (400, "invalid_grant".to_owned()));
}

/// GRANT-3.3.6-12: a line of tickets does not go on for ever, nor does a ticket
#[tokio::test]
async fn a_ticket_that_is_not_used_in_its_time_is_over() {
    let stage = Stage::of(json!({ "countersign.dialect": "uma2" })).await;
    let hers = stage.register("hers").await;
    let ticket = stage.ticket(&hers).await;
    stage.set(301);
    let bob = stage.token("reader", "bob").await;
    assert_eq!(error(&stage.uma(&bob, &[("ticket", &ticket)]).await), (400, "invalid_grant".to_owned()));
}
