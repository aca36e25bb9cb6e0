use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

use crate::{
    dpop::ReplayKey,
    jwk::Jwk,
    limits::{EDGE_PROOFS, EDGE_TOKENS},
    rpt::Rpt,
    status::{ParseStatusRefError, StatusRef},
    time::UnixTime,
    token::{AccessToken, Confirmation, ParseConfirmationError},
};

/// A token whose signature was found right, and what every check of it needs
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) rpt: Rpt,
    pub(super) key: Arc<Jwk>,
    pub(super) confirmation: Result<Confirmation, ParseConfirmationError>,
    pub(super) status: Result<Option<StatusRef>, ParseStatusRefError>,
}

impl Verified {
    pub(super) fn new(token: AccessToken, key: Arc<Jwk>) -> Self {
        let claims = token.claims();
        let (confirmation, status) = (Confirmation::of(claims), StatusRef::of(claims));
        Self { rpt: Rpt::new(token), key, confirmation, status }
    }
}

/// The tokens seen last, under their whole text
#[derive(Debug, Default)]
pub(super) struct Tokens(BTreeMap<Box<str>, Arc<Verified>>);

impl Tokens {
    pub(super) fn get(&self, token: &str) -> Option<Arc<Verified>> {
        self.0.get(token).cloned()
    }

    pub(super) fn remove(&mut self, token: &str) {
        self.0.remove(token);
    }

    /// Remembers one more; where there is no place, the one that ends first goes
    pub(super) fn insert(&mut self, token: &str, verified: Arc<Verified>) {
        if self.0.len() >= EDGE_TOKENS {
            let first = self.0.iter().min_by_key(|(_, verified)| verified.rpt.token().expires_at());
            if let Some(first) = first.map(|(token, _)| token.clone()) {
                self.0.remove(&first);
            }
        }
        self.0.insert(token.into(), verified);
    }
}

/// The `DPoP` proofs seen lately
#[derive(Debug, Default)]
pub(super) struct Proofs(BTreeMap<[u8; 32], UnixTime>);

impl Proofs {
    /// Whether a proof is seen for the first time; where there is no place to remember it, it is not
    pub(super) fn is_first(&mut self, key: &ReplayKey, now: UnixTime) -> bool {
        if self.0.len() >= EDGE_PROOFS {
            self.0.retain(|_, until| now <= *until);
        }
        self.0.len() < EDGE_PROOFS && self.0.insert(*key.as_bytes(), key.until()).is_none()
    }
}
