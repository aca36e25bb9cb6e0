//! Realm files: merged, refused, left alone (wire §9).

use std::sync::Arc;

use countersign_tests::{
    folder::Folder,
    forge,
    realm::{Realm, password, secret, user},
    server::{Builder, End, Server},
    world::World,
};
use serde_json::{Value, json};

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// The realms that a database has, asked of a server that imports nothing
fn served(folder: &Arc<Folder>, realms: &[&str]) -> Vec<bool> {
    let server = Server::builder().within(folder).start();
    let there = |realm: &&str| {
        let answer = server.http.get(&format!("{}/realms/{realm}", server.base())).send();
        assert!([200, 404].contains(&answer.status), "{answer}");
        answer.status == 200
    };
    realms.iter().map(there).collect()
}

/// Starts with a good realm and a wrong file: neither is imported
fn refused(name: &str, text: &str) -> End {
    let builder = Server::builder().import(Realm::new("good").json()).import_text(name, text);
    let folder = builder.folder();
    let end = builder.refused();
    assert_eq!(served(&folder, &["good", "bad"]), [false, false], "something was imported\n{end}");
    end
}

#[test]
fn a_broken_file_is_named_with_line_and_member_and_changes_nothing() {
    let whole = pretty(Realm::new("bad").json());
    let half = &whole[..whole.len() / 2];
    let line = format!("line {}", half.lines().count());
    refused("half.json", half).says(&["half.json", &line, "incomplete"]);

    let text = "{\n  \"realm\": \"bad\",\n  \"clients\": [\n    { \"clientId\": 7 }\n  ]\n}";
    refused("kind.json", text).says(&["kind.json", "line 4", "clients[0].clientId"]);
    let text = "{\n  \"realm\": \"bad\",\n  \"users\": [{ \"username\": \"x\", \"credentials\": {} }]\n}";
    refused("list.json", text).says(&["list.json", "line 3", "users[0].credentials"]);
    let text = "{\n  \"realm\": \"bad\",,\n}";
    refused("comma.json", text).says(&["comma.json", "line 2"]);
    refused("more.json", "{\"realm\": \"bad\"}\n}").says(&["more.json", "line 2"]);
    refused("nameless.json", "{}").says(&["nameless.json", "realm"]);
    refused("empty.json", "").says(&["empty.json", "line 1"]);
    refused("number.json", "7").says(&["number.json"]);
    let secret = "{\n  \"realm\": \"bad\",\n  \"users\": [{ \"username\": \"x\", \"credentials\": [{ \"value\": 5, \
                  \"secretData\": \"hunter22hunter22\" }, \"hunter22hunter22\"] }]\n}";
    let end = refused("secret.json", secret);
    assert!(!end.log.contains("hunter22"), "{end}");
}

#[test]
fn a_file_that_is_not_there_or_no_text_is_named() {
    let builder = Server::builder();
    let missing = builder.folder().path().join("missing.json");
    builder.import_file(&missing).refused().says(&["missing.json"]);
    let builder = Server::builder();
    let path = builder.folder().write("bytes.json", b"{\"realm\":\"\xff\"}");
    builder.import_file(&path).refused().says(&["bytes.json"]);
    let builder = Server::builder();
    let folder = builder.folder().path().to_owned();
    builder.import_file(&folder).refused().says(&[folder.to_str().unwrap()]);
}

#[test]
fn two_files_that_define_the_clients_of_a_realm_are_refused_naming_both() {
    let realm = Realm::new("bad");
    let builder = Server::builder();
    let folder = builder.folder();
    let end = builder
        .import_text("first.json", &pretty(realm.json()))
        .import_text("second.json", &pretty(realm.json()))
        .refused();
    end.says(&["first.json", "second.json", "`bad`"]);
    assert_eq!(served(&folder, &["bad"]), [false]);
}

#[test]
fn references_to_what_is_not_there_are_refused_by_name() {
    let bad = |change: &dyn Fn(Realm) -> Realm| pretty(change(Realm::new("bad")).json());
    let cases = [
        (
            "group",
            bad(&|realm| realm.user("bob", json!({ "groups": ["/nowhere"] }))),
            vec!["bob", "/nowhere"],
        ),
        (
            "service account",
            bad(&|realm| realm.user("robot", json!({ "serviceAccountClientId": "nothing" }))),
            vec!["robot", "nothing"],
        ),
        (
            "policy",
            bad(&|realm| {
                let policy = json!({ "name": "p", "type": "resource",
                    "config": { "resources": "[]", "applyPolicies": "[\"nothing\"]" } });
                realm.settings(json!({ "policies": [policy] }))
            }),
            vec!["documents", "Policy with name [nothing] not defined."],
        ),
        (
            "resource",
            bad(&|realm| {
                let policy = json!({ "name": "p", "type": "resource",
                    "config": { "resources": "[\"nothing\"]" } });
                realm.settings(json!({ "policies": [policy] }))
            }),
            vec!["documents", "p", "nothing"],
        ),
        (
            "owner",
            bad(&|realm| {
                realm.settings(json!({ "resources": [{ "name": "r", "owner": { "name": "nobody" } }] }))
            }),
            vec!["documents", "r", "nobody"],
        ),
        (
            "role",
            bad(&|realm| {
                let roles = json!({ "realm": [{ "name": "both",
                    "composites": { "client": { "nothing": ["x"] } } }] });
                realm.set("roles", roles)
            }),
            vec!["role `x`", "client `nothing` does not exist"],
        ),
        (
            "setting",
            bad(&|realm| realm.attribute("countersign.ticket_lifspan", "1")),
            vec!["countersign.ticket_lifspan", "countersign.ticket_lifespan"],
        ),
        (
            "value",
            bad(&|realm| realm.attribute("countersign.dialect", "latin")),
            vec!["countersign.dialect", "keycloak"],
        ),
    ];
    for (name, text, words) in cases {
        let file = format!("{}.json", name.replace(' ', "-"));
        let end = refused(&file, &text);
        end.says(&words);
        end.says(&[&file, "`bad`"]);
    }
}

#[test]
fn files_of_users_add_to_a_realm_in_any_order() {
    let realm = Realm::new("test");
    let people = |names: &[&str]| {
        pretty(&json!({ "realm": "test", "users": names.iter().map(|name| user(name)).collect::<Vec<_>>() }))
    };
    let files = [
        ("realm.json", pretty(realm.json())),
        ("erin.json", people(&["erin"])),
        ("more.json", people(&["frank", "grace"])),
    ];
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0]] {
        let builder = order.iter().fold(Server::builder(), |builder: Builder, place| {
            builder.import_text(files[*place].0, &files[*place].1)
        });
        let world = World { server: builder.start(), realm: "test".to_owned() };
        for user in ["alice", "erin", "frank", "grace"] {
            let claims = forge::claims(&world.token_by("reader", user));
            assert_eq!(claims["preferred_username"], user);
            // Measured: without `realmRoles` not even the default role (wire §9.3).
            assert_eq!(claims.get("realm_access").is_some(), user == "alice", "{user}");
        }
    }
}

#[test]
fn a_realm_that_is_there_is_left_alone_with_one_line() {
    let mut world = World::new();
    let hers = world.document("hers");
    let other = Realm::new("test").client("documents", json!({ "secret": "another-secret" }));
    let path = world.server.folder().write("other.json", pretty(other.json()));
    let pat = world.pat();
    let builder = Server::builder()
        .within(&world.server.folder())
        .import_file(&path)
        .import(Realm::new("second").json());
    world.server.terminate();
    let port = world.server.address().port();
    drop(world);
    let server = builder.listen(&format!("127.0.0.1:{port}")).start();
    let world = World { server, realm: "test".to_owned() };
    let log = world.server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("left alone")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("test"), "{log}");
    // Everything is as it was, the old token too; the other realm came in.
    let read = world.protection("GET", &format!("resource_set/{hers}"), &pat).send().expect(200);
    assert_eq!(read.json()["name"], "hers");
    _ = world.pat();
    let form = [("grant_type", "client_credentials")];
    let second = format!("{}/realms/second/protocol/openid-connect/token", world.server.base());
    _ = world
        .server
        .http
        .post(&second)
        .basic("documents", &secret("documents"))
        .form(&form)
        .send()
        .expect(200);
    _ = world.post_token().basic("documents", "another-secret").form(&form).send().expect(401);
}

/// design §5: hashes of Keycloak's exports verify (wire §9.3)
#[test]
fn passwords_of_an_export_open_the_door() {
    // PBKDF2-HMAC-SHA256 of `bob-password`, 16 bytes of salt, one iteration is enough for a test.
    let mut output = [0; 64];
    let salt = [7; 16];
    let one = core::num::NonZeroU32::MIN;
    aws_lc_rs::pbkdf2::derive(
        aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA512,
        one,
        &salt,
        password("bob").as_bytes(),
        &mut output,
    );
    let base64 = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let credential = json!({
        "type": "password", "createdDate": 1,
        "secretData": json!({ "value": base64(&output), "salt": base64(&salt), "additionalParameters": {} }).to_string(),
        "credentialData": json!({ "hashIterations": 1, "algorithm": "pbkdf2-sha512", "additionalParameters": {} }).to_string(),
    });
    let world = World::of(&Realm::new("test").user("bob", json!({ "credentials": [credential] })));
    for _ in 0..2 {
        // The second time by the hash that replaced it.
        _ = world.token_by("reader", "bob");
    }
    let fields =
        [("grant_type", "password"), ("client_id", "reader"), ("username", "bob"), ("password", "x")];
    world.post_token().form(&fields).send().refused(401, "invalid_grant", "Invalid user credentials");
}

/// Nothing is dropped in silence
#[test]
fn members_that_mean_nothing_yet_are_warned_of_once() {
    let realm =
        Realm::new("test").set("browserFlow", json!("x")).set("smtpServer", json!({ "host": "mail" }));
    let overrides = json!({ "authenticationFlowBindingOverrides": { "browser": "x" } });
    let realm = realm.client("documents", overrides.clone()).client("reader", overrides);
    let world = World::of(&realm);
    let log = world.server.log();
    for member in ["browserFlow", "smtpServer", "authenticationFlowBindingOverrides"] {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(member)).collect();
        assert_eq!(lines.len(), 1, "{member}\n{log}");
        assert!(lines[0].contains("test"), "the realm is named: {}", lines[0]);
    }
}
