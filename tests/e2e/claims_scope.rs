//! What tokens say of clients without full scope, and with client scopes that are for people with a role only
//! (wire §9.2, §9.4): claim for claim.

use countersign_tests::{
    admin::Admin,
    forge::claims,
    http::Answer,
    realm::{Realm, password, secret},
    world::World,
};
use serde_json::{Value, json};

/// Roles `manager` (alice, carol), `chief` made of `manager` and `documents.editor` (carol), `documents.editor`
fn realm(own: Value) -> Realm {
    let flags = |name: &str, multivalued: &str| {
        json!({
            "claim.name": name, "multivalued": multivalued, "jsonType.label": "String",
            "access.token.claim": "true", "id.token.claim": "true", "userinfo.token.claim": "true",
        })
    };
    let mapper = |kind: &str, config: Value| {
        json!({
            "name": kind, "protocol": "openid-connect", "protocolMapper": kind, "config": config,
        })
    };
    let hardcoded = |name: &str, value: &str| {
        let mut config = flags(name, "false");
        config["claim.value"] = value.into();
        json!([mapper("oidc-hardcoded-claim-mapper", config)])
    };
    let scope = |name: &str, mappers: Value| {
        json!({
            "name": name, "protocol": "openid-connect", "protocolMappers": mappers,
            "attributes": { "include.in.token.scope": "true" },
        })
    };
    let roles = json!([
        mapper("oidc-usermodel-realm-role-mapper", flags("realm_access.roles", "true")),
        mapper("oidc-usermodel-client-role-mapper", flags("resource_access.${client_id}.roles", "true")),
        mapper("oidc-audience-resolve-mapper", json!({ "access.token.claim": "true" })),
    ]);
    let scopes = json!([
        scope("roles", roles),
        scope("desk", hardcoded("desk", "corner")),
        scope("parking", hardcoded("parking", "yes")),
        scope("lift", hardcoded("lift", "key")),
    ]);
    let of_realm = json!([
        { "name": "default-roles-test" }, { "name": "manager" }, { "name": "plain" },
        { "name": "chief", "composite": true,
          "composites": { "realm": ["manager"], "client": { "documents": ["editor"] } } },
    ]);
    let of_clients = json!({
        "documents": [{ "name": "uma_protection" }, { "name": "editor" }],
        "archive": [{ "name": "uma_protection" }], "backend": [{ "name": "own" }],
    });
    Realm::new("test")
        .set("roles", json!({ "realm": of_realm, "client": of_clients }))
        .set("clientScopes", scopes)
        .user("alice", json!({ "realmRoles": ["manager", "plain"], "clientRoles": { "backend": ["own"] } }))
        .user("carol", json!({ "realmRoles": ["chief", "plain"], "clientRoles": { "backend": ["own"] } }))
        .user("bob", json!({ "realmRoles": ["plain"], "clientRoles": {} }))
        .client("backend", own)
}

fn answer(world: &World, user: &str, scope: &str) -> Answer {
    let (password, secret) = (password(user), secret("backend"));
    let form = [
        ("grant_type", "password"),
        ("username", user),
        ("password", &*password),
        ("client_id", "backend"),
        ("client_secret", &*secret),
        ("scope", scope),
    ];
    world.post_token().form(&form).send().expect(200)
}

/// What a token says, without what no two have in common; lists in order
fn says(world: &World, user: &str, scope: &str) -> Value {
    let mut token = claims(&answer(world, user, scope).member("access_token"));
    let members = token.as_object_mut().unwrap();
    for name in ["exp", "iat", "jti", "iss", "sub", "sid", "typ", "azp", "acr"] {
        members.remove(name);
    }
    sort(&mut token);
    token
}

fn sort(value: &mut Value) {
    match value {
        Value::Array(items) => items.sort_by_key(ToString::to_string),
        Value::Object(members) => members.values_mut().for_each(sort),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_client_without_full_scope_carries_what_its_scope_mappings_name() {
    let own = json!({
        "fullScopeAllowed": false, "defaultClientScopes": ["roles"], "optionalClientScopes": ["desk"],
    });
    let bare = json!({ "scope": "roles", "resource_access": { "backend": { "roles": ["own"] } } });
    let nothing = json!({ "scope": "roles" });
    let manager = json!({
        "scope": "roles", "realm_access": { "roles": ["manager"] },
        "resource_access": { "backend": { "roles": ["own"] } },
    });
    let mapped = |member: &str, value: Value| World::of(&realm(own.clone()).set(member, value));
    {
        // Its own roles always.
        let world = World::of(&realm(own.clone()));
        assert_eq!(says(&world, "alice", ""), bare);
        assert_eq!(says(&world, "bob", ""), nothing);
    }
    {
        // A role of the realm that it may show, of those who have it, by a composite too.
        let world = mapped("scopeMappings", json!([{ "client": "backend", "roles": ["manager"] }]));
        assert_eq!(says(&world, "alice", ""), manager);
        assert_eq!(says(&world, "carol", ""), manager);
        assert_eq!(says(&world, "bob", ""), nothing);
    }
    {
        // A composite lets through what it is made of: alice has no more of that than `manager`.
        let world = mapped("scopeMappings", json!([{ "client": "backend", "roles": ["chief"] }]));
        assert_eq!(says(&world, "alice", ""), manager);
        let all = json!({
            "scope": "roles", "realm_access": { "roles": ["chief", "manager"] }, "aud": "documents",
            "resource_access": { "backend": { "roles": ["own"] }, "documents": { "roles": ["editor"] } },
        });
        assert_eq!(says(&world, "carol", ""), all);
    }
    {
        // A role of another client, and its audience.
        let clients = json!({ "documents": [{ "client": "backend", "roles": ["editor"] }] });
        let world = mapped("clientScopeMappings", clients);
        let editor = json!({
            "scope": "roles", "aud": "documents",
            "resource_access": { "backend": { "roles": ["own"] }, "documents": { "roles": ["editor"] } },
        });
        assert_eq!(says(&world, "carol", ""), editor);
        assert_eq!(says(&world, "alice", ""), bare);
    }
    // By a client scope, while that is asked for.
    let world = mapped("scopeMappings", json!([{ "clientScope": "desk", "roles": ["manager"] }]));
    assert_eq!(says(&world, "alice", ""), bare);
    let mut said = says(&world, "alice", "desk");
    let mut names: Vec<_> = said["scope"].as_str().unwrap().split(' ').map(str::to_owned).collect();
    names.sort();
    said["scope"] = names.join(" ").into();
    let asked = json!({ "scope": "desk roles", "desk": "corner" });
    assert_eq!(said, countersign_tests::realm::with(manager, asked));
}

#[test]
fn a_client_scope_with_roles_is_for_people_who_have_one_of_them() {
    let own = json!({
        "defaultClientScopes": ["roles", "parking"], "optionalClientScopes": ["desk", "lift"],
    });
    let realm = realm(own)
        .set("scopeMappings", json!([{ "clientScope": "parking", "roles": ["manager"] }]))
        .set("clientScopeMappings", json!({ "documents": [{ "clientScope": "lift", "roles": ["editor"] }] }));
    let world = World::administered(&realm);
    let scopes = |user: &str, scope: &str| -> Vec<String> {
        let told = answer(&world, user, scope);
        let token = claims(&told.member("access_token"));
        assert_eq!(told.json()["scope"], token["scope"]);
        let mut names: Vec<_> = token["scope"].as_str().unwrap().split(' ').map(str::to_owned).collect();
        names.sort();
        for (scope, claim) in [("parking", "parking"), ("desk", "desk"), ("lift", "lift")] {
            assert_eq!(
                names.iter().any(|name| name == scope),
                token.get(claim).is_some(),
                "{claim}: {token}"
            );
        }
        names
    };
    // alice is a manager, carol by a composite; bob is none, and is told nothing of it.
    assert_eq!(scopes("alice", ""), ["parking", "roles"]);
    assert_eq!(scopes("carol", ""), ["parking", "roles"]);
    assert_eq!(scopes("bob", ""), ["roles"]);
    // To ask for one that is not for him is no error: he does not get it.
    assert_eq!(scopes("alice", "desk lift"), ["desk", "parking", "roles"]);
    assert_eq!(scopes("carol", "desk lift"), ["desk", "lift", "parking", "roles"]);
    assert_eq!(scopes("bob", "lift"), ["roles"]);
    // A token that is refreshed loses what its owner has lost.
    let root = Admin::root(&world.server, "test");
    let told = answer(&world, "alice", "");
    let role = root.read("roles/manager");
    let path = format!("users/{}/role-mappings/realm", root.user("alice"));
    _ = root.delete_with(&path, &json!([role])).expect(204);
    let refresh = told.member("refresh_token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    let again = world.post_token().basic("backend", &secret("backend")).form(&form).send().expect(200);
    let token = claims(&again.member("access_token"));
    assert_eq!((&token["scope"], token.get("parking")), (&json!("roles"), None));
}
