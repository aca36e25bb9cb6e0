//! What an owner gives ends by itself: `expires_at`, ours. That time passes is tested in the host, where a clock can be
//! set (`host/src/http/expiry/tests.rs`).

use countersign_tests::{
    forge::claims,
    realm::secret,
    signer::now,
    table::Table,
    world::{RPT_HINT, World},
};
use serde_json::{Value, json};

/// The day after tomorrow
fn later() -> u64 {
    now() + 172_800
}

fn give(world: &World, body: &Value) -> Value {
    let pat = world.pat();
    let answer = world.protection("POST", "permission/ticket?extended=true", &pat).json(body).send();
    answer.expect(200).json()
}

#[test]
fn a_share_has_an_end_in_either_form_and_shows_it_to_whoever_knows_it() {
    let world = World::new();
    let (pat, hers) = (world.pat(), world.document("hers"));
    let mut share = json!({ "resource": hers, "scopeName": "read", "requesterName": "bob", "granted": true, "expires_at": later() });
    let end = share["expires_at"].clone();
    let made = give(&world, &share);
    assert_eq!(made["expires_at"], end);
    share["scopeName"] = "write".into();
    share["expires_at"] = "2100-01-01T01:00:00+01:00".into();
    assert_eq!(give(&world, &share)["expires_at"], 4_102_444_800_u64);

    // Keycloak's members and no others, unless the caller asks for ours.
    for row in world.rows(&pat) {
        assert_eq!(row.get("expires_at"), None, "{row}");
    }
    let rows = world.protection("GET", "permission/ticket?extended=true", &pat).send().expect(200).json();
    assert!(rows.as_array().unwrap().iter().all(|row| row["expires_at"].is_u64()), "{rows}");

    // Approving again says nothing of the end; another end is set, `null` takes it away.
    let put = |body: &Value| world.protection("PUT", "permission/ticket", &pat).json(body).send().expect(204);
    let shown = || {
        let path = "permission/ticket?extended=true&scopeId=read";
        world.protection("GET", path, &pat).send().expect(200).json()[0]["expires_at"].clone()
    };
    _ = world.approve(&pat, &made["id"]).expect(204);
    assert_eq!(shown(), end);
    _ = put(&json!({ "id": made["id"], "granted": true, "expires_at": later() + 60 }));
    assert!(shown().as_u64() > end.as_u64());
    _ = put(&json!({ "id": made["id"], "granted": true, "expires_at": null }));
    assert_eq!(shown(), Value::Null);
}

#[test]
fn ends_that_are_none_are_refused_by_name() {
    let world = World::new();
    let (pat, alice, hers) = (world.pat(), world.token("alice"), world.document("hers"));
    let form = "`expires_at` must be seconds since 1970 or a time as RFC 3339 writes it";
    let over = "`expires_at` must lie in the future; to end a share now, withdraw it";
    let before = world.everything();
    let mut table = Table::new();
    for (end, text) in [
        (json!("tomorrow"), form),
        (json!(-1), form),
        (json!(1.5), form),
        (json!({}), form),
        (json!(1), over),
        (json!("2001-01-01T00:00:00Z"), over),
    ] {
        let body = json!({
            "resource": hers, "scopeName": "read", "requesterName": "bob", "granted": true, "expires_at": end,
        });
        let answer = world.protection("POST", "permission/ticket", &pat).json(&body).send();
        table.row(&end.to_string(), answer, 400, "invalid_permission", text);
        let body = json!({ "name": "p", "users": ["bob"], "expires_at": end });
        let answer = world.protection("POST", &format!("uma-policy/{hers}"), &alice).json(&body).send();
        table.row(&end.to_string(), answer, 400, "invalid_request", text);
    }
    let body =
        json!({ "resource": hers, "scopeName": "read", "requesterName": "bob", "expires_at": later() });
    let answer = world.protection("POST", "permission/ticket", &pat).json(&body).send();
    let text = "`expires_at` is for what is granted: `granted` must be true";
    table.row("a request", answer, 400, "invalid_permission", text);
    table.done();
    assert_eq!(world.everything(), before);
}

#[test]
fn a_policy_and_the_view_over_shares_have_an_end() {
    let world = World::new();
    let (pat, alice, hers) = (world.pat(), world.token("alice"), world.document("hers"));
    let body = json!({ "name": "until then", "users": ["bob"], "scopes": ["read"], "expires_at": later() });
    let end = body["expires_at"].clone();
    let path = format!("uma-policy/{hers}");
    let made = world.protection("POST", &path, &alice).json(&body).send().expect(200).json();
    assert_eq!(made.get("expires_at"), None);
    let own = format!("uma-policy/{}", made["id"].as_str().unwrap());
    let shown = |path: &str| {
        let path = format!("{path}?extended=true");
        world.protection("GET", &path, &alice).send().expect(200).json()["expires_at"].clone()
    };
    assert_eq!(shown(&own), end);
    // What is not said stays.
    let put = |path: &str, body: &Value| world.protection("PUT", path, &alice).json(body).send().expect(201);
    _ = put(&own, &json!({ "name": "until then", "users": ["bob"], "scopes": ["read"] }));
    assert_eq!(shown(&own), end);

    let rpt =
        world.knock(&world.token_by("reader", "bob"), &hers, &["read"]).expect(200).member("access_token");
    let permission = &claims(&rpt)["authorization"]["permissions"][0];
    assert_eq!(permission["exp"].as_u64().unwrap(), end.as_u64().unwrap() - 1);
    assert_eq!(world.introspect(&rpt)["permissions"][0].get("exp"), None);
    let form = [("token", &*rpt), ("token_type_hint", RPT_HINT), ("extended", "true")];
    let told =
        world.post_introspect().basic("documents", &secret("documents")).form(&form).send().expect(200);
    assert_eq!(told.json()["permissions"][0]["exp"], permission["exp"]);

    _ = put(&own, &json!({ "name": "until then", "users": ["bob"], "scopes": ["read"], "expires_at": null }));
    assert_eq!(shown(&own), Value::Null);

    // The policy that shows what bob was given ends when the first of it does, and all of it may be given an end.
    let other = world.document("other");
    for (scope, end) in [("read", json!(null)), ("write", json!(later()))] {
        let share = json!({
            "resource": other, "scopeName": scope, "requesterName": "bob", "granted": true, "expires_at": end,
        });
        _ = give(&world, &share);
    }
    let list =
        world.protection("GET", &format!("uma-policy?resource={other}"), &alice).send().expect(200).json();
    let view = format!("uma-policy/{}", list[0]["id"].as_str().unwrap());
    assert_eq!(shown(&view), later());
    let name = list[0]["name"].clone();
    _ = put(&view, &json!({ "name": name, "users": ["bob"], "expires_at": later() + 5 }));
    let path = format!("permission/ticket?extended=true&resourceId={other}");
    let rows = world.protection("GET", &path, &pat).send().expect(200).json();
    assert!(rows.as_array().unwrap().iter().all(|row| row["expires_at"] == later() + 5), "{rows}");
}

#[test]
fn a_nearer_end_marks_what_was_issued_and_a_refresh_keeps_to_it() {
    let world = World::new();
    let (pat, hers) = (world.pat(), world.document("hers"));
    let share = world.share(&hers, "read", "bob");
    let granted = world.knock(&world.token_by("reader", "bob"), &hers, &["read"]).expect(200);
    let permission = |token: &str| claims(token)["authorization"]["permissions"][0].clone();
    assert_eq!(permission(&granted.member("access_token")).get("exp"), None);
    let soon = now() + 200;
    let body = json!({ "id": share, "granted": true, "expires_at": soon });
    _ = world.protection("PUT", "permission/ticket", &pat).json(&body).send().expect(204);
    let refreshed = world.refresh("reader", &granted.member("refresh_token")).expect(200);
    assert_eq!(permission(&refreshed.member("access_token"))["exp"], soon - 1);
    let form = [("token", &*granted.member("access_token")), ("extended", "true")];
    let told =
        world.post_introspect().basic("documents", &secret("documents")).form(&form).send().expect(200);
    assert_eq!(told.json()["permissions"][0]["exp"], soon - 1);
}
