//! Resource servers of a realm as administrators see them (`admin-surface` §10-§12).

use core::time::Duration;
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde_json::{Value, json};

use crate::{
    http::{Answer, Request},
    realm::{Realm, secret, with},
    server::{Builder, Server},
    world::World,
};

/// Internal id of the resource server `documents`
pub const DOCUMENTS: &str = "d0c00000-0000-4000-8000-000000000001";
/// Internal id of the resource server `archive`
pub const ARCHIVE: &str = "a2c00000-0000-4000-8000-000000000002";
/// Internal id of the client `backend`, which is no resource server
pub const BACKEND: &str = "bac00000-0000-4000-8000-000000000003";
/// Ids of the realm roles `Role A` and `Role B`
pub const ROLES: [&str; 2] = ["40000000-0000-4000-8000-00000000000a", "40000000-0000-4000-8000-00000000000b"];
/// Id of the role `editor` of `documents`
pub const EDITOR: &str = "40000000-0000-4000-8000-00000000000e";
/// Ids of the groups `/staff` and `/staff/night`
pub const GROUPS: [&str; 2] =
    ["60000000-0000-4000-8000-000000000001", "60000000-0000-4000-8000-000000000002"];

/// A token of an administrator lives 60 seconds
const TOKEN: Duration = Duration::from_secs(30);

/// A realm and its administrator
#[derive(Debug)]
pub struct Authz {
    /// The realm and its people
    pub world: World,
    token: Mutex<Option<(Instant, String)>>,
}

/// The usual realm, with ids that tests can name
pub fn realm() -> Realm {
    let realm = Realm::new("test");
    let mut roles = realm.json()["roles"].clone();
    for (id, name) in ROLES.iter().zip(["Role A", "Role B"]) {
        roles["realm"].as_array_mut().unwrap().push(json!({ "id": id, "name": name }));
    }
    roles["client"]["documents"][1]["id"] = EDITOR.into();
    let night = json!([{ "id": GROUPS[1], "name": "night" }]);
    realm
        .set("roles", roles)
        .set("groups", json!([{ "id": GROUPS[0], "name": "staff", "subGroups": night }]))
        .client("documents", json!({ "id": DOCUMENTS }))
        .client("archive", json!({ "id": ARCHIVE }))
        .client("backend", json!({ "id": BACKEND }))
}

impl Authz {
    /// The usual realm on a server of its own
    pub fn new() -> Self {
        Self::of(&realm())
    }

    /// This realm on a server of its own
    pub fn of(realm: &Realm) -> Self {
        Self::on(Server::builder(), realm)
    }

    /// This realm on a server that is started as said
    pub fn on(builder: Builder, realm: &Realm) -> Self {
        let builder = builder
            .env("COUNTERSIGN_ADMIN_USERNAME", "root")
            .env("COUNTERSIGN_ADMIN_PASSWORD", &secret("root"))
            .secret(&secret("root"));
        Self { world: World::on(builder, realm), token: Mutex::new(None) }
    }

    /// The administrator's token
    pub fn token(&self) -> String {
        let mut known = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, token)) = &*known
            && since.elapsed() < TOKEN
        {
            return token.clone();
        }
        let url = format!("{}/realms/master/protocol/openid-connect/token", self.world.server.base());
        let password = secret("root");
        let form = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "root"),
            ("password", password.as_str()),
        ];
        let token = self.world.server.http.post(&url).form(&form).send().expect(200).member("access_token");
        *known = Some((Instant::now(), token.clone()));
        token
    }

    /// A request below the realm, by anybody
    pub fn bare(&self, method: &str, path: &str) -> Request {
        let url = format!("{}/admin/realms/{}/{path}", self.world.server.base(), self.world.realm);
        self.world.server.http.request(method, &url)
    }

    /// A request below a resource server, by the administrator
    pub fn at(&self, server: &str, method: &str, path: &str) -> Request {
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        self.bare(method, &format!("clients/{server}/authz/resource-server{path}")).bearer(&self.token())
    }

    /// A request below `documents`
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.at(DOCUMENTS, method, path)
    }

    /// What `documents` has there
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.request("GET", path).send().expect(200).json()
    }

    /// Something new below `documents`
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.request("POST", path).json(body).send().expect(201);
        assert_eq!(answer.header("location"), None, "{answer}");
        answer.json()
    }

    /// The same, by its id alone
    #[track_caller]
    pub fn make(&self, path: &str, body: &Value) -> String {
        let made = self.post(path, body);
        made["id"].as_str().or_else(|| made["_id"].as_str()).unwrap().to_owned()
    }

    /// An attempt to make something
    pub fn attempt(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send()
    }

    /// Replaces something of `documents`
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path).json(body).send()
    }

    /// Replaces a policy: 201 without a body
    #[track_caller]
    pub fn put_policy(&self, path: &str, body: &Value) {
        let answer = self.put(path, body).expect(201);
        assert_eq!((answer.text(), answer.header("content-type")), (String::new(), None), "{path}");
    }

    /// Takes something away
    #[track_caller]
    pub fn delete(&self, path: &str) {
        _ = self.request("DELETE", path).send().expect(204);
    }

    /// A user policy that lets one user in; gives its id
    #[track_caller]
    pub fn user_policy(&self, name: &str, user: &str) -> String {
        self.make("policy/user", &json!({ "name": name, "users": [user] }))
    }

    /// A resource of `documents` itself with these scopes; gives its id
    #[track_caller]
    pub fn resource(&self, name: &str, scopes: &[&str]) -> String {
        self.make("resource", &json!({ "name": name, "scopes": scopes }))
    }

    /// The names in a list
    #[track_caller]
    pub fn names(&self, path: &str) -> Vec<String> {
        names(&self.get(path))
    }
}

impl Default for Authz {
    fn default() -> Self {
        Self::new()
    }
}

/// The names in a list, in order
#[track_caller]
pub fn names(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let mut names: Vec<_> = list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// An entry of `config` that is a list inside a text
#[track_caller]
pub fn listed(policy: &Value, name: &str) -> Value {
    let text = policy["config"][name].as_str().unwrap_or_else(|| panic!("no `config.{name}` in {policy}"));
    serde_json::from_str(text).unwrap()
}

/// A policy in the generic form
pub fn generic(name: &str, kind: &str, config: Value) -> Value {
    with(json!({ "name": name, "type": kind }), json!({ "config": config }))
}
