use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

use super::{
    event::{Arrival, FetchId, Request, RequestId, VerifyId},
    header::{self, Presented},
    rules::Asked,
    seen::Verified,
    step::{FetchKind, Secret},
};
use crate::{
    denial::Denial, dpop::Proof, enforcer::Refusal, ids::ResourceId, permission::Claims, rpt::Rpt,
    scope::Scope, time::UnixTime, token::Possession,
};

/// What a request waits for
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// Metadata, keys, PAT or status list, which all requests share
    Shared,
    /// A signature
    Verify(VerifyId),
    /// The answer to a fetch of its own
    Fetch(FetchId, FetchKind),
}

/// What a ticket is asked for
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) resource: ResourceId,
    pub(super) scopes: Vec<Scope>,
    pub(super) claims: Claims,
}

/// What a request needs
pub(super) enum Needs {
    /// This
    Permission(Wanted),
    /// What the rules say
    Rules(Box<Asked>),
}

/// Why a request is not let through
#[derive(Debug, Clone)]
pub(super) enum Refused {
    /// Its token does not do
    Token(Denial),
    /// The rules say so
    Rule(Refusal),
}

impl Refused {
    pub(super) const fn denial(&self) -> Denial {
        match self {
            Self::Token(denial) => *denial,
            Self::Rule(refusal) => refusal.denial(),
        }
    }

    /// Which of them it is, for logs
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Token(denial) => denial.code(),
            Self::Rule(refusal) => refusal.code(),
        }
    }
}

/// A request on its way, and what is known of it so far
pub(super) struct Waiting {
    pub(super) id: RequestId,
    pub(super) method: String,
    pub(super) uri: String,
    certificate: Option<String>,
    pub(super) nonces: Vec<String>,
    pub(super) needs: Needs,
    pub(super) presented: Presented,
    /// The values of its `DPoP` headers
    pub(super) proofs: Vec<Vec<u8>>,
    /// Names of headers to take away
    pub(super) remove: Vec<Vec<u8>>,
    pub(super) since: UnixTime,
    /// When its resource was asked for
    pub(super) asked_at: UnixTime,
    pub(super) on: On,
    pub(super) proof: Option<Proof>,
    pub(super) verified: Option<Arc<Verified>>,
    /// What its token permits still, as introspection says
    pub(super) narrowed: Option<Rpt>,
    /// Keys were fetched on its account already
    pub(super) has_asked_again: bool,
    /// The status list was fetched on its account already
    pub(super) has_loaded: bool,
    /// The PAT that its ticket was asked for with
    pub(super) pat: Option<Secret>,
    pub(super) has_renewed: bool,
    /// It is not let through; what is left is to ask for a ticket
    pub(super) refused: Option<Refused>,
}

impl Waiting {
    /// A request whose needs are known
    pub(super) fn new(request: Request, now: UnixTime) -> Self {
        let Request { id, method, uri, resource, scopes, headers, certificate, nonces } = request;
        let needs = Needs::Permission(Wanted { resource, scopes, claims: Claims::new() });
        Self { method, uri, certificate, nonces, ..Self::of(id, &headers, needs, now) }
    }

    /// A request whose needs the rules tell
    pub(super) fn arrived(mut arrival: Arrival, now: UnixTime) -> Self {
        let asked = Asked::new(&mut arrival);
        let Arrival { id, uri, headers, certificate, nonces, .. } = arrival;
        let method = asked.method().into();
        Self {
            method,
            uri,
            certificate,
            nonces,
            ..Self::of(id, &headers, Needs::Rules(Box::new(asked)), now)
        }
    }

    fn of(id: RequestId, headers: &[(Vec<u8>, Vec<u8>)], needs: Needs, now: UnixTime) -> Self {
        Self {
            id,
            method: String::new(),
            uri: String::new(),
            certificate: None,
            nonces: Vec::new(),
            needs,
            presented: Presented::read(headers),
            proofs: header::values(headers, b"dpop").map(Into::into).collect(),
            remove: header::smuggled(headers),
            since: now,
            asked_at: now,
            on: On::Shared,
            proof: None,
            verified: None,
            narrowed: None,
            has_asked_again: false,
            has_loaded: false,
            pat: None,
            has_renewed: false,
            refused: None,
        }
    }

    /// What its sender has proved to hold
    pub(super) fn possession(&self) -> Possession {
        let held = Possession::none();
        let held = self.proof.as_ref().map_or(held.clone(), |proof| held.key(proof));
        let certificate = self.certificate.as_deref();
        certificate.map_or(held.clone(), |thumbprint| held.certificate_thumbprint(thumbprint))
    }

    /// The nonce for its sender's next proof
    pub(super) fn nonce(&self) -> Option<String> {
        self.nonces.first().cloned()
    }
}
