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
