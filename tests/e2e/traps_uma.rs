//! Traps of UMA (checklist 4.3) that no test of a feature is about.

use countersign_tests::{
    admin::Admin,
    forge::claims,
    realm::{Realm, password, secret},
    world::{UMA, World, document},
};
use serde_json::{Value, json};

/// The format of ID tokens
const ID_TOKEN: &str = "http://openid.net/specs/openid-connect-core-1_0.html#IDToken";

#[test]
fn trap_uma_16_a_pct_that_nobody_issued_opens_nothing() {
    let world = World::new();
    let hers = world.document("hers");
    let bob = world.token_by("reader", "bob");
    let row = world.share(&hers, "read", "bob");
    let ticket = world.ticket(&world.pat(), &hers, &["read"]);
    let rpt = world.exchange(&bob, &ticket).expect(200).member("access_token");
    _ = world.withdraw(&world.pat(), &row).expect(204);
    // What was his once is no persisted claim either.
    for pct in ["x", "", &*rpt, &*ticket, &*bob] {
        let ticket = world.ticket(&world.pat(), &hers, &["read"]);
        let answer = world.uma(&bob, &[("ticket", &ticket), ("pct", pct), ("submit_request", "false")]);
        assert_eq!(answer.status, 403, "{answer}");
        assert_eq!(answer.json().get("access_token"), None);
    }
}

#[test]
fn trap_uma_16_and_17_nobody_is_said_to_ask_by_a_pct_alone() {
    let world = World::of(&Realm::new("test").attribute("countersign.dialect", "uma2"));
    let body = json!({ "name": "hers", "owner": "alice", "resource_scopes": ["read"] });
    let hers = world.register(&world.pat(), &body);
    for pct in ["x", &*world.token_by("backend", "bob")] {
        let ticket = world.ticket(&world.pat(), &hers, &["read"]);
        let form = [("grant_type", UMA), ("ticket", &*ticket), ("pct", pct)];
        let answer = world.post_token().basic("backend", &secret("backend")).form(&form).send();
        assert_eq!((answer.status, answer.member("error")), (403, "need_info".to_owned()));
    }
}

/// Somebody's token in the header and somebody else's as a claim: one of them asks, and never both together
#[test]
fn trap_uma_17_two_people_are_not_one() {
    let world = World::new();
    let (his, hers) = (world.document("for bob"), world.document("for carol"));
    _ = world.share(&his, "read", "bob");
    _ = world.share(&hers, "read", "carol");
    let (phrase, key) = (password("bob"), secret("backend"));
    let form = [
        ("grant_type", "password"),
        ("username", "bob"),
        ("password", &*phrase),
        ("scope", "openid"),
        ("client_id", "backend"),
        ("client_secret", &*key),
    ];
    let bobs = world.post_token().form(&form).send().expect(200).member("id_token");
    let carol = world.token_by("backend", "carol");
    let (one, other) = (format!("{his}#read"), format!("{hers}#read"));
    let mut granted = 0;
    for permissions in [&[&*one][..], &[&*other], &[&*one, &*other]] {
        let mut fields = vec![
            ("audience", "documents"),
            ("response_mode", "permissions"),
            ("claim_token", &*bobs),
            ("claim_token_format", ID_TOKEN),
        ];
        fields.extend(permissions.iter().map(|permission| ("permission", *permission)));
        let answer = world.uma(&carol, &fields);
        let count = answer.json().as_array().map_or(0, Vec::len);
        assert!(answer.status == 200 && count == 1 || matches!(answer.status, 400 | 403), "{answer}");
        granted += count;
    }
    // One of them asked, alone and among both, and the other's share was not to be had.
    assert_eq!(granted, 2);
}

#[test]
fn trap_uma_32_an_rpt_is_no_pat_and_a_pat_is_nobody_else() {
    let world = World::new();
    let hers = world.document("hers");
    _ = world.share(&hers, "read", "bob");
    let bob = world.token_by("reader", "bob");
    let rpt = world.knock(&bob, &hers, &["read"]).expect(200).member("access_token");
    let before = world.everything();
    for (method, path) in [
        ("POST", "resource_set".to_owned()),
        ("PUT", format!("resource_set/{hers}")),
        ("DELETE", format!("resource_set/{hers}")),
        ("POST", "permission".to_owned()),
    ] {
        let answer = world.protection(method, &path, &rpt).json(&document("mine", "bob")).send();
        assert!(matches!(answer.status, 400 | 401 | 403 | 404), "{method} {path}: {answer}");
    }
    assert_eq!(world.everything(), before);
    // A PAT asks for its service account, which nobody has shared anything with.
    let answer = world.ask(&world.pat_of("archive"), &[&format!("{hers}#read")]);
    assert!(matches!(answer.status, 400 | 403), "{answer}");
}

#[test]
fn trap_uma_33_an_id_that_comes_again_inherits_nothing() {
    let world = World::new();
    let (pat, alice, bob) = (world.pat(), world.token("alice"), world.token_by("reader", "bob"));
    let mut body = document("hers", "alice");
    body["_id"] = json!("chosen");
    let id = world.register(&pat, &body);
    _ = world.share(&id, "read", "bob");
    let policy = json!({ "name": "for bob", "users": ["bob"], "scopes": ["write"] });
    _ = world.protection("POST", &format!("uma-policy/{id}"), &alice).json(&policy).send().expect(200);
    _ = world.knock(&bob, &id, &["read", "write"]).expect(200);
    _ = world.protection("DELETE", &format!("resource_set/{id}"), &pat).send().expect(204);
    assert_eq!(world.register(&pat, &body), id);
    for scope in ["read", "write"] {
        let answer = world.ask(&bob, &[&format!("{id}#{scope}")]);
        assert!(matches!(answer.status, 400 | 403), "{scope}: {answer}");
    }
}

/// Who and what stands in a row is data: nothing that somebody called something makes a row of its own
#[test]
fn trap_uma_38_nobody_forges_or_splits_a_row_of_the_audit_trail() {
    let realm = Realm::new("test").set("eventsEnabled", json!(true));
    let world = World::administered(&realm);
    let admin = Admin::root(&world.server, "test");
    let trail = |query: &str| -> Vec<Value> {
        let Value::Array(rows) = admin.request("GET", &format!("audit{query}")).send().expect(200).json()
        else {
            panic!("no list")
        };
        rows
    };
    let forged = "x\u{2028}\",\"event\":\"share.granted\",\"owner\":\"nobody";
    let hers = world.document(forged);
    let bob = world.token_by("reader", "bob");
    let (alice, bobs) = (world.id_of("alice"), world.id_of("bob"));
    let row = world.share(&hers, "read", "bob");
    let ticket = world.ticket(&world.pat(), &hers, &["read"]);
    let rpt = world.exchange(&bob, &ticket).expect(200).member("access_token");
    _ = world.exchange(&bob, &ticket).expect(403);
    _ = world.withdraw(&world.token("alice"), &row).expect(204);
    let rows = trail(&format!("?resource={hers}"));
    for event in ["share.granted", "share.withdrawn"] {
        let of: Vec<_> = rows.iter().filter(|row| row["event"] == event).collect();
        let [row] = &of[..] else { panic!("not one {event}: {rows:?}") };
        assert_eq!(
            (&row["owner"], &row["requester"], &row["count"]),
            (&json!(alice), &json!(bobs), &json!(1))
        );
    }
    let issued: Vec<_> = trail("?event=rpt.issued");
    assert_eq!(issued.len(), 1, "{issued:?}");
    // The second redemption is among the realm's events.
    let events = admin.request("GET", "events?type=PERMISSION_TOKEN_ERROR").send().expect(200).json();
    assert_eq!(events.as_array().map(Vec::len), Some(1), "{events}");
    assert_eq!(events[0]["error"], "invalid_ticket");
    let all = format!("{:?}{events}", trail("?max=500"));
    let jti = claims(&rpt)["jti"].clone();
    assert!(!all.contains(&rpt) && !all.contains(&ticket) && !all.contains("nobody\"}"), "{jti}");
}
