//! Lets in as many decisions at a time as the pool of instances has places; the others wait.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Counts who is in
#[derive(Debug)]
pub(super) struct Turnstile {
    free: Mutex<u32>,
    left: Condvar,
}

/// A place inside, given back when it is dropped
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Turnstile);

impl Turnstile {
    pub(super) const fn new(places: u32) -> Self {
        Self { free: Mutex::new(places), left: Condvar::new() }
    }

    /// Waits until a place is free: decisions are short, and a deadline ends those that are not.
    pub(super) fn enter(&self) -> Place<'_> {
        let free = self.lock();
        let mut free = self.left.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_sub(1);
        Place(self)
    }

    fn lock(&self) -> MutexGuard<'_, u32> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut free = self.0.lock();
        *free = free.saturating_add(1);
        drop(free);
        self.0.left.notify_one();
    }
}
