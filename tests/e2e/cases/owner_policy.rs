//! POL: policies that owners write for their resources.

use countersign_tests::{
    authz::Authz,
    case::{self, granted},
    http::Answer,
};
use serde_json::{Value, json};

const SCOPES: [&str; 3] = ["Scope A", "Scope B", "Scope C"];

/// marta's Resource A in a realm with more roles, groups and clients; kolo has `role_a` and is in `/group_a`
struct Desk {
    authz: Authz,
    id: String,
    marta: String,
}

impl Desk {
    fn new() -> Self {
        let mut roles = case::realm().json()["roles"].clone();
        let more = ["role_a", "role_b", "role_c", "role_d"].map(|name| json!({ "name": name }));
        roles["realm"].as_array_mut().unwrap().extend(more);
        let groups = json!([
            { "name": "group_a", "subGroups": [{ "name": "group_b" }] }, { "name": "group_c" },
        ]);
        let kolo = json!({ "realmRoles": ["default-roles-test", "role_a"], "groups": ["/group_a"] });
        let carol = json!({ "groups": [] });
        let realm = case::realm().set("roles", roles).set("groups", groups);
        let realm =
            realm.user("kolo", kolo).user("carol", carol).client("client-a", json!({ "publicClient": true }));
        let authz = Authz::of(&realm);
        let id = authz.world.managed("Resource A", "marta", &SCOPES);
        let marta = authz.world.token("marta");
        Self { authz, id, marta }
    }

    fn send(&self, method: &str, id: &str, body: &Value) -> Answer {
        self.authz.world.protection(method, &format!("uma-policy/{id}"), &self.marta).json(body).send()
    }

    fn read(&self, id: &str) -> Answer {
        self.authz.world.protection("GET", &format!("uma-policy/{id}"), &self.marta).send()
    }

    /// A policy for Resource A; gives its id
    #[track_caller]
    fn make(&self, body: &Value) -> String {
        self.send("POST", &self.id, body).expect(200).member("id")
    }

    fn delete(&self, id: &str) {
        let path = format!("uma-policy/{id}");
        _ = self.authz.world.protection("DELETE", &path, &self.marta).send().expect(204);
    }

    fn find(&self, query: &str) -> Vec<Value> {
        let path = format!("uma-policy?{query}");
        let answer = self.authz.world.protection("GET", &path, &self.marta).send().expect(200);
        let Value::Array(list) = answer.json() else { panic!("{answer}") };
        list
    }

    /// Asks for these scopes of Resource A by its id
    fn ask(&self, user: &str, scopes: &str) -> Answer {
        let wanted = if scopes.is_empty() { self.id.clone() } else { format!("{}#{scopes}", self.id) };
        self.authz.world.ask(&self.authz.world.token(user), &[&wanted])
    }
}

fn sorted(mut members: Value) -> Value {
    for name in ["scopes", "roles", "groups", "clients", "users"] {
        if let Some(list) = members[name].as_array_mut() {
            list.sort_by_key(ToString::to_string);
        }
    }
    members
}

/// Without a condition: scripts need an engine
#[test]
fn pol_1_a_policy_of_every_kind_is_echoed_by_names() {
    let desk = Desk::new();
    let body = json!({
        "name": "Custom User-Managed Permission", "description": "Users from specific roles are allowed to access",
        "scopes": SCOPES, "roles": ["role_a", "role_b", "role_c", "role_d"],
        "groups": ["/group_a", "/group_a/group_b", "/group_c"], "clients": ["client-a", "documents"],
        "users": ["kolo"],
    });
    let made = desk.send("POST", &desk.id, &body).expect(200).json();
    for shown in [sorted(made.clone()), sorted(desk.read(made["id"].as_str().unwrap()).expect(200).json())] {
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(shown[name], *value, "{name}");
        }
    }
}

/// 500 there (N7)
#[test]
fn pol_3_the_source_of_a_script_is_no_condition() {
    let desk = Desk::new();
    let body = json!({ "name": "source", "condition": "$evaluation.grant()" });
    let text = "Condition is not a deployed script policy";
    desk.send("POST", &desk.id, &body).refused(400, "invalid_request", text);
    let id = desk.make(&json!({ "name": "plain", "users": ["kolo"] }));
    desk.send("PUT", &id, &body).refused(400, "invalid_request", text);
    assert_eq!(desk.read(&id).expect(200).json()["name"], "plain");
}

#[test]
fn pol_4_a_policy_opens_and_closes_by_role_and_user() {
    let desk = Desk::new();
    let mut policy =
        json!({ "name": "Custom User-Managed Permission", "scopes": ["Scope A"], "roles": ["role_a"] });
    let id = desk.make(&policy);
    assert_eq!(granted(desk.ask("kolo", "Scope A")), ["Resource A: Scope A"]);
    policy["roles"] = json!(["role_b"]);
    _ = desk.send("PUT", &id, &policy).expect(201);
    desk.ask("kolo", "Scope A").denied();
    desk.ask("alice", "Scope A").denied();
    policy["roles"] = json!(["role_b", "role_a"]);
    _ = desk.send("PUT", &id, &policy).expect(201);
    assert_eq!(granted(desk.ask("kolo", "Scope A")), ["Resource A: Scope A"]);
    desk.delete(&id);
    desk.ask("kolo", "Scope A").denied();
    _ = desk.read(&id).expect(404);
    _ = desk.make(&json!({ "name": "alice alone", "scopes": ["Scope A"], "users": ["alice"] }));
    assert_eq!(granted(desk.ask("alice", "Scope A")), ["Resource A: Scope A"]);
    desk.ask("kolo", "Scope A").denied();
}

#[test]
fn pol_5_policies_go_with_their_owner() {
    let desk = Desk::new();
    _ = desk.make(&json!({ "name": "for kolo", "users": ["kolo"] }));
    assert_eq!(granted(desk.ask("kolo", "")), ["Resource A: Scope A Scope B Scope C"]);
    let marta = desk.authz.world.id_of("marta");
    let hers = format!("policy?owner={marta}");
    assert_eq!(desk.authz.names(&hers), ["for kolo"]);
    let admin = desk.authz.token();
    _ = desk.authz.bare("DELETE", &format!("users/{marta}")).bearer(&admin).send().expect(204);
    assert_eq!(desk.authz.names(&hers), Vec::<String>::new());
    assert_eq!(desk.authz.names("policy?max=-1"), ["always", "never"]);
}

#[test]
fn pol_7_no_scopes_are_all_scopes() {
    let desk = Desk::new();
    let id = desk.make(&json!({ "name": "all", "roles": ["role_a"] }));
    let mut policy = sorted(desk.read(&id).expect(200).json());
    assert_eq!(policy["scopes"], json!(SCOPES));
    policy["scopes"] = json!(["Scope A", "Scope C"]);
    _ = desk.send("PUT", &id, &policy).expect(201);
    assert_eq!(sorted(desk.read(&id).expect(200).json())["scopes"], json!(["Scope A", "Scope C"]));
}

#[test]
fn pol_8_and_9_policies_are_the_owners_and_for_what_he_manages() {
    let desk = Desk::new();
    let world = &desk.authz.world;
    let alice = world.token("alice");
    let answer = world.protection("POST", &format!("uma-policy/{}", desk.id), &alice).json(&json!({})).send();
    answer.says(400, "Only resource owner can access policies for resource");
    let closed = json!({ "name": "closed", "owner": "marta", "resource_scopes": SCOPES });
    let closed = world.register(&world.pat(), &closed);
    let answer = desk.send("POST", &closed, &json!({ "name": "p", "users": ["kolo"] }));
    answer.says(400, "Only resources with owner managed accessed can have policies");
}

#[test]
fn pol_11_policies_are_found() {
    let desk = Desk::new();
    for number in 0..10 {
        let name = format!("Custom User-Managed Policy {number}");
        _ = desk.make(&json!({ "name": name, "scopes": ["Scope A"], "users": ["kolo"] }));
    }
    assert_eq!(desk.find("").len(), 10);
    let found = desk.find("name=Custom%20User-Managed%20Policy%208");
    assert_eq!(found.len(), 1);
    assert_eq!(desk.read(found[0]["id"].as_str().unwrap()).expect(200).json(), found[0]);
    for (query, want) in
        [("scope=Scope%20A", 10), ("first=-1&max=5", 5), ("max=2", 2), ("first=8&max=5", 2), ("max=0", 0)]
    {
        assert_eq!(desk.find(query).len(), want, "{query}");
    }
    assert_eq!(desk.find(&format!("resource={}", desk.id)).len(), 10);
}

#[test]
fn pol_12_a_policy_gives_its_scopes_alone() {
    let authz = Authz::of_cases();
    let (marta, kolo) = (authz.world.token("marta"), authz.world.token("kolo"));
    let body = json!({ "name": "Album", "ownerManagedAccess": true, "resource_scopes": ["view", "delete"] });
    let id = authz.world.register(&marta, &body);
    let policy = json!({ "name": "view", "scopes": ["view"], "users": ["kolo"] });
    _ = authz.world.protection("POST", &format!("uma-policy/{id}"), &marta).json(&policy).send().expect(200);
    let ask = |wanted: String| authz.world.ask(&kolo, &[&wanted]);
    assert_eq!(granted(ask(format!("{id}#view"))), ["Album: view"]);
    ask(format!("{id}#delete")).denied();
    assert_eq!(granted(ask(id.clone())), ["Album: view"]);
}

#[test]
fn pol_14_policies_go_with_their_resource() {
    let desk = Desk::new();
    for (name, kind) in [
        ("roles", json!(["role_a"])),
        ("groups", json!(["/group_a"])),
        ("clients", json!(["client-a"])),
        ("users", json!(["kolo"])),
    ] {
        let mut body = json!({ "name": format!("by {name}") });
        body[name] = kind;
        _ = desk.make(&body);
    }
    assert_eq!(desk.find("").len(), 4);
    let path = format!("resource_set/{}", desk.id);
    _ = desk.authz.world.protection("DELETE", &path, &desk.marta).send().expect(204);
    assert_eq!(desk.find(""), Vec::<Value>::new());
    assert_eq!(desk.authz.names("policy?max=-1"), ["always", "never"]);
}

#[test]
fn pol_15_an_unknown_name_finds_nothing() {
    let desk = Desk::new();
    _ = desk.make(&json!({ "name": "known", "users": ["kolo"] }));
    assert_eq!(desk.find("name=unknown"), Vec::<Value>::new());
}
