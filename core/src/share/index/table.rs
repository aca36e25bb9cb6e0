//! Places by hashes, one word each: a look is one read of memory, where a table that keeps its hashes apart needs two.
//!
//! An entry stands where its hash says or, if others do already, soon after (linear probing). Its word is a part of its
//! hash and its place; 0 is no entry. Who asks compares what is at the place: parts of hashes are alike by chance.

use alloc::{vec, vec::Vec};

use super::slab::Place;
use crate::limits::SHARES;

/// Bits of a word that say the place; the others are of the hash
const PLACE_BITS: u32 = 21;
const _: () = assert!(SHARES < 1 << PLACE_BITS, "no place needs more bits");
/// Fewest words of a table with entries
const LEAST: usize = 8;

/// Places under hashes; several may have one hash
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    /// A power of two, or none
    words: Vec<u32>,
    len: usize,
}

/// Where in the table an entry stands, until the table changes
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

impl Table {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { words: if capacity == 0 { Vec::new() } else { vec![0; room_for(capacity)] }, len: 0 }
    }

    /// How many entries there are
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How many words there are, for entries to come as well
    #[cfg(test)]
    pub(super) const fn words(&self) -> usize {
        self.words.len()
    }

    /// The entry of a hash whose place is the one
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(Place) -> bool) -> Option<(Slot, Place)> {
        let mut at = self.home(hash);
        loop {
            let word = *self.words.get(at)?;
            // INVARIANT: there is always a word without an entry.
            let place = place(word)?;
            if tag(word) == tag_of(hash) && is_it(place) {
                return Some((Slot(at), place));
            }
            at = self.after(at);
        }
    }

    /// Adds an entry, though its hash may have others; `hash_of` are the hashes of those that are there
    pub(super) fn insert(&mut self, hash: u64, place: Place, hash_of: impl Fn(Place) -> u64) {
        let more = self.len.saturating_add(1);
        if room_for(more) > self.words.len() {
            let old = core::mem::replace(&mut self.words, vec![0; room_for(more)]);
            for place in old.into_iter().filter_map(self::place) {
                self.put(hash_of(place), place);
            }
        }
        self.put(hash, place);
        self.len = more;
    }

    /// Puts another place in that of an entry, whose hash is the same
    pub(super) fn replace(&mut self, Slot(at): Slot, hash: u64, place: Place) {
        if let Some(word) = self.words.get_mut(at) {
            *word = self::word(hash, place);
        }
    }

    /// Takes an entry away; those behind it that would not be found any more move up
    pub(super) fn remove(&mut self, Slot(mut gap): Slot, hash_of: impl Fn(Place) -> u64) {
        let mut at = self.after(gap);
        while let Some(word) = self.words.get(at).copied()
            && let Some(place) = place(word)
        {
            let home = self.home(hash_of(place));
            if self.steps(home, at) >= self.steps(gap, at) {
                self.set(gap, word);
                gap = at;
            }
            at = self.after(at);
        }
        self.set(gap, 0);
        self.len = self.len.saturating_sub(1);
    }

    /// INVARIANT: there is a word without an entry
    fn put(&mut self, hash: u64, place: Place) {
        let mut at = self.home(hash);
        while self.words.get(at).is_some_and(|word| *word != 0) {
            at = self.after(at);
        }
        self.set(at, word(hash, place));
    }

    fn set(&mut self, at: usize, word: u32) {
        if let Some(slot) = self.words.get_mut(at) {
            *slot = word;
        }
    }

    /// Where entries of a hash are looked for first
    fn home(&self, hash: u64) -> usize {
        let [a, b, c, d, ..] = hash.to_le_bytes();
        usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(0) & self.mask()
    }

    fn after(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.mask()
    }

    /// How far it is from one word to another
    fn steps(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & self.mask()
    }

    const fn mask(&self) -> usize {
        self.words.len().wrapping_sub(1)
    }
}

/// Words for so many entries: a quarter at least stays without one, so that ways are short
fn room_for(entries: usize) -> usize {
    entries.saturating_add(entries.div_euclid(3)).saturating_add(1).next_power_of_two().max(LEAST)
}

/// The upper bits, because the lower ones say where an entry stands
const fn tag_of(hash: u64) -> u32 {
    let [.., a, b, c, d] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d]) >> PLACE_BITS
}

const fn tag(word: u32) -> u32 {
    word >> PLACE_BITS
}

const fn word(hash: u64, place: Place) -> u32 {
    tag_of(hash) << PLACE_BITS | place.number()
}

fn place(word: u32) -> Option<Place> {
    Place::from_number(word & ((1 << PLACE_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, vec::Vec};
    use core::cell::Cell;

    use proptest::{collection::vec as list, prelude::*};

    use super::*;

    fn place(index: usize) -> Place {
        Place::new(index).unwrap()
    }

    /// Hashes by places, which is all that a table has to know
    fn check(table: &Table, known: &BTreeMap<usize, u64>) {
        assert_eq!(table.len(), known.len());
        for (index, hash) in known {
            let found = table.find(*hash, |found| found == place(*index)).map(|(_, place)| place);
            assert_eq!(found, Some(place(*index)));
            assert_eq!(table.find(hash ^ 1 << 63, |found| found == place(*index)), None, "of another hash");
        }
        assert_eq!(table.words.iter().filter(|word| **word != 0).count(), known.len());
        let (three, four) = (table.words().saturating_mul(3), known.len().saturating_mul(4));
        assert!(three >= four, "a quarter is free of {}", table.words());
    }

    #[test]
    fn a_table_grows_before_it_is_full_and_has_room_for_what_was_said() {
        let hash_of = |place: Place| u64::from(place.number()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (mut small, mut known) = (Table::with_capacity(0), BTreeMap::new());
        assert_eq!(small.find(7, |_| true), None);
        for index in 0..1_000 {
            small.insert(hash_of(place(index)), place(index), hash_of);
            known.insert(index, hash_of(place(index)));
            check(&small, &known);
        }
        let mut large = Table::with_capacity(1_000);
        let words = large.words();
        assert!(words <= 2_048, "{words}");
        for index in 0..1_000 {
            large.insert(hash_of(place(index)), place(index), |_| panic!("nothing has to move"));
        }
        assert_eq!(large.words(), words);
        check(&large, &known);
    }

    #[test]
    fn only_what_is_meant_is_looked_at() {
        let by_lower_bits = |place: Place| u64::from(place.number());
        let by_upper_bits = |place: Place| u64::from(place.number()) << 53;
        for hash_of in [by_lower_bits, by_upper_bits] {
            let mut table = Table::default();
            for index in 0..1_000 {
                table.insert(hash_of(place(index)), place(index), hash_of);
            }
            for index in 0..1_000 {
                let looks = Cell::new(0_usize);
                let is_it = |found| {
                    looks.set(looks.get().saturating_add(1));
                    found == place(index)
                };
                assert!(table.find(hash_of(place(index)), is_it).is_some());
                assert_eq!(looks.get(), 1);
            }
        }
    }

    #[test]
    fn the_last_place_is_as_good_as_the_first() {
        let mut table = Table::default();
        for index in [0, SHARES - 1] {
            table.insert(u64::MAX, place(index), |_| u64::MAX);
        }
        check(&table, &BTreeMap::from([(0, u64::MAX), (SHARES - 1, u64::MAX)]));
    }

    #[test]
    fn an_entry_gives_way_to_another() {
        let mut table = Table::default();
        table.insert(5, place(1), |_| 5);
        let (slot, _) = table.find(5, |_| true).unwrap();
        table.replace(slot, 5, place(2));
        check(&table, &BTreeMap::from([(2, 5)]));
    }

    proptest! {
        /// Few hashes, near each other and at the end of the table, so that nearly all stand in the way of others
        #[test]
        fn what_is_there_is_found_whatever_comes_and_goes(
            steps in list((any::<bool>(), 0_usize..64, 0_u64..6, 0_u64..3), 1..200),
        ) {
            let (mut table, mut known) = (Table::default(), BTreeMap::new());
            for (comes, index, home, tag) in steps {
                let hash = tag << 53 | (home.wrapping_sub(3) & 0xFFFF_FFFF);
                let hashes = known.clone();
                let hash_of = |place: Place| hashes[&place.index()];
                if let Some(hash) = known.remove(&index) {
                    let (slot, _) = table.find(hash, |found| found == place(index)).unwrap();
                    table.remove(slot, hash_of);
                }
                if comes {
                    table.insert(hash, place(index), hash_of);
                    known.insert(index, hash);
                }
                check(&table, &known);
            }
        }

        #[test]
        fn of_one_hash_that_is_found_which_is_meant(places in list(0_usize..SHARES, 1..40)) {
            let mut table = Table::default();
            let mut places: Vec<_> = places.into_iter().map(place).collect();
            places.sort_unstable_by_key(|place| place.index());
            places.dedup();
            for place in &places {
                table.insert(9, *place, |_| 9);
            }
            for place in &places {
                prop_assert_eq!(table.find(9, |found| found == *place).map(|(_, found)| found), Some(*place));
            }
        }
    }
}
