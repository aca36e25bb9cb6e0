//! Roles and groups over HTTP (`admin-surface` §5, §6).

use countersign_tests::admin::{Admin, last_of_location, usual};
use serde_json::{Value, json};

fn named(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn roles_of_the_realm_and_of_clients() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let documents = root.client("documents");
    let realm = root.read("")["id"].clone();
    for (base, container, of_client) in
        [("roles".to_owned(), realm, false), (format!("clients/{documents}/roles"), json!(documents), true)]
    {
        let new = json!({ "name": "a b", "description": "x", "attributes": { "k": ["v"] } });
        let answer = root.post(&base, &new).expect(201);
        assert_eq!(last_of_location(&answer), "a%20b");
        root.post(&base, &json!({ "name": "a b" })).conflicts(409, "Role with name a b already exists");
        let role = root.read(&format!("{base}/a%20b"));
        for (member, value) in [
            ("name", json!("a b")),
            ("description", json!("x")),
            ("composite", json!(false)),
            ("clientRole", json!(of_client)),
            ("containerId", container),
            ("attributes", json!({ "k": ["v"] })),
        ] {
            assert_eq!(role[member], value, "{member}");
        }
        assert_eq!(root.read(&format!("roles-by-id/{}", role["id"].as_str().unwrap())), role);
        let listed = root.read(&format!("{base}?search=A%20B"));
        assert_eq!(named(&listed), ["a b"]);
        assert!(listed[0].get("attributes").is_none(), "brief: {listed}");
        _ = root.put(&format!("{base}/a%20b"), &role).expect(204);
        _ = root.put(&format!("{base}/a%20b"), &json!({ "name": "c", "description": "y" })).expect(204);
        root.get(&format!("{base}/a%20b")).bare(404, "Could not find role");
        assert_eq!(root.read(&format!("{base}/c"))["attributes"], json!({ "k": ["v"] }));

        // Composites, which never lead back to where they began.
        let manager = root.read("roles/manager");
        _ = root.post(&format!("{base}/c/composites"), &json!([manager])).expect(204);
        assert_eq!(named(&root.read(&format!("{base}/c/composites"))), ["manager"]);
        assert_eq!(root.read(&format!("{base}/c"))["composite"], true);
        let c = root.read(&format!("{base}/c"));
        root.post("roles/manager/composites", &json!([c])).conflicts(400, "A role cannot contain itself");
        root.post(&format!("{base}/c/composites"), &json!([{ "id": "x" }])).bare(404, "Could not find role");
        _ = root.delete_with(&format!("{base}/c/composites"), &json!([manager])).expect(204);
        assert_eq!(root.read(&format!("{base}/c/composites")), json!([]));
        _ = root.delete(&format!("{base}/c")).expect(204);
        root.delete(&format!("{base}/c")).bare(404, "Could not find role");
        root.put(&format!("{base}/c"), &json!({ "name": "c" })).bare(404, "Could not find role");
    }
    root.get("clients/nothing/roles").bare(404, "Could not find client");
    let text = "default-roles-test is the default role of the realm and cannot be removed.";
    root.delete("roles/default-roles-test").conflicts(400, text);
    let listed = root.read("roles");
    assert_eq!(named(&listed), ["default-roles-test", "manager", "offline_access", "uma_authorization"]);
    let composite = json!({ "name": "both", "composites": { "realm": ["manager"] } });
    _ = root.post("roles", &composite).expect(201);
    assert_eq!(named(&root.read("roles/both/composites")), ["manager"]);
    assert_eq!(root.read("roles/manager/users")[0]["username"], "carol");
}

#[test]
fn a_deleted_role_leaves_its_holders() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let carol = root.user("carol");
    _ = root.delete("roles/manager").expect(204);
    let held = root.read(&format!("users/{carol}/role-mappings/realm"));
    assert_eq!(named(&held), ["default-roles-test"]);
}

#[test]
fn groups_are_made_nested_searched_and_deleted() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let top = root.create("groups", &json!({ "name": "a", "attributes": { "k": ["v"] } }));
    root.post("groups", &json!({ "name": "a" })).conflicts(409, "Top level group named 'a' already exists.");
    root.post("groups", &json!({})).conflicts(400, "Group name is missing");
    let answer = root.post(&format!("groups/{top}/children"), &json!({ "name": "b" })).expect(201);
    let below = last_of_location(&answer);
    assert_eq!(answer.json()["path"], "/a/b");
    root.post(&format!("groups/{top}/children"), &json!({ "name": "b" }))
        .conflicts(409, "Sibling group named 'b' already exists.");
    let group = root.read(&format!("groups/{top}"));
    for (member, value) in [
        ("name", json!("a")),
        ("path", json!("/a")),
        ("subGroupCount", json!(1)),
        ("subGroups", json!([])),
        ("attributes", json!({ "k": ["v"] })),
        ("realmRoles", json!([])),
        ("clientRoles", json!({})),
    ] {
        assert_eq!(group[member], value, "{member}");
    }
    assert_eq!(named(&root.read(&format!("groups/{top}/children"))), ["b"]);
    assert_eq!(root.read(&format!("groups/{top}/children?first=1")), json!([]));
    assert_eq!(root.read("group-by-path/a/b")["id"], below.as_str());
    assert_eq!(root.read("group-by-path/a/b")["parentId"], top.as_str());
    root.get("group-by-path/a/c").bare(404, "Group path does not exist");
    assert_eq!(named(&root.read("groups")), ["a", "staff"]);
    assert_eq!(named(&root.read("groups?first=1&max=1")), ["staff"]);
    // A hit stands inside its tree.
    let tree = root.read("groups?search=ight");
    assert_eq!(named(&tree), ["staff"]);
    assert_eq!(named(&tree[0]["subGroups"]), ["night"]);
    assert_eq!(root.read("groups?search=ight&exact=true"), json!([]));
    assert_eq!(root.read("groups/count"), json!({ "count": 4 }));

    // Renamed, those below it move along.
    _ = root.put(&format!("groups/{top}"), &json!({ "name": "z" })).expect(204);
    assert_eq!(root.read(&format!("groups/{below}"))["path"], "/z/b");
    assert_eq!(root.read(&format!("groups/{top}"))["attributes"], json!({ "k": ["v"] }));
    root.put(&format!("groups/{top}"), &json!({ "name": "staff" }))
        .conflicts(409, "Sibling group named 'staff' already exists.");
    // Moved by its id, but never below itself.
    _ = root.post("groups", &json!({ "id": below, "name": "b" })).expect(204);
    assert_eq!(root.read(&format!("groups/{below}"))["path"], "/b");
    _ = root.post(&format!("groups/{top}/children"), &json!({ "id": below, "name": "b" })).expect(204);
    root.post(&format!("groups/{below}/children"), &json!({ "id": top, "name": "z" }))
        .conflicts(400, "A group cannot be below itself");

    let alice = root.user("alice");
    _ = root.put(&format!("users/{alice}/groups/{below}"), &json!({})).expect(204);
    assert_eq!(root.read(&format!("groups/{below}/members"))[0]["username"], "alice");
    let realm = format!("groups/{top}/role-mappings/realm");
    _ = root.post(&realm, &json!([{ "name": "manager" }])).expect(204);
    assert_eq!(named(&root.read(&realm)), ["manager"]);
    assert_eq!(root.read(&format!("groups/{top}"))["realmRoles"], json!(["manager"]));
    let effective = root.read(&format!("users/{alice}/role-mappings/realm/composite"));
    assert!(named(&effective).contains(&"manager"), "{effective}");

    _ = root.delete(&format!("groups/{top}")).expect(204);
    root.get(&format!("groups/{below}")).bare(404, "Could not find group by id");
    root.delete(&format!("groups/{top}")).bare(404, "Could not find group by id");
    assert_eq!(root.read(&format!("users/{alice}/groups")), json!([]));
}

#[test]
fn new_people_join_the_default_groups() {
    let server = usual();
    let root = Admin::root(&server, "test");
    let staff = root.read("group-by-path/staff")["id"].as_str().unwrap().to_owned();
    _ = root.put(&format!("default-groups/{staff}"), &json!({})).expect(204);
    assert_eq!(named(&root.read("default-groups")), ["staff"]);
    let id = root.create("users", &json!({ "username": "erin" }));
    assert_eq!(named(&root.read(&format!("users/{id}/groups"))), ["staff"]);
    _ = root.delete(&format!("default-groups/{staff}")).expect(204);
    assert_eq!(root.read("default-groups"), json!([]));
}
