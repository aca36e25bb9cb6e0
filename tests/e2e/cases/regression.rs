//! SEC: what Keycloak had to mend. SEC-4 stands in `resource_set`.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use countersign_tests::{
    authz::Authz,
    case::{self, granted},
    count, forge,
    http::Answer,
    realm::{Realm, password, secret},
    table::Table,
};
use serde_json::{Value, json};

/// A realm whose tokens can be forged
fn realm() -> Realm {
    case::realm().set("privateKey", json!(forge::private_key()))
}

/// ID token and access token of marta's sign-in through a client
fn tokens(authz: &Authz, client: &str) -> [String; 2] {
    let (password, secret) = (password("marta"), secret(client));
    let mut form = vec![
        ("grant_type", "password"),
        ("username", "marta"),
        ("password", &*password),
        ("client_id", client),
        ("scope", "openid"),
    ];
    if client != "reader" {
        form.push(("client_secret", &*secret));
    }
    let answer = authz.world.post_token().form(&form).send().expect(200);
    [answer.member("id_token"), answer.member("access_token")]
}

#[test]
fn sec_1_a_claim_token_is_the_clients_own_and_fresh() {
    const FORMAT: &str = "http://openid.net/specs/openid-connect-core-1_0.html#IDToken";
    let authz = Authz::of(&realm());
    let id = authz.open("Resource A", &[]);
    let ask = |token: &str, format: Option<&str>| {
        let ticket = authz.world.ticket(&authz.world.pat(), &id, &[]);
        let mut fields = vec![("ticket", &*ticket), ("claim_token", token)];
        fields.extend(format.map(|format| ("claim_token_format", format)));
        authz.world.uma_by("documents", &fields)
    };
    let mut table = Table::new();
    let invalid = "invalid_claim_token";
    for format in [None, Some(FORMAT)] {
        for token in tokens(&authz, "documents") {
            assert_eq!(granted(ask(&token, format)), ["Resource A"]);
            let old = forge::changed(&token, |claims| {
                claims["iat"] = json!(999_700);
                claims["exp"] = json!(1_000_000);
            });
            table.row("expired", ask(&old, format), 400, invalid, "Expired token");
            let forged = forge::tampered(&token);
            table.row("forged", ask(&forged, format), 400, "unauthorized_client", "Invalid signature");
        }
        for client in ["backend", "reader"] {
            for token in tokens(&authz, client) {
                table.row(client, ask(&token, format), 400, invalid, "Token issued to a different client");
            }
        }
    }
    table.done();
}

#[test]
fn sec_3_a_subject_token_is_bounded() {
    let authz = Authz::of_cases();
    let ask = |length: usize| {
        let token = "x".repeat(length);
        authz.world.uma_by("documents", &[("audience", "documents"), ("subject_token", &token)])
    };
    let mut table = Table::new();
    for length in [10, 4_001, 20_000] {
        let name = format!("{length} characters");
        table.row(&name, ask(length), 400, "unauthorized_client", "Invalid identity");
    }
    let text = "The size of OIDC parameter 'subject_token' is longer than allowed.";
    table.row("20,001 characters", ask(20_001), 400, "invalid_request", text);
    table.done();
}

/// And issue 49910: what the resource server registers for alice is alice's (D1)
#[test]
fn sec_6_a_resource_is_its_owners_and_the_servers() {
    let authz = Authz::of_cases();
    let world = &authz.world;
    let marta = world.token("marta");
    let id = world.register(&marta, &json!({ "name": "Hers", "resource_scopes": ["read"] }));
    let path = format!("resource_set/{id}");
    let body = json!({ "name": "Hers", "resource_scopes": ["read"] });
    let send = |method: &str, token: &str| {
        let request = world.protection(method, &path, token);
        if method == "PUT" { request.json(&body).send() } else { request.send() }
    };
    let list = |token: &str| world.protection("GET", "resource_set", token).send().expect(200).json();
    let kolo = world.token("kolo");
    let mut table = Table::new();
    for method in ["PUT", "GET", "DELETE"] {
        let text = "You don't have permission to manage this resource";
        table.row(&format!("kolo: {method}"), send(method, &kolo), 403, "forbidden", text);
    }
    table.done();
    assert_eq!(list(&kolo), json!([]));
    for token in [marta, world.pat()] {
        assert_eq!(list(&token), json!([id]));
        _ = send("GET", &token).expect(200);
        _ = send("PUT", &token).expect(204);
    }
    let answer = world.managed("For Alice", "alice", &["read"]);
    let shown = world.protection("GET", &format!("resource_set/{answer}"), &world.pat()).send().expect(200);
    assert_eq!(shown.json()["owner"]["id"], world.id_of("alice"));
    _ = send("DELETE", &world.pat()).expect(204);
}

#[test]
fn sec_10_a_share_of_a_scope_that_is_gone_opens_nothing() {
    let authz = Authz::of_cases();
    let world = &authz.world;
    let id = world.managed("Hers", "marta", &["read", "write"]);
    _ = world.share(&id, "write", "kolo");
    let kolo = world.token_by("reader", "kolo");
    assert_eq!(granted(world.ask(&kolo, &[&format!("{id}#write")])), ["Hers: write"]);
    let body = json!({ "name": "Hers", "ownerManagedAccess": true, "resource_scopes": ["read"] });
    let path = format!("resource_set/{id}");
    _ = world.protection("PUT", &path, &world.pat()).json(&body).send().expect(204);
    assert_eq!(world.rows_of(&id), Vec::<Value>::new());
    world.ask(&kolo, &[&id]).refused(403, "access_denied", "not_authorized");
    let text = "Resource with id [Hers] does not exist.";
    world.ask(&kolo, &["Hers"]).refused(400, "invalid_resource", text);
}

/// What changes under an assessment again and again is a 503 that says when to come back (design D11), and nothing else
#[test]
fn sec_11_resources_come_and_go_while_others_ask() {
    let authz = Authz::of_cases();
    let world = &authz.world;
    _ = authz.open("Stays", &["read"]);
    let (pat, token) = (world.pat(), world.token("marta"));
    let wanted = count(200, 2_000);
    let (done, successes) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let asking: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let answer = world.ask(&token, &["Stays#read"]);
                        if answer.status == 503 {
                            assert_eq!(answer.header("retry-after"), Some("1"), "{answer}");
                            continue;
                        }
                        _ = answer.expect(200);
                        successes.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        while successes.load(Ordering::Relaxed) < wanted && asking.iter().all(|thread| !thread.is_finished())
        {
            let id = world.register(&pat, &json!({ "name": "Comes and goes", "resource_scopes": ["read"] }));
            let path = format!("resource_set/{id}");
            _ = world.protection("DELETE", &path, &pat).send().expect(204);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(successes.into_inner() >= wanted);
}

/// Eight cases: two URIs, four people
#[test]
fn sec_14_two_resources_of_one_uri_are_two() {
    for (uri, asked) in [("/resource/*", "/resource/7"), ("/item/{id}", "/item/7")] {
        let roles = ["reading", "writing"].map(|name| json!({ "name": name }));
        let mut all = case::realm().json()["roles"].clone();
        all["realm"].as_array_mut().unwrap().extend(roles);
        let holds = |roles: &[&str]| json!({ "realmRoles": roles });
        let realm = case::realm()
            .set("roles", all)
            .user("alice", holds(&["reading"]))
            .user("bob", holds(&["writing"]))
            .user("marta", holds(&["reading", "writing"]))
            .user("kolo", holds(&["manager"]));
        let authz = Authz::of(&realm);
        for (name, scope) in [("reading", "read"), ("writing", "write")] {
            _ = authz.make("policy/role", &json!({ "name": name, "roles": [{ "id": name }] }));
            let id = authz.make("resource", &json!({ "name": scope, "uris": [uri], "scopes": [scope] }));
            _ = authz.permit(&[&id], name);
        }
        let ask = |user: &str, scopes: &[&str]| -> Answer {
            let mut fields = vec![
                ("audience", "documents"),
                ("permission_resource_format", "uri"),
                ("permission_resource_matching_uri", "true"),
            ];
            let wanted: Vec<_> = scopes.iter().map(|scope| format!("{asked}#{scope}")).collect();
            fields.extend(wanted.iter().map(|wanted| ("permission", wanted.as_str())));
            authz.world.uma(&authz.world.token_by("reader", user), &fields)
        };
        assert_eq!(granted(ask("alice", &["read"])), ["read: read"], "{uri}");
        ask("alice", &["write"]).denied();
        assert_eq!(granted(ask("bob", &["write"])), ["write: write"], "{uri}");
        ask("bob", &["read"]).denied();
        assert_eq!(granted(ask("marta", &["read", "write"])), ["read: read", "write: write"], "{uri}");
        ask("kolo", &["read", "write"]).denied();
    }
}

/// Dropped long ago, and not to come back: the realm role `uma_authorization` is nobody's entrance
#[test]
fn sec_18_no_role_of_the_realm_is_needed_to_ask() {
    let realm = case::realm().user("visitor", json!({ "realmRoles": [] }));
    let authz = Authz::of(&realm);
    _ = authz.open("Resource A", &[]);
    let token = authz.world.token_by("reader", "visitor");
    assert_eq!(forge::claims(&token).get("realm_access"), None);
    assert_eq!(granted(authz.world.ask(&token, &["Resource A"])), ["Resource A"]);
}
