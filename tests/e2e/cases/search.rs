//! RES-7 to RES-12: resources are found.

use countersign_tests::{authz::Authz, http::escape, table::Table};
use serde_json::{Value, json};

/// Resources of the server itself
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

    fn find(&self, query: &str) -> Vec<Value> {
        let path = format!("resource_set?{query}");
        let answer = self.authz.world.protection("GET", &path, &self.pat).send().expect(200);
        let Value::Array(list) = answer.json() else { panic!("{answer}") };
        list
    }

    fn at(&self, uri: &str) -> Vec<Value> {
        let found = self.find(&format!("uri={}&matchingUri=true&deep=true&max=-1", escape(uri)));
        found.iter().map(|one| one["uris"][0].clone()).collect()
    }

    fn register(&self, name: &str, uris: &[&str]) -> String {
        self.authz.world.register(&self.pat, &json!({ "name": name, "uris": uris }))
    }
}

#[test]
fn res_7_the_pattern_that_fits_best_is_found() {
    let desk = Desk::new();
    let sub = "/resources/{pattern}/sub-resources/{pattern}/*";
    for (number, uri) in [
        "/*",
        "/resources/*",
        "/resources-a/*",
        "/resources-b/{pattern}",
        "/resources-c/{pattern}/*",
        "/resources/{pattern}/{pattern}/*",
        sub,
        sub,
        "/rest/{version}/loader/loadTwo",
        "/rest/{version}/loader/load",
        "/rest/{version}/carts/{cartId}/cartactions/{actionId}",
        "/rest/v1/carts/{cartId}/cartactions/123",
    ]
    .iter()
    .enumerate()
    {
        _ = desk.register(&format!("Resource {number}"), &[uri]);
    }
    let dummy = "/dummy/605dc7ff310256017a2ec84f";
    _ = desk.register("Dummy", &[dummy, &format!("{dummy}/*")]);
    // What a user owns takes no part in patterns.
    let hers = json!({ "name": "Hers", "owner": "marta", "uris": ["/resources-b/{all}/more"] });
    _ = desk.authz.world.register(&desk.pat, &hers);
    for (uri, want) in [
        ("/test", "/*"),
        ("/resources-a/test", "/resources-a/*"),
        ("/resources", "/resources/*"),
        ("/resources/", "/resources/*"),
        ("/resources-b/a", "/resources-b/{pattern}"),
        ("/resources-c/a/b", "/resources-c/{pattern}/*"),
        ("/resources/a/b/c", "/resources/{pattern}/{pattern}/*"),
        ("/resources/a/sub-resources/c/d", sub),
        ("/rest/v1/loader/load", "/rest/{version}/loader/load"),
        ("/rest/v2/carts/123/cartactions/123", "/rest/{version}/carts/{cartId}/cartactions/{actionId}"),
        ("/rest/v1/carts/123/cartactions/123", "/rest/v1/carts/{cartId}/cartactions/123"),
        ("/resources-b/x/more", "/*"),
    ] {
        assert_eq!(desk.at(uri), [want], "{uri}");
    }
    for uri in [dummy.to_owned(), format!("{dummy}/more")] {
        let found = desk.find(&format!("uri={uri}&matchingUri=true&deep=true"));
        assert_eq!((found.len(), &found[0]["name"]), (1, &json!("Dummy")), "{uri}");
    }
}

#[test]
fn res_8_a_resource_is_found_by_the_uris_that_it_has_now() {
    let desk = Desk::new();
    let id = desk.register("Resource", &["/api/v1/*"]);
    assert_eq!(desk.at("/api/v1/servers"), ["/api/v1/*"]);
    let body = json!({ "name": "Resource", "uris": ["/api/v2/*"] });
    let path = format!("resource_set/{id}");
    _ = desk.authz.world.protection("PUT", &path, &desk.pat).json(&body).send().expect(204);
    assert_eq!(desk.at("/api/v1/servers"), Vec::<Value>::new());
    for uri in ["/api/v2/servers", "/api/v2"] {
        assert_eq!(desk.at(uri), ["/api/v2/*"], "{uri}");
    }
}

#[test]
fn res_10_names_are_exact_or_parts() {
    let desk = Desk::new();
    for name in ["Admin Resources", "Resource"] {
        _ = desk.register(name, &[]);
    }
    let names = |query: &str| {
        let found = desk.find(&format!("{query}&deep=true"));
        found.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("name=Resource&exactName=true&owner=documents"), ["Resource"]);
    assert_eq!(names("name=resource"), ["Admin Resources", "Resource"]);
    assert_eq!(names("name=min%20res"), ["Admin Resources"]);
}

/// What python-keycloak expects
#[test]
fn res_11_lists_and_refusals_are_those_that_clients_know() {
    let desk = Desk::new();
    let world = &desk.authz.world;
    _ = desk.register("mytest", &["/mytest"]);
    let kolo = world.token("kolo");
    assert_eq!(desk.find("").len(), 1);
    for query in ["first=1", "max=0", "scope=x", "owner=x", "type=x", "uri=x", "name=x", "_id=x-1"] {
        assert_eq!(desk.find(query), Vec::<Value>::new(), "{query}");
    }
    let mut table = Table::new();
    let again = world.protection("POST", "resource_set", &desk.pat).json(&json!({ "name": "mytest" })).send();
    let text = "Resource with name [mytest] already exists.";
    table.row("twice", again, 409, "invalid_request", text);
    let id = desk.find("")[0].as_str().unwrap().to_owned();
    let body = json!({ "name": "mytest", "unknown": 1 });
    let put = world.protection("PUT", &format!("resource_set/{id}"), &desk.pat).json(&body).send();
    table.holds("an unknown member", put, "Unrecognized field", |answer| {
        answer.status == 400 && answer.text().contains("Unrecognized field")
    });
    for method in ["GET", "DELETE"] {
        let send = |token: &str| world.protection(method, "resource_set/no-such-id", token).send();
        table.bare(&format!("{method}, the resource server"), send(&desk.pat), 404, "HTTP 404 Not Found");
        table.row(&format!("{method}, a person"), send(&kolo), 404, "not_found", "Resource not found");
    }
    table.done();
}

#[test]
fn res_12_nothing_is_an_empty_list() {
    let desk = Desk::new();
    for query in ["", "deep=true&max=-1", "matchingUri=true&uri=/&deep=true&exactName=false&max=-1"] {
        assert_eq!(desk.find(query), Vec::<Value>::new(), "{query}");
    }
}
