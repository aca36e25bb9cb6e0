//! A guard with what every filter does in the same way: check signatures, write calls.

use core::fmt;

use countersign_core::{
    edge::{Answer, Cache, Event, FetchId, Forward, Guard, Step},
    time::UnixTime,
};
use countersign_signature::is_right;

use crate::{Call, Settings, settings::Connection};

/// What a filter has to do
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Ask the authorization server, and tell what it said by [`Machine::step`]
    Call(FetchId, Call),
    /// Keep something for other instances, or for the next start
    Keep(Cache),
    /// Refuse a request
    Answer(Answer),
    /// Let a request through
    Forward(Forward),
}

/// A guard that checks signatures itself
pub struct Machine {
    guard: Guard,
    connection: Connection,
    public_url: Option<String>,
    reads_body: bool,
}

impl Machine {
    /// A guard with these settings
    pub fn new(settings: Settings) -> Self {
        let Settings { guard, connection, public_url, .. } = settings;
        Self { reads_body: guard.reads_body(), guard: Guard::new(guard), connection, public_url }
    }

    /// Whether requests have to be handed over with their bodies
    pub const fn reads_body(&self) -> bool {
        self.reads_body
    }

    /// The URI of a request target as clients see it; nothing where nobody has said what they see
    pub fn uri(&self, target: &[u8]) -> String {
        let target = core::str::from_utf8(target).ok().filter(|target| target.starts_with('/'));
        self.public_url.as_ref().zip(target).map(|(base, target)| [base, target].concat()).unwrap_or_default()
    }

    /// Takes what has happened, and says what to do now
    pub fn step(&mut self, event: Event, now: UnixTime) -> Vec<Order> {
        let (mut orders, mut events) = (Vec::new(), vec![event]);
        while let Some(event) = events.pop() {
            for step in self.guard.step(event, now) {
                match step {
                    Step::Verify(verify) => {
                        let is_right = is_right(verify.alg, &verify.key, &verify.input, &verify.signature);
                        events.push(Event::Verified { verify: verify.id, is_right });
                    }
                    Step::Fetch(fetch) => {
                        let id = fetch.id;
                        let Connection { issuer, credentials } = &self.connection;
                        match Call::of(fetch, issuer, credentials.as_ref()) {
                            Some(call) => orders.push(Order::Call(id, call)),
                            None => events.push(Event::Failed(id)),
                        }
                    }
                    // Settings name no stream.
                    Step::Listen(listen) => events.push(Event::Closed(listen.id)),
                    Step::Cache(cache) => orders.push(Order::Keep(cache)),
                    Step::Answer(answer) => orders.push(Order::Answer(answer)),
                    Step::Forward(forward) => orders.push(Order::Forward(forward)),
                }
            }
        }
        orders
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("guard", &self.guard).finish_non_exhaustive()
    }
}
