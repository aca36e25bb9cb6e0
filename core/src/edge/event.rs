use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::{ids::ResourceId, scope::Scope};

/// A request's number, given by the runtime
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The number of a [`Fetch`](super::Fetch); none is used twice
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub(super) u64);

/// The number of a [`Verify`](super::Verify); none is used twice
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifyId(pub(super) u64);

/// The number of a [`Listen`](super::Listen); none is used twice
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// A request of a client, its path and method already mapped to what it needs
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// To be answered or forwarded under this number
    pub id: RequestId,
    /// The method as it came
    pub method: String,
    /// The URI as the client sees it, made from configuration and never from a `Host` of unknown origin; only
    /// `DPoP` proofs are compared with it
    pub uri: String,
    /// The resource, from the request's own shape (UMA Grant §3.2)
    pub resource: ResourceId,
    /// All scopes that the request needs
    pub scopes: Vec<Scope>,
    /// All headers, names and values as they came
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// SHA-256 thumbprint of the client's certificate on this very TLS connection (RFC 8705 §3)
    pub certificate: Option<String>,
    /// Nonces for `DPoP` proofs, the newest first; of none, none is in force (RFC 9449 §9)
    pub nonces: Vec<String>,
}

/// Without headers, which hold credentials
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &self.id)
            .field("method", &self.method)
            .field("resource", &self.resource)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// A request as it came: the rules of [`Config::rules`](super::Config::rules) say what it needs
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Arrival {
    /// To be answered or forwarded under this number
    pub id: RequestId,
    /// The method as it came
    pub method: Vec<u8>,
    /// The request target as it came, with its query
    pub target: Vec<u8>,
    /// The URI as the client sees it, as in [`Request::uri`]
    pub uri: String,
    /// Whether it came by TLS
    pub is_secure: bool,
    /// The peer's address, never of a header that a client can send
    pub remote_addr: String,
    /// All headers, names and values as they came
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body, where [`Config::reads_body`](super::Config::reads_body)
    pub body: Vec<u8>,
    /// As in [`Request::certificate`]
    pub certificate: Option<String>,
    /// As in [`Request::nonces`]
    pub nonces: Vec<String>,
}

/// Without headers and body, which hold credentials
impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What happens to a guard
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A request has arrived
    Request(Request),
    /// A request has arrived, and the rules say what it needs
    Arrival(Arrival),
    /// The client of a request has gone; it needs no answer any more
    Gone(RequestId),
    /// The answer to a fetch. Redirects are not followed; no header of an answer decides anything.
    Response {
        /// Which one
        fetch: FetchId,
        /// HTTP status
        status: u16,
        /// The body, cut off by the runtime where it is too long
        body: Vec<u8>,
    },
    /// There is no answer to a fetch
    Failed(FetchId),
    /// The platform has checked a signature
    Verified {
        /// Which one
        verify: VerifyId,
        /// Whether it is right; an error is a no
        is_right: bool,
    },
    /// A message of a change stream
    Message {
        /// Which stream
        stream: StreamId,
        /// One [`Changes`](crate::status::Changes) as JSON
        data: Vec<u8>,
    },
    /// A change stream has ended
    Closed(StreamId),
    /// What a [`Cache`](super::Cache) step gave away, from an earlier life
    Restored {
        /// Its key
        key: String,
        /// Its value
        value: Vec<u8>,
    },
    /// Some time has passed: about once a second
    Tick,
}

/// Without headers, bodies and messages, which hold credentials
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(request) => request.fmt(f),
            Self::Arrival(arrival) => arrival.fmt(f),
            Self::Gone(request) => write!(f, "Gone({request:?})"),
            Self::Response { fetch, status, .. } => write!(f, "Response({fetch:?}, {status})"),
            Self::Failed(fetch) => write!(f, "Failed({fetch:?})"),
            Self::Verified { verify, is_right } => write!(f, "Verified({verify:?}, {is_right})"),
            Self::Message { stream, .. } => write!(f, "Message({stream:?})"),
            Self::Closed(stream) => write!(f, "Closed({stream:?})"),
            Self::Restored { key, .. } => write!(f, "Restored({key:?})"),
            Self::Tick => f.write_str("Tick"),
        }
    }
}
