//! Requests that are judged by the rules of an enforcer: what they need, and what to answer if they do not have it.

use alloc::{string::String, vec::Vec};

use super::{
    Guard,
    admission::Verdict,
    event::Arrival,
    header,
    step::Step,
    waiting::{Needs, Refused, Waiting, Wanted},
};
use crate::{
    denial::Denial,
    enforcer::{
        Answer, Demand, Enforcer, Found, Lookup, Protected, Refusal, Request, Target, Verdict as Ruling,
    },
    rpt::Rpt,
    time::UnixTime,
    uri::form_pairs,
};

/// A request as far as the rules look at it
pub(super) struct Asked {
    method: String,
    target: Vec<u8>,
    uri: String,
    is_secure: bool,
    remote_addr: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// What the authorization server knows of its resource, once it was asked
    pub(super) found: Option<Vec<Found>>,
    /// What was asked last
    pub(super) lookup: Option<Lookup>,
    /// Which of its questions is next
    pub(super) question: usize,
}

impl Asked {
    pub(super) fn new(arrival: &mut Arrival) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = arrival.headers.iter().map(|(name, value)| (text(name), text(value))).collect();
        Self {
            // A method that is no text is no method.
            method: core::str::from_utf8(&arrival.method).unwrap_or_default().into(),
            target: core::mem::take(&mut arrival.target),
            uri: arrival.uri.clone(),
            is_secure: arrival.is_secure,
            remote_addr: core::mem::take(&mut arrival.remote_addr),
            headers,
            body: core::mem::take(&mut arrival.body),
            found: None,
            lookup: None,
            question: 0,
        }
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }

    /// What it needs, and what the rules say of it with this token
    fn with<T>(
        &self,
        rules: &Enforcer,
        token: Option<&str>,
        then: impl FnOnce(Demand<'_>, &Request<'_>) -> T,
    ) -> T {
        let target = String::from_utf8_lossy(&self.target);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let cookies = header::cookies(&self.headers);
        let (parameters, headers): (Vec<_>, Vec<_>) = (form_pairs(query), borrowed(&self.headers));
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        let request = Request {
            method: &self.method,
            target: &self.target,
            uri: &self.uri,
            relative_path: path,
            secure: self.is_secure,
            remote_addr: &self.remote_addr,
            parameters: &parameters,
            headers: &headers,
            cookies: &cookies,
            body: &self.body,
            access_token: token,
        };
        let demand = rules.demand_of(&request);
        let demand = match &self.found {
            Some(found) => rules.resolve(demand, found),
            None => demand,
        };
        then(demand, &request)
    }
}

fn borrowed(texts: &[(String, String)]) -> Vec<(&str, &str)> {
    texts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// What rules make of a request that they refuse
enum Consequence {
    /// Its resource has to be looked up first
    Lookup(Lookup),
    /// A ticket for this
    Challenge(Wanted),
    Unauthorized,
    Redirect(String),
    Forbidden,
}

impl Guard {
    /// What the rules say of a request without looking at its token: a verdict, or nothing if that depends on it
    pub(super) fn at_the_door(
        &mut self,
        waiting: &mut Waiting,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Option<Verdict> {
        let Needs::Rules(asked) = &waiting.needs else { return None };
        let ruling = match &self.config.rules {
            None => Ruling::Refused(Refusal::Unmapped),
            Some(rules) => asked.with(rules, None, |demand, request| {
                demand.decide(None, &rules.claims(&demand, request), now)
            }),
        };
        match ruling {
            Ruling::Permitted { .. } => Some(Verdict::Open),
            Ruling::Refused(Refusal::NoToken | Refusal::Unresolved)
                if waiting.presented.token().is_some() =>
            {
                None
            }
            Ruling::Refused(refusal) => Some(self.refused(waiting, Refused::Rule(refusal), now, steps)),
        }
    }

    /// What the rules say of a request with a good token
    pub(super) fn by_rules(
        &mut self,
        waiting: &mut Waiting,
        rpt: &Rpt,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        let Needs::Rules(asked) = &waiting.needs else {
            return Verdict::Unavailable(Denial::EngineFailed);
        };
        let token = waiting.presented.token();
        let (ruling, lookup) = match &self.config.rules {
            None => (Ruling::Refused(Refusal::Unmapped), None),
            Some(rules) => asked.with(rules, token.as_deref(), |demand, request| {
                let claims = rules.claims(&demand, request);
                (demand.decide(Some(rpt), &claims, now), demand.lookup().cloned())
            }),
        };
        if let Some(lookup) = lookup {
            return self.look_up(waiting, &lookup, now, steps);
        }
        match ruling {
            Ruling::Permitted { granted } => Verdict::Permitted(granted),
            Ruling::Refused(refusal) => self.refused(waiting, Refused::Rule(refusal), now, steps),
        }
    }

    /// What comes of a refusal: a ticket is asked for, or the request is answered at once
    pub(super) fn refused(
        &mut self,
        waiting: &mut Waiting,
        why: Refused,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        let denial = why.denial();
        let consequence = match (&waiting.needs, &self.config.rules) {
            (Needs::Permission(wanted), _) => Consequence::Challenge(wanted.clone()),
            (Needs::Rules(_), None) => Consequence::Forbidden,
            (Needs::Rules(asked), Some(rules)) => {
                let token = waiting.presented.token();
                let is_anonymous = token.is_none();
                // Only what somebody has signed makes claims.
                let token = token.filter(|_| waiting.verified.is_some());
                asked.with(rules, token.as_deref(), |demand, request| {
                    consequence(rules, &demand, request, &why, is_anonymous)
                })
            }
        };
        waiting.refused = Some(why);
        match consequence {
            Consequence::Lookup(lookup) => self.look_up(waiting, &lookup, now, steps),
            Consequence::Challenge(wanted) => self.ask(waiting, &wanted, denial, now, steps),
            Consequence::Unauthorized => Verdict::Unauthorized,
            Consequence::Redirect(location) => Verdict::Redirect(location),
            Consequence::Forbidden => Verdict::Forbidden,
        }
    }
}

fn consequence(
    rules: &Enforcer,
    demand: &Demand<'_>,
    request: &Request<'_>,
    why: &Refused,
    is_anonymous: bool,
) -> Consequence {
    let config = rules.config();
    // A token that is no good is answered as one that permits too little (UMA Grant §3.5).
    let (refusal, is_bad) = match why {
        Refused::Token(_) => (&Refusal::NoToken, true),
        Refused::Rule(refusal) => (refusal, false),
    };
    let may_challenge = config.user_managed_access && (config.bearer_only || !is_anonymous);
    if may_challenge && let Some(lookup) = demand.lookup() {
        return Consequence::Lookup(lookup.clone());
    }
    let mut answer = rules.answer(demand, refusal);
    if may_challenge && is_bad && answer != Answer::Unauthorized {
        answer = Answer::Challenge;
    }
    match (answer, demand) {
        (Answer::Challenge, Demand::Protected(Protected { resource: Target::Known(id), scopes, .. })) => {
            let claims = rules.claims(demand, request);
            Consequence::Challenge(Wanted { resource: id.clone(), scopes: scopes.clone(), claims })
        }
        (Answer::Unauthorized, _) | (Answer::Challenge, Demand::Authenticated) => Consequence::Unauthorized,
        (Answer::Redirect(location), _) => Consequence::Redirect(location.into()),
        (Answer::Challenge | Answer::Forbidden, _) => {
            config.on_deny_redirect_to.clone().map_or(Consequence::Forbidden, Consequence::Redirect)
        }
    }
}
