//! What tokens of the fixture realms say, claim for claim: names, nesting, and what is left out (wire §1, §6.12, §9.3).
//!
//! `exp`, `iat`, `jti`, `iss`, `sid` and ids that a realm makes anew are looked at for their form.

use std::fs;

use countersign_tests::{folder, forge::claims, http::Answer, server::Server};
use serde_json::{Map, Value, json};

/// A fixture whose clients take passwords: people sign in through a page there
fn served(files: &[&str]) -> Option<Server> {
    let Some(folder) = folder::fixtures() else {
        println!("not here: ../shared/fixtures");
        return None;
    };
    let mut builder = Server::builder();
    for name in files {
        let text = fs::read_to_string(folder.join("realms").join(name)).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        for client in file["clients"].as_array_mut().into_iter().flatten() {
            client["directAccessGrantsEnabled"] = true.into();
        }
        builder = builder.import_text(name, &file.to_string());
    }
    Some(builder.start())
}

struct Client<'a> {
    server: &'a Server,
    realm: &'a str,
    id: &'a str,
    secret: &'a str,
}

impl Client<'_> {
    fn grant(&self, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{}/realms/{}/protocol/openid-connect/token", self.server.base(), self.realm);
        self.server.http.post(&url).basic(self.id, self.secret).form(fields).send().expect(200)
    }

    /// Access token and ID token of a person, and what userinfo says
    fn person(&self, user: &str) -> [Value; 3] {
        let fields =
            [("grant_type", "password"), ("username", user), ("password", user), ("scope", "openid")];
        let answer = self.grant(&fields);
        let token = answer.member("access_token");
        let url = format!("{}/realms/{}/protocol/openid-connect/userinfo", self.server.base(), self.realm);
        let info = self.server.http.get(&url).bearer(&token).send().expect(200).json();
        [self.settled(claims(&token)), self.settled(claims(&answer.member("id_token"))), info]
    }

    fn own(&self) -> Value {
        self.settled(claims(&self.grant(&[("grant_type", "client_credentials")]).member("access_token")))
    }

    /// Without what no two tokens share, once it is seen to be right; lists without order
    fn settled(&self, token: Value) -> Value {
        let Value::Object(mut token) = token else { panic!("no claims") };
        let number =
            |token: &mut Map<String, Value>, name: &str| token.remove(name).unwrap().as_u64().unwrap();
        let (exp, iat) = (number(&mut token, "exp"), number(&mut token, "iat"));
        assert_eq!(exp - iat, 300);
        let issuer = format!("{}/realms/{}", self.server.base(), self.realm);
        assert_eq!(token.remove("iss"), Some(issuer.into()));
        assert_eq!(token.remove("azp"), Some(self.id.into()));
        for name in ["jti", "sub"] {
            assert!(token.remove(name).is_some_and(|value| value.as_str().unwrap().len() >= 36), "{name}");
        }
        if let Some(sid) = token.remove("sid") {
            assert_eq!(sid.as_str().unwrap().len(), 24);
            token.insert("sid".to_owned(), "…".into());
        }
        if let Some(hash) = token.remove("at_hash") {
            assert_eq!(hash.as_str().unwrap().len(), 22);
            token.insert("at_hash".to_owned(), "…".into());
        }
        let mut token = Value::from(token);
        sort(&mut token);
        token
    }
}

fn sort(value: &mut Value) {
    match value {
        Value::Array(items) => items.sort_by_key(ToString::to_string),
        Value::Object(members) => members.values_mut().for_each(sort),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the client scopes `profile` and `email` say of somebody
fn person(username: &str, (given, family): (&str, &str), email: &str, verified: bool) -> Value {
    json!({
        "name": format!("{given} {family}"), "given_name": given, "family_name": family,
        "preferred_username": username, "email": email, "email_verified": verified,
    })
}

fn with(first: &Value, second: Value) -> Value {
    countersign_tests::realm::with(first.clone(), second)
}

/// Access token, ID token and userinfo of a person
fn check(client: &Client<'_>, user: &str, person: &Value, access: Value) {
    let [token, id, mut info] = client.person(user);
    let access = with(&with(person, json!({ "typ": "Bearer", "sid": "…", "acr": "1" })), access);
    assert_eq!(token, access, "access token of {user}");
    let tied = json!({ "typ": "ID", "sid": "…", "at_hash": "…", "acr": "1", "aud": client.id });
    assert_eq!(id, with(person, tied), "ID token of {user}");
    assert!(info.as_object_mut().unwrap().remove("sub").is_some());
    assert_eq!(info, *person, "userinfo of {user}");
}

#[test]
fn tokens_of_the_dotnet_sample() {
    let Some(server) = served(&["dotnet-uma-users.json", "dotnet-uma-realm.json"]) else { return };
    let client = |id, secret| Client { server: &server, realm: "Test", id, secret };
    let roles = json!(["default-roles-test", "offline_access", "uma_authorization"]);
    let account = json!(["manage-account", "manage-account-links", "view-profile"]);
    let common = json!({
        "realm_access": { "roles": roles }, "resource_access": { "account": { "roles": account } },
        "allowed-origins": ["*"], "scope": "openid email profile",
        "aud": ["account", "uma-resource-server"],
    });
    for (user, name, email) in
        [("alice", ("Alice", "Owner"), "alice@test.com"), ("bob", ("Bob", "Requester"), "bob@test.com")]
    {
        let person = person(user, name, email, true);
        check(&client("uma-client-app", "uma-client-app-secret"), user, &person, common.clone());
        check(&client("uma-resource-server", "uma-resource-server-secret"), user, &person, common.clone());
    }
    let own = client("uma-resource-server", "uma-resource-server-secret").own();
    let account = json!({ "roles": ["manage-account", "manage-account-links", "view-profile"] });
    let want = json!({
        "typ": "Bearer", "acr": "1", "scope": "email profile", "allowed-origins": ["*"],
        "aud": ["account", "uma-resource-server"], "realm_access": { "roles": roles },
        "resource_access": { "account": account, "uma-resource-server": { "roles": ["uma_protection"] } },
        "client_id": "uma-resource-server", "clientHost": "127.0.0.1", "clientAddress": "127.0.0.1",
        "preferred_username": "service-account-uma-resource-server", "email_verified": false,
    });
    assert_eq!(own, want, "service account");
}

#[test]
fn tokens_of_photoz() {
    let Some(server) = served(&["photoz-realm.json"]) else { return };
    let client = Client { server: &server, realm: "photoz", id: "photoz-restful-api", secret: "secret" };
    let account = json!({ "roles": ["manage-account", "manage-account-links"] });
    let own = json!({ "roles": ["manage-albums"] });
    let common = json!({
        "realm_access": { "roles": ["uma_authorization", "user"] },
        "resource_access": { "account": account, "photoz-restful-api": own },
        "allowed-origins": ["http://localhost:8080"], "scope": "openid email profile", "aud": "account",
    });
    for (user, name, email) in [
        ("alice", ("Alice", "In Chains"), "alice@keycloak.org"),
        ("jdoe", ("John", "Doe"), "jdoe@keycloak.org"),
    ] {
        check(&client, user, &person(user, name, email, false), common.clone());
    }
    let [token, ..] = client.person("admin");
    assert_eq!(token["realm_access"], json!({ "roles": ["admin", "uma_authorization"] }));
    assert_eq!(token["aud"], json!(["account", "realm-management"]));
    let management: Vec<_> =
        token["resource_access"]["realm-management"]["roles"].as_array().unwrap().clone();
    for role in ["manage-users", "realm-admin", "view-authorization"] {
        assert!(management.iter().any(|known| known == role), "{management:?}");
    }
    let own = client.own();
    assert_eq!(own["resource_access"], json!({ "photoz-restful-api": { "roles": ["uma_protection"] } }));
    assert_eq!(own["email"], "service-account-photoz-restful-api@placeholder.org");
    assert!(own.get("realm_access").is_none() && own.get("aud").is_none(), "{own}");
}

/// Nobody there has the default role: no `aud`, no `resource_access` (wire §9.3)
fn quickstart(file: &str, id: &str, roles: &[(&str, &str, &str, &[&str])]) {
    let Some(server) = served(&[file]) else { return };
    let client = Client { server: &server, realm: "quickstart", id, secret: "secret" };
    for (user, given, family, roles) in roles {
        let person = person(user, (given, family), &format!("{user}@keycloak.org"), false);
        let access = json!({ "realm_access": { "roles": roles }, "scope": "openid email profile" });
        check(&client, user, &person, access);
    }
    let want = json!({
        "typ": "Bearer", "acr": "1", "scope": "email profile",
        "resource_access": { id: { "roles": ["uma_protection"] } },
        "client_id": id, "clientHost": "127.0.0.1", "clientAddress": "127.0.0.1",
        "preferred_username": format!("service-account-{id}"), "email_verified": false,
    });
    assert_eq!(client.own(), want, "service account");
}

#[test]
fn tokens_of_the_servlet_quickstart() {
    quickstart(
        "servlet-authz-realm.json",
        "jakarta-servlet-authz-client",
        &[
            ("alice", "Alice", "Liddel", &["user"]),
            ("jdoe", "jdoe", "jdoe", &["user", "user_premium"]),
            ("admin", "admin", "admin", &["admin", "user"]),
        ],
    );
}

#[test]
fn tokens_of_the_spring_quickstart() {
    quickstart(
        "spring-authz-realm.json",
        "authz-servlet",
        &[("alice", "Alice", "Liddel", &["user"]), ("jdoe", "jdoe", "jdoe", &["user", "user_premium"])],
    );
}
