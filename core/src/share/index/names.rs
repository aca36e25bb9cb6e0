//! Each resource and each requester once, with the rows that name it.

use super::{
    name::{Kind, Name, PACKED_BYTES, print},
    seed::Seed,
    slab::{Place, Slab},
    table::Table,
    texts::Texts,
};

/// Names with the first rows of so many lists each; a name whose lists are all empty is to be dropped
#[derive(Debug, Clone)]
pub(super) struct Names<const LISTS: usize> {
    entries: Slab<Named<LISTS>>,
    table: Table,
}

#[derive(Debug, Clone)]
struct Named<const LISTS: usize> {
    key: Key,
    print: u32,
    lists: [Option<Place>; LISTS],
}

/// A name as it is kept: what is packed stands here, so that comparing it is no look at yet another part of memory
#[derive(Debug, Clone)]
enum Key {
    Packed(Kind, [u8; 16]),
    Text(Place),
}

impl Key {
    fn new(name: &Name<'_>, texts: &mut Texts) -> Option<Self> {
        match name {
            Name::Packed(kind, packed) => Some(Self::Packed(*kind, *packed)),
            Name::Plain(..) | Name::ClientRole(..) => texts.push(name).map(Self::Text),
        }
    }

    fn name<'t>(&self, texts: &'t Texts) -> Option<Name<'t>> {
        match self {
            Self::Packed(kind, packed) => Some(Name::Packed(*kind, *packed)),
            Self::Text(place) => texts.get(*place),
        }
    }

    const fn text_mut(&mut self) -> Option<&mut Place> {
        match self {
            Self::Packed(..) => None,
            Self::Text(place) => Some(place),
        }
    }
}

impl<const LISTS: usize> Names<LISTS> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { entries: Slab::with_capacity(capacity), table: Table::with_capacity(capacity) }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn places(&self) -> usize {
        self.entries.places()
    }

    pub(super) fn name<'t>(&self, place: Place, texts: &'t Texts) -> Option<Name<'t>> {
        self.entries.get(place)?.key.name(texts)
    }

    pub(super) fn find(&self, name: &Name<'_>, hash: u64, texts: &Texts) -> Option<Place> {
        let (_, place) = self.table.find(hash, |place| self.name(place, texts) == Some(*name))?;
        Some(place)
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
        let is_it = |place| entries.get(place).and_then(|entry| entry.key.name(texts)) == Some(*name);
        if let Some((_, place)) = table.find(hash, is_it) {
            return Some((place, false));
        }
        let key = Key::new(name, texts)?;
        let place = entries.insert(Named { key, print: print(hash), lists: [None; LISTS] })?;
        table.insert(hash, place, |place| self::hash(entries, place, texts, seed));
        Some((place, true))
    }

    /// Drops a name that no row has
    pub(super) fn drop_unused(&mut self, place: Place, texts: &mut Texts, seed: &Seed) {
        let Self { entries, table } = self;
        if entries.get(place).is_none_or(|entry| entry.lists.iter().any(Option::is_some)) {
            return;
        }
        let hash_of = |place| hash(entries, place, texts, seed);
        if let Some((slot, _)) = table.find(hash_of(place), |other| other == place) {
            table.remove(slot, hash_of);
        }
        if let Some(text) = self.entries.remove(place).and_then(|mut entry| entry.key.text_mut().copied()) {
            texts.forget(text);
        }
    }

    /// The first row of a list
    pub(super) fn first(&self, place: Place, list: usize) -> Option<Place> {
        *self.entries.get(place)?.lists.get(list)?
    }

    pub(super) fn first_mut(&mut self, place: Place, list: usize) -> Option<&mut Option<Place>> {
        self.entries.get_mut(place)?.lists.get_mut(list)
    }

    /// How many bytes the names take in a snapshot that have no text
    pub(super) fn packed_bytes(&self) -> usize {
        let packed = self.entries.iter().filter(|(_, entry)| matches!(entry.key, Key::Packed(..)));
        packed.count().saturating_mul(PACKED_BYTES)
    }

    /// Where all texts stand, to move them
    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        self.entries.values_mut().filter_map(|entry| entry.key.text_mut())
    }
}

fn hash<const LISTS: usize>(entries: &Slab<Named<LISTS>>, place: Place, texts: &Texts, seed: &Seed) -> u64 {
    let name = entries.get(place).and_then(|entry| entry.key.name(texts));
    name.map_or(0, |name| name.hash(seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ResourceId;

    #[test]
    fn a_name_stays_as_long_as_a_row_has_it() {
        let seed = Seed::new([7; 16]);
        let (mut names, mut texts) = (Names::<1>::with_capacity(0), Texts::with_capacity(0));
        let [uuid, text] = ["7f1c0a52-9b3e-4f6d-8a21-0123456789ab", "document 42"]
            .map(|id| id.parse::<ResourceId>().unwrap());
        for id in [&uuid, &text] {
            let name = Name::resource(id);
            let (place, is_new) = names.intern(&name, &mut texts, &seed).unwrap();
            assert!(is_new);
            assert_eq!(names.intern(&name, &mut texts, &seed), Some((place, false)));
            assert_eq!(names.find(&name, name.hash(&seed), &texts), Some(place));
            *names.first_mut(place, 0).unwrap() = Some(place);
            names.drop_unused(place, &mut texts, &seed);
            assert!(names.name(place, &texts) == Some(name));
            assert_eq!((names.len(), names.table.len()), (1, 1));
            *names.first_mut(place, 0).unwrap() = None;
            names.drop_unused(place, &mut texts, &seed);
            assert_eq!(names.find(&name, name.hash(&seed), &texts), None);
            assert_eq!((names.len(), names.table.len(), texts.live()), (0, 0, 0));
        }
    }
}
