use super::{
    config::{Config, OnStale, Withdrawals},
    event::StreamId,
    flight::Flight,
};
use crate::{
    limits::EDGE_SILENCE_SECONDS,
    status::{Changes, Followed, Status, StatusList, StatusRef},
    time::UnixTime,
};

/// Where a token stands, as far as a guard knows
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Narrowed,
    Withdrawn,
    /// Its place is in a list that is not its issuer's
    Foreign,
    /// The list has to be fetched first
    Unknown,
}

/// The status list and the stream that keeps it current
#[derive(Debug, Default)]
pub(super) struct Withdrawal {
    list: Option<StatusList>,
    /// When the list was last known to be complete
    known_at: UnixTime,
    /// The list lacks something that the stream spoke of
    is_behind: bool,
    /// When something was lost whose number nobody knows
    lost_at: Option<UnixTime>,
    /// Number of the last change that the stream spoke of
    announced: u64,
    is_used: bool,
    /// Its signature is being checked
    pub(super) is_checking: bool,
    pub(super) flight: Flight,
    stream: Option<Stream>,
    listen_at: UnixTime,
}

#[derive(Debug)]
struct Stream {
    id: StreamId,
    heard_at: UnixTime,
    /// It has said something, so that silence means something
    is_heard: bool,
}

impl Withdrawal {
    /// Whether it is on its way
    pub(super) const fn is_loading(&self) -> bool {
        self.is_checking || self.flight.is_up()
    }

    /// Seconds for which the list counts as current since it was last known to be complete
    fn window(&self) -> u64 {
        let ttl = self.list.as_ref().map_or(0, StatusList::ttl);
        let is_heard = self.stream.as_ref().is_some_and(|stream| stream.is_heard);
        if is_heard { ttl.max(EDGE_SILENCE_SECONDS) } else { ttl }
    }

    /// Whether a list that was asked for at this time is news
    pub(super) fn is_older(&self, at: UnixTime) -> bool {
        !self.is_loading() && (self.list.is_none() || self.known_at < at)
    }

    fn is_current(&self, now: UnixTime) -> bool {
        let is_live = self.list.as_ref().is_some_and(|list| list.is_live(now));
        is_live && !self.is_behind && self.known_at.seconds_until(now) <= self.window()
    }

    /// Whether to fetch the list behind the callers' backs: somebody needs it, and it is about to be out of date
    pub(super) fn is_ending(&self, config: &Config, now: UnixTime) -> bool {
        let margin = self.window() >> 2;
        let is_first = config.withdrawals == Withdrawals::Stream && self.list.is_none();
        let is_needed = self.is_used || self.is_behind || is_first;
        is_needed && !self.is_loading() && !self.is_current(now.plus(margin)) && self.flight.may_start(now)
    }

    /// Where a token stands by a list that is current; [`Standing::Unknown`] where it is not
    pub(super) fn standing(&mut self, place: &StatusRef, uri: &str, now: UnixTime) -> Standing {
        if place.uri() != uri {
            return Standing::Foreign;
        }
        self.is_used = true;
        match self.list.as_ref().map(|list| by_list(list, place)) {
            // What was taken back stays so, however old the list is that says it.
            Some(Standing::Withdrawn) => Standing::Withdrawn,
            Some(standing) if self.is_current(now) => standing,
            _ => Standing::Unknown,
        }
    }

    /// Where a token stands when no current list is to be had
    pub(super) fn last_standing(&self, place: &StatusRef, config: &Config, now: UnixTime) -> Standing {
        let old = self.list.as_ref().map(|list| by_list(list, place));
        let is_recent = self.known_at.seconds_until(now) <= config.max_staleness
            && self.list.as_ref().is_some_and(|list| list.is_live(now));
        match (old, config.on_stale) {
            (Some(standing), _) if is_recent => standing,
            (old, OnStale::UntilExp) => old.unwrap_or(Standing::Good),
            (_, OnStale::Deny) => Standing::Unknown,
        }
    }

    /// Takes a verified list that was asked for at `began`; false if a newer one is here already
    pub(super) fn take(&mut self, list: StatusList, began: UnixTime) -> bool {
        if self.list.as_ref().is_some_and(|present| !list.may_replace(present)) {
            return false;
        }
        self.lost_at.take_if(|lost_at| *lost_at < began);
        self.is_behind = self.lost_at.is_some() || list.seq().is_some_and(|seq| seq < self.announced);
        if !self.is_behind {
            self.known_at = self.known_at.max(began);
        }
        self.is_used = false;
        self.list = Some(list);
        true
    }

    /// Whether it is time to open a stream
    pub(super) fn may_listen(&self, config: &Config, now: UnixTime) -> bool {
        config.withdrawals == Withdrawals::Stream && self.stream.is_none() && now >= self.listen_at
    }

    /// Opens a stream, and says what is known already
    pub(super) fn listen(&mut self, id: StreamId, now: UnixTime) -> Option<u64> {
        self.stream = Some(Stream { id, heard_at: now, is_heard: false });
        self.list.as_ref().and_then(StatusList::seq)
    }

    /// Takes a message, and notices if one before it was missed
    pub(super) fn message(&mut self, id: StreamId, data: &[u8], now: UnixTime) {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.id == id) else { return };
        (stream.heard_at, stream.is_heard) = (now, true);
        let Ok(changes) = Changes::parse(data) else {
            // Nobody knows what it was about.
            (self.lost_at, self.is_behind) = (Some(now), true);
            return;
        };
        self.announced = self.announced.max(changes.seq());
        let Some(list) = &mut self.list else { return };
        match list.follow(&changes) {
            Followed::Current if !self.is_behind => self.known_at = now,
            Followed::Current | Followed::Known => {}
            Followed::Gap => {
                self.is_behind = true;
                if list.seq().is_none() {
                    self.lost_at = Some(now);
                }
            }
        }
    }

    pub(super) fn closed(&mut self, id: StreamId, now: UnixTime) {
        if self.stream.take_if(|stream| stream.id == id).is_some() {
            self.listen_at = now.plus(1);
        }
    }

    /// Takes a stream that is silent for too long for closed
    pub(super) fn give_up_silence(&mut self, now: UnixTime) {
        let is_silent = |stream: &mut Stream| stream.heard_at.seconds_until(now) > EDGE_SILENCE_SECONDS;
        if self.stream.take_if(is_silent).is_some() {
            self.listen_at = now.plus(1);
        }
    }
}

fn by_list(list: &StatusList, place: &StatusRef) -> Standing {
    match list.status(place.idx()) {
        Status::Valid => Standing::Good,
        Status::Narrowed => Standing::Narrowed,
        Status::Invalid | Status::Other => Standing::Withdrawn,
    }
}
