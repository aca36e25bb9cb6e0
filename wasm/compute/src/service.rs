//! A guard that waits for each answer, and lives for one request.

use core::fmt;
use std::collections::VecDeque;

use countersign_core::{
    denial::Denial,
    edge::{Answer, Arrival, Event, FetchId, Forward, RequestId},
};
use countersign_edge::{Call, Machine, Order, Settings};

use crate::Platform;

/// What every request needs, and one with a token, each under the name that the guard gives it
const KEPT: [&str; 3] = ["uma2-configuration", "jwks", "pat"];
const KEPT_FOR_TOKENS: &str = "status-list";
/// An answer about a path, by its question
const PATH: &str = "path";
/// Says that the authorization server gave no answer a moment ago
const AWAY: &str = "away";
/// Seconds for which it is not asked then, so that not every request waits for it in vain
const PAUSE: u64 = 1;
/// Longest that anything is kept, in seconds
const LONGEST: u64 = 3_600;

/// What becomes of a request
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is refused
    Answer(Answer),
    /// It goes on, with other headers
    Forward(Forward),
}

/// A guard with its platform
pub struct Service<P> {
    machine: Machine,
    platform: P,
    prefix: String,
    /// Calls that nobody waits for
    later: Vec<(FetchId, Call)>,
}

impl<P: Platform> Service<P> {
    /// A guard with these settings, which knows nothing yet
    pub fn new(settings: Settings, platform: P) -> Self {
        let prefix = format!("countersign {} {} ", settings.issuer(), settings.resource().as_str());
        Self { machine: Machine::new(settings.for_one_request()), platform, prefix, later: Vec::new() }
    }

    /// Whether requests have to be handed over with their bodies
    pub const fn reads_body(&self) -> bool {
        self.machine.reads_body()
    }

    /// The URI of a request target as clients see it
    pub fn uri(&self, target: &[u8]) -> String {
        self.machine.uri(target)
    }

    /// Says what becomes of a request; asks the authorization server where that has to be.
    pub fn judge(&mut self, arrival: Arrival) -> Outcome {
        let request = arrival.id;
        for name in KEPT {
            self.restore(name);
        }
        if arrival.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"authorization")) {
            self.restore(KEPT_FOR_TOKENS);
        }
        self.happen(Event::Arrival(arrival)).unwrap_or_else(|| lost(request))
    }

    /// Renews what is about to be too old, once the client has its answer.
    pub fn renew(&mut self) {
        // There is no request any more that anything could come out for.
        _ = self.happen(Event::Tick);
        while let Some((fetch, call)) = self.later.pop() {
            let event = self.ask(fetch, &call);
            _ = self.happen(event);
        }
    }

    fn restore(&mut self, key: &str) {
        if let Some(value) = self.platform.load(&self.name(key)) {
            self.happen(Event::Restored { key: key.into(), value });
        }
    }

    /// Carries out what the guard orders until it has said what becomes of the request.
    fn happen(&mut self, event: Event) -> Option<Outcome> {
        let mut orders: VecDeque<Order> = self.machine.step(event, self.platform.now()).into();
        let mut outcome = None;
        while let Some(order) = orders.pop_front() {
            match order {
                Order::Keep(cache) => {
                    let seconds = cache.ttl.min(LONGEST);
                    self.platform.keep(&self.name(cache.key), &cache.value, seconds, cache.is_secret);
                }
                Order::Answer(answer) => outcome = Some(Outcome::Answer(answer)),
                Order::Forward(forward) => outcome = Some(Outcome::Forward(forward)),
                Order::Call(fetch, call) if outcome.is_some() => self.later.push((fetch, call)),
                Order::Call(fetch, call) => {
                    let event = self.ask(fetch, &call);
                    orders.extend(self.machine.step(event, self.platform.now()));
                }
            }
        }
        outcome
    }

    /// Asks the authorization server, or whoever has asked it the same
    fn ask(&self, fetch: FetchId, call: &Call) -> Event {
        let known = self.known(call);
        let Some((status, body)) = known.or_else(|| self.call(call)) else { return Event::Failed(fetch) };
        Event::Response { fetch, status, body }
    }

    fn call(&self, call: &Call) -> Option<(u16, Vec<u8>)> {
        if self.platform.load(&self.name(AWAY)).is_some() {
            return None;
        }
        let answer = self.platform.call(call);
        match &answer {
            None => self.platform.keep(&self.name(AWAY), b"1", PAUSE, false),
            Some((200, body)) if call.fresh_for > 0 => {
                self.platform.keep(&self.name_of(call), body, call.fresh_for.min(LONGEST), false);
            }
            Some(_) => {}
        }
        answer
    }

    fn known(&self, call: &Call) -> Option<(u16, Vec<u8>)> {
        if call.fresh_for == 0 {
            return None;
        }
        self.platform.load(&self.name_of(call)).map(|body| (200, body))
    }

    fn name(&self, key: &str) -> String {
        [self.prefix.as_str(), key].concat()
    }

    fn name_of(&self, call: &Call) -> String {
        [self.prefix.as_str(), PATH, " ", &call.url()].concat()
    }
}

impl<P> fmt::Debug for Service<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("machine", &self.machine).finish_non_exhaustive()
    }
}

/// A request that the guard has said nothing of, which does not happen, is refused.
fn lost(request: RequestId) -> Outcome {
    let (denial, headers) = (Denial::EngineFailed, vec![("cache-control", "no-store".to_owned())]);
    Outcome::Answer(Answer { request, status: 503, headers, denial, reason: denial.code() })
}
