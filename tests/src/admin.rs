//! An administrator of a server, and what she calls.

use serde_json::{Value, json};

use crate::{
    http::{Answer, Request},
    realm::Realm,
    server::{Builder, Server},
    world::World,
};

/// Her password
pub const PASSWORD: &str = "a-long-password";

/// With a first administrator
fn with_administrator(builder: Builder) -> Builder {
    builder
        .env("COUNTERSIGN_ADMIN_USERNAME", "root")
        .env("COUNTERSIGN_ADMIN_PASSWORD", PASSWORD)
        .secret(PASSWORD)
}

/// A server with a first administrator
pub fn administered(builder: Builder) -> Server {
    with_administrator(builder).start()
}

/// Somebody who administers one realm
#[derive(Debug, Clone)]
pub struct Admin<'a> {
    /// The server
    pub server: &'a Server,
    /// Her token
    pub token: String,
    /// The realm of short paths
    pub realm: String,
}

impl<'a> Admin<'a> {
    /// The administrator of everything, by a token of `master`
    pub fn root(server: &'a Server, realm: &str) -> Self {
        let token = sign_in(server, "master", "root", PASSWORD).expect(200).member("access_token");
        Self { server, token, realm: realm.to_owned() }
    }

    /// The same person at another realm
    #[must_use]
    pub fn at(&self, realm: &str) -> Self {
        Self { realm: realm.to_owned(), ..self.clone() }
    }

    /// Somebody else, by a token of a realm
    pub fn by(server: &'a Server, token_realm: &str, user: &str, password: &str, realm: &str) -> Self {
        let token = sign_in(server, token_realm, user, password).expect(200).member("access_token");
        Self { server, token, realm: realm.to_owned() }
    }

    /// A request below `/admin/realms/{realm}`; a path with a slash in front is below `/admin/realms`
    pub fn request(&self, method: &str, path: &str) -> Request {
        let url = if path.starts_with('/') {
            format!("{}/admin/realms{path}", self.server.base())
        } else if path.is_empty() {
            format!("{}/admin/realms/{}", self.server.base(), self.realm)
        } else {
            format!("{}/admin/realms/{}/{path}", self.server.base(), self.realm)
        };
        self.server.http.request(method, &url).bearer(&self.token)
    }

    /// `GET`
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// `GET` that must succeed
    #[track_caller]
    pub fn read(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    /// `POST`
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send()
    }

    /// `PUT`
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path).json(body).send()
    }

    /// `DELETE`
    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).send()
    }

    /// `DELETE` with a body
    pub fn delete_with(&self, path: &str, body: &Value) -> Answer {
        self.request("DELETE", path).json(body).send()
    }

    /// Makes something; gives the last part of its `Location`
    #[track_caller]
    pub fn create(&self, path: &str, body: &Value) -> String {
        let answer = self.post(path, body).expect(201);
        assert!(answer.body.is_empty(), "{answer}");
        last_of_location(&answer)
    }

    /// Internal id of a client
    #[track_caller]
    pub fn client(&self, client_id: &str) -> String {
        let found = self.read(&format!("clients?clientId={client_id}"));
        found[0]["id"].as_str().unwrap_or_else(|| panic!("no client {client_id}: {found}")).to_owned()
    }

    /// Internal id of a user
    #[track_caller]
    pub fn user(&self, username: &str) -> String {
        let found = self.read(&format!("users?username={username}&exact=true"));
        found[0]["id"].as_str().unwrap_or_else(|| panic!("no user {username}: {found}")).to_owned()
    }
}

/// The last part of the URL of what was made
#[track_caller]
pub fn last_of_location(answer: &Answer) -> String {
    let url = answer.header("location").unwrap_or_else(|| panic!("no Location: {answer}"));
    url.rsplit('/').next().unwrap().to_owned()
}

/// The password grant through `admin-cli`
pub fn sign_in(server: &Server, realm: &str, user: &str, password: &str) -> Answer {
    let url = format!("{}/realms/{realm}/protocol/openid-connect/token", server.base());
    let form =
        [("grant_type", "password"), ("client_id", "admin-cli"), ("username", user), ("password", password)];
    server.http.post(&url).form(&form).send()
}

/// A server with an administrator and the usual realm, called `test`
pub fn usual() -> Server {
    administered(Server::builder().import(Realm::new("test").json()))
}

impl World {
    /// A world with an administrator
    pub fn administered(realm: &Realm) -> Self {
        Self::on(with_administrator(Server::builder()), realm)
    }
}

impl Answer {
    /// Demands a refusal of the plain admin API: `errorMessage`
    #[track_caller]
    pub fn conflicts(&self, status: u16, message: &str) {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.json(), json!({ "errorMessage": message }), "{self}");
    }

    /// Demands a refusal with `error` alone
    #[track_caller]
    pub fn bare(&self, status: u16, error: &str) {
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.json(), json!({ "error": error }), "{self}");
    }
}
