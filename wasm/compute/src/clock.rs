//! The wall clock.

use std::time::SystemTime;

use countersign_core::time::UnixTime;

/// The time; without a clock the beginning of time, when no token is valid yet
#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
pub(crate) fn now() -> UnixTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    UnixTime(now.map_or(0, |now| now.as_secs()))
}
