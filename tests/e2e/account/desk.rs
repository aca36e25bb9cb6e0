//! A person with resources that she shares.

use countersign_tests::{
    http::Answer,
    realm::{self, Realm, settings, with},
    world::World,
};
use serde_json::{Value, json};

pub(super) const SERVER: &str = "my-resource-server";
pub(super) const OWNER: &str = "test-user@localhost";
pub(super) const FRIENDS: [&str; 3] = ["alice", "jdoe", "bob"];

/// Thirty resources of one person, shared with three in turn
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) ids: Vec<String>,
    pub(crate) owner: String,
    pub(crate) pat: String,
}

pub(crate) fn realm() -> Realm {
    let person = || json!({ "realmRoles": ["default-roles-test"] });
    let scopes: Vec<Value> =
        ["A", "B", "C", "D"].iter().map(|name| json!({ "name": format!("Scope {name}") })).collect();
    let server = realm::resource_server(SERVER, with(settings(), json!({ "scopes": scopes })));
    let about = json!({ "name": "My Resource Server", "baseUrl": "http://resourceserver.com" });
    Realm::new("test")
        .user(OWNER, with(person(), json!({ "email": OWNER })))
        .user("jdoe", person())
        .client(SERVER, with(server, about))
}

impl Desk {
    /// Nothing is registered yet
    pub(crate) fn empty(realm: &Realm) -> Self {
        let world = World::of(realm);
        let (owner, pat) = (world.token_by(SERVER, OWNER), world.pat_of(SERVER));
        Self { world, ids: Vec::new(), owner, pat }
    }

    pub(crate) fn new() -> Self {
        let mut desk = Self::empty(&realm());
        for number in 0..30 {
            let id = desk.register(number);
            desk.ticket(&id, "Scope A", FRIENDS[number % 3], true);
            desk.ticket(&id, "Scope B", FRIENDS[number % 3], true);
            desk.ids.push(id);
        }
        desk
    }

    pub(crate) fn register(&self, number: usize) -> String {
        let body = json!({
            "name": format!("Resource {number}"), "displayName": format!("Display Name {number}"),
            "icon_uri": format!("Icon Uri {number}"), "uris": [format!("http://resourceServer.com/resources/{number}")],
            "owner": OWNER, "ownerManagedAccess": true,
            "resource_scopes": ["Scope A", "Scope B", "Scope C", "Scope D"],
        });
        self.world.register(&self.pat, &body)
    }

    pub(crate) fn ticket(&self, resource: &str, scope: &str, requester: &str, granted: bool) {
        let body = json!({
            "resource": resource, "scopeName": scope, "requesterName": requester, "granted": granted,
        });
        _ = self.world.protection("POST", "permission/ticket", &self.pat).json(&body).send().expect(200);
    }

    pub(crate) fn token(&self, user: &str) -> String {
        self.world.token_by(SERVER, user)
    }

    /// Something below `account/resources`
    pub(crate) fn answer(&self, token: &str, path: &str) -> Answer {
        let request = self.world.request("GET", &format!("account/resources{path}"));
        request.header("accept", "application/json").bearer(token).send()
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Value {
        self.answer(token, path).expect(200).json()
    }

    pub(crate) fn put(&self, token: &str, id: &str, body: &Value) -> Answer {
        let path = format!("account/v1/resources/{id}/permissions");
        self.world.request("PUT", &path).bearer(token).json(body).send()
    }

    /// Scopes that people have of a resource, by name
    pub(crate) fn shares(&self, id: &str) -> Vec<(String, Vec<String>)> {
        people(&self.get(&self.owner, &format!("/{id}/permissions")))
    }
}

/// Names and scopes of a list of people
pub(crate) fn people(list: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut people: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["username"]), one["scopes"].as_array().unwrap().iter().map(text).collect()))
        .collect();
    people.sort();
    people
}
