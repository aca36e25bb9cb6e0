//! The way of a request through a guard: it arrives, waits, is looked at again, and leaves with an answer.

use alloc::{sync::Arc, vec::Vec};

use super::{
    Guard, Purpose,
    admission::Verdict,
    answer,
    event::{FetchId, VerifyId},
    header,
    seen::{Content, Verified},
    step::{FetchKind, Forward, Step},
    supply, ticket,
    waiting::{On, Refused, Waiting},
};
use crate::{
    denial::Denial,
    dpop::ProofError,
    limits::{EDGE_FETCH_SECONDS, EDGE_WAIT_SECONDS, EDGE_WAITING},
    status::StatusList,
    time::UnixTime,
    token::SignatureOk,
};

impl Guard {
    pub(super) fn arrive(&mut self, waiting: Waiting, now: UnixTime, steps: &mut Vec<Step>) {
        if self.waiting.len() >= EDGE_WAITING {
            steps.push(answer::busy(waiting.id));
        } else {
            self.advance(waiting, now, steps);
        }
    }

    fn advance(&mut self, mut waiting: Waiting, now: UnixTime, steps: &mut Vec<Step>) {
        let verdict = match waiting.refused.take() {
            // What the rules refuse is looked at from the beginning: a lookup may have changed it.
            None | Some(Refused::Rule(_)) => self.judge(&mut waiting, now, steps),
            Some(refused @ Refused::Token(_)) => self.refused(&mut waiting, refused, now, steps),
        };
        self.settle(waiting, verdict, now, steps);
    }

    fn settle(&mut self, mut waiting: Waiting, verdict: Verdict, now: UnixTime, steps: &mut Vec<Step>) {
        let verdict = if let Verdict::Refused(denial) = verdict {
            self.refused(&mut waiting, Refused::Token(denial), now, steps)
        } else {
            verdict
        };
        let request = waiting.id;
        match (verdict, &waiting.verified) {
            (Verdict::Wait(on), _) => {
                waiting.on = on;
                self.waiting.push(waiting);
            }
            (Verdict::Open, _) => {
                steps.push(Step::Forward(Forward { request, remove: waiting.remove, set: Vec::new() }));
            }
            (Verdict::Permitted(granted), Some(verified)) => {
                let Content { sub, jti, .. } = &verified.content;
                let set = header::granted(granted.as_ref(), sub.as_deref(), jti.as_deref());
                steps.push(Step::Forward(Forward { request, remove: waiting.remove, set }));
            }
            (Verdict::Challenge(challenge), _) => steps.push(answer::challenge(&waiting, &challenge)),
            (Verdict::Unauthorized, _) => steps.push(answer::unauthorized(&waiting, &self.config.realm)),
            (Verdict::Redirect(location), _) => steps.push(answer::redirect(&waiting, location)),
            (Verdict::Forbidden, _) => steps.push(answer::forbidden(&waiting)),
            (Verdict::BadProof(error), _) => steps.push(answer::bad_proof(&waiting, error)),
            (Verdict::Unavailable(denial) | Verdict::Refused(denial), _) => {
                steps.push(answer::unreachable(&waiting, denial));
            }
            (Verdict::Permitted(_), None) => {
                steps.push(answer::unreachable(&waiting, Denial::EngineFailed));
            }
        }
    }

    pub(super) fn landed(
        &mut self,
        id: FetchId,
        answer: Option<(u16, &[u8])>,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) {
        let ok = answer.filter(|(status, _)| *status == 200).map(|(_, body)| body);
        if self.supply(id, ok, now, steps) {
            self.wake(now, steps);
            return;
        }
        let is_it = |waiting: &Waiting| matches!(waiting.on, On::Fetch(fetch, _) if fetch == id);
        let Some(at) = self.waiting.iter().position(is_it) else { return };
        let mut waiting = self.waiting.remove(at);
        let landed = match waiting.on {
            On::Fetch(_, FetchKind::Resources) => self.looked_up(&mut waiting, answer),
            On::Fetch(_, FetchKind::Introspection) => ticket::introspected(&mut waiting, answer),
            On::Fetch(..) | On::Shared | On::Verify(_) => Some(self.ticket(&mut waiting, answer, now, steps)),
        };
        match landed {
            Some(verdict) => self.settle(waiting, verdict, now, steps),
            None => self.advance(waiting, now, steps),
        }
    }

    pub(super) fn verified(&mut self, id: VerifyId, is_right: bool, now: UnixTime, steps: &mut Vec<Step>) {
        let Some(at) = self.verifying.iter().position(|(known, _)| *known == id) else { return };
        let (_, purpose) = self.verifying.remove(at);
        let waiting = self.waiting.iter().position(|waiting| waiting.on == On::Verify(id));
        let waiting = waiting.map(|at| self.waiting.remove(at));
        match (purpose, waiting) {
            (Purpose::List(pending, began, text), _) => {
                self.withdrawal.is_checking = false;
                let list = is_right.then(|| pending.accept(SignatureOk::i_have_verified_the_signature()));
                let ttl = list.as_ref().map_or(0, StatusList::ttl);
                let is_taken = list.is_some_and(|list| self.withdrawal.take(list, began));
                match text {
                    Some(text) if is_taken => steps.push(supply::list(began, &text, ttl)),
                    Some(_) => self.withdrawal.failed(now),
                    // Of an earlier life: if it is of no use, another is fetched.
                    None => {}
                }
                self.wake(now, steps);
            }
            (Purpose::Token(pending), Some(mut waiting)) if is_right => {
                let key = Arc::clone(pending.key());
                let content = pending.accept(SignatureOk::i_have_verified_the_signature());
                let verified = Arc::new(Verified { content, key });
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
                if self.proofs.is_first(*proof.replay_key().as_bytes(), proof.replay_key().until(), now) {
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

    /// Looks again at all who wait for something that they share
    pub(super) fn wake(&mut self, now: UnixTime, steps: &mut Vec<Step>) {
        for waiting in core::mem::take(&mut self.waiting) {
            if waiting.on == On::Shared {
                self.advance(waiting, now, steps);
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    /// Gives up what takes too long
    pub(super) fn give_up(&mut self, now: UnixTime, steps: &mut Vec<Step>) {
        self.withdrawal.give_up_silence(now);
        let is_late = |since: UnixTime, most| since.seconds_until(now) >= most;
        let checks = self.verifying.len();
        self.verifying.retain(|(_, purpose)| {
            !matches!(purpose, Purpose::List(_, began, _) if is_late(*began, EDGE_FETCH_SECONDS.saturating_mul(2)))
        });
        if self.verifying.len() < checks {
            self.withdrawal.is_checking = false;
            self.withdrawal.failed(now);
        }
        for waiting in &self.waiting {
            if is_late(waiting.since, EDGE_WAIT_SECONDS) {
                let denial = waiting.refused.as_ref().map_or(Denial::KeysUnavailable, Refused::denial);
                steps.push(answer::unreachable(waiting, denial));
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
    pub(super) fn leave(&mut self, is_it: impl Fn(&Waiting) -> bool) {
        let verifying = &mut self.verifying;
        self.waiting.retain(|waiting| {
            let leaves = is_it(waiting);
            if let (true, On::Verify(id)) = (leaves, waiting.on) {
                verifying.retain(|(known, _)| *known != id);
            }
            !leaves
        });
    }
}
