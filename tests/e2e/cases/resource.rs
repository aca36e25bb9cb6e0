//! RES-1 to RES-6: resources are registered, changed and deleted.

use countersign_tests::authz::{Authz, names};
use serde_json::{Value, json};

/// A resource server and its PAT
struct Desk {
    authz: Authz,
    pat: String,
}

impl Desk {
    fn new() -> Self {
        let authz = Authz::of_cases();
        let pat = authz.world.pat();
        Self { authz, pat }
    }

    fn read(&self, id: &str) -> Value {
        let path = format!("resource_set/{id}");
        self.authz.world.protection("GET", &path, &self.pat).send().expect(200).json()
    }

    fn put(&self, id: &str, body: &Value) {
        let path = format!("resource_set/{id}");
        _ = self.authz.world.protection("PUT", &path, &self.pat).json(body).send().expect(204);
    }
}

fn test_resource() -> Value {
    json!({
        "name": "Test Resource", "uris": ["/test/*"], "type": "test-resource", "icon_uri": "icon-test-resource",
        "attributes": { "a": ["a1", "a2", "a3"], "b": ["b1"] },
    })
}

fn has(resource: &Value, want: &Value) {
    for (name, value) in want.as_object().unwrap() {
        assert_eq!(resource[name], *value, "{name}");
    }
}

#[test]
fn res_1_a_resource_comes_back_as_it_was_registered() {
    let desk = Desk::new();
    let mut body = test_resource();
    let id = desk.authz.world.register(&desk.pat, &body);
    has(&desk.read(&id), &body);
    // One URI alone, and values that are equal, stay what they are.
    let one = body.as_object_mut().unwrap();
    one.remove("uris");
    one.insert("name".to_owned(), "Other".into());
    one.insert("uri".to_owned(), "/other/*".into());
    one.insert("attributes".to_owned(), json!({ "a": ["a1", "a1"], "b": "b1" }));
    let id = desk.authz.world.register(&desk.pat, &body);
    has(&desk.read(&id), &json!({ "uris": ["/other/*"], "attributes": { "a": ["a1", "a1"], "b": ["b1"] } }));
}

#[test]
fn res_2_one_owner_has_one_resource_of_a_name() {
    let desk = Desk::new();
    let world = &desk.authz.world;
    let mut body = test_resource();
    _ = world.register(&desk.pat, &body);
    let again = world.protection("POST", "resource_set", &desk.pat).json(&body).send();
    again.refused(409, "invalid_request", "Resource with name [Test Resource] already exists.");
    body["name"] = json!("Another Resource");
    _ = world.register(&desk.pat, &body);
}

#[test]
fn res_3_two_owners_may_use_one_name() {
    let desk = Desk::new();
    let world = &desk.authz.world;
    let [martas, kolos] = ["marta", "kolo"].map(|owner| world.managed("Resource A", owner, &[]));
    assert_ne!(martas, kolos);
    assert_eq!(names(&desk.authz.get("resource?name=Resource%20A")).len(), 2);
    for (owner, id) in [("marta", &martas), ("kolo", &kolos)] {
        let found = desk.authz.get(&format!("resource?name=Resource%20A&owner={owner}"));
        assert_eq!((found.as_array().unwrap().len(), &found[0]["_id"]), (1, &json!(id)), "{owner}");
    }
}

#[test]
fn res_4_a_change_replaces_exactly_what_it_says() {
    let desk = Desk::new();
    let id = desk.authz.world.register(&desk.pat, &test_resource());
    let body = json!({
        "name": "Test Resource", "uris": ["/changed/*"], "type": "changed", "icon_uri": "changed-icon",
        "attributes": { "a": ["a2"], "c": ["c1", "c2"] },
    });
    desk.put(&id, &body);
    has(&desk.read(&id), &body);
    // Attributes that are absent stay, other members are cleared.
    desk.put(&id, &json!({ "name": "Test Resource" }));
    let left = desk.read(&id);
    has(&left, &json!({ "uris": [], "attributes": { "a": ["a2"], "c": ["c1", "c2"] } }));
    assert_eq!((left.get("type"), left.get("icon_uri")), (None, None));
}

#[test]
fn res_5_a_resource_that_is_deleted_is_gone() {
    let desk = Desk::new();
    let world = &desk.authz.world;
    let id = world.register(&desk.pat, &test_resource());
    let path = format!("resource_set/{id}");
    _ = world.protection("DELETE", &path, &desk.pat).send().expect(204);
    desk.authz.request("GET", &format!("resource/{id}")).send().bare(404, "HTTP 404 Not Found");
    world.protection("GET", &path, &desk.pat).send().bare(404, "HTTP 404 Not Found");
}

#[test]
fn res_6_scopes_come_and_go() {
    let desk = Desk::new();
    let id = desk.authz.world.register(&desk.pat, &test_resource());
    for scopes in [vec!["Scope A", "Scope B", "Scope C"], vec!["Scope A", "Scope C"], vec![]] {
        let mut body = test_resource();
        body["resource_scopes"] = scopes.iter().map(|name| json!({ "name": name })).collect();
        desk.put(&id, &body);
        assert_eq!(names(&desk.read(&id)["resource_scopes"]), scopes);
    }
}
