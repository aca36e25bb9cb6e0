//! Names as the index keeps them, in memory and in snapshots.

use alloc::vec::Vec;
use core::{cmp::Ordering, hash::Hasher};

use super::{seed::Seed, uuid};
use crate::{
    ids::{PartyId, ResourceId, ShareId},
    limits::GRANTEE_BYTES,
    requester::{Requester, RoleName},
    scope::Scope,
    share::Grantee,
};

/// What is named
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Share,
    Resource,
    User,
    Group,
    RealmRole,
    Scope,
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Share => 0,
            Self::Resource => 1,
            Self::User => 2,
            Self::Group => 3,
            Self::RealmRole => 4,
            Self::Scope => 5,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        [Self::Share, Self::Resource, Self::User, Self::Group, Self::RealmRole, Self::Scope]
            .into_iter()
            .find(|kind| kind.number() == number)
    }

    const fn is_id(self) -> bool {
        matches!(self, Self::Share | Self::Resource | Self::User)
    }
}

const CLIENT_ROLE: u8 = 6;
/// Added to the number of a kind whose name is packed
const PACKED: u8 = 0x80;
/// How many bytes a packed name takes
pub(super) const PACKED_BYTES: usize = 17;

/// A name, borrowed from a question, from the texts of the index, or from a snapshot.
///
/// Its bytes are the number of its kind; then 16 bytes if it is an id that is a UUID, or else its length in two bytes,
/// the least first, and its text. A client role has the client and the role one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// INVARIANT: only ids are packed, and an id that can be packed is
    Packed(Kind, [u8; 16]),
    Plain(Kind, &'a [u8]),
    ClientRole(&'a [u8], &'a [u8]),
}

impl<'a> Name<'a> {
    fn id(kind: Kind, text: &'a str) -> Self {
        let text = text.as_bytes();
        uuid::pack(text).map_or(Self::Plain(kind, text), |packed| Self::Packed(kind, packed))
    }

    pub(super) fn share(id: &'a ShareId) -> Self {
        Self::id(Kind::Share, id.as_str())
    }

    pub(super) fn resource(id: &'a ResourceId) -> Self {
        Self::id(Kind::Resource, id.as_str())
    }

    pub(super) fn user(id: &'a PartyId) -> Self {
        Self::id(Kind::User, id.as_str())
    }

    pub(super) const fn group(path: &'a str) -> Self {
        Self::Plain(Kind::Group, path.as_bytes())
    }

    pub(super) fn role(client: Option<&'a str>, name: &'a str) -> Self {
        match client {
            None => Self::Plain(Kind::RealmRole, name.as_bytes()),
            Some(client) => Self::ClientRole(client.as_bytes(), name.as_bytes()),
        }
    }

    pub(super) fn grantee(grantee: &'a Grantee) -> Self {
        match grantee {
            Grantee::User(id) => Self::user(id),
            Grantee::Group(path) => Self::group(path),
            Grantee::Role(role) => Self::role(role.client.as_deref(), &role.name),
        }
    }

    pub(super) fn scope(scope: &'a Scope) -> Self {
        Self::Plain(Kind::Scope, scope.as_str().as_bytes())
    }

    /// Whether it is of that kind
    pub(super) fn is(&self, kind: Kind) -> bool {
        match self {
            Self::Packed(own, _) | Self::Plain(own, _) => *own == kind,
            Self::ClientRole(..) => false,
        }
    }

    /// Whether it names a requester
    pub(super) const fn is_grantee(&self) -> bool {
        match self {
            Self::Packed(kind, _) | Self::Plain(kind, _) => {
                matches!(kind, Kind::User | Kind::Group | Kind::RealmRole)
            }
            Self::ClientRole(..) => true,
        }
    }

    /// Whether its texts are no longer than [`GRANTEE_BYTES`]; ids and scopes never are
    pub(super) const fn fits(&self) -> bool {
        match self {
            Self::Packed(..) => true,
            Self::Plain(_, text) => text.len() <= GRANTEE_BYTES,
            Self::ClientRole(client, role) => client.len() <= GRANTEE_BYTES && role.len() <= GRANTEE_BYTES,
        }
    }

    /// As [`Grantee::includes`]
    pub(super) fn means(&self, requester: &Requester) -> bool {
        let holds = |client, role| str::from_utf8(role).is_ok_and(|role| requester.roles.holds(client, role));
        match self {
            Self::Packed(Kind::User, _) | Self::Plain(Kind::User, _) => *self == Name::user(&requester.id),
            Self::Plain(Kind::Group, path) => requester.groups.iter().any(|group| group.as_bytes() == *path),
            Self::Plain(Kind::RealmRole, role) => holds(None, role),
            Self::ClientRole(client, role) => {
                str::from_utf8(client).is_ok_and(|client| holds(Some(client), role))
            }
            Self::Packed(..) | Self::Plain(..) => false,
        }
    }

    pub(super) fn hash(&self, seed: &Seed) -> u64 {
        let mut hasher = seed.hasher();
        match self {
            Self::Packed(kind, packed) => {
                let mut bytes = [0; 17];
                let [head, rest @ ..] = &mut bytes;
                (*head, *rest) = (kind.number() | PACKED, *packed);
                return hasher.hash(&bytes);
            }
            Self::Plain(kind, text) => {
                hasher.write_u8(kind.number());
                hasher.write(text);
            }
            Self::ClientRole(client, role) => {
                hasher.write_u8(CLIENT_ROLE);
                hasher.write_usize(client.len());
                hasher.write(client);
                hasher.write(role);
            }
        }
        hasher.finish()
    }

    /// How many bytes it takes
    pub(super) const fn size(&self) -> usize {
        match self {
            Self::Packed(..) => PACKED_BYTES,
            Self::Plain(_, text) => text.len().saturating_add(3),
            Self::ClientRole(client, role) => client.len().saturating_add(role.len()).saturating_add(5),
        }
    }

    /// Its bytes; a text that does not [fit](Self::fits) is cut off
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Packed(kind, packed) => {
                to.push(kind.number() | PACKED);
                to.extend(packed);
            }
            Self::Plain(kind, bytes) => {
                to.push(kind.number());
                write_text(bytes, to);
            }
            Self::ClientRole(client, role) => {
                to.push(CLIENT_ROLE);
                write_text(client, to);
                write_text(role, to);
            }
        }
    }

    /// The name whose bytes these are, and what follows; that it [holds](Self::holds) is not looked at
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = bytes.split_first()?;
        if *head == CLIENT_ROLE {
            let (client, rest) = text(rest)?;
            let (role, rest) = text(rest)?;
            return Some((Self::ClientRole(client, role), rest));
        }
        let kind = Kind::of_number(head & !PACKED)?;
        if *head & PACKED == 0 {
            let (text, rest) = text(rest)?;
            return Some((Self::Plain(kind, text), rest));
        }
        let (packed, rest) = rest.split_first_chunk()?;
        Some((Self::Packed(kind, *packed), rest))
    }

    /// Whether it could have been made of a value of its kind, and has the bytes that would have been made of it
    pub(super) fn holds(&self) -> bool {
        let good = |text: &[u8]| text.len() <= GRANTEE_BYTES && str::from_utf8(text).is_ok();
        match self {
            Self::Packed(kind, _) => kind.is_id(),
            Self::Plain(Kind::Scope, _) => self.to_scope().is_some(),
            // The rules are the same for every identifier.
            Self::Plain(kind, text) if kind.is_id() => {
                uuid::pack(text).is_none() && self.parse::<ShareId>().is_some()
            }
            Self::Plain(_, text) => good(text),
            Self::ClientRole(client, role) => good(client) && good(role),
        }
    }

    fn parse<T: core::str::FromStr>(&self) -> Option<T> {
        match self {
            Self::Packed(_, packed) => str::from_utf8(&uuid::spell(*packed)).ok()?.parse().ok(),
            Self::Plain(_, text) => str::from_utf8(text).ok()?.parse().ok(),
            Self::ClientRole(..) => None,
        }
    }

    pub(super) fn to_share(self) -> Option<ShareId> {
        self.parse().filter(|_| self.is(Kind::Share))
    }

    pub(super) fn to_resource(self) -> Option<ResourceId> {
        self.parse().filter(|_| self.is(Kind::Resource))
    }

    pub(super) fn to_scope(self) -> Option<Scope> {
        self.parse().filter(|_| self.is(Kind::Scope))
    }

    pub(super) fn to_grantee(self) -> Option<Grantee> {
        let owned = |text| str::from_utf8(text).map(Into::into).ok();
        let role = |client, name| Grantee::Role(RoleName { client, name });
        match self {
            Self::Packed(Kind::User, _) | Self::Plain(Kind::User, _) => self.parse().map(Grantee::User),
            Self::Plain(Kind::Group, path) => owned(path).map(Grantee::Group),
            Self::Plain(Kind::RealmRole, name) => Some(role(None, owned(name)?)),
            Self::ClientRole(client, name) => Some(role(Some(owned(client)?), owned(name)?)),
            Self::Packed(..) | Self::Plain(..) => None,
        }
    }

    /// The order of two ids as texts
    pub(super) fn cmp_ids(&self, other: &Self) -> Ordering {
        let (ours, theirs);
        let (ours, theirs): (&[u8], &[u8]) = match (self, other) {
            // Digits stand in the order of their values, and hyphens in the same places.
            (Self::Packed(_, ours), Self::Packed(_, theirs)) => (ours, theirs),
            (Self::Packed(_, packed), Self::Plain(_, theirs)) => {
                ours = uuid::spell(*packed);
                (&ours, theirs)
            }
            (Self::Plain(_, ours), Self::Packed(_, packed)) => {
                theirs = uuid::spell(*packed);
                (ours, &theirs)
            }
            (Self::Plain(_, ours), Self::Plain(_, theirs)) => (ours, theirs),
            (Self::ClientRole(..), _) | (_, Self::ClientRole(..)) => return Ordering::Equal,
        };
        ours.cmp(theirs)
    }
}

/// A part of a hash, for whoever hashes many names together
pub(super) const fn print(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A text after its length
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_le_bytes(*length).into())
}

fn write_text(text: &[u8], to: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(text.get(..length.into()).unwrap_or(text));
}
