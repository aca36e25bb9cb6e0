use super::*;
use crate::http::extract::Form;

fn claim(name: &str, kind: Option<&str>) -> RequiredClaim {
    RequiredClaim {
        name: Some(name.to_owned()),
        claim_type: kind.map(str::to_owned),
        friendly_name: Some(name.to_uppercase()),
        ..RequiredClaim::default()
    }
}

/// The answers in a form
fn read(asked: &[RequiredClaim], form: &str) -> Result<Claims, String> {
    let form = Form::parse(form.as_bytes()).unwrap();
    answers(asked, |field| form.get(field))
}

#[test]
fn only_what_was_asked_is_read() {
    let asked = [claim("dept", None), claim("age", Some("integer"))];
    let given = read(&asked, "claim:dept=+research+&claim:role=admin&kc.client.id=x").unwrap();
    assert_eq!(given, Claims::from([("dept".to_owned(), vec!["research".to_owned()])]));
    assert_eq!(read(&[], "claim:role=admin"), Ok(Claims::new()));
    let nothing = read(&asked, "claim:dept=+").unwrap_err();
    assert_eq!(nothing, "Please fill in at least one field.");
}

#[test]
fn an_answer_has_the_type_and_length_that_is_asked_for() {
    let long = "x".repeat(LONGEST + 1);
    for (kind, good, bad) in [
        (None, vec!["x", "ü €", "1"], vec!["a%00b", "a%0Ab", &*long]),
        (Some("https://claims.example/licence"), vec!["x"], vec![&*long]),
        (Some("integer"), vec!["0", "-3", "9007199254740993"], vec!["1.5", "x", "99999999999999999999"]),
        (
            Some("date"),
            vec!["2024-02-29", "2000-02-29", "2026-12-31"],
            vec![
                "2025-02-29",
                "1900-02-29",
                "2026-13-01",
                "2026-00-10",
                "2026-04-31",
                "26-01-01",
                "2026-1-1",
                "x",
            ],
        ),
        (Some("email"), vec!["a@b"], vec!["a", "@b", "a@", "a@b@c", "a+b@c"]),
        (Some("boolean"), vec!["true"], vec!["false", "on"]),
    ] {
        let asked = [claim("c", kind)];
        for value in good {
            assert!(read(&asked, &format!("claim:c={value}")).is_ok(), "{kind:?} {value}");
        }
        for value in bad {
            let wrong = read(&asked, &format!("claim:c={value}")).unwrap_err();
            assert!(wrong.starts_with("“C” ") && !wrong.contains(&long), "{kind:?} {wrong}");
        }
    }
}

#[test]
fn what_needs_an_issuer_or_a_form_cannot_be_stated() {
    let settings = UmaSettings {
        required_claims: vec![
            claim("dept", None),
            RequiredClaim { issuer: vec!["https://id.example".to_owned()], ..claim("licence", None) },
            RequiredClaim { claim_token_format: vec!["x".to_owned()], ..claim("grade", None) },
        ],
        ..UmaSettings::default()
    };
    let names: Vec<_> = askable(&settings).filter_map(|claim| claim.name.as_deref()).collect();
    assert_eq!(names, ["dept"]);
    let said = ["dept", "licence", "other"].map(|name| (name.to_owned(), vec!["x".to_owned()]));
    assert_eq!(only_askable(&settings, Claims::from(said)).into_keys().collect::<Vec<_>>(), ["dept"]);
}
