use super::event::FetchId;
use crate::{
    limits::{EDGE_FETCH_SECONDS, EDGE_RETRY_SECONDS},
    time::UnixTime,
};

/// One fetch at a time for all who wait, and a pause after each that failed
#[derive(Debug, Default)]
pub(super) struct Flight {
    up: Option<(FetchId, UnixTime)>,
    failures: u32,
    not_before: UnixTime,
}

/// Seconds of the pause after so many failures: one, two, four, and so on to [`EDGE_RETRY_SECONDS`]
pub(super) fn pause(failures: u32) -> u64 {
    1_u64.checked_shl(failures).unwrap_or(EDGE_RETRY_SECONDS).min(EDGE_RETRY_SECONDS)
}

impl Flight {
    pub(super) const fn new() -> Self {
        Self { up: None, failures: 0, not_before: UnixTime(0) }
    }

    pub(super) const fn is_up(&self) -> bool {
        self.up.is_some()
    }

    pub(super) fn may_start(&self, now: UnixTime) -> bool {
        // A pause that is longer than any was made by a clock that has been set back since.
        let left = now.seconds_until(self.not_before);
        self.up.is_none() && (left == 0 || left > EDGE_RETRY_SECONDS)
    }

    pub(super) const fn start(&mut self, id: FetchId, now: UnixTime) {
        self.up = Some((id, now));
    }

    /// Ends it if this is its answer, and says when it began; what comes late or twice is nobody's answer.
    pub(super) fn land(&mut self, id: FetchId) -> Option<UnixTime> {
        let (_, began) = self.up.take_if(|(up, _)| *up == id)?;
        Some(began)
    }

    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = UnixTime(0);
    }

    /// Each pause is longer than the one before.
    pub(super) fn failed(&mut self, now: UnixTime) {
        self.not_before = now.plus(pause(self.failures));
        self.failures = self.failures.saturating_add(1);
    }

    /// Gives up what takes too long; whether there was such
    pub(super) fn give_up(&mut self, now: UnixTime) -> bool {
        let late = self.up.take_if(|(_, began)| began.seconds_until(now) >= EDGE_FETCH_SECONDS).is_some();
        if late {
            self.failed(now);
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_end_with_success() {
        let mut flight = Flight::default();
        let mut pauses = alloc::vec::Vec::new();
        for _ in 0..80 {
            flight.failed(UnixTime(100));
            pauses.push(flight.not_before.0 - 100);
        }
        assert_eq!(pauses[..6], [1, 2, 4, 8, 8, 8]);
        assert_eq!(pauses[79], 8);
        assert!(!flight.may_start(UnixTime(107)), "a pause");
        assert!(flight.may_start(UnixTime(99)), "the clock was set back");
        flight.succeeded();
        assert!(flight.may_start(UnixTime(0)));
    }

    #[test]
    fn only_the_answer_that_is_waited_for_lands() {
        let mut flight = Flight::default();
        flight.start(FetchId(2), UnixTime(5));
        assert!(!flight.may_start(UnixTime(9)));
        assert_eq!(flight.land(FetchId(1)), None, "late");
        assert_eq!(flight.land(FetchId(2)), Some(UnixTime(5)));
        assert_eq!(flight.land(FetchId(2)), None, "twice");
        flight.start(FetchId(3), UnixTime(5));
        assert!(!flight.give_up(UnixTime(14)) && flight.give_up(UnixTime(15)));
        assert!(!flight.may_start(UnixTime(15)) && flight.may_start(UnixTime(16)));
    }
}
