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

use alloc::{sync::Arc, vec::Vec};

use crate::{
    denial::Denial,
    dpop::{Proof, ProofError},
    limits::{EDGE_FETCH_SECONDS, EDGE_WAIT_SECONDS, EDGE_WAITING},
    status::StatusList,
    time::UnixTime,
    token::{AccessToken, Pending, SignatureOk},
};

pub use config::{Config, ConfigError, OnStale, Withdrawals};
pub use event::{Event, FetchId, Request, RequestId, StreamId, VerifyId};
pub use metadata::{Metadata, MetadataError};
pub use step::{Answer, Body, Cache, Credential, Fetch, FetchKind, Forward, Listen, Secret, Step, Verify};

use admission::Verdict;
use flight::Flight;
use keys::Keys;
use pat::Pat;
use seen::{Proofs, Tokens, Verified};
use waiting::{On, Waiting};
use withdrawal::Withdrawal;

mod admission;
mod answer;
mod config;
mod event;
mod flight;
mod header;
mod keys;
mod metadata;
mod pat;
mod seen;
mod step;
mod supply;
mod ticket;
mod waiting;
mod withdrawal;

/// What a signature is waited for
#[derive(Debug)]
enum Purpose {
    Token(Pending<AccessToken>),
    Proof(Pending<Proof>),
    /// And when it was asked for
    List(Pending<StatusList>, UnixTime),
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
            withdrawal: Withdrawal::default(),
            tokens: Tokens::default(),
            proofs: Proofs::default(),
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
            Event::Request(request) => self.arrive(request, now, &mut steps),
            Event::Gone(request) => self.leave(|waiting| waiting.request.id == request),
            Event::Response { fetch, status, body } => {
                self.landed(fetch, Some((status, &body)), now, &mut steps);
            }
            Event::Failed(fetch) => self.landed(fetch, None, now, &mut steps),
            Event::Verified { verify, is_right } => self.verified(verify, is_right, now, &mut steps),
            Event::Message { stream, data } => {
                self.withdrawal.message(stream, &data, now);
                if self.withdrawal.is_ending(&self.config, now) {
                    self.want_list(now, &mut steps);
                }
            }
            Event::Closed(stream) => self.withdrawal.closed(stream, now),
            Event::Restored { key, value } => self.restore(&key, &value, now),
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
            if self.withdrawal.is_ending(&self.config, now) {
                self.want_list(now, steps);
            }
        }
    }

    fn arrive(&mut self, request: Request, now: UnixTime, steps: &mut Vec<Step>) {
        if self.waiting.len() >= EDGE_WAITING {
            steps.push(answer::busy(request.id));
        } else {
            self.advance(Waiting::new(request, now), now, steps);
        }
    }

    fn advance(&mut self, mut waiting: Waiting, now: UnixTime, steps: &mut Vec<Step>) {
        let verdict = match waiting.refused {
            None => self.judge(&mut waiting, now, steps),
            Some(denial) => self.ask(&mut waiting, denial, now, steps),
        };
        self.settle(waiting, verdict, now, steps);
    }

    fn settle(&mut self, mut waiting: Waiting, verdict: Verdict, now: UnixTime, steps: &mut Vec<Step>) {
        let verdict = if let Verdict::Refused(denial) = verdict {
            waiting.refused = Some(denial);
            self.ask(&mut waiting, denial, now, steps)
        } else {
            verdict
        };
        let id = waiting.request.id;
        match (verdict, &waiting.verified) {
            (Verdict::Wait(on), _) => {
                waiting.on = on;
                self.waiting.push(waiting);
            }
            (Verdict::Permitted(granted), Some(verified)) => {
                let claims = verified.rpt.token().claims();
                let set = header::granted(&granted, claims.sub.as_deref(), claims.jti.as_deref());
                steps.push(Step::Forward(Forward { request: id, remove: waiting.remove, set }));
            }
            (Verdict::Challenge(challenge), _) => {
                let denial = waiting.refused.unwrap_or(Denial::InvalidToken);
                steps.push(answer::challenge(&waiting, &challenge, denial));
            }
            (Verdict::BadProof(error), _) => steps.push(answer::bad_proof(&waiting, error)),
            (Verdict::Unavailable(denial) | Verdict::Refused(denial), _) => {
                steps.push(answer::unreachable(id, denial));
            }
            (Verdict::Permitted(_), None) => steps.push(answer::unreachable(id, Denial::EngineFailed)),
        }
    }

    fn landed(&mut self, id: FetchId, answer: Option<(u16, &[u8])>, now: UnixTime, steps: &mut Vec<Step>) {
        let ok = answer.filter(|(status, _)| *status == 200).map(|(_, body)| body);
        if self.supply(id, ok, now, steps) {
            self.wake(now, steps);
            return;
        }
        let is_it = |waiting: &Waiting| matches!(waiting.on, On::Fetch(fetch, _) if fetch == id);
        let Some(at) = self.waiting.iter().position(is_it) else { return };
        let mut waiting = self.waiting.remove(at);
        let verdict = if waiting.refused.is_some() {
            self.ticket(&mut waiting, answer, now, steps)
        } else {
            ticket::introspected(&waiting, answer, now)
        };
        self.settle(waiting, verdict, now, steps);
    }

    fn verified(&mut self, id: VerifyId, is_right: bool, now: UnixTime, steps: &mut Vec<Step>) {
        let Some(at) = self.verifying.iter().position(|(known, _)| *known == id) else { return };
        let (_, purpose) = self.verifying.remove(at);
        let waiting = self.waiting.iter().position(|waiting| waiting.on == On::Verify(id));
        let waiting = waiting.map(|at| self.waiting.remove(at));
        match (purpose, waiting) {
            (Purpose::List(pending, began), _) => {
                self.withdrawal.is_checking = false;
                let list = is_right.then(|| pending.accept(SignatureOk::i_have_verified_the_signature()));
                if list.is_some_and(|list| self.withdrawal.take(list, began)) {
                    self.withdrawal.flight.succeeded();
                } else {
                    self.withdrawal.flight.failed(now);
                }
                self.wake(now, steps);
            }
            (Purpose::Token(pending), Some(mut waiting)) if is_right => {
                let key = Arc::clone(pending.key());
                let token = pending.accept(SignatureOk::i_have_verified_the_signature());
                let verified = Arc::new(Verified::new(token, key));
                if let Some(token) = waiting.presented.token() {
                    self.tokens.insert(&token, Arc::clone(&verified));
                }
                waiting.verified = Some(verified);
                self.advance(waiting, now, steps);
            }
            (Purpose::Token(_), Some(waiting)) => {
                self.settle(waiting, Verdict::Refused(Denial::InvalidSignature), now, steps);
            }
            (Purpose::Proof(pending), Some(mut waiting)) if is_right => {
                let proof = pending.accept(SignatureOk::i_have_verified_the_signature());
                if self.proofs.is_first(&proof.replay_key(), now) {
                    waiting.proof = Some(proof);
                    self.advance(waiting, now, steps);
                } else {
                    self.settle(waiting, Verdict::BadProof(ProofError::Replayed), now, steps);
                }
            }
            (Purpose::Proof(_), Some(waiting)) => {
                self.settle(waiting, Verdict::BadProof(ProofError::Signature), now, steps);
            }
            (Purpose::Token(_) | Purpose::Proof(_), None) => {}
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

    /// Looks again at all who wait for something that they share
    fn wake(&mut self, now: UnixTime, steps: &mut Vec<Step>) {
        for waiting in core::mem::take(&mut self.waiting) {
            if waiting.on == On::Shared {
                self.advance(waiting, now, steps);
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    /// Gives up what takes too long
    fn give_up(&mut self, now: UnixTime, steps: &mut Vec<Step>) {
        self.withdrawal.give_up_silence(now);
        let is_late = |since: UnixTime, most| since.seconds_until(now) >= most;
        let checks = self.verifying.len();
        self.verifying.retain(|(_, purpose)| {
            !matches!(purpose, Purpose::List(_, began) if is_late(*began, EDGE_FETCH_SECONDS.saturating_mul(2)))
        });
        if self.verifying.len() < checks {
            self.withdrawal.is_checking = false;
            self.withdrawal.flight.failed(now);
        }
        for waiting in &self.waiting {
            if is_late(waiting.since, EDGE_WAIT_SECONDS) {
                let denial = waiting.refused.unwrap_or(Denial::KeysUnavailable);
                steps.push(answer::unreachable(waiting.request.id, denial));
            }
        }
        self.leave(|waiting| is_late(waiting.since, EDGE_WAIT_SECONDS));
        let late = [
            self.metadata_flight.give_up(now),
            self.keys.flight.give_up(now),
            self.pat.flight.give_up(now),
            self.withdrawal.flight.give_up(now),
        ];
        if late.contains(&true) || self.verifying.len() < checks {
            self.wake(now, steps);
        }
    }

    /// Forgets requests, and the signatures that they wait for
    fn leave(&mut self, is_it: impl Fn(&Waiting) -> bool) {
        let verifying = &mut self.verifying;
        self.waiting.retain(|waiting| {
            let leaves = is_it(waiting);
            if let (true, On::Verify(id)) = (leaves, waiting.on) {
                verifying.retain(|(known, _)| *known != id);
            }
            !leaves
        });
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
