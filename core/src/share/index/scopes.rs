//! Each scope once.

use super::{
    name::{Name, print},
    seed::Seed,
    slab::{Place, Slab},
    table::Table,
};
use crate::scope::Scope;

/// Scopes that rows have
#[derive(Debug, Clone)]
pub(super) struct Scopes {
    entries: Slab<Counted>,
    table: Table,
    bytes: usize,
}

#[derive(Debug, Clone)]
struct Counted {
    scope: Scope,
    print: u32,
    rows: usize,
}

fn hash(scope: &Scope, seed: &Seed) -> u64 {
    Name::scope(scope).hash(seed)
}

impl Scopes {
    pub(super) fn new() -> Self {
        Self { entries: Slab::with_capacity(0), table: Table::default(), bytes: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) const fn places(&self) -> usize {
        self.entries.places()
    }

    /// How many bytes their texts take
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn get(&self, place: Place) -> Option<&Scope> {
        self.entries.get(place).map(|entry| &entry.scope)
    }

    /// A part of the hash of a scope, which rows are hashed by
    pub(super) fn print(&self, place: Option<Place>) -> u32 {
        place.and_then(|place| self.entries.get(place)).map_or(0, |entry| entry.print)
    }

    pub(super) fn find(&self, scope: &Scope, seed: &Seed) -> Option<Place> {
        let (_, place) = self.table.find(hash(scope, seed), |place| self.get(place) == Some(scope))?;
        Some(place)
    }

    /// The place of a scope that nothing uses yet
    pub(super) fn insert(&mut self, scope: Scope, seed: &Seed) -> Option<Place> {
        let (hash, size) = (hash(&scope, seed), scope.as_str().len());
        let place = self.entries.insert(Counted { scope, print: print(hash), rows: 0 })?;
        self.table.insert(hash, place, |place| hash_at(&self.entries, place, seed));
        self.bytes = self.bytes.saturating_add(size);
        Some(place)
    }

    /// One row more has it
    pub(super) fn hold(&mut self, place: Place) {
        if let Some(entry) = self.entries.get_mut(place) {
            entry.rows = entry.rows.saturating_add(1);
        }
    }

    /// One row less has it; what no row has is dropped
    pub(super) fn release(&mut self, place: Place, seed: &Seed) {
        let Some(Counted { scope, rows, .. }) = self.entries.get_mut(place) else { return };
        *rows = rows.saturating_sub(1);
        if *rows > 0 {
            return;
        }
        let (hash, size) = (hash(scope, seed), scope.as_str().len());
        if let Some((slot, _)) = self.table.find(hash, |other| other == place) {
            self.table.remove(slot, |place| hash_at(&self.entries, place, seed));
        }
        self.entries.remove(place);
        self.bytes = self.bytes.saturating_sub(size);
    }
}

fn hash_at(entries: &Slab<Counted>, place: Place, seed: &Seed) -> u64 {
    entries.get(place).map_or(0, |entry| hash(&entry.scope, seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_stays_as_long_as_a_row_has_it() {
        let seed = Seed::new([7; 16]);
        let mut scopes = Scopes::new();
        let [read, write] = ["read", "write"].map(|name| name.parse::<Scope>().unwrap());
        let places = [&read, &write].map(|scope| scopes.insert(scope.clone(), &seed).unwrap());
        assert_eq!([&read, &write].map(|scope| scopes.find(scope, &seed)), places.map(Some));
        assert_eq!((scopes.len(), scopes.bytes()), (2, 9));
        let [of_read, of_write] = places;
        scopes.hold(of_read);
        scopes.hold(of_read);
        scopes.release(of_read, &seed);
        assert_eq!(scopes.find(&read, &seed), Some(of_read));
        scopes.release(of_read, &seed);
        assert_eq!((scopes.find(&read, &seed), scopes.get(of_read)), (None, None));
        assert_eq!((scopes.len(), scopes.table.len(), scopes.bytes()), (1, 1, 5));
        assert_eq!(scopes.find(&write, &seed), Some(of_write));
    }

    #[test]
    fn scopes_are_told_apart_by_their_prints() {
        let seed = Seed::new([7; 16]);
        let mut scopes = Scopes::new();
        let [read, write] = ["read", "write"].map(|name| name.parse::<Scope>().unwrap());
        assert_ne!(hash(&read, &seed), hash(&write, &seed));
        let [of_read, of_write] = [read, write].map(|scope| scopes.insert(scope, &seed));
        assert_ne!(scopes.print(of_read), scopes.print(of_write));
        assert_eq!(scopes.print(None), 0);
        assert!(scopes.print(of_read) != 0 && scopes.print(of_write) != 0);
    }
}
