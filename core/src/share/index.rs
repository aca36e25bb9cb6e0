//! Many shares at hand: who may use what, answered from memory without a store.
//!
//! [`Shares`] is for programs that hold the shares of a resource server themselves, such as an edge worker. It is
//! built once, from rows or from a [snapshot](Shares::snapshot), follows the changes as [deltas](ShareDelta), and
//! answers as a look at all rows by [`Grantee::includes`](super::Grantee::includes) and [`Share::stands_at`] would. How long an answer takes
//! depends on the requester and the resource, not on how many shares there are.
//!
//! Ids that are UUIDs take 16 bytes and every name stands there once, so that a share takes some 100 bytes.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Serialize};

pub use ask::Page;
pub use seed::Seed;
pub use snapshot::LoadSharesError;

use self::{
    name::Name, names::Names, rows::Rows, runs::Runs, scopes::Scopes, slab::Slab, table::Table, texts::Texts,
};
use super::Share;
use crate::{
    ids::ShareId,
    limits::{GRANTEE_BYTES, SHARES, SHARES_TEXT_BYTES},
};

mod ask;
mod change;
mod name;
mod names;
mod rows;
mod runs;
mod scopes;
mod seed;
mod slab;
mod snapshot;
mod table;
mod texts;
mod uuid;

/// Shares, indexed by all that is asked of them
///
/// ```
/// use countersign_core::{requester::Requester, share::{Share, index::{Seed, ShareDelta, Shares}}, time::UnixTime};
///
/// let seed = Seed::new(*b"16 random bytes."); // take them from the system
/// let rows: Vec<Share> = serde_json::from_str(r#"[
///     {"id":"1","resource":"doc-42","scope":"read","requester":{"user":"bob"},"state":"granted"},
///     {"id":"2","resource":"doc-42","scope":"print","requester":{"group":"/staff"},"state":"granted"},
///     {"id":"3","resource":"doc-42","scope":"write","requester":{"user":"bob"},"state":"pending"}]"#)?;
/// let mut shares = Shares::from_rows(rows, seed)?;
///
/// let bob: Requester = serde_json::from_str(r#"{"id":"bob","client":"app","groups":["/staff"]}"#)?;
/// let (doc, now) = ("doc-42".parse()?, UnixTime(1_700_000_000));
/// let may = |shares: &Shares, scope: &str| shares.permits(&doc, &bob, scope.parse().ok().as_ref(), now);
/// assert!(may(&shares, "read") && may(&shares, "print") && !may(&shares, "write"));
///
/// shares.apply([ShareDelta::Remove("1".parse()?)])?;
/// assert!(!may(&shares, "read"));
///
/// let elsewhere = Shares::from_snapshot(&shares.snapshot(), seed)?;
/// assert!(may(&elsewhere, "print") && !may(&elsewhere, "read"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Shares {
    seed: Seed,
    texts: Texts,
    rows: Rows,
    /// Rows by their ids
    ids: Table,
    resources: Names<4>,
    grantees: Names<1>,
    scopes: Scopes,
    /// Granted rows by resource and requester
    pairs: Runs,
    /// Granted rows by resource, requester and scope
    triples: Runs,
    bounds: Bounds,
}

/// How much an index takes
#[derive(Debug, Clone, Copy)]
struct Bounds {
    shares: usize,
    text_bytes: usize,
}

impl Bounds {
    const MOST: Self = Self { shares: SHARES, text_bytes: SHARES_TEXT_BYTES };
}

/// How much room to make before it is needed
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sizes {
    shares: usize,
    resources: usize,
    grantees: usize,
    pairs: usize,
    triples: usize,
    text_bytes: usize,
}

/// A change of a standing index
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareDelta {
    /// A share is new, or has changed
    Put(Box<Share>),
    /// A share is gone
    Remove(ShareId),
}

/// Why an index does not take a share
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PutShareError {
    /// There are [`SHARES`], or their texts take [`SHARES_TEXT_BYTES`]
    #[error("index of shares is full")]
    Full,
    /// A group path, a role name or its client is longer than [`GRANTEE_BYTES`]
    #[error("requester of a share has a name of more than {GRANTEE_BYTES} bytes")]
    RequesterTooLong,
    /// Two rows have one id
    #[error("two shares have one id")]
    Duplicate,
}

impl Shares {
    /// An index without shares
    pub fn new(seed: Seed) -> Self {
        Self::with_room(seed, Bounds::MOST, Sizes::default())
    }

    fn with_room(seed: Seed, bounds: Bounds, sizes: Sizes) -> Self {
        Self {
            seed,
            texts: Texts::with_capacity(sizes.text_bytes),
            rows: Rows(Slab::with_capacity(sizes.shares)),
            ids: Table::with_capacity(sizes.shares),
            resources: Names::with_capacity(sizes.resources),
            grantees: Names::with_capacity(sizes.grantees),
            scopes: Scopes::new(),
            pairs: Runs::with_capacity(false, sizes.pairs),
            triples: Runs::with_capacity(true, sizes.triples),
            bounds,
        }
    }

    /// Builds the index from rows; two with one id are an error
    pub fn from_rows(rows: impl IntoIterator<Item = Share>, seed: Seed) -> Result<Self, PutShareError> {
        let rows = rows.into_iter();
        let sizes = Sizes { shares: rows.size_hint().0.min(SHARES), ..Sizes::default() };
        let mut shares = Self::with_room(seed, Bounds::MOST, sizes);
        for share in rows {
            if shares.place(&Name::share(&share.id)).is_some() {
                return Err(PutShareError::Duplicate);
            }
            shares.put(&share)?;
        }
        Ok(shares)
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            shares: self.len(),
            resources: self.resources.len(),
            grantees: self.grantees.len(),
            pairs: self.pairs.len(),
            triples: self.triples.len(),
            text_bytes: self.texts.live(),
        }
    }

    /// How many shares there are, in whatever state
    pub const fn len(&self) -> usize {
        self.rows.0.len()
    }

    /// Whether there are none
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
