//! Tokens under small numbers, so that JavaScript holds no pointers and nothing waits for its collector.

#[cfg(feature = "gate")]
use countersign_core::status::{ParseStatusRefError, StatusRef};
use countersign_core::{
    rpt::Rpt,
    time::UnixTime,
    token::{FromClaims, Pending, RawClaims, SignatureOk},
};

#[derive(Debug)]
pub(crate) enum Entry {
    Free,
    Pending(Box<Pending<Verified>>),
    Rpt(Verified),
}

/// A verified token
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) rpt: Rpt,
    /// Its place in a status list, if it has one
    #[cfg(feature = "gate")]
    status: Result<Option<StatusRef>, ParseStatusRefError>,
}

impl FromClaims for Verified {
    fn from_claims(claims: &RawClaims<'_>, expires_at: UnixTime) -> Self {
        Self {
            rpt: Rpt::from_claims(claims, expires_at),
            #[cfg(feature = "gate")]
            status: StatusRef::of(claims),
        }
    }
}

impl Verified {
    /// The same token with what it still permits
    #[cfg(feature = "gate")]
    pub(crate) fn with(&self, rpt: Rpt) -> Self {
        Self { rpt, status: self.status.clone() }
    }
}

impl From<Pending<Verified>> for Entry {
    fn from(pending: Pending<Verified>) -> Self {
        Self::Pending(Box::new(pending))
    }
}

impl From<Verified> for Entry {
    fn from(token: Verified) -> Self {
        Self::Rpt(token)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    entries: Vec<Entry>,
    free: Vec<usize>,
}

impl Tokens {
    pub(crate) fn put(&mut self, content: impl Into<Entry>) -> Option<i32> {
        let at = self.free.pop().unwrap_or(self.entries.len());
        let handle = i32::try_from(at).ok()?;
        match self.entries.get_mut(at) {
            Some(entry) => *entry = content.into(),
            None => self.entries.push(content.into()),
        }
        Some(handle)
    }

    pub(crate) fn pending(&self, handle: i32) -> Option<&Pending<Verified>> {
        match self.entries.get(usize::try_from(handle).ok()?)? {
            Entry::Pending(pending) => Some(pending),
            Entry::Free | Entry::Rpt(_) => None,
        }
    }

    pub(crate) fn verified(&self, handle: i32) -> Option<&Verified> {
        match self.entries.get(usize::try_from(handle).ok()?)? {
            Entry::Rpt(token) => Some(token),
            Entry::Free | Entry::Pending(_) => None,
        }
    }

    pub(crate) fn rpt(&self, handle: i32) -> Option<&Rpt> {
        self.verified(handle).map(|token| &token.rpt)
    }

    /// The place of a verified token in a status list, or that it has none
    #[cfg(feature = "gate")]
    pub(crate) fn status(&self, handle: i32) -> Option<&Result<Option<StatusRef>, ParseStatusRefError>> {
        self.verified(handle).map(|token| &token.status)
    }

    /// Makes an RPT of what waits under a handle; false if nothing waits there.
    pub(crate) fn accept(&mut self, handle: i32) -> bool {
        let Some(entry) = usize::try_from(handle).ok().and_then(|at| self.entries.get_mut(at)) else {
            return false;
        };
        match core::mem::replace(entry, Entry::Free) {
            Entry::Pending(pending) => {
                *entry = pending.accept(SignatureOk::i_have_verified_the_signature()).into();
                true
            }
            other @ (Entry::Free | Entry::Rpt(_)) => {
                *entry = other;
                false
            }
        }
    }

    pub(crate) fn forget(&mut self, handle: i32) {
        let Ok(at) = usize::try_from(handle) else { return };
        if let Some(entry @ (Entry::Pending(_) | Entry::Rpt(_))) = self.entries.get_mut(at) {
            *entry = Entry::Free;
            self.free.push(at);
        }
    }
}
