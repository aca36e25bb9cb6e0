//! In how many threads scripts run at a time.

use core::time::Duration;
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Places for threads that run scripts
#[derive(Debug)]
pub(super) struct Places {
    free: Mutex<usize>,
    left: Condvar,
}

/// One place, given back when it is dropped
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

impl Default for Places {
    /// One more than there are processors, and never fewer than four: a script that cannot be stopped keeps its place
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { free: Mutex::new(processors.saturating_add(1).max(4)), left: Condvar::new() }
    }
}

impl Places {
    /// Waits for a place, but not for ever
    pub(super) fn enter(self: &Arc<Self>, patience: Duration) -> Option<Place> {
        let waiting = self.left.wait_timeout_while(self.lock(), patience, |free| *free == 0);
        let (mut free, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        if *free == 0 {
            return None;
        }
        *free = free.saturating_sub(1);
        Some(Place(Arc::clone(self)))
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut free = self.0.lock();
        *free = free.saturating_add(1);
        drop(free);
        self.0.left.notify_one();
    }
}
