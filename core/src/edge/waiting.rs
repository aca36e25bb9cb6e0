use alloc::{string::String, sync::Arc, vec::Vec};

use super::{
    event::{FetchId, Request, VerifyId},
    header::{self, Presented},
    seen::Verified,
    step::{FetchKind, Secret},
};
use crate::{denial::Denial, dpop::Proof, time::UnixTime, token::Possession};

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

/// A request on its way, and what is known of it so far
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) presented: Presented,
    /// The values of its `DPoP` headers
    pub(super) proofs: Vec<Vec<u8>>,
    /// Names of headers to take away
    pub(super) remove: Vec<Vec<u8>>,
    pub(super) since: UnixTime,
    pub(super) on: On,
    pub(super) proof: Option<Proof>,
    pub(super) verified: Option<Arc<Verified>>,
    /// Keys were fetched on its account already
    pub(super) has_asked_again: bool,
    /// The status list was fetched on its account already
    pub(super) has_loaded: bool,
    /// The PAT that its ticket was asked for with
    pub(super) pat: Option<Secret>,
    pub(super) has_renewed: bool,
    /// Its token does not do; what is left is to ask for a ticket
    pub(super) refused: Option<Denial>,
}

impl Waiting {
    pub(super) fn new(mut request: Request, now: UnixTime) -> Self {
        let headers = core::mem::take(&mut request.headers);
        Self {
            presented: Presented::read(&headers),
            proofs: header::values(&headers, b"dpop").map(Into::into).collect(),
            remove: header::smuggled(&headers),
            request,
            since: now,
            on: On::Shared,
            proof: None,
            verified: None,
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
        let certificate = self.request.certificate.as_deref();
        certificate.map_or(held.clone(), |thumbprint| held.certificate_thumbprint(thumbprint))
    }

    /// The nonce for its sender's next proof
    pub(super) fn nonce(&self) -> Option<String> {
        self.request.nonces.first().cloned()
    }
}
