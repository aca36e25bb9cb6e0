use super::{
    config::{OnStale, Withdrawals},
    event::StreamId,
    flight::{Flight, pause},
};
use crate::{
    limits::{EDGE_RETRY_SECONDS, EDGE_SILENCE_SECONDS, EDGE_STALENESS_SECONDS},
    status::{Changes, Followed, Status, StatusList, StatusRef},
    time::UnixTime,
};

/// Where a token stands, as far as a guard knows
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As it was issued
    Good,
    /// It permits less than it says, and introspection knows what
    Narrowed,
    /// It was taken back
    Withdrawn,
    /// Its place is in a list that is not its issuer's
    Foreign,
    /// The list has to be fetched first
    Unknown,
}

/// The status list of an issuer and the stream that keeps it current, without I/O
///
/// Whoever carries it out fetches the list where [`may_fetch`](Self::may_fetch) and [`is_ending`](Self::is_ending) say
/// so, opens a stream where [`may_listen`](Self::may_listen) says so, and reports what came of it.
///
/// ```
/// use countersign_core::{edge::{OnStale, Withdrawal, Withdrawals}, time::UnixTime};
///
/// let mut withdrawal = Withdrawal::new(Withdrawals::Stream, OnStale::Deny, 60);
/// assert!(withdrawal.may_fetch(UnixTime(100)) && withdrawal.may_listen(UnixTime(100)));
/// let (stream, since) = withdrawal.listen(UnixTime(100));
/// assert_eq!(since, None, "without a list nobody knows of any change");
/// withdrawal.closed(stream, UnixTime(100));
/// assert!(!withdrawal.may_listen(UnixTime(100)) && withdrawal.may_listen(UnixTime(101)));
/// ```
#[derive(Debug)]
pub struct Withdrawal {
    withdrawals: Withdrawals,
    on_stale: OnStale,
    max_staleness: u64,
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
    /// Number of the last stream
    streams: u64,
    /// Streams that have ended since one has said something
    closes: u32,
    listen_at: UnixTime,
}

/// Until when a pause counts: one that is longer than any was made by a clock that has been set back since.
const fn is_over(end: UnixTime, now: UnixTime) -> bool {
    now.seconds_until(end) == 0 || now.seconds_until(end) > EDGE_RETRY_SECONDS
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    id: StreamId,
    heard_at: UnixTime,
    /// It has said something, so that silence means something
    is_heard: bool,
}

impl Default for Withdrawal {
    fn default() -> Self {
        Self::new(Withdrawals::default(), OnStale::default(), EDGE_STALENESS_SECONDS)
    }
}

impl Withdrawal {
    /// Of an issuer that has not been asked yet; `max_staleness` are the seconds for which an old list serves.
    pub const fn new(withdrawals: Withdrawals, on_stale: OnStale, max_staleness: u64) -> Self {
        Self {
            withdrawals,
            on_stale,
            max_staleness,
            list: None,
            known_at: UnixTime(0),
            is_behind: false,
            lost_at: None,
            announced: 0,
            is_used: false,
            is_checking: false,
            flight: Flight::new(),
            stream: None,
            streams: 0,
            closes: 0,
            listen_at: UnixTime(0),
        }
    }

    /// Whether it is on its way
    pub(super) const fn is_loading(&self) -> bool {
        self.is_checking || self.flight.is_up()
    }

    /// Whether the list may be fetched: neither is it on its way, nor has that failed a moment ago
    pub fn may_fetch(&self, now: UnixTime) -> bool {
        !self.is_loading() && self.flight.may_start(now)
    }

    /// The list could not be had
    pub fn failed(&mut self, now: UnixTime) {
        self.flight.failed(now);
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

    /// Whether the list says what is, now or at a later time
    fn is_current(&self, now: UnixTime) -> bool {
        let is_live = self.list.as_ref().is_some_and(|list| list.is_live(now));
        is_live && !self.is_behind && self.is_known_within(self.window(), now)
    }

    /// A list of the future is one from before the clock was set back.
    const fn is_known_within(&self, seconds: u64, now: UnixTime) -> bool {
        now.seconds_until(self.known_at) == 0 && self.known_at.seconds_until(now) <= seconds
    }

    /// Whether to fetch the list behind the callers' backs: somebody needs it, and it is about to be out of date
    pub fn is_ending(&self, now: UnixTime) -> bool {
        let margin = self.window().div_ceil(4);
        let is_first = self.withdrawals == Withdrawals::Stream && self.list.is_none();
        let is_needed = self.is_used || self.is_behind || is_first;
        is_needed && self.may_fetch(now) && !self.is_current(now.plus(margin))
    }

    /// Where a token stands by a list that is current; [`Standing::Unknown`] where it is not
    pub fn standing(&mut self, place: &StatusRef, uri: &str, now: UnixTime) -> Standing {
        if place.uri() == uri { self.standing_at(place.idx(), now) } else { Standing::Foreign }
    }

    /// The same by the place alone, which somebody has seen to be in this list
    pub fn standing_at(&mut self, idx: u64, now: UnixTime) -> Standing {
        self.is_used = true;
        match self.list.as_ref().map(|list| by_list(list, idx)) {
            // What was taken back stays so, however old the list is that says it.
            Some(Standing::Withdrawn) => Standing::Withdrawn,
            Some(standing) if self.is_current(now) => standing,
            _ => Standing::Unknown,
        }
    }

    /// Where the token at a place stands when no current list is to be had
    pub fn last_standing_at(&self, idx: u64, now: UnixTime) -> Standing {
        let old = self.list.as_ref().map(|list| by_list(list, idx));
        let is_recent = self.is_known_within(self.max_staleness, now)
            && self.list.as_ref().is_some_and(|list| list.is_live(now));
        match (old, self.on_stale) {
            (Some(Standing::Withdrawn), _) => Standing::Withdrawn,
            (Some(standing), _) if is_recent => standing,
            (old, OnStale::UntilExp) => old.unwrap_or(Standing::Good),
            (_, OnStale::Deny) => Standing::Unknown,
        }
    }

    /// Takes a verified list that was asked for at `began`; false if a newer one is here already
    pub fn take(&mut self, list: StatusList, began: UnixTime) -> bool {
        if self.list.as_ref().is_some_and(|present| !list.may_replace(present)) {
            return false;
        }
        self.lost_at.take_if(|lost_at| *lost_at < began);
        self.is_behind = self.lost_at.is_some() || list.seq().is_some_and(|seq| seq < self.announced);
        if !self.is_behind {
            self.known_at = began;
        }
        self.flight.succeeded();
        self.is_used = false;
        self.list = Some(list);
        true
    }

    /// Whether it is time to open a stream
    pub fn may_listen(&self, now: UnixTime) -> bool {
        self.withdrawals == Withdrawals::Stream && self.stream.is_none() && is_over(self.listen_at, now)
    }

    /// Opens a stream: its number, and that of the last change that is known already
    pub const fn listen(&mut self, now: UnixTime) -> (StreamId, Option<u64>) {
        self.streams = self.streams.wrapping_add(1);
        let id = StreamId(self.streams);
        self.stream = Some(Stream { id, heard_at: now, is_heard: false });
        let known = match &self.list {
            Some(list) => list.seq(),
            None => None,
        };
        (id, known)
    }

    /// The stream that is open
    pub fn stream(&self) -> Option<StreamId> {
        self.stream.as_ref().map(|stream| stream.id)
    }

    /// Takes a message, and notices if one before it was missed
    pub fn message(&mut self, id: StreamId, data: &[u8], now: UnixTime) {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.id == id) else { return };
        (stream.heard_at, stream.is_heard) = (now, true);
        self.closes = 0;
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

    /// A stream has ended, or could not be opened. Until the next there is a pause, which grows while none says a word.
    pub fn closed(&mut self, id: StreamId, now: UnixTime) {
        if self.stream.take_if(|stream| stream.id == id).is_some() {
            self.listen_at = now.plus(pause(self.closes));
            self.closes = self.closes.saturating_add(1);
        }
    }

    /// Takes a stream that is silent for too long for closed
    pub fn give_up_silence(&mut self, now: UnixTime) {
        let Some(Stream { id, heard_at, .. }) = self.stream else { return };
        let apart = heard_at.seconds_until(now).max(now.seconds_until(heard_at));
        if apart > EDGE_SILENCE_SECONDS {
            self.closed(id, now);
        }
    }
}

fn by_list(list: &StatusList, idx: u64) -> Standing {
    match list.status(idx) {
        Status::Valid => Standing::Good,
        Status::Narrowed => Standing::Narrowed,
        Status::Invalid | Status::Other => Standing::Withdrawn,
    }
}
