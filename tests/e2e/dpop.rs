//! Tokens that are bound to a key (RFC 9449; TRAP-JWT-44 to 47).

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_core::jwk::Jwk;
use countersign_tests::{
    forge::claims,
    http::Answer,
    realm::{Realm, password, secret, with},
    signer::{Signer, by_secret, fresh, now},
    table::Table,
    world::{World, document},
};
use serde_json::{Value, json};

fn header(signer: &Signer) -> Value {
    json!({ "typ": "dpop+jwt", "jwk": signer.jwk() })
}

fn says(world: &World, method: &str, path: &str) -> Value {
    let url = world.url(&format!("protocol/openid-connect/{path}"));
    json!({ "jti": fresh(), "htm": method, "htu": url, "iat": now() })
}

/// A proof for a request to the token endpoint
fn proof(world: &World, signer: &Signer) -> String {
    signer.sign(header(signer), &says(world, "POST", "token"))
}

fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

fn thumbprint(signer: &Signer) -> String {
    Jwk::parse(signer.jwk().to_string().as_bytes()).unwrap().thumbprint()
}

fn sign_in(world: &World, client: &str, proof: Option<&str>) -> Answer {
    let (password, secret) = (password("alice"), secret(client));
    let mut form = vec![("grant_type", "password"), ("username", "alice"), ("password", &*password)];
    form.extend([("client_id", client), ("scope", "openid")]);
    if client != "reader" {
        form.push(("client_secret", &*secret));
    }
    let request = world.post_token().form(&form);
    match proof {
        Some(proof) => request.header("dpop", proof).send(),
        None => request.send(),
    }
}

fn userinfo(world: &World, scheme: &str, token: &str, proof: Option<&str>) -> Answer {
    let request = world.request("GET", "protocol/openid-connect/userinfo");
    let request = request.header("authorization", &format!("{scheme} {token}"));
    match proof {
        Some(proof) => request.header("dpop", proof).send(),
        None => request.send(),
    }
}

/// RFC 9449 §5, §6, §7
#[test]
fn a_bound_token_is_worth_nothing_without_its_key() {
    let world = World::new();
    for alg in ["ES256", "EdDSA", "RS256"] {
        let (signer, other) = (Signer::new(alg), Signer::new(alg));
        let answer = sign_in(&world, "reader", Some(&proof(&world, &signer))).expect(200);
        assert_eq!(answer.json()["token_type"], "DPoP");
        let token = answer.member("access_token");
        assert_eq!(claims(&token)["typ"], "DPoP");
        assert_eq!(claims(&token)["cnf"], json!({ "jkt": thumbprint(&signer) }));

        let with_token = |signer: &Signer, token: &str| {
            let says = with(says(&world, "GET", "userinfo"), json!({ "ath": hash(token) }));
            signer.sign(header(signer), &says)
        };
        let good = with_token(&signer, &token);
        assert_eq!(userinfo(&world, "DPoP", &token, Some(&good)).expect(200).json()["name"], "alice Test");
        let refused = |answer: Answer, error: &str| {
            let answer = answer.expect(401);
            let text = answer.header("www-authenticate").unwrap();
            assert!(text.contains(&format!("error=\"{error}\"")), "{text}");
            assert!(error != "invalid_dpop_proof" || text.contains("algs=\"ES256 "), "{text}");
        };
        refused(userinfo(&world, "DPoP", &token, Some(&good)), "invalid_dpop_proof");
        refused(userinfo(&world, "DPoP", &token, None), "invalid_dpop_proof");
        refused(userinfo(&world, "Bearer", &token, None), "invalid_token");
        refused(userinfo(&world, "Bearer", &token, Some(&with_token(&signer, &token))), "invalid_token");
        refused(userinfo(&world, "DPoP", &token, Some(&with_token(&other, &token))), "invalid_token");
        refused(userinfo(&world, "DPoP", &token, Some(&with_token(&signer, "x"))), "invalid_dpop_proof");
        let no_hash = signer.sign(header(&signer), &says(&world, "GET", "userinfo"));
        refused(userinfo(&world, "DPoP", &token, Some(&no_hash)), "invalid_dpop_proof");
        let unbound = sign_in(&world, "reader", None).expect(200).member("access_token");
        refused(userinfo(&world, "DPoP", &unbound, Some(&with_token(&signer, &unbound))), "invalid_token");
        // Neither are other endpoints taken in.
        world.ask(&token, &["x"]).refused(400, "invalid_grant", "Invalid bearer token");
    }
}

/// RFC9449-6.2-01
#[test]
fn introspection_says_which_key_a_token_is_bound_to() {
    let (world, signer) = (World::new(), Signer::new("ES256"));
    let token =
        sign_in(&world, "documents", Some(&proof(&world, &signer))).expect(200).member("access_token");
    let form = [("token", &*token)];
    let answer =
        world.post_introspect().basic("documents", &secret("documents")).form(&form).send().expect(200);
    let body = answer.json();
    assert_eq!((&body["active"], &body["token_type"]), (&json!(true), &json!("DPoP")));
    assert_eq!(body["cnf"], json!({ "jkt": thumbprint(&signer) }));
}

/// RFC9449-5-02: a public client's refresh token needs the key; who can authenticate may take another one
#[test]
fn refresh_tokens_of_public_clients_are_bound_too() {
    let (world, signer, other) = (World::new(), Signer::new("ES256"), Signer::new("ES256"));
    let refresh = |client: &str, token: &str, proof: Option<String>| {
        let secret = secret(client);
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client)];
        if client != "reader" {
            form.push(("client_secret", &secret));
        }
        let request = world.post_token().form(&form);
        match proof {
            Some(proof) => request.header("dpop", &proof).send(),
            None => request.send(),
        }
    };
    let token = sign_in(&world, "reader", Some(&proof(&world, &signer))).expect(200).member("refresh_token");
    let text = "DPoP proof and token binding verification failed";
    refresh("reader", &token, None).refused(400, "invalid_dpop_proof", text);
    refresh("reader", &token, Some(proof(&world, &other))).refused(400, "invalid_dpop_proof", text);
    let again = refresh("reader", &token, Some(proof(&world, &signer))).expect(200);
    assert_eq!(claims(&again.member("access_token"))["cnf"]["jkt"], thumbprint(&signer));

    let token = sign_in(&world, "backend", Some(&proof(&world, &signer))).expect(200).member("refresh_token");
    let again = refresh("backend", &token, Some(proof(&world, &other))).expect(200);
    assert_eq!(claims(&again.member("access_token"))["cnf"]["jkt"], thumbprint(&other));
}

/// RFC9449-5.2-01
#[test]
fn a_client_may_be_held_to_bound_tokens() {
    let own = json!({ "attributes": { "dpop.bound.access.tokens": "true" } });
    let (world, signer) = (World::of(&Realm::new("test").client("reader", own)), Signer::new("ES256"));
    sign_in(&world, "reader", None).refused(400, "invalid_dpop_proof", "DPoP proof is missing");
    _ = sign_in(&world, "reader", Some(&proof(&world, &signer))).expect(200);
}

/// An RPT that is asked for with a proof is bound as well
#[test]
fn an_rpt_is_bound_to_the_key_of_the_request() {
    let (world, signer) = (World::new(), Signer::new("ES256"));
    let id = world.document("report");
    _ = world.share(&id, "read", "bob");
    let ticket = world.ticket(&world.pat(), &id, &["read"]);
    let form = [("grant_type", countersign_tests::world::UMA), ("ticket", &*ticket)];
    let request = world.post_token().bearer(&world.token_by("reader", "bob")).form(&form);
    let answer = request.header("dpop", &proof(&world, &signer)).send().expect(200);
    assert_eq!(answer.json()["token_type"], "DPoP");
    let rpt = answer.member("access_token");
    assert_eq!(claims(&rpt)["cnf"]["jkt"], thumbprint(&signer));
    assert_eq!(world.introspect(&rpt)["active"], true);
}

/// RFC 9449 §4.3, TRAP-JWT-44
#[test]
fn a_proof_is_for_this_request_fresh_and_good_for_one_time() {
    let (world, signer) = (World::new(), Signer::new("ES256"));
    let good = says(&world, "POST", "token");
    let mut table = Table::new();
    let mut row = |name: &str, proof: String| {
        let answer = sign_in(&world, "reader", Some(&proof));
        table.holds(name, answer, "400 invalid_dpop_proof", |answer| {
            answer.status == 400 && answer.json()["error"] == "invalid_dpop_proof"
        });
    };
    let but = |changed: Value| signer.sign(header(&signer), &with(good.clone(), changed));
    row("another method", but(json!({ "htm": "post" })));
    row("another endpoint", but(json!({ "htu": world.url("protocol/openid-connect/userinfo") })));
    row("another host", but(json!({ "htu": "https://evil.example/token" })));
    row("a query", but(json!({ "htu": world.url("protocol/openid-connect/token?x=1") })));
    row("stale", but(json!({ "iat": now() - 3_600 })));
    row("from the future", but(json!({ "iat": now() + 3_600 })));
    row("no id", but(json!({ "jti": null })));
    row("a long id", but(json!({ "jti": "x".repeat(10_000) })));
    let mut headless = header(&signer);
    headless.as_object_mut().unwrap().remove("jwk");
    row("no key", signer.sign(headless, &good));
    row("another kind", signer.sign(with(header(&signer), json!({ "typ": "JWT" })), &good));
    let private = with(signer.jwk(), json!({ "d": "AAAA" }));
    row("a private key", signer.sign(with(header(&signer), json!({ "jwk": private })), &good));
    row("another's key", signer.sign(header(&Signer::new("ES256")), &good));
    row("a secret", by_secret("HS512", header(&signer), &good, b"secret"));
    row("garbage", "a.b.c".to_owned());
    let token = but(json!({}));
    row("two in one", format!("{token}, {token}"));
    assert_eq!(sign_in(&world, "reader", Some(&token)).status, 200);
    row("the second time", token);
    table.done();
    // Two headers are as bad as none.
    let form = [("grant_type", "client_credentials")];
    let answer = world
        .post_token()
        .basic("robot", &secret("robot"))
        .form(&form)
        .header("dpop", &proof(&world, &signer))
        .header("dpop", &proof(&world, &signer))
        .send();
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_dpop_proof")));
}

/// RFC 9449 §7.1 at the UMA grant and the Protection API
#[test]
fn a_bound_token_opens_grant_and_protection_api_with_its_key_alone() {
    let (world, signer, thief) = (World::new(), Signer::new("ES256"), Signer::new("ES256"));
    let answer = sign_in(&world, "documents", Some(&proof(&world, &signer))).expect(200);
    let token = answer.member("access_token");
    let id = world.document("report");
    let shared = world.register(&world.pat(), &document("plan", "carol"));
    _ = world.share(&shared, "read", "alice");
    let with_token = |signer: &Signer, method: &str, url: &str, token: &str| {
        let claims = json!({ "jti": fresh(), "htm": method, "htu": url, "iat": now(), "ath": hash(token) });
        signer.sign(header(signer), &claims)
    };
    // The Protection API
    let url = world.url("authz/protection/resource_set");
    let list = |scheme: &str, proof: Option<&str>| {
        let request = world.request("GET", "authz/protection/resource_set?name=report");
        let request = request.header("authorization", &format!("{scheme} {token}"));
        match proof {
            Some(proof) => request.header("dpop", proof).send(),
            None => request.send(),
        }
    };
    let good = with_token(&signer, "GET", &url, &token);
    let answer = list("DPoP", Some(&good)).expect(200);
    assert_eq!(answer.json(), json!([id]));
    let text = "Could not obtain bearer access_token from request.";
    list("Bearer", None).refused(403, "invalid_bearer_token", text);
    list("Bearer", Some(&with_token(&signer, "GET", &url, &token))).refused(
        403,
        "invalid_bearer_token",
        text,
    );
    list("DPoP", Some(&with_token(&thief, "GET", &url, &token))).refused(403, "invalid_bearer_token", text);
    for (name, proof) in [
        ("none", None),
        ("the second time", Some(good)),
        ("of another method", Some(with_token(&signer, "POST", &url, &token))),
        (
            "of another path",
            Some(with_token(&signer, "GET", &world.url("authz/protection/permission"), &token)),
        ),
        ("of another token", Some(with_token(&signer, "GET", &url, "other"))),
    ] {
        let answer = list("DPoP", proof.as_deref());
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (401, &json!("invalid_dpop_proof")),
            "{name}: {answer}"
        );
        assert!(answer.header("www-authenticate").unwrap().starts_with("DPoP"), "{name}: {answer}");
    }
    // The grant: one proof for the request and the token
    let url = world.url("protocol/openid-connect/token");
    let grant = |scheme: &str, proof: Option<&str>| {
        let form = [
            ("grant_type", countersign_tests::world::UMA),
            ("audience", "documents"),
            ("permission", &*shared),
        ];
        let request = world.post_token().header("authorization", &format!("{scheme} {token}")).form(&form);
        match proof {
            Some(proof) => request.header("dpop", proof).send(),
            None => request.send(),
        }
    };
    let answer = grant("DPoP", Some(&with_token(&signer, "POST", &url, &token))).expect(200);
    assert_eq!(answer.json()["token_type"], "DPoP");
    assert_eq!(claims(&answer.member("access_token"))["cnf"]["jkt"], thumbprint(&signer));
    grant("Bearer", None).refused(400, "invalid_grant", "Invalid bearer token");
    grant("DPoP", Some(&with_token(&thief, "POST", &url, &token))).refused(
        400,
        "invalid_grant",
        "Invalid bearer token",
    );
    for proof in [None, Some(proof(&world, &signer)), Some(with_token(&signer, "POST", &url, "other"))] {
        let answer = grant("DPoP", proof.as_deref());
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_dpop_proof")), "{answer}");
    }
}
