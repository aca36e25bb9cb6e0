//! A guard as a state machine without I/O: events go in, steps come out, and the runtime carries them out.
//!
//! A [`Guard`] stands in front of resources. It checks the RPT of each request, fetches what it needs for that from the
//! issuer (metadata, keys, the status list), asks for a ticket where the RPT does not do (UMA Grant §3.2), and cleans
//! the headers of what it lets through. It has neither clock nor network nor cryptography: [`Guard::step`] takes what
//! has happened and the time, and says what to do. Every error, limit and late answer denies.
//!
//! ```
//! use countersign_core::{
//!     edge::{Config, Event, FetchKind, Guard, Request, RequestId, Step},
//!     time::UnixTime,
//! };
//!
//! let mut guard = Guard::new(Config::new("https://as.example", "documents".parse()?)?.credentials());
//! let request = Request {
//!     id: RequestId(1),
//!     method: "GET".into(),
//!     uri: "https://files.example/documents/42".into(),
//!     resource: "42".parse()?,
//!     scopes: vec!["read".parse()?],
//!     headers: vec![],
//!     certificate: None,
//!     nonces: vec![],
//! };
//! let steps = guard.step(Event::Request(request), UnixTime(100));
//! let [Step::Fetch(fetch)] = steps.as_slice() else { return Err("a request without token needs a ticket".into()) };
//! assert_eq!(fetch.kind, FetchKind::Metadata);
//!
//! let steps = guard.step(Event::Failed(fetch.id), UnixTime(101));
//! let [Step::Answer(answer)] = steps.as_slice() else { return Err("and without a ticket it is refused".into()) };
//! assert_eq!((answer.request, answer.status), (RequestId(1), 403));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use crate::{dpop::Proof, status::StatusList, time::UnixTime, token::Pending};

pub use config::{Config, ConfigError, OnStale, Withdrawals};
pub use event::{Arrival, Event, FetchId, Request, RequestId, StreamId, VerifyId};
pub use metadata::{Metadata, MetadataError};
pub use step::{Answer, Body, Cache, Credential, Fetch, FetchKind, Forward, Listen, Secret, Step, Verify};
pub use withdrawal::{Standing, Withdrawal};

use flight::Flight;
use keys::Keys;
use lookup::Paths;
use pat::Pat;
use seen::{Content, Proofs, Tokens};
use waiting::{On, Waiting};

mod admission;
mod answer;
mod config;
mod event;
mod flight;
mod header;
mod keys;
mod lookup;
mod metadata;
mod passage;
mod pat;
mod rules;
mod seen;
mod step;
mod supply;
mod ticket;
mod waiting;
mod withdrawal;

/// What a signature is waited for
#[derive(Debug)]
enum Purpose {
    Token(Pending<Content>),
    Proof(Pending<Proof>),
    /// And when it was asked for, and its text unless it comes of an earlier life
    List(Pending<StatusList>, UnixTime, Option<Box<[u8]>>),
}

/// The guard of one resource server
pub struct Guard {
    config: Config,
    metadata: Option<Metadata>,
    metadata_flight: Flight,
    keys: Keys,
    pat: Pat,
    withdrawal: Withdrawal,
    tokens: Tokens,
    proofs: Proofs,
    paths: Paths,
    verifying: Vec<(VerifyId, Purpose)>,
    waiting: Vec<Waiting>,
    last_id: u64,
}

impl Guard {
    /// A guard that knows nothing yet
    pub fn new(mut config: Config) -> Self {
        Self {
            metadata: config.metadata.take(),
            metadata_flight: Flight::default(),
            keys: config.keys.take().map_or_else(Keys::default, Keys::fixed),
            pat: Pat::default(),
            withdrawal: Withdrawal::new(config.withdrawals, config.on_stale, config.max_staleness),
            tokens: Tokens::default(),
            proofs: Proofs::default(),
            paths: Paths::default(),
            verifying: Vec::new(),
            waiting: Vec::new(),
            last_id: 0,
            config,
        }
    }

    /// Takes what has happened, and says what to do now
    pub fn step(&mut self, event: Event, now: UnixTime) -> Vec<Step> {
        let mut steps = Vec::new();
        self.give_up(now, &mut steps);
        match event {
            Event::Request(request) => self.arrive(Waiting::new(request, now), now, &mut steps),
            Event::Arrival(arrival) => self.arrive(Waiting::arrived(arrival, now), now, &mut steps),
            Event::Gone(request) => self.leave(|waiting| waiting.id == request),
            Event::Response { fetch, status, body } => {
                self.landed(fetch, Some((status, &body)), now, &mut steps);
            }
            Event::Failed(fetch) => self.landed(fetch, None, now, &mut steps),
            Event::Verified { verify, is_right } => self.verified(verify, is_right, now, &mut steps),
            Event::Message { stream, data } => {
                self.withdrawal.message(stream, &data, now);
                if self.withdrawal.is_ending(now) {
                    self.want_list(now, &mut steps);
                }
            }
            Event::Closed(stream) => self.withdrawal.closed(stream, now),
            Event::Restored { key, value } => self.restore(&key, &value, now, &mut steps),
            Event::Tick => self.tick(now, &mut steps),
        }
        steps
    }

    /// Renews what is about to be too old, so that no request has to wait for it
    fn tick(&mut self, now: UnixTime, steps: &mut Vec<Step>) {
        if !self.keys.are_fresh(now) {
            self.want_keys(now, steps);
        }
        if self.pat.is_ending(now) {
            self.want_pat(now, steps);
        }
        if self.config.withdrawals != Withdrawals::None {
            self.want_stream(now, steps);
            if self.withdrawal.is_ending(now) {
                self.want_list(now, steps);
            }
        }
    }

    /// Has a signature checked
    fn begin<T>(
        &mut self,
        pending: Pending<T>,
        purpose: impl FnOnce(Pending<T>) -> Purpose,
        steps: &mut Vec<Step>,
    ) -> VerifyId {
        let id = VerifyId(self.next_id());
        steps.push(Step::Verify(Verify {
            id,
            alg: pending.alg(),
            key: Arc::clone(pending.key()),
            input: pending.signing_input().into(),
            signature: pending.signature().into(),
        }));
        self.verifying.push((id, purpose(pending)));
        id
    }

    /// Fetches under way for single requests
    fn own_fetches(&self) -> usize {
        self.waiting.iter().filter(|waiting| matches!(waiting.on, On::Fetch(..))).count()
    }

    const fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }
}

/// Without tokens and requests
impl core::fmt::Debug for Guard {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Guard")
            .field("config", &self.config)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
