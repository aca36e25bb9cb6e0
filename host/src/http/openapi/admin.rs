//! The admin API, but for resource servers.

use super::{
    document::{Document, Family},
    operation::{Body, Operation, delete, get, json, list, object, objects, post, put},
    people,
};
use crate::{
    http::admin::{keys::Rotation, partial::PartialImport},
    realm::{ClientScope, ProtocolMapper},
    representation::{
        client::ClientRepresentation,
        event::{AdminEventRepresentation, EventRepresentation, RequiredAction},
        realm::{EventsConfig, RealmRepresentation},
        session::SessionRepresentation,
        user::UserRepresentation,
    },
    store::audit::AuditRow,
};

pub(super) const ADMIN: Family = Family {
    tag: "admin",
    about: "What administrators do, as Keycloak's admin API has it",
    security: &["administrator"],
    refuses: &[400, 401, 403, 404, 503],
    refuses_bodies: &[408, 413, 415],
    refuses_changes: &[409],
};

/// Every path of one realm begins so
pub(super) const REALM: &str = crate::http::admin::REALM;
/// A part of a list
pub(super) const PAGE: &str = "after first# max#";

/// Adds operations below a realm
pub(super) struct Realm<'a>(&'a mut Document);

impl Realm<'_> {
    pub(super) fn at(&mut self, path: &str, operations: impl IntoIterator<Item = Operation>) {
        self.0.at(ADMIN, &format!("{REALM}{path}"), operations);
    }
}

pub(super) fn describe(document: &mut Document) {
    document.family(ADMIN);
    document.at(
        ADMIN,
        "/admin/realms",
        [
            get("Realms that one may see").query("briefRepresentation?").shows(objects("realm")),
            post("A new realm").takes(json::<RealmRepresentation>()).gives(201, Body::Nothing),
        ],
    );
    let mut realm = Realm(document);
    realms(&mut realm);
    people::describe(&mut realm);
    clients(&mut realm);
    client_scopes(&mut realm);
    for base in ["/clients/{uuid}", "/client-scopes/{id}"] {
        mappers(&mut realm, base);
    }
    records(&mut realm);
}

pub(super) fn made(what: &'static str, body: Body) -> Operation {
    post(what).takes(body).gives(201, Body::Nothing)
}

pub(super) fn changed(what: &'static str, body: Body) -> Operation {
    put(what).takes(body).done()
}

fn realms(realm: &mut Realm<'_>) {
    realm.at(
        "",
        [
            get("A realm").shows(object("realm")),
            changed("Changes it", json::<RealmRepresentation>()),
            delete("Removes it with all that is in it").done(),
        ],
    );
    realm.at(
        "/partialImport",
        [post("Takes in people, clients, roles and groups")
            .takes(json::<PartialImport>())
            .shows(object("added# skipped# overwritten# results[]"))],
    );
    let export = post("The realm as a file, without secrets and people");
    realm
        .at("/partial-export", [export.query("exportClients? exportGroupsAndRoles?").shows(object("realm"))]);
    realm.at("/keys", [get("Keys that tokens are signed with").shows(object("active{} keys[]"))]);
    realm.at("/keys/rotate", [post("Makes new keys").may_take(json::<Rotation>()).done()]);
    realm.at("/components", [get("Components").query("parent type name").shows(objects("id providerType"))]);
    realm.at("/components/{id}", [get("A component").shows(object("id providerType"))]);
    realm.at("/logout-all", [post("Ends every sign-in").shows(object(""))]);
    realm.at("/sessions/{sid}", [delete("Ends a sign-in").done()]);
    realm.at(
        "/authentication/required-actions",
        [get("What people may have to do").shows(list::<RequiredAction>())],
    );
    realm.at(
        "/authentication/required-actions/{alias}",
        [
            get("One such action").shows(json::<RequiredAction>()),
            changed("Changes it", json::<RequiredAction>()),
        ],
    );
}

fn clients(realm: &mut Realm<'_>) {
    realm.at(
        "/clients",
        [
            get("Clients").query("clientId search? after first# max#").shows(objects("id clientId")),
            made("A new client", json::<ClientRepresentation>()),
        ],
    );
    let one = "/clients/{uuid}";
    let mut at = |path: &str, operations: Vec<Operation>| realm.at(&format!("{one}{path}"), operations);
    at(
        "",
        vec![
            get("A client").shows(object("id clientId")),
            changed("Changes a client", json::<ClientRepresentation>()),
            delete("Removes a client").done(),
        ],
    );
    let secret = || object("type");
    at("/client-secret", vec![get("Its secret").shows(secret()), post("Makes a new one").shows(secret())]);
    at("/service-account-user", vec![get("Its service account").shows(json::<UserRepresentation>())]);
    at("/user-sessions", vec![get("Sign-ins at it").query(PAGE).shows(list::<SessionRepresentation>())]);
    at("/session-count", vec![get("How many").shows(object("count#"))]);
    at(
        "/installation/providers/keycloak-oidc-keycloak-json",
        vec![get("What its adapter reads").shows(object("realm resource"))],
    );
    for (list, what) in
        [("default", "Scopes that every token has"), ("optional", "Scopes that a request may name")]
    {
        let base = format!("/{list}-client-scopes");
        at(&base, vec![get(what).shows(objects("id name"))]);
        at(&format!("{base}/{{id}}"), vec![put("Adds a scope").done(), delete("Takes it away").done()]);
    }
}

fn client_scopes(realm: &mut Realm<'_>) {
    realm.at(
        "/client-scopes",
        [
            get("Client scopes").shows(list::<ClientScope>()),
            made("A new client scope", json::<ClientScope>()),
        ],
    );
    realm.at(
        "/client-scopes/{id}",
        [
            get("A client scope").shows(json::<ClientScope>()),
            changed("Changes it", json::<ClientScope>()),
            delete("Removes it").done(),
        ],
    );
    for name in ["default", "optional"] {
        let base = format!("/default-{name}-client-scopes");
        realm.at(&base, [get("Client scopes that new clients have").shows(objects("id name"))]);
        let one = format!("{base}/{{id}}");
        realm.at(&one, [put("New clients have this too").done(), delete("New clients do not").done()]);
    }
}

fn mappers(realm: &mut Realm<'_>, base: &str) {
    let base = format!("{base}/protocol-mappers");
    realm.at(
        &format!("{base}/models"),
        [get("Mappers").shows(list::<ProtocolMapper>()), made("A new mapper", json::<ProtocolMapper>())],
    );
    realm.at(&format!("{base}/add-models"), [post("New mappers").takes(list::<ProtocolMapper>()).done()]);
    realm.at(
        &format!("{base}/models/{{mapper}}"),
        [
            get("A mapper").shows(json::<ProtocolMapper>()),
            changed("Changes it", json::<ProtocolMapper>()),
            delete("Removes it").done(),
        ],
    );
    let of = get("Mappers of a protocol");
    realm.at(&format!("{base}/protocol/{{protocol}}"), [of.shows(list::<ProtocolMapper>())]);
}

fn records(realm: &mut Realm<'_>) {
    let filter = "type* client user ipAddress dateFrom dateTo after first# max#";
    realm.at(
        "/events",
        [
            get("What people and clients did").query(filter).shows(list::<EventRepresentation>()),
            delete("Forgets it").done(),
        ],
    );
    realm.at(
        "/events/config",
        [
            get("What is kept").shows(object("eventsEnabled?")),
            changed("Changes that", json::<EventsConfig>()),
        ],
    );
    realm.at(
        "/admin-events",
        [
            get("What administrators did").query(PAGE).shows(list::<AdminEventRepresentation>()),
            delete("Forgets it").done(),
        ],
    );
    realm.at(
        "/audit",
        [get("Decisions and changes of shares")
            .query("event* actor resourceServer resource owner requester before# after# max#")
            .shows(list::<AuditRow>())],
    );
}
