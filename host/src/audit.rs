//! Decisions that change nothing, on their way into the audit trail (design §6).
//!
//! Changes write their row in their own transaction. A decision that changes nothing must not wait for the disk: it goes
//! into a queue with a bound, which is emptied in batches. Where more comes than the store takes, the oldest are dropped
//! and counted. The same refusal again, on the same day, is one row with a count.

use core::time::Duration;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use countersign_core::{
    assessment::{Ask, Assessment},
    time::UnixTime,
};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::{
    app::App,
    decide::{Party, Purpose, Request},
    error::log_seldom,
    realm::{Client, Realm},
    store::audit::Decision,
};

/// Decisions that may wait
const QUEUE: usize = 16_384;
/// Decisions of one transaction at most
const BATCH: usize = 512;
/// How long decisions are gathered
const GATHER: Duration = Duration::from_millis(250);
/// How much of one request is written down
const ASKS: usize = 16;
/// Scopes of one of them
const SCOPES: usize = 32;
/// Longest name, type or URI that is written down, in characters
const TEXT: usize = 1_000;
/// How often old rows are removed
const TIDY: Duration = Duration::from_mins(1);

/// Which decisions are written down
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Decisions {
    /// None
    Off,
    /// What was not granted
    #[default]
    Denied,
    /// Every one
    All,
}

/// What goes into the audit trail, and how long it stays
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSettings {
    /// Which decisions
    pub decisions: Decisions,
    /// Days until a row is removed; 0 for never
    pub keep_days: u64,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { decisions: Decisions::default(), keep_days: 30 }
    }
}

impl AuditSettings {
    /// Rows that are older go
    fn oldest(self, now: UnixTime) -> Option<UnixTime> {
        let seconds = self.keep_days.checked_mul(24 * 3_600).filter(|seconds| *seconds > 0)?;
        Some(UnixTime(now.0.saturating_sub(seconds)))
    }
}

/// The queue in front of the audit trail
#[derive(Debug, Default)]
pub struct Trail {
    settings: AuditSettings,
    waiting: Mutex<VecDeque<Decision>>,
    news: Notify,
}

impl Trail {
    /// With these settings
    pub fn new(settings: AuditSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Takes a decision down, if such are; gives how many older ones had to go
    fn push(&self, decision: Decision) -> u64 {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let full = waiting.len() >= QUEUE;
        if full {
            waiting.pop_front();
        }
        waiting.push_back(decision);
        drop(waiting);
        self.news.notify_one();
        u64::from(full)
    }

    fn take(&self) -> Vec<Decision> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCH);
        waiting.drain(..count).collect()
    }
}

/// A question as it was asked, for whoever wrote down its answer
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// In which realm
    pub realm: &'a Realm,
    /// At which resource server
    pub server: &'a Client,
    /// By whom
    pub party: &'a Party,
    /// For what
    pub request: &'a Request,
    /// When
    pub now: UnixTime,
}

/// Takes a decision down that nothing else writes down
pub fn note(app: &App, asked: Asked<'_>, assessment: &Assessment) {
    let trail = &app.trail;
    if asked.request.purpose == Purpose::Search {
        return;
    }
    let (event, granted) = match assessment {
        // What becomes a request to an owner, and an RPT, has a row of its own.
        Assessment::Denied { pending, .. } if !pending.is_empty() => return,
        Assessment::Granted { .. } if asked.request.purpose == Purpose::Grant => return,
        Assessment::Granted { .. } => ("decision.granted", true),
        Assessment::Denied { .. } => ("decision.denied", false),
        Assessment::Refused(_) => ("decision.refused", false),
    };
    let wanted = match trail.settings.decisions {
        Decisions::Off => false,
        Decisions::Denied => !granted,
        Decisions::All => true,
    };
    if !wanted {
        return;
    }
    let mut things = things(asked.request);
    if things.is_empty() {
        things.push((None, Map::new()));
    }
    for (resource, mut detail) in things {
        detail.insert("pdp".to_owned(), app.pdp.sha256().to_string().into());
        detail.insert("purpose".to_owned(), asked.request.purpose.name().into());
        let dropped = trail.push(Decision {
            event,
            realm_id: asked.realm.id.clone(),
            server_id: asked.server.id.clone(),
            client_id: asked.party.requester.client.as_str().to_owned(),
            requester: asked.party.requester.id.as_str().to_owned(),
            resource,
            detail,
            at: asked.now,
            repeats: !granted,
        });
        app.metrics.dropped.inc_by(dropped);
    }
}

/// Each thing that was asked for: the resource, and what of it
fn things(request: &Request) -> Vec<(Option<String>, Map<String, Value>)> {
    let of_asks = request.asks.iter().map(|ask| match ask {
        Ask::Id { resource, scopes } => (Some(resource.as_str().to_owned()), detail(None, scopes.iter())),
        Ask::Name { resource, scopes } => (Some(cut(resource)), detail(None, scopes.iter())),
        Ask::Uri { uri, scopes, .. } => (None, detail(Some(("uri", uri)), scopes.iter())),
        Ask::Type { kind, scopes, .. } => (None, detail(Some(("type", kind)), scopes.iter())),
        Ask::Scopes { scopes } => (None, detail(None, scopes.iter())),
    });
    let earlier = request.rpt.iter().flatten().map(|permission| {
        let resource = permission.rsid.as_ref().map(|id| id.as_str().to_owned());
        (resource, detail(None, permission.scopes.iter()))
    });
    of_asks.chain(earlier).take(ASKS).collect()
}

/// What somebody sent, and no more of it than is of use
fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

fn detail<'a>(
    asked: Option<(&str, &str)>,
    scopes: impl Iterator<Item = &'a countersign_core::scope::Scope>,
) -> Map<String, Value> {
    let mut detail = Map::new();
    if let Some((name, text)) = asked {
        detail.insert(name.to_owned(), cut(text).into());
    }
    let mut scopes: Vec<_> = scopes.take(SCOPES).map(countersign_core::scope::Scope::as_str).collect();
    scopes.sort_unstable();
    if !scopes.is_empty() {
        detail.insert("scopes".to_owned(), json!(scopes));
    }
    detail
}

/// Writes what waits, and removes what is too old, for as long as the server runs
pub async fn run(app: Arc<App>) {
    let mut tidy = tokio::time::interval(TIDY);
    loop {
        tokio::select! {
            () = app.trail.news.notified() => {
                tokio::time::sleep(GATHER).await;
                flush(&app).await;
            }
            _ = tidy.tick() => {
                let Some(oldest) = app.trail.settings.oldest(app.clock.now()) else { continue };
                if let Err(error) = app.store.tidy_audit(oldest).await {
                    log_seldom("audit", &error);
                }
            }
        }
    }
}

/// Writes everything that waits
pub async fn flush(app: &App) {
    loop {
        let batch = app.trail.take();
        if batch.is_empty() {
            return;
        }
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if let Err(error) = app.store.record_decisions(batch).await {
            app.metrics.dropped.inc_by(count);
            log_seldom("audit", &error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(number: u64) -> Decision {
        Decision {
            event: "decision.denied",
            realm_id: "r".to_owned(),
            server_id: "s".to_owned(),
            client_id: "c".to_owned(),
            requester: "u".to_owned(),
            resource: None,
            detail: Map::new(),
            at: UnixTime(number),
            repeats: true,
        }
    }

    #[test]
    fn a_full_queue_drops_its_oldest_and_says_so() {
        let trail = Trail::default();
        let count = u64::try_from(QUEUE).unwrap();
        let dropped: u64 = (0..count + 10).map(|number| trail.push(decision(number))).sum();
        assert_eq!(dropped, 10);
        assert_eq!(trail.take()[0].at, UnixTime(10));
    }

    #[test]
    fn rows_are_kept_for_so_many_days() {
        let settings = AuditSettings { keep_days: 30, ..AuditSettings::default() };
        assert_eq!(settings.oldest(UnixTime(30 * 86_400 + 5)), Some(UnixTime(5)));
        assert_eq!(AuditSettings { keep_days: 0, ..settings }.oldest(UnixTime(5)), None);
    }
}
