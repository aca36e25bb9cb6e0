//! Every endpoint and verb, tried with ids of another realm and of another resource server: nothing is shown, nothing
//! is changed (TRAP-UMA-07, -08, -32, TRAP-OAUTH-28).
//!
//! `endpoints.txt` is the router's own list, so an endpoint without a row here fails the test.

use std::collections::{BTreeMap, BTreeSet};

use countersign_tests::{
    admin::{Admin, administered},
    http::{Answer, Request},
    realm::{Realm, secret, settings, user, with},
    server::Server,
    table::Table,
};
use serde_json::{Value, json};

/// No caller and no ids: the same for everybody, or bound to a browser or to credentials of the realm, which tests of
/// those endpoints try
const PUBLIC: &[&str] = &[
    "/.well-known/authzen-configuration/realms/{realm}/authzen",
    "/metrics",
    "/realms/{realm}/.well-known/authzen-configuration",
    "/health",
    "/ready",
    "/realms/{realm}",
    "/realms/{realm}/.well-known/openid-configuration",
    "/realms/{realm}/.well-known/uma2-configuration",
    "/realms/{realm}/login-actions/authenticate",
    "/realms/{realm}/protocol/openid-connect/3p-cookies/step1.html",
    "/realms/{realm}/protocol/openid-connect/3p-cookies/step2.html",
    "/realms/{realm}/protocol/openid-connect/auth",
    "/realms/{realm}/protocol/openid-connect/certs",
    "/realms/{realm}/protocol/openid-connect/login-status-iframe.html",
    "/realms/{realm}/protocol/openid-connect/login-status-iframe.html/init",
    "/realms/{realm}/protocol/openid-connect/logout",
    "/realms/{realm}/protocol/openid-connect/logout/logout-confirm",
    "/realms/{realm}/protocol/openid-connect/revoke",
    "/realms/{realm}/protocol/openid-connect/token",
    "/realms/{realm}/protocol/openid-connect/token/introspect",
    "/realms/{realm}/protocol/openid-connect/userinfo",
    "/realms/{realm}/status-changes",
    "/realms/{realm}/status-list",
    "/realms/{realm}/uma/claims",
    "/realms/{realm}/uma/claims/form",
    "/resources/{file}",
    "/admin/realms",
];

/// Endpoints for persons and questions of their own, with the tests of what they refuse
const ELSEWHERE: &[(&str, &str)] = &[
    // `account_access::`, `account::acc_9_…`, `audit::`
    ("/realms/{realm}/account", "its token says whose things are meant"),
    // `authzen::`, `authzen_search::`
    ("/realms/{realm}/authzen/", "its token says whose resources are meant"),
    // `realm_keys::`
    ("/admin/realms/{realm}/components/{id}", "made of the realm's own keys"),
];

/// Other endpoints below a realm: `<name>` is an id of that kind, in the path or in the body of `POST`, `PUT`, `DELETE`
const ROWS: &[(&str, &str)] = &[
    ("", r#"{"displayName":"taken over"}"#),
    ("/admin-events", ""),
    ("/attack-detection/brute-force/users", ""),
    ("/attack-detection/brute-force/users/<user>", ""),
    ("/audit", ""),
    ("/authentication/required-actions", ""),
    ("/authentication/required-actions/UPDATE_PASSWORD", "{}"),
    ("/client-scopes", r#"{"name":"taken over"}"#),
    ("/client-scopes/<scope>", r#"{"name":"taken over"}"#),
    ("/client-scopes/<scope>/protocol-mappers/add-models", "[]"),
    (
        "/client-scopes/<scope>/protocol-mappers/models",
        r#"{"name":"x","protocol":"openid-connect","protocolMapper":"oidc-full-name-mapper"}"#,
    ),
    (
        "/client-scopes/<scope>/protocol-mappers/models/<scope-mapper>",
        r#"{"id":"<scope-mapper>","name":"x","protocol":"openid-connect","protocolMapper":"oidc-full-name-mapper"}"#,
    ),
    ("/client-scopes/<scope>/protocol-mappers/protocol/openid-connect", ""),
    ("/client-scopes/<scope>/scope-mappings", ""),
    ("/client-scopes/<scope>/scope-mappings/clients/<client>", r#"[{"id":"<client-role-id>","name":"x"}]"#),
    ("/client-scopes/<scope>/scope-mappings/clients/<client>/available", ""),
    ("/client-scopes/<scope>/scope-mappings/clients/<client>/composite", ""),
    ("/client-scopes/<scope>/scope-mappings/realm", r#"[{"id":"<role-id>","name":"x"}]"#),
    ("/client-scopes/<scope>/scope-mappings/realm/available", ""),
    ("/client-scopes/<scope>/scope-mappings/realm/composite", ""),
    ("/clients", r#"{"clientId":"taken over"}"#),
    ("/clients/<client>", r#"{"name":"taken over"}"#),
    ("/clients/<client>/client-secret", ""),
    ("/clients/<client>/default-client-scopes", ""),
    ("/clients/<client>/default-client-scopes/<scope>", ""),
    ("/clients/<client>/installation/providers/keycloak-oidc-keycloak-json", ""),
    ("/clients/<client>/optional-client-scopes", ""),
    ("/clients/<client>/optional-client-scopes/<scope>", ""),
    ("/clients/<client>/protocol-mappers/add-models", "[]"),
    (
        "/clients/<client>/protocol-mappers/models",
        r#"{"name":"x","protocol":"openid-connect","protocolMapper":"oidc-full-name-mapper"}"#,
    ),
    (
        "/clients/<client>/protocol-mappers/models/<mapper>",
        r#"{"id":"<mapper>","name":"x","protocol":"openid-connect","protocolMapper":"oidc-full-name-mapper"}"#,
    ),
    ("/clients/<client>/protocol-mappers/protocol/openid-connect", ""),
    ("/clients/<client>/roles", r#"{"name":"taken over"}"#),
    ("/clients/<client>/roles/<client-role>", r#"{"name":"taken over"}"#),
    ("/clients/<client>/roles/<client-role>/composites", r#"[{"id":"<role-id>","name":"x"}]"#),
    ("/clients/<client>/roles/<client-role>/composites/clients/<client>", ""),
    ("/clients/<client>/roles/<client-role>/composites/realm", ""),
    ("/clients/<client>/roles/<client-role>/groups", ""),
    ("/clients/<client>/roles/<client-role>/users", ""),
    ("/clients/<client>/scope-mappings", ""),
    ("/clients/<client>/scope-mappings/clients/<client>", r#"[{"id":"<client-role-id>","name":"x"}]"#),
    ("/clients/<client>/scope-mappings/clients/<client>/available", ""),
    ("/clients/<client>/scope-mappings/clients/<client>/composite", ""),
    ("/clients/<client>/scope-mappings/realm", r#"[{"id":"<role-id>","name":"x"}]"#),
    ("/clients/<client>/scope-mappings/realm/available", ""),
    ("/clients/<client>/scope-mappings/realm/composite", ""),
    ("/clients/<client>/service-account-user", ""),
    ("/clients/<client>/session-count", ""),
    ("/clients/<client>/user-sessions", ""),
    ("/default-default-client-scopes", ""),
    ("/default-default-client-scopes/<scope>", ""),
    ("/default-groups", ""),
    ("/default-groups/<group>", ""),
    ("/default-optional-client-scopes", ""),
    ("/default-optional-client-scopes/<scope>", ""),
    ("/events", ""),
    ("/events/config", "{}"),
    ("/group-by-path/<group-name>", ""),
    ("/components", ""),
    ("/groups", r#"{"name":"taken over"}"#),
    ("/groups/<group>", r#"{"name":"taken over"}"#),
    ("/groups/<group>/children", r#"{"name":"taken over"}"#),
    ("/groups/<group>/members", ""),
    ("/groups/<group>/role-mappings", ""),
    ("/groups/<group>/role-mappings/clients/<client>", r#"[{"id":"<client-role-id>","name":"x"}]"#),
    ("/groups/<group>/role-mappings/clients/<client>/available", ""),
    ("/groups/<group>/role-mappings/clients/<client>/composite", ""),
    ("/groups/<group>/role-mappings/realm", r#"[{"id":"<role-id>","name":"x"}]"#),
    ("/groups/<group>/role-mappings/realm/available", ""),
    ("/groups/<group>/role-mappings/realm/composite", ""),
    ("/groups/count", ""),
    ("/logout-all", ""),
    ("/partial-export", ""),
    ("/partialImport", r#"{"users":[{"username":"taken over"}]}"#),
    ("/keys", ""),
    ("/keys/rotate", ""),
    ("/roles", r#"{"name":"taken over"}"#),
    ("/roles-by-id/<role-id>", r#"{"name":"taken over"}"#),
    ("/roles-by-id/<role-id>/composites", r#"[{"id":"<client-role-id>","name":"x"}]"#),
    ("/roles-by-id/<role-id>/composites/clients/<client>", ""),
    ("/roles-by-id/<role-id>/composites/realm", ""),
    ("/roles/<role>", r#"{"name":"taken over"}"#),
    ("/roles/<role>/composites", r#"[{"id":"<client-role-id>","name":"x"}]"#),
    ("/roles/<role>/composites/clients/<client>", ""),
    ("/roles/<role>/composites/realm", ""),
    ("/roles/<role>/groups", ""),
    ("/roles/<role>/users", ""),
    ("/sessions/<session>", ""),
    ("/users", r#"{"username":"taken-over"}"#),
    ("/users/<user>", r#"{"firstName":"taken over"}"#),
    ("/users/<user>/credentials", ""),
    ("/users/<user>/groups", ""),
    ("/users/<user>/groups/<group>", ""),
    ("/users/<user>/groups/count", ""),
    ("/users/<user>/logout", ""),
    ("/users/<user>/reset-password", r#"{"type":"password","value":"taken-over","temporary":false}"#),
    ("/users/<user>/role-mappings", ""),
    ("/users/<user>/role-mappings/clients/<client>", r#"[{"id":"<client-role-id>","name":"x"}]"#),
    ("/users/<user>/role-mappings/clients/<client>/available", ""),
    ("/users/<user>/role-mappings/clients/<client>/composite", ""),
    ("/users/<user>/role-mappings/realm", r#"[{"id":"<role-id>","name":"x"}]"#),
    ("/users/<user>/role-mappings/realm/available", ""),
    ("/users/<user>/role-mappings/realm/composite", ""),
    ("/users/<user>/sessions", ""),
    ("/users/count", ""),
    ("/users/profile", "{}"),
];

/// Below `/admin/realms/{realm}/clients/{client}/authz/resource-server`; `policy` stands for `permission` too
const AUTHZ: &[(&str, &str)] = &[
    ("", r#"{"policyEnforcementMode":"DISABLED"}"#),
    ("/import", r#"{"resources":[],"policies":[],"scopes":[]}"#),
    ("/policy", r#"{"name":"x","type":"aggregate","config":{"applyPolicies":"[\"<policy>\"]"}}"#),
    ("/policy/<policy>", r#"{"id":"<policy>","name":"taken over","type":"user","config":{"users":"[]"}}"#),
    ("/policy/evaluate", r#"{"userId":"<user>","resources":[{"_id":"<resource>","name":"x"}]}"#),
    ("/policy/providers", ""),
    ("/policy/search?name=x", ""),
    ("/policy/user/<policy>", r#"{"id":"<policy>","name":"taken over","users":[]}"#),
    ("/policy/user/<policy>/associatedPolicies", ""),
    ("/resource", r#"{"name":"taken over","owner":"<user>"}"#),
    ("/resource/<resource>", r#"{"name":"taken over"}"#),
    ("/resource/<resource>/attributes", ""),
    ("/resource/<resource>/permissions", ""),
    ("/resource/<resource>/scopes", ""),
    ("/resource/search?name=x", ""),
    ("/scope", r#"{"name":"taken over"}"#),
    ("/scope/<authz-scope>", r#"{"name":"taken over"}"#),
    ("/scope/<authz-scope>/permissions", ""),
    ("/scope/<authz-scope>/resources", ""),
    ("/scope/search?name=x", ""),
    ("/settings", ""),
    ("/share", ""),
    ("/share/<ticket>", ""),
];

/// Below `/realms/{realm}/authz/protection`
const PROTECTION: &[(&str, &str)] = &[
    ("/permission", r#"[{"resource_id":"<resource>"}]"#),
    (
        "/permission/ticket",
        r#"{"resource":"<resource>","requester":"<user>","scope":"<authz-scope>","granted":true}"#,
    ),
    ("/permission/ticket/<ticket>", ""),
    ("/permission/ticket/count", ""),
    ("/resource_set", r#"{"name":"taken over","owner":"<user>"}"#),
    ("/resource_set/<resource>", r#"{"name":"taken over"}"#),
    ("/uma-policy", ""),
    ("/uma-policy/<uma-policy>", r#"{"name":"taken over","users":["<user>"]}"#),
];

/// A realm with somebody who administers it, and ids of everything there
struct Tenant<'a> {
    server: &'a Server,
    realm: String,
    admin: Admin<'a>,
    ids: BTreeMap<&'static str, String>,
}

/// A realm whose names end in its own name
fn realm(name: &str) -> Realm {
    let named = |what: &str| format!("{what}-of-{name}");
    let realm = Realm::new(name);
    let mut roles = realm.json()["roles"].clone();
    roles["realm"].as_array_mut().unwrap().push(json!({ "name": named("role") }));
    roles["client"]["documents"].as_array_mut().unwrap().push(json!({ "name": named("role") }));
    let mapper =
        json!([{ "name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-full-name-mapper" }]);
    let scope = json!({ "name": named("scope"), "protocol": "openid-connect", "protocolMappers": mapper });
    let manager = json!({ "clientRoles": { "realm-management": ["realm-admin"] } });
    realm
        .set("roles", roles)
        .set("groups", json!([{ "name": "staff" }, { "name": named("group") }]))
        .set("clientScopes", json!([scope]))
        .set("attributes", json!({}))
        .settings(settings())
        .client("documents", json!({ "protocolMappers": mapper, "secret": secret(name) }))
        .client("archive", json!({ "secret": secret(name) }))
        .user(&named("user"), json!({}))
        .user("manager", with(user("manager"), manager))
}

impl<'a> Tenant<'a> {
    fn new(server: &'a Server, name: &str) -> Self {
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
    fn token(&self, client: &str, user: Option<&str>) -> String {
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
        let scopes = self.read("client-scopes");
        let scope = scopes.as_array().unwrap().iter().find(|scope| scope["name"] == named("scope")).unwrap();
        _ = self.token("documents", Some(&named("user")));
        let authz = format!("clients/{client}/authz/resource-server");
        let pat = self.token("documents", None);
        let resource = json!({ "name": named("resource"), "owner": user, "ownerManagedAccess": true,
                               "resource_scopes": ["read"] });
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
    fn everything(&self) -> Value {
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

/// The kinds of ids that a path and its body have
fn kinds(path: &'static str, body: &'static str) -> BTreeSet<&'static str> {
    let of = |text: &'static str| text.split('<').skip(1).map(|part| part.split_once('>').unwrap().0);
    of(path).chain(of(body)).collect()
}

/// A path or body with ids
fn filled<'a>(template: &str, id: &impl Fn(&str) -> &'a str) -> String {
    let mut parts = template.split('<');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (kind, rest) = part.split_once('>').unwrap();
        out.push_str(id(kind));
        out.push_str(rest);
    }
    out
}

/// On a connection of its own: a server that refuses before it has read the body closes it
fn send(request: Request, method: &str, body: &str) -> Answer {
    let request = request.header("connection", "close");
    if method == "GET" || body.is_empty() {
        request.send()
    } else {
        request.body("application/json", body).send()
    }
}

/// A row whose path is this one
fn fits(pattern: &str, template: &str) -> bool {
    let template = template.split('?').next().unwrap();
    let (mut pattern, mut template) = (pattern.split('/'), template.split('/'));
    loop {
        match (pattern.next(), template.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other || one.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// An endpoint of the router's list: its path and its methods
fn endpoints() -> Vec<(&'static str, Vec<&'static str>)> {
    let list = include_str!("../endpoints.txt").lines();
    list.map(|line| line.split_once(' ').unwrap())
        .map(|(path, methods)| (path, methods.split(',').collect()))
        .collect()
}

const AUTHZ_BASE: &str = "/clients/{client}/authz/resource-server";

/// Where an endpoint is tried, and how
#[derive(Debug, Clone, Copy)]
enum Row {
    Admin(&'static str, &'static str),
    Authz(&'static str, &'static str),
    Protection(&'static str, &'static str),
}

fn row(path: &str) -> Option<Row> {
    // Where a row of one fixed word fits as well, the one with an id is meant.
    let of = |rows: &'static [(&'static str, &'static str)], path: &str| {
        let fitting = rows.iter().filter(|(template, _)| fits(path, template));
        fitting.max_by_key(|(template, _)| template.matches('<').count()).copied()
    };
    if let Some(path) = path.strip_prefix("/admin/realms/{realm}") {
        if let Some(path) = path.strip_prefix(AUTHZ_BASE) {
            let path = path.replacen("/permission", "/policy", usize::from(path.starts_with("/permission")));
            return of(AUTHZ, &path).map(|(path, body)| Row::Authz(path, body));
        }
        return of(ROWS, path).map(|(path, body)| Row::Admin(path, body));
    }
    let path = path.strip_prefix("/realms/{realm}/authz/protection")?;
    of(PROTECTION, path).map(|(path, body)| Row::Protection(path, body))
}

#[test]
fn every_endpoint_of_the_router_has_a_row() {
    let endpoints = endpoints();
    let lacking: Vec<_> = endpoints
        .iter()
        .filter(|(path, _)| !PUBLIC.contains(path) && row(path).is_none())
        .filter(|(path, _)| !ELSEWHERE.iter().any(|(begin, _)| path.starts_with(begin)))
        .map(|(path, _)| *path)
        .collect();
    assert!(lacking.is_empty(), "no row for {lacking:#?}");
    let known = |wanted: &str| endpoints.iter().any(|(path, _)| path == &wanted);
    let stale: Vec<_> = PUBLIC.iter().filter(|path| !known(path)).collect();
    assert!(stale.is_empty(), "the router does not have {stale:?}");
}

/// Two realms on one server
fn server() -> Server {
    let builder = Server::builder().import(realm("test").json()).import(realm("other").json());
    administered(builder)
}

/// All rows with each of their methods
fn calls() -> Vec<(Row, &'static str)> {
    let rows = endpoints().into_iter().filter_map(|(path, methods)| row(path).map(|row| (row, methods)));
    rows.flat_map(|(row, methods)| methods.into_iter().map(move |method| (row, method))).collect()
}

impl Row {
    const fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Admin(path, body) | Self::Authz(path, body) | Self::Protection(path, body) => (path, body),
        }
    }

    /// Whether what the body names matters: some lists of administrators are deleted by their members
    fn reads_body(self, method: &str) -> bool {
        matches!((method, self), ("POST" | "PUT", _) | ("DELETE", Self::Admin(..)))
    }

    /// Sends it to a realm, by a token, for the resource server of this id
    fn send<'a>(
        self,
        to: &Tenant<'_>,
        method: &str,
        token: &str,
        id: &impl Fn(&str) -> &'a str,
    ) -> (String, Answer) {
        let (path, body) = self.template();
        let (path, body) = (filled(path, id), filled(body, id));
        let base = format!("{}/admin/realms/{}", to.server.base(), to.realm);
        let url = match self {
            Self::Admin(..) => format!("{base}{path}"),
            Self::Authz(..) => format!("{base}/clients/{}/authz/resource-server{path}", id("client")),
            Self::Protection(..) => {
                format!("{}/realms/{}/authz/protection{path}", to.server.base(), to.realm)
            }
        };
        let request = to.server.http.request(method, &url).bearer(token);
        (format!("{method} {url} {body}"), send(request, method, &body))
    }

    /// The token that opens it in a realm
    fn token(self, of: &Tenant<'_>, client: &str) -> String {
        match self {
            Self::Admin(..) | Self::Authz(..) => of.admin.token.clone(),
            Self::Protection(path, _) if path.starts_with("/uma-policy") && client == "documents" => {
                of.token(client, Some(&format!("user-of-{}", of.realm)))
            }
            Self::Protection(..) => of.token(client, None),
        }
    }
}

/// Its own ids work, so that a refusal of the others is one of whose they are
#[test]
fn rows_of_the_table_are_right() {
    let server = server();
    let tenant = Tenant::new(&server, "test");
    let mut table = Table::new();
    for (row, method) in calls().into_iter().filter(|(_, method)| *method == "GET") {
        let (name, answer) =
            row.send(&tenant, method, &row.token(&tenant, "documents"), &|kind| &tenant.ids[kind]);
        // What is not there has no body: searches of a name that nobody has.
        table.holds(&name, answer, "2xx", |answer| answer.status / 100 == 2);
    }
    table.done();
}

#[test]
fn nobody_enters_another_realm() {
    let server = server();
    let (here, there) = (Tenant::new(&server, "test"), Tenant::new(&server, "other"));
    let before = there.everything();
    let mut table = Table::new();
    for (row, method) in calls() {
        let token = row.token(&here, "documents");
        let (name, answer) = row.send(&there, method, &token, &|kind| &there.ids[kind]);
        table.holds(&name, answer, "401, 403 or 404", |answer| matches!(answer.status, 401 | 403 | 404));
    }
    table.done();
    assert_eq!(there.everything(), before);
}

/// Which refusals a row may give for what is another's: it is not there, or the body names what is not there
fn unknown(answer: &Answer) -> bool {
    matches!(answer.status, 404 | 400)
}

#[test]
fn ids_of_another_realm_are_unknown() {
    let server = server();
    let (here, there) = (Tenant::new(&server, "test"), Tenant::new(&server, "other"));
    // A token of a person comes with a session.
    let calls = calls().into_iter().map(|(row, method)| (row, method, row.token(&here, "documents")));
    let calls: Vec<_> = calls.collect();
    let before = [here.everything(), there.everything()];
    let mut table = Table::new();
    for (row, method, token) in &calls {
        let (row, method) = (*row, *method);
        let (path, body) = row.template();
        let client = matches!(row, Row::Authz(..)).then_some("client");
        let body = if row.reads_body(method) { body } else { "" };
        for foreign in kinds(path, body).into_iter().chain(client) {
            let id =
                |kind: &str| -> &str { if kind == foreign { &there.ids[kind] } else { &here.ids[kind] } };
            let (name, answer) = row.send(&here, method, token, &id);
            table.holds(&format!("{foreign}: {name}"), answer, "404, 400 or an empty list", |answer| {
                unknown(answer) || (method == "GET" && answer.json() == json!([]))
            });
        }
    }
    table.done();
    assert_eq!([here.everything(), there.everything()], before);
}

#[test]
fn ids_of_another_resource_server_are_unknown() {
    let server = server();
    let here = Tenant::new(&server, "test");
    let before = here.everything();
    let mut table = Table::new();
    for (row, method) in calls() {
        let (path, body) = row.template();
        let body = if row.reads_body(method) { body } else { "" };
        let mut ids = kinds(path, body);
        ids.remove("user");
        if matches!(row, Row::Admin(..)) || ids.is_empty() {
            continue;
        }
        let id = |kind: &str| -> &str { &here.ids[if kind == "client" { "archive" } else { kind }] };
        let (name, answer) = row.send(&here, method, &row.token(&here, "archive"), &id);
        table.holds(&name, answer, "404 or 400", unknown);
    }
    table.done();
    assert_eq!(here.everything(), before);
}
