//! The Protection API of UMA.

use serde_json::json;

use super::{
    document::{Document, Family},
    operation::{Body, delete, get, json, open, post, put, written},
};
use crate::http::{
    permission, resource_set::representation as resource, stored_ticket as ticket, uma_policy as policy,
};

const PROTECTION: Family = Family {
    tag: "protection",
    about: "Resources, permission requests, shares and owners' policies of a resource server",
    security: &["pat"],
    refuses: &[400, 401, 403, 404, 503],
    refuses_bodies: &[408, 413, 415],
    refuses_changes: &[409],
};

const BASE: &str = "/realms/{realm}/authz/protection";

/// Ids, or with `deep` whole representations
fn resources() -> Body {
    written(json!({ "type": "array", "items": { "anyOf": [{ "type": "string" }, open("_id name")] } }))
}

pub(super) fn describe(document: &mut Document) {
    document.family(PROTECTION);
    let at = |name: &str| format!("{BASE}/{name}");
    let search = "_id name uri owner type scope after first# max# deep? exactName? matchingUri?";
    document.at(
        PROTECTION,
        &at("resource_set"),
        [
            get("Resources, by id or whole").query(search).shows(resources()),
            post("Registers a resource")
                .takes(json::<resource::Description>())
                .gives(201, json::<resource::View>()),
        ],
    );
    document.at(
        PROTECTION,
        &at("resource_set/{id}"),
        [
            get("A resource").shows(json::<resource::View>()),
            // In the UMA dialect 200 with the id
            put("Describes a resource anew")
                .takes(json::<resource::Replacement>())
                .done()
                .shows(written(open("_id"))),
            delete("Removes a resource with its shares and policies").done(),
        ],
    );
    let request = json!({ "$ref": "#/components/schemas/PermissionRequest.taken" });
    // One object in the UMA dialect
    let requests = json!({ "anyOf": [{ "type": "array", "items": request, "minItems": 1 }, request] });
    document.at(
        PROTECTION,
        &at("permission"),
        [post("Asks for a permission ticket")
            .takes(written(requests))
            .gives(201, super::operation::object("ticket"))],
    );
    document.define::<permission::Item>();
    let filter = "scopeId resourceId owner requester granted? returnNames? after first# max# extended?";
    document.at(
        PROTECTION,
        &at("permission/ticket"),
        [
            get("Shares and requests").query(filter).shows(super::operation::list::<ticket::View>()),
            post("Shares, or asks in a requester's name")
                .query("extended?")
                .takes(json::<ticket::Ticket>())
                .shows(json::<ticket::View>()),
            put("Grants a request, takes a share back, or changes when it ends")
                .takes(json::<ticket::Ticket>())
                .done(),
        ],
    );
    document.at(
        PROTECTION,
        &at("permission/ticket/count"),
        [get("How many there are").query(filter).shows(written(json!({ "type": "integer" })))],
    );
    document.at(PROTECTION, &at("permission/ticket/{id}"), [delete("Ends a share or a request").done()]);
    document.at(
        PROTECTION,
        &at("uma-policy"),
        [get("Policies of owners")
            .query("name resource scope after first# max# extended?")
            .shows(super::operation::list::<policy::View>())
            .done()],
    );
    document.at(
        PROTECTION,
        &at("uma-policy/{id}"),
        [
            get("A policy").query("extended?").shows(json::<policy::View>()),
            post("Makes a policy; the id is that of the resource")
                .query("extended?")
                .takes(json::<policy::Representation>())
                .shows(json::<policy::View>()),
            put("Changes a policy").takes(json::<policy::Representation>()).gives(201, Body::Nothing),
            delete("Removes a policy").done(),
        ],
    );
}
