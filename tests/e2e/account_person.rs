//! The account API: a person's profile, sign-ins, credentials, applications and groups (`keycloak-wire` §10).

use countersign_tests::{
    http::Answer,
    realm::{Realm, password},
    world::World,
};
use serde_json::{Value, json};

const ROLES: [&str; 2] = ["view-groups", "view-consent"];

/// Alice may see everything of herself, and has an attribute that she sees and one that she does not
fn realm() -> Realm {
    let rights = |view: &[&str], edit: &[&str]| json!({ "view": view, "edit": edit });
    let person = |name: &str| {
        let both = rights(&["admin", "user"], &["admin", "user"]);
        json!({ "name": name, "permissions": both, "required": { "roles": ["user"] },
                "validations": if name == "email" { json!({ "email": {} }) } else { json!({}) } })
    };
    let profile = json!({ "attributes": [
        person("username"), person("email"), person("firstName"), person("lastName"),
        { "name": "nickname", "displayName": "Nickname", "permissions": rights(&[], &["admin", "user"]),
          "validations": { "length": { "max": 5 } } },
        { "name": "badge", "permissions": rights(&["user"], &["admin"]) },
        { "name": "salary", "permissions": rights(&["admin"], &["admin"]) },
    ] });
    let alice = json!({
        "clientRoles": { "account": ROLES, "documents": ["uma_protection"] }, "groups": ["/staff/night"],
        "attributes": { "badge": ["42"], "salary": ["1"] },
    });
    Realm::new("test")
        .user("alice", alice)
        .set("supportedLocales", json!(["en", "de"]))
        .set("internationalizationEnabled", json!(true))
        .set(
            "components",
            json!({ "org.keycloak.userprofile.UserProfileProvider": [{
            "providerId": "declarative-user-profile",
            "config": { "kc.user.profile.config": [profile.to_string()] },
        }] }),
        )
}

fn get(world: &World, token: &str, path: &str) -> Answer {
    world.request("GET", &format!("account/v1{path}")).bearer(token).send()
}

fn change(world: &World, token: &str, body: &Value) -> Answer {
    world.request("POST", "account/v1/").bearer(token).json(body).send()
}

#[test]
fn a_person_sees_and_changes_her_profile() {
    let world = World::of(&realm());
    let alice = world.token("alice");
    let shown = get(&world, &alice, "").expect(200).json();
    let id = world.id_of("alice");
    for (member, want) in [
        ("id", json!(id)),
        ("username", json!("alice")),
        ("firstName", json!("alice")),
        ("lastName", json!("Test")),
        ("email", json!("alice@test.example")),
        ("emailVerified", json!(true)),
        ("attributes", json!({ "badge": ["42"] })),
    ] {
        assert_eq!(shown[member], want, "{member}");
    }
    let meta = shown["userProfileMetadata"]["attributes"].as_array().unwrap().clone();
    let of = |name: &str| meta.iter().find(|one| one["name"] == name);
    assert_eq!(of("username").unwrap()["readOnly"], true);
    assert_eq!(
        (of("email").unwrap()["readOnly"].clone(), of("email").unwrap()["required"].clone()),
        (json!(false), json!(true))
    );
    assert_eq!(of("nickname").unwrap()["displayName"], "Nickname");
    assert_eq!((of("badge").unwrap()["readOnly"].clone(), of("salary")), (json!(true), None));
    let brief = get(&world, &alice, "?userProfileMetadata=false").expect(200).json();
    assert_eq!(brief.get("userProfileMetadata"), None);
    // What was shown goes back with changes.
    let mut body = shown.clone();
    body["firstName"] = json!("Alicia");
    body["email"] = json!("Alicia@test.example");
    body["attributes"]["nickname"] = json!(["Ali"]);
    let answer = change(&world, &alice, &body).expect(204);
    assert_eq!(answer.text(), "");
    let after = get(&world, &alice, "").expect(200).json();
    assert_eq!((&after["firstName"], &after["lastName"]), (&json!("Alicia"), &json!("Test")));
    // Nobody has shown that the new address is hers.
    assert_eq!((&after["email"], &after["emailVerified"]), (&json!("alicia@test.example"), &json!(false)));
    assert_eq!(after["attributes"], json!({ "badge": ["42"], "nickname": ["Ali"] }));
}

#[test]
fn what_a_person_may_not_change_is_refused_by_name() {
    let world = World::of(&realm());
    let alice = world.token("alice");
    let before = get(&world, &alice, "").expect(200).json();
    let read_only = "error-user-attribute-read-only";
    for (body, field, message) in [
        (json!({ "username": "mallory" }), "username", read_only),
        (json!({ "attributes": { "badge": ["43"] } }), "badge", read_only),
        (json!({ "email": "nonsense" }), "email", "error-invalid-email"),
        (json!({ "email": "" }), "email", "error-user-attribute-required"),
        (json!({ "firstName": " " }), "firstName", "error-user-attribute-required"),
        (
            json!({ "attributes": { "nickname": ["too long"], "badge": ["42"] } }),
            "nickname",
            "error-invalid-length",
        ),
    ] {
        let answer = change(&world, &alice, &body).expect(400);
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["field"], &error["errorMessage"]), (&json!(field), &json!(message)), "{answer}");
    }
    let taken = change(&world, &alice, &json!({ "email": "bob@test.example" })).expect(409);
    assert_eq!(taken.json(), json!({ "errorMessage": "User exists with same email" }));
    let unknown = change(&world, &alice, &json!({ "enabled": false })).expect(400);
    assert!(unknown.member("error").contains("Unrecognized field \"enabled\""), "{unknown}");
    // What she does not see, she neither reads nor sets, and nobody tells her of it.
    _ = change(&world, &alice, &json!({ "attributes": { "badge": ["42"], "salary": ["9"], "x": ["y"] } }))
        .expect(204);
    assert_eq!(get(&world, &alice, "").expect(200).json(), before);
}

#[test]
fn a_person_sees_her_sign_ins_and_ends_them() {
    let world = World::of(&realm());
    let first = world.token("alice");
    let second = world.token_by("backend", "alice");
    let bob = world.token("bob");
    let list = get(&world, &first, "/sessions").expect(200).json();
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let this = list.iter().find(|one| one["current"] == true).unwrap();
    let other = list.iter().find(|one| one["current"] == false).unwrap();
    assert_eq!(this["clients"][0]["clientId"], "documents");
    assert_eq!(other["clients"][0]["clientId"], "backend");
    assert_eq!(this["ipAddress"], "127.0.0.1");
    let [started, expires] = ["started", "expires"].map(|member| this[member].as_u64().unwrap());
    assert!(started > 1_600_000_000 && expires > started && expires < 100_000_000_000, "{this}");
    // Nobody ends another's.
    let end = |token: &str, id: &Value| {
        let path = format!("account/v1/sessions/{}", id.as_str().unwrap());
        world.request("DELETE", &path).bearer(token).send().expect(204)
    };
    _ = end(&bob, &other["id"]);
    _ = get(&world, &second, "").expect(200);
    _ = end(&first, &other["id"]);
    _ = get(&world, &second, "").expect(401);
    // All but this one, and then this one too.
    let third = world.token("alice");
    _ = world.request("DELETE", "account/v1/sessions").bearer(&first).send().expect(204);
    _ = get(&world, &third, "").expect(401);
    _ = get(&world, &first, "").expect(200);
    _ = world.request("DELETE", "account/v1/sessions?current=true").bearer(&first).send().expect(204);
    _ = get(&world, &first, "").expect(401);
    _ = get(&world, &bob, "").expect(200);
}

#[test]
fn a_person_sees_which_credentials_she_has_and_none_of_their_secrets() {
    let world = World::of(&realm());
    let alice = world.token("alice");
    let answer = get(&world, &alice, "/credentials").expect(200);
    for secret in ["secretData", "salt", "hashIterations", &password("alice")] {
        assert!(!answer.text().contains(secret), "{secret}");
    }
    let kinds = answer.json();
    assert_eq!((&kinds[0]["type"], &kinds[1]["type"]), (&json!("password"), &json!("otp")));
    let own = kinds[0]["userCredentialMetadatas"].as_array().unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!(own[0]["credential"]["type"], "password");
    assert!(own[0]["credential"]["createdDate"].is_u64());
    assert_eq!(kinds[1]["userCredentialMetadatas"], json!([]));
    let only = get(&world, &alice, "/credentials?type=otp&user-credentials=false").expect(200).json();
    assert_eq!(only.as_array().unwrap().len(), 1);
    assert_eq!(only[0].get("userCredentialMetadatas"), None);
}

#[test]
fn a_person_sees_her_applications_and_takes_back_what_they_have() {
    let names = json!({ "name": "The Reader", "baseUrl": "https://app.example/" });
    let world = World::of(&realm().client("reader", names));
    let alice = world.token("alice");
    let reader = world.token_by("reader", "alice");
    let list = |query: &str| get(&world, &alice, &format!("/applications{query}")).expect(200).json();
    let ids = |list: Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| one["clientId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(list("")), ["documents", "reader"]);
    assert_eq!(ids(list("?name=the%20read")), ["reader"]);
    let shown = list("?name=reader")[0].clone();
    assert_eq!(
        (&shown["clientName"], &shown["effectiveUrl"], &shown["inUse"], &shown["offlineAccess"]),
        (&json!("The Reader"), &json!("https://app.example/"), &json!(true), &json!(false))
    );
    assert_eq!(shown.get("consent"), None);
    // She lets it have something, something else, and nothing.
    let path = "account/v1/applications/reader/consent";
    let consent = |method: &str, body: &Value| world.request(method, path).bearer(&alice).json(body).send();
    _ = world.request("GET", path).bearer(&alice).send().expect(204);
    assert_eq!(
        consent("POST", &json!({ "grantedScopes": [] })).expect(200).json()["grantedScopes"],
        json!([])
    );
    let unknown = consent("PUT", &json!({ "grantedScopes": [{ "id": "nope" }] })).expect(400);
    let text = "Scope id nope does not exist for client reader.";
    assert_eq!(unknown.json(), json!({ "errorMessage": text }));
    let after = world.request("GET", path).bearer(&alice).send().expect(200).json();
    assert_eq!(after["grantedScopes"], json!([]));
    assert!(after["createdDate"].as_u64().unwrap() > 1_600_000_000_000, "{after}");
    assert_eq!(list("?name=reader")[0]["consent"], after);
    // Its tokens go along.
    _ = get(&world, &reader, "").expect(200);
    _ = world.request("DELETE", path).bearer(&alice).send().expect(204);
    _ = get(&world, &reader, "").expect(401);
    _ = world.request("GET", path).bearer(&alice).send().expect(204);
    assert_eq!(ids(list("")), ["documents"]);
    let nothing = get(&world, &alice, "/applications/nothing/consent").expect(404);
    assert_eq!(nothing.json(), json!({ "errorMessage": "No client with clientId: nothing found." }));
}

#[test]
fn a_person_sees_her_groups_and_the_realms_languages() {
    let world = World::of(&realm());
    let alice = world.token("alice");
    let groups = get(&world, &alice, "/groups").expect(200).json();
    let [group] = &groups.as_array().unwrap()[..] else { panic!("{groups}") };
    assert_eq!((&group["name"], &group["path"]), (&json!("night"), &json!("/staff/night")));
    assert_eq!(group.get("attributes"), None);
    let whole = get(&world, &alice, "/groups?briefRepresentation=false").expect(200).json();
    assert_eq!(whole[0]["attributes"], json!({}));
    assert_eq!(get(&world, &alice, "/supportedLocales").expect(200).json(), json!(["en", "de"]));
}
