//! The key of the hash tables.

use core::fmt;

use siphasher::sip::SipHasher13;

/// What the hash tables of an index are keyed with: 16 bytes that nobody can guess.
///
/// Resources are registered and shares asked for by strangers, who could choose ids that all fall into one place if
/// they knew it. SipHash-1-3 is a pseudo-random function of its key: without the key, no ids are better than others.
/// Nothing depends on the seed but the time that answers take; take a fresh one whenever an index is built.
#[derive(Clone, Copy)]
pub struct Seed([u8; 16]);

impl Seed {
    /// A seed of entropy that the caller took
    pub const fn new(entropy: [u8; 16]) -> Self {
        Self(entropy)
    }

    pub(super) fn hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the key nobody finds names that fall into one place
    #[test]
    fn what_is_hashed_depends_on_the_seed() {
        let hash = |entropy: u8| Seed::new([entropy; 16]).hasher().hash(b"report");
        assert_eq!(hash(1), hash(1));
        assert_ne!(hash(1), hash(2));
        assert_ne!(hash(1), SipHasher13::new().hash(b"report"));
    }
}
