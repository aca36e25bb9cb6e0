use super::*;
use crate::jws::{Header, compact, signing_input};

const ISSUER: &str = "https://as.example/realms/demo";
const NOW: UnixTime = UnixTime(1_700_000_000);

fn ticket(payload: &str) -> String {
    let header = Header { alg: Alg::Hs512, typ: Some("JWT"), kid: Some("k") };
    compact(signing_input(&header, payload), &[0; 64])
}

fn accept(payload: &str) -> Result<Ticket, TicketError> {
    UnverifiedTicket::parse(&ticket(payload))?.accept(
        SignatureOk::i_have_verified_the_signature(),
        ISSUER,
        NOW,
    )
}

fn payload(member: &str) -> String {
    alloc::format!(
        r#"{{"exp":1700000300,"iat":1700000000,"jti":"t1","aud":"{ISSUER}","sub":"s","azp":"rs",
            "permissions":[{{"rsid":"doc-42","scopes":["read"]}}]{member}}}"#
    )
}

#[test]
fn a_ticket_says_what_was_asked_for() {
    let ticket = accept(&payload("")).unwrap();
    assert_eq!(ticket.server().as_str(), "rs");
    assert_eq!(ticket.permissions()[0].rsid.as_deref(), Some("doc-42"));
    assert!(ticket.claims().is_empty());
}

#[test]
fn a_refresh_token_under_the_same_key_is_no_ticket() {
    assert_eq!(accept(&payload(r#","typ":"Refresh""#)), Err(TicketError::Foreign));
    assert_eq!(accept(&payload(r#","iss":"https://as.example/realms/demo""#)), Err(TicketError::Foreign));
}

#[test]
fn a_ticket_of_another_realm_is_foreign_and_an_old_one_inactive() {
    let other = payload("").replace("realms/demo", "realms/other");
    assert_eq!(accept(&other), Err(TicketError::Foreign));
    let old = payload("").replace("1700000300", "1699999999").replace("1700000000", "1699999000");
    assert_eq!(accept(&old), Err(TicketError::Inactive));
}

#[test]
fn an_asymmetric_signature_is_no_tickets() {
    let header = Header { alg: Alg::Rs256, typ: Some("JWT"), kid: None };
    let text = compact(signing_input(&header, payload("")), &[0; 256]);
    assert_eq!(UnverifiedTicket::parse(&text).map(|_| ()), Err(TicketError::Foreign));
}

fn client(id: &str) -> crate::ids::ClientId {
    id.parse().unwrap()
}

fn successor(of: Ticket, interval: u64, now: UnixTime) -> Result<TicketClaims, TicketError> {
    let spent = of.redeemed(Spent::i_have_recorded_it());
    spent.successor("t2".parse().unwrap(), &client("app"), ISSUER, "s", interval, now)
}

/// What a ticket of these claims is once it was signed and read back
fn read_back(claims: &TicketClaims, now: UnixTime) -> Result<Ticket, TicketError> {
    let payload = serde_json::to_string(claims).unwrap();
    UnverifiedTicket::parse(&ticket(&payload))?.accept(
        SignatureOk::i_have_verified_the_signature(),
        ISSUER,
        now,
    )
}

#[test]
fn a_successor_asks_for_the_same_and_belongs_to_its_client() {
    let next = successor(accept(&payload("")).unwrap(), 15, NOW).unwrap();
    let next = read_back(&next, NOW).unwrap();
    assert!(next.is_successor() && next.id().as_str() == "t2");
    assert_eq!(next.permissions()[0].rsid.as_deref(), Some("doc-42"));
    assert_eq!(next.may_be_presented(&client("app"), NOW.plus(15)), Ok(()));
    assert_eq!(next.may_be_presented(&client("app"), NOW.plus(14)), Err(TicketError::TooEarly(1)));
    assert_eq!(next.may_be_presented(&client("other"), NOW.plus(15)), Err(TicketError::OtherClient));
}

#[test]
fn the_first_ticket_belongs_to_whoever_presents_it() {
    let first = accept(&payload("")).unwrap();
    assert!(!first.is_successor());
    assert_eq!(first.may_be_presented(&client("anybody"), NOW), Ok(()));
}

#[test]
fn a_line_of_tickets_ends_after_a_day() {
    let day = crate::limits::TICKET_LINE_SECONDS;
    let mut ticket = accept(&payload("")).unwrap();
    let mut now = NOW;
    let mut polls = 0;
    loop {
        now = now.plus(600);
        match successor(ticket, 600, now) {
            Ok(next) => {
                assert!(next.exp <= NOW.plus(day) && next.exp > now);
                let line = next.line.as_ref().unwrap();
                assert_eq!((line.first.as_str(), line.since), ("t1", NOW));
                ticket = read_back(&next, now).unwrap();
                polls += 1;
            }
            Err(error) => {
                assert_eq!(error, TicketError::LineEnded);
                break;
            }
        }
    }
    assert_eq!(polls, day / 600 - 2, "the last successor could never be presented");
}

#[test]
fn a_successor_lives_ten_intervals_and_five_minutes_at_least() {
    let life = |interval| successor(accept(&payload("")).unwrap(), interval, NOW).unwrap().exp.0 - NOW.0;
    assert_eq!(life(0), 300);
    assert_eq!(life(30), 300);
    assert_eq!(life(31), 310);
    assert_eq!(successor(accept(&payload("")).unwrap(), u64::MAX, NOW).err(), Some(TicketError::LineEnded));
}

/// What is used up is the id, so no other text of a ticket is another ticket.
#[test]
fn trap_uma_01_a_ticket_has_one_id_however_it_is_written() {
    let again = Header { alg: Alg::Hs512, typ: Some("application/JWT"), kid: None };
    let again = compact(signing_input(&again, payload(r#","more":1"#)), &[1; 64]);
    let word = SignatureOk::i_have_verified_the_signature();
    let again = UnverifiedTicket::parse(&again).unwrap().accept(word, ISSUER, NOW).unwrap();
    assert_eq!(again.id(), accept(&payload("")).unwrap().id());
    assert_eq!(again.redeemed(Spent::i_have_recorded_it()).id().as_str(), "t1");
    for twice in [r#","jti":"t2""#, r#","\u006ati":"t2""#] {
        assert_eq!(accept(&payload(twice)), Err(TicketError::Foreign), "{twice}");
    }
    for none in ["", r#""jti":"","#, r#""jti":1,"#] {
        let payload = payload("").replace(r#""jti":"t1","#, none);
        assert_eq!(accept(&payload), Err(TicketError::Foreign), "{none}");
    }
}

#[test]
fn trap_uma_02_a_successor_is_another_ticket() {
    let first = accept(&payload("")).unwrap();
    let next = successor(first.clone(), 0, NOW).unwrap();
    assert_ne!(next.jti, *first.id());
    assert_eq!(next.line.as_ref().map(|line| &line.first), Some(first.id()));
    let text = |claims: &TicketClaims| ticket(&serde_json::to_string(claims).unwrap());
    assert_ne!(text(&next), ticket(&payload("")));
}

#[test]
fn trap_uma_03_a_line_of_tickets_stays_with_its_client() {
    let mut ticket = accept(&payload("")).unwrap();
    for _ in 0..3 {
        ticket = read_back(&successor(ticket, 0, NOW).unwrap(), NOW).unwrap();
        assert_eq!(ticket.may_be_presented(&client("app"), NOW), Ok(()));
        for other in ["App", "app ", "attacker"] {
            assert_eq!(
                ticket.may_be_presented(&client(other), NOW),
                Err(TicketError::OtherClient),
                "{other}"
            );
        }
    }
}

#[test]
fn trap_uma_04_no_other_text_is_the_ticket() {
    let genuine = ticket(&payload(""));
    let signed = UnverifiedJws::parse(&genuine).unwrap();
    let is_it = |text: &str| match UnverifiedTicket::parse(text) {
        Ok(other) => {
            other.jws().signing_input() == signed.signing_input()
                && other.jws().signature() == signed.signature()
        }
        Err(error) => {
            assert_eq!(error, TicketError::Foreign);
            false
        }
    };
    assert!(is_it(&genuine));
    for (at, letter) in genuine.char_indices() {
        assert!(!is_it(genuine.get(..at).unwrap()), "cut off at {at}");
        let swapped = if letter.is_ascii_lowercase() {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        };
        if swapped != letter {
            let mut other = genuine.clone();
            other.replace_range(at..=at, swapped.encode_utf8(&mut [0; 4]));
            assert!(!is_it(&other), "letter {at}");
        }
    }
    for other in [alloc::format!("{genuine}="), alloc::format!(" {genuine}"), genuine.to_lowercase()] {
        assert!(!is_it(&other), "{other}");
    }
}

#[test]
fn trap_uma_04_a_ticket_is_over_a_second_after_its_end_and_good_in_one_realm() {
    let at = |issuer: &str, now: u64| {
        let word = SignatureOk::i_have_verified_the_signature();
        UnverifiedTicket::parse(&ticket(&payload("")))?.accept(word, issuer, UnixTime(now)).map(|_| ())
    };
    assert_eq!(at(ISSUER, 1_700_000_300), Ok(()));
    assert_eq!(at(ISSUER, 1_700_000_301), Err(TicketError::Inactive));
    for issuer in ["https://as.example/realms/other", "https://as.example/realms/demo/", ""] {
        assert_eq!(at(issuer, 1_700_000_000), Err(TicketError::Foreign), "{issuer}");
    }
}

/// Every branch of a line ends when the line does.
#[test]
fn trap_uma_27_a_ticket_is_not_kept_alive_for_ever() {
    let end = NOW.plus(crate::limits::TICKET_LINE_SECONDS);
    let first = accept(&payload("")).unwrap();
    for now in [NOW, NOW.plus(300), UnixTime(end.0 - 1)] {
        let next = successor(first.clone(), 0, now).unwrap();
        assert!(next.exp <= end, "{now:?}");
        let branch = read_back(&next, now).unwrap();
        assert!(successor(branch.clone(), 0, now).unwrap().exp <= end);
        assert_eq!(successor(branch, 0, end).err(), Some(TicketError::LineEnded));
    }
    let early = read_back(&successor(first, 60, NOW).unwrap(), NOW).unwrap();
    assert_eq!(early.may_be_presented(&client("app"), NOW.plus(59)), Err(TicketError::TooEarly(1)));
}
