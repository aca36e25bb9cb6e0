//! The account API: what people see and change of their own.

use serde_json::json;

use super::{
    document::{Document, Family},
    operation::{Body, delete, get, json, list, objects, post, put, written},
};
use crate::{
    http::account::{
        applications::{Application, ConsentView, Wanted},
        credentials::Container,
        groups::Group,
        permissions::{Permission, Requester},
        profile::Profile,
        resources::View as Resource,
        sessions::View as SignIn,
    },
    representation::user::UserRepresentation,
    store::audit::AuditRow,
};

const ACCOUNT: Family = Family {
    tag: "account",
    about: "What people see and change of their own; below `account/v1`, and below `account` for whoever asks for JSON",
    security: &["person"],
    refuses: &[400, 401, 403, 404, 503],
    refuses_bodies: &[408, 413, 415],
    refuses_changes: &[409],
};

pub(super) fn describe(document: &mut Document) {
    document.family(ACCOUNT);
    at(document, ACCOUNT, "/realms/{realm}/account/v1");
    // What browsers ask for there is a page.
    let plain = Family { refuses: &[400, 401, 403, 404, 406, 503], ..ACCOUNT };
    at(document, plain, "/realms/{realm}/account");
}

fn at(document: &mut Document, family: Family, base: &str) {
    let mut at = |path: &str, operations: Vec<_>| document.at(family, &format!("{base}{path}"), operations);
    at(
        "",
        vec![
            get("Oneself").query("userProfileMetadata?").shows(json::<UserRepresentation>()),
            post("Changes that").takes(json::<Profile>()).done(),
        ],
    );
    at(
        "/sessions",
        vec![
            get("One's sign-ins").shows(list::<SignIn>()),
            delete("Ends them, but for this one").query("current?").done(),
        ],
    );
    at("/sessions/{id}", vec![delete("Ends one").done()]);
    at(
        "/credentials",
        vec![
            get("Passwords and the like, by type").query("type user-credentials?").shows(list::<Container>()),
        ],
    );
    at("/credentials/{id}", vec![delete("Removes a passkey").done()]);
    at(
        "/audit",
        vec![
            get("What happened to one's own resources")
                .query("event* actor resource requester before# after# max#")
                .shows(list::<AuditRow>()),
        ],
    );
    at("/applications", vec![get("Applications that one uses").query("name").shows(list::<Application>())]);
    at(
        "/applications/{client}/consent",
        vec![
            get("What one lets a client have").shows(json::<ConsentView>()).done(),
            post("Lets it have this").takes(json::<Wanted>()).shows(json::<ConsentView>()),
            put("The same").takes(json::<Wanted>()).shows(json::<ConsentView>()),
            delete("Takes it back").done(),
        ],
    );
    at("/groups", vec![get("Groups that one is in").query("briefRepresentation?").shows(list::<Group>())]);
    let locales = json!({ "type": "array", "items": { "type": "string" } });
    at("/supportedLocales", vec![get("Languages").shows(written(locales))]);
    let page = "name after first# max#";
    at("/resources", vec![get("Resources that one owns").query(page).shows(list::<Resource>())]);
    at("/resources/shared-with-me", vec![get("Resources of others").query(page).shows(list::<Resource>())]);
    at(
        "/resources/shared-with-others",
        vec![get("Resources that others may use").query(page).shows(list::<Resource>())],
    );
    at(
        "/resources/pending-requests",
        vec![get("Resources that one waits for").query(page).shows(list::<Resource>())],
    );
    at("/resources/{id}", vec![get("A resource").shows(json::<Resource>())]);
    at(
        "/resources/{id}/permissions",
        vec![
            get("Who may use it").query(page).shows(list::<Permission>()),
            put("Changes that").takes(json::<Vec<Permission>>()).done(),
        ],
    );
    at(
        "/resources/{id}/permissions/requests",
        vec![get("Who asks for it").query(page).shows(objects("username"))],
    );
    at(
        "/resources/{id}/user",
        vec![
            get("Who has this name or address")
                .query("value")
                .shows(json::<Requester>())
                .gives(204, Body::Nothing),
        ],
    );
}
