//! What guards fetch and follow to learn of withdrawals (Token Status List §8; design §7).

use core::{convert::Infallible, time::Duration};
use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use countersign_core::limits::EDGE_SILENCE_SECONDS;
use http_body_util::channel::{Channel, Sender};
use tokio::sync::watch;

use super::extract::{InRealm, Query};
use crate::{
    app::App,
    error::{ApiError, log_seldom},
    issue::realm_alg,
    status::{TTL_SECONDS, event},
    store,
};

/// A stream says at least so often that it is alive
const HEARTBEAT: Duration = Duration::from_secs(EDGE_SILENCE_SECONDS.div_euclid(3));
/// Changes that are read at once
const BATCH: u32 = 512;

/// `GET …/status-list`: the signed list, for everybody
pub async fn list(
    State(app): State<Arc<App>>,
    place: InRealm,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if query.get("time").is_some() {
        // TSL-8.4-01: what was is not kept.
        return Err(ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            "not_supported",
            "Earlier status lists are not kept.",
        ));
    }
    let list = app.status.list(&app, &place.realm, &place.issuer, realm_alg(&place.realm)).await?;
    let tag = format!("\"{}-{}\"", list.seq, list.issued_at().0);
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Bytes::from(list.token.as_bytes().to_vec()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/statuslist+jwt"));
    if let Ok(age) = HeaderValue::from_str(&format!("public, max-age={TTL_SECONDS}")) {
        headers.insert(header::CACHE_CONTROL, age);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

/// `GET …/status-changes`: every change as it happens, after the one that `Last-Event-ID` or `since` names.
///
/// Whoever names none hears the number of the last one first, and knows by the list whether that is all.
pub async fn changes(
    State(app): State<Arc<App>>,
    place: InRealm,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let since = match last.or_else(|| query.get("since")) {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| ApiError::invalid_request("Invalid since"))?),
    };
    let realm_id = place.realm.id.clone();
    let (seq, _) = app.store.read(|tx| store::status::state(tx, &realm_id))?;
    let news = app.status.listen(&app, &realm_id, seq);
    let (sender, body) = Channel::new(16);
    let stream = Stream { app: Arc::clone(&app), realm_id, at: since.unwrap_or(seq), news };
    tokio::spawn(stream.run(sender));
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

/// One guard that listens
struct Stream {
    app: Arc<App>,
    realm_id: String,
    /// Number of the last change that it has heard of
    at: u64,
    news: watch::Receiver<u64>,
}

impl Stream {
    /// Sends until the guard goes away or the server stops
    async fn run(mut self, mut sender: Sender<Bytes, Infallible>) {
        let mut stopping = self.app.stopping.subscribe();
        let mut beat = tokio::time::interval(HEARTBEAT);
        loop {
            let Ok(text) = self.next() else { return };
            if !text.is_empty() && sender.send_data(Bytes::from(text)).await.is_err() {
                return;
            }
            tokio::select! {
                () = async { drop(stopping.wait_for(|stopping| *stopping).await) } => return,
                changed = self.news.changed() => if changed.is_err() { return },
                _ = beat.tick() => {
                    if sender.send_data(Bytes::from(event(self.at, None))).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// What it has not heard of yet; where some of that is not kept any more, the number alone, which shows the gap
    fn next(&mut self) -> Result<String, ()> {
        let mut text = String::new();
        loop {
            let (realm_id, at) = (&self.realm_id, self.at);
            let read = self.app.store.read(|tx| {
                let (seq, _) = store::status::state(tx, realm_id)?;
                Ok((seq, store::status::changes(tx, realm_id, at, BATCH)?))
            });
            let (seq, changes) = read.map_err(|error| log_seldom("status", &error))?;
            let is_gap = changes.first().map_or(seq != at, |first| at.checked_add(1) != Some(first.seq));
            if is_gap {
                text.push_str(&event(seq, None));
                self.at = seq;
                return Ok(text);
            }
            let Some(last) = changes.last() else { return Ok(text) };
            self.at = last.seq;
            text.extend(changes.into_iter().map(|change| event(change.seq, Some(change))));
        }
    }
}
