//! An index as bytes.
//!
//! All numbers have their least byte first. The head: `CSSHARES`; in four bytes each: the version, the length of the
//! snapshot, how many shares, resources, requesters, pairs of these, and such pairs with a scope are in it (the last two
//! of granted shares only), and how many bytes the names in an index of it take. Then the shares in the order of their
//! ids, each of them:
//!
//! 1. a byte: the state (0 pending, 1 granted, 2 denied, 3 blocked), + 4 with a scope, + 8 with an end, + 16 with a
//!    parent, + 32 if its resource, + 64 if its requester, + 128 if its scope was not mentioned before
//! 2. its id
//! 3. its resource, its requester, and its scope: the name where it is the first mention; later, in four bytes, how many
//!    others were mentioned before it
//! 4. in eight bytes, its end
//! 5. the id of its parent
//!
//! At last, in eight bytes, the SipHash-1-3 of all before with a key of zeros: it finds what broke on the way, and says
//! nothing about who made it. There is one snapshot for some shares, and every other sequence of bytes is refused.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{
    Bounds, Seed, Shares, Sizes,
    name::{Kind, Name},
    rows::Row,
    slab::Place,
};
use crate::{
    limits::{SHARES, SHARES_SNAPSHOT_BYTES, SHARES_TEXT_BYTES},
    share::ShareState,
    time::UnixTime,
};

const MAGIC: [u8; 8] = *b"CSSHARES";
const VERSION: u32 = 1;
/// The magic, and eight numbers
const HEAD: usize = 40;
/// Where the length of the whole stands
const LENGTH_AT: core::ops::Range<usize> = 12..16;
const SUM: usize = 8;
/// A share has a byte, an id of a letter, and a resource and a requester that are named or counted, at least
const LEAST: usize = 12;
const STATE: u8 = 3;
const WITH_SCOPE: u8 = 4;
const WITH_END: u8 = 8;
const WITH_PARENT: u8 = 16;
const NEW_RESOURCE: u8 = 32;
const NEW_REQUESTER: u8 = 64;
const NEW_SCOPE: u8 = 128;

/// Why bytes are no snapshot of shares
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoadSharesError {
    /// Longer than [`SHARES_SNAPSHOT_BYTES`]
    #[error("snapshot of shares is longer than {SHARES_SNAPSHOT_BYTES} bytes")]
    TooLong,
    /// It does not begin as one
    #[error("not a snapshot of shares")]
    NotASnapshot,
    /// Made by a version that this one does not read
    #[error("snapshot of shares has version {0}, only version {VERSION} is read")]
    Version(u32),
    /// The end is missing
    #[error("snapshot of shares is cut off")]
    CutOff,
    /// More than [`SHARES`], or texts of more than [`SHARES_TEXT_BYTES`]
    #[error("snapshot has more than {SHARES} shares, or texts of more than {SHARES_TEXT_BYTES} bytes")]
    TooMany,
    /// Not what would have been written
    #[error("snapshot of shares is damaged at byte {at}")]
    Malformed {
        /// Where the share begins that cannot be read; the length if it is the sum that is wrong
        at: usize,
    },
}

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
        output.bytes.reserve_exact(rows.len().saturating_mul(21).saturating_add(self.texts.live()));
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

    /// Builds the index from a [snapshot](Self::snapshot). No number in it is believed before the bytes are there.
    pub fn from_snapshot(bytes: &[u8], seed: Seed) -> Result<Self, LoadSharesError> {
        if bytes.len() > SHARES_SNAPSHOT_BYTES {
            return Err(LoadSharesError::TooLong);
        }
        let mut input = Input { rest: bytes };
        if input.take() != Some(&MAGIC) {
            return Err(LoadSharesError::NotASnapshot);
        }
        let version = input.number().ok_or(LoadSharesError::CutOff)?;
        if version != VERSION {
            return Err(LoadSharesError::Version(version));
        }
        let malformed = LoadSharesError::Malformed { at: bytes.len() };
        match input.size().map(|length| length.cmp(&bytes.len())) {
            None | Some(Ordering::Greater) => return Err(LoadSharesError::CutOff),
            Some(Ordering::Equal) => {}
            Some(Ordering::Less) => return Err(malformed),
        }
        let (body, sum) = bytes.split_last_chunk().ok_or(malformed)?;
        if !is_sum(*sum, body) {
            return Err(malformed);
        }
        let sizes = input.sizes().ok_or(malformed)?;
        if sizes.shares > SHARES || sizes.text_bytes > SHARES_TEXT_BYTES {
            return Err(LoadSharesError::TooMany);
        }
        input.rest = body.get(HEAD..).ok_or(malformed)?;
        let of_shares = [sizes.resources, sizes.grantees, sizes.pairs, sizes.triples];
        if sizes.shares.saturating_mul(LEAST) > input.rest.len()
            || of_shares.into_iter().any(|size| size > sizes.shares)
            || sizes.text_bytes > input.rest.len()
        {
            return Err(malformed);
        }
        let mut shares = Self::with_room(seed, Bounds::MOST, sizes);
        let mut last = None;
        for _ in 0..sizes.shares {
            let at = body.len().saturating_sub(input.rest.len());
            last = Some(shares.read(&mut input, last).ok_or(LoadSharesError::Malformed { at })?);
        }
        if input.rest.is_empty() && shares.sizes() == sizes { Ok(shares) } else { Err(malformed) }
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            shares: self.len(),
            resources: self.resources.len(),
            grantees: self.grantees.len(),
            pairs: self.pairs.len(),
            triples: self.triples.len(),
            text_bytes: self.texts.live(),
        }
    }

    /// Reads one share, and gives its id, which must come after the last
    fn read<'a>(&mut self, input: &mut Input<'a>, last: Option<Name<'a>>) -> Option<Name<'a>> {
        let [flags] = *input.take()?;
        let state = ShareState::ALL.into_iter().find(|state| state_number(*state) == flags & STATE)?;
        let id = input.name().filter(|id| id.is(Kind::Share))?;
        if flags & (WITH_SCOPE | NEW_SCOPE) == NEW_SCOPE || last.is_some_and(|last| id.cmp_ids(&last).is_le())
        {
            return None;
        }
        let (texts, seed) = (&mut self.texts, &self.seed);
        let resource = input.place(flags & NEW_RESOURCE, self.resources.len(), |name| {
            let name = Some(name).filter(|name| name.is(Kind::Resource))?;
            self.resources.intern(&name, texts, seed).and_then(only_new)
        })?;
        let grantee = input.place(flags & NEW_REQUESTER, self.grantees.len(), |name| {
            let name = Some(name).filter(Name::is_grantee)?;
            self.grantees.intern(&name, texts, seed).and_then(only_new)
        })?;
        let mut row = Row::new(texts.push(&id)?, resource, grantee, state);
        if flags & WITH_SCOPE != 0 {
            let scope = input.place(flags & NEW_SCOPE, self.scopes.len(), |name| {
                let scope = name.to_scope()?;
                if self.scopes.find(&scope, seed).is_some() { None } else { self.scopes.insert(scope, seed) }
            })?;
            row.scope = Some(scope);
        }
        if flags & WITH_END != 0 {
            row.set_end(Some(UnixTime(u64::from_le_bytes(*input.take()?))));
        }
        if flags & WITH_PARENT != 0 {
            let parent = input.name().filter(|parent| parent.is(Kind::Share))?;
            row.parent = Some(texts.push(&parent)?);
        }
        self.enter(&id, row)?;
        Some(id)
    }
}

fn only_new((place, is_new): (Place, bool)) -> Option<Place> {
    is_new.then_some(place)
}

/// A seal over bytes that a fuzzer makes up would hide everything else from it.
fn is_sum(found: [u8; SUM], body: &[u8]) -> bool {
    cfg!(fuzzing) || found == sum(body)
}

fn sum(body: &[u8]) -> [u8; SUM] {
    Seed::new([0; 16]).hasher().hash(body).to_le_bytes()
}

const fn state_number(state: ShareState) -> u8 {
    match state {
        ShareState::Pending => 0,
        ShareState::Granted => 1,
        ShareState::Denied => 2,
        ShareState::Blocked => 3,
    }
}

/// What is left to read
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn size(&mut self) -> Option<usize> {
        self.number().and_then(|number| usize::try_from(number).ok())
    }

    fn sizes(&mut self) -> Option<Sizes> {
        Some(Sizes {
            shares: self.size()?,
            resources: self.size()?,
            grantees: self.size()?,
            pairs: self.size()?,
            triples: self.size()?,
            text_bytes: self.size()?,
        })
    }

    fn name(&mut self) -> Option<Name<'a>> {
        let (name, rest) = Name::read(self.rest)?;
        self.rest = rest;
        Some(name).filter(Name::holds)
    }

    /// The place of a number below `known`, or of the name that is there if it is new.
    ///
    /// While a snapshot is read, nothing is removed, so that numbers and places are the same.
    fn place(
        &mut self,
        new: u8,
        known: usize,
        place: impl FnOnce(Name<'a>) -> Option<Place>,
    ) -> Option<Place> {
        if new == 0 {
            return self.size().filter(|number| *number < known).and_then(Place::new);
        }
        self.name().and_then(place)
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

/// Writes length and sum into bytes that have a place for them
pub(super) fn reseal(bytes: &mut [u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if let Some(place) = bytes.get_mut(LENGTH_AT) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    if let Some((body, place)) = bytes.split_last_chunk_mut() {
        *place = sum(body);
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
