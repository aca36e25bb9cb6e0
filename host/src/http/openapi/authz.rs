//! Resource servers as administrators see them.

use serde_json::json;

use super::{
    admin::{ADMIN, REALM},
    document::Document,
    operation::{Body, Operation, delete, get, json, list, object, objects, open, post, put, written},
};
use crate::{
    http::{
        admin::authz::{evaluate, scope, share::Sharing},
        resource_set::representation::{Replacement, View as Resource},
        stored_ticket::View as Share,
    },
    import::document::AuthorizationFile,
};

/// A policy has members of its type beside these
fn policy() -> Body {
    let text = json!({ "type": "string" });
    let names = json!({ "type": "array", "items": text });
    written(json!({
        "type": "object",
        "properties": {
            "id": text, "name": text, "description": text, "type": text,
            "logic": { "enum": ["POSITIVE", "NEGATIVE"] },
            "decisionStrategy": { "enum": ["UNANIMOUS", "AFFIRMATIVE", "CONSENSUS"] },
            "config": { "type": "object", "additionalProperties": text },
            "policies": names, "resources": names, "scopes": names,
        },
    }))
}

fn shown() -> Body {
    object("id name type")
}

/// The one of a name, or 204; without a name 400 without a body
fn search(what: &'static str) -> Operation {
    get(what).query("name").done().gives(400, Body::Nothing)
}

pub(super) fn describe(document: &mut Document) {
    let base = format!("{REALM}/clients/{{client}}/authz/resource-server");
    let mut at = |path: &str, operations: Vec<_>| document.at(ADMIN, &format!("{base}{path}"), operations);
    let settings = || {
        written(json!({ "type": "object", "properties": {
        "allowRemoteResourceManagement": { "type": "boolean" },
        "policyEnforcementMode": { "enum": ["ENFORCING", "PERMISSIVE", "DISABLED"] },
        "decisionStrategy": { "enum": ["UNANIMOUS", "AFFIRMATIVE", "CONSENSUS"] },
    } }))
    };
    at(
        "",
        vec![
            get("Settings").query("extended?").shows(object("id policyEnforcementMode decisionStrategy")),
            put("Changes them").takes(settings()).done(),
        ],
    );
    at("/settings", vec![get("Everything by name").shows(object("policyEnforcementMode decisionStrategy"))]);
    at("/import", vec![post("Takes settings in").takes(json::<AuthorizationFile>()).done()]);
    let filter = "_id name uri owner type scope after first# max# deep? exactName? matchingUri?";
    let resources =
        json!({ "type": "array", "items": { "anyOf": [{ "type": "string" }, open("_id name")] } });
    at(
        "/resource",
        vec![
            get("Resources").query(filter).shows(written(resources)),
            post("A new resource").takes(json::<Replacement>()).gives(201, json::<Resource>()),
        ],
    );
    at("/resource/search", vec![search("The resource of a name").shows(json::<Resource>())]);
    at(
        "/resource/{id}",
        vec![
            get("A resource").shows(json::<Resource>()),
            put("Describes it anew").takes(json::<Replacement>()).done(),
            delete("Removes it").done(),
        ],
    );
    at("/resource/{id}/permissions", vec![get("Its permissions").shows(objects("id name type"))]);
    at("/resource/{id}/scopes", vec![get("Its scopes").shows(list::<scope::View<'_>>())]);
    at("/resource/{id}/attributes", vec![get("Its attributes").shows(object(""))]);
    at(
        "/scope",
        vec![
            get("Scopes").query("scopeId name after first# max#").shows(list::<scope::View<'_>>()),
            post("A new scope").takes(json::<scope::Representation>()).gives(201, json::<scope::View<'_>>()),
        ],
    );
    at("/scope/search", vec![search("The scope of a name").shows(json::<scope::View<'_>>())]);
    at(
        "/scope/{id}",
        vec![
            get("A scope").shows(json::<scope::View<'_>>()),
            put("Changes it").takes(json::<scope::Representation>()).done(),
            // Without a body where it is not there
            delete("Removes it").done().gives(404, Body::Nothing),
        ],
    );
    at("/scope/{id}/permissions", vec![get("Its permissions").shows(objects("id name type"))]);
    at("/scope/{id}/resources", vec![get("Resources that have it").shows(objects("_id name"))]);
    at(
        "/share",
        vec![
            get("What owners share")
                .query("resource requester owner granted? after first# max#")
                .shows(list::<Share>()),
            post("Shares in an owner's name").takes(json::<Sharing>()).done(),
        ],
    );
    at("/share/{id}", vec![delete("Takes a share back").done()]);
    policies(document, &base);
}

fn policies(document: &mut Document, base: &str) {
    for (family, noun) in [("/policy", "Policies"), ("/permission", "Permissions")] {
        let mut at =
            |path: &str, operations: Vec<_>| document.at(ADMIN, &format!("{base}{family}{path}"), operations);
        let filter = "policyId name type resource scope owner permission? fields after first# max#";
        at(
            "",
            vec![
                get(noun).query(filter).shows(objects("id name type")),
                post("A new one, in the generic form").takes(policy()).gives(201, shown()).refuses(&[500]),
            ],
        );
        at("/search", vec![search("The one of a name").query("name fields").shows(shown())]);
        at("/providers", vec![get("Types that there are").shows(objects("type name group"))]);
        at(
            "/evaluate",
            vec![
                post("What would be decided, and why")
                    .query("trace?")
                    .takes(json::<evaluate::Representation>())
                    .shows(object("results[] entitlements? status"))
                    .refuses(&[500]),
            ],
        );
        at(
            "/{one}",
            vec![
                get("One, or those of a type").query("fields").shows(written(
                    json!({ "anyOf": [open("id name type"), { "type": "array", "items": open("id name type") }] }),
                )),
                post("A new one of this type").takes(policy()).gives(201, shown()),
                put("Changes one").takes(policy()).gives(201, Body::Nothing),
                delete("Removes one").done(),
            ],
        );
        at(
            "/{one}/{two}",
            vec![
                get("One of this type, or what one hangs together with").query("fields name").shows(written(
                    json!({ "anyOf": [{ "type": "object" }, { "type": "array", "items": { "type": "object" } }] }),
                )).done().gives(400, Body::Nothing),
                put("Changes one of this type").takes(policy()).gives(201, Body::Nothing),
                delete("Removes one of this type").done(),
            ],
        );
        at("/{one}/{two}/{three}", vec![get("What one of this type hangs together with").shows(objects(""))]);
    }
}
