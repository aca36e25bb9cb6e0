//! The one place that reads the time.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use std::{sync::Arc, time::SystemTime};

use countersign_core::time::UnixTime;

/// Tells the time; a test sets it by hand
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The clock of this machine
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that moves only by [`Clock::set`]; its clones move with it
    pub fn manual(start: UnixTime) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(start.0))))
    }

    /// Whole seconds since 1970; a clock set before then counts as 1970
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
    pub fn now(&self) -> UnixTime {
        match &self.0 {
            Source::System => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                UnixTime(since.as_secs())
            }
            Source::Manual(seconds) => UnixTime(seconds.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock; the machine's clock stays as it is
    pub fn set(&self, now: UnixTime) {
        if let Source::Manual(seconds) = &self.0 {
            seconds.store(now.0, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({:?})", self.now())
    }
}
