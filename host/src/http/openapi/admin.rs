//! The admin API, but for resource servers.

use serde_json::json;

use super::{
    document::{Document, Family},
    operation::{Body, Operation, delete, get, json, list, object, objects, post, put, written},
};
use crate::{
    http::admin::{keys::Rotation, partial::PartialImport},
    realm::{ClientScope, ProtocolMapper},
    representation::{
        client::ClientRepresentation,
        credential::CredentialRepresentation,
        event::{AdminEventRepresentation, EventRepresentation, RequiredAction},
        group::GroupRepresentation,
        realm::{EventsConfig, RealmRepresentation},
        role::RoleRepresentation,
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
const PAGE: &str = "first# max#";

/// Adds operations below a realm
struct Realm<'a>(&'a mut Document);

impl Realm<'_> {
    fn at(&mut self, path: &str, operations: impl IntoIterator<Item = Operation>) {
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
    users(&mut realm);
    groups(&mut realm);
    for base in ["/roles", "/clients/{uuid}/roles"] {
        realm.at(
            base,
            [
                get("Roles")
                    .query("search briefRepresentation? first# max#")
                    .shows(list::<RoleRepresentation>()),
                made("A new role", json::<RoleRepresentation>()),
            ],
        );
        let one = format!("{base}/{{name}}");
        role(&mut realm, &one);
        realm
            .at(&format!("{one}/users"), [get("Who has it").query(PAGE).shows(list::<UserRepresentation>())]);
        realm.at(
            &format!("{one}/groups"),
            [get("Groups that have it").query(PAGE).shows(list::<GroupRepresentation>())],
        );
    }
    role(&mut realm, "/roles-by-id/{id}");
    for base in ["/users/{id}/role", "/groups/{id}/role", "/clients/{id}/scope", "/client-scopes/{id}/scope"]
    {
        mappings(&mut realm, base);
    }
    clients(&mut realm);
    client_scopes(&mut realm);
    for base in ["/clients/{uuid}", "/client-scopes/{id}"] {
        mappers(&mut realm, base);
    }
    records(&mut realm);
}

fn made(what: &'static str, body: Body) -> Operation {
    post(what).takes(body).gives(201, Body::Nothing)
}

fn changed(what: &'static str, body: Body) -> Operation {
    put(what).takes(body).is_done()
}

fn realms(realm: &mut Realm<'_>) {
    realm.at(
        "",
        [
            get("A realm").shows(object("realm")),
            changed("Changes it", json::<RealmRepresentation>()),
            delete("Removes it with all that is in it").is_done(),
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
    realm.at("/keys/rotate", [post("Makes new keys").may_take(json::<Rotation>()).is_done()]);
    realm.at("/components", [get("Components").query("parent type name").shows(objects("id providerType"))]);
    realm.at("/components/{id}", [get("A component").shows(object("id providerType"))]);
    realm.at("/logout-all", [post("Ends every sign-in").shows(object(""))]);
    realm.at("/sessions/{sid}", [delete("Ends a sign-in").is_done()]);
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

fn users(realm: &mut Realm<'_>) {
    let filter = "search username email firstName lastName exact? enabled? emailVerified? \
                  briefRepresentation? first# max#";
    realm.at(
        "/users",
        [
            get("People").query(filter).shows(list::<UserRepresentation>()),
            made("A new person", json::<UserRepresentation>()),
        ],
    );
    realm.at(
        "/users/count",
        [get("How many")
            .query("search username email firstName lastName enabled? emailVerified?")
            .shows(written(json!({ "type": "integer" })))],
    );
    let profile = || object("attributes[]");
    realm.at(
        "/users/profile",
        [
            get("What people are asked for").shows(profile()),
            put("Changes that").takes(profile()).shows(object("")),
        ],
    );
    realm.at(
        "/users/{id}",
        [
            get("A person").shows(json::<UserRepresentation>()),
            changed("Changes a person", json::<UserRepresentation>()),
            delete("Removes a person").is_done(),
        ],
    );
    realm.at("/users/{id}/reset-password", [changed("Sets a password", json::<CredentialRepresentation>())]);
    realm.at("/users/{id}/credentials", [get("Passwords and the like").shows(objects("id type"))]);
    realm.at(
        "/users/{id}/groups",
        [get("Groups").query("search briefRepresentation? first# max#").shows(list::<GroupRepresentation>())],
    );
    realm.at("/users/{id}/groups/count", [get("How many").query("search").shows(object("count#"))]);
    realm.at(
        "/users/{id}/groups/{gid}",
        [put("Puts a person into a group").is_done(), delete("Takes a person out of it").is_done()],
    );
    realm.at("/users/{id}/sessions", [get("Sign-ins").shows(list::<SessionRepresentation>())]);
    realm.at("/users/{id}/logout", [post("Ends them").is_done()]);
    realm.at("/attack-detection/brute-force/users", [delete("Forgets all failed sign-ins").is_done()]);
    realm.at(
        "/attack-detection/brute-force/users/{id}",
        [
            get("Failed sign-ins of a person").shows(object("numFailures# disabled?")),
            delete("Forgets them").is_done(),
        ],
    );
}

fn groups(realm: &mut Realm<'_>) {
    let filter = "search exact? briefRepresentation? first# max#";
    realm.at(
        "/groups",
        [
            get("Groups").query(filter).shows(list::<GroupRepresentation>()),
            made("A new group, or one that is moved to the top", json::<GroupRepresentation>()).is_done(),
        ],
    );
    realm.at("/groups/count", [get("How many").query("search top?").shows(object("count#"))]);
    realm.at(
        "/groups/{id}",
        [
            get("A group").shows(json::<GroupRepresentation>()),
            changed("Changes a group", json::<GroupRepresentation>()),
            delete("Removes a group").is_done(),
        ],
    );
    realm.at(
        "/groups/{id}/children",
        [
            get("Groups below it").query(filter).shows(list::<GroupRepresentation>()),
            post("Makes a group below it, or moves one there")
                .takes(json::<GroupRepresentation>())
                .gives(201, json::<GroupRepresentation>())
                .is_done(),
        ],
    );
    realm.at("/groups/{id}/members", [get("Who is in it").query(PAGE).shows(list::<UserRepresentation>())]);
    realm.at("/group-by-path/{*path}", [get("The group at a path").shows(json::<GroupRepresentation>())]);
    realm.at("/default-groups", [get("Groups that new people join").shows(list::<GroupRepresentation>())]);
    realm.at(
        "/default-groups/{id}",
        [put("New people join this too").is_done(), delete("New people do not").is_done()],
    );
}

fn role(realm: &mut Realm<'_>, base: &str) {
    realm.at(
        base,
        [
            get("A role").shows(json::<RoleRepresentation>()),
            changed("Changes a role", json::<RoleRepresentation>()),
            delete("Removes a role").is_done(),
        ],
    );
    let roles = || list::<RoleRepresentation>();
    realm.at(
        &format!("{base}/composites"),
        [
            get("Roles that it contains").shows(roles()),
            post("It contains these too").takes(roles()).is_done(),
            delete("It does not contain these").takes(roles()).is_done(),
        ],
    );
    realm.at(&format!("{base}/composites/realm"), [get("Those of the realm").shows(roles())]);
    realm.at(&format!("{base}/composites/clients/{{other}}"), [get("Those of a client").shows(roles())]);
}

fn mappings(realm: &mut Realm<'_>, base: &str) {
    let base = format!("{base}-mappings");
    let roles = || list::<RoleRepresentation>();
    realm.at(&base, [get("Roles, by client").shows(object(""))]);
    for below in ["realm", "clients/{uuid}"] {
        let base = format!("{base}/{below}");
        realm.at(
            &base,
            [
                get("Roles").shows(roles()),
                post("Adds roles").takes(roles()).is_done(),
                delete("Takes roles away").takes(roles()).is_done(),
            ],
        );
        realm.at(&format!("{base}/available"), [get("Roles that could be added").shows(roles())]);
        let all = get("Roles with all that they contain").query("briefRepresentation?");
        realm.at(&format!("{base}/composite"), [all.shows(roles())]);
    }
}

fn clients(realm: &mut Realm<'_>) {
    realm.at(
        "/clients",
        [
            get("Clients").query("clientId search? first# max#").shows(objects("id clientId")),
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
            delete("Removes a client").is_done(),
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
        at(&format!("{base}/{{id}}"), vec![put("Adds a scope").is_done(), delete("Takes it away").is_done()]);
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
            delete("Removes it").is_done(),
        ],
    );
    for name in ["default", "optional"] {
        let base = format!("/default-{name}-client-scopes");
        realm.at(&base, [get("Client scopes that new clients have").shows(objects("id name"))]);
        let one = format!("{base}/{{id}}");
        realm.at(&one, [put("New clients have this too").is_done(), delete("New clients do not").is_done()]);
    }
}

fn mappers(realm: &mut Realm<'_>, base: &str) {
    let base = format!("{base}/protocol-mappers");
    realm.at(
        &format!("{base}/models"),
        [get("Mappers").shows(list::<ProtocolMapper>()), made("A new mapper", json::<ProtocolMapper>())],
    );
    realm.at(&format!("{base}/add-models"), [post("New mappers").takes(list::<ProtocolMapper>()).is_done()]);
    realm.at(
        &format!("{base}/models/{{mapper}}"),
        [
            get("A mapper").shows(json::<ProtocolMapper>()),
            changed("Changes it", json::<ProtocolMapper>()),
            delete("Removes it").is_done(),
        ],
    );
    let of = get("Mappers of a protocol");
    realm.at(&format!("{base}/protocol/{{protocol}}"), [of.shows(list::<ProtocolMapper>())]);
}

fn records(realm: &mut Realm<'_>) {
    let filter = "type* client user ipAddress dateFrom dateTo first# max#";
    realm.at(
        "/events",
        [
            get("What people and clients did").query(filter).shows(list::<EventRepresentation>()),
            delete("Forgets it").is_done(),
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
            delete("Forgets it").is_done(),
        ],
    );
    realm.at(
        "/audit",
        [get("Decisions and changes of shares")
            .query("event* actor resourceServer resource owner requester before# after# max#")
            .shows(list::<AuditRow>())],
    );
}
