//! The rows, 48 bytes each, on a list of their resource and on one of their requester.

use core::iter;

use super::{
    runs::Asked,
    slab::{Place, Slab},
};
use crate::{share::ShareState, time::UnixTime};

/// The lists of a resource
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// Granted to users; rows of one user stand together, and among them rows of one scope
    Users,
    /// Granted to groups and roles, in the same order
    Wide,
    /// Not answered
    Pending,
    /// Denied and blocked
    Closed,
}

impl List {
    pub(super) const ALL: [Self; 4] = [Self::Users, Self::Wide, Self::Pending, Self::Closed];

    /// Where a row stands that is in this state, and for a user or not
    pub(super) const fn of(state: ShareState, is_user: bool) -> Self {
        match state {
            ShareState::Granted if is_user => Self::Users,
            ShareState::Granted => Self::Wide,
            ShareState::Pending => Self::Pending,
            ShareState::Denied | ShareState::Blocked => Self::Closed,
        }
    }

    pub(super) const fn is_granted(self) -> bool {
        matches!(self, Self::Users | Self::Wide)
    }

    pub(super) const fn number(self) -> usize {
        match self {
            Self::Users => 0,
            Self::Wide => 1,
            Self::Pending => 2,
            Self::Closed => 3,
        }
    }
}

/// Neighbours on a list
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link {
    next: Option<Place>,
    previous: Option<Place>,
}

/// A share, with places instead of texts
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Where its id stands among the texts
    pub(super) id: Place,
    /// Where its parent's id stands among the texts
    pub(super) parent: Option<Place>,
    pub(super) resource: Place,
    pub(super) grantee: Place,
    pub(super) scope: Option<Place>,
    of_resource: Link,
    of_grantee: Link,
    // Bytes, because a number would make every row eight bytes longer.
    end: [u8; 8],
    ends: bool,
    pub(super) state: ShareState,
}

impl Row {
    pub(super) fn new(id: Place, resource: Place, grantee: Place, state: ShareState) -> Self {
        let none = Link::default();
        let (parent, scope, end, ends) = (None, None, [0; 8], false);
        Self { id, parent, resource, grantee, scope, of_resource: none, of_grantee: none, end, ends, state }
    }

    pub(super) fn end(&self) -> Option<UnixTime> {
        self.ends.then_some(UnixTime(u64::from_le_bytes(self.end)))
    }

    pub(super) fn set_end(&mut self, end: Option<UnixTime>) {
        self.ends = end.is_some();
        self.end = end.unwrap_or_default().0.to_le_bytes();
    }

    /// As [`Share::grants_at`](crate::share::Share::grants_at)
    pub(super) fn grants_at(&self, now: UnixTime) -> bool {
        self.state == ShareState::Granted && self.end().is_none_or(|end| now < end)
    }

    /// Whether a row is of the same resource and requester, and of the scope
    pub(super) fn is_like(&self, other: &Self, asked: Asked) -> bool {
        self.resource == other.resource && self.grantee == other.grantee && asked.is(other.scope)
    }

    /// The row after it on the list of its resource
    pub(super) const fn next_of_resource(&self) -> Option<Place> {
        self.of_resource.next
    }

    const fn link(&mut self, side: Side) -> &mut Link {
        match side {
            Side::Resource => &mut self.of_resource,
            Side::Grantee => &mut self.of_grantee,
        }
    }
}

/// Whose list
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Resource,
    Grantee,
}

/// Rows and their lists
#[derive(Debug, Clone)]
pub(super) struct Rows(pub(super) Slab<Row>);

impl Rows {
    pub(super) fn get(&self, place: Place) -> Option<&Row> {
        self.0.get(place)
    }

    fn link(&mut self, side: Side, place: Option<Place>) -> Option<&mut Link> {
        self.0.get_mut(place?).map(|row| row.link(side))
    }

    /// Puts a row on a list: before another, or at its beginning
    pub(super) fn enlist(
        &mut self,
        side: Side,
        first: &mut Option<Place>,
        place: Place,
        before: Option<Place>,
    ) {
        let next = before.or(*first);
        let previous = self.link(side, next).and_then(|link| link.previous.replace(place));
        if let Some(link) = self.link(side, Some(place)) {
            *link = Link { next, previous };
        }
        match self.link(side, previous) {
            Some(link) => link.next = Some(place),
            None => *first = Some(place),
        }
    }

    /// Takes a row off a list
    pub(super) fn unlist(&mut self, side: Side, first: &mut Option<Place>, place: Place) {
        let Some(Link { next, previous }) = self.link(side, Some(place)).map(|link| *link) else { return };
        if let Some(link) = self.link(side, next) {
            link.previous = previous;
        }
        match self.link(side, previous) {
            Some(link) => link.next = next,
            None => *first = next,
        }
    }

    /// The rows of a list, from one on
    pub(super) fn list<'a>(
        &'a self,
        side: Side,
        first: Option<&'a Row>,
    ) -> impl Iterator<Item = &'a Row> + Clone {
        iter::successors(first, move |last| match side {
            Side::Resource => self.get(last.of_resource.next?),
            Side::Grantee => self.get(last.of_grantee.next?),
        })
    }
}
