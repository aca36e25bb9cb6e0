//! AuthZEN 1.0: evaluations (`keycloak-wire` §15; checklist §2.19).

use std::fs;

use countersign_tests::{
    folder,
    http::{Answer, raw},
    realm::{Realm, resource_server, secret, settings, with},
    server::{Builder, Server},
    world::World,
};
use serde_json::{Value, json};

/// A realm in which `documents` has policies of several kinds
///
/// `record-1` is active and `record-2` archived; who asks says so. Alice may read and write what is active, bob reads,
/// the role `manager` (carol) writes what is archived; deleting is for alice, softly.
pub(crate) fn realm() -> Realm {
    let list = |names: &[&str]| json!(names).to_string();
    let policy = |name: &str, kind: &str, config: Value| json!({ "name": name, "type": kind, "logic": "POSITIVE", "decisionStrategy": "UNANIMOUS", "config": config });
    let context = |claim: &str, pattern: &str| json!({ "targetClaim": claim, "pattern": pattern, "targetContextAttributes": "true" });
    let permission = |name: &str, scope: &str, apply: &[&str]| {
        with(
            policy(name, "scope", json!({ "scopes": list(&[scope]), "applyPolicies": list(apply) })),
            json!({ "decisionStrategy": "AFFIRMATIVE" }),
        )
    };
    let both =
        |name: &str, apply: &[&str]| policy(name, "aggregate", json!({ "applyPolicies": list(apply) }));
    let resource = |name: &str| {
        json!({ "name": name, "type": "record", "uris": [], "attributes": {},
                "scopes": [{ "name": "read" }, { "name": "write" }, { "name": "delete" }] })
    };
    Realm::new("test").settings(json!({
        "scopes": [{ "name": "read" }, { "name": "write" }, { "name": "delete" }],
        "resources": [resource("record-1"), resource("record-2")],
        "policies": [
            policy("alice", "user", json!({ "users": list(&["alice"]) })),
            policy("bob", "user", json!({ "users": list(&["bob"]) })),
            policy("manager", "role", json!({ "roles": json!([{ "id": "manager", "required": true }]).to_string() })),
            policy("active", "regex", context("authzen.resource.status", "active")),
            policy("archived", "regex", context("authzen.resource.status", "archived")),
            policy("softly", "regex", context("authzen.action.soft", "true")),
            policy("her address", "regex", json!({ "targetClaim": "email", "pattern": "alice@test\\.example" })),
            both("alice and active", &["alice", "active", "her address"]),
            both("manager and archived", &["manager", "archived"]),
            both("alice and softly", &["alice", "softly"]),
            permission("reading", "read", &["alice", "bob"]),
            permission("writing", "write", &["alice and active", "manager and archived"]),
            permission("deleting", "delete", &["alice and softly"]),
        ],
    }))
}

/// The service with a token for it
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) pat: String,
}

impl Desk {
    pub(crate) fn of(realm: &Realm) -> Self {
        let world = World::of(realm);
        let pat = world.pat();
        Self { world, pat }
    }

    pub(crate) fn new() -> Self {
        Self::of(&realm())
    }

    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.world.request("POST", &format!("authzen/access/v1/{path}")).bearer(token).json(body).send()
    }

    /// The whole answer to one question
    fn ask(&self, body: &Value) -> Value {
        self.post(&self.pat, "evaluation", body).expect(200).json()
    }

    fn may(&self, body: &Value) -> bool {
        let answer = self.ask(body);
        assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
        answer["decision"].as_bool().unwrap()
    }
}

fn question(subject: &str, action: &str, resource: &str) -> Value {
    json!({
        "subject": { "type": "user", "id": subject }, "action": { "name": action },
        "resource": { "type": "record", "id": resource, "properties": { "status": "active" } },
    })
}

/// AZ-CERT-01, AZ-5.1-01 to AZ-6-01
#[test]
fn one_question_gets_one_decision() {
    let desk = Desk::new();
    let archived = |subject: &str| {
        let mut body = question(subject, "write", "record-2");
        body["resource"]["properties"]["status"] = "archived".into();
        body
    };
    for (subject, action, resource, want) in [
        ("alice", "read", "record-1", true),
        ("alice", "write", "record-1", true),
        ("bob", "read", "record-1", true),
        ("bob", "write", "record-1", false),
        ("carol", "read", "record-1", false),
        ("alice", "delete", "record-1", false),
    ] {
        assert_eq!(desk.may(&question(subject, action, resource)), want, "{subject} {action} {resource}");
    }
    assert!(!desk.may(&archived("alice")));
    assert!(desk.may(&archived("carol")));
    for (soft, want) in [(true, true), (false, false)] {
        let mut body = question("alice", "delete", "record-1");
        body["action"]["properties"] = json!({ "soft": soft });
        assert_eq!(desk.may(&body), want, "soft {soft}");
    }
    // By id as good as by name.
    let id = desk.world.id_of("alice");
    let list = desk.world.protection("GET", "resource_set?name=record-1&exactName=true", &desk.pat).send();
    let record = list.json()[0].as_str().unwrap().to_owned();
    assert!(desk.may(&question(&id, "write", &record)));
    // Members that nobody knows are passed over.
    let mut more = question("alice", "read", "record-1");
    more["nonsense"] = json!({ "x": 1 });
    more["subject"]["nonsense"] = json!(true);
    more["context"] = json!({ "time": "2024-10-26T01:22-07:00", "kc.realm.name": "other" });
    assert!(desk.may(&more));
}

#[test]
fn whatever_is_unknown_is_not_permitted() {
    let desk = Desk::new();
    for (subject, action, resource) in [
        ("nobody", "read", "record-1"),
        ("alice@test.example", "read", "record-1"),
        ("dave", "read", "record-1"),
        ("service-account-documents", "read", "record-1"),
        ("alice", "fly", "record-1"),
        ("alice", "not a scope \u{7f}", "record-1"),
        ("alice", "read", "record-3"),
        ("alice", "read", "' OR 1=1 --"),
    ] {
        assert!(!desk.may(&question(subject, action, resource)), "{subject} {action} {resource}");
    }
    let mut other = question("alice", "read", "record-1");
    other["resource"]["type"] = "file".into();
    assert!(!desk.may(&other));
    // A client is asked for as one.
    let mut client = question("robot", "read", "record-1");
    client["subject"]["type"] = "client".into();
    assert!(!desk.may(&client));
    client["subject"]["id"] = "reader".into();
    assert!(!desk.may(&client));
    // Another resource server does not see these resources; a client that is none sees nothing.
    let archive = desk.world.pat_of("archive");
    let asked = question("alice", "read", "record-1");
    assert_eq!(desk.post(&archive, "evaluation", &asked).expect(200).json(), json!({ "decision": false }));
    let robot = desk.world.pat_of("robot");
    assert_eq!(desk.post(&robot, "evaluation", &asked).expect(200).json(), json!({ "decision": false }));
    // A person's token through the resource server asks for it.
    let bob = desk.world.token("bob");
    assert_eq!(desk.post(&bob, "evaluation", &asked).expect(200).json(), json!({ "decision": true }));
}

/// The same decisions as the grant's, for shares of owners and nothing spent or asked by them (AZ-UMA-02, D8)
#[test]
fn shares_count_as_they_do_in_the_grant() {
    let desk = Desk::of(&Realm::new("test"));
    let mut document = countersign_tests::world::document("hers", "alice");
    document["type"] = "document".into();
    let id = desk.world.register(&desk.pat, &document);
    let asked = |action: &str| {
        json!({ "subject": { "type": "user", "id": "bob" }, "action": { "name": action },
                "resource": { "type": "document", "id": id } })
    };
    let bob = desk.world.token("bob");
    let grant = |action: &str| {
        let form = [
            ("audience", "documents"),
            ("permission", &format!("{id}#{action}")),
            ("response_mode", "decision"),
        ];
        desk.world.uma(&bob, &form).status == 200
    };
    let both = |action: &str| {
        assert_eq!(desk.may(&asked(action)), grant(action), "{action}");
        grant(action)
    };
    assert!(!both("read"));
    let share = desk.world.share(&id, "read", "bob");
    assert!(both("read"));
    assert!(!both("write"));
    _ = desk.world.withdraw(&desk.pat, &share).expect(204);
    assert!(!both("read"));
    // An owner's policy counts too, and nobody was asked for anything.
    let body = json!({ "name": "friends", "users": ["bob"], "scopes": ["write"] });
    let alice = desk.world.token("alice");
    _ = desk.world.protection("POST", &format!("uma-policy/{id}"), &alice).json(&body).send().expect(200);
    assert!(both("write"));
    assert_eq!(desk.world.rows(&desk.pat), Vec::<Value>::new());
    // Her own name for it means nothing: names are the resource server's.
    let mut named = asked("write");
    named["resource"]["id"] = "hers".into();
    assert!(!desk.may(&named));
}

/// AZ-7.1-01 to AZ-7.2.1-02
#[test]
fn several_questions_are_answered_in_order() {
    let desk = Desk::new();
    let ask = |body: &Value| desk.post(&desk.pat, "evaluations", body).expect(200).json();
    let decisions = |answer: &Value| -> Vec<bool> {
        let all = answer["evaluations"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
        all.map(|one| one["decision"].as_bool().unwrap()).collect()
    };
    let mut body = question("alice", "read", "record-1");
    // None: one.
    assert_eq!(ask(&body), json!({ "decision": true }));
    body["evaluations"] = json!([]);
    assert_eq!(ask(&body), json!({ "decision": true }));
    // Each replaces the whole of a default: the second resource has no status.
    let other = json!({ "resource": { "type": "record", "id": "record-1" }, "action": { "name": "write" } });
    body["evaluations"] =
        json!([{}, other, { "subject": { "type": "user", "id": "bob" } }, { "subject": { "type": "user" } }]);
    let answer = ask(&body);
    assert_eq!(decisions(&answer), [true, false, true, false]);
    assert_eq!(answer.get("decision"), None);
    assert_eq!(answer["evaluations"][0], json!({ "decision": true }));
    let error = json!({ "error": { "status": 400, "message": "`subject.id` is missing" } });
    assert_eq!(answer["evaluations"][3]["context"], error);
    for (semantic, want, reason) in [
        ("execute_all", &[true, false, true, false][..], None),
        ("deny_on_first_deny", &[true, false], Some("deny_on_first_deny")),
        ("permit_on_first_permit", &[true], Some("permit_on_first_permit")),
    ] {
        body["options"] = json!({ "evaluations_semantic": semantic, "another_option": "value" });
        let answer = ask(&body);
        assert_eq!(decisions(&answer), want, "{semantic}");
        if let Some(reason) = reason {
            let last = answer["evaluations"].as_array().unwrap().last().unwrap();
            assert_eq!(last["context"]["reason"], reason);
        }
    }
    // Without defaults each must be whole.
    let answer = ask(
        &json!({ "evaluations": [question("bob", "read", "record-1"), { "action": { "name": "read" } }] }),
    );
    assert_eq!(decisions(&answer), [true, false]);
    for (member, value, text) in [
        ("options", json!({ "evaluations_semantic": "some" }), "`options.evaluations_semantic` must be"),
        ("options", json!([]), "`options` must be an object"),
        ("evaluations", json!({}), "`evaluations` must be a list"),
        ("evaluations", json!(vec![json!({}); 1_001]), "`evaluations` holds more than 1000 questions"),
    ] {
        let mut wrong = body.clone();
        wrong["options"] = json!({});
        wrong[member] = value;
        let answer = desk.post(&desk.pat, "evaluations", &wrong).expect(400);
        assert!(answer.member("error_description").starts_with(text), "{answer}");
    }
}

/// AZ-10.1-02, AZ-10.1.1-01, N15
#[test]
fn n_15_what_cannot_be_read_is_refused_by_name() {
    let desk = Desk::new();
    for (member, value, text) in [
        ("subject", Value::Null, "`subject` is missing"),
        ("resource", Value::Null, "`resource` is missing"),
        ("action", Value::Null, "`action` is missing"),
        ("subject", json!({ "type": "user" }), "`subject.id` is missing"),
        ("subject", json!({ "id": "alice" }), "`subject.type` is missing"),
        ("subject", json!({ "type": "user", "id": 1 }), "`subject.id` must be a text that is not empty"),
        ("subject", json!({ "type": "robot", "id": "alice" }), "`subject.type` must be user or client"),
        ("resource", json!("record-1"), "`resource` must be an object"),
        ("action", json!({}), "`action.name` is missing"),
        ("context", json!("x"), "`context` must be an object"),
    ] {
        let mut body = question("alice", "read", "record-1");
        body[member] = value;
        desk.post(&desk.pat, "evaluation", &body).refused(400, "invalid_request", text);
    }
    let send = |kind: &str, body: &str| {
        let request = desk.world.request("POST", "authzen/access/v1/evaluation").bearer(&desk.pat);
        request.body(kind, body).send().status
    };
    let good = question("alice", "read", "record-1").to_string();
    assert_eq!(send("application/json; charset=utf-8", &good), 200);
    let mut more = question("alice", "read", "record-1");
    more["of_an_extension"] = json!({ "a": 1 });
    more["subject"]["of_an_extension"] = json!(true);
    assert_eq!(send("application/json", &more.to_string()), 200);
    for (kind, body) in [
        ("application/json", ""),
        ("application/json", "null"),
        ("application/json", "{"),
        ("application/json", "[]"),
        ("application/json", "\"x\""),
        ("text/plain", good.as_str()),
        ("application/x-www-form-urlencoded", "subject=alice"),
    ] {
        assert_eq!(send(kind, body), 400, "{kind} {body}");
    }
    _ = desk.world.request("GET", "authzen/access/v1/evaluation").bearer(&desk.pat).send().expect(405);
}

/// AZ-5.5-01
#[test]
fn a_decision_says_why_to_whom_it_may() {
    let desk = Desk::new();
    let ask = |token: &str, reasons: &str, body: &Value| {
        desk.post(token, &format!("evaluation?reasons={reasons}"), body)
    };
    let told = |reasons: &str, body: &Value| ask(&desk.pat, reasons, body).expect(200).json();
    let (yes, no) = (question("alice", "read", "record-1"), question("bob", "write", "record-1"));
    assert_eq!(told("requester", &yes), json!({ "decision": true, "context": { "reason_user": "granted" } }));
    let denied = json!({ "decision": false, "context": { "reason_user": "denied" } });
    assert_eq!(told("requester", &no), denied);
    // Whether anything exists is nobody's business but the operator's.
    assert_eq!(told("requester", &question("bob", "write", "record-9")), denied);
    assert_eq!(told("requester", &question("nobody", "write", "record-1")), denied);
    let all = told("operator", &no);
    let text = all["context"]["reason_admin"].to_string();
    assert_eq!(all["decision"], false);
    assert!(text.contains("writing") && text.contains("alice and active"), "{all}");
    let bob = desk.world.token("bob");
    _ = ask(&bob, "operator", &no).expect(403);
    assert_eq!(ask(&bob, "requester", &no).expect(200).json(), denied);
    ask(&desk.pat, "all", &no).refused(400, "invalid_request", "`reasons` must be requester or operator");
    // In a batch too.
    let body = json!({ "evaluations": [yes, no] });
    let several = desk.post(&desk.pat, "evaluations?reasons=requester", &body).expect(200).json();
    assert_eq!(several["evaluations"][1], denied);
}

/// AZ-11.2-01
#[test]
fn only_clients_with_a_good_token_ask() {
    let desk = Desk::new();
    let body = question("alice", "read", "record-1");
    for path in ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"] {
        let url = format!("authzen/access/v1/{path}");
        let basic = desk.world.request("POST", &url).basic("documents", &secret("documents"));
        for request in
            [desk.world.request("POST", &url), desk.world.request("POST", &url).bearer("nonsense"), basic]
        {
            let answer = request.json(&body).send().expect(401);
            assert_eq!(answer.json(), json!({ "error": "HTTP 401 Unauthorized" }), "{path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{path}");
        }
    }
}

/// AZ-10.1.3-01
#[test]
fn a_request_id_comes_back_with_every_answer() {
    let desk = Desk::new();
    let body = question("alice", "read", "record-1");
    let send = |token: &str, id: &str| {
        let request = desk.world.request("POST", "authzen/access/v1/evaluation").bearer(token);
        request.header("x-request-id", id).json(&body).send()
    };
    let id = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716";
    assert_eq!(send(&desk.pat, id).expect(200).header("x-request-id"), Some(id));
    assert_eq!(send("nonsense", id).expect(401).header("x-request-id"), Some(id));
    // Without one, or with one that is none, an answer has one of ours.
    assert!(desk.post(&desk.pat, "evaluation", &body).header("x-request-id").is_some());
    let long = "x".repeat(257);
    assert_ne!(send(&desk.pat, &long).expect(200).header("x-request-id"), Some(long.as_str()));
    // Nothing of another kind comes back.
    let text = body.to_string();
    let host = desk.world.server.base().strip_prefix("http://").unwrap().to_owned();
    let address = host.replace("localhost", "127.0.0.1");
    let request = format!(
        "POST /realms/test/authzen/access/v1/evaluation HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         authorization: Bearer {}\r\nx-request-id: caf\u{e9}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
        desk.pat,
        text.len()
    );
    let answer = raw(address.parse().unwrap(), request.as_bytes()).to_lowercase();
    assert!(answer.contains("\"decision\"") && !answer.contains("caf"), "{answer}");
}

/// AZ-9.1-01, AZ-9.2-01, D8
#[test]
fn the_metadata_say_where_to_ask() {
    let desk = Desk::new();
    let issuer = desk.world.issuer();
    let base = desk.world.server.base();
    let standard = format!("{base}/.well-known/authzen-configuration/realms/test/authzen");
    let keycloaks = desk.world.url(".well-known/authzen-configuration");
    for (url, point) in [(standard, format!("{issuer}/authzen")), (keycloaks, issuer.clone())] {
        let answer = desk.world.server.http.get(&url).send().expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{url}");
        let at = |path: &str| format!("{issuer}/authzen/access/v1/{path}");
        let want = json!({
            "policy_decision_point": point,
            "access_evaluation_endpoint": at("evaluation"),
            "access_evaluations_endpoint": at("evaluations"),
            "search_subject_endpoint": at("search/subject"),
            "search_resource_endpoint": at("search/resource"),
            "search_action_endpoint": at("search/action"),
        });
        assert_eq!(answer.json(), want, "{url}");
    }
    let nowhere = format!("{base}/.well-known/authzen-configuration/realms/nowhere/authzen");
    _ = desk.world.server.http.get(&nowhere).send().expect(404);
}

/// The interoperability scenario `todo` 1.0 of the OpenID AuthZEN working group
#[test]
fn the_todo_scenario_is_decided_as_expected() {
    let Some(folder) = folder::fixtures() else {
        println!("not here: ../shared/fixtures");
        return;
    };
    let decisions = fs::read_to_string(folder.join("authzen/todo-decisions-01.json")).unwrap();
    let decisions: Value = serde_json::from_str(&decisions).unwrap();
    let decisions = decisions["evaluation"].as_array().unwrap();
    assert_eq!(decisions.len(), 40);
    let realm = include_str!("../realms/authzen-todo.json");
    let server = Server::builder().secret("todo-app-secret").import_text("authzen-todo.json", realm).start();
    let url = |path: &str| format!("{}/realms/todo/{path}", server.base());
    let form = [("grant_type", "client_credentials")];
    let token = server.http.post(&url("protocol/openid-connect/token")).basic("todo-app", "todo-app-secret");
    let token = token.form(&form).send().expect(200).member("access_token");
    for case in decisions {
        let request = &case["request"];
        let answer =
            server.http.post(&url("authzen/access/v1/evaluation")).bearer(&token).json(request).send();
        assert_eq!(answer.expect(200).json(), json!({ "decision": case["expected"] }), "{request}");
    }
    let all: Vec<&Value> = decisions.iter().map(|case| &case["request"]).collect();
    let body = json!({ "evaluations": all });
    let answer = server.http.post(&url("authzen/access/v1/evaluations")).bearer(&token).json(&body).send();
    let want: Vec<Value> = decisions.iter().map(|case| json!({ "decision": case["expected"] })).collect();
    assert_eq!(answer.expect(200).json(), json!({ "evaluations": want }));
}

/// What a policy sees of a resource server's claims is what it would see in the grant's
#[test]
fn a_resource_server_of_another_realm_is_nobody_here() {
    let other = Realm::new("other").client("documents", resource_server("documents", settings()));
    let server = Server::builder().import(realm().json()).import(other.json());
    let server = [&realm(), &other].iter().fold(server, |server, realm| {
        let clients = realm.json()["clients"].as_array().unwrap().iter();
        clients.filter_map(|client| client["secret"].as_str()).fold(server, Builder::secret)
    });
    let server = server.start();
    let url = |realm: &str, path: &str| format!("{}/realms/{realm}/{path}", server.base());
    let form = [("grant_type", "client_credentials")];
    let token = server.http.post(&url("other", "protocol/openid-connect/token"));
    let token = token.basic("documents", &secret("documents")).form(&form).send().expect(200);
    let token = token.member("access_token");
    let body = question("alice", "read", "record-1");
    let ask = |realm: &str| {
        server.http.post(&url(realm, "authzen/access/v1/evaluation")).bearer(&token).json(&body).send()
    };
    _ = ask("test").expect(401);
    assert_eq!(ask("other").expect(200).json(), json!({ "decision": false }));
}
