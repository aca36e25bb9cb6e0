//! A realm on a server, and what its people do there.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    forge,
    http::{Answer, Request, escape},
    realm::{Realm, password, secret},
    server::{Builder, Server},
};

/// The grant type of UMA
pub const UMA: &str = "urn:ietf:params:oauth:grant-type:uma-ticket";
/// The hint that asks for the permissions of an RPT
pub const RPT_HINT: &str = "requesting_party_token";

/// A realm that is served
#[derive(Debug)]
pub struct World {
    /// By whom
    pub server: Server,
    /// Its name
    pub realm: String,
}

impl World {
    /// The usual realm on a server of its own
    pub fn new() -> Self {
        Self::of(&Realm::new("test"))
    }

    /// This realm on a server of its own
    pub fn of(realm: &Realm) -> Self {
        Self::on(Server::builder(), realm)
    }

    /// This realm on a server that is started as said
    pub fn on(builder: Builder, realm: &Realm) -> Self {
        let clients = realm.json()["clients"].as_array().unwrap().iter();
        let secrets = clients.filter_map(|client| client["secret"].as_str());
        let users = realm.json()["users"].as_array().unwrap().iter();
        let passwords = users.filter_map(|user| user["credentials"][0]["value"].as_str());
        let builder = secrets.chain(passwords).fold(builder.import(realm.json()), Builder::secret);
        Self { server: builder.start(), realm: realm.name().to_owned() }
    }

    /// The issuer
    pub fn issuer(&self) -> String {
        format!("{}/realms/{}", self.server.base(), self.realm)
    }

    /// A URL below the issuer
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.issuer())
    }

    /// A request below the issuer
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.server.http.request(method, &self.url(path))
    }

    /// The token endpoint
    pub fn post_token(&self) -> Request {
        self.request("POST", "protocol/openid-connect/token")
    }

    /// The introspection endpoint
    pub fn post_introspect(&self) -> Request {
        self.request("POST", "protocol/openid-connect/token/introspect")
    }

    /// The protection API: `resource_set`, `permission`, `permission/ticket`, `uma-policy`
    pub fn protection(&self, method: &str, path: &str, token: &str) -> Request {
        self.request(method, &format!("authz/protection/{path}")).bearer(token)
    }

    // ---- tokens

    /// The PAT of the resource server `documents`
    pub fn pat(&self) -> String {
        self.pat_of("documents")
    }

    /// The PAT of a resource server
    pub fn pat_of(&self, client: &str) -> String {
        let form = [("grant_type", "client_credentials")];
        let answer = self.post_token().basic(client, &secret(client)).form(&form).send();
        answer.expect(200).member("access_token")
    }

    /// A person's token through the resource server `documents`
    pub fn token(&self, user: &str) -> String {
        self.token_by("documents", user)
    }

    /// A person's token through a client
    pub fn token_by(&self, client: &str, user: &str) -> String {
        self.sign_in(client, user).member("access_token")
    }

    /// The answer to a person's sign-in through a client
    pub fn sign_in(&self, client: &str, user: &str) -> Answer {
        let mut form = vec![("grant_type", "password"), ("username", user)];
        let (password, secret) = (password(user), secret(client));
        form.push(("password", &password));
        form.push(("client_id", client));
        if client != "reader" {
            form.push(("client_secret", &secret));
        }
        self.post_token().form(&form).send().expect(200)
    }

    // ---- resources

    /// Registers a resource; gives its id
    pub fn register(&self, token: &str, resource: &Value) -> String {
        self.protection("POST", "resource_set", token).json(resource).send().expect(201).member("_id")
    }

    /// Registers a document of alice's, as the resource server does (design D1); gives its id
    pub fn document(&self, name: &str) -> String {
        self.register(&self.pat(), &document(name, "alice"))
    }

    // ---- tickets and RPTs

    /// Asks for a permission ticket
    pub fn ticket(&self, token: &str, resource: &str, scopes: &[&str]) -> String {
        let body = json!([{ "resource_id": resource, "resource_scopes": scopes }]);
        self.protection("POST", "permission", token).json(&body).send().expect(201).member("ticket")
    }

    /// The UMA grant by a person's token with more parameters
    pub fn uma(&self, token: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", UMA)];
        form.extend(fields);
        self.post_token().bearer(token).form(&form).send()
    }

    /// The UMA grant with a ticket
    pub fn exchange(&self, token: &str, ticket: &str) -> Answer {
        self.uma(token, &[("ticket", ticket)])
    }

    /// The UMA grant without a ticket, for permissions of `documents`
    pub fn ask(&self, token: &str, permissions: &[&str]) -> Answer {
        let mut form = vec![("audience", "documents")];
        form.extend(permissions.iter().map(|permission| ("permission", *permission)));
        self.uma(token, &form)
    }

    /// A ticket for one resource, exchanged at once
    pub fn knock(&self, token: &str, resource: &str, scopes: &[&str]) -> Answer {
        let ticket = self.ticket(&self.pat(), resource, scopes);
        self.exchange(token, &ticket)
    }

    /// Introspection by `documents` with UMA's hint
    pub fn introspect(&self, token: &str) -> Value {
        let form = [("token", token), ("token_type_hint", RPT_HINT)];
        self.post_introspect().basic("documents", &secret("documents")).form(&form).send().expect(200).json()
    }

    /// Refresh by a public client
    pub fn refresh(&self, client: &str, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client)];
        self.post_token().form(&form).send()
    }

    // ---- stored tickets

    /// The stored tickets that a caller sees, with names
    pub fn rows(&self, token: &str) -> Vec<Value> {
        let answer = self.protection("GET", "permission/ticket?returnNames=true", token).send();
        let Value::Array(rows) = answer.expect(200).json() else { panic!("no list") };
        rows
    }

    /// The one stored ticket of this scope and requester
    pub fn row(&self, token: &str, resource: &str, scope: &str, requester: &str) -> Value {
        let wanted = |row: &Value| {
            row["resource"] == resource && row["scopeName"] == scope && row["requesterName"] == requester
        };
        let rows: Vec<_> = self.rows(token).into_iter().filter(wanted).collect();
        let [row] = &rows[..] else { panic!("not one row of {requester} for {scope}: {rows:?}") };
        row.clone()
    }

    /// Approves a stored ticket
    pub fn approve(&self, token: &str, id: &Value) -> Answer {
        let body = json!({ "id": id, "granted": true });
        self.protection("PUT", "permission/ticket", token).json(&body).send()
    }

    /// Takes a stored ticket away
    pub fn withdraw(&self, token: &str, id: &Value) -> Answer {
        self.protection("DELETE", &format!("permission/ticket/{}", id.as_str().unwrap()), token).send()
    }

    /// The resource server shares a scope with somebody at once; gives the stored ticket's id
    pub fn share(&self, resource: &str, scope: &str, requester: &str) -> Value {
        let body = json!({
            "resource": resource, "scopeName": scope, "requesterName": requester, "granted": true,
        });
        let answer = self.protection("POST", "permission/ticket", &self.pat()).json(&body).send();
        answer.expect(200).json()["id"].clone()
    }

    // ---- what is stored

    /// Everything that the API shows of both resource servers and of alice's policies
    pub fn everything(&self) -> Value {
        let list = |token: &str, path: &str| self.protection("GET", path, token).send().expect(200).json();
        let of = |token: &str| {
            json!({
                "resources": list(token, "resource_set?deep=true&max=-1"),
                "tickets": list(token, "permission/ticket?returnNames=true&max=-1"),
                "policies": list(token, "uma-policy?max=-1"),
            })
        };
        json!({
            "documents": of(&self.pat()),
            "archive": of(&self.pat_of("archive")),
            "alice": of(&self.token("alice")),
        })
    }

    /// The id of a user: `sub` of his token
    pub fn id_of(&self, user: &str) -> String {
        forge::claims(&self.token(user))["sub"].as_str().unwrap().to_owned()
    }

    /// A `claim_token` with these claims (wire §6.4)
    pub fn claim_token(claims: &Value) -> String {
        STANDARD.encode(claims.to_string())
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// A resource with the scopes `read` and `write` that its owner manages
pub fn document(name: &str, owner: &str) -> Value {
    json!({
        "name": name, "owner": owner, "ownerManagedAccess": true, "resource_scopes": ["read", "write"],
    })
}

/// A path with a part that may hold anything
pub fn path(prefix: &str, part: &str) -> String {
    format!("{prefix}/{}", escape(part))
}
