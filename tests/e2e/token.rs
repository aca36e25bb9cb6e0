//! The token endpoint: clients, grants and refusals (wire §6.1 to §6.6), and introspection's (§7.1).

use countersign_tests::{
    forge::{self, claims},
    http::Answer,
    realm::{Realm, password, secret},
    table::Table,
    world::{RPT_HINT, UMA, World},
};
use serde_json::{Value, json};

const CREDENTIALS: &str = "Invalid client or Invalid client credentials";

/// wire §6.1
#[test]
fn requests_are_refused_before_any_grant_as_listed() {
    let world = World::new();
    let mut table = Table::new();
    let (id, key) = ("documents", secret("documents"));
    let form = |fields: &[(&str, &str)]| world.post_token().basic(id, &key).form(fields).send();
    let missing = "Missing form parameter: grant_type";
    table.row("no grant_type", form(&[("scope", "openid")]), 400, "invalid_request", missing);
    table.row("an empty one", form(&[("grant_type", "")]), 400, "invalid_request", missing);
    table.row("no body", world.post_token().send(), 400, "invalid_request", missing);
    let json = world.post_token().json(&json!({ "grant_type": "client_credentials" })).send();
    table.row("JSON", json, 400, "invalid_request", missing);
    let answer = form(&[("grant_type", "nope")]);
    table.row("unknown", answer, 400, "unsupported_grant_type", "Unsupported grant_type");
    let long = "x".repeat(20_001);
    for name in ["subject_token", "claim_token", "ticket", "scope", "nope"] {
        let text = format!("The size of OIDC parameter '{name}' is longer than allowed.");
        let answer = form(&[("grant_type", UMA), (name, &long)]);
        table.row(&format!("long {name}"), answer, 400, "invalid_request", &text);
    }
    for grant in ["client_credentials", "password", "refresh_token"] {
        let answer = form(&[("grant_type", grant), ("scope", "a"), ("scope", "b")]);
        table.row(grant, answer, 400, "invalid_request", "duplicated parameter");
    }
    let origin = |origin: &str, client: &str| {
        let fields = [
            ("grant_type", "password"),
            ("client_id", client),
            ("username", "bob"),
            ("password", &password("bob")),
        ];
        world.post_token().header("origin", origin).form(&fields).send()
    };
    let answer = origin("https://evil.example", "reader");
    assert_eq!(answer.header("access-control-allow-origin"), None);
    table.bare("bad Origin", answer, 403, "Invalid origin");
    let answer = origin("https://app.example", "reader");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    table.status("good Origin", answer, 200);
    // Headers of refusals (RFC 6749 §5.2), and media types with a charset (wire §0.4).
    let answer = form(&[("grant_type", "nope")]);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let kind = "application/x-www-form-urlencoded; charset=UTF-8";
    let answer =
        world.post_token().basic(id, &key).body(kind, "grant_type=client_credentials&code=&totp=").send();
    table.status("charset, and empty parameters", answer, 200);
    table.done();
}

/// wire §6.2
#[test]
fn clients_are_authenticated_in_three_ways_and_refused_as_listed() {
    let world = World::new();
    let mut table = Table::new();
    let grant = ("grant_type", "client_credentials");
    let key = secret("documents");
    let by = |fields: &[(&str, &str)]| world.post_token().form(&[&[grant], fields].concat()).send();
    table.status("form", by(&[("client_id", "documents"), ("client_secret", &key)]), 200);
    let basic = |client: &str, secret: &str| world.post_token().basic(client, secret).form(&[grant]).send();
    table.status("Basic", basic("documents", &key), 200);
    table.row("unknown", basic("nobody", "x"), 401, "invalid_client", CREDENTIALS);
    table.row("none", by(&[]), 401, "invalid_client", CREDENTIALS);
    table.row("switched off", basic("gone", &secret("gone")), 401, "invalid_client", CREDENTIALS);
    table.row("wrong secret", basic("documents", "x"), 401, "unauthorized_client", CREDENTIALS);
    table.row("no secret", by(&[("client_id", "documents")]), 401, "unauthorized_client", CREDENTIALS);
    let answer = by(&[("client_id", "documents"), ("client_secret", "x")]);
    table.row("wrong secret in the form", answer, 401, "unauthorized_client", CREDENTIALS);
    let answer = basic("listener", &secret("listener"));
    table.row("bearer-only", answer, 400, "invalid_client", "Bearer-only not allowed");
    let text = "Public client not allowed to retrieve service account";
    table.row("public", by(&[("client_id", "reader")]), 401, "unauthorized_client", text);
    let text = "Client not enabled to retrieve service account";
    table.row("without one", basic("backend", &secret("backend")), 401, "unauthorized_client", text);
    // The same for the UMA grant.
    let uma = |client: &str, secret: &str| {
        let fields = [("grant_type", UMA), ("audience", "documents")];
        world.post_token().basic(client, secret).form(&fields).send()
    };
    table.row("uma: unknown", uma("nobody", "x"), 401, "invalid_client", CREDENTIALS);
    table.row("uma: wrong secret", uma("documents", "x"), 401, "unauthorized_client", CREDENTIALS);
    table.row("uma: without one", uma("backend", &secret("backend")), 401, "unauthorized_client", text);
    let fields = [("grant_type", UMA), ("audience", "documents"), ("client_id", "reader")];
    let text = "Public client not allowed to retrieve service account";
    table.row("uma: public", world.post_token().form(&fields).send(), 401, "unauthorized_client", text);
    table.done();
}

/// wire §6.12, §9.6; RFC 6749 §4.3, §4.4, §6
#[test]
fn ordinary_grants_answer_and_refuse() {
    let world = World::new();
    let pat = world.pat();
    let said = claims(&pat);
    assert!(said["jti"].as_str().unwrap().starts_with("trrtcc:"), "{said}");
    assert_eq!(said["azp"], "documents");
    assert_eq!(said["resource_access"]["documents"]["roles"], json!(["uma_protection"]));
    assert_eq!(said["preferred_username"], "service-account-documents");
    assert_eq!(said.get("sid"), None);

    let answer = world.sign_in("reader", "bob");
    let body = answer.json();
    let said = claims(&answer.member("access_token"));
    assert!(said["jti"].as_str().unwrap().starts_with("onrtro:"), "{said}");
    assert_eq!(
        (&said["azp"], &said["typ"], &said["iss"]),
        (&json!("reader"), &json!("Bearer"), &json!(world.issuer()))
    );
    assert_eq!(said["sid"], body["session_state"]);
    let refreshed = world.refresh("reader", &answer.member("refresh_token")).expect(200);
    let said = claims(&refreshed.member("access_token"));
    assert!(said["jti"].as_str().unwrap().starts_with("onrtrt:"), "{said}");
    assert_eq!(said["sid"], body["session_state"]);

    let mut table = Table::new();
    let sign_in = |user: &str, password: &str| {
        let fields =
            [("grant_type", "password"), ("client_id", "reader"), ("username", user), ("password", password)];
        world.post_token().form(&fields).send()
    };
    for (user, password) in [("bob", "wrong"), ("nobody", "x"), ("service-account-documents", "x")] {
        let answer = sign_in(user, password);
        table.row(user, answer, 401, "invalid_grant", "Invalid user credentials");
    }
    table.row("switched off", sign_in("dave", &password("dave")), 400, "invalid_grant", "Account disabled");
    let refresh = |client: &str, token: &str| world.refresh(client, token);
    for (what, token) in [
        ("garbage", "garbage".to_owned()),
        ("an access token", answer.member("access_token")),
        ("tampered", forge::tampered(&answer.member("refresh_token"))),
    ] {
        let answer = refresh("reader", &token);
        table.holds(what, answer, "400 invalid_grant", |answer| {
            answer.status == 400 && answer.json()["error"] == "invalid_grant"
        });
    }
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &answer.member("refresh_token"))];
    let other = world.post_token().basic("backend", &secret("backend")).form(&fields).send();
    table.holds("another client's", other, "400 invalid_grant", |answer| {
        answer.status == 400 && answer.json()["error"] == "invalid_grant"
    });
    let none = world.post_token().form(&[("grant_type", "refresh_token"), ("client_id", "reader")]).send();
    table.holds("none", none, "400 invalid_request", |answer| {
        answer.status == 400 && answer.json()["error"] == "invalid_request"
    });
    table.done();
}

/// wire §6.5, in its order; behaviours E-G1 to E-G20, N1, N2
#[test]
fn n_1_and_2_the_uma_grant_is_refused_as_listed() {
    let realm = Realm::new("test").set("privateKey", forge::private_key().into());
    let world = World::of(&realm);
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let bob = world.token_by("reader", "bob");
    let confidential = world.token_by("backend", "bob");
    let before = world.everything();
    let mut table = Table::new();
    let audience = ("audience", "documents");
    let uma = |fields: &[(&str, &str)]| world.uma(&bob, fields);
    let invalid = "invalid_request";

    // E-G1
    let dead = [
        ("garbage", "garbage".to_owned()),
        ("tampered", forge::tampered(&bob)),
        ("expired", forge::changed(&bob, |claims| claims["exp"] = 1_000_000.into())),
        ("a session that never was", forge::changed(&bob, |claims| claims["sid"] = "0".repeat(24).into())),
        ("a user who is not there", forge::changed(&bob, |claims| claims["sub"] = "nobody".into())),
        ("another issuer", forge::changed(&bob, |claims| claims["iss"] = "http://evil.example".into())),
        ("a refresh token", world.sign_in("reader", "bob").member("refresh_token")),
    ];
    for (what, token) in &dead {
        let answer = world.uma(token, &[audience, ("permission", &hers)]);
        table.row(&format!("bearer: {what}"), answer, 400, "invalid_grant", "Invalid bearer token");
    }
    // E-G2
    for rpt in ["garbage", &forge::tampered(&bob), "a.b.c"] {
        let answer = uma(&[audience, ("permission", &hers), ("rpt", rpt)]);
        table.row("rpt", answer, 403, "invalid_rpt", "RPT signature is invalid");
    }
    // N1
    for limit in ["x", "-1", "1.5", "99999999999999999999999"] {
        let answer = uma(&[audience, ("response_permissions_limit", limit)]);
        table.row(&format!("N1: {limit}"), answer, 400, invalid, "Invalid response_permissions_limit");
    }
    // E-G16, E-G15
    let uri = ("permission_resource_format", "uri");
    let answer = uma(&[audience, uri, ("permission", "#read")]);
    table.row("uri format without one", answer, 400, invalid, "You must provide the uri");
    let answer = uma(&[audience, uri, ("permission", "/nope")]);
    table.row("unknown uri", answer, 400, "invalid_resource", "Resource with uri [/nope] does not exist.");
    // E-G3
    let claim = World::claim_token(&json!({ "a": ["1"] }));
    let format = ("claim_token_format", "urn:ietf:params:oauth:token-type:jwt");
    let answer = uma(&[audience, ("permission", &hers), ("claim_token", &claim), format]);
    table.row(
        "public with claims",
        answer,
        403,
        "invalid_grant",
        "Public clients are not allowed to send claims",
    );
    // E-G12, E-G13
    let ticket = world.ticket(&world.pat(), &hers, &["read"]);
    let unsigned = forge::unsigned(&forge::part(&ticket, 0), &claims(&ticket)) + ".";
    for (what, text) in [
        ("garbage", "garbage".to_owned()),
        ("a.b.c", "a.b.c".to_owned()),
        ("tampered", forge::tampered(&ticket)),
        ("no signature", unsigned),
        ("an access token", bob.clone()),
        ("signed with the public key's pair", forge::signed(&forge::part(&ticket, 0), &claims(&ticket))),
        ("an empty secret", forge::hashed(&json!({ "alg": "HS256" }), &claims(&ticket), b"")),
    ] {
        let answer = uma(&[("ticket", &text)]);
        table.row(&format!("ticket: {what}"), answer, 403, "invalid_ticket", "Ticket verification failed");
    }
    // E-G7, E-G8, N2
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    let push = |format: &str, claim: &str| {
        let fields =
            [audience, ("permission", hers.as_str()), ("claim_token", claim), ("claim_token_format", format)];
        world.uma(&confidential, &fields)
    };
    table.row("format", push("nope", &claim), 400, invalid, "Claim token format [nope] not supported");
    for text in ["%%%", "bm90IGpzb24", &World::claim_token(&json!([1])), &World::claim_token(&json!("x"))] {
        table.row("no claims", push(jwt, text), 400, invalid, "Invalid claims");
    }
    for value in [json!(1), json!(true), json!({}), json!(null), json!([1]), json!(["a", null])] {
        let text = World::claim_token(&json!({ "a": value }));
        table.row(&format!("N2: {value}"), push(jwt, &text), 400, invalid, "Invalid claims");
    }
    table.status("N2: a single string", push(jwt, &World::claim_token(&json!({ "a": "x" }))), 200);
    // E-G4 to E-G6
    table.row("no audience", uma(&[("permission", &hers)]), 400, invalid, "You must provide the issuedFor");
    let answer = uma(&[("audience", "nope")]);
    table.row("unknown audience", answer, 400, invalid, "Unknown resource server id: [nope]");
    let answer = uma(&[("audience", "backend")]);
    table.row("no resource server", answer, 400, invalid, "Client does not support permissions");
    // E-G17, E-G14
    let answer = world.ask(&bob, &[&format!("{hers}#no,pe")]);
    table.row("scopes", answer, 400, "invalid_scope", "One of the given scopes [no, pe] is invalid");
    let answer = world.ask(&bob, &["#nope"]);
    table.row("scope alone", answer, 400, "invalid_scope", "One of the given scopes [nope] is invalid");
    table.status("one of them is known", world.ask(&bob, &[&format!("{hers}#read,nope")]), 200);
    for id in ["nope", "no-such"] {
        let text = format!("Resource with id [{id}] does not exist.");
        table.row("unknown resource", world.ask(&bob, &[id]), 400, "invalid_resource", &text);
    }
    // E-G20, E-G18: a bad mode shows only after a grant.
    let write = format!("{hers}#write");
    table.row("denied", world.ask(&bob, &[&write]), 403, "access_denied", "not_authorized");
    let answer = uma(&[audience, ("permission", &write), ("response_mode", "nope")]);
    table.row("denied, bad mode", answer, 403, "access_denied", "not_authorized");
    let answer = uma(&[audience, ("permission", &hers), ("response_mode", "nope")]);
    table.row("granted, bad mode", answer, 400, invalid, "Invalid response_mode");
    table.done();
    assert_eq!(world.everything(), before);
    // The ticket was not spent by any of this.
    _ = world.exchange(&bob, &ticket).expect(200);
}

/// wire §6.2: identity by `subject_token` and `claim_token`; behaviours E-G9 to E-G11, E-G22
#[test]
fn a_client_asks_for_a_person_by_the_persons_token() {
    let world = World::new();
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let bob = world.token_by("reader", "bob");
    let own = world.token("bob");
    let id_token = "http://openid.net/specs/openid-connect-core-1_0.html#IDToken";
    let key = secret("documents");
    let by = |fields: &[(&str, &str)]| {
        let mut form = vec![("grant_type", UMA), ("audience", "documents"), ("permission", hers.as_str())];
        form.extend(fields);
        world.post_token().basic("documents", &key).form(&form).send()
    };
    let mut table = Table::new();
    let said = |answer: Answer| claims(&answer.expect(200).member("access_token"));
    let rpt = said(by(&[("subject_token", &bob)]));
    assert_eq!((&rpt["sub"], &rpt["azp"]), (&json!(world.id_of("bob")), &json!("reader")));
    for format in [None, Some(id_token)] {
        let mut fields = vec![("claim_token", own.as_str())];
        fields.extend(format.map(|format| ("claim_token_format", format)));
        assert_eq!(said(by(&fields))["sub"], world.id_of("bob"));
        let fields: Vec<_> =
            [("claim_token", bob.as_str())].into_iter().chain(fields.into_iter().skip(1)).collect();
        let text = "Token issued to a different client";
        table.row("another client's", by(&fields), 400, "invalid_claim_token", text);
    }
    let refresh = world.sign_in("reader", "bob").member("refresh_token");
    for token in ["garbage", &"x".repeat(20_000), &forge::tampered(&bob), &refresh] {
        table.row(
            "subject_token",
            by(&[("subject_token", token)]),
            400,
            "unauthorized_client",
            "Invalid identity",
        );
    }
    for token in ["garbage", &forge::tampered(&own)] {
        table.row(
            "claim_token",
            by(&[("claim_token", token)]),
            400,
            "unauthorized_client",
            "Invalid signature",
        );
    }
    let text = "Subject token can not be null and must be a valid ID or Access Token";
    table.row("neither", by(&[("claim_token_format", id_token)]), 400, "invalid_request", text);
    // Alone it asks for its own service account, which has nothing here.
    table.row("alone", by(&[]), 403, "access_denied", "not_authorized");
    // Behind a bearer a `subject_token` is ignored.
    let alice = world.token_by("reader", "alice");
    let fields =
        [("audience", "documents"), ("permission", hers.as_str()), ("subject_token", alice.as_str())];
    table.status("bearer first", world.uma(&bob, &fields), 200);
    table.done();
}

/// wire §7.1
#[test]
fn introspection_is_refused_as_listed() {
    let world = World::new();
    let pat = world.pat();
    let mut table = Table::new();
    let form = |fields: &[(&str, &str)]| {
        world.post_introspect().basic("documents", &secret("documents")).form(fields).send()
    };
    let by =
        |client: &str, key: &str| world.post_introspect().basic(client, key).form(&[("token", &pat)]).send();
    let answer = by("documents", "wrong");
    table.row("wrong secret", answer, 401, "invalid_client", "Client authentication failed.");
    let none = world.post_introspect().form(&[("token", &pat)]).send();
    table.row("nobody", none, 401, "invalid_client", CREDENTIALS);
    let bearer = world.post_introspect().bearer(&pat).form(&[("token", &pat)]).send();
    table.row("a PAT", bearer, 401, "invalid_client", CREDENTIALS);
    table.row("unknown client", by("nobody", "x"), 401, "invalid_client", CREDENTIALS);
    let public = world.post_introspect().form(&[("client_id", "reader"), ("token", &pat)]).send();
    table.row("public", public, 403, "invalid_request", "Client not allowed.");
    let answer = by("listener", &secret("listener"));
    table.row("bearer-only", answer, 403, "invalid_request", "Client not allowed.");
    let answer = form(&[("token", &pat), ("token", &pat)]);
    table.row("twice", answer, 400, "invalid_request", "duplicated parameter");
    table.row(
        "no token",
        form(&[("token_type_hint", RPT_HINT)]),
        400,
        "invalid_request",
        "Token not provided.",
    );
    let answer = form(&[("token", &pat), ("token_type_hint", "nope")]);
    table.row("unknown hint", answer, 400, "invalid_request", "Unsupported token type.");
    table.done();
}

/// wire §1
#[test]
fn the_discovery_documents_name_this_server() {
    let world = World::new();
    let issuer = world.issuer();
    let get = |path: &str| world.request("GET", path).send().expect(200);
    let answer = get(".well-known/uma2-configuration");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-cache, must-revalidate, no-transform, no-store"));
    let uma = answer.json();
    let oidc = get(".well-known/openid-configuration").json();
    for (member, path) in [
        ("token_endpoint", "/protocol/openid-connect/token"),
        ("introspection_endpoint", "/protocol/openid-connect/token/introspect"),
        ("jwks_uri", "/protocol/openid-connect/certs"),
    ] {
        let want = format!("{issuer}{path}");
        assert_eq!((&uma[member], &oidc[member]), (&json!(want), &json!(want)), "{member}");
    }
    for (member, path) in [
        ("resource_registration_endpoint", "resource_set"),
        ("permission_endpoint", "permission"),
        ("policy_endpoint", "uma-policy"),
    ] {
        assert_eq!(uma[member], world.url(&format!("authz/protection/{path}")), "{member}");
        assert_eq!(oidc.get(member), None);
    }
    assert_eq!((&uma["issuer"], &oidc["issuer"]), (&json!(issuer), &json!(issuer)));
    for document in [&uma, &oidc] {
        assert!(document["grant_types_supported"].as_array().unwrap().contains(&json!(UMA)));
    }
    let origin =
        world.request("GET", ".well-known/uma2-configuration").header("origin", "https://a.example").send();
    assert_eq!(origin.header("access-control-allow-origin"), Some("https://a.example"));

    // The key of a token is among those that are published.
    let keys = get("protocol/openid-connect/certs").json();
    let kid = &forge::part(&world.pat(), 0)["kid"];
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap();
    assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("RSA"), &json!("RS256"), &json!("sig")));
    assert!(key.get("d").is_none() && key.get("p").is_none());

    let info = get("").json();
    assert_eq!((&info["realm"], &info["tokens-not-before"]), (&json!("test"), &json!(0)));
    assert_eq!(info["token-service"], format!("{issuer}/protocol/openid-connect"));
    assert_eq!(info["account-service"], format!("{issuer}/account"));
    assert!(info["public_key"].as_str().is_some_and(|key| key.len() > 300));
}

/// design §5: a client or realm may sign otherwise
#[test]
fn tokens_are_signed_as_the_realm_or_the_client_says() {
    let attribute = |alg: &str| json!({ "attributes": { "access.token.signed.response.alg": alg } });
    let realm = Realm::new("test").set("defaultSignatureAlgorithm", json!("ES256"));
    let world = World::of(&realm.client("backend", attribute("EdDSA")).client("robot", attribute("RS256")));
    for (token, alg) in [
        (world.pat(), "ES256"),
        (world.token_by("backend", "bob"), "EdDSA"),
        (world.pat_of("robot"), "RS256"),
    ] {
        let header = forge::part(&token, 0);
        assert_eq!(header["alg"], alg);
        let keys = world.request("GET", "protocol/openid-connect/certs").send().expect(200).json();
        let known: Vec<Value> = keys["keys"].as_array().unwrap().clone();
        assert!(known.iter().any(|key| key["kid"] == header["kid"] && key["alg"] == alg), "{alg}: {keys}");
    }
    let document = world.document("a");
    _ = world.share(&document, "read", "bob");
    for client in ["backend", "reader"] {
        let rpt = world.ask(&world.token_by(client, "bob"), &[&document]).expect(200).member("access_token");
        assert_eq!(world.introspect(&rpt)["active"], true, "{client}");
    }
}
