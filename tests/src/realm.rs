//! Realms as Keycloak exports them (wire §9).

use serde_json::{Value, json};

/// A realm with the people and clients that the tests need
///
/// | Who | What |
/// |---|---|
/// | `documents`, `archive` | two resource servers with service accounts |
/// | `reader` | a public app |
/// | `backend` | a confidential client without a service account |
/// | `robot` | a confidential client with one, but no resource server |
/// | `listener`, `gone` | bearer-only; switched off |
/// | alice, carol | may use the protection API of `documents` and `archive`; carol is `manager` and in `/staff` |
/// | bob | may not |
/// | dave | switched off |
#[derive(Debug, Clone)]
pub struct Realm(Value);

/// The password of a user
pub fn password(user: &str) -> String {
    format!("{user}-password")
}

/// The secret of a client
pub fn secret(client: &str) -> String {
    format!("{client}-secret")
}

/// A user with a password
pub fn user(name: &str) -> Value {
    json!({
        "username": name, "enabled": true, "email": format!("{name}@test.example"), "emailVerified": true,
        "firstName": name, "lastName": "Test",
        "credentials": [{ "type": "password", "value": password(name), "temporary": false }],
    })
}

/// A confidential client with direct grants
pub fn client(id: &str) -> Value {
    json!({
        "clientId": id, "enabled": true, "protocol": "openid-connect", "publicClient": false,
        "clientAuthenticatorType": "client-secret", "secret": secret(id), "standardFlowEnabled": false,
        "directAccessGrantsEnabled": true, "redirectUris": [], "webOrigins": [],
    })
}

/// A client with authorization settings
pub fn resource_server(id: &str, settings: Value) -> Value {
    let own = json!({ "serviceAccountsEnabled": true, "authorizationServicesEnabled": true });
    with(with(client(id), own), json!({ "authorizationSettings": settings }))
}

/// Settings of a resource server with the scopes `read` and `write`
pub fn settings() -> Value {
    json!({
        "allowRemoteResourceManagement": true, "policyEnforcementMode": "ENFORCING",
        "decisionStrategy": "UNANIMOUS", "resources": [], "policies": [],
        "scopes": [{ "name": "read" }, { "name": "write" }],
    })
}

/// The members of the second added to the first
pub fn with(mut first: Value, second: Value) -> Value {
    let Value::Object(members) = second else { panic!("not an object") };
    first.as_object_mut().unwrap().extend(members);
    first
}

impl Realm {
    /// The usual people and clients
    pub fn new(name: &str) -> Self {
        let default_role = format!("default-roles-{name}");
        let protected = json!({ "documents": ["uma_protection"], "archive": ["uma_protection"] });
        let person = |name: &str| with(user(name), json!({ "realmRoles": [default_role] }));
        let carol = json!({
            "realmRoles": [default_role, "manager"], "groups": ["/staff"], "clientRoles": protected,
        });
        let public = json!({ "publicClient": true, "webOrigins": ["https://app.example"] });
        Self(json!({
            "realm": name, "enabled": true, "sslRequired": "none", "userManagedAccessAllowed": true,
            "accessTokenLifespan": 300,
            "roles": {
                "realm": [{ "name": default_role }, { "name": "manager" }],
                "client": {
                    "documents": [{ "name": "uma_protection" }, { "name": "editor" }],
                    "archive": [{ "name": "uma_protection" }],
                },
            },
            "groups": [{ "name": "staff", "subGroups": [{ "name": "night" }] }],
            "users": [
                with(person("alice"), json!({ "clientRoles": protected })),
                person("bob"),
                with(person("carol"), carol),
                with(person("dave"), json!({ "enabled": false })),
            ],
            "clients": [
                resource_server("documents", settings()),
                resource_server("archive", settings()),
                with(client("reader"), public),
                client("backend"),
                with(client("robot"), json!({ "serviceAccountsEnabled": true })),
                with(client("listener"), json!({ "bearerOnly": true })),
                with(client("gone"), json!({ "enabled": false, "serviceAccountsEnabled": true })),
            ],
        }))
    }

    /// Sets a member of the realm
    #[must_use]
    pub fn set(mut self, member: &str, value: Value) -> Self {
        self.0[member] = value;
        self
    }

    /// Sets an attribute of the realm, `countersign.*` among them
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.0["attributes"][name] = value.into();
        self
    }

    /// Adds members to a client
    #[must_use]
    pub fn client(mut self, id: &str, members: Value) -> Self {
        let clients = self.0["clients"].as_array_mut().unwrap();
        match clients.iter_mut().find(|client| client["clientId"] == id) {
            Some(known) => *known = with(known.take(), members),
            None => clients.push(with(client(id), members)),
        }
        self
    }

    /// Adds members to a user
    #[must_use]
    pub fn user(mut self, name: &str, members: Value) -> Self {
        let users = self.0["users"].as_array_mut().unwrap();
        match users.iter_mut().find(|user| user["username"] == name) {
            Some(known) => *known = with(known.take(), members),
            None => users.push(with(user(name), members)),
        }
        self
    }

    /// Adds members to the settings of the resource server `documents`
    #[must_use]
    pub fn settings(self, members: Value) -> Self {
        let settings = with(settings(), members);
        self.client("documents", json!({ "authorizationSettings": settings }))
    }

    /// The file
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// Its name
    pub fn name(&self) -> &str {
        self.0["realm"].as_str().unwrap()
    }
}
