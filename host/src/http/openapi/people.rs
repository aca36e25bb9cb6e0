//! The admin API's people, groups and roles.

use serde_json::json;

use super::{
    admin::{PAGE, Realm, changed, made},
    operation::{delete, get, json, list, object, objects, post, put, written},
};
use crate::representation::{
    credential::CredentialRepresentation, group::GroupRepresentation, role::RoleRepresentation,
    session::SessionRepresentation, user::UserRepresentation,
};

pub(super) fn describe(realm: &mut Realm<'_>) {
    users(realm);
    groups(realm);
    for base in ["/roles", "/clients/{uuid}/roles"] {
        realm.at(
            base,
            [
                get("Roles")
                    .query("search briefRepresentation? after first# max#")
                    .shows(list::<RoleRepresentation>()),
                made("A new role", json::<RoleRepresentation>()),
            ],
        );
        let one = format!("{base}/{{name}}");
        role(realm, &one);
        realm
            .at(&format!("{one}/users"), [get("Who has it").query(PAGE).shows(list::<UserRepresentation>())]);
        realm.at(
            &format!("{one}/groups"),
            [get("Groups that have it").query(PAGE).shows(list::<GroupRepresentation>())],
        );
    }
    role(realm, "/roles-by-id/{id}");
    for base in ["/users/{id}/role", "/groups/{id}/role", "/clients/{id}/scope", "/client-scopes/{id}/scope"]
    {
        mappings(realm, base);
    }
}

fn users(realm: &mut Realm<'_>) {
    let filter = "search username email firstName lastName exact? enabled? emailVerified? \
                  briefRepresentation? after first# max#";
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
            delete("Removes a person").done(),
        ],
    );
    realm.at("/users/{id}/reset-password", [changed("Sets a password", json::<CredentialRepresentation>())]);
    realm.at("/users/{id}/credentials", [get("Passwords and the like").shows(objects("id type"))]);
    realm.at(
        "/users/{id}/groups",
        [get("Groups")
            .query("search briefRepresentation? after first# max#")
            .shows(list::<GroupRepresentation>())],
    );
    realm.at("/users/{id}/groups/count", [get("How many").query("search").shows(object("count#"))]);
    realm.at(
        "/users/{id}/groups/{gid}",
        [put("Puts a person into a group").done(), delete("Takes a person out of it").done()],
    );
    realm.at("/users/{id}/sessions", [get("Sign-ins").shows(list::<SessionRepresentation>())]);
    realm.at("/users/{id}/logout", [post("Ends them").done()]);
    realm.at("/attack-detection/brute-force/users", [delete("Forgets all failed sign-ins").done()]);
    realm.at(
        "/attack-detection/brute-force/users/{id}",
        [
            get("Failed sign-ins of a person").shows(object("numFailures# disabled?")),
            delete("Forgets them").done(),
        ],
    );
}

fn groups(realm: &mut Realm<'_>) {
    let filter = "search exact? briefRepresentation? after first# max#";
    realm.at(
        "/groups",
        [
            get("Groups").query(filter).shows(list::<GroupRepresentation>()),
            made("A new group, or one that is moved to the top", json::<GroupRepresentation>()).done(),
        ],
    );
    realm.at("/groups/count", [get("How many").query("search top?").shows(object("count#"))]);
    realm.at(
        "/groups/{id}",
        [
            get("A group").shows(json::<GroupRepresentation>()),
            changed("Changes a group", json::<GroupRepresentation>()),
            delete("Removes a group").done(),
        ],
    );
    realm.at(
        "/groups/{id}/children",
        [
            get("Groups below it").query(filter).shows(list::<GroupRepresentation>()),
            post("Makes a group below it, or moves one there")
                .takes(json::<GroupRepresentation>())
                .gives(201, json::<GroupRepresentation>())
                .done(),
        ],
    );
    realm.at("/groups/{id}/members", [get("Who is in it").query(PAGE).shows(list::<UserRepresentation>())]);
    realm.at("/group-by-path/{*path}", [get("The group at a path").shows(json::<GroupRepresentation>())]);
    realm.at("/default-groups", [get("Groups that new people join").shows(list::<GroupRepresentation>())]);
    realm.at(
        "/default-groups/{id}",
        [put("New people join this too").done(), delete("New people do not").done()],
    );
}

fn role(realm: &mut Realm<'_>, base: &str) {
    realm.at(
        base,
        [
            get("A role").shows(json::<RoleRepresentation>()),
            changed("Changes a role", json::<RoleRepresentation>()),
            delete("Removes a role").done(),
        ],
    );
    let roles = || list::<RoleRepresentation>();
    realm.at(
        &format!("{base}/composites"),
        [
            get("Roles that it contains").shows(roles()),
            post("It contains these too").takes(roles()).done(),
            delete("It does not contain these").takes(roles()).done(),
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
                post("Adds roles").takes(roles()).done(),
                delete("Takes roles away").takes(roles()).done(),
            ],
        );
        realm.at(&format!("{base}/available"), [get("Roles that could be added").shows(roles())]);
        let all = get("Roles with all that they contain").query("briefRepresentation?");
        realm.at(&format!("{base}/composite"), [all.shows(roles())]);
    }
}
