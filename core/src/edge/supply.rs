//! What all requests share: fetched once for all who wait, and again before it is too old.

use alloc::{string::String, vec::Vec};

use super::{
    Guard, Purpose,
    event::FetchId,
    metadata::Metadata,
    step::{Body, Cache, Credential, Fetch, FetchKind, Listen, Secret, Step},
};
use crate::{
    jwk::Jwks,
    limits::{EDGE_KEYS_SECONDS, EDGE_METADATA_SECONDS, EDGE_STALENESS_SECONDS},
    status::{StatusListError, UnverifiedStatusList},
    time::UnixTime,
    token::TokenError,
};

const METADATA: &str = "uma2-configuration";
const JWKS: &str = "jwks";
const STATUS_LIST: &str = "status-list";
const PAT: &str = "pat";

impl Guard {
    /// Has the metadata fetched; whether they are on their way. So do the others below.
    pub(super) fn want_metadata(&mut self, now: UnixTime, steps: &mut Vec<Step>) -> bool {
        if self.metadata_flight.may_start(now) {
            let url = Metadata::uri(&self.config.issuer);
            let id = self.fetch(FetchKind::Metadata, url, Body::None, Credential::None, steps);
            self.metadata_flight.start(id, now);
        }
        self.metadata_flight.is_up()
    }

    pub(super) fn want_keys(&mut self, now: UnixTime, steps: &mut Vec<Step>) -> bool {
        let Some(metadata) = &self.metadata else { return self.want_metadata(now, steps) };
        if let Some(url) = metadata.jwks.clone()
            && self.keys.flight.may_start(now)
        {
            let id = self.fetch(FetchKind::Keys, url, Body::None, Credential::None, steps);
            self.keys.flight.start(id, now);
        }
        self.keys.flight.is_up()
    }

    pub(super) fn want_pat(&mut self, now: UnixTime, steps: &mut Vec<Step>) -> bool {
        let Some(metadata) = &self.metadata else { return self.want_metadata(now, steps) };
        if let Some(url) = metadata.token.clone()
            && self.pat.flight.may_start(now)
        {
            let form = Body::Form(Secret::new("grant_type=client_credentials".into()));
            let id = self.fetch(FetchKind::Pat, url, form, Credential::Client, steps);
            self.pat.flight.start(id, now);
        }
        self.pat.flight.is_up()
    }

    pub(super) fn want_list(&mut self, now: UnixTime, steps: &mut Vec<Step>) -> bool {
        let Some(metadata) = &self.metadata else { return self.want_metadata(now, steps) };
        if let Some(url) = metadata.status_list.clone()
            && self.withdrawal.may_fetch(now)
        {
            let id = self.fetch(FetchKind::StatusList, url, Body::None, Credential::None, steps);
            self.withdrawal.flight.start(id, now);
        }
        self.withdrawal.is_loading()
    }

    pub(super) fn want_stream(&mut self, now: UnixTime, steps: &mut Vec<Step>) {
        if let Some(url) = self.metadata.as_ref().and_then(|metadata| metadata.status_stream.clone())
            && self.withdrawal.may_listen(now)
        {
            let (id, since) = self.withdrawal.listen(now);
            steps.push(Step::Listen(Listen { id, url, since }));
        }
    }

    pub(super) fn fetch(
        &mut self,
        kind: FetchKind,
        url: String,
        body: Body,
        credential: Credential,
        steps: &mut Vec<Step>,
    ) -> FetchId {
        let id = FetchId(self.next_id());
        let accept = match kind {
            FetchKind::StatusList => "application/statuslist+jwt",
            FetchKind::Metadata
            | FetchKind::Keys
            | FetchKind::Pat
            | FetchKind::Ticket
            | FetchKind::Resources
            | FetchKind::Introspection => "application/json",
        };
        let fresh_for = if kind == FetchKind::Resources { self.path_seconds() } else { 0 };
        steps.push(Step::Fetch(Fetch { id, kind, url, accept, body, credential, fresh_for }));
        id
    }

    /// Takes the answer to a fetch that all share; false if it is none of these
    pub(super) fn supply(
        &mut self,
        id: FetchId,
        ok: Option<&[u8]>,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> bool {
        if let Some(began) = self.metadata_flight.land(id) {
            match ok.map(|body| (body, Metadata::parse(body, &self.config.issuer))) {
                Some((body, Ok(metadata))) => {
                    self.metadata = Some(metadata);
                    self.metadata_flight.succeeded();
                    steps.push(cache(METADATA, began, body, EDGE_METADATA_SECONDS));
                }
                _ => self.metadata_flight.failed(now),
            }
        } else if let Some(began) = self.keys.flight.land(id) {
            match ok.map(|body| (body, Jwks::parse(body))) {
                Some((body, Ok(keys))) => {
                    self.keys.set(keys, began);
                    self.keys.flight.succeeded();
                    steps.push(cache(JWKS, began, body, EDGE_KEYS_SECONDS));
                }
                _ => self.keys.flight.failed(now),
            }
        } else if let Some(began) = self.pat.flight.land(id) {
            match ok.map(|body| (body, self.pat.take(body, began))) {
                Some((body, true)) => {
                    self.pat.flight.succeeded();
                    if self.config.keeps_pat {
                        steps.push(secret(PAT, began, body, self.pat.seconds_left(began)));
                    }
                }
                _ => self.pat.flight.failed(now),
            }
        } else if let Some(began) = self.withdrawal.flight.land(id) {
            self.begin_list(ok, began, now, steps);
        } else {
            return false;
        }
        true
    }

    fn begin_list(&mut self, ok: Option<&[u8]>, began: UnixTime, now: UnixTime, steps: &mut Vec<Step>) {
        let uri = self.status_list_uri();
        let pending = match (ok, uri, self.keys.usable(now)) {
            (Some(body), Some(uri), Some(keys)) => {
                UnverifiedStatusList::parse(body, keys, &self.config.issuer, uri, now)
            }
            _ => Err(StatusListError::Uri),
        };
        match pending {
            Ok(pending) => {
                self.withdrawal.is_checking = true;
                let text = ok.map(Into::into);
                self.begin(pending, |pending| Purpose::List(pending, began, text), steps);
            }
            Err(error) => {
                self.withdrawal.failed(now);
                if error == StatusListError::Token(TokenError::UnknownKey) && self.keys.ask_again(now) {
                    self.want_keys(now, steps);
                }
            }
        }
    }

    /// Takes back what was given away by a [`Cache`] step, unless there is something newer
    pub(super) fn restore(&mut self, key: &str, value: &[u8], now: UnixTime, steps: &mut Vec<Step>) {
        let Some((at, body)) = value.split_first_chunk() else { return };
        let at = UnixTime(u64::from_be_bytes(*at));
        let is_younger = |seconds| at <= now && at.seconds_until(now) <= seconds;
        if key == JWKS && is_younger(EDGE_KEYS_SECONDS) && self.keys.are_older(at) {
            if let Ok(keys) = Jwks::parse(body) {
                self.keys.set(keys, at);
                self.wake(now, steps);
            }
        } else if key == METADATA && is_younger(EDGE_METADATA_SECONDS) && self.metadata.is_none() {
            self.metadata = Metadata::parse(body, &self.config.issuer).ok();
        } else if key == PAT && self.config.keeps_pat && at <= now && self.pat.is_none() {
            self.pat.take(body, at);
        } else if key == STATUS_LIST && at <= now && self.withdrawal.is_older(at) {
            let (uri, keys) = (self.status_list_uri(), self.keys.usable(now));
            let (Some(uri), Some(keys)) = (uri, keys) else { return };
            let list = UnverifiedStatusList::parse(body, keys, &self.config.issuer, uri, now);
            if let Ok(pending) = list {
                self.withdrawal.is_checking = true;
                self.begin(pending, |pending| Purpose::List(pending, at, None), steps);
            }
        }
    }

    fn status_list_uri(&self) -> Option<&str> {
        self.metadata.as_ref()?.status_list.as_deref()
    }
}

/// Keeps a status list for as long as it may be of use
pub(super) fn list(at: UnixTime, body: &[u8], ttl: u64) -> Step {
    cache(STATUS_LIST, at, body, ttl.max(EDGE_STALENESS_SECONDS))
}

fn cache(key: &'static str, at: UnixTime, body: &[u8], ttl: u64) -> Step {
    Step::Cache(Cache { key, value: [&at.0.to_be_bytes(), body].concat(), ttl, is_secret: false })
}

fn secret(key: &'static str, at: UnixTime, body: &[u8], ttl: u64) -> Step {
    Step::Cache(Cache { key, value: [&at.0.to_be_bytes(), body].concat(), ttl, is_secret: true })
}
