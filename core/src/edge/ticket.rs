//! Questions to the authorization server about one request: a ticket for it, or what its token still permits.

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use serde_json::{Map, Value};

use super::{
    Guard,
    admission::Verdict,
    step::{Body, Credential, FetchKind, Secret, Step},
    waiting::{On, Refused, Waiting, Wanted},
};
use crate::{
    challenge::UmaChallenge,
    denial::Denial,
    json,
    limits::{EDGE_ANSWER_BYTES, EDGE_FETCHES},
    rpt::Introspected,
    time::UnixTime,
    uri::percent,
};

impl Guard {
    /// Asks for a permission ticket for a request whose token does not do (FedAuthz §4.1)
    pub(super) fn ask(
        &mut self,
        waiting: &mut Waiting,
        wanted: &Wanted,
        denial: Denial,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        let pat = match self.pat_for(waiting, denial, now, steps) {
            Ok(pat) => pat,
            Err(verdict) => return *verdict,
        };
        let Some(url) = self.metadata.as_ref().and_then(|metadata| metadata.permission.clone()) else {
            return Verdict::Unavailable(denial);
        };
        let scopes = wanted.scopes.iter().map(|scope| Value::from(scope.as_str())).collect();
        let mut permission = Map::new();
        permission.insert("resource_id".into(), wanted.resource.as_str().into());
        permission.insert("resource_scopes".into(), Value::Array(scopes));
        if !wanted.claims.is_empty() {
            let claims = wanted.claims.iter().map(|(name, values)| (name.clone(), values.as_slice().into()));
            permission.insert("claims".into(), Value::Object(claims.collect()));
        }
        let body = Value::Array(vec![Value::Object(permission)]).to_string();
        let id = self.fetch(FetchKind::Ticket, url, Body::Json(body), Credential::Pat(pat), steps);
        Verdict::Wait(On::Fetch(id, FetchKind::Ticket))
    }

    /// The PAT for a fetch of this request, or what to wait for
    pub(super) fn pat_for(
        &mut self,
        waiting: &mut Waiting,
        denial: Denial,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Result<Secret, Box<Verdict>> {
        let unavailable = Verdict::Unavailable(denial);
        if !self.config.has_credentials || self.own_fetches() >= EDGE_FETCHES {
            return Err(unavailable.into());
        }
        let Some(pat) = self.pat.usable(now) else {
            let is_coming = self.want_pat(now, steps);
            return Err(if is_coming { Verdict::Wait(On::Shared) } else { unavailable }.into());
        };
        if self.pat.is_ending(now) {
            self.want_pat(now, steps);
        }
        if self.metadata.is_none() && self.want_metadata(now, steps) {
            return Err(Verdict::Wait(On::Shared).into());
        }
        waiting.pat = Some(pat.clone());
        Ok(pat)
    }

    /// Whether to try once more with another PAT: this one was refused, and the server may have restarted
    pub(super) fn renews_pat(&mut self, waiting: &mut Waiting, status: Option<u16>) -> bool {
        if !matches!(status, Some(401 | 403)) || waiting.has_renewed {
            return false;
        }
        waiting.has_renewed = true;
        if let Some(pat) = waiting.pat.take() {
            self.pat.drop_if(&pat);
        }
        true
    }

    /// Makes a challenge of the permission endpoint's answer (FedAuthz §4.2), or a verdict where it has no ticket
    pub(super) fn ticket(
        &mut self,
        waiting: &mut Waiting,
        answer: Option<(u16, &[u8])>,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        let refused = waiting.refused.clone().unwrap_or(Refused::Token(Denial::InvalidToken));
        let denial = refused.denial();
        match answer {
            Some((200 | 201, body)) => {
                let ticket = object(body).and_then(|mut answer| answer.remove("ticket"));
                let ticket = ticket.as_ref().and_then(Value::as_str).unwrap_or_default();
                UmaChallenge::new(&self.config.realm, &self.config.issuer, ticket)
                    .map_or(Verdict::Unavailable(denial), Verdict::Challenge)
            }
            answer if self.renews_pat(waiting, answer.map(|(status, _)| status)) => {
                self.refused(waiting, refused, now, steps)
            }
            _ => Verdict::Unavailable(denial),
        }
    }

    /// Asks what a narrowed token still permits (FedAuthz §5.1); without credentials it permits nothing
    pub(super) fn introspect(&mut self, token: &str, now: UnixTime, steps: &mut Vec<Step>) -> Verdict {
        if !self.config.has_credentials {
            return Verdict::Refused(Denial::Withdrawn);
        }
        if self.metadata.is_none() && self.want_metadata(now, steps) {
            return Verdict::Wait(On::Shared);
        }
        let endpoint = self.metadata.as_ref().and_then(|metadata| metadata.introspection.clone());
        let Some(url) = endpoint.filter(|_| self.own_fetches() < EDGE_FETCHES) else {
            return Verdict::Unavailable(Denial::StatusUnavailable);
        };
        let mut form = String::from("token_type_hint=requesting_party_token&token=");
        for byte in token.bytes() {
            percent(
                byte,
                &|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'),
                &mut form,
            );
        }
        let form = Body::Form(Secret::new(form));
        let id = self.fetch(FetchKind::Introspection, url, form, Credential::Client, steps);
        Verdict::Wait(On::Fetch(id, FetchKind::Introspection))
    }
}

/// Takes what introspection says of a request (FedAuthz §5.1.1); a verdict if its token permits nothing any more
pub(super) fn introspected(waiting: &mut Waiting, answer: Option<(u16, &[u8])>) -> Option<Verdict> {
    let answer = answer.filter(|(status, _)| *status == 200);
    let rpt = waiting.verified.as_ref().map(|verified| &verified.content.rpt);
    match rpt.zip(answer).and_then(|(rpt, (_, body))| rpt.introspected(body)) {
        None => Some(Verdict::Unavailable(Denial::StatusUnavailable)),
        Some(Introspected::Inactive) => Some(Verdict::Refused(Denial::Withdrawn)),
        Some(Introspected::Active(left)) => {
            waiting.narrowed = Some(left);
            None
        }
    }
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    if body.len() > EDGE_ANSWER_BYTES { None } else { json::object(body).ok() }
}
