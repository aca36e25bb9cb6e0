//! The document that a script is run on: what `$evaluation` shows (`keycloak-wire` §8.8).

use std::collections::BTreeMap;

use countersign_core::{
    assessment::Question,
    permission::Claims,
    policy::{PolicyRow, Unheard},
    time::WallClock,
};
use serde_json::{Map, Value, json};

use crate::{
    app::App,
    decide::Party,
    realm::Client,
    store::{StoreError, resource::ResourceRecord},
};

/// Names to values, as both kinds of attributes have them
type Attributes = BTreeMap<String, Vec<String>>;

/// What is the same for every script of a question
#[derive(Debug)]
pub(super) struct Surroundings {
    server: Value,
    server_id: String,
    identity: Value,
    context: Attributes,
    claims: Claims,
}

impl Surroundings {
    /// Of a question by this party
    pub(super) fn new(server: &Client, party: &Party, question: &Question) -> Self {
        let claims = question.claims();
        let mut context: Attributes = claims.clone();
        // What the server vouches for comes last: nothing that was pushed takes its place (`keycloak-wire` N24).
        let clock = WallClock::at(question.now, question.utc_offset).to_string();
        context.insert("kc.time.date_time".to_owned(), vec![clock]);
        context.extend(question.context.clone());
        Self {
            server: json!({ "id": server.id, "clientId": server.client_id }),
            server_id: server.id.clone(),
            identity: json!({ "id": party.requester.id, "attributes": identity(party) }),
            context,
            claims,
        }
    }

    /// The document for one script on one resource
    pub(super) fn document(
        &self,
        app: &App,
        policy: &PolicyRow,
        asked: &Unheard,
    ) -> Result<Value, StoreError> {
        let resource = match &asked.resource {
            Some(id) => app.store.resource(&self.server_id, id.as_str())?,
            None => None,
        };
        let mut scopes = Vec::new();
        for scope in &asked.scopes {
            if let Some(scope) = app.store.scope(&self.server_id, scope.as_str())? {
                scopes.push(json!({
                    "id": scope.id, "name": scope.name, "displayName": scope.display_name, "iconUri": scope.icon_uri,
                }));
            }
        }
        Ok(json!({
            "server": self.server,
            "identity": self.identity,
            "context": self.context,
            "claims": self.claims,
            "resource": resource.as_ref().map(of_resource),
            "scopes": scopes,
            "policy": {
                "id": policy.id, "name": policy.name, "type": policy.kind,
                "logic": policy.logic, "decisionStrategy": policy.strategy,
            },
        }))
    }
}

fn of_resource(resource: &ResourceRecord) -> Value {
    let scopes = resource.scopes.iter().map(|scope| {
        json!({ "id": scope.id, "name": scope.name, "displayName": scope.display_name, "iconUri": scope.icon_uri })
    });
    let attributes: BTreeMap<_, _> =
        resource.attributes.iter().filter(|(_, values)| !values.is_empty()).collect();
    json!({
        "id": resource.id, "name": resource.name, "displayName": resource.display_name, "type": resource.kind,
        "iconUri": resource.icon_uri, "owner": resource.owner, "ownerManagedAccess": resource.owner_managed,
        "uris": resource.uris, "scopes": scopes.collect::<Vec<_>>(), "attributes": attributes,
    })
}

/// Every claim of the token, lists as they are, objects as their JSON; and the roles
fn identity(party: &Party) -> Attributes {
    let requester = &party.requester;
    let mut all = of_claims(&requester.claims);
    let names = |roles: &std::collections::BTreeSet<String>| roles.iter().cloned().collect::<Vec<_>>();
    if !requester.roles.realm.is_empty() {
        all.insert("kc.realm.roles".to_owned(), names(&requester.roles.realm));
    }
    for (client, roles) in &requester.roles.client {
        all.insert(format!("kc.client.{client}.roles"), names(roles));
    }
    all
}

fn of_claims(claims: &Map<String, Value>) -> Attributes {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    let values = |value: &Value| match value {
        Value::Array(items) => items.iter().map(text).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            vec![text(other)]
        }
    };
    claims
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), values(value)))
        .collect()
}
