//! The world in which Keycloak's own tests play (behaviours §0), and what their cases ask of an answer.
//!
//! | There | Here |
//! |---|---|
//! | `resource-server-test` | `documents` |
//! | `pairwise-resource-server-test` | `archive` (subjects are public here) |
//! | `test-app`, `test-public-client` | `reader` |
//! | `test-client` | `backend` |
//! | a script that always grants, or never | the policies `always` and `never` |
//! | a script that grants to the owner | a user policy that names the owner |

use serde_json::{Value, json};

use crate::{
    authz::{self, Authz},
    forge,
    http::Answer,
    realm::{Realm, secret, with},
    world::World,
};

/// Permits everybody but dave, who is switched off; then nobody
fn policies() -> Value {
    let dave = json!({ "users": "[\"dave\"]" });
    json!([
        { "name": "always", "type": "user", "logic": "NEGATIVE", "config": dave },
        { "name": "never", "type": "user", "config": dave },
    ])
}

/// The usual realm with marta and kolo, who may use the protection API, and the policies `always` and `never`
pub fn realm() -> Realm {
    let roles = json!({
        "realmRoles": ["default-roles-test"],
        "clientRoles": { "documents": ["uma_protection"], "archive": ["uma_protection"] },
    });
    let none = json!({ "policies": policies(), "resources": [], "scopes": [] });
    authz::realm()
        .user("marta", roles.clone())
        .user("kolo", roles)
        .settings(with(none, json!({ "allowRemoteResourceManagement": true })))
}

impl Authz {
    /// The world of the cases
    pub fn of_cases() -> Self {
        Self::of(&realm())
    }

    /// The same, with tickets that work until they expire, as Keycloak's do (design D2)
    pub fn of_cases_with_lasting_tickets() -> Self {
        Self::of(&realm().attribute("countersign.ticket_use", "until-expiry"))
    }

    /// The realm's events of this type, the newest first
    #[track_caller]
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let answer = self.bare("GET", &format!("events?type={kind}")).bearer(&self.token()).send();
        let Value::Array(events) = answer.expect(200).json() else { panic!("no list") };
        events
    }

    /// A resource permission: this policy decides about these resources, which are named by id; gives its id
    #[track_caller]
    pub fn permit(&self, resources: &[&str], policy: &str) -> String {
        let name = format!("{policy} on {}", resources.join(", "));
        let body = json!({ "name": name, "resources": resources, "policies": [policy] });
        self.make("permission/resource", &body)
    }

    /// A scope permission: this policy decides about these scopes of a resource, or of all; gives its id
    #[track_caller]
    pub fn permit_scopes(&self, resource: Option<&str>, scopes: &[&str], policy: &str) -> String {
        let name = format!("{policy} for {} on {}", scopes.join(", "), resource.unwrap_or("all"));
        let mut body = json!({ "name": name, "scopes": scopes, "policies": [policy] });
        if let Some(resource) = resource {
            body["resources"] = json!([resource]);
        }
        self.make("permission/scope", &body)
    }

    /// A resource of `documents` itself that everybody may use; gives its id
    #[track_caller]
    pub fn open(&self, name: &str, scopes: &[&str]) -> String {
        let id = self.resource(name, scopes);
        _ = self.permit(&[&id], "always");
        id
    }
}

impl World {
    /// A resource of somebody who manages it; gives its id
    #[track_caller]
    pub fn managed(&self, name: &str, owner: &str, scopes: &[&str]) -> String {
        let body =
            json!({ "name": name, "owner": owner, "ownerManagedAccess": true, "resource_scopes": scopes });
        self.register(&self.pat(), &body)
    }

    /// The UMA grant by a client that shows its secret
    pub fn uma_by(&self, client: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", crate::world::UMA)];
        form.extend(fields);
        self.post_token().basic(client, &secret(client)).form(&form).send()
    }

    /// A person asks through the resource server: his ticket and his token as `claim_token`, without a bearer
    #[track_caller]
    pub fn asks(&self, user: &str, resource: &str, scopes: &[&str]) -> Answer {
        let token = self.token(user);
        let ticket = self.ticket(&token, resource, scopes);
        self.uma_by("documents", &[("ticket", &ticket), ("claim_token", &token)])
    }

    /// The stored tickets of a resource, as the resource server sees them with names
    #[track_caller]
    pub fn rows_of(&self, resource: &str) -> Vec<Value> {
        let path = format!("permission/ticket?resourceId={resource}&returnNames=true");
        let answer = self.protection("GET", &path, &self.pat()).send().expect(200);
        let Value::Array(rows) = answer.json() else { panic!("no list: {answer}") };
        rows
    }

    /// The resource server grants all that was asked for of a resource
    #[track_caller]
    pub fn grant_all(&self, resource: &str) {
        for row in self.rows_of(resource) {
            _ = self.approve(&self.pat(), &row["id"]).expect(204);
        }
    }
}

/// The permissions of an RPT, or of `response_mode=permissions`
#[track_caller]
pub fn permissions(answer: Answer) -> Vec<Value> {
    let answer = answer.expect(200);
    let whole = answer.json();
    let list = if whole.is_array() {
        whole
    } else {
        forge::claims(&answer.member("access_token"))["authorization"]["permissions"].clone()
    };
    let Value::Array(list) = list else { panic!("no permissions: {answer}") };
    list
}

/// What was granted, as `name: scope scope`, sorted
#[track_caller]
pub fn granted(answer: Answer) -> Vec<String> {
    let mut all: Vec<_> = permissions(answer).iter().map(shown).collect();
    all.sort();
    all
}

fn shown(permission: &Value) -> String {
    let mut scopes: Vec<_> = permission["scopes"].as_array().into_iter().flatten().map(text).collect();
    scopes.sort();
    let name = permission["rsname"].as_str().unwrap_or("-");
    if scopes.is_empty() { name.to_owned() } else { format!("{name}: {}", scopes.join(" ")) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl Answer {
    /// Demands a denial, whatever its reason
    #[track_caller]
    pub fn denied(self) {
        assert_eq!((self.status, &self.json()["error"]), (403, &json!("access_denied")), "{self}");
    }

    /// Demands a refusal whose body has these words
    #[track_caller]
    pub fn says(self, status: u16, words: &str) {
        assert!(self.status == status && self.text().contains(words), "want {status} {words}\n got {self}");
    }
}
