//! Each resource and each requester once, with the rows that name it.

use hashbrown::HashTable;

use super::{
    name::Name,
    seed::Seed,
    slab::{Place, Slab},
    texts::Texts,
};

/// Names with the first rows of so many lists each; a name whose lists are all empty is to be dropped
#[derive(Debug, Clone)]
pub(super) struct Names<const LISTS: usize> {
    entries: Slab<Entry<LISTS>>,
    table: HashTable<Place>,
}

#[derive(Debug, Clone)]
struct Entry<const LISTS: usize> {
    text: Place,
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

    pub(super) fn find(&self, name: &Name<'_>, texts: &Texts, seed: &Seed) -> Option<Place> {
        self.find_hashed(name.hash(seed), name, texts)
    }

    fn find_hashed(&self, hash: u64, name: &Name<'_>, texts: &Texts) -> Option<Place> {
        self.table.find(hash, |place| self.name(*place, texts) == Some(*name)).copied()
    }

    /// The place of a name, which may be a new one, and whether it is
    pub(super) fn intern(
        &mut self,
        name: &Name<'_>,
        texts: &mut Texts,
        seed: &Seed,
    ) -> Option<(Place, bool)> {
        let hash = name.hash(seed);
        if let Some(place) = self.find_hashed(hash, name, texts) {
            return Some((place, false));
        }
        let text = texts.push(name)?;
        let place = self.entries.insert(Entry { text, lists: [None; LISTS] })?;
        let Self { entries, table } = self;
        let hash_of = |place: &Place| {
            let name = entries.get(*place).and_then(|entry| texts.get(entry.text));
            name.map_or(0, |name| name.hash(seed))
        };
        table.insert_unique(hash, place, hash_of);
        Some((place, true))
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
