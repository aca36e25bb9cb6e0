//! How clients prove who they are (wire §6.2, RFC 6749 §2.3, RFC 7523; behaviours CRED).

use core::sync::atomic::{AtomicUsize, Ordering};
use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use countersign_tests::{
    forge::claims,
    http::Answer,
    realm::{Realm, secret, with},
    server::Server,
    signer::{ALGS, Signer, by_secret, fresh, now},
    table::Table,
    world::{UMA, World, document},
};
use serde_json::{Value, json};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const CREDENTIALS: &str = "Invalid client or Invalid client credentials";

/// Members of a client that signs by a key of this set
fn by_jwks(jwks: &Value, more: Value) -> Value {
    let attributes = json!({ "use.jwks.string": "true", "jwks.string": jwks.to_string() });
    json!({ "clientAuthenticatorType": "client-jwt", "attributes": with(attributes, more) })
}

/// What an assertion of `documents` says
fn assertion(world: &World) -> Value {
    json!({
        "iss": "documents", "sub": "documents", "aud": world.issuer(), "jti": fresh(), "iat": now(),
        "exp": now() + 60,
    })
}

/// A token request of `documents` with this assertion
fn with_assertion(world: &World, token: &str, fields: &[(&str, &str)]) -> Answer {
    let mut form = vec![("client_assertion_type", TYPE), ("client_assertion", token)];
    form.extend(fields);
    world.post_token().form(&form).send()
}

fn pat(world: &World, token: &str) -> Answer {
    with_assertion(world, token, &[("grant_type", "client_credentials")])
}

/// The protection API works with such a token
fn protects(world: &World, pat: &str) {
    let id = world.register(pat, &document(&fresh(), "alice"));
    _ = world.protection("GET", &format!("resource_set/{id}"), pat).send().expect(200);
}

#[test]
fn cred_1_a_client_signs_by_the_key_of_its_certificate() {
    let signer = Signer::new("RS256");
    let attributes = json!({ "jwt.credential.certificate": signer.certificate() });
    let members = json!({ "clientAuthenticatorType": "client-jwt", "attributes": attributes });
    let world = World::of(&Realm::new("test").client("documents", members));
    let token = signer.sign(json!({ "typ": "JWT", "kid": "whatever" }), &assertion(&world));
    protects(&world, &pat(&world, &token).expect(200).member("access_token"));
    // Its secret no longer opens anything.
    let form = [("grant_type", "client_credentials")];
    let answer = world.post_token().basic("documents", &secret("documents")).form(&form).send();
    answer.refused(401, "unauthorized_client", CREDENTIALS);
    let other = Signer::new("RS256").sign(json!({}), &assertion(&world));
    let text = "Client authentication with signed JWT failed: Signature on JWT token failed validation";
    pat(&world, &other).refused(400, "invalid_client", text);
}

#[test]
fn cred_2_to_6_a_client_signs_by_each_algorithm_and_redeems_a_ticket() {
    let resource =
        json!({ "name": "Default Resource", "uris": ["/*"], "type": "urn:documents:resources:default" });
    let policies = json!([
        { "name": "all", "type": "user", "config": { "users": "[\"alice\"]" } },
        { "name": "permission", "type": "resource",
          "config": { "resources": "[\"Default Resource\"]", "applyPolicies": "[\"all\"]" } },
    ]);
    let settings = json!({ "resources": [resource], "policies": policies });
    let algs: Vec<_> = ALGS.into_iter().chain(["Ed25519", "HS256", "HS384", "HS512"]).collect();
    let signers: Vec<_> = algs.iter().map(|alg| Signer::new(alg)).collect();
    let realm =
        algs.iter().zip(&signers).fold(Realm::new("test").settings(settings), |realm, (alg, signer)| {
            let own = json!({ "token.endpoint.auth.signing.alg": alg });
            let members = if alg.starts_with("HS") {
                json!({ "clientAuthenticatorType": "client-secret-jwt", "attributes": own })
            } else {
                by_jwks(&signer.jwks("k1"), own)
            };
            realm.client(&format!("by-{alg}"), with(members, json!({ "serviceAccountsEnabled": true })))
        });
    let world = World::of(&realm);
    let (pat_of_server, alice) = (world.pat(), world.token_by("reader", "alice"));
    let listed = world.protection("GET", "resource_set?name=Default%20Resource", &pat_of_server).send();
    let id = listed.expect(200).json()[0].as_str().unwrap().to_owned();
    for (alg, signer) in algs.into_iter().zip(&signers) {
        let client = format!("by-{alg}");
        let sign = || {
            let claims = with(assertion(&world), json!({ "iss": client, "sub": client }));
            let header = json!({ "typ": "JWT", "kid": "k1" });
            if alg.starts_with("HS") {
                by_secret(alg, header, &claims, secret(&client).as_bytes())
            } else {
                signer.sign(header, &claims)
            }
        };
        let own = pat(&world, &sign()).expect(200).member("access_token");
        assert_eq!(claims(&own)["azp"], client);
        let ticket = world.ticket(&pat_of_server, &id, &[]);
        let fields = [("grant_type", UMA), ("ticket", &*ticket), ("subject_token", &*alice)];
        let rpt = with_assertion(&world, &sign(), &fields).expect(200).member("access_token");
        assert_eq!(claims(&rpt)["authorization"]["permissions"][0]["rsid"], id, "{alg}");
    }
}

#[test]
fn cred_8_and_14_a_secret_opens_the_protection_api_and_finds_by_name() {
    let world = World::new();
    let pat = world.pat();
    protects(&world, &pat);
    for name in ["Resource", "Admin Resources"] {
        _ = world.register(&pat, &json!({ "name": name }));
    }
    let found =
        |query: &str| world.protection("GET", &format!("resource_set?{query}"), &pat).send().expect(200);
    assert_eq!(found("name=Resource&exactName=true&owner=documents").json().as_array().unwrap().len(), 1);
    assert_eq!(found("name=resource&owner=documents").json().as_array().unwrap().len(), 2);
}

#[test]
fn cred_9_tokens_of_a_service_account_make_no_session() {
    let world = World::of(&Realm::new("test").set("accessTokenLifespan", json!(1)));
    let count = || {
        let file = world.server.folder().path().join("test.db");
        let database = rusqlite::Connection::open(file).unwrap();
        database.query_row("SELECT count(*) FROM session", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(count(), 0);
    for _ in 0..3 {
        let form = [("grant_type", "client_credentials")];
        let answer =
            world.post_token().basic("documents", &secret("documents")).form(&form).send().expect(200);
        assert_eq!(answer.json()["expires_in"], 1);
        let token = answer.member("access_token");
        assert_eq!(claims(&token).get("sid"), None);
        assert_eq!(count(), 0);
    }
}

#[test]
fn cred_11_and_13_a_service_account_gets_what_is_its_own_again_and_again_without_refreshing() {
    let resource = json!({ "name": "Default Resource", "uris": ["/*"] });
    let policies = json!([
        { "name": "itself", "type": "client", "config": { "clients": "[\"documents\"]" } },
        { "name": "permission", "type": "resource",
          "config": { "resources": "[\"Default Resource\"]", "applyPolicies": "[\"itself\"]" } },
    ]);
    let settings = json!({ "resources": [resource], "policies": policies });
    let world = World::of(&Realm::new("test").settings(settings));
    for _ in 0..2 {
        let form = [("grant_type", UMA), ("audience", "documents")];
        let answer =
            world.post_token().basic("documents", &secret("documents")).form(&form).send().expect(200);
        assert_eq!(answer.json().get("refresh_token"), None);
        let permissions = claims(&answer.member("access_token"))["authorization"]["permissions"].clone();
        assert_eq!(permissions.as_array().unwrap().len(), 1);
        assert_eq!(permissions[0]["rsname"], "Default Resource");
        _ = world.protection("GET", "resource_set", &world.pat()).send().expect(200);
    }
}

/// RFC 7523 §3, TRAP-OAUTH-14
#[test]
fn an_assertion_is_for_this_realm_alone_short_and_good_for_one_time() {
    let signer = Signer::new("ES256");
    let world = World::of(&Realm::new("test").client("documents", by_jwks(&signer.jwks("k1"), json!({}))));
    let mut table = Table::new();
    let header = json!({ "kid": "k1" });
    let good = assertion(&world);
    let mut row = |name: &str, token: String, reason: &str| {
        let text = format!("Client authentication with signed JWT failed: {reason}");
        table.row(name, pat(&world, &token), 400, "invalid_client", &text);
    };
    let but = |changed: Value| signer.sign(header.clone(), &with(good.clone(), changed));
    let token_endpoint = world.url("protocol/openid-connect/token");
    let audience = "Invalid token audience";
    row("the token endpoint", but(json!({ "aud": token_endpoint })), audience);
    row("two audiences", but(json!({ "aud": [world.issuer(), "https://other.example"] })), audience);
    row("a slash more", but(json!({ "aud": format!("{}/", world.issuer()) })), audience);
    row("none", but(json!({ "aud": [] })), audience);
    row("expired", but(json!({ "exp": now() - 1 })), "Token is not active");
    row("from the future", but(json!({ "iat": now() + 600, "exp": now() + 700 })), "Token is not active");
    row("not yet", but(json!({ "nbf": now() + 600 })), "Token is not active");
    row("long", but(json!({ "exp": now() + 86_400 })), "Token expiration is too far in the future");
    let party = "Issuer mismatch. The issuer should match the subject";
    row("another subject", but(json!({ "sub": "archive" })), party);
    row("no id", but(json!({ "jti": null })), "Malformed token");
    let mut nameless = good.clone();
    nameless.as_object_mut().unwrap().remove("jti");
    row("no id at all", signer.sign(header.clone(), &nameless), "Missing ID on the token");
    row("crit", signer.sign(json!({ "kid": "k1", "crit": ["exp"] }), &good), "Malformed token");
    row("an access token", signer.sign(json!({ "kid": "k1", "typ": "at+jwt" }), &good), "Malformed token");
    row("none of the algorithms", unsigned_by("none", &good), "Invalid signature algorithm");
    let key = serde_json::to_vec(&signer.jwk()).unwrap();
    row(
        "its public key as a secret",
        by_secret("HS256", header.clone(), &good, &key),
        "Invalid signature algorithm",
    );
    row(
        "its secret",
        by_secret("HS512", header.clone(), &good, secret("documents").as_bytes()),
        "Invalid signature algorithm",
    );
    row("garbage", "a.b".to_owned(), "Malformed token");
    for (name, token) in [
        ("another key name", signer.sign(json!({ "kid": "k2" }), &good)),
        ("another kind of key", Signer::new("RS256").sign(header.clone(), &good)),
    ] {
        table.row(name, pat(&world, &token), 400, "invalid_client", "Unable to load public key");
    }
    let token = but(json!({}));
    table.status("the first time", pat(&world, &token), 200);
    let text = "Client authentication with signed JWT failed: Token reuse detected";
    table.row("the second", pat(&world, &token), 400, "invalid_client", text);
    // A signature that differs does not make it another one.
    let again = signer.sign(header.clone(), &good);
    table.row("signed again", pat(&world, &again), 400, "invalid_client", text);
    let fields = [("grant_type", "client_credentials"), ("client_assertion", &*token)];
    let text = "Client authentication with signed JWT failed: Parameter client_assertion_type is missing or has an \
                unexpected value";
    table.row("no type", world.post_token().form(&fields).send(), 400, "invalid_client", text);
    table.done();
}

fn unsigned_by(alg: &str, claims: &Value) -> String {
    format!("{}.AA", countersign_tests::forge::unsigned(&json!({ "alg": alg }), claims))
}

/// RFC 6749 §2.3, TRAP-OAUTH-13
#[test]
fn one_request_has_one_client_and_one_way() {
    let signer = Signer::new("EdDSA");
    let other = by_jwks(&signer.jwks("k1"), json!({ "token.endpoint.auth.signing.alg": "RS256" }));
    let world = World::of(&Realm::new("test").client("robot", other).client("bare", json!({ "secret": "" })));
    let mut table = Table::new();
    let two = "More than one way of client authentication is used";
    let grant = ("grant_type", "client_credentials");
    let key = secret("documents");
    let basic = |fields: &[(&str, &str)]| world.post_token().basic("documents", &key).form(fields).send();
    let both = basic(&[grant, ("client_id", "documents"), ("client_secret", &key)]);
    table.row("header and body", both, 400, "invalid_request", two);
    // Where `keycloak-connect` shows one secret twice, the same is one way. Anything else is two.
    let introspect = |header: &str, id: &str, body: &str| {
        let fields = [("token", "x"), ("client_id", id), ("client_secret", body)];
        world.post_introspect().basic("documents", header).form(&fields).send()
    };
    table.status("the same twice", introspect(&key, "documents", &key), 200);
    let answer = introspect(&key, "documents", "wrong");
    table.row("another secret in the form", answer, 400, "invalid_request", two);
    let answer = introspect("wrong", "documents", &key);
    table.row("another secret in the header", answer, 400, "invalid_request", two);
    let answer = introspect(&key, "archive", &key);
    table.row("another client in the form", answer, 400, "invalid_request", two);
    let answer = introspect("wrong", "documents", "wrong");
    table.row("wrong twice", answer, 401, "invalid_client", "Client authentication failed.");
    let answer = basic(&[grant, ("client_id", "archive")]);
    table.row("two clients", answer, 400, "invalid_request", two);
    table.status("the same client", basic(&[grant, ("client_id", "documents")]), 200);
    let answer = basic(&[grant, ("client_assertion_type", TYPE), ("client_assertion", "a.b.c")]);
    table.row("header and assertion", answer, 400, "invalid_request", two);
    let answer = world.post_token().basic("documents", "wrong").form(&[grant]).send();
    assert!(answer.header("www-authenticate").unwrap().starts_with("Basic "));
    table.row("wrong secret", answer, 401, "unauthorized_client", CREDENTIALS);
    let answer = world.post_token().form(&[grant, ("client_id", "documents")]).send();
    assert_eq!(answer.header("www-authenticate"), None);
    table.row("no secret", answer, 401, "unauthorized_client", CREDENTIALS);
    let answer = world.post_token().basic("bare", "").form(&[grant]).send();
    table.row("an empty secret", answer, 401, "unauthorized_client", CREDENTIALS);
    // The client's own algorithm, and no other.
    let claims =
        json!({ "iss": "robot", "sub": "robot", "aud": world.issuer(), "jti": fresh(), "exp": now() + 60 });
    let answer = pat(&world, &signer.sign(json!({ "kid": "k1" }), &claims));
    let text = "Client authentication with signed JWT failed: Invalid signature algorithm";
    table.row("another algorithm", answer, 400, "invalid_client", text);
    // A public client cannot sign, and nobody else can in its name.
    let claims = with(claims, json!({ "iss": "reader", "sub": "reader" }));
    let answer = pat(&world, &by_secret("HS256", json!({}), &claims, b""));
    table.row("a public client", answer, 400, "invalid_client", text);
    table.done();
}

/// A server that gives one document, and counts how often it is asked
struct Keys {
    address: String,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<String>>,
}

impl Keys {
    fn serve(document: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let keys = Self { address, asked: Arc::clone(&asked), answer: Arc::new(Mutex::new(ok(document))) };
        let answer = Arc::clone(&keys.answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut head = [0; 2048];
                _ = stream.read(&mut head);
                asked.fetch_add(1, Ordering::SeqCst);
                let text = answer.lock().unwrap().clone();
                _ = stream.write_all(text.as_bytes());
            }
        });
        keys
    }

    fn url(&self) -> String {
        format!("http://{}/jwks", self.address)
    }

    fn count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn ok(document: &Value) -> String {
    let body = document.to_string();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn by_url(url: &str) -> Value {
    json!({
        "clientAuthenticatorType": "client-jwt",
        "attributes": { "use.jwks.url": "true", "jwks.url": url },
    })
}

/// TRAP-OAUTH-22, TRAP-JWT-12
#[test]
fn keys_are_fetched_from_hosts_that_the_operator_allows_and_not_for_every_made_up_name() {
    let signer = Signer::new("ES512");
    let keys = Keys::serve(&signer.jwks("k1"));
    let realm = Realm::new("test").client("documents", by_url(&keys.url()));
    let world = World::on(Server::builder().env("COUNTERSIGN_PRIVATE_HOSTS", &keys.address), &realm);
    for _ in 0..2 {
        let token = signer.sign(json!({ "kid": "k1" }), &assertion(&world));
        _ = pat(&world, &token).expect(200);
    }
    assert_eq!(keys.count(), 1, "the set is kept");
    for kid in ["k2", "k3", "../../etc/passwd"] {
        let token = signer.sign(json!({ "kid": kid }), &assertion(&world));
        pat(&world, &token).refused(400, "invalid_client", "Unable to load public key");
    }
    assert_eq!(keys.count(), 1, "it cools down before it is fetched again");
    // Claims come before keys: nobody makes this server fetch with a token for somebody else.
    let foreign = with(assertion(&world), json!({ "aud": "https://other.example" }));
    assert_eq!(pat(&world, &signer.sign(json!({ "kid": "k9" }), &foreign)).status, 400);
    assert_eq!(keys.count(), 1);
}

/// TRAP-OAUTH-22
#[test]
fn a_private_address_is_not_called_and_a_redirect_not_followed() {
    let signer = Signer::new("ES256");
    let keys = Keys::serve(&signer.jwks("k1"));
    let redirect = Keys::serve(&json!({}));
    *redirect.answer.lock().unwrap() = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        keys.url()
    );
    let realm = Realm::new("test")
        .client("documents", by_url(&keys.url().replace("http:", "https:")))
        .client("archive", by_url(&redirect.url()))
        .client("robot", by_url("file:///etc/passwd"));
    let world = World::on(Server::builder().env("COUNTERSIGN_PRIVATE_HOSTS", &redirect.address), &realm);
    for client in ["documents", "archive", "robot"] {
        let claims = with(assertion(&world), json!({ "iss": client, "sub": client }));
        let answer = pat(&world, &signer.sign(json!({ "kid": "k1" }), &claims));
        answer.refused(400, "invalid_client", "Unable to load public key");
    }
    assert_eq!(keys.count(), 0);
    assert_eq!(redirect.count(), 1);
    assert!(world.server.log().contains("not public"));
}
