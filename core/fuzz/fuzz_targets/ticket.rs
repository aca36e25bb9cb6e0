//! A permission ticket as it arrives, and the claims of one.
#![no_main]

use core::{
    fmt::Debug,
    str::{self, FromStr},
};

use countersign_core::{
    ids::ClientId,
    jws::{Alg, Header, compact, signing_input},
    ticket::{Spent, Ticket, TicketError, UnverifiedTicket},
    time::UnixTime,
    token::SignatureOk,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const ISSUER: &str = "https://as.example/realms/demo";
const NOW: UnixTime = UnixTime(1_700_000_000);
const INTERVAL: u64 = 5;
const HEADER: Header<'_> = Header { alg: Alg::Hs512, typ: Some("JWT"), kid: Some("k") };

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = str::from_utf8(data)
        && let Ok(unverified) = UnverifiedTicket::parse(text)
    {
        let jws = unverified.jws();
        assert_eq!(jws.alg(), Alg::Hs512);
        assert_eq!(compact(jws.signing_input().into(), jws.signature()), text, "one spelling");
    }
    if let Ok(ticket) = accept(data) {
        holds(&ticket, data);
    }
});

fn accept(claims: &[u8]) -> Result<Ticket, TicketError> {
    let text = compact(signing_input(&HEADER, claims), &[0; 64]);
    UnverifiedTicket::parse(&text)?.accept(SignatureOk::i_have_verified_the_signature(), ISSUER, NOW)
}

/// A ticket is for this issuer, alive, nothing else, and says what its claims say.
fn holds(ticket: &Ticket, claims: &[u8]) {
    let claims: Value = serde_json::from_slice(claims).expect("what was read is JSON");
    assert!(claims.get("iss").is_none() && claims.get("typ").is_none());
    assert_eq!(claims["jti"], ticket.id().as_str());
    assert_eq!(claims["azp"], ticket.server().as_str());
    let is_issuer = |aud: &Value| aud == ISSUER;
    assert!(
        is_issuer(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(is_issuer))
    );
    assert!(NOW <= ticket.expires_at());
    assert_eq!(claims["permissions"].as_array().map(Vec::len), Some(ticket.permissions().len()));

    succeeds(ticket);
}

/// A successor asks for the same, and is for one client and later.
fn succeeds(ticket: &Ticket) {
    let (app, other): (ClientId, ClientId) = (id("app"), id("other"));
    let spent = ticket.clone().redeemed(Spent::i_have_recorded_it());
    let claims = match spent.successor(id("t:2"), &app, ISSUER, "rs", INTERVAL, NOW) {
        Ok(claims) => claims,
        Err(error) => return assert_eq!(error, TicketError::LineEnded),
    };
    let next = accept(&serde_json::to_vec(&claims).expect("claims have a JSON form")).expect("a good ticket");
    assert_eq!((next.permissions(), next.claims()), (ticket.permissions(), ticket.claims()));
    assert_eq!((next.server(), next.is_successor()), (ticket.server(), true));
    assert_eq!(next.may_be_presented(&app, NOW.plus(INTERVAL)), Ok(()));
    assert_eq!(next.may_be_presented(&app, NOW), Err(TicketError::TooEarly(INTERVAL)));
    assert_eq!(next.may_be_presented(&other, NOW.plus(INTERVAL)), Err(TicketError::OtherClient));
}

fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("an id")
}
