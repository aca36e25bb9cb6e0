//! Granted rows by resource, requester and scope.

use hashbrown::HashTable;

use super::{
    rows::{Row, Rows},
    seed::Seed,
    slab::Place,
};

/// Which scope is asked for
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whatever there is
    Any,
    /// This one, or rows without a scope
    Only(Option<Place>),
}

impl Asked {
    pub(super) fn is(self, scope: Option<Place>) -> bool {
        match self {
            Self::Any => true,
            Self::Only(asked) => asked == scope,
        }
    }
}

/// What granted rows are looked up by
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) resource: Place,
    pub(super) grantee: Place,
    pub(super) scope: Asked,
}

impl Key {
    const fn of(row: &Row, is_pair: bool) -> Self {
        let Row { resource, grantee, scope, .. } = *row;
        Self { resource, grantee, scope: if is_pair { Asked::Any } else { Asked::Only(scope) } }
    }

    /// Whether it is the key of this row
    pub(super) fn is_of(self, row: &Row) -> bool {
        row.resource == self.resource && row.grantee == self.grantee && self.scope.is(row.scope)
    }

    fn hash(self, seed: &Seed) -> u64 {
        let mut bytes = [0; 12];
        let scope = match self.scope {
            Asked::Any => None,
            Asked::Only(scope) => scope,
        };
        let places = [Some(self.resource), Some(self.grantee), scope];
        for (bytes, place) in bytes.as_chunks_mut().0.iter_mut().zip(places) {
            *bytes = Place::number(place).to_le_bytes();
        }
        seed.hasher().hash(&bytes)
    }
}

/// The first row of each run of granted rows with one key
#[derive(Debug, Clone)]
pub(super) struct Runs {
    /// Whether rows of one resource and requester are a run, or only those of one scope too
    is_pair: bool,
    table: HashTable<Place>,
}

impl Runs {
    pub(super) fn with_capacity(is_pair: bool, capacity: usize) -> Self {
        Self { is_pair, table: HashTable::with_capacity(capacity) }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The first row of the run that a row belongs to, or would
    pub(super) fn first_like(&self, row: &Row, rows: &Rows, seed: &Seed) -> Option<Place> {
        self.first(Key::of(row, self.is_pair), rows, seed)
    }

    pub(super) fn first(&self, key: Key, rows: &Rows, seed: &Seed) -> Option<Place> {
        let is_it = |place: &Place| rows.get(*place).is_some_and(|row| key.is_of(row));
        self.table.find(key.hash(seed), is_it).copied()
    }

    /// Makes a row the first of its run
    pub(super) fn lead(&mut self, place: Place, rows: &Rows, seed: &Seed) {
        let is_pair = self.is_pair;
        let Some(key) = rows.get(place).map(|row| Key::of(row, is_pair)) else { return };
        let is_it = |other: &Place| rows.get(*other).is_some_and(|row| key.is_of(row));
        if let Some(first) = self.table.find_mut(key.hash(seed), is_it) {
            *first = place;
            return;
        }
        let hash_of = |other: &Place| rows.get(*other).map_or(0, |row| Key::of(row, is_pair).hash(seed));
        self.table.insert_unique(key.hash(seed), place, hash_of);
    }

    /// Leaves the run to the next row before this one goes
    pub(super) fn leave(&mut self, place: Place, rows: &Rows, seed: &Seed) {
        let Some(row) = rows.get(place) else { return };
        let key = Key::of(row, self.is_pair);
        let Ok(mut first) = self.table.find_entry(key.hash(seed), |other| *other == place) else { return };
        match row.next_of_resource().filter(|next| rows.get(*next).is_some_and(|row| key.is_of(row))) {
            Some(next) => *first.get_mut() = next,
            None => {
                first.remove();
            }
        }
    }
}
