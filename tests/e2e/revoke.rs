//! Revocation (RFC 7009; wire §7.2).

use countersign_tests::{
    http::Answer,
    realm::{Realm, secret},
    table::Table,
    world::{World, document},
};
use serde_json::json;

fn revoke(world: &World, client: &str, token: &str) -> Answer {
    let secret = secret(client);
    let mut form = vec![("token", token), ("client_id", client)];
    if client != "reader" {
        form.push(("client_secret", &secret));
    }
    world.request("POST", "protocol/openid-connect/revoke").form(&form).send()
}

fn is_active(world: &World, token: &str) -> bool {
    world.introspect(token)["active"] == true
}

#[test]
fn an_access_token_dies_alone_and_an_rpt_too() {
    let world = World::new();
    let answer = world.sign_in("documents", "alice");
    let (token, refresh) = (answer.member("access_token"), answer.member("refresh_token"));
    assert!(is_active(&world, &token));
    let gone = revoke(&world, "documents", &token).expect(200);
    assert_eq!(gone.text(), "");
    assert_eq!(gone.header("cache-control"), Some("no-store"));
    assert!(!is_active(&world, &token));
    world.protection("GET", "resource_set", &token).send().refused(
        403,
        "invalid_bearer_token",
        "Could not obtain bearer access_token from request.",
    );
    // The sign-in goes on (RFC 7009 §2.1), and the token may be given back again.
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    let again = world.post_token().basic("documents", &secret("documents")).form(&form).send().expect(200);
    assert!(is_active(&world, &again.member("access_token")));
    _ = revoke(&world, "documents", &token).expect(200);

    let id = world.register(&world.pat(), &document("report", "alice"));
    _ = world.share(&id, "read", "bob");
    let rpt =
        world.knock(&world.token_by("reader", "bob"), &id, &["read"]).expect(200).member("access_token");
    assert_eq!(world.introspect(&rpt)["permissions"][0]["rsid"], id);
    _ = revoke(&world, "reader", &rpt).expect(200);
    assert_eq!(world.introspect(&rpt), json!({ "active": false }));
}

/// RFC7009-2.1-03
#[test]
fn with_a_refresh_token_goes_all_that_its_client_got_by_the_sign_in() {
    let world = World::new();
    let id = world.document("report");
    _ = world.share(&id, "read", "bob");
    let answer = world.sign_in("reader", "bob");
    let token = answer.member("access_token");
    let rpt = world.knock(&token, &id, &["read"]).expect(200);
    _ = revoke(&world, "reader", &answer.member("refresh_token")).expect(200);
    for refresh in [answer.member("refresh_token"), rpt.member("refresh_token")] {
        world.refresh("reader", &refresh).refused(400, "invalid_grant", "Session not active");
    }
    assert_eq!(world.introspect(&rpt.member("access_token")), json!({ "active": false }));
    world.ask(&token, &[&id]).refused(400, "invalid_grant", "Invalid bearer token");
}

#[test]
fn refusals_are_those_of_the_specification() {
    let world = World::of(&Realm::new("test"));
    let mut table = Table::new();
    let answer = world.sign_in("backend", "alice");
    let (token, refresh) = (answer.member("access_token"), answer.member("refresh_token"));
    let post =
        |fields: &[(&str, &str)]| world.request("POST", "protocol/openid-connect/revoke").form(fields).send();
    let credentials = "Invalid client or Invalid client credentials";
    let wrong = post(&[("client_id", "backend"), ("client_secret", "wrong"), ("token", &token)]);
    table.row("wrong secret", wrong, 401, "unauthorized_client", credentials);
    table.row("nobody", post(&[("token", &token)]), 401, "invalid_client", credentials);
    let key = secret("backend");
    let own = [("client_id", "backend"), ("client_secret", &*key)];
    table.row("no token", post(&own), 400, "invalid_request", "Token not provided");
    let twice = [&own[..], &[("token", "a"), ("token", "b")]].concat();
    table.row("two tokens", post(&twice), 400, "invalid_request", "duplicated parameter");
    for (name, token) in [("access", &token), ("refresh", &refresh)] {
        let answer = revoke(&world, "reader", token);
        table.row(&format!("another's {name} token"), answer, 400, "invalid_request", "Unmatching clients");
    }
    let gone = json!({ "error": "invalid_token", "error_description": "Invalid token" });
    table.body("garbage", revoke(&world, "backend", "a.b.c"), 200, &gone);
    let hint = [&own[..], &[("token", &*token), ("token_type_hint", "whatever")]].concat();
    table.status("an unknown hint", post(&hint), 200);
    table.status("GET", world.request("GET", "protocol/openid-connect/revoke").send(), 405);
    table.done();
}
