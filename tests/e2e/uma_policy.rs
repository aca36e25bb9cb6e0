//! Policies that owners write for their resources (wire §5).

use countersign_tests::{
    http::Answer,
    table::Table,
    world::{World, document},
};
use serde_json::{Value, json};

struct Desk {
    world: World,
    alice: String,
    hers: String,
}

impl Desk {
    fn new() -> Self {
        let world = World::new();
        let (alice, hers) = (world.token("alice"), world.document("hers"));
        Self { world, alice, hers }
    }

    fn post(&self, resource: &str, body: &Value) -> Answer {
        self.world.protection("POST", &format!("uma-policy/{resource}"), &self.alice).json(body).send()
    }

    fn put(&self, policy: &str, body: &Value) -> Answer {
        self.world.protection("PUT", &format!("uma-policy/{policy}"), &self.alice).json(body).send()
    }

    fn get(&self, policy: &str) -> Answer {
        self.world.protection("GET", &format!("uma-policy/{policy}"), &self.alice).send()
    }
}

/// wire §5.2
#[test]
fn an_owners_policy_is_made_read_changed_and_deleted() {
    let desk = Desk::new();
    let body = json!({ "name": "share with bob", "description": "d", "scopes": ["read"], "users": ["bob"] });
    let made = desk.post(&desk.hers, &body).expect(200).json();
    let id = made["id"].as_str().unwrap();
    let alice = desk.world.id_of("alice");
    let want = json!({
        "id": id, "name": "share with bob", "description": "d", "type": "uma", "scopes": ["read"],
        "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "owner": alice, "users": ["bob"],
    });
    assert_eq!(made, want);
    assert_eq!(desk.get(id).expect(200).json(), want);

    // Absent kinds are deleted, absent scopes stay, `resources` may name its own.
    let body = json!({
        "name": "managers", "roles": ["manager", "documents/editor"], "groups": ["/staff/night"],
        "clients": ["reader"], "resources": [desk.hers], "decisionStrategy": "AFFIRMATIVE",
        "logic": "NEGATIVE", "owner": "bob", "type": "user",
    });
    assert!(desk.put(id, &body).expect(201).body.is_empty());
    let mut now = desk.get(id).expect(200).json();
    for kind in ["roles", "groups", "clients"] {
        let mut names: Vec<_> = now[kind].as_array().unwrap().clone();
        names.sort_by_key(ToString::to_string);
        now[kind] = names.into();
    }
    let want = json!({
        "id": id, "name": "managers", "type": "uma", "scopes": ["read"], "logic": "NEGATIVE",
        "decisionStrategy": "AFFIRMATIVE", "owner": alice, "roles": ["documents/editor", "manager"],
        "groups": ["/staff/night"], "clients": ["reader"],
    });
    assert_eq!(now, want);
    _ = desk.world.protection("DELETE", &format!("uma-policy/{id}"), &desk.alice).send().expect(204);
    _ = desk.get(id).expect(404);
    // No scopes: all of the resource.
    let all = desk.post(&desk.hers, &json!({ "name": "all", "users": ["bob"] })).expect(200).json();
    assert_eq!(all["scopes"], json!(["read", "write"]));
}

/// wire §5.3, N4 to N8; behaviours E-P21 to E-P29
#[test]
fn n_4_to_8_policies_are_refused_as_listed() {
    let desk = Desk::new();
    let Desk { world, hers, .. } = &desk;
    let other = world.document("other");
    let closed = json!({ "name": "closed", "owner": "alice", "resource_scopes": ["read"] });
    let closed = world.register(&world.pat(), &closed);
    let carols = world.register(&world.pat(), &document("carols", "carol"));
    let first = desk.post(hers, &json!({ "name": "first", "users": ["bob"] })).expect(200).member("id");
    _ = desk.post(hers, &json!({ "name": "second", "users": ["carol"] })).expect(200);
    let before = world.everything();
    let mut table = Table::new();
    let invalid = "invalid_request";
    let post = |body: Value| desk.post(hers, &body);
    let put = |body: Value| desk.put(&first, &body);
    let text = "Newly created uma policies should not have an id";
    table.row("id", post(json!({ "id": "x", "name": "n" })), 400, invalid, text);
    let answer = desk.post("nope", &json!({ "name": "n" }));
    table.row("unknown resource", answer, 400, invalid, "Resource [nope] cannot be found");
    let text = format!("Only resource owner can access policies for resource [{carols}]");
    table.row("not hers", desk.post(&carols, &json!({ "name": "n" })), 400, invalid, &text);
    let text = "Only resources with owner managed accessed can have policies";
    table.row("not owner-managed", desk.post(&closed, &json!({ "name": "n" })), 400, invalid, text);
    let text = format!("Some of the scopes [[nope, read]] are not valid for resource [{hers}]");
    let body = json!({ "name": "n", "scopes": ["nope", "read"] });
    table.row("scopes, POST", post(body.clone()), 400, invalid, &text);
    table.row("scopes, PUT", put(body), 400, invalid, &text);
    let answer = post(json!({ "name": "first", "users": ["bob"] }));
    table.row(
        "name taken, POST",
        answer,
        409,
        "Policy with name [first] already exists",
        "Conflicting policy",
    );
    let answer = put(json!({ "name": "second", "users": ["bob"] }));
    table.row("N5", answer, 409, "Policy with name [second] already exists", "Conflicting policy");
    for resources in [json!([other]), json!(["hers"]), json!([hers, other])] {
        let body = json!({ "name": "n", "resources": resources, "users": ["bob"] });
        table.row("resource, POST", post(body.clone()), 400, invalid, "Invalid resource");
        table.row("resource, PUT", put(body), 400, invalid, "Uma permission resource cannot be changed");
    }
    let answer = put(json!({ "name": "n", "resources": [], "users": ["bob"] }));
    table.row("N8", answer, 400, invalid, "Uma permission resource cannot be changed");
    for body in [json!({ "users": ["bob"] }), json!({ "name": "", "users": ["bob"] })] {
        table.row("N4, POST", post(body.clone()), 400, invalid, "Policy name not provided.");
        table.row("N4, PUT", put(body), 400, invalid, "Policy name not provided.");
    }
    for (kind, member, name) in [
        ("User", "users", "nobody"),
        ("Client", "clients", "nothing"),
        ("Role", "roles", "nothing"),
        ("Role", "roles", "documents/nothing"),
        ("Role", "roles", "nothing/editor"),
        ("Group", "groups", "/nowhere"),
        ("Policy", "policies", "nothing"),
    ] {
        let mut body = json!({ "name": "n", "users": ["bob"] });
        body[member] = json!([name]);
        let text = format!("{kind} [{name}] does not exist");
        table.row(&format!("N6, POST {member} {name}"), post(body.clone()), 400, invalid, &text);
        table.row(&format!("N6, PUT {member} {name}"), put(body), 400, invalid, &text);
    }
    let body = json!({ "name": "n", "condition": "$evaluation.grant();" });
    let text = "Condition is not a deployed script policy";
    table.row("N7, POST", post(body.clone()), 400, invalid, text);
    table.row("N7, PUT", put(body), 400, invalid, text);
    for method in ["GET", "PUT", "DELETE"] {
        let request = world.protection(method, "uma-policy/nope", &desk.alice);
        let answer =
            if method == "PUT" { request.json(&json!({ "name": "n" })).send() } else { request.send() };
        table.row(&format!("{method} unknown"), answer, 404, invalid, "Policy with [nope] does not exist");
        let text = format!("Only resource owner can access policies for resource [{hers}]");
        for (who, token) in [("carol", world.token("carol")), ("the PAT", world.pat())] {
            let request = world.protection(method, &format!("uma-policy/{first}"), &token);
            let answer =
                if method == "PUT" { request.json(&json!({ "name": "n" })).send() } else { request.send() };
            table.row(&format!("{method} by {who}"), answer, 400, invalid, &text);
        }
    }
    let send = |method: &str, id: &str, body: &str| {
        let request = world.protection(method, &format!("uma-policy/{id}"), &desk.alice);
        request.body("application/json", body.to_owned()).send()
    };
    for body in ["", "null", "{", "[]", r#"["a"]"#, r#"{"name":1}"#, r#"{"name":"n","logic":"MAYBE"}"#] {
        for (method, id) in [("PUT", &first), ("POST", hers)] {
            let text = "Failed to parse representation";
            table.row(&format!("{method} {body}"), send(method, id, body), 400, invalid, text);
        }
    }
    let answer = send("POST", hers, r#"{"name":"n","nope":1}"#);
    table.holds("an unknown member", answer, "UmaPermissionRepresentation", |answer| {
        let text =
            "Invalid json representation for UmaPermissionRepresentation. Unrecognized field \\\"nope\\\"";
        answer.status == 400 && answer.text().contains(text)
    });
    table.done();
    assert_eq!(world.everything(), before);
}

/// wire §5.2: the list
#[test]
fn an_owner_lists_his_own_policies() {
    let desk = Desk::new();
    let Desk { world, hers, alice } = &desk;
    let other = world.document("other");
    let one = desk
        .post(hers, &json!({ "name": "one", "users": ["bob"], "scopes": ["read"] }))
        .expect(200)
        .member("id");
    let two = desk
        .post(&other, &json!({ "name": "two", "users": ["bob"], "scopes": ["write"] }))
        .expect(200)
        .member("id");
    let list =
        |token: &str, query: &str| world.protection("GET", &format!("uma-policy?{query}"), token).send();
    let ids = |answer: Answer| {
        let mut ids: Vec<_> =
            answer.expect(200).json().as_array().unwrap().iter().map(|policy| policy["id"].clone()).collect();
        ids.sort_by_key(|id| *id != json!(one));
        ids
    };
    for (query, want) in [
        ("", json!([one, two])),
        ("name=ON", json!([one])),
        ("name=nope", json!([])),
        (&format!("resource={hers}"), json!([one])),
        ("resource=oth", json!([two])),
        ("scope=rea", json!([one])),
        ("max=0", json!([])),
        ("first=2", json!([])),
    ] {
        assert_eq!(json!(ids(list(alice, query))), want, "{query}");
    }
    for query in ["resource=nope", "scope=nope"] {
        assert!(list(alice, query).expect(204).body.is_empty(), "{query}");
    }
    assert_eq!(list(alice, "").header("cache-control"), Some("no-cache"));
    for token in [world.token("carol"), world.pat(), world.pat_of("archive")] {
        assert_eq!(list(&token, "").expect(200).json(), json!([]));
    }
    list(alice, "max=x").refused(400, "invalid_request", "Invalid max");
}

/// N38: any of them within a kind, on create as on change
#[test]
fn n_38_several_users_of_one_policy_mean_any_of_them() {
    let desk = Desk::new();
    let body = json!({ "name": "both", "users": ["bob", "carol"], "scopes": ["read"] });
    let id = desk.post(&desk.hers, &body).expect(200).member("id");
    for _ in 0..2 {
        for user in ["bob", "carol"] {
            let token = desk.world.token_by("reader", user);
            _ = desk.world.ask(&token, &[&desk.hers]).expect(200);
        }
        _ = desk.put(&id, &body).expect(201);
    }
    // Kinds combine by the strategy, which is unanimous unless something else is said.
    let body = json!({ "name": "both", "users": ["bob", "carol"], "roles": ["manager"], "scopes": ["read"] });
    _ = desk.put(&id, &body).expect(201);
    _ = desk.world.ask(&desk.world.token_by("reader", "carol"), &[&desk.hers]).expect(200);
    desk.world.ask(&desk.world.token_by("reader", "bob"), &[&desk.hers]).refused(
        403,
        "access_denied",
        "not_authorized",
    );
}
