//! Realms between servers and files: import, export, partial import (wire §9).

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use countersign_tests::{
    admin::{Admin, administered, sign_in, usual},
    folder::{self, Folder},
    realm::{Realm, password, secret, user},
    server::{Server, program},
    world::World,
};
use serde_json::{Value, json};

/// Runs the program in a folder
fn run(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUNTERSIGN_")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

#[track_caller]
fn works(folder: &Folder, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[track_caller]
fn fails(folder: &Folder, arguments: &[&str], words: &[&str]) {
    let output = run(folder, arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

pub(crate) fn exported(folder: &Folder, database: &str, realm: &str) -> Value {
    let text = works(folder, &["export", realm, "--database", database]);
    serde_json::from_str(&text).unwrap()
}

/// The same without what each server makes for itself, lists in a fixed order
fn normal(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let own = ["containerId"];
            let members = members.iter().filter(|(name, _)| !own.contains(&name.as_str()));
            Value::Object(members.map(|(name, value)| (name.clone(), normal(value))).collect())
        }
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(normal).collect();
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        // Old files write truth values as texts.
        Value::String(text) if text == "true" || text == "false" => Value::Bool(text == "true"),
        Value::String(text) => {
            // Lists inside texts of policies have no order either.
            match serde_json::from_str::<Value>(text) {
                Ok(list @ Value::Array(_)) => normal(&list),
                _ => value.clone(),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Where the second lacks something that the first says, by path
fn lacking(path: &str, first: &Value, second: &Value, out: &mut Vec<String>) {
    match (first, second) {
        (Value::Object(one), Value::Object(other)) => {
            for (name, value) in one {
                let path = format!("{path}.{name}");
                match other.get(name) {
                    Some(there) => lacking(&path, value, there, out),
                    None if is_nothing(value) => {}
                    None => out.push(format!("{path} is gone: {value}")),
                }
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            let key = |value: &Value| {
                ["clientId", "username", "name", "id"].iter().find_map(|name| value.get(name).cloned())
            };
            for value in one {
                let same = match key(value) {
                    Some(known) => other.iter().find(|there| key(there) == Some(known.clone())),
                    None => other.iter().find(|there| *there == value),
                };
                match same {
                    Some(there) => {
                        lacking(&format!("{path}[{}]", key(value).unwrap_or_default()), value, there, out);
                    }
                    None => out.push(format!("{path} has no {value}")),
                }
            }
        }
        // What is not there says nothing.
        (Value::Null, _) => {}
        (one, other) if one == other => {}
        (one, other) => out.push(format!("{path}: {one} became {other}")),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(_) | Value::Number(_) | Value::Bool(true) => false,
    }
}

/// Members that come back in another form, each with its reason
fn forgiving(realm: &mut Value) {
    let text_is_gone = |value: &mut Value, names: &[&str]| {
        if let Some(members) = value.as_object_mut() {
            for name in names {
                members.remove(*name);
            }
        }
    };
    // Old forms of what stands elsewhere now.
    text_is_gone(realm, &["defaultRoles", "publicKey"]);
    let empty = Vec::new();
    let ids: Vec<(String, String)> = realm["clients"]
        .as_array()
        .unwrap_or(&empty)
        .iter()
        .flat_map(|client| {
            let settings = &client["authorizationSettings"];
            let named = |list: &Value, id: &str| {
                let entries = list.as_array().cloned().unwrap_or_default().into_iter();
                let pairs = entries
                    .filter_map(|one| Some((one[id].as_str()?.to_owned(), one["name"].as_str()?.to_owned())));
                pairs.collect::<Vec<_>>()
            };
            let mut pairs = named(&settings["resources"], "_id");
            pairs.extend(named(&settings["scopes"], "id"));
            pairs
        })
        .collect();
    let users: Vec<(String, String)> = realm["users"]
        .as_array()
        .unwrap_or(&empty)
        .iter()
        .filter_map(|user| Some((user["id"].as_str()?.to_owned(), user["username"].as_str()?.to_owned())))
        .collect();
    for role in realm["roles"]["realm"].as_array_mut().into_iter().flatten() {
        text_is_gone(role, &["scopeParamRequired"]);
    }
    for user in realm["users"].as_array_mut().into_iter().flatten() {
        // Plain passwords come back as hashes.
        text_is_gone(user, &["credentials"]);
        if let Some(attributes) = user["attributes"].as_object_mut() {
            for value in attributes.values_mut().filter(|value| value.is_string()) {
                *value = json!([value.take()]);
            }
        }
    }
    for client in realm["clients"].as_array_mut().into_iter().flatten() {
        text_is_gone(client, &["defaultRoles"]);
        let Some(settings) = client.get_mut("authorizationSettings") else { continue };
        for resource in settings["resources"].as_array_mut().into_iter().flatten() {
            // An export names by name (wire §9.5); `uri` is the old form of `uris`.
            text_is_gone(resource, &["_id", "uri"]);
        }
        for list in ["scopes", "policies"] {
            for one in settings[list].as_array_mut().into_iter().flatten() {
                text_is_gone(one, &["id"]);
                if let Some(config) = one["config"].as_object_mut() {
                    // `default` is ignored (wire §9.5); scripts have their code elsewhere.
                    config.remove("default");
                    for value in config.values_mut() {
                        let Some(text) = value.as_str() else { continue };
                        let mut text = text.to_owned();
                        for (id, name) in ids.iter().chain(&users) {
                            text = text.replace(id, name);
                        }
                        *value = text.into();
                    }
                }
            }
        }
    }
}

/// One realm of several files of a fixture
fn merged(files: &[&str]) -> Option<Value> {
    let Some(folder) = folder::fixtures() else {
        println!("not here: ../shared/fixtures");
        return None;
    };
    let mut realm = json!({});
    for file in files {
        let text = fs::read_to_string(folder.join("realms").join(file)).unwrap();
        let Value::Object(members) = serde_json::from_str(&text).unwrap() else { panic!("{file}") };
        realm.as_object_mut().unwrap().extend(members);
    }
    Some(realm)
}

#[test]
fn what_others_wrote_comes_back_and_goes_in_again() {
    for files in [
        &["dotnet-uma-realm.json", "dotnet-uma-users.json"][..],
        &["photoz-realm.json"],
        &["servlet-authz-realm.json"],
        &["spring-authz-realm.json"],
    ] {
        let Some(mut original) = merged(files) else { return };
        let folder = Folder::new();
        let name = original["realm"].as_str().unwrap().to_owned();
        folder.write("original.json", original.to_string());
        let said = works(&folder, &["check-import", "original.json"]);
        assert!(said.contains(&format!("realm `{name}` can be imported")), "{said}");
        works(&folder, &["import", "original.json", "--database", "sqlite:first.db"]);
        let first = exported(&folder, "sqlite:first.db", &name);
        forgiving(&mut original);
        let mut out = Vec::new();
        lacking("", &normal(&original), &normal(&first), &mut out);
        assert!(out.is_empty(), "{files:?}:\n{}", out.join("\n"));

        folder.write("first.json", first.to_string());
        works(&folder, &["import", "first.json", "--database", "sqlite:second.db"]);
        let second = exported(&folder, "sqlite:second.db", &name);
        let mut out = Vec::new();
        lacking("", &normal(&first), &normal(&second), &mut out);
        lacking("", &normal(&second), &normal(&first), &mut out);
        assert!(out.is_empty(), "{files:?} again:\n{}", out.join("\n"));
    }
}

#[test]
fn an_export_is_a_realm_that_works_elsewhere() {
    let world =
        World::of(&Realm::new("test").set("rememberMe", json!(true)).set("browserFlow", json!("mine")));
    let (alice, kid) = (world.token("alice"), world.id_of("alice"));
    let folder = world.server.folder();
    for (users, count) in [("same", 8), ("skip", 4)] {
        let text = works(&folder, &["export", "test", "--database", "sqlite:test.db", "--users", users]);
        let realm: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(realm["users"].as_array().unwrap().len(), count, "{users}");
        assert_eq!((&realm["rememberMe"], &realm["browserFlow"]), (&json!(true), &json!("mine")));
        assert!(!text.contains("PRIVATE") && !text.contains("privateKey"), "keys leave only when asked for");
    }
    fails(&folder, &["export", "test", "--database", "sqlite:test.db", "--users", "separate"], &["--output"]);
    fails(&folder, &["export", "nothing", "--database", "sqlite:test.db"], &["there is no realm `nothing`"]);
    let arguments = ["export", "test", "--database", "sqlite:test.db", "--users", "separate", "--secrets"];
    works(&folder, &[&arguments[..], &["--output", "out.json"]].concat());
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("out.json"), mode("out-users.json")), (0o600, 0o600));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let (realm, people) = (read("out.json"), read("out-users.json"));
    assert!(realm.contains(&secret("documents")) && !people.contains(&password("alice")));

    // Elsewhere people sign in, and the resource server works; so do tokens that the first server signed.
    let port = world.server.address().port();
    drop(world);
    let builder = Server::builder().import_text("users.json", &people).import_text("realm.json", &realm);
    let other =
        World { server: builder.listen(&format!("127.0.0.1:{port}")).start(), realm: "test".to_owned() };
    assert_eq!(other.id_of("alice"), kid);
    _ = other.pat();
    let keys = |token: &str| {
        let head = token.split('.').next().unwrap();
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, head).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["kid"].clone()
    };
    assert_eq!(keys(&alice), keys(&other.token("alice")));
}

#[test]
fn a_check_says_what_an_import_would_and_changes_nothing() {
    let folder = Folder::new();
    folder.write("good.json", Realm::new("good").set("loginTheme", json!("x")).json().to_string());
    let said = works(&folder, &["check-import", "good.json"]);
    assert!(
        said.contains("member `loginTheme` is kept, but has no effect yet: in Keycloak it chose"),
        "{said}"
    );
    assert!(said.contains("realm `good` can be imported"), "{said}");
    assert!(!said.contains("requiredActions"), "{said}");
    // Who cannot sign in because of what he would have to do first: alice's address is verified.
    let listed =
        json!(["VERIFY_EMAIL", "webauthn-register", "TERMS_AND_CONDITIONS", "of-old", "UPDATE_PASSWORD"]);
    let kept_out = Realm::new("out")
        .user("alice", json!({ "requiredActions": listed }))
        .user("bob", json!({ "requiredActions": listed, "emailVerified": false }));
    folder.write("out.json", kept_out.json().to_string());
    let said = works(&folder, &["check-import", "out.json"]);
    for (alias, count) in [("VERIFY_EMAIL", 1), ("webauthn-register", 2)] {
        let line =
            format!("`{alias}` in members `users[].requiredActions` ({count} times) cannot be carried out");
        assert!(said.contains(&line), "{said}");
    }
    assert_eq!(said.matches("requiredActions").count(), 2, "{said}");
    let bad = Realm::new("bad").user("bob", json!({ "groups": ["/nowhere"] }));
    folder.write("bad.json", bad.json().to_string());
    fails(
        &folder,
        &["check-import", "good.json", "bad.json"],
        &["nothing would be imported", "bob", "/nowhere"],
    );
    assert!(!Path::new(&folder.path().join("countersign.db")).exists());
    fails(&folder, &["import", "good.json", "bad.json"], &["nothing was imported", "/nowhere"]);
    works(&folder, &["import", "good.json"]);
    let said = works(&folder, &["import", "good.json"]);
    assert!(said.contains("left alone"), "{said}");
}

#[test]
fn a_partial_import_adds_skips_overwrites_or_fails() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let people = |policy: &str| {
        json!({
            "ifResourceExists": policy,
            "users": [user("alice"), user("erin")],
            "roles": { "realm": [{ "name": "fresh" }], "client": { "documents": [{ "name": "reader" }] } },
            "groups": [{ "name": "guests", "subGroups": [{ "name": "late" }] }],
            "clients": [{ "clientId": "shop", "secret": "shop-secret" }],
        })
    };
    root.post("partialImport", &people("FAIL"))
        .conflicts(409, "User 'alice' already exists. See ifResourceExists.");
    assert_eq!(root.read("users?username=erin"), json!([]), "nothing is left of it");
    let alice = root.user("alice");
    let done = root.post("partialImport", &people("SKIP")).expect(200).json();
    assert_eq!((&done["added"], &done["skipped"], &done["overwritten"]), (&json!(5), &json!(1), &json!(0)));
    assert_eq!(root.user("alice"), alice);
    _ = root.read("group-by-path/guests/late");
    _ = sign_in(&server, "test", "erin", &password("erin")).expect(200);
    let done = root.post("partialImport", &people("OVERWRITE")).expect(200).json();
    assert_eq!((&done["added"], &done["overwritten"]), (&json!(0), &json!(6)));
    assert_ne!(root.user("alice"), alice);
    let kinds: Vec<_> =
        done["results"].as_array().unwrap().iter().map(|one| one["resourceType"].clone()).collect();
    for kind in ["USER", "GROUP", "CLIENT", "REALM_ROLE", "CLIENT_ROLE"] {
        assert!(kinds.contains(&json!(kind)), "{done}");
    }
    let part = root.request("POST", "partial-export?exportClients=true&exportGroupsAndRoles=true").send();
    let part = part.expect(200).json();
    assert!(part["clients"].as_array().unwrap().iter().any(|one| one["clientId"] == "shop"));
    assert!(!part.to_string().contains("shop-secret"));
}

#[test]
fn small_realms_come_and_go_while_others_work() {
    let server = administered(Server::builder());
    let root = Admin::root(&server, "master");
    for round in 0..20 {
        let name = format!("r{round}");
        _ = root.post("/", Realm::new(&name).json()).expect(201);
        _ = root.at(&name).delete("").expect(204);
    }
    let names: Vec<_> = root.read("/").as_array().unwrap().iter().map(|one| one["realm"].clone()).collect();
    assert_eq!(names, ["master"]);
    let clients = root.read("clients");
    assert!(!clients.to_string().contains("r1-realm"), "{clients}");
}

/// 100 MB of users, written without ever having them in memory
fn huge(path: &std::path::Path) {
    use std::io::Write as _;
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    file.write_all(b"{\"realm\":\"huge\",\"clients\":[],\"users\":[").unwrap();
    let user = format!("{{\"username\":\"u\",\"attributes\":{{\"x\":[\"{}\"]}}}},", "x".repeat(1_000));
    for _ in 0..100_000_000 / user.len() {
        file.write_all(user.as_bytes()).unwrap();
    }
    file.write_all(b"{\"username\":\"last\"}]}").unwrap();
    file.flush().unwrap();
}

#[test]
fn a_realm_file_of_100_megabytes_is_refused_before_memory_is_spent_on_it() {
    let folder = Folder::new();
    huge(&folder.path().join("huge.json"));
    for arguments in [&["check-import", "huge.json"][..], &["import", "huge.json"]] {
        fails(&folder, arguments, &["huge.json: larger than 67108864 bytes"]);
    }
    // With room for less than the file the answer is the same: it was not read.
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "ulimit -v 100000 && exec \"$0\" check-import huge.json",
        program().to_str().unwrap(),
    ]);
    let output = command.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("larger than 67108864 bytes"), "{text}");
}
