//! The index from bytes that anybody may have made.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{
    HEAD, LEAST, LoadSharesError, MAGIC, NEW_REQUESTER, NEW_RESOURCE, NEW_SCOPE, STATE, VERSION, WITH_END,
    WITH_PARENT, WITH_SCOPE, is_sum, state_number,
};
use crate::{
    limits::{SHARES, SHARES_SNAPSHOT_BYTES, SHARES_TEXT_BYTES},
    share::{
        ShareState,
        index::{
            Bounds, Seed, Shares, Sizes,
            name::{Kind, Name},
            rows::Row,
            slab::Place,
        },
    },
    time::UnixTime,
};

/// So many rows are put where questions find them at once
const AT_ONCE: usize = 1024;

impl Shares {
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
        let mut places = Vec::with_capacity(AT_ONCE.min(sizes.shares));
        for _ in 0..sizes.shares {
            let at = body.len().saturating_sub(input.rest.len());
            let malformed = LoadSharesError::Malformed { at };
            let (id, place) = shares.read(&mut input, last).ok_or(malformed)?;
            last = Some(id);
            places.push(place);
            if places.len() == AT_ONCE {
                shares.enter(&places).ok_or(malformed)?;
                places.clear();
            }
        }
        shares.enter(&places).ok_or(malformed)?;
        if input.rest.is_empty() && shares.sizes() == sizes { Ok(shares) } else { Err(malformed) }
    }

    /// Reads one share, and gives its id, which must come after the last, and the place of its row
    fn read<'a>(&mut self, input: &mut Input<'a>, last: Option<Name<'a>>) -> Option<(Name<'a>, Place)> {
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
        Some((id, self.rows.0.insert(row)?))
    }
}

fn only_new((place, is_new): (Place, bool)) -> Option<Place> {
    is_new.then_some(place)
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
