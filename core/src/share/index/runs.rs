//! Granted rows by resource, requester and scope.

use super::{
    names::Names,
    rows::{Row, Rows},
    scopes::Scopes,
    seed::Seed,
    slab::Place,
    table::Table,
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

/// What a row is hashed by: parts of the hashes of its names, so that a question needs no places to find it
#[derive(Clone, Copy)]
pub(super) struct Prints<'a> {
    pub(super) resources: &'a Names<4>,
    pub(super) grantees: &'a Names<1>,
    pub(super) scopes: &'a Scopes,
    pub(super) seed: &'a Seed,
}

impl Prints<'_> {
    fn of(&self, row: &Row, asked: Asked) -> u64 {
        self.hash(self.resources.print(row.resource), self.grantees.print(row.grantee), asked)
    }

    pub(super) fn hash(&self, resource: u32, grantee: u32, asked: Asked) -> u64 {
        let scope = match asked {
            Asked::Any => 0,
            Asked::Only(scope) => self.scopes.print(scope),
        };
        let mut bytes = [0; 12];
        for (bytes, print) in bytes.as_chunks_mut().0.iter_mut().zip([resource, grantee, scope]) {
            *bytes = print.to_le_bytes();
        }
        self.seed.hasher().hash(&bytes)
    }
}

/// The first row of each run: granted rows of one resource and requester, and perhaps of one scope
#[derive(Debug, Clone)]
pub(super) struct Runs {
    is_of_scope: bool,
    table: Table,
}

impl Runs {
    pub(super) fn with_capacity(is_of_scope: bool, capacity: usize) -> Self {
        Self { is_of_scope, table: Table::with_capacity(capacity) }
    }

    pub(super) const fn len(&self) -> usize {
        self.table.len()
    }

    /// What its runs are asked for by
    const fn asked(is_of_scope: bool, row: &Row) -> Asked {
        if is_of_scope { Asked::Only(row.scope) } else { Asked::Any }
    }

    /// The first row of a run
    pub(super) fn first<'a>(
        &self,
        hash: u64,
        rows: &'a Rows,
        is_it: impl Fn(&Row) -> bool,
    ) -> Option<&'a Row> {
        let (_, place) = self.table.find(hash, |place| rows.get(place).is_some_and(&is_it))?;
        rows.get(place)
    }

    /// What the run of a row is found by
    pub(super) fn hash(&self, place: Place, rows: &Rows, prints: Prints<'_>) -> u64 {
        hash(self.is_of_scope, place, rows, prints)
    }

    /// Makes a row the first of its run, if there is none or the first gives way, and says which it was
    pub(super) fn lead(
        &mut self,
        (place, hash): (Place, u64),
        rows: &Rows,
        prints: Prints<'_>,
        gives_way: impl FnOnce(Place) -> bool,
    ) -> Option<Place> {
        let row = rows.get(place)?;
        let asked = Self::asked(self.is_of_scope, row);
        let is_like = |other| rows.get(other).is_some_and(|other| row.is_like(other, asked));
        let Some((slot, first)) = self.table.find(hash, is_like) else {
            self.table.insert(hash, place, |other| self::hash(self.is_of_scope, other, rows, prints));
            return None;
        };
        if gives_way(first) {
            self.table.replace(slot, hash, place);
        }
        Some(first)
    }

    /// Leaves the run to the next row before this one goes
    pub(super) fn leave(&mut self, place: Place, rows: &Rows, prints: Prints<'_>) {
        let Some(row) = rows.get(place) else { return };
        let asked = Self::asked(self.is_of_scope, row);
        let hash = prints.of(row, asked);
        let Some((slot, _)) = self.table.find(hash, |other| other == place) else { return };
        let is_like = |next: &Place| rows.get(*next).is_some_and(|next| row.is_like(next, asked));
        match row.next_of_resource().filter(is_like) {
            Some(next) => self.table.replace(slot, hash, next),
            None => self.table.remove(slot, |other| self::hash(self.is_of_scope, other, rows, prints)),
        }
    }
}

fn hash(is_of_scope: bool, place: Place, rows: &Rows, prints: Prints<'_>) -> u64 {
    rows.get(place).map_or(0, |row| prints.of(row, Runs::asked(is_of_scope, row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart_by_resource_requester_and_scope() {
        let seed = Seed::new([7; 16]);
        let mut scopes = Scopes::new();
        let [read, write] = ["read", "write"].map(|name| scopes.insert(name.parse().unwrap(), &seed));
        let prints = Prints {
            resources: &Names::with_capacity(0),
            grantees: &Names::with_capacity(0),
            scopes: &scopes,
            seed: &seed,
        };
        let hash = |resource, grantee, scope| prints.hash(resource, grantee, Asked::Only(scope));
        let one = hash(1, 2, read);
        assert_eq!(one, hash(1, 2, read));
        for other in [hash(3, 2, read), hash(1, 3, read), hash(2, 1, read), hash(1, 2, write)] {
            assert_ne!(one, other);
        }
        assert_eq!(prints.hash(1, 2, Asked::Any), hash(1, 2, None), "any scope is hashed as none");
    }
}
