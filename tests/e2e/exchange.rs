//! Token exchange within a realm (RFC 8693, `admin-surface` §14).

use countersign_tests::{
    forge::{self, claims},
    http::Answer,
    realm::{Realm, secret, with},
    table::Table,
    world::{World, document},
};
use serde_json::{Value, json};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const REFRESH: &str = "urn:ietf:params:oauth:token-type:refresh_token";

/// A mapper that puts a client into the audience
fn audience(client: &str) -> Value {
    json!({
        "name": format!("to {client}"), "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": { "included.client.audience": client, "access.token.claim": "true" },
    })
}

/// `reader` gets tokens for `backend`, which may exchange them for `documents` and `archive`
fn realm() -> Realm {
    let on = json!({ "standard.token.exchange.enabled": "true" });
    let mappers = json!([audience("documents"), audience("archive")]);
    Realm::new("test")
        .set("privateKey", json!(forge::private_key()))
        .client("reader", json!({ "protocolMappers": [audience("backend")] }))
        .client("backend", json!({ "attributes": on, "protocolMappers": mappers }))
        .client("robot", json!({ "attributes": on }))
}

fn exchange(world: &World, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", GRANT), ("subject_token", token), ("subject_token_type", ACCESS)];
    form.extend(more);
    world.post_token().basic(client, &secret(client)).form(&form).send()
}

#[test]
fn a_users_token_becomes_one_for_the_audience_and_that_gets_an_rpt() {
    let world = World::of(&realm());
    let subject = world.token_by("reader", "bob");
    let answer = exchange(&world, "backend", &subject, &[("audience", "documents")]).expect(200);
    let body = answer.json();
    assert_eq!(body["issued_token_type"], ACCESS);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body.get("refresh_token"), None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let token = answer.member("access_token");
    let (old, new) = (claims(&subject), claims(&token));
    assert_eq!((&new["azp"], &new["aud"]), (&json!("backend"), &json!("documents")));
    assert_eq!((&new["sub"], &new["sid"]), (&old["sub"], &old["sid"]));
    assert!(new["exp"].as_u64() <= old["exp"].as_u64());
    assert!(new["jti"].as_str().unwrap().starts_with("onrtte:"));
    let id = world.register(&world.pat(), &document("report", "alice"));
    _ = world.share(&id, "read", "bob");
    let rpt = world.ask(&token, &[&id]).expect(200).member("access_token");
    assert_eq!(claims(&rpt)["azp"], "backend");
    assert_eq!(world.introspect(&rpt)["permissions"][0]["rsid"], id);
    // Several audiences, or all that there are.
    let both = [("audience", "documents"), ("audience", "archive")];
    for (fields, want) in
        [(&both[..], json!(["archive", "documents"])), (&[], json!(["account", "archive", "documents"]))]
    {
        let token = exchange(&world, "backend", &subject, fields).expect(200).member("access_token");
        assert_eq!(claims(&token)["aud"], want);
    }
}

/// TRAP-OAUTH-25, RFC8693-5-01
#[test]
fn an_exchanged_token_has_no_more_scope_and_no_longer_life_than_the_first() {
    let world = World::of(&realm());
    let subject = world.token_by("reader", "alice");
    let wider = |scope: &str| exchange(&world, "backend", &subject, &[("scope", scope)]);
    for scope in ["phone", "openid", "offline_access", "nonsense", "email phone"] {
        wider(scope).refused(400, "invalid_scope", &format!("Invalid scopes: {scope}"));
    }
    assert_eq!(wider("email").expect(200).json()["scope"], "email profile");
    let short = forge::changed(&subject, |claims| {
        claims["exp"] = (claims["iat"].as_u64().unwrap() + 100).into();
    });
    let token = exchange(&world, "backend", &short, &[]).expect(200);
    assert!(token.json()["expires_in"].as_u64().unwrap() <= 100);
    // Roles of other clients stay behind.
    let roles = json!({ "clientRoles": { "documents": ["editor"], "archive": ["uma_protection"] } });
    let world = World::of(&realm().user("bob", roles));
    let subject = world.token_by("reader", "bob");
    let token = exchange(&world, "backend", &subject, &[("audience", "documents")]).expect(200);
    assert_eq!(
        claims(&token.member("access_token"))["resource_access"],
        json!({ "documents": { "roles": ["editor"] } })
    );
}

/// RFC8693-2.1-01, RFC8693-2.2.2-01
#[test]
fn refusals_of_an_exchange_name_the_parameter() {
    let world = World::of(&realm().client("archive", json!({ "attributes": {} })));
    let subject = world.sign_in("reader", "alice");
    let (token, refresh) = (subject.member("access_token"), subject.member("refresh_token"));
    let mut table = Table::new();
    let by = |client: &str, token: &str, more: &[(&str, &str)]| exchange(&world, client, token, more);
    for name in ["requested_subject", "subject_issuer", "requested_issuer", "actor_token"] {
        let text = format!("Parameter '{name}' is not supported for standard token exchange");
        table.row(name, by("backend", &token, &[(name, "bob")]), 400, "invalid_request", &text);
    }
    let text = "Parameter 'resource' is not supported";
    let answer = by("backend", &token, &[("resource", "https://rs.example")]);
    table.row("resource", answer, 400, "invalid_target", text);
    let answer = by("backend", &token, &[("audience", "robot")]);
    table.row("another audience", answer, 400, "invalid_target", "Requested audience not available: robot");
    let off = "Standard token exchange is not enabled for the requested client";
    table.row("not switched on", by("archive", &token, &[]), 400, "invalid_request", off);
    let form = [("grant_type", GRANT), ("client_id", "reader"), ("subject_token", &*token)];
    let public = "Public client is not allowed to exchange token";
    table.row("public", world.post_token().form(&form).send(), 400, "invalid_client", public);
    let foreign = "Client is not within the token audience";
    table.row("not for me", by("robot", &token, &[]), 403, "access_denied", foreign);
    let forged = forge::tampered(&token);
    for (name, token) in [("garbage", "a.b.c"), ("refresh token", &*refresh), ("forged", &*forged)] {
        table.row(name, by("backend", token, &[]), 400, "invalid_request", "Invalid token");
    }
    let unknown = "requested_token_type unsupported";
    for kind in [REFRESH, "urn:ietf:params:oauth:token-type:saml2"] {
        let answer = by("backend", &token, &[("requested_token_type", kind)]);
        table.row(kind, answer, 400, "invalid_request", unknown);
    }
    let basic =
        |form: &[(&str, &str)]| world.post_token().basic("backend", &secret("backend")).form(form).send();
    let kind = "Missing parameter: subject_token_type";
    let answer = basic(&[("grant_type", GRANT), ("subject_token", &token)]);
    table.row("no type", answer, 400, "invalid_request", kind);
    let answer = basic(&[("grant_type", GRANT), ("subject_token_type", ACCESS)]);
    table.row("no token", answer, 400, "invalid_request", "Missing parameter: subject_token");
    let kind = [("grant_type", GRANT), ("subject_token", &*token), ("subject_token_type", REFRESH)];
    let text = "Parameter 'subject_token' supports access tokens only";
    table.row("another type", basic(&kind), 400, "invalid_request", text);
    let twice = by("backend", &token, &[("scope", "email"), ("scope", "phone")]);
    table.row("scope twice", twice, 400, "invalid_request", "duplicated parameter");
    let id = world.document("report");
    _ = world.share(&id, "read", "bob");
    let rpt =
        world.knock(&world.token_by("reader", "bob"), &id, &["read"]).expect(200).member("access_token");
    let rpt = by("backend", &rpt, &[]);
    table.row("an RPT", rpt, 400, "invalid_request", "Invalid token");
    table.done();
}

#[test]
fn a_refresh_token_comes_only_where_the_client_is_set_so() {
    let on = json!({
        "standard.token.exchange.enabled": "true",
        "standard.token.exchange.enableRefreshRequestedTokenType": "SAME_SESSION",
    });
    let world = World::of(&realm().client("backend", with(json!({}), json!({ "attributes": on }))));
    let subject = world.token_by("reader", "alice");
    let answer = exchange(&world, "backend", &subject, &[("requested_token_type", REFRESH)]).expect(200);
    assert_eq!(answer.json()["issued_token_type"], REFRESH);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*answer.member("refresh_token"))];
    let again = world.post_token().basic("backend", &secret("backend")).form(&form).send().expect(200);
    assert_eq!(claims(&again.member("access_token"))["sid"], claims(&subject)["sid"]);
}
