//! What tokens say: protocol mappers of clients and client scopes (wire §9.4, §6.10, §6.12).

use countersign_tests::{
    forge::claims,
    http::Answer,
    realm::{Realm, password, secret, with},
    world::World,
};
use serde_json::{Value, json};

const EVERYWHERE: [&str; 4] =
    ["access.token.claim", "id.token.claim", "userinfo.token.claim", "introspection.token.claim"];

fn mapper(kind: &str, config: impl Into<Value>) -> Value {
    let config: Value = config.into();
    json!({ "name": kind, "protocol": "openid-connect", "protocolMapper": kind, "config": config })
}

/// In every document
fn everywhere(kind: &str, config: Value) -> Value {
    let flags: Value = EVERYWHERE.iter().map(|name| ((*name).to_owned(), json!("true"))).collect();
    mapper(kind, with(flags, config))
}

fn sign_in(world: &World, client: &str, scope: &str) -> Answer {
    let (password, secret) = (password("alice"), secret(client));
    let form = [
        ("grant_type", "password"),
        ("username", "alice"),
        ("password", &*password),
        ("client_id", client),
        ("client_secret", &*secret),
        ("scope", scope),
    ];
    world.post_token().form(&form).send().expect(200)
}

/// Access token, ID token, userinfo and introspection of one sign-in through `backend`
struct Said {
    access: Value,
    id: Value,
    userinfo: Value,
    introspected: Value,
}

fn said(realm: &Realm, scope: &str) -> Said {
    let world = World::of(realm);
    let answer = sign_in(&world, "backend", scope);
    let token = answer.member("access_token");
    let userinfo = world.request("GET", "protocol/openid-connect/userinfo").bearer(&token).send().expect(200);
    let form = [("token", &*token)];
    let introspected = world.post_introspect().basic("backend", &secret("backend")).form(&form).send();
    Said {
        access: claims(&token),
        id: claims(&answer.member("id_token")),
        userinfo: userinfo.json(),
        introspected: introspected.expect(200).json(),
    }
}

fn realm(mappers: &[Value]) -> Realm {
    let alice = json!({
        "attributes": { "team": ["red", "blue"], "level": ["7"], "vip": ["true"], "profile.x": ["{\"a\":[1]}"],
                        "street": ["Main 1"], "locality": ["Town"], "phoneNumber": ["+1"] },
        "realmRoles": ["default-roles-test", "manager"], "groups": ["/staff/night"],
        "clientRoles": { "documents": ["editor"] },
    });
    Realm::new("test").user("alice", alice).client("backend", json!({ "protocolMappers": mappers }))
}

#[test]
fn each_mapper_makes_its_claim_in_the_documents_that_it_names() {
    let attribute = |claim: &str, name: &str, more: Value| {
        let config = json!({ "user.attribute": name, "claim.name": claim });
        everywhere("oidc-usermodel-attribute-mapper", with(config, more))
    };
    let list = json!({ "multivalued": "true" });
    let only = |flag: &str, claim: &str| {
        mapper(
            "oidc-hardcoded-claim-mapper",
            json!({ "claim.name": claim, "claim.value": "x", flag: "true" }),
        )
    };
    let said = said(
        &realm(&[
            attribute("org.team", "team", list.clone()),
            attribute("first_team", "team", json!({})),
            attribute("level", "level", json!({ "jsonType.label": "int" })),
            attribute("vip", "vip", json!({ "jsonType.label": "boolean" })),
            attribute("wrong", "team", json!({ "jsonType.label": "long" })),
            attribute(r"with\.dot", "level", json!({})),
            attribute("json", "profile.x", json!({ "jsonType.label": "JSON" })),
            attribute("nothing", "nowhere", list),
            attribute("sub", "team", json!({})),
            everywhere(
                "oidc-usermodel-property-mapper",
                json!({ "user.attribute": "username", "claim.name": "login" }),
            ),
            everywhere(
                "oidc-hardcoded-claim-mapper",
                json!({ "claim.name": "tenant.id", "claim.value": "5", "jsonType.label": "long" }),
            ),
            everywhere(
                "oidc-group-membership-mapper",
                json!({ "claim.name": "groups", "full.path": "true" }),
            ),
            everywhere(
                "oidc-group-membership-mapper",
                json!({ "claim.name": "names", "full.path": "false" }),
            ),
            everywhere(
                "oidc-usermodel-realm-role-mapper",
                json!({ "claim.name": "my_roles", "multivalued": "true",
                        "usermodel.realmRoleMapping.rolePrefix": "r_" }),
            ),
            everywhere(
                "oidc-usermodel-client-role-mapper",
                json!({ "claim.name": "of_documents", "multivalued": "true",
                        "usermodel.clientRoleMapping.clientId": "documents" }),
            ),
            only("access.token.claim", "only_access"),
            only("id.token.claim", "only_id"),
            only("userinfo.token.claim", "only_userinfo"),
            only("introspection.token.claim", "only_introspection"),
        ]),
        "openid address",
    );
    for (name, document) in [
        ("access", &said.access),
        ("id", &said.id),
        ("userinfo", &said.userinfo),
        ("introspection", &said.introspected),
    ] {
        let want = json!({
            "org": { "team": ["red", "blue"] }, "first_team": "red", "level": 7, "vip": true, "with.dot": "7",
            "json": { "a": [1] }, "login": "alice", "tenant": { "id": 5 }, "groups": ["/staff/night"],
            "names": ["night"], "my_roles": ["r_default-roles-test", "r_manager"], "of_documents": ["editor"],
            "address": { "street_address": "Main 1", "locality": "Town" },
        });
        for (claim, value) in want.as_object().unwrap() {
            let got = document.get(claim);
            let sorted = |value: &Value| {
                let Some(items) = value.as_array() else { return value.clone() };
                let mut items: Vec<_> = items.iter().map(ToString::to_string).collect();
                items.sort();
                json!(items)
            };
            // The default role is made of others, which vary.
            if claim == "my_roles" {
                let roles = got.unwrap().as_array().unwrap();
                assert!(roles.contains(&json!("r_manager")), "{name}");
                continue;
            }
            assert_eq!(got.map(sorted), Some(sorted(value)), "{name}: {claim}");
        }
        for claim in ["nothing", "wrong"] {
            assert_eq!(document.get(claim), None, "{name}: {claim}");
        }
        assert_ne!(document["sub"], "red", "{name}");
        for other in ["access", "id", "userinfo", "introspection"] {
            let there = document.get(format!("only_{other}")).is_some();
            // Without a setting of its own, userinfo has what the ID token has, introspection what the access token has.
            let inherits = matches!((name, other), ("userinfo", "id") | ("introspection", "access"));
            assert_eq!(there, name == other || inherits, "{name}: only_{other}");
        }
    }
}

#[test]
fn n_37_audiences_and_roles_come_from_mappers_of_their_own() {
    let hardcoded = |role: &str| mapper("oidc-hardcoded-role-mapper", json!({ "role": role }));
    let renamed = |role: &str, new: &str| {
        mapper("oidc-role-name-mapper", json!({ "role": role, "new.role.name": new }))
    };
    let audience = |config: Value| {
        let flags = json!({ "access.token.claim": "true", "id.token.claim": "true" });
        mapper("oidc-audience-mapper", with(flags, config))
    };
    let said = said(
        &realm(&[
            hardcoded("guest"),
            hardcoded("archive.reader"),
            hardcoded("gone.reader"),
            renamed("manager", "boss"),
            renamed("documents.editor", "documents.writer"),
            audience(json!({ "included.custom.audience": "https://api.example" })),
            audience(json!({ "included.client.audience": "robot" })),
            audience(json!({ "included.client.audience": "gone" })),
            audience(json!({ "included.client.audience": "nowhere" })),
        ]),
        "openid",
    );
    let roles: Vec<String> = serde_json::from_value(said.access["realm_access"]["roles"].clone()).unwrap();
    assert!(roles.contains(&"guest".to_owned()) && roles.contains(&"boss".to_owned()), "{roles:?}");
    assert!(!roles.contains(&"manager".to_owned()), "{roles:?}");
    let access = &said.access["resource_access"];
    assert_eq!(
        (&access["documents"]["roles"], &access["archive"]["roles"]),
        (&json!(["writer"]), &json!(["reader"]))
    );
    assert_eq!(access.get("gone"), None, "N37");
    let aud: Vec<String> = serde_json::from_value(said.access["aud"].clone()).unwrap();
    for name in ["https://api.example", "robot", "documents", "archive"] {
        assert!(aud.contains(&name.to_owned()), "{name}: {aud:?}");
    }
    assert!(!aud.contains(&"gone".to_owned()) && !aud.contains(&"nowhere".to_owned()), "{aud:?}");
    assert_eq!(said.id["aud"], json!(["backend", "https://api.example", "robot"]), "no resolved ones");
    assert_eq!(said.userinfo.get("aud"), None);
}

#[test]
fn a_client_without_full_scope_carries_its_own_roles_only() {
    let own = json!({ "fullScopeAllowed": false, "serviceAccountsEnabled": true });
    let realm = realm(&[]).client("backend", own);
    let realm = realm.client("documents", json!({}));
    let said = said(&realm, "openid");
    assert_eq!(said.access.get("realm_access"), None);
    assert_eq!(said.access.get("resource_access"), None);
    assert_eq!(said.access.get("aud"), None);
}

#[test]
fn scopes_of_the_realm_bring_their_mappers_and_only_when_they_are_granted() {
    let tenant =
        everywhere("oidc-hardcoded-claim-mapper", json!({ "claim.name": "tenant", "claim.value": "acme" }));
    let scopes = json!([
        { "name": "tenant", "protocol": "openid-connect", "protocolMappers": [tenant],
          "attributes": { "include.in.token.scope": "true" } },
        { "name": "silent", "protocol": "openid-connect",
          "attributes": { "include.in.token.scope": "false" } },
        { "name": "saml", "protocol": "saml", "protocolMappers": [tenant] },
    ]);
    let own =
        json!({ "defaultClientScopes": ["silent", "saml", "gone"], "optionalClientScopes": ["tenant"] });
    let realm = Realm::new("test").set("clientScopes", scopes).client("backend", own);
    let world = World::of(&realm);
    let answer = sign_in(&world, "backend", "tenant");
    assert_eq!(answer.json()["scope"], "tenant");
    assert_eq!(claims(&answer.member("access_token"))["tenant"], "acme");
    let refresh = answer.member("refresh_token");
    let plain = sign_in(&world, "backend", "");
    assert_eq!(plain.json()["scope"], "");
    let says = claims(&plain.member("access_token"));
    for name in ["tenant", "email", "realm_access", "acr", "allowed-origins", "name"] {
        assert_eq!(says.get(name), None, "{name}: the realm has no such scope");
    }
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    let again = world.post_token().basic("backend", &secret("backend")).form(&form).send().expect(200);
    assert_eq!(claims(&again.member("access_token"))["tenant"], "acme");
}

#[test]
fn a_lightweight_token_says_little_and_introspection_says_the_rest() {
    let own = json!({ "attributes": { "client.use.lightweight.access.token.enabled": "true" } });
    let kept = mapper(
        "oidc-hardcoded-claim-mapper",
        json!({ "claim.name": "kept", "claim.value": "x", "access.token.claim": "true", "lightweight.claim": "true" }),
    );
    let said = said(&realm(&[kept]).client("backend", own), "openid");
    for name in ["email", "realm_access", "name", "aud", "acr"] {
        assert_eq!(said.access.get(name), None, "{name}");
    }
    assert_eq!(said.access["kept"], "x");
    assert_eq!(said.introspected["email"], "alice@test.example");
    assert_eq!(said.introspected["aud"], json!(["account", "documents"]));
    assert_eq!(said.introspected["resource_access"]["documents"], json!({ "roles": ["editor"] }));
}

/// wire §6.12: names, nesting and omission, claim for claim
#[test]
fn an_ordinary_realms_tokens_have_keycloaks_claims_and_no_others() {
    let world = World::of(&Realm::new("test").user("bob", json!({ "realmRoles": [] })));
    let names = |token: &str| claims(token).as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let bob = names(&world.token_by("reader", "bob"));
    // Imported without roles: neither realm_access nor resource_access nor aud.
    let want = [
        "acr",
        "allowed-origins",
        "azp",
        "email",
        "email_verified",
        "exp",
        "family_name",
        "given_name",
        "iat",
        "iss",
        "jti",
        "name",
        "preferred_username",
        "scope",
        "sid",
        "sub",
        "typ",
    ];
    assert_eq!(bob, want);
    let pat = names(&world.pat());
    let want = [
        "acr",
        "aud",
        "azp",
        "clientAddress",
        "clientHost",
        "client_id",
        "email_verified",
        "exp",
        "iat",
        "iss",
        "jti",
        "preferred_username",
        "realm_access",
        "resource_access",
        "scope",
        "sub",
        "typ",
    ];
    assert_eq!(pat, want);
}
