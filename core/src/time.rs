//! Time as a value: nothing in this crate reads a clock.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, the `NumericDate` of RFC 7519 §2 in whole seconds
///
/// ```
/// use countersign_core::time::UnixTime;
///
/// let issued = UnixTime(1_700_000_000);
/// assert_eq!(issued.plus(300), UnixTime(1_700_000_300));
/// assert_eq!(issued.seconds_until(UnixTime(1_700_000_060)), 60);
/// assert_eq!(issued.seconds_until(UnixTime(0)), 0);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This moment and some seconds more, at most the end of time
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from here to `then`, none if it has passed
    pub const fn seconds_until(self, then: Self) -> u64 {
        then.0.saturating_sub(self.0)
    }
}
