//! PROV: what each kind of policy looks at, through a ticket of the resource server.

use countersign_tests::{
    authz::{Authz, names},
    case::{self, granted, permissions},
    realm::{Realm, secret},
    world::World,
};
use serde_json::{Value, json};

/// A realm with roles A to C and the groups /Group A/Group B/Group C, in which tokens carry group names or paths
fn realm() -> Realm {
    let mut roles = case::realm().json()["roles"].clone();
    roles["realm"].as_array_mut().unwrap().push(json!({ "name": "Role C" }));
    let group_c = json!({ "name": "Group C" });
    let group_b = json!({ "name": "Group B", "realmRoles": ["Role C"], "subGroups": [group_c] });
    let groups =
        json!([{ "name": "Group A", "realmRoles": ["Role A"], "subGroups": [group_b] }, { "name": "staff" }]);
    let person = |roles: &[&str], groups: &[&str]| json!({ "realmRoles": roles, "groups": groups });
    case::realm()
        .set("roles", roles)
        .set("groups", groups)
        .user("marta", person(&["default-roles-test", "Role A"], &["/Group A"]))
        .user("alice", person(&["default-roles-test"], &["/Group A/Group B"]))
        .user("kolo", person(&["default-roles-test", "Role B"], &["/Group A/Group B/Group C"]))
        .user("carol", person(&["default-roles-test"], &[]))
}

/// The same with two groups beside one another, of which alice is in the second and kolo in none
fn flat() -> Realm {
    let groups = json!([
        { "name": "Group A", "realmRoles": ["Role A"] }, { "name": "Group B", "realmRoles": ["Role C"] },
        { "name": "staff" },
    ]);
    let member = |groups: &[&str]| json!({ "groups": groups });
    realm().set("groups", groups).user("alice", member(&["/Group B"])).user("kolo", member(&[]))
}

fn groups_claim(full: bool) -> Value {
    json!({ "protocolMappers": [{
        "name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
        "config": { "claim.name": "groups", "full.path": full.to_string(), "access.token.claim": "true" } }] })
}

/// Whether somebody gets what a ticket of the resource server names
fn opens(world: &World, user: &str, resource: &str) -> bool {
    let answer = world.knock(&world.token(user), resource, &[]);
    match answer.status {
        200 => true,
        403 => false,
        _ => panic!("{answer}"),
    }
}

/// A resource behind a policy of this kind; its id
fn gate(authz: &Authz, kind: &str, policy: &Value) -> String {
    let name = policy["name"].as_str().unwrap();
    _ = authz.make(&format!("policy/{kind}"), policy);
    let id = authz.resource(&format!("{name} resource"), &[]);
    _ = authz.permit(&[&id], name);
    id
}

fn roles(name: &str, role: &str) -> Value {
    json!({ "name": name, "roles": [{ "id": role, "required": false }] })
}

/// An administrator changes something of a user
fn change(authz: &Authz, method: &str, user: &str, path: &str, body: Option<&Value>) {
    let path = format!("users/{}/{path}", authz.world.id_of(user));
    let request = authz.bare(method, &path).bearer(&authz.token());
    let request = if let Some(body) = body { request.json(body) } else { request };
    _ = request.send().expect(204);
}

fn group(authz: &Authz, path: &str) -> String {
    let answer =
        authz.bare("GET", &format!("group-by-path/{}", path.trim_start_matches('/').replace(' ', "%20")));
    answer.bearer(&authz.token()).send().expect(200).member("id")
}

#[test]
fn prov_1_and_2_a_role_opens_once_it_is_there() {
    let authz = Authz::of(&flat());
    let a = gate(&authz, "role", &roles("A", "Role A"));
    let b = gate(&authz, "role", &roles("B", "Role B"));
    assert!(opens(&authz.world, "marta", &a));
    assert!(!opens(&authz.world, "kolo", &a) && opens(&authz.world, "kolo", &b));
    let roles = authz.bare("GET", "roles").bearer(&authz.token()).send().expect(200).json();
    assert!(names(&roles).contains(&"Role A".to_owned()));
    let role: Vec<_> = roles.as_array().unwrap().iter().filter(|role| role["name"] == "Role A").collect();
    change(&authz, "POST", "kolo", "role-mappings/realm", Some(&json!(role)));
    assert!(opens(&authz.world, "kolo", &a), "with a new token");
}

#[test]
fn prov_3_a_role_comes_with_a_group() {
    let authz = Authz::of(&flat());
    let a = gate(&authz, "role", &roles("A", "Role A"));
    let c = gate(&authz, "role", &roles("C", "Role C"));
    assert!(opens(&authz.world, "alice", &c) && !opens(&authz.world, "alice", &a));
    let b = group(&authz, "/Group B");
    change(&authz, "DELETE", "alice", &format!("groups/{b}"), None);
    assert!(!opens(&authz.world, "alice", &c) && !opens(&authz.world, "alice", &a));
    change(&authz, "PUT", "alice", &format!("groups/{}", group(&authz, "/Group A")), None);
    assert!(opens(&authz.world, "alice", &a) && !opens(&authz.world, "alice", &c));
}

#[test]
fn prov_5_a_service_account_holds_a_role() {
    let account = json!({
        "serviceAccountClientId": "documents", "enabled": true, "realmRoles": ["default-roles-test", "Role B"],
    });
    let authz = Authz::of(&realm().user("service-account-documents", account));
    _ = gate(&authz, "role", &json!({ "name": "B", "roles": [{ "id": "Role B" }], "fetchRoles": true }));
    let answer = authz.world.uma_by("documents", &[("audience", "documents")]);
    assert_eq!(granted(answer), ["B resource"]);
}

#[test]
fn prov_6_a_bare_name_is_that_of_a_group_of_the_user() {
    let authz = Authz::of(&realm().client("documents", groups_claim(false)));
    let policy = json!({
        "name": "A", "groupsClaim": "groups", "groups": [{ "path": "/Group A", "extendChildren": true }],
    });
    let id = gate(&authz, "group", &policy);
    assert!(opens(&authz.world, "marta", &id));
    for user in ["kolo", "alice", "carol"] {
        assert!(!opens(&authz.world, user, &id), "{user}");
    }
    let ticket = authz.world.ticket(&authz.world.pat(), &id, &[]);
    authz.world.uma_by("documents", &[("ticket", &ticket)]).denied();
}

#[test]
fn prov_8_and_9_a_path_is_that_of_a_group_or_one_below() {
    let authz = Authz::of(&realm().client("documents", groups_claim(true)));
    let group_of = |name: &str, path: &str, children: bool| json!({ "name": name, "groupsClaim": "groups", "groups": [{ "path": path, "extendChildren": children }] });
    let all = gate(&authz, "group", &group_of("all", "/Group A", true));
    let c = "/Group A/Group B/Group C";
    let only = gate(&authz, "group", &group_of("only", c, false));
    let id = group(&authz, c);
    for (user, at_all) in [("marta", true), ("alice", true), ("carol", false)] {
        assert_eq!(opens(&authz.world, user, &all), at_all, "{user}");
        assert!(!opens(&authz.world, user, &only), "{user}");
    }
    // The same ticket, before and after.
    let ticket = authz.world.ticket(&authz.world.pat(), &only, &[]);
    authz.world.exchange(&authz.world.token("carol"), &ticket).denied();
    change(&authz, "PUT", "carol", &format!("groups/{id}"), None);
    assert_eq!(granted(authz.world.exchange(&authz.world.token("carol"), &ticket)), ["only resource"]);
    assert!(opens(&authz.world, "carol", &all));
    assert!(!opens(&authz.world, "marta", &only));
}

#[test]
fn prov_11_and_12_a_client_scope_in_the_token_opens() {
    let scopes: Vec<_> = ["foo", "bar", "baz"]
        .iter()
        .map(|name| {
            json!({ "name": name, "protocol": "openid-connect",
                            "attributes": { "include.in.token.scope": "true" } })
        })
        .collect();
    let optional = json!({ "optionalClientScopes": ["foo", "bar", "baz"] });
    let authz = Authz::of(&realm().set("clientScopes", json!(scopes)).client("documents", optional));
    let either = json!({ "name": "either", "clientScopes": [{ "id": "foo" }, { "id": "bar" }] });
    let either = gate(&authz, "client-scope", &either);
    let bar = json!({ "name": "bar", "clientScopes": [{ "id": "foo" }, { "id": "bar", "required": true }] });
    let bar = gate(&authz, "client-scope", &bar);
    let token = |scope: &str| {
        let (password, secret) = (countersign_tests::realm::password("marta"), secret("documents"));
        let form = [
            ("grant_type", "password"),
            ("username", "marta"),
            ("password", &*password),
            ("client_id", "documents"),
            ("client_secret", &*secret),
            ("scope", scope),
        ];
        authz.world.post_token().form(&form).send().expect(200).member("access_token")
    };
    for (scope, at_either, at_bar) in
        [("foo", 200, 403), ("bar", 200, 200), ("baz", 403, 403), ("foo bar", 200, 200), ("", 403, 403)]
    {
        let token = token(if scope.is_empty() { "openid" } else { scope });
        let status = |id: &str| authz.world.knock(&token, id, &[]).status;
        assert_eq!((status(&either), status(&bar)), (at_either, at_bar), "{scope}");
    }
}

/// A claim of the access token, made of a user's attribute
fn attribute(claim: &str, attribute: &str, kind: &str) -> Value {
    json!({
        "name": claim, "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
        "config": { "claim.name": claim, "user.attribute": attribute, "jsonType.label": kind,
                    "access.token.claim": "true" },
    })
}

fn with_claims(mappers: &[Value], attributes: &Value) -> Authz {
    let realm = realm()
        .client("documents", json!({ "protocolMappers": mappers }))
        .user("marta", json!({ "attributes": attributes }));
    Authz::of(&realm)
}

fn regex(name: &str, claim: &str, pattern: &str) -> Value {
    json!({ "name": name, "targetClaim": claim, "pattern": pattern })
}

#[test]
fn prov_14_a_claim_is_found_by_its_path_and_fits_a_pattern() {
    let complex = r#"{"userinfo":{"tenant":"abc"},"some-array":["foo","bar"]}"#;
    let mappers = [
        attribute("foo", "foo", "String"),
        attribute("bar", "bar", "String"),
        attribute("userinfo.tenant", "tenant", "String"),
        attribute("json-complex", "complex", "JSON"),
    ];
    let attributes = json!({ "foo": ["foo"], "bar": ["barbar"], "tenant": ["abc"], "complex": [complex] });
    let authz = with_claims(&mappers, &attributes);
    for (name, claim, pattern) in [
        ("one", "foo", "foo"),
        ("two", "bar", "^bar.+$"),
        ("three", "userinfo.tenant", "^abc$"),
        ("four", "json-complex.userinfo.tenant", "^abc$"),
        ("five", "json-complex.some-array[1]", "bar"),
    ] {
        let id = gate(&authz, "regex", &regex(name, claim, pattern));
        assert!(opens(&authz.world, "marta", &id), "{claim}");
        assert!(!opens(&authz.world, "kolo", &id), "{claim}");
    }
}

#[test]
fn prov_16_a_truth_inside_of_a_claim() {
    for (value, open) in [
        (json!({ "custom": [r#"{"canCreateItems":true}"#] }), true),
        (json!({ "custom": [r#"{"canCreateItems":false}"#] }), false),
        (json!({}), false),
    ] {
        let authz = with_claims(&[attribute("customPermissions", "custom", "JSON")], &value);
        let id = gate(&authz, "regex", &regex("truth", "customPermissions.canCreateItems", "true"));
        assert_eq!(opens(&authz.world, "marta", &id), open, "{value}");
    }
}

#[test]
fn prov_17_permissions_of_a_uri_by_an_attribute_of_a_group() {
    let mapper = json!({
        "name": "kind", "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper",
        "config": { "claim.name": "kind", "user.attribute": "kind", "jsonType.label": "String",
                    "aggregate.attrs": "true", "access.token.claim": "true" },
    });
    let groups = json!([{ "name": "ADMIN", "attributes": { "kind": ["admin"] } }, { "name": "staff" }]);
    let nobody = json!({ "groups": [] });
    let realm = realm()
        .client("documents", json!({ "protocolMappers": [mapper] }))
        .set("groups", groups)
        .user("alice", nobody.clone())
        .user("kolo", nobody)
        .user("marta", json!({ "groups": ["/ADMIN"] }));
    let authz = Authz::of(&realm);
    _ = authz.make("policy/regex", &regex("admins", "kind", "^admin$"));
    let id = authz.make("resource", &json!({ "name": "service", "uris": ["/service"], "scopes": ["read"] }));
    _ = authz.permit(&[&id], "admins");
    let ask = |user: &str| {
        let fields = [
            ("audience", "documents"),
            ("permission", "/service#read"),
            ("permission_resource_format", "uri"),
            ("response_mode", "permissions"),
            ("response_include_resource_name", "true"),
        ];
        authz.world.uma(&authz.world.token(user), &fields)
    };
    let list = permissions(ask("marta"));
    assert_eq!((&list[0]["rsname"], &list[0]["scopes"]), (&json!("service"), &json!(["read"])));
    ask("kolo").denied();
}

#[test]
fn prov_18_circumstances_are_no_claims_of_the_user() {
    let authz = with_claims(&[attribute("custom", "custom", "String")], &json!({ "custom": ["foo"] }));
    let mut policy = regex("pushed", "custom", "^foo$");
    policy["targetContextAttributes"] = json!(true);
    let id = gate(&authz, "regex", &policy);
    assert!(!opens(&authz.world, "marta", &id), "an attribute of hers");
    assert!(!opens(&authz.world, "kolo", &id));
    let ticket = authz.world.ticket(&authz.world.pat(), &id, &[]);
    let pushed = World::claim_token(&json!({ "custom": ["foo"] }));
    let format = "urn:ietf:params:oauth:token-type:jwt";
    let fields = [("ticket", &*ticket), ("claim_token", &*pushed), ("claim_token_format", format)];
    assert_eq!(granted(authz.world.uma(&authz.world.token("kolo"), &fields)), ["pushed resource"]);
}
