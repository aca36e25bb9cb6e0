//! What end-to-end tests stand on: the real server on files of its own, an HTTP client that shows every
//! status, realms as Keycloak exports them, and the people who act in them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on has failed"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "tables read better when an answer is handed over at once"
)]

pub mod admin;
pub mod authenticator;
pub mod authz;
pub mod browser;
pub mod case;
pub mod contract;
pub mod folder;
pub mod forge;
pub mod http;
pub mod made;
pub mod otp;
pub mod realm;
pub mod server;
pub mod signer;
pub mod stream;
pub mod table;
pub mod terminal;
pub mod world;

use core::time::Duration;
use std::time::Instant;

/// Whether the full counts are wanted (`cargo xtask test --long`)
pub fn long() -> bool {
    std::env::var_os("COUNTERSIGN_TEST_LONG").is_some()
}

/// The first count in every run, the second where the full counts are wanted
pub fn count(short: usize, full: usize) -> usize {
    if long() { full } else { short }
}

/// Asks until there is an answer; what is waited for is named if it does not come.
pub fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < limit, "{what}: not within {} s", limit.as_secs());
        std::thread::yield_now();
    }
}
