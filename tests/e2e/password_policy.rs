//! What a realm demands of new passwords (`passwordPolicy`).

use countersign_tests::{
    admin::{Admin, administered},
    browser::{Browser, realm},
    realm::{Realm, password},
    server::Server,
    world::World,
};
use serde_json::{Value, json};

const POLICY: &str =
    "length(8) and digits(1) and upperCase(1) and notUsername(undefined) and passwordHistory(3)";

/// A realm whose people came with passwords that nobody sees any more
fn served(policy: &str, users: &[(&str, Value)]) -> World {
    let realm = users.iter().fold(realm(), |realm, (name, members)| realm.user(name, members.clone()));
    let server = administered(Server::builder().import(realm.json()));
    let root = Admin::root(&server, "test");
    _ = root.put("", &json!({ "passwordPolicy": policy })).expect(204);
    assert_eq!(root.read("")["passwordPolicy"].as_str().unwrap_or_default(), policy);
    World { server, realm: "test".to_owned() }
}

fn value(text: &str) -> Value {
    json!({ "type": "password", "value": text, "temporary": false })
}

#[test]
fn an_administrator_sets_only_passwords_that_the_realm_takes() {
    let world = served(POLICY, &[]);
    let root = Admin::root(&world.server, "test");
    let path = format!("users/{}/reset-password", root.user("alice"));
    for (given, key, text) in [
        ("Short1", "invalidPasswordMinLengthMessage", "Invalid password: minimum length 8."),
        (
            "Without-digit",
            "invalidPasswordMinDigitsMessage",
            "Invalid password: must contain at least 1 numerical digits.",
        ),
        (
            "no-upper-1",
            "invalidPasswordMinUpperCaseCharsMessage",
            "Invalid password: must contain at least 1 upper case characters.",
        ),
    ] {
        root.put(&path, &value(given)).refused(400, key, text);
    }
    // The old password still works; then one after the other, none of the last three again.
    _ = world.token("alice");
    for given in ["Password-1", "Password-2", "Password-3"] {
        _ = root.put(&path, &value(given)).expect(204);
    }
    for given in ["Password-1", "Password-2", "Password-3"] {
        let text = "Invalid password: must not be equal to any of last 3 passwords.";
        root.put(&path, &value(given)).refused(400, "invalidPasswordHistoryMessage", text);
    }
    _ = root.put(&path, &value("Password-4")).expect(204);
    _ = root.put(&path, &value("Password-1")).expect(204);
    // Earlier ones are no credentials that anybody signs in with or sees.
    let shown = root.read(&format!("users/{}/credentials", root.user("alice")));
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    let users = json!({ "username": "erin", "enabled": true, "credentials": [value("short")] });
    let text = "Invalid password: minimum length 8.";
    root.post("users", &users).refused(400, "invalidPasswordMinLengthMessage", text);
    assert_eq!(root.read("users?username=erin&exact=true"), json!([]));
}

#[test]
fn somebody_who_has_to_choose_another_password_chooses_one_that_the_realm_takes() {
    let action = json!({ "requiredActions": ["UPDATE_PASSWORD"] });
    let world = served("length(5) and specialChars(1) and notEmail", &[("alice", action)]);
    let mut browser = Browser::new(&world);
    let page = world.sign_in_by(&mut browser, &world.authorize("app", &[]), "alice");
    let page = browser.get(&page.location()).expect(200);
    for (chosen, says) in [
        ("a!bc", "minimum length 5."),
        ("abcde", "must contain at least 1 special characters."),
        ("alice@test.example", "must not be equal to the email."),
        (&*password("alice"), "must not be the one that you had."),
    ] {
        let fields = [("password-new", chosen), ("password-confirm", chosen)];
        browser.submit(&page, &fields).expect(200).says(says);
    }
    let fields = [("password-new", "a!bcd"), ("password-confirm", "a!bcd")];
    _ = browser.submit(&page, &fields).parameter("code");
}

#[test]
fn plain_passwords_of_an_import_are_new_ones() {
    let server = administered(Server::builder());
    let root = Admin::root(&server, "test");
    let bad = Realm::new("test").set("passwordPolicy", json!("length(40)"));
    let answer = root.post("/", bad.json()).expect(400);
    let text = answer.json()["errorMessage"].as_str().unwrap().to_owned();
    assert!(text.contains("users[0].credentials[0].value`: Invalid password: minimum length 40."), "{text}");
    assert!(!text.contains(&password("alice")), "{text}");
    _ = root.get("").expect(404);
    let bad = Realm::new("test").set("passwordPolicy", json!("length(many)"));
    let text = root.post("/", bad.json()).expect(400).text();
    assert!(text.contains("passwordPolicy") && text.contains("`length`"), "{text}");

    // A file is refused with its place too, and names without effect are said once.
    let bad = Realm::new("test").set("passwordPolicy", json!("maxLength(3)"));
    Server::builder()
        .import(bad.json())
        .refused()
        .says(&["users[0].credentials[0].value", "maximum length 3"]);
    let policy = "length(3) and hashIterations(210000) and passwordBlacklist(list.txt)";
    let good = Realm::new("test").set("passwordPolicy", json!(policy));
    let server = Server::builder().import(good.json()).start();
    let log = server.log();
    for name in
        ["`hashIterations` in member `passwordPolicy`", "`passwordBlacklist` in member `passwordPolicy`"]
    {
        assert_eq!(log.matches(name).count(), 1, "{name}\n{log}");
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_not_stored() {
    let world = served("", &[]);
    let root = Admin::root(&world.server, "test");
    for wrong in ["length(x)", "regexPattern([)", "passwordHistory(1000)"] {
        let text = root.put("", &json!({ "passwordPolicy": wrong })).expect(400).text();
        assert!(text.contains("passwordPolicy"), "{text}");
    }
    assert!(root.read("").get("passwordPolicy").is_none());
    // Without one nothing is demanded of an administrator.
    _ = root.put(&format!("users/{}/reset-password", root.user("bob")), &value("x")).expect(204);
}
