//! A realm with something of everything in it.

use std::collections::BTreeMap;

use countersign_tests::{
    admin::Admin,
    http::Request,
    realm::{Realm, secret, settings, user, with},
    server::Server,
};
use serde_json::{Value, json};

/// A realm with somebody who administers it, and ids of everything there
pub(super) struct Tenant<'a> {
    pub(super) server: &'a Server,
    pub(super) realm: String,
    pub(super) admin: Admin<'a>,
    pub(super) ids: BTreeMap<&'static str, String>,
}

/// A realm whose names end in its own name
pub(super) fn realm(name: &str) -> Realm {
    let named = |what: &str| format!("{what}-of-{name}");
    let realm = Realm::new(name);
    let mut roles = realm.json()["roles"].clone();
    roles["realm"].as_array_mut().unwrap().push(json!({ "name": named("role") }));
    roles["client"]["documents"].as_array_mut().unwrap().push(json!({ "name": named("role") }));
    let mapper =
        json!([{ "name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-full-name-mapper" }]);
    let manager = json!({ "clientRoles": { "realm-management": ["realm-admin"] } });
    realm
        .set("roles", roles)
        .set("groups", json!([{ "name": "staff" }, { "name": named("group") }]))
        .set("attributes", json!({}))
        .settings(settings())
        .client("documents", json!({ "protocolMappers": mapper, "secret": secret(name) }))
        .client("archive", json!({ "secret": secret(name) }))
        .client(&named("app"), json!({}))
        .user(&named("user"), json!({ "clientRoles": { "account": ["manage-account", "view-groups"] } }))
        .user("manager", with(user("manager"), manager))
}

impl<'a> Tenant<'a> {
    pub(super) fn new(server: &'a Server, name: &str) -> Self {
        let password = countersign_tests::realm::password("manager");
        let admin = Admin::by(server, name, "manager", &password, name);
        let mut tenant = Self { server, realm: name.to_owned(), admin, ids: BTreeMap::new() };
        tenant.collect();
        tenant
    }

    fn read(&self, path: &str) -> Value {
        self.admin.read(path)
    }

    fn make(&self, path: &str, body: &Value) -> Value {
        self.admin.post(path, body).expect(201).json()
    }

    /// A token of a resource server itself, or of a person by it
    pub(super) fn token(&self, client: &str, user: Option<&str>) -> String {
        let url = format!("{}/realms/{}/protocol/openid-connect/token", self.server.base(), self.realm);
        let password = user.map(countersign_tests::realm::password).unwrap_or_default();
        let form = match user {
            Some(user) => vec![("grant_type", "password"), ("username", user), ("password", &*password)],
            None => vec![("grant_type", "client_credentials")],
        };
        let request = self.server.http.post(&url).basic(client, &secret(&self.realm));
        request.form(&form).send().expect(200).member("access_token")
    }

    fn protection(&self, method: &str, path: &str, token: &str) -> Request {
        let url = format!("{}/realms/{}/authz/protection{path}", self.server.base(), self.realm);
        self.server.http.request(method, &url).bearer(token)
    }

    fn collect(&mut self) {
        let named = |what: &str| format!("{what}-of-{}", self.realm);
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned();
        let client = self.admin.client("documents");
        let user = self.admin.user(&named("user"));
        let mapper =
            json!([{ "name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-full-name-mapper" }]);
        let scope =
            json!({ "name": named("scope"), "protocol": "openid-connect", "protocolMappers": mapper });
        _ = self.admin.post("client-scopes", &scope).expect(201);
        let scopes = self.read("client-scopes");
        let scope = scopes.as_array().unwrap().iter().find(|scope| scope["name"] == named("scope")).unwrap();
        _ = self.token("documents", Some(&named("user")));
        let authz = format!("clients/{client}/authz/resource-server");
        let pat = self.token("documents", None);
        let resource = json!({ "name": named("resource"), "owner": user, "ownerManagedAccess": true,
                               "type": "document", "resource_scopes": ["read"] });
        let resource = self.protection("POST", "/resource_set", &pat).json(&resource).send().expect(201);
        let resource = resource.member("_id");
        let body = json!({ "resource": resource, "scopeName": "read", "requesterName": "bob" });
        let ticket =
            self.protection("POST", "/permission/ticket", &pat).json(&body).send().expect(200).json();
        let owner = self.token("documents", Some(&named("user")));
        let policy = json!({ "name": named("uma-policy"), "users": ["carol"] });
        let uma = self.protection("POST", &format!("/uma-policy/{resource}"), &owner).json(&policy).send();
        let policy = json!({ "name": named("policy"), "users": [user] });
        let ids = [
            ("app", named("app")),
            // With whom the policy of the owner shares
            ("holder", self.admin.user("carol")),
            ("component", text(&self.read("components")[0]["id"])),
            ("archive", self.admin.client("archive")),
            ("role", named("role")),
            ("role-id", text(&self.read(&format!("roles/{}", named("role")))["id"])),
            ("client-role", named("role")),
            ("client-role-id", text(&self.read(&format!("clients/{client}/roles/{}", named("role")))["id"])),
            ("group-name", named("group")),
            ("group", text(&self.read(&format!("group-by-path/{}", named("group")))["id"])),
            ("scope", text(&scope["id"])),
            ("scope-mapper", text(&scope["protocolMappers"][0]["id"])),
            ("mapper", text(&self.read(&format!("clients/{client}/protocol-mappers/models"))[0]["id"])),
            ("credential", text(&self.read(&format!("users/{user}/credentials"))[0]["id"])),
            ("session", text(&self.read(&format!("users/{user}/sessions"))[0]["id"])),
            ("policy", text(&self.make(&format!("{authz}/policy/user"), &policy)["id"])),
            ("authz-scope", text(&ticket["scope"])),
            ("ticket", text(&ticket["id"])),
            ("uma-policy", uma.expect(200).member("id")),
            ("resource", resource),
            ("client", client),
            ("user", user),
        ];
        self.ids.extend(ids);
    }

    /// All that an administrator and the resource server see
    pub(super) fn everything(&self) -> Value {
        let export =
            self.admin.post("partial-export?exportClients=true&exportGroupsAndRoles=true", &json!({}));
        let (client, user) = (&self.ids["client"], &self.ids["user"]);
        let archive = &self.ids["archive"];
        let lists: Vec<_> = [
            "users?briefRepresentation=false&max=-1".to_owned(),
            format!("users/{user}/groups"),
            format!("users/{user}/role-mappings"),
            format!("users/{user}/sessions"),
            format!("clients/{client}/client-secret"),
            format!("clients/{client}/authz/resource-server/settings"),
            format!("clients/{client}/authz/resource-server/share"),
            format!("clients/{client}/authz/resource-server/policy?max=-1"),
            format!("clients/{archive}/authz/resource-server/settings"),
            "default-groups".to_owned(),
        ]
        .iter()
        .map(|path| self.read(path))
        .collect();
        let pat = self.token("documents", None);
        let tickets =
            self.protection("GET", "/permission/ticket?returnNames=true", &pat).send().expect(200).json();
        json!([export.expect(200).json(), lists, tickets])
    }
}
