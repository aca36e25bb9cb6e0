//! The resources of paths that the rules do not name: asked of the authorization server, and kept for a while.

use alloc::{collections::BTreeMap, vec::Vec};

use serde_json::Value;

use super::{
    Guard,
    admission::Verdict,
    step::{Body, Credential, FetchKind, Step},
    waiting::{Needs, On, Refused, Waiting},
};
use crate::{
    denial::Denial,
    enforcer::{Found, Lookup, PathCache, Query, Refusal},
    json,
    limits::{EDGE_ANSWER_BYTES, EDGE_PATH_SECONDS, EDGE_PATHS},
    scope::Scope,
    time::UnixTime,
    uri::percent,
};

/// Answers about paths, for some time
#[derive(Debug, Default)]
pub(super) struct Paths(BTreeMap<Lookup, (Vec<Found>, UnixTime)>);

impl Paths {
    fn get(&self, lookup: &Lookup, now: UnixTime) -> Option<&[Found]> {
        self.0.get(lookup).filter(|(_, until)| now < *until).map(|(found, _)| found.as_slice())
    }

    /// Keeps an answer that was asked for at `began`; where there is no place, the one that ends first goes
    fn insert(&mut self, lookup: Lookup, found: Vec<Found>, cache: Option<PathCache>, began: UnixTime) {
        let most = cache.map_or(EDGE_PATHS, |cache| usize::try_from(cache.max_entries).unwrap_or(EDGE_PATHS));
        let (most, seconds) = (most.min(EDGE_PATHS), seconds_of(cache));
        if seconds == 0 {
            return;
        }
        if self.0.len() >= most {
            let first = self.0.iter().min_by_key(|(_, (_, until))| *until).map(|(lookup, _)| lookup.clone());
            if let Some(first) = first {
                self.0.remove(&first);
            }
        }
        self.0.insert(lookup, (found, began.plus(seconds)));
    }
}

/// For how long answers are kept
fn seconds_of(cache: Option<PathCache>) -> u64 {
    let Some(PathCache { max_entries, lifespan }) = cache else { return EDGE_PATH_SECONDS };
    match u64::try_from(lifespan) {
        _ if max_entries == 0 => 0,
        Ok(milliseconds) => milliseconds.div_euclid(1_000),
        // -1: for ever
        Err(_) => u64::MAX,
    }
}

impl Guard {
    /// Asks which resource a path has, or goes on with what is known
    pub(super) fn look_up(
        &mut self,
        waiting: &mut Waiting,
        lookup: &Lookup,
        now: UnixTime,
        steps: &mut Vec<Step>,
    ) -> Verdict {
        let is_deleted = waiting.method == "DELETE";
        let denial = waiting.refused.get_or_insert(Refused::Rule(Refusal::Unresolved)).denial();
        let Needs::Rules(asked) = &mut waiting.needs else { return Verdict::Unavailable(denial) };
        if asked.question == 0
            && let Some(found) = self.paths.get(lookup, now)
        {
            asked.found = Some(found.to_vec());
            if is_deleted {
                self.paths.0.remove(lookup);
            }
            return self.judge_again(waiting, now, steps);
        }
        let Some(query) = lookup.0.get(asked.question).cloned() else {
            asked.found = Some(Vec::new());
            self.keep(lookup, Vec::new(), waiting);
            return self.judge_again(waiting, now, steps);
        };
        asked.lookup = Some(lookup.clone());
        let pat = match self.pat_for(waiting, denial, now, steps) {
            Ok(pat) => pat,
            Err(verdict) => return *verdict,
        };
        let endpoint = self.metadata.as_ref().and_then(|metadata| metadata.resources.clone());
        let Some(mut url) = endpoint else { return Verdict::Unavailable(denial) };
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str("deep=true");
        let mut add = |name: &str, value: &str| {
            url.extend(["&", name, "="]);
            for byte in value.bytes() {
                percent(byte, &|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte), &mut url);
            }
        };
        match &query {
            Query::Name(name) => {
                add("name", name);
                add("exactName", "true");
                add("owner", self.config.audience.as_str());
            }
            Query::Uri(uri) => add("uri", uri),
            Query::MatchingUri(uri) => {
                add("uri", uri);
                add("matchingUri", "true");
            }
        }
        waiting.asked_at = now;
        let id = self.fetch(FetchKind::Resources, url, Body::None, Credential::Pat(pat), steps);
        Verdict::Wait(On::Fetch(id, FetchKind::Resources))
    }

    /// Takes the answer to one question of a lookup; nothing if the request is to be looked at again
    pub(super) fn looked_up(
        &mut self,
        waiting: &mut Waiting,
        answer: Option<(u16, &[u8])>,
    ) -> Option<Verdict> {
        if self.renews_pat(waiting, answer.map(|(status, _)| status)) {
            return None;
        }
        let unavailable = Some(Verdict::Unavailable(
            waiting.refused.as_ref().map_or(Denial::NotPermitted, Refused::denial),
        ));
        let Needs::Rules(asked) = &mut waiting.needs else { return unavailable };
        let query = asked.lookup.as_ref().and_then(|lookup| lookup.0.get(asked.question));
        let body = answer.filter(|(status, _)| *status == 200).map(|(_, body)| body);
        let (Some(query), Some(body)) = (query, body) else { return unavailable };
        let Some(found) = resources(body, query) else { return unavailable };
        asked.question = asked.question.saturating_add(1);
        if !found.is_empty() {
            asked.found = Some(found.clone());
            if let Some(lookup) = asked.lookup.clone() {
                self.keep(&lookup, found, waiting);
            }
        }
        None
    }

    fn path_cache(&self) -> Option<PathCache> {
        self.config.rules.as_ref().and_then(|rules| rules.config().path_cache)
    }

    /// For how long answers about paths serve
    pub(super) fn path_seconds(&self) -> u64 {
        seconds_of(self.path_cache())
    }

    fn keep(&mut self, lookup: &Lookup, found: Vec<Found>, waiting: &Waiting) {
        let cache = self.path_cache();
        if waiting.method != "DELETE" {
            self.paths.insert(lookup.clone(), found, cache, waiting.asked_at);
        }
    }

    /// Looks at a request from the beginning, with what has been found
    fn judge_again(&mut self, waiting: &mut Waiting, now: UnixTime, steps: &mut Vec<Step>) -> Verdict {
        match waiting.refused.take() {
            Some(refused @ Refused::Token(_)) => self.refused(waiting, refused, now, steps),
            None | Some(Refused::Rule(_)) => self.judge(waiting, now, steps),
        }
    }
}

/// The resources of an answer, each in any of the shapes that servers have for it (wire §2.2)
fn resources(body: &[u8], query: &Query) -> Option<Vec<Found>> {
    if body.len() > EDGE_ANSWER_BYTES {
        return None;
    }
    let mut found = Vec::new();
    for resource in json::list(body).ok()? {
        let name = resource.get("name").and_then(Value::as_str);
        // Names are compared without case by the server, and as they are here.
        if matches!(query, Query::Name(wanted) if name != Some(wanted.as_str())) {
            continue;
        }
        let lists = ["resource_scopes", "scopes"].map(|list| resource.get(list).and_then(Value::as_array));
        let scopes = lists.into_iter().flatten().find(|list| !list.is_empty());
        let scopes = scopes.map(Vec::as_slice).unwrap_or_default().iter();
        let id = resource.get("_id")?.as_str()?.parse().ok()?;
        found.push(Found { id, scopes: scopes.map(scope).collect::<Option<_>>()? });
    }
    Some(found)
}

fn scope(scope: &Value) -> Option<Scope> {
    scope.as_str().or_else(|| scope.get("name")?.as_str())?.parse().ok()
}
