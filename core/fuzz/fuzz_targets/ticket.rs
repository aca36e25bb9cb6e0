//! A permission ticket as it arrives, and the claims of one.
#![no_main]

use core::str;

use countersign_core::{
    jws::{Alg, Header, compact, signing_input},
    ticket::{Ticket, TicketClaims, TicketError, UnverifiedTicket},
    time::UnixTime,
    token::SignatureOk,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const ISSUER: &str = "https://as.example/realms/demo";
const NOW: UnixTime = UnixTime(1_700_000_000);
const HEADER: Header<'_> = Header { alg: Alg::Hs512, typ: Some("JWT"), kid: Some("k") };

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = str::from_utf8(data) {
        if let Ok(unverified) = UnverifiedTicket::parse(text) {
            let jws = unverified.jws();
            assert_eq!(jws.alg(), Alg::Hs512);
            assert_eq!(compact(jws.signing_input().into(), jws.signature()), text, "one spelling");
        }
    }
    if let Ok(ticket) = accept(data) {
        holds(&ticket, data);
    }
});

fn accept(claims: &[u8]) -> Result<Ticket, TicketError> {
    let text = compact(signing_input(&HEADER, claims), &[0; 64]);
    UnverifiedTicket::parse(&text)?.accept(SignatureOk::i_have_verified_the_signature(), ISSUER, NOW)
}

/// A ticket is for this issuer, alive, nothing else, and issued again it is the same.
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

    let again = TicketClaims {
        exp: ticket.expires_at(),
        iat: NOW,
        jti: ticket.id().clone(),
        aud: ISSUER.into(),
        sub: "rs".into(),
        azp: ticket.server().clone(),
        permissions: ticket.permissions().to_vec(),
        claims: ticket.claims().clone(),
    };
    let again = serde_json::to_vec(&again).expect("claims have a JSON form");
    assert_eq!(accept(&again).as_ref(), Ok(ticket));
}
