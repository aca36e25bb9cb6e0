//! The index as bytes.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{
    HEAD, MAGIC, NEW_REQUESTER, NEW_RESOURCE, NEW_SCOPE, SUM, VERSION, WITH_END, WITH_PARENT, WITH_SCOPE,
    reseal, state_number,
};
use crate::share::index::{Shares, Sizes, name::Name, rows::Row, slab::Place};

impl Shares {
    /// All shares as bytes, to build the index again elsewhere. Equal shares make equal bytes, whatever the seed.
    ///
    /// They are not secret beyond what they say, and not signed: take them only from whom you trust.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut rows: Vec<&Row> = self.rows.0.iter().map(|(_, row)| row).collect();
        rows.sort_by(|a, b| match (self.texts.get(a.id), self.texts.get(b.id)) {
            (Some(a), Some(b)) => a.cmp_ids(&b),
            _ => Ordering::Equal,
        });
        let mut output = Output { bytes: Vec::with_capacity(HEAD) };
        output.bytes.extend(MAGIC);
        output.number(VERSION);
        // The length is known at the end.
        output.number(0);
        let Sizes { shares, resources, grantees, pairs, triples, text_bytes } = self.sizes();
        for size in [shares, resources, grantees, pairs, triples, text_bytes] {
            output.size(size);
        }
        let named = self.resources.packed_bytes().saturating_add(self.grantees.packed_bytes());
        let texts = self.texts.live().saturating_add(named);
        output.bytes.reserve_exact(rows.len().saturating_mul(21).saturating_add(texts));
        let mut resources = Numbers::new(self.resources.places());
        let mut grantees = Numbers::new(self.grantees.places());
        let mut scopes = Numbers::new(self.scopes.places());
        for row in rows {
            let (resource, grantee) = (resources.of(row.resource), grantees.of(row.grantee));
            let scope = row.scope.map(|scope| scopes.of(scope));
            let flags = [
                (WITH_SCOPE, scope.is_some()),
                (WITH_END, row.end().is_some()),
                (WITH_PARENT, row.parent.is_some()),
                (NEW_RESOURCE, resource.is_none()),
                (NEW_REQUESTER, grantee.is_none()),
                (NEW_SCOPE, scope == Some(None)),
            ];
            let set = flags.into_iter().filter(|(_, is_set)| *is_set);
            output.bytes.push(set.fold(state_number(row.state), |all, (flag, _)| all | flag));
            output.name(self.texts.get(row.id));
            output.mention(resource, || self.resources.name(row.resource, &self.texts));
            output.mention(grantee, || self.grantees.name(row.grantee, &self.texts));
            if let (Some(number), Some(scope)) = (scope, row.scope) {
                output.mention(number, || self.scopes.get(scope).map(Name::scope));
            }
            output.bytes.extend(row.end().into_iter().flat_map(|end| end.0.to_le_bytes()));
            output.name(row.parent.and_then(|parent| self.texts.get(parent)));
        }
        output.seal()
    }
}

/// What was written
struct Output {
    bytes: Vec<u8>,
}

impl Output {
    fn number(&mut self, number: u32) {
        self.bytes.extend(number.to_le_bytes());
    }

    fn size(&mut self, size: usize) {
        // INVARIANT: limits are far below 32 bits; a size that is not is refused when it is read.
        self.number(u32::try_from(size).unwrap_or(u32::MAX));
    }

    fn name(&mut self, name: Option<Name<'_>>) {
        if let Some(name) = name {
            name.write(&mut self.bytes);
        }
    }

    /// A number that was given before, or else the name
    fn mention<'a>(&mut self, number: Option<u32>, name: impl FnOnce() -> Option<Name<'a>>) {
        match number {
            Some(number) => self.number(number),
            None => self.name(name()),
        }
    }

    fn seal(mut self) -> Vec<u8> {
        self.bytes.extend([0; SUM]);
        reseal(&mut self.bytes);
        self.bytes
    }
}

/// Numbers of places in the order in which they are first written
struct Numbers {
    of: Vec<Option<u32>>,
    next: u32,
}

impl Numbers {
    fn new(places: usize) -> Self {
        Self { of: alloc::vec![None; places], next: 0 }
    }

    /// The number of a place; at the first mention it gets one
    fn of(&mut self, place: Place) -> Option<u32> {
        let slot = self.of.get_mut(place.index())?;
        let number = *slot;
        if number.is_none() {
            *slot = Some(self.next);
            self.next = self.next.saturating_add(1);
        }
        number
    }
}
