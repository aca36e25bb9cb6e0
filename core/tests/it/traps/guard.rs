//! Of permissions, and of what a guard answers

use countersign_core::{
    edge::{Answer, Config, Event, Guard, Metadata, Request, RequestId, Step, Withdrawals},
    rpt::{NotPermitted, Rpt},
};

use super::*;

#[test]
fn trap_jwt_32_permissions_beyond_the_limit_permit_nothing() {
    let entry = |number: usize| json!({ "rsid": format!("{number}") });
    let entries: Vec<Value> = (0..=countersign_core::limits::RPT_PERMISSIONS).map(entry).collect();
    let rpt = check_as::<Rpt>(&with("authorization", json!({ "permissions": entries }))).unwrap();
    assert!(rpt.permits(&"9999".parse().unwrap(), &[], NOW).is_ok());
    assert_eq!(rpt.permits(&"10000".parse().unwrap(), &[], NOW), Err(NotPermitted::Resource));
}

fn answer(token: &str, is_right: bool) -> Answer {
    let audience = "documents".parse().unwrap();
    let config = Config::new(ISSUER, audience).unwrap().withdrawals(Withdrawals::None).keys(keys());
    let mut guard = Guard::new(config);
    let request = Request {
        id: RequestId(1),
        method: "GET".into(),
        uri: "https://files.example/42".into(),
        resource: "42".parse().unwrap(),
        scopes: vec!["read".parse().unwrap()],
        headers: vec![(b"Authorization".to_vec(), format!("Bearer {token}").into_bytes())],
        certificate: None,
        nonces: Vec::new(),
    };
    let mut steps = guard.step(Event::Request(request), NOW);
    let verify =
        steps.iter().find_map(|step| if let Step::Verify(verify) = step { Some(verify.id) } else { None });
    if let Some(verify) = verify {
        steps = guard.step(Event::Verified { verify, is_right }, NOW);
    }
    let answer = |step| if let Step::Answer(answer) = step { Some(answer) } else { None };
    steps.into_iter().find_map(answer).unwrap()
}

#[test]
fn trap_jwt_43_what_is_wrong_with_a_token_is_not_told() {
    let mut seen = Vec::new();
    for (token, is_right, code) in [
        (sign("k9", &claims()), true, "unknown_key"),
        (sign("k1", &claims()), false, "invalid_signature"),
        (sign("k1", &with("exp", json!(1))), true, "expired"),
        (sign("k1", &with("aud", json!("photos"))), true, "wrong_audience"),
        (sign("k1", &with("iss", json!("https://evil.example"))), true, "wrong_issuer"),
        ("no token".into(), true, "invalid_token"),
    ] {
        let Answer { status, headers, denial, .. } = answer(&token, is_right);
        assert_eq!(denial.code(), code, "for the log");
        seen.push((status, headers));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn trap_jwt_23_only_blanks_are_cut_off_a_credential() {
    for around in ["\u{a0}", "\u{85}", "\u{b}", "\u{c}", "\u{feff}", "\u{200b}"] {
        for token in
            [format!("{around}{}", sign("k1", &claims())), format!("{}{around}", sign("k1", &claims()))]
        {
            assert_eq!(answer(&token, true).denial.code(), "invalid_token", "{around:?}");
        }
    }
}

#[test]
fn trap_oauth_22_addresses_are_the_issuers_and_have_tls() {
    for uri in [
        "http://169.254.169.254/latest",
        "http://localhost/",
        "http://[::1]/",
        "http://0.0.0.0/",
        "file:///etc/passwd",
        "//evil.example/",
        "https://user@evil.example/",
        "https://evil.example\\@as.example/",
    ] {
        for name in ["jwks_uri", "permission_endpoint", "status_list_uri", "status_stream_uri"] {
            let document = json!({ "issuer": ISSUER, name: uri }).to_string();
            assert!(Metadata::parse(document.as_bytes(), ISSUER).is_err(), "{name} {uri}");
        }
    }
}
