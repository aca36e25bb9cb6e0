use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::*;
use crate::limits::{CHALLENGE_PARAMETERS, CHALLENGES};

fn uma(realm: Option<&str>) -> UmaChallenge {
    UmaChallenge { realm: realm.map(Into::into), as_uri: "https://as".into(), ticket: "t1".into() }
}

fn find(value: &str) -> Result<Option<UmaChallenge>, ParseChallengeError> {
    UmaChallenge::find([value])
}

#[test]
fn a_challenge_is_written_without_blanks() {
    let challenge = UmaChallenge::new("demo", "https://as", "t1").unwrap();
    assert_eq!(challenge.to_string(), r#"UMA realm="demo",as_uri="https://as",ticket="t1""#);
}

#[test]
fn quotes_and_backslashes_survive_the_way_there_and_back() {
    let realm = r#"a "quoted", \ realm=1"#;
    let challenge = UmaChallenge::new(realm, "https://as", "t1").unwrap();
    let header = challenge.to_string();
    assert_eq!(header, r#"UMA realm="a \"quoted\", \\ realm=1",as_uri="https://as",ticket="t1""#);
    assert_eq!(find(&header).unwrap().unwrap().realm(), Some(realm));
}

#[test]
fn characters_that_would_break_the_header_are_refused() {
    for bad in ["a\r\nSet-Cookie: x", "a\0", "a\u{7f}", "\u{e9}", "a\u{2028}b", "\t"] {
        assert_eq!(UmaChallenge::new(bad, "https://as", "t"), Err(BuildChallengeError::Character("realm")));
        assert_eq!(UmaChallenge::new("r", bad, "t"), Err(BuildChallengeError::Character("as_uri")));
        assert_eq!(UmaChallenge::new("r", "https://as", bad), Err(BuildChallengeError::Character("ticket")));
    }
    assert_eq!(UmaChallenge::new("r", "", "t"), Err(BuildChallengeError::Empty("as_uri")));
    assert_eq!(UmaChallenge::new("r", "https://as", ""), Err(BuildChallengeError::Empty("ticket")));
    let long = "t".repeat(CHALLENGE_BYTES);
    assert_eq!(UmaChallenge::new("r", "https://as", &long), Err(BuildChallengeError::TooLong));
}

#[test]
fn any_order_case_and_spacing_is_read() {
    for value in [
        r#"UMA realm="demo",as_uri="https://as",ticket="t1""#,
        r#"uma  ticket="t1" , AS_URI = "https://as" ,, realm=demo"#,
        r#"Uma REALM=demo,	ticket=t1,as_uri="https:\/\/as", error="x", new"#,
        r#", ,UMA as_uri="https://as",ticket="t1",realm="demo","#,
    ] {
        assert_eq!(find(value), Ok(Some(uma(Some("demo")))), "{value}");
    }
    assert_eq!(find(r#"UMA ticket="t1",as_uri="https://as""#), Ok(Some(uma(None))));
}

#[test]
fn the_uma_challenge_is_found_among_others() {
    for value in [
        r#"Basic realm="UMA ticket=x, as_uri=y", UMA ticket=t1,as_uri="https://as""#,
        r#"Negotiate, UMA ticket=t1,as_uri="https://as", Bearer error="invalid_token""#,
        r#"Negotiate abc==, UMA ticket=t1,as_uri="https://as""#,
        r#"UMA ticket=only, UMA ticket=t1,as_uri="https://as", UMA ticket=t2,as_uri="https://other""#,
    ] {
        assert_eq!(find(value), Ok(Some(uma(None))), "{value}");
    }
    let lines = ["Bearer", "\"broken", r#"UMA ticket=t1,as_uri="https://as""#];
    assert_eq!(UmaChallenge::find(lines), Ok(Some(uma(None))));
    assert_eq!(UmaChallenge::find(["Bearer", "\"broken"]), Err(ParseChallengeError::Malformed { at: 0 }));
    assert_eq!(UmaChallenge::find(Vec::<&[u8]>::new()), Ok(None));
}

#[test]
fn a_challenge_without_ticket_or_server_is_none() {
    for value in [
        "UMA",
        "UMA ticket",
        "UMA ticket=",
        "UMA ticket=t1",
        "UMA as_uri=x",
        r#"UMA as_uri=x,ticket="""#,
        "UMA2 as_uri=x,ticket=t",
        "",
    ] {
        assert_eq!(find(value), Ok(None), "{value}");
    }
}

#[test]
fn what_is_not_a_challenge_is_refused() {
    for value in [
        "=",
        "a=b",
        "UMA ==",
        "UMA a=b c",
        "UMA a=\"",
        "UMA a=\"\\",
        "UMA a=\"b\"c",
        "UMA/1",
        "UMA a=b;c=d",
        "UMA abc==, a=b",
        "\"UMA\"",
        "UMA a b=c",
        "UMA é=x",
    ] {
        assert!(matches!(challenges(value), Err(ParseChallengeError::Malformed { .. })), "{value}");
    }
    for value in
        [&b"UMA a=\"\x00\""[..], b"UMA a=\"\x7f\"", b"UMA a=\"\r\n\"", b"UMA a=\"\xff\"", b"\xff", b"\0"]
    {
        assert!(matches!(challenges(value), Err(ParseChallengeError::Malformed { .. })), "{value:?}");
    }
}

#[test]
fn a_parameter_given_twice_is_refused() {
    assert_eq!(challenges("UMA ticket=a,as_uri=x,Ticket=b"), Err(ParseChallengeError::Twice));
}

#[test]
fn sizes_are_bounded() {
    assert_eq!(challenges(vec![b','; CHALLENGE_BYTES + 1]), Err(ParseChallengeError::TooLong));
    let schemes = |count: usize| vec!["Basic"; count].join(", ");
    assert_eq!(challenges(schemes(CHALLENGES)).map(|found| found.len()), Ok(CHALLENGES));
    assert_eq!(challenges(schemes(CHALLENGES + 1)), Err(ParseChallengeError::TooLong));
    let parameters = |count: usize| {
        format!("UMA {}", (0..count).map(|n| format!("p{n}=x")).collect::<Vec<String>>().join(","))
    };
    assert!(challenges(parameters(CHALLENGE_PARAMETERS)).is_ok());
    assert_eq!(challenges(parameters(CHALLENGE_PARAMETERS + 1)), Err(ParseChallengeError::TooLong));
}
