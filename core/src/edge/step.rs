use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::event::{FetchId, RequestId, StreamId, VerifyId};
use crate::{denial::Denial, jwk::Jwk, jws::Alg};

/// A text that is not shown in debug output
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, to be sent and not to be logged
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What the runtime has to do next
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask the authorization server
    Fetch(Fetch),
    /// Check a signature
    Verify(Verify),
    /// Open a change stream
    Listen(Listen),
    /// Keep something for the next start
    Cache(Cache),
    /// Answer a request
    Answer(Answer),
    /// Let a request through
    Forward(Forward),
}

/// What a fetch is for
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FetchKind {
    /// The discovery document
    Metadata,
    /// The issuer's keys
    Keys,
    /// The resource server's own token (FedAuthz §1.3)
    Pat,
    /// The status list
    StatusList,
    /// A permission ticket for one request (FedAuthz §4)
    Ticket,
    /// The resources of one request's path (FedAuthz §3.2.5)
    Resources,
    /// What a narrowed token still permits, for one request (FedAuthz §5)
    Introspection,
}

/// What a fetch authenticates with
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing
    None,
    /// The resource server's client credentials, which the runtime has (RFC 6749 §2.3)
    Client,
    /// This token as `Bearer`
    Pat(Secret),
}

/// What a fetch sends
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing, by GET
    None,
    /// By POST, as `application/x-www-form-urlencoded`
    Form(Secret),
    /// By POST, as `application/json`
    Json(String),
}

/// A question to the authorization server
///
/// The runtime sends it once, follows no redirect, and answers with [`Response`](super::Event::Response) or
/// [`Failed`](super::Event::Failed). What comes late or twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Its number
    pub id: FetchId,
    /// What it is for
    pub kind: FetchKind,
    /// Where to: of the configuration or of the issuer's metadata, never of a token
    pub url: String,
    /// The header `Accept`
    pub accept: &'static str,
    /// What to send
    pub body: Body,
    /// What to authenticate with
    pub credential: Credential,
    /// Seconds for which a good answer serves the same question of other guards of this resource server; 0 for none
    pub fresh_for: u64,
}

/// A signature to be checked
#[derive(Clone, PartialEq, Eq)]
pub struct Verify {
    /// Its number
    pub id: VerifyId,
    /// The algorithm, which is the key's
    pub alg: Alg,
    /// The key
    pub key: Arc<Jwk>,
    /// What the signature is over
    pub input: Vec<u8>,
    /// The signature
    pub signature: Vec<u8>,
}

/// Without input and signature: together they are a credential
impl fmt::Debug for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify").field("id", &self.id).field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// A change stream to be opened; any other of this guard is to be closed
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Its number
    pub id: StreamId,
    /// Where to: of the issuer's metadata
    pub url: String,
    /// Number of the last change that is known, for `Last-Event-ID`
    pub since: Option<u64>,
}

/// Something that spares the next start a fetch
#[derive(Clone, PartialEq, Eq)]
pub struct Cache {
    /// Under which name to keep it
    pub key: &'static str,
    /// What to keep; to be given back by [`Restored`](super::Event::Restored), and to nobody else
    pub value: Vec<u8>,
    /// For how many seconds
    pub ttl: u64,
    /// Whether it is a credential, to be kept in memory alone
    pub is_secret: bool,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("key", &self.key).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// A refusal: status and headers, without a body
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// To which request
    pub request: RequestId,
    /// HTTP status
    pub status: u16,
    /// Header lines; `www-authenticate` may be there twice, as two lines
    pub headers: Vec<(&'static str, String)>,
    /// Why, for the log: the client is told only what it can do about it
    pub denial: Denial,
    /// The same with what the rules say: the code of `denial`, or of an enforcer's
    /// [`Refusal`](crate::enforcer::Refusal)
    pub reason: &'static str,
}

/// Without headers, which hold tickets
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("request", &self.request)
            .field("status", &self.status)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// A request that is permitted
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Which one
    pub request: RequestId,
    /// Names of headers to take away, as they came
    pub remove: Vec<Vec<u8>>,
    /// Headers to set after that
    pub set: Vec<(&'static str, String)>,
}
