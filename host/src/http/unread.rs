//! Whoever answers before the whole request is there closes the connection, and says so (RFC 9112 §9.6): a client
//! that did not know would send its next request there and lose it.

use core::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
};
use std::sync::Arc;

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
};
use hyper::body::{Frame, SizeHint};

/// Whether the body of a request was read to its end; nothing for a request without one
#[derive(Debug, Clone)]
pub struct Reading(Option<Arc<AtomicBool>>);

/// A request whose body is watched
pub fn watched(request: Request) -> (Request, Reading) {
    if request.body().is_end_stream() {
        return (request, Reading(None));
    }
    let read = Arc::new(AtomicBool::new(false));
    let reading = Reading(Some(Arc::clone(&read)));
    (request.map(|body| Body::new(Watched { body, read })), reading)
}

impl Reading {
    /// Says in the headers of the answer that the connection ends, if it does
    pub fn tell(&self, headers: &mut HeaderMap) {
        if self.0.as_ref().is_some_and(|read| !read.load(Ordering::Relaxed)) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// A body that remembers whether its end was seen
struct Watched {
    body: Body,
    read: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.read.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
