//! Long lists go on after an entry (`after`), beside Keycloak's `first` and `max`.

use countersign_tests::{
    admin::{Admin, sign_in, usual},
    world::World,
};
use serde_json::{Value, json};

/// Ids of a list's entries, part by part: each part is what comes after the last entry of the one before, and what came
/// before that entry may be gone by then
fn walked(list: impl Fn(&str) -> Value, id: &str, gone: impl Fn(&str)) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let part = list(&all.last().map_or_else(|| "max=2".to_owned(), |last| format!("max=2&after={last}")));
        let part: Vec<String> = part
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().or_else(|| one[id].as_str()).unwrap().to_owned())
            .collect();
        assert!(part.len() <= 2, "{part:?}");
        match part.first() {
            None => return all,
            Some(first) if part.len() == 2 => gone(first),
            Some(_) => {}
        }
        all.extend(part);
    }
}

/// Lists go on after the entry that came last, whatever has become of those before it; `first` and `max` count entries
#[test]
fn parts_of_a_list_follow_the_last_entry() {
    let world = World::new();
    let (pat, alice) = (world.pat(), world.token("alice"));
    let mut shares = Vec::new();
    for name in ["e", "a", "d", "b", "c"] {
        let id = world.document(name);
        shares.push(world.share(&id, "read", "bob").as_str().unwrap().to_owned());
    }
    shares.sort();
    let read = |path: &str, token: &str| world.protection("GET", path, token).send().expect(200).json();

    let rows = walked(|part| read(&format!("permission/ticket?{part}"), &pat), "id", |_| {});
    assert_eq!(rows, shares);
    let views = walked(|part| read(&format!("uma-policy?{part}"), &alice), "id", |_| {});
    assert_eq!(views.len(), 5, "{views:?}");
    let ids = walked(
        |part| read(&format!("resource_set?{part}"), &pat),
        "_id",
        |id| {
            let deleted = world.protection("DELETE", &format!("resource_set/{id}"), &pat).send();
            _ = deleted.expect(204);
        },
    );
    // By `first` alone, `c` and `e` would have been passed over.
    assert_eq!(ids.len(), 5, "{ids:?}");
    let left = read("resource_set?deep=true", &pat);
    let names: Vec<_> = left.as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["b", "d", "e"]);
    // What is gone is no place to go on from: then `first` counts.
    let gone = &ids[0];
    assert_eq!(read(&format!("resource_set?first=1&after={gone}"), &pat).as_array().map(Vec::len), Some(2));
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// People in a group, people with a role, what people did, what administrators did
#[test]
fn parts_of_lists_of_administrators_follow_the_last_entry() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let kept = json!({ "adminEventsEnabled": true, "eventsEnabled": true });
    _ = root.put("events/config", &kept).expect(204);
    let group = root.create("groups", &json!({ "name": "crew" }));
    _ = root.create("roles", &json!({ "name": "crew" }));
    let role = json!([root.read("roles/crew")]);
    for name in ["eve", "ann", "dan", "ben", "cid"] {
        let id = root.create("users", &json!({ "username": name, "enabled": true }));
        _ = root.put(&format!("users/{id}/groups/{group}"), &json!({})).expect(204);
        _ = root.post(&format!("users/{id}/role-mappings/realm"), &role).expect(204);
        _ = sign_in(&server, "test", name, "wrong").expect(401);
    }
    let all = ids(&root.read(&format!("groups/{group}/members")));
    assert_eq!((all.len(), ids(&root.read("roles/crew/users"))), (5, all.clone()));
    let delete = |id: &str| _ = root.delete(&format!("users/{id}")).expect(204);
    let members = walked(|part| root.read(&format!("groups/{group}/members?{part}")), "id", delete);
    assert_eq!(members, all);
    let left = [all[1].clone(), all[3].clone(), all[4].clone()];
    assert_eq!(walked(|part| root.read(&format!("roles/crew/users?{part}")), "id", |_| {}), left);

    for list in ["events", "admin-events"] {
        let all = ids(&root.read(&format!("{list}?max=100")));
        assert!(all.len() >= 5, "{list}: {all:?}");
        assert_eq!(walked(|part| root.read(&format!("{list}?{part}")), "id", |_| {}), all);
        assert_eq!(ids(&root.read(&format!("{list}?first=1&max=2&after=nothing"))), all[1..3]);
    }
}

/// Groups, roles, clients, scopes: what is made or taken away meanwhile moves nothing
#[test]
fn parts_of_short_lists_follow_the_last_entry_too() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let mut user = root.read("users?username=bob&exact=true");
    let bob = user[0]["id"].take().as_str().unwrap().to_owned();
    let documents = root.read("clients?clientId=documents")[0]["id"].as_str().unwrap().to_owned();
    let above = root.create("groups", &json!({ "name": "above" }));
    _ = root.create("roles", &json!({ "name": "held" }));
    let held = json!([root.read("roles/held")]);
    for name in ["e", "a", "d", "b", "c"] {
        let named = json!({ "name": name });
        _ = root.create("roles", &named);
        _ = root.create(&format!("clients/{documents}/roles"), &named);
        _ = root.post(&format!("groups/{above}/children"), &named).expect(201);
        let group = root.create("groups", &named);
        _ = root.put(&format!("users/{bob}/groups/{group}"), &json!({})).expect(204);
        _ = root.post(&format!("groups/{group}/role-mappings/realm"), &held).expect(204);
        _ = root.create("clients", &json!({ "clientId": name }));
        _ = root.post(&format!("clients/{documents}/authz/resource-server/scope"), &named).expect(201);
    }
    let scopes = format!("clients/{documents}/authz/resource-server/scope");
    for list in [
        "roles",
        &format!("clients/{documents}/roles"),
        "roles/held/groups",
        "groups",
        "groups?search=e",
        &format!("groups/{above}/children"),
        &format!("users/{bob}/groups"),
        "clients",
        &scopes,
    ] {
        let sign = if list.contains('?') { '&' } else { '?' };
        let all = ids(&root.read(&format!("{list}{sign}max=100")));
        assert!(all.len() >= 2, "{list}: {all:?}");
        assert_eq!(walked(|part| root.read(&format!("{list}{sign}{part}")), "id", |_| {}), all, "{list}");
        // What is none of the list is no place to go on from.
        let rest = ids(&root.read(&format!("{list}{sign}first=1&max=2&after={documents}x")));
        assert_eq!(rest, all[1..all.len().min(3)], "{list}");
    }
    let delete = |id: &str| _ = root.delete(&format!("groups/{id}")).expect(204);
    let all = ids(&root.read("groups"));
    assert_eq!(walked(|part| root.read(&format!("groups?{part}")), "id", delete), all);
}
