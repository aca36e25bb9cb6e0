//! From a request to a verdict: which token, whose key, whose signature, taken back or not, enough or not.

use alloc::{string::String, sync::Arc, vec::Vec};

use super::{
    Guard, Purpose,
    config::Withdrawals,
    seen::Verified,
    step::Step,
    waiting::{Needs, On, Waiting},
    withdrawal::Standing,
};
use crate::{
    challenge::UmaChallenge,
    denial::Denial,
    dpop::{ProofError, ProofRequest, UnverifiedProof},
    rpt::{Granted, Rpt},
    time::UnixTime,
    token::{Expect, TokenError, UnverifiedToken},
    uri::HttpUri,
};

/// How far a request has come
pub(super) enum Verdict {
    Wait(On),
    /// It needs nothing
    Open,
    /// Its token is good, and by this permission if one is needed
    Permitted(Option<Granted>),
    /// Its token does not do
    Refused(Denial),
    /// Any good token would do
    Unauthorized,
    /// To the page for refused requests
    Redirect(String),
    /// A ticket would be of no use
    Forbidden,
    /// And here is a ticket for a better one
    Challenge(UmaChallenge),
    /// Nobody can say whether its token does
    Unavailable(Denial),
    BadProof(ProofError),
}

impl Guard {
    /// Looks at a request as far as that can be done now
    pub(super) fn judge(&mut self, waiting: &mut Waiting, now: UnixTime, steps: &mut Vec<Step>) -> Verdict {
        if let Some(verdict) = self.at_the_door(waiting, now, steps) {
            return verdict;
        }
        let Some(token) = waiting.presented.token() else { return Verdict::Refused(Denial::InvalidToken) };
        if waiting.presented.is_dpop() && waiting.proof.is_none() {
            return self.begin_proof(waiting, &token, now, steps).unwrap_or_else(Verdict::BadProof);
        }
        if !self.keys.are_fresh(now) {
            let is_coming = self.want_keys(now, steps);
            if self.keys.usable(now).is_none() {
                let unavailable = Verdict::Unavailable(Denial::KeysUnavailable);
                return if is_coming { Verdict::Wait(On::Shared) } else { unavailable };
            }
        }
        let known = waiting.verified.take().or_else(|| self.tokens.get(&token));
        let Some(verified) = known else { return self.begin_token(waiting, &token, now, steps) };
        if !self.keys.has(&verified.key) {
            self.tokens.remove(&token);
            return Verdict::Refused(Denial::UnknownKey);
        }
        if verified.content.rpt.expires_at() < now {
            self.tokens.remove(&token);
            return Verdict::Refused(Denial::Expired);
        }
        // Whoever presented it before has proved nothing for whoever presents it now.
        if !verified.content.confirmation.as_ref().is_ok_and(|bound| bound.is_met_by(&waiting.possession())) {
            return Verdict::Refused(Denial::BoundToken);
        }
        waiting.verified = Some(Arc::clone(&verified));
        match self.standing(&verified, waiting, now, steps) {
            Ok(Standing::Good) => self.judge_permissions(waiting, &verified.content.rpt, now, steps),
            Ok(Standing::Narrowed) => match waiting.narrowed.clone() {
                Some(rpt) => self.judge_permissions(waiting, &rpt, now, steps),
                None => self.introspect(&token, now, steps),
            },
            Ok(Standing::Withdrawn) => Verdict::Refused(Denial::Withdrawn),
            Ok(Standing::Foreign) => Verdict::Refused(Denial::InvalidToken),
            Ok(Standing::Unknown) => Verdict::Unavailable(Denial::StatusUnavailable),
            Err(on) => Verdict::Wait(on),
        }
    }

    /// Whether what a token permits now is enough
    fn judge_permissions(
        &mut self,
        waiting: &mut Waiting,
        rpt: &Rpt,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        match &waiting.needs {
            Needs::Permission(wanted) => match rpt.permits(&wanted.resource, &wanted.scopes, now) {
                Ok(granted) => Verdict::Permitted(Some(granted)),
                Err(refused) => Verdict::Refused(refused.denial()),
            },
            Needs::Rules(_) => self.by_rules(waiting, rpt, now, steps),
        }
    }

    fn begin_proof(
        &mut self,
        waiting: &Waiting,
        token: &str,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Result<Verdict, ProofError> {
        let uri: HttpUri = waiting.uri.parse().map_err(|_| ProofError::Uri)?;
        let nonces: Vec<&str> = waiting.nonces.iter().map(AsRef::as_ref).collect();
        let expected = ProofRequest::new(&waiting.method, &uri).access_token(token).nonces(&nonces);
        let pending = UnverifiedProof::parse(&waiting.proofs, &expected, now)?;
        Ok(Verdict::Wait(On::Verify(self.begin(pending, Purpose::Proof, steps))))
    }

    fn begin_token(
        &mut self,
        waiting: &mut Waiting,
        token: &str,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        let Some(keys) = self.keys.usable(now) else {
            return Verdict::Unavailable(Denial::KeysUnavailable);
        };
        let expect = Expect::bearer(&self.config.issuer)
            .audience(self.config.audience.clone())
            .leeway(self.config.leeway)
            .held(waiting.possession());
        match UnverifiedToken::parse_as(token, keys, &expect, now) {
            Ok(pending) => Verdict::Wait(On::Verify(self.begin(pending, Purpose::Token, steps))),
            Err(TokenError::UnknownKey) if self.ask_again(waiting, now, steps) => Verdict::Wait(On::Shared),
            Err(error) => Verdict::Refused(error.denial()),
        }
    }

    /// Looks for a key that nobody knows; whether keys are on their way
    fn ask_again(&mut self, waiting: &mut Waiting, now: UnixTime, steps: &mut Vec<Step>) -> bool {
        if self.keys.flight.is_up() {
            waiting.has_asked_again = true;
            return true;
        }
        if waiting.has_asked_again || self.keys.are_fixed() {
            return false;
        }
        if self.metadata.is_none() {
            return self.want_metadata(now, steps);
        }
        waiting.has_asked_again = true;
        self.keys.ask_again(now) && self.want_keys(now, steps)
    }

    /// Where a token stands, or what to wait for before anybody can say
    fn standing(
        &mut self,
        verified: &Verified,
        waiting: &mut Waiting,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Result<Standing, On> {
        let place = match (self.config.withdrawals, &verified.content.status) {
            (Withdrawals::None, _) | (_, Ok(None)) => return Ok(Standing::Good),
            (_, Err(_)) => return Ok(Standing::Foreign),
            (_, Ok(Some(place))) => place,
        };
        if self.metadata.is_none() && self.want_metadata(now, steps) {
            return Err(On::Shared);
        }
        if let Some(metadata) = &self.metadata {
            let Some(uri) = metadata.status_list.as_deref() else { return Ok(Standing::Foreign) };
            let standing = self.withdrawal.standing(place, uri, now);
            if standing != Standing::Unknown {
                return Ok(standing);
            }
            if self.withdrawal.is_loading() || !waiting.has_loaded && self.want_list(now, steps) {
                waiting.has_loaded = true;
                return Err(On::Shared);
            }
        }
        Ok(self.withdrawal.last_standing_at(place.idx(), now))
    }
}
