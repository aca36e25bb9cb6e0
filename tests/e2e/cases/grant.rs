//! GRANT: tickets become RPTs.

use countersign_tests::{
    authz::Authz,
    browser::{self, Browser},
    case::{self, granted},
    forge::{claims, part},
    http::Answer,
    realm::{secret, with},
};
use serde_json::{Value, json};

const SCOPES: [&str; 3] = ["ScopeA", "ScopeB", "ScopeC"];

/// Resource A that everybody may use, and its id
fn open() -> (Authz, String) {
    let authz = Authz::of_cases();
    let id = authz.open("Resource A", &SCOPES);
    (authz, id)
}

/// marta redeems a ticket of her own for this, with more parameters
fn redeem(authz: &Authz, body: &Value, fields: &[(&str, &str)]) -> Answer {
    let marta = authz.world.token("marta");
    let ticket =
        authz.world.protection("POST", "permission", &marta).json(body).send().expect(201).member("ticket");
    let mut all = vec![("ticket", ticket.as_str())];
    all.extend(fields);
    authz.world.uma(&marta, &all)
}

fn upgraded(answer: &Answer) -> bool {
    answer.json()["upgraded"].as_bool().unwrap()
}

#[test]
fn grant_1_the_client_adds_scopes() {
    let (authz, id) = open();
    let body = json!([{ "resource_id": id, "resource_scopes": ["ScopeA", "ScopeB"] }]);
    let answer = redeem(&authz, &body, &[("scope", "ScopeC")]);
    assert_eq!(granted(answer), ["Resource A: ScopeA ScopeB ScopeC"]);
}

#[test]
fn grant_2_an_rpt_is_upgraded() {
    let (authz, id) = open();
    let body = |scopes: &[&str]| json!([{ "resource_id": id, "resource_scopes": scopes }]);
    let first = redeem(&authz, &body(&["ScopeA", "ScopeB"]), &[]);
    assert!(!upgraded(&first));
    let rpt = first.member("access_token");
    let second = redeem(&authz, &body(&["ScopeC"]), &[("rpt", &rpt)]);
    assert!(upgraded(&second));
    assert_eq!(granted(second), ["Resource A: ScopeA ScopeB ScopeC"]);
}

#[test]
fn grant_3_an_rpt_of_scopes_alone_is_upgraded() {
    let (authz, id) = open();
    let first = redeem(&authz, &json!([{ "resource_scopes": ["ScopeA", "ScopeB"] }]), &[]);
    assert!(!upgraded(&first));
    let rpt = first.member("access_token");
    assert_eq!(granted(first), ["Resource A: ScopeA ScopeB"]);
    let body = json!([{ "resource_id": id, "resource_scopes": ["ScopeC"] }]);
    let second = redeem(&authz, &body, &[("rpt", &rpt)]);
    assert!(upgraded(&second));
    assert_eq!(granted(second), ["Resource A: ScopeA ScopeB ScopeC"]);
}

#[test]
fn grant_6_only_what_is_permitted() {
    let authz = Authz::of_cases();
    let id = authz.resource("Resource A", &["READ", "WRITE"]);
    _ = authz.permit_scopes(Some(&id), &["READ"], "always");
    _ = authz.permit_scopes(Some(&id), &["WRITE"], "never");
    for scopes in [vec!["READ"], vec!["READ", "WRITE"]] {
        let answer = redeem(&authz, &json!([{ "resource_id": id, "resource_scopes": scopes }]), &[]);
        assert!(!upgraded(&answer));
        assert_eq!(granted(answer), ["Resource A: READ"], "{scopes:?}");
    }
}

#[test]
fn grant_7_one_ticket_for_a_resource_of_hers_and_one_of_the_servers() {
    let authz = Authz::of_cases();
    let hers = authz.world.managed("Resource Marta", "marta", &SCOPES);
    let other = authz.resource("Resource B", &["marta", "ScopeA", "ScopeB", "ScopeC"]);
    for id in [&hers, &other] {
        _ = authz.permit(&[id], "always");
    }
    let body = json!([
        { "resource_id": "Resource Marta", "resource_scopes": ["ScopeA", "ScopeB"] },
        { "resource_id": other, "resource_scopes": ["ScopeC"] },
    ]);
    assert_eq!(granted(redeem(&authz, &body, &[])), ["Resource B: ScopeC", "Resource Marta: ScopeA ScopeB"]);
}

#[test]
fn grant_8_a_client_asks_for_itself_by_its_secret() {
    let (authz, id) = open();
    let ticket = authz.world.ticket(&authz.world.pat(), &id, &["ScopeA", "ScopeB"]);
    let answer = authz.world.uma_by("documents", &[("ticket", &ticket)]);
    assert!(!upgraded(&answer));
    assert_eq!(granted(answer), ["Resource A: ScopeA ScopeB"]);
}

#[test]
fn grant_9_a_person_redeems_the_servers_ticket() {
    let (authz, id) = open();
    let answer = authz.world.knock(&authz.world.token("marta"), &id, &["ScopeA", "ScopeB"]);
    assert_eq!(granted(answer), ["Resource A: ScopeA ScopeB"]);
}

#[test]
fn grant_12_an_rpt_is_refreshed_again_and_again_with_one_token() {
    let (authz, id) = open();
    let answer = authz.world.knock(&authz.world.token("marta"), &id, &["ScopeA", "ScopeB"]).expect(200);
    let refresh = answer.member("refresh_token");
    let carries = |token: &str| claims(token)["authorization"]["permissions"][0]["rsid"] == json!(id);
    assert!(carries(&refresh));
    for _ in 0..2 {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        let again = authz.world.post_token().basic("documents", &secret("documents")).form(&form).send();
        let again = again.expect(200);
        assert!(carries(&again.member("refresh_token")));
        assert_eq!(granted(again), ["Resource A: ScopeA ScopeB"]);
    }
}

/// The ID token must be the authenticated client's: that of another one is refused (SEC-1)
#[test]
fn grant_13_an_id_token_says_who_asks() {
    const FORMAT: &str = "http://openid.net/specs/openid-connect-core-1_0.html#IDToken";
    let apps = browser::realm().json()["clients"].clone();
    let app = apps.as_array().unwrap().iter().find(|client| client["clientId"] == "app").unwrap().clone();
    let flow = json!({ "standardFlowEnabled": true, "redirectUris": ["https://app.example/cb"] });
    let realm = case::realm().client("test-app", with(app, json!({ "clientId": "test-app" })));
    let authz = Authz::of(&realm.client("documents", flow));
    let id = authz.open("Resource A", &SCOPES);
    let id_token = |client: &str| {
        let mut browser = Browser::new(&authz.world);
        let page = authz.world.sign_in_by(&mut browser, &authz.world.authorize(client, &[]), "marta");
        let (code, secret) = (page.parameter("code"), secret(client));
        let proof = if client == "documents" { vec![("client_secret", secret.as_str())] } else { vec![] };
        authz.world.redeem(client, &code, &proof).expect(200).member("id_token")
    };
    let ask = |token: &str| {
        let ticket = authz.world.ticket(&authz.world.pat(), &id, &["ScopeA", "ScopeB"]);
        let fields = [("ticket", &*ticket), ("claim_token", token), ("claim_token_format", FORMAT)];
        authz.world.uma_by("documents", &fields)
    };
    let own = id_token("documents");
    assert_eq!(part(&own, 1)["typ"], "ID");
    assert_eq!(granted(ask(&own)), ["Resource A: ScopeA ScopeB"]);
    ask(&id_token("test-app")).refused(400, "invalid_claim_token", "Token issued to a different client");
}

#[test]
fn grant_15_no_refresh_token_where_the_client_wants_none() {
    let off = json!({ "attributes": { "use.refresh.tokens": "false" } });
    let authz = Authz::of(&case::realm().client("documents", off));
    let id = authz.open("Resource A", &SCOPES);
    let answer = authz.world.knock(&authz.world.token("marta"), &id, &["ScopeA", "ScopeB"]).expect(200);
    let body = answer.json();
    assert_eq!((body.get("refresh_token"), &body["refresh_expires_in"]), (None, &json!(0)));
    assert_eq!(granted(answer), ["Resource A: ScopeA ScopeB"]);
}
