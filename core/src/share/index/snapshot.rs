//! An index as bytes.
//!
//! All numbers have their least byte first. The head: `CSSHARES`; in four bytes each: the version, the length of the
//! snapshot, how many shares, resources, requesters, pairs of these, and such pairs with a scope are in it (the last two
//! of granted shares only), and how many bytes the names in an index of it take, but for UUIDs of resources and of
//! requesters, which it keeps elsewhere. Then the shares in the order of their ids, each of them:
//!
//! 1. a byte: the state (0 pending, 1 granted, 2 denied, 3 blocked), + 4 with a scope, + 8 with an end, + 16 with a
//!    parent, + 32 if its resource, + 64 if its requester, + 128 if its scope was not mentioned before
//! 2. its id
//! 3. its resource, its requester, and its scope: the name where it is the first mention; later, in four bytes, how many
//!    others were mentioned before it
//! 4. in eight bytes, its end
//! 5. the id of its parent
//!
//! At last, in eight bytes, the SipHash-1-3 of all before with a key of zeros: it finds what broke on the way, and says
//! nothing about who made it. There is one snapshot for some shares, and every other sequence of bytes is refused.

use super::Seed;
use crate::{
    limits::{SHARES, SHARES_SNAPSHOT_BYTES, SHARES_TEXT_BYTES},
    share::ShareState,
};

mod read;
mod write;

const MAGIC: [u8; 8] = *b"CSSHARES";
const VERSION: u32 = 2;
/// The magic, and eight numbers
const HEAD: usize = 40;
/// Where the length of the whole stands
const LENGTH_AT: core::ops::Range<usize> = 12..16;
const SUM: usize = 8;
/// A share has a byte, an id of a letter, and a resource and a requester that are named or counted, at least
const LEAST: usize = 12;
const STATE: u8 = 3;
const WITH_SCOPE: u8 = 4;
const WITH_END: u8 = 8;
const WITH_PARENT: u8 = 16;
const NEW_RESOURCE: u8 = 32;
const NEW_REQUESTER: u8 = 64;
const NEW_SCOPE: u8 = 128;

/// Why bytes are no snapshot of shares
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoadSharesError {
    /// Longer than [`SHARES_SNAPSHOT_BYTES`]
    #[error("snapshot of shares is longer than {SHARES_SNAPSHOT_BYTES} bytes")]
    TooLong,
    /// It does not begin as one
    #[error("not a snapshot of shares")]
    NotASnapshot,
    /// Made by a version that this one does not read
    #[error("snapshot of shares has version {0}, only version {VERSION} is read")]
    Version(u32),
    /// The end is missing
    #[error("snapshot of shares is cut off")]
    CutOff,
    /// More than [`SHARES`], or texts of more than [`SHARES_TEXT_BYTES`]
    #[error("snapshot has more than {SHARES} shares, or texts of more than {SHARES_TEXT_BYTES} bytes")]
    TooMany,
    /// Not what would have been written
    #[error("snapshot of shares is damaged at byte {at}")]
    Malformed {
        /// Where the share begins that cannot be read; the length if it is the sum that is wrong
        at: usize,
    },
}

const fn state_number(state: ShareState) -> u8 {
    match state {
        ShareState::Pending => 0,
        ShareState::Granted => 1,
        ShareState::Denied => 2,
        ShareState::Blocked => 3,
    }
}

/// A seal over bytes that a fuzzer makes up would hide everything else from it.
fn is_sum(found: [u8; SUM], body: &[u8]) -> bool {
    cfg!(fuzzing) || found == sum(body)
}

fn sum(body: &[u8]) -> [u8; SUM] {
    Seed::new([0; 16]).hasher().hash(body).to_le_bytes()
}

/// Writes length and sum into bytes that have a place for them
pub(super) fn reseal(bytes: &mut [u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if let Some(place) = bytes.get_mut(LENGTH_AT) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    if let Some((body, place)) = bytes.split_last_chunk_mut() {
        *place = sum(body);
    }
}
