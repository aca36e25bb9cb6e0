//! What happens to every request: where it came from, its id in the log, its time, and headers of every answer.

use core::{
    fmt::Write as _,
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
};
use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;

use super::{common_headers, extract::ClientAddress, unread};
use crate::{app::App, proxy};

/// Names a request in the log and in its answer
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest one that is taken over from whoever sent the request
const ID_BYTES: usize = 128;

/// The neighbour that sent a request, before it is known for whom
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Sees to a request from its head to the head of its answer
pub async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let begin = Instant::now();
    if let Some(Peer(peer)) = request.extensions().get().copied() {
        let origin = app.proxies.origin(peer, request.headers());
        let address = origin.as_ref().map_or(peer, |origin| origin.address);
        request.extensions_mut().insert(ClientAddress(address));
        if let Some(origin) = origin {
            request.extensions_mut().insert(origin);
        }
    }
    let id = request_id(request.headers());
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    // Both spellings of a path are one route.
    let route = if route == "/" { route } else { route.trim_end_matches('/') }.to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = method, http.route = route);
    let (request, reading) = unread::watched(request);
    let response = next.run(request).instrument(span.clone()).await;
    let mut response = common_headers(response);
    reading.tell(response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let (took, status) = (begin.elapsed(), response.status().as_u16());
    app.metrics.answered(&route, method, status, took);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(parent: &span, http.status = status, duration_us = micros, "answered");
    response
}

/// The sender's own id, if it is a plain word, so that it finds its request again; else a new one
fn request_id(headers: &HeaderMap) -> String {
    static START: LazyLock<String> = LazyLock::new(|| {
        let id = crate::store::new_id();
        id.chars().take(8).collect()
    });
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    if let Some(given) = given.filter(|id| is_plain(id)) {
        return given.to_owned();
    }
    let mut id = START.clone();
    // Writing to a text cannot fail.
    let _ = write!(id, "-{:x}", NEXT.fetch_add(1, Ordering::Relaxed));
    id
}

fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    !id.is_empty() && id.len() <= ID_BYTES && id.bytes().all(plain)
}

/// A method by its name; those that nobody serves are one
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

/// Whether a request comes from this machine or a private network, and through no proxy
pub fn is_near(address: IpAddr, headers: &HeaderMap) -> bool {
    !crate::sign_in::throttle::is_public(address) && !proxy::is_forwarded(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(given: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
        request_id(&headers)
    }

    #[test]
    fn only_a_plain_word_is_taken_over() {
        assert_eq!(id("bfe9eb29-ab87-4ca3-be83-a1d5d8305716"), "bfe9eb29-ab87-4ca3-be83-a1d5d8305716");
        for bad in ["", "a b", "a\"b", "a=b", &"x".repeat(129)] {
            assert_ne!(id(bad), bad);
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
