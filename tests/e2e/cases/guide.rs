//! The commands of a published guide to UMA with Keycloak, as they stand there, and who else may call `uma-policy`.

use countersign_tests::{
    case::{self, granted},
    realm::secret,
    table::Table,
    world::{UMA, World},
};
use serde_json::{Value, json};

/// A mapper that puts the resource server into an app's tokens
fn audience() -> Value {
    json!([{ "name": "to documents", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
             "config": { "included.client.audience": "documents", "access.token.claim": "true" } }])
}

/// Alice shares through an app that is no resource server; Bob's request shows the client's secret too
#[test]
fn the_commands_of_a_guide_work_as_written() {
    let realm = case::realm().client("reader", json!({ "protocolMappers": audience() }));
    // Her token names no other resource server.
    let realm = realm.user("alice", json!({ "clientRoles": { "documents": ["uma_protection"] } }));
    let world = World::of(&realm);

    // 1. The resource server registers Alice's document and asks for a ticket on Bob's first attempt.
    let pat = world.pat();
    let body = json!({
        "name": "document-42", "owner": "alice", "ownerManagedAccess": true, "type": "document",
        "resource_scopes": ["read", "write"], "uris": ["/documents/42"],
    });
    let id = world.register(&pat, &body);
    let ticket = world.ticket(&pat, &id, &["read"]);

    // 2. The exchange shows the client's secret and Bob's bearer at once: the bearer says who asks.
    let bob = world.token_by("reader", "bob");
    let exchange = |ticket: &str| {
        let form = [
            ("grant_type", UMA),
            ("client_id", "documents"),
            ("client_secret", &*secret("documents")),
            ("ticket", ticket),
        ];
        world.post_token().bearer(&bob).form(&form).send()
    };
    exchange(&ticket).refused(403, "access_denied", "request_submitted");

    // 3. Alice's own token, got through the app, at the policy API (D7).
    let alice = world.token_by("reader", "alice");
    let policy = json!({ "name": "bob-reads", "scopes": ["read"], "users": ["bob"] });
    let made = world.protection("POST", &format!("uma-policy/{id}"), &alice).json(&policy).send().expect(200);
    assert_eq!(made.json()["users"], json!(["bob"]));
    let list = world.protection("GET", "uma-policy", &alice).send().expect(200).json();
    assert_eq!(list.as_array().unwrap().len(), 1);

    // 4. The same ticket now works, and introspection shows `.authorization.permissions` without a hint.
    let answer = exchange(&ticket).expect(200);
    let rpt = answer.member("access_token");
    assert_eq!(granted(answer), ["document-42: read"]);
    let form = [("token", &*rpt), ("client_id", "documents"), ("client_secret", &*secret("documents"))];
    let said = world.post_introspect().form(&form).send().expect(200).json();
    let want = json!([{ "rsid": id, "rsname": "document-42", "scopes": ["read"] }]);
    assert_eq!((&said["active"], &said["authorization"]["permissions"]), (&json!(true), &want));

    // 5. Alice takes it back.
    let path = format!("uma-policy/{}", made.member("id"));
    _ = world.protection("DELETE", &path, &alice).send().expect(204);
    let said = world.post_introspect().form(&form).send().expect(200).json();
    assert_eq!(said["authorization"]["permissions"], json!([]));
}

/// D7: the token must be a person's and for exactly one resource server, and opens nothing but `uma-policy`
#[test]
fn d_7_a_token_for_one_resource_server_writes_its_owners_policies() {
    let to = |servers: &[&str]| {
        let mapper = |server: &&str| {
            json!({ "name": format!("to {server}"), "protocol": "openid-connect",
                    "protocolMapper": "oidc-audience-mapper",
                    "config": { "included.client.audience": server, "access.token.claim": "true" } })
        };
        json!({ "protocolMappers": servers.iter().map(mapper).collect::<Value>() })
    };
    let realm = case::realm()
        .client("reader", to(&["documents", "backend"]))
        .client("backend", to(&["documents", "archive"]))
        .client("robot", to(&["documents"]))
        // A role of a client is an audience too.
        .user("marta", json!({ "clientRoles": {} }))
        .user("kolo", json!({ "clientRoles": {} }));
    let world = World::of(&realm);
    let id = world.managed("Hers", "marta", &["read"]);
    let policy = json!({ "name": "for kolo", "users": ["kolo"] });
    let post =
        |token: &str| world.protection("POST", &format!("uma-policy/{id}"), token).json(&policy).send();
    let mut table = Table::new();
    let not = |client: &str| format!("Client application [{client}] is not registered as a resource server.");
    for (name, token, client) in [
        ("two resource servers", world.token_by("backend", "marta"), "backend"),
        ("a service account", world.pat_of("robot"), "robot"),
    ] {
        table.row(name, post(&token), 403, "invalid_clientId", &not(client));
    }
    let hers = world.token_by("reader", "marta");
    for (method, path) in [
        ("GET", "resource_set".to_owned()),
        ("DELETE", format!("resource_set/{id}")),
        ("GET", "permission/ticket".to_owned()),
        ("POST", "permission".to_owned()),
    ] {
        let answer = world.protection(method, &path, &hers).send();
        table.row(&format!("{method} {path}"), answer, 403, "invalid_clientId", &not("reader"));
    }
    let text = format!("Only resource owner can access policies for resource [{id}]");
    let kolos = world.token_by("reader", "kolo");
    table.row("somebody else", post(&kolos), 400, "invalid_request", &text);
    table.status("the owner", post(&hers), 200);
    table.done();
}
