use super::flight::Flight;
use crate::{
    jwk::{Jwk, Jwks},
    limits::{EDGE_KEYS_FRESH_SECONDS, EDGE_KEYS_SECONDS, EDGE_UNKNOWN_KEY_SECONDS},
    time::UnixTime,
};

/// The issuer's keys: fetched once for all who wait, renewed behind the callers' backs, the last good set kept for a
/// while when the server is away
#[derive(Debug, Default)]
pub(super) struct Keys {
    known: Option<(Jwks, UnixTime)>,
    are_fixed: bool,
    asked_again: Option<UnixTime>,
    pub(super) flight: Flight,
}

impl Keys {
    /// Keys of the configuration, which never change
    pub(super) fn fixed(keys: Jwks) -> Self {
        Self { known: Some((keys, UnixTime(0))), are_fixed: true, ..Self::default() }
    }

    pub(super) fn set(&mut self, keys: Jwks, at: UnixTime) {
        if !self.are_fixed {
            self.known = Some((keys, at));
        }
    }

    /// The keys, if they may be used now
    pub(super) fn usable(&self, now: UnixTime) -> Option<&Jwks> {
        let (keys, at) = self.known.as_ref()?;
        (self.are_fixed || at.seconds_until(now) <= EDGE_KEYS_SECONDS).then_some(keys)
    }

    /// Whether those known, if any, were fetched before this
    pub(super) fn are_older(&self, at: UnixTime) -> bool {
        !self.are_fixed && self.known.as_ref().is_none_or(|(_, known_at)| *known_at < at)
    }

    pub(super) const fn are_fixed(&self) -> bool {
        self.are_fixed
    }

    /// Whether a key is still among them
    pub(super) fn has(&self, key: &Jwk) -> bool {
        self.known.as_ref().is_some_and(|(keys, _)| keys.keys().iter().any(|known| **known == *key))
    }

    pub(super) fn are_fresh(&self, now: UnixTime) -> bool {
        self.are_fixed
            || self.known.as_ref().is_some_and(|(_, at)| at.seconds_until(now) < EDGE_KEYS_FRESH_SECONDS)
    }

    /// Whether to fetch because of a key that nobody knows; says yes once in [`EDGE_UNKNOWN_KEY_SECONDS`]
    pub(super) fn ask_again(&mut self, now: UnixTime) -> bool {
        let pause = self.asked_again.is_some_and(|at| at.plus(EDGE_UNKNOWN_KEY_SECONDS) > now);
        if self.are_fixed || pause || !self.flight.may_start(now) {
            return false;
        }
        self.asked_again = Some(now);
        true
    }
}
