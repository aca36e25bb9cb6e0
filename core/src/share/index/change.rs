//! How shares come and go.

use alloc::vec::Vec;

use super::{
    PutShareError, Seed, ShareDelta, Shares,
    name::{Kind, Name},
    rows::{List, Row, Rows, Side},
    runs::{Prints, Runs},
    slab::Place,
    texts::Texts,
};
use crate::{ids::ShareId, scope::Scope, share::Share};

/// A row on its way to its lists
struct Entering {
    place: Place,
    list: List,
    /// The first granted row of its resource, requester and scope till now
    of_scope: Option<Place>,
    /// The row that it goes before
    before: Option<Place>,
}

impl Shares {
    /// Carries out changes: afterwards the index answers as one that was built from the changed rows.
    ///
    /// A share that it cannot take is left out, together with what had its id, so that it gives no access; the other
    /// changes are made nevertheless, and the first such error is returned.
    pub fn apply(&mut self, deltas: impl IntoIterator<Item = ShareDelta>) -> Result<(), PutShareError> {
        let mut outcome = Ok(());
        for delta in deltas {
            let done = match delta {
                ShareDelta::Put(share) => self.put(&share),
                ShareDelta::Remove(id) => {
                    self.remove(&id);
                    Ok(())
                }
            };
            outcome = outcome.and(done);
        }
        outcome
    }

    /// Puts a share in the place of the one with its id; if it cannot be taken, neither is there
    pub fn put(&mut self, share: &Share) -> Result<(), PutShareError> {
        self.remove(&share.id);
        let grantee = Name::grantee(&share.requester);
        if !grantee.fits() {
            return Err(PutShareError::RequesterTooLong);
        }
        let (id, resource) = (Name::share(&share.id), Name::resource(&share.resource));
        let (parent, scope) = (share.parent.as_ref().map(Name::share), share.scope.as_ref().map(Name::scope));
        let names = [Some(id), Some(resource), Some(grantee), parent, scope];
        let used = self.texts.live().saturating_add(self.scopes.bytes());
        let bytes = names.iter().flatten().fold(used, |bytes, name| bytes.saturating_add(name.size()));
        if self.len() >= self.bounds.shares || bytes > self.bounds.text_bytes {
            return Err(PutShareError::Full);
        }
        // INVARIANT: both bounds are far below 32 bits, so that everything finds a place and nothing is half done.
        self.take(share).ok_or(PutShareError::Full)
    }

    fn take(&mut self, share: &Share) -> Option<()> {
        let (grantee, resource) = (Name::grantee(&share.requester), Name::resource(&share.resource));
        let (resource, _) = self.resources.intern(&resource, &mut self.texts, &self.seed)?;
        let (grantee, _) = self.grantees.intern(&grantee, &mut self.texts, &self.seed)?;
        let scope = match &share.scope {
            Some(scope) => Some(self.scope(scope)?),
            None => None,
        };
        let parent = match &share.parent {
            Some(parent) => Some(self.texts.push(&Name::share(parent))?),
            None => None,
        };
        let id = Name::share(&share.id);
        let mut row = Row::new(self.texts.push(&id)?, resource, grantee, share.state);
        (row.scope, row.parent) = (scope, parent);
        row.set_end(share.expires_at);
        let place = self.rows.0.insert(row)?;
        self.enter(&[place])
    }

    fn scope(&mut self, scope: &Scope) -> Option<Place> {
        self.scopes.find(scope, &self.seed).or_else(|| self.scopes.insert(scope.clone(), &self.seed))
    }

    /// Puts rows, whose texts stand there, where questions find them: one table after the other, so that a look at a
    /// far part of memory need not wait for the one before
    pub(super) fn enter(&mut self, places: &[Place]) -> Option<()> {
        let Self { seed, texts, rows, ids, resources, grantees, scopes, pairs, triples, .. } = self;
        let hash_of_id = |place| hash_of_id(rows, place, texts, seed);
        let hashes: Vec<u64> = places.iter().copied().map(hash_of_id).collect();
        for (hash, place) in hashes.into_iter().zip(places) {
            ids.insert(hash, *place, hash_of_id);
        }
        let mut entering = Vec::with_capacity(places.len());
        for place in places {
            let row = rows.get(*place)?;
            if let Some(scope) = row.scope {
                scopes.hold(scope);
            }
            let list = List::of(row.state, grantees.name(row.grantee, texts)?.is(Kind::User));
            entering.push(Entering { place: *place, list, of_scope: None, before: None });
        }
        let prints = Prints { resources, grantees, scopes, seed };
        let granted = |entering: &&mut Entering| entering.list.is_granted();
        let hashes = |runs: &Runs, entering: &[Entering]| -> Vec<u64> {
            let granted = entering.iter().filter(|row| row.list.is_granted());
            granted.map(|row| runs.hash(row.place, rows, prints)).collect()
        };
        // Before the rows of its requester and scope, or of its requester, so that runs stay together.
        let found = hashes(triples, &entering);
        for (row, hash) in entering.iter_mut().filter(granted).zip(found) {
            row.of_scope = triples.lead((row.place, hash), rows, prints, |_| true);
        }
        let found = hashes(pairs, &entering);
        for (row, hash) in entering.iter_mut().filter(granted).zip(found) {
            let gives_way = |first| row.of_scope.is_none_or(|of_scope| of_scope == first);
            row.before = row.of_scope.or(pairs.lead((row.place, hash), rows, prints, gives_way));
        }
        for Entering { place, list, before, .. } in entering {
            let Row { resource, grantee, .. } = *rows.get(place)?;
            rows.enlist(Side::Resource, resources.first_mut(resource, list.number())?, place, before);
            rows.enlist(Side::Grantee, grantees.first_mut(grantee, 0)?, place, None);
        }
        Some(())
    }

    /// Takes a share away; whether it was there
    pub fn remove(&mut self, id: &ShareId) -> bool {
        let is_there = self.place(&Name::share(id)).and_then(|place| self.leave(place)).is_some();
        if self.texts.is_sparse() {
            self.move_texts();
        }
        is_there
    }

    fn leave(&mut self, place: Place) -> Option<()> {
        let Self { seed, texts, rows, ids, resources, grantees, scopes, pairs, triples, .. } = self;
        let row = rows.get(place)?;
        let hash_of_id = |place| hash_of_id(rows, place, texts, seed);
        if let Some((slot, _)) = ids.find(hash_of_id(place), |other| other == place) {
            ids.remove(slot, hash_of_id);
        }
        let (resource, grantee) = (row.resource, row.grantee);
        let list = List::of(row.state, grantees.name(grantee, texts)?.is(Kind::User));
        if list.is_granted() {
            let prints = Prints { resources, grantees, scopes, seed };
            pairs.leave(place, rows, prints);
            triples.leave(place, rows, prints);
        }
        rows.unlist(Side::Resource, resources.first_mut(resource, list.number())?, place);
        rows.unlist(Side::Grantee, grantees.first_mut(grantee, 0)?, place);
        let row = rows.0.remove(place)?;
        texts.forget(row.id);
        if let Some(parent) = row.parent {
            texts.forget(parent);
        }
        if let Some(scope) = row.scope {
            scopes.release(scope, seed);
        }
        resources.drop_unused(resource, texts, seed);
        grantees.drop_unused(grantee, texts, seed);
        Some(())
    }

    /// Moves all texts together, and gives the rest back
    fn move_texts(&mut self) {
        let mut texts = Texts::with_capacity(self.texts.live());
        let of_rows = self.rows.0.values_mut().flat_map(|row| [Some(&mut row.id), row.parent.as_mut()]);
        let places = of_rows.flatten().chain(self.resources.texts_mut()).chain(self.grantees.texts_mut());
        places.for_each(|place| texts.take_over(&self.texts, place));
        self.texts = texts;
    }
}

fn hash_of_id(rows: &Rows, place: Place, texts: &Texts, seed: &Seed) -> u64 {
    let id = rows.get(place).and_then(|row| texts.get(row.id));
    id.map_or(0, |id| id.hash(seed))
}
