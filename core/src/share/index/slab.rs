//! Places in tables, four bytes each, and tables whose places are used again.

use alloc::vec::Vec;
use core::num::NonZeroU32;

/// A place in a [`Slab`], or where a text begins; `Option<Place>` takes no more room
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(NonZeroU32);

impl Place {
    /// The place of that index, unless it needs more than 32 bits
    pub(super) fn new(index: usize) -> Option<Self> {
        let number = u32::try_from(index).ok()?.checked_add(1)?;
        NonZeroU32::new(number).map(Self)
    }

    pub(super) fn index(self) -> usize {
        usize::try_from(self.0.get().wrapping_sub(1)).unwrap_or(usize::MAX)
    }

    /// One more than the index
    pub(super) const fn number(self) -> u32 {
        self.0.get()
    }

    pub(super) fn from_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }
}

/// Values at places; what is removed leaves its place to another
#[derive(Debug, Clone)]
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<Place>,
}

impl<T> Slab<T> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { slots: Vec::with_capacity(capacity), free: Vec::new() }
    }

    /// How many values there are
    pub(super) const fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    /// How many places there are
    pub(super) const fn places(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, place: Place) -> Option<&T> {
        self.slots.get(place.index())?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.slots.get_mut(place.index())?.as_mut()
    }

    /// Puts a value at a free place; none is left when places would need more than 32 bits
    pub(super) fn insert(&mut self, value: T) -> Option<Place> {
        if let Some(place) = self.free.pop() {
            *self.slots.get_mut(place.index())? = Some(value);
            return Some(place);
        }
        let place = Place::new(self.slots.len())?;
        grow(&mut self.slots, 1);
        self.slots.push(Some(value));
        Some(place)
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<T> {
        let value = self.slots.get_mut(place.index())?.take()?;
        self.free.push(place);
        Some(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &T)> {
        let numbered = self.slots.iter().enumerate();
        numbered.filter_map(|(index, slot)| Some((Place::new(index)?, slot.as_ref()?)))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }
}

/// Makes room by a quarter: twice as much, as vectors grow by themselves, does not fit where memory is scarce
pub(super) fn grow<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity().saturating_sub(list.len()) < more {
        list.reserve_exact(more.max(list.len().div_euclid(4)).max(16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_by_a_quarter_when_it_is_used_up() {
        let mut slab = Slab::with_capacity(0);
        for number in 0..16 {
            slab.insert(number).unwrap();
        }
        assert_eq!(slab.slots.capacity(), 16, "room for the last is room");
        for number in 16..1_000 {
            slab.insert(number).unwrap();
            let (length, room) = (slab.slots.len(), slab.slots.capacity());
            assert!(room <= length + (length / 4).max(16), "{room} for {length}");
        }
        // Grown more often than that, most of the time would go into moving.
        let before = slab.slots.capacity();
        while slab.slots.capacity() == before {
            slab.insert(0).unwrap();
        }
        assert!(slab.slots.capacity() >= before + before / 4 - 16, "{before}, {}", slab.slots.capacity());
    }
}
