//! Questions to the authorization server about one request: a ticket for it, or what its token still permits.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use serde_json::{Map, Value};

use super::{
    Guard,
    admission::{Verdict, verdict_of},
    step::{Body, Credential, FetchKind, Secret, Step},
    waiting::{On, Waiting},
};
use crate::{
    challenge::UmaChallenge,
    denial::Denial,
    json,
    limits::{EDGE_ANSWER_BYTES, EDGE_FETCHES},
    time::UnixTime,
    uri::percent,
};

impl Guard {
    /// Asks for a permission ticket for a request whose token does not do (FedAuthz §4.1)
    pub(super) fn ask(
        &mut self,
        waiting: &mut Waiting,
        denial: Denial,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        let unavailable = Verdict::Unavailable(denial);
        if !self.config.has_credentials || self.own_fetches() >= EDGE_FETCHES {
            return unavailable;
        }
        let Some(pat) = self.pat.usable(now) else {
            return if self.want_pat(now, steps) { Verdict::Wait(On::Shared) } else { unavailable };
        };
        if self.pat.is_ending(now) {
            self.want_pat(now, steps);
        }
        if self.metadata.is_none() && self.want_metadata(now, steps) {
            return Verdict::Wait(On::Shared);
        }
        let Some(url) = self.metadata.as_ref().and_then(|metadata| metadata.permission.clone()) else {
            return unavailable;
        };
        let request = &waiting.request;
        let scopes = request.scopes.iter().map(|scope| Value::from(scope.as_str())).collect();
        let mut wanted = Map::new();
        wanted.insert("resource_id".into(), request.resource.as_str().into());
        wanted.insert("resource_scopes".into(), Value::Array(scopes));
        let body = Value::Array(vec![Value::Object(wanted)]).to_string();
        waiting.pat = Some(pat.clone());
        let id = self.fetch(FetchKind::Ticket, url, Body::Json(body), Credential::Pat(pat), steps);
        Verdict::Wait(On::Fetch(id, FetchKind::Ticket))
    }

    /// Makes a challenge of the permission endpoint's answer (FedAuthz §4.2), or a verdict where it has no ticket
    pub(super) fn ticket(
        &mut self,
        waiting: &mut Waiting,
        answer: Option<(u16, &[u8])>,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        let denial = waiting.refused.unwrap_or(Denial::InvalidToken);
        match answer {
            Some((200 | 201, body)) => {
                let ticket = object(body).and_then(|mut answer| answer.remove("ticket"));
                let ticket = ticket.as_ref().and_then(Value::as_str).unwrap_or_default();
                UmaChallenge::new(&self.config.realm, &self.config.issuer, ticket)
                    .map_or(Verdict::Unavailable(denial), Verdict::Challenge)
            }
            // The PAT was refused; the server may have restarted, so once more with a new one.
            Some((401 | 403, _)) if !waiting.has_renewed => {
                waiting.has_renewed = true;
                if let Some(pat) = waiting.pat.take() {
                    self.pat.drop_if(&pat);
                }
                self.ask(waiting, denial, now, steps)
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

/// What introspection says of a request (FedAuthz §5.1.1)
pub(super) fn introspected(waiting: &Waiting, answer: Option<(u16, &[u8])>, now: UnixTime) -> Verdict {
    let answer = answer.filter(|(status, _)| *status == 200).and_then(|(_, body)| object(body));
    let is_active = answer.as_ref().and_then(|answer| answer.get("active")).and_then(Value::as_bool);
    let (Some(answer), Some(is_active), Some(verified)) = (&answer, is_active, &waiting.verified) else {
        return Verdict::Unavailable(Denial::StatusUnavailable);
    };
    if !is_active {
        return Verdict::Refused(Denial::Withdrawn);
    }
    let rpt = verified.rpt.as_introspected(answer.get("permissions"));
    verdict_of(rpt.permits(&waiting.request.resource, &waiting.request.scopes, now))
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    if body.len() > EDGE_ANSWER_BYTES { None } else { json::object(body).ok() }
}
