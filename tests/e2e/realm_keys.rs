//! Keys of a realm: rotated, shown without their private parts, taken over from an import.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use countersign_tests::{
    admin::{Admin, administered, usual},
    forge,
    realm::Realm,
    server::Server,
    world::World,
};
use serde_json::{Value, json};

fn header(token: &str) -> Value {
    let first = token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(first).unwrap()).unwrap()
}

fn published(world: &World) -> Vec<String> {
    let keys = world.request("GET", "protocol/openid-connect/certs").send().expect(200).json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_new_key_signs_and_the_old_one_is_published_for_what_it_has_signed() {
    let world = World { server: usual(), realm: "test".to_owned() };
    let root = Admin::root(&world.server, "test");
    let before = world.sign_in("documents", "alice");
    let old = before.member("access_token");
    let keys = root.read("keys");
    assert_eq!(keys["active"]["RS256"], header(&old)["kid"]);
    assert_eq!(keys["active"]["HS512"], header(&before.member("refresh_token"))["kid"]);
    let text = keys.to_string();
    assert!(!text.contains("private") && !text.contains("\"d\""), "{text}");
    let rsa = keys["keys"].as_array().unwrap().iter().find(|key| key["algorithm"] == "RS256").unwrap();
    assert_eq!((&rsa["status"], &rsa["type"], &rsa["use"]), (&json!("ACTIVE"), &json!("RSA"), &json!("SIG")));
    let info = world.request("GET", "").send().expect(200).json();
    assert_eq!(rsa["publicKey"], info["public_key"]);

    _ = root.post("keys/rotate", &json!({})).expect(204);
    let new = world.token("alice");
    assert_ne!(header(&new)["kid"], header(&old)["kid"]);
    let there = published(&world);
    assert_eq!(there.len(), 2, "{there:?}");
    for token in [&old, &new] {
        assert!(there.iter().any(|kid| header(token)["kid"] == **kid), "{there:?}");
        assert_eq!(world.introspect(token)["active"], true);
    }
    // What was signed before goes on: refresh tokens too.
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*before.member("refresh_token"))];
    let secret = countersign_tests::realm::secret("documents");
    let answer = world.post_token().basic("documents", &secret).form(&form).send().expect(200);
    assert_ne!(
        header(&answer.member("refresh_token"))["kid"],
        header(&before.member("refresh_token"))["kid"]
    );
    let keys = root.read("keys");
    let passive = keys["keys"].as_array().unwrap().iter().filter(|key| key["status"] == "PASSIVE").count();
    assert_eq!(passive, 2, "{keys}");
    // One algorithm alone, and none that there is not.
    _ = root.post("keys/rotate", &json!({ "algorithm": "ES256" })).expect(204);
    assert_eq!(header(&world.token("alice"))["kid"], header(&new)["kid"]);
    assert!(root.read("keys")["active"]["ES256"].is_string());
    root.post("keys/rotate", &json!({ "algorithm": "none" })).conflicts(400, "Invalid algorithm: none");
    let alice = Admin::by(&world.server, "test", "alice", "alice-password", "test");
    alice.get("keys").bare(403, "HTTP 403 Forbidden");
    alice.post("keys/rotate", &json!({})).bare(403, "HTTP 403 Forbidden");
}

#[test]
fn tools_read_keys_as_components() {
    let server = usual();
    let root = Admin::root(&server, "test");
    _ = root.read("keys");
    let of_keys = root.read("components?type=org.keycloak.keys.KeyProvider");
    let rsa = of_keys.as_array().unwrap().iter().find(|one| one["providerId"] == "rsa-generated").unwrap();
    assert_eq!(rsa["config"]["kid"][0], root.read("keys")["active"]["RS256"]);
    assert_eq!(rsa["config"]["priority"], json!(["100"]));
    assert!(rsa["config"].get("privateKey").is_none());
    assert_eq!(root.read(&format!("components/{}", rsa["id"].as_str().unwrap())), *rsa);
    assert_eq!(root.read("components?type=org.keycloak.storage.UserStorageProvider"), json!([]));
    root.get("components/nothing").bare(404, "Could not find component");
}

fn component(provider: &str, member: &str, pkcs8: &[u8]) -> Value {
    json!({
        "name": provider, "providerId": provider, "subComponents": {},
        "config": { member: [STANDARD.encode(pkcs8)], "priority": ["100"], "active": ["true"], "enabled": ["true"] },
    })
}

/// As Keycloak names a key: the SHA-256 of its public part
fn kid(der: &[u8]) -> String {
    use aws_lc_rs::digest;
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, der))
}

#[test]
fn keys_of_an_import_sign_on_under_the_names_that_they_have() {
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let ed = Ed25519KeyPair::generate().unwrap();
    let ec_public: PublicKeyX509Der<'_> = ec.public_key().as_der().unwrap();
    let okp_public: PublicKeyX509Der<'_> = ed.public_key().as_der().unwrap();
    let providers = json!([
        component("ecdsa-generated", "ecdsaPrivateKey", ec.to_pkcs8v1().unwrap().as_ref()),
        component("eddsa-generated", "eddsaPrivateKey", ed.to_pkcs8v1().unwrap().as_ref()),
    ]);
    let realm = Realm::new("test")
        .set("components", json!({ "org.keycloak.keys.KeyProvider": providers }))
        .client("backend", json!({ "attributes": { "access.token.signed.response.alg": "ES256" } }))
        .client("documents", json!({ "attributes": { "access.token.signed.response.alg": "EdDSA" } }));
    let world = World::administered(&realm);
    for (client, public) in [("backend", ec_public.as_ref()), ("documents", okp_public.as_ref())] {
        let token = world.token_by(client, "alice");
        assert_eq!(header(&token)["kid"], kid(public), "{client}");
        assert_eq!(forge::claims(&token)["azp"], client);
    }
    let root = Admin::root(&world.server, "test");
    let exported = root.read("components?type=org.keycloak.keys.KeyProvider").to_string();
    assert!(!exported.contains("PrivateKey"), "{exported}");
}

#[test]
fn a_key_that_is_none_is_refused_and_changes_nothing() {
    let server = administered(Server::builder());
    let root = Admin::root(&server, "test");
    let providers = json!([component("ecdsa-generated", "ecdsaPrivateKey", b"no key")]);
    let realm = Realm::new("test").set("components", json!({ "org.keycloak.keys.KeyProvider": providers }));
    let answer = root.post("/", realm.json());
    assert!(answer.status >= 400, "{answer}");
    _ = root.get("").expect(404);
}

#[test]
fn who_has_to_wait_is_seen_and_need_not_any_more() {
    let realm = Realm::new("test").set("bruteForceProtected", true.into()).set("failureFactor", 2.into());
    let world = World::administered(&realm);
    let root = Admin::root(&world.server, "test");
    let path = format!("attack-detection/brute-force/users/{}", root.user("alice"));
    let calm = root.read(&path);
    assert_eq!((&calm["numFailures"], &calm["disabled"]), (&json!(0), &json!(false)));
    let form =
        [("grant_type", "password"), ("client_id", "reader"), ("username", "alice"), ("password", "x")];
    for _ in 0..2 {
        _ = world.post_token().form(&form).send().expect(401);
    }
    let seen = root.read(&path);
    assert_eq!((&seen["numFailures"], &seen["disabled"]), (&json!(2), &json!(true)), "{seen}");
    let right = [
        ("grant_type", "password"),
        ("client_id", "reader"),
        ("username", "alice"),
        ("password", "alice-password"),
    ];
    _ = world.post_token().form(&right).send().expect(401);
    _ = root.delete(&path).expect(204);
    _ = world.post_token().form(&right).send().expect(200);
    assert_eq!(root.read(&path)["numFailures"], 0);
    _ = root.delete("attack-detection/brute-force/users").expect(204);
    root.get("attack-detection/brute-force/users/nobody").bare(404, "User not found");
}
