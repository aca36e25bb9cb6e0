//! Each resource and each requester once, with the rows that name it.

use hashbrown::{HashTable, hash_table::Entry};

use super::{
    name::{Name, print},
    seed::Seed,
    slab::{Place, Slab},
    texts::Texts,
};

/// Names with the first rows of so many lists each; a name whose lists are all empty is to be dropped
#[derive(Debug, Clone)]
pub(super) struct Names<const LISTS: usize> {
    entries: Slab<Named<LISTS>>,
    table: HashTable<Place>,
}

#[derive(Debug, Clone)]
struct Named<const LISTS: usize> {
    text: Place,
    print: u32,
    lists: [Option<Place>; LISTS],
}

impl<const LISTS: usize> Names<LISTS> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { entries: Slab::with_capacity(capacity), table: HashTable::with_capacity(capacity) }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn places(&self) -> usize {
        self.entries.places()
    }

    pub(super) fn name<'t>(&self, place: Place, texts: &'t Texts) -> Option<Name<'t>> {
        texts.get(self.entries.get(place)?.text)
    }

    pub(super) fn find(&self, name: &Name<'_>, hash: u64, texts: &Texts) -> Option<Place> {
        self.table.find(hash, |place| self.name(*place, texts) == Some(*name)).copied()
    }

    /// A part of the hash of a name, which rows are hashed by
    pub(super) fn print(&self, place: Place) -> u32 {
        self.entries.get(place).map_or(0, |entry| entry.print)
    }

    /// The place of a name, which may be a new one, and whether it is
    pub(super) fn intern(
        &mut self,
        name: &Name<'_>,
        texts: &mut Texts,
        seed: &Seed,
    ) -> Option<(Place, bool)> {
        let Self { entries, table } = self;
        let hash = name.hash(seed);
        let name_at = |place: &Place| entries.get(*place).and_then(|entry| texts.get(entry.text));
        let hash_of = |place: &Place| name_at(place).map_or(0, |name| name.hash(seed));
        match table.entry(hash, |place| name_at(place) == Some(*name), hash_of) {
            Entry::Occupied(found) => Some((*found.get(), false)),
            Entry::Vacant(room) => {
                let text = texts.push(name)?;
                let place = entries.insert(Named { text, print: print(hash), lists: [None; LISTS] })?;
                room.insert(place);
                Some((place, true))
            }
        }
    }

    /// Drops a name that no row has
    pub(super) fn drop_unused(&mut self, place: Place, texts: &mut Texts, seed: &Seed) {
        let Some(entry) = self.entries.get(place).filter(|entry| entry.lists.iter().all(Option::is_none))
        else {
            return;
        };
        let hash = texts.get(entry.text).map_or(0, |name| name.hash(seed));
        if let Ok(found) = self.table.find_entry(hash, |other| *other == place) {
            found.remove();
        }
        texts.forget(entry.text);
        self.entries.remove(place);
    }

    /// The first row of a list
    pub(super) fn first(&self, place: Place, list: usize) -> Option<Place> {
        *self.entries.get(place)?.lists.get(list)?
    }

    pub(super) fn first_mut(&mut self, place: Place, list: usize) -> Option<&mut Option<Place>> {
        self.entries.get_mut(place)?.lists.get_mut(list)
    }

    /// Where all texts stand, to move them
    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        self.entries.values_mut().map(|entry| &mut entry.text)
    }
}
