//! All names of an index in one run of bytes.

use alloc::vec::Vec;

use super::{
    name::Name,
    slab::{Place, grow},
};

/// Fewer bytes than these are not worth moving the others
const FEW: usize = 4096;

/// Names, one after the other; what is forgotten stays until [`Texts::is_sparse`] says that moving pays
#[derive(Debug, Clone)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    dead: usize,
}

impl Texts {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), dead: 0 }
    }

    /// How many bytes are in use
    pub(super) const fn live(&self) -> usize {
        self.bytes.len().saturating_sub(self.dead)
    }

    /// How many bytes there are, the forgotten ones included
    #[cfg(test)]
    pub(super) const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether more than half of it is forgotten
    pub(super) const fn is_sparse(&self) -> bool {
        self.dead > FEW && self.dead > self.live()
    }

    /// Adds a name; there is no place for it beyond 32 bits
    pub(super) fn push(&mut self, name: &Name<'_>) -> Option<Place> {
        let place = Place::new(self.bytes.len())?;
        grow(&mut self.bytes, name.size());
        name.write(&mut self.bytes);
        Some(place)
    }

    pub(super) fn get(&self, place: Place) -> Option<Name<'_>> {
        Name::read(self.bytes.get(place.index()..)?).map(|(name, _)| name)
    }

    /// The name is not needed any more
    pub(super) fn forget(&mut self, place: Place) {
        let size = self.get(place).map_or(0, |name| name.size());
        self.dead = self.dead.saturating_add(size);
    }

    /// Takes a name over from elsewhere and says where it stands now
    pub(super) fn take_over(&mut self, from: &Self, place: &mut Place) {
        // INVARIANT: every place that is kept has a name, and it stands no further back than it did.
        if let Some(moved) = from.get(*place).and_then(|name| self.push(&name)) {
            *place = moved;
        }
    }
}
