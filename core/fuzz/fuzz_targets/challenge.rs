//! The value of a `WWW-Authenticate` header, and three lines to write one of.
#![no_main]

use core::str;

use countersign_core::{
    challenge::{BuildChallengeError, UmaChallenge, challenges},
    limits::{CHALLENGE_BYTES, CHALLENGES},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    read(data);
    if let Ok(text) = str::from_utf8(data) {
        let mut parts = text.splitn(3, '\n').chain(["", ""]);
        if let (Some(realm), Some(as_uri), Some(ticket)) = (parts.next(), parts.next(), parts.next()) {
            write(realm, as_uri, ticket);
        }
    }
});

/// What was found is written and found again as the same; a challenge in front takes nothing away.
fn read(value: &[u8]) {
    if let Ok(Some(found)) = UmaChallenge::find([value]) {
        assert!(!found.as_uri().is_empty() && !found.ticket().is_empty());
        let written = found.to_string();
        if written.len() <= CHALLENGE_BYTES {
            assert_eq!(UmaChallenge::find([written]), Ok(Some(found)));
        }
    }
    let Ok(all) = challenges(value) else { return };
    for challenge in &all {
        let has_scheme = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
        assert!(!challenge.scheme().is_empty() && challenge.scheme().bytes().all(has_scheme));
    }
    let longer = [b"Basic realm=\"x, UMA ticket=y\" , ".as_slice(), value].concat();
    if longer.len() <= CHALLENGE_BYTES && all.len() < CHALLENGES {
        let behind = challenges(longer);
        assert_eq!(behind.as_ref().map(|behind| behind.get(1..)), Ok(Some(all.as_slice())));
    }
}

/// A challenge is made of exactly the values that a header can carry, and read as it was written.
fn write(realm: &str, as_uri: &str, ticket: &str) {
    let fits = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match UmaChallenge::new(realm, as_uri, ticket) {
        Ok(challenge) => {
            assert_eq!((challenge.realm(), challenge.as_uri()), (Some(realm), as_uri));
            assert_eq!(UmaChallenge::find([challenge.to_string()]), Ok(Some(challenge)));
        }
        Err(BuildChallengeError::Character(_)) => assert!(![realm, as_uri, ticket].into_iter().all(fits)),
        Err(BuildChallengeError::Empty(_)) => assert!(as_uri.is_empty() || ticket.is_empty()),
        Err(BuildChallengeError::TooLong) => assert!(realm.len() + as_uri.len() + ticket.len() > 8_000),
    }
}
