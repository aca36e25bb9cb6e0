//! Rows of wire §13.1 that have no test elsewhere: what Keycloak does wrong, answered rightly.

use countersign_tests::{
    authz::Authz,
    case::{self, granted},
    forge::claims,
    http::escape,
    realm::Realm,
};
use serde_json::{Value, json};

/// A resource behind one policy; its id
fn gate(authz: &Authz, kind: &str, policy: &Value) -> String {
    _ = authz.make(&format!("policy/{kind}"), policy);
    let id = authz.resource(&format!("behind {}", policy["name"]), &[]);
    _ = authz.permit(&[&id], policy["name"].as_str().unwrap());
    id
}

fn opens(authz: &Authz, user: &str, id: &str) -> bool {
    let answer = authz.world.ask(&authz.world.token(user), &[id]);
    assert!(matches!(answer.status, 200 | 403), "{answer}");
    answer.status == 200
}

#[test]
fn n_11_a_token_without_scope_has_no_client_scope() {
    let scope = json!({ "name": "reading", "protocol": "openid-connect",
                        "attributes": { "include.in.token.scope": "true" } });
    let none = json!({ "defaultClientScopes": [], "optionalClientScopes": ["reading"] });
    let realm = case::realm().set("clientScopes", json!([scope])).client("documents", none);
    let authz = Authz::of(&realm);
    let policy = json!({ "name": "reading", "clientScopes": [{ "id": "reading" }] });
    let id = gate(&authz, "client-scope", &policy);
    let token = authz.world.token("marta");
    let said = claims(&token).get("scope").cloned().unwrap_or_default();
    assert!(said.is_null() || said == "", "{said}");
    authz.world.ask(&token, &[&id]).refused(403, "access_denied", "not_authorized");
}

#[test]
fn n_12_a_name_with_dots_is_a_name_first_and_circumstances_have_names() {
    let mapper = json!({ "protocolMappers": [{
        "name": "json", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": { "claim.name": "order", "claim.value": "{\"total\":\"small\"}", "jsonType.label": "JSON",
                    "access.token.claim": "true" } }] });
    let authz = Authz::of(&case::realm().client("documents", mapper));
    let regex = |name: &str, claim: &str, pattern: &str, context: bool| {
        let policy = json!({
            "name": name, "targetClaim": claim, "pattern": pattern, "targetContextAttributes": context,
        });
        gate(&authz, "regex", &policy)
    };
    let walked = regex("a path", "order.total", "small", false);
    assert!(opens(&authz, "marta", &walked));
    let realm = regex("the realm", "kc.realm.name", "test", true);
    let elsewhere = regex("another realm", "kc.realm.name", "other", true);
    assert!(opens(&authz, "marta", &realm) && !opens(&authz, "marta", &elsewhere));
    let client = regex("the client", "kc.client.id", "documents", true);
    assert!(opens(&authz, "marta", &client));
    let pushed = regex("pushed", "order.total", "1[0-9]", true);
    let ask = |total: &str| {
        let body = json!([{ "resource_id": pushed, "claims": { "order.total": [total] } }]);
        let answer = authz.world.protection("POST", "permission", &authz.world.pat()).json(&body).send();
        authz.world.exchange(&authz.world.token("marta"), &answer.expect(201).member("ticket")).status
    };
    assert_eq!((ask("12"), ask("small")), (200, 403));
}

/// Groups of one name in two places, and one whose name begins like another's
fn grouped(full: bool, name: &str) -> Realm {
    let groups = json!([
        { "name": "night" }, { "name": "a", "subGroups": [{ "name": "c" }] }, { "name": "ab" },
        { "name": "staff", "subGroups": [{ "name": "ops", "subGroups": [{ "name": "night" }] }] },
        { "name": "loose" },
    ]);
    let claim = json!({ "protocolMappers": [{
        "name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
        "config": { "claim.name": name, "full.path": full.to_string(), "access.token.claim": "true" } }] });
    let member = |path: &str| json!({ "realmRoles": ["default-roles-test"], "groups": [path] });
    case::realm()
        .set("groups", groups)
        .client("documents", claim)
        .user("alice", member("/night"))
        .user("kolo", member("/staff/ops/night"))
        .user("marta", member("/a/c"))
        .user("bob", member("/ab"))
        .user("carol", member("/loose"))
}

#[test]
fn n_23_a_bare_name_counts_for_a_group_that_the_user_is_in() {
    let authz = Authz::of(&grouped(false, "groups"));
    let policy = |path: &str| json!({ "name": path, "groupsClaim": "groups", "groups": [{ "path": path, "extendChildren": false }] });
    let top = gate(&authz, "group", &policy("/night"));
    let deep = gate(&authz, "group", &policy("/staff/ops/night"));
    assert!(opens(&authz, "alice", &top) && !opens(&authz, "alice", &deep));
    assert!(opens(&authz, "kolo", &deep) && !opens(&authz, "kolo", &top));
    assert!(!opens(&authz, "carol", &top) && !opens(&authz, "carol", &deep));
}

#[test]
fn n_26_below_a_group_is_behind_its_slash() {
    for claim in ["groups", ""] {
        let authz = Authz::of(&grouped(true, "groups"));
        let policy = json!({
            "name": "a", "groupsClaim": claim, "groups": [{ "path": "/a", "extendChildren": true }],
        });
        let id = gate(&authz, "group", &policy);
        assert!(opens(&authz, "marta", &id), "/a/c, by {claim:?}");
        assert!(!opens(&authz, "bob", &id), "/ab, by {claim:?}");
    }
}

#[test]
fn n_36_cookies_over_plain_http_are_not_secure() {
    let authz = Authz::of(&countersign_tests::browser::realm());
    let answer = authz.world.server.http.get(&authz.world.authorize("app", &[])).send().expect(200);
    let cookies: Vec<_> =
        answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(!cookies.is_empty());
    for line in cookies {
        assert!(line.contains("SameSite=Lax") && !line.contains("Secure"), "{line}");
    }
}

#[test]
fn n_40_before_and_behind_a_star_both_must_fit() {
    let authz = Authz::of_cases();
    let pat = authz.world.pat();
    let body = json!({ "name": "reports", "uris": ["/reports/*.pdf"], "resource_scopes": ["read"] });
    let id = authz.world.register(&pat, &body);
    _ = authz.permit(&[&id], "always");
    let find = |uri: &str| {
        let path = format!("resource_set?uri={}&matchingUri=true", escape(uri));
        authz.world.protection("GET", &path, &pat).send().expect(200).json()
    };
    for uri in ["/reports/7.pdf", "/reports/2026/7.pdf"] {
        assert_eq!(find(uri), json!([id]), "{uri}");
    }
    for uri in ["/secrets/7.pdf", "/reports/7.txt", "/7.pdf", "/reports/.pdf/x"] {
        assert_eq!(find(uri), json!([]), "{uri}");
    }
    let ask = |uri: &str| {
        let fields = [
            ("audience", "documents"),
            ("permission", uri),
            ("permission_resource_format", "uri"),
            ("permission_resource_matching_uri", "true"),
        ];
        authz.world.uma(&authz.world.token("marta"), &fields)
    };
    assert_eq!(granted(ask("/reports/7.pdf")), ["reports: read"]);
    let text = "Resource with uri [/secrets/7.pdf] does not exist.";
    ask("/secrets/7.pdf").refused(400, "invalid_resource", text);
}
