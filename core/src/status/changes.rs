use alloc::vec::Vec;

use serde_json::Value;

use super::{Status, StatusList};
use crate::{
    json,
    limits::{CHANGES, CHANGES_BYTES},
};

/// Why bytes are no message of a change stream
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseChangesError {
    /// Longer than [`CHANGES_BYTES`], or more than [`CHANGES`] changes
    #[error("message has too many changes")]
    TooLong,
    /// Not `{"seq": number, "changes": [[idx, status], …]}`
    #[error("message is malformed")]
    Malformed,
}

/// One message of a change stream: what has happened to a list since the message before
///
/// Messages are numbered without gaps. One without changes repeats the last number: it says that nothing has
/// happened, and so that nothing was missed. Numbers never go back, whatever happens to their maker: a guard that sees
/// them go back takes every list for an old one.
///
/// ```
/// use countersign_core::status::Changes;
///
/// let changes = Changes::parse(br#"{"seq":18,"changes":[[4,1],[7,3]]}"#)?;
/// assert_eq!(changes.seq(), 18);
/// assert!(!changes.is_heartbeat());
/// assert!(Changes::parse(br#"{"seq":18}"#)?.is_heartbeat());
/// # Ok::<(), countersign_core::status::ParseChangesError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    seq: u64,
    changes: Vec<(u64, u8)>,
}

impl Changes {
    /// Reads one message
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseChangesError> {
        if bytes.len() > CHANGES_BYTES {
            return Err(ParseChangesError::TooLong);
        }
        let members = json::object(bytes).map_err(|_| ParseChangesError::Malformed)?;
        let seq = members.get("seq").and_then(Value::as_u64).ok_or(ParseChangesError::Malformed)?;
        let list = match members.get("changes") {
            None => &[],
            Some(list) => list.as_array().ok_or(ParseChangesError::Malformed)?.as_slice(),
        };
        if list.len() > CHANGES {
            return Err(ParseChangesError::TooLong);
        }
        let changes: Option<Vec<_>> = list.iter().map(change).collect();
        Ok(Self { seq, changes: changes.ok_or(ParseChangesError::Malformed)? })
    }

    /// Its number
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether it only says that the stream is alive
    pub const fn is_heartbeat(&self) -> bool {
        self.changes.is_empty()
    }
}

fn change(pair: &Value) -> Option<(u64, u8)> {
    match pair.as_array()?.as_slice() {
        [idx, status] => Some((idx.as_u64()?, status.as_u64()?.try_into().ok()?)),
        _ => None,
    }
}

/// What became of a list by a message
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// It contains everything up to this message
    Current,
    /// The message is older than the list
    Known,
    /// Something before this message is missing, or the list is too short for it: it has to be loaded again
    Gap,
}

impl StatusList {
    /// Puts the changes in.
    ///
    /// Where something is missing, the changes that take a permission away are put in all the same, as they are
    /// true; the list stays behind until it is loaded again.
    pub fn follow(&mut self, message: &Changes) -> Followed {
        let next = self.seq.and_then(|seq| seq.checked_add(1));
        if self.seq == Some(message.seq) && message.is_heartbeat() {
            return Followed::Current;
        }
        if self.seq.is_some_and(|seq| message.seq <= seq) {
            return Followed::Known;
        }
        if next == Some(message.seq) && self.set_all(&message.changes) {
            self.seq = next;
            return Followed::Current;
        }
        for (idx, value) in &message.changes {
            if self.status(*idx) == Status::Valid {
                self.set(*idx, *value);
            }
        }
        Followed::Gap
    }

    /// All of them, or none if there is one that has no place
    fn set_all(&mut self, changes: &[(u64, u8)]) -> bool {
        let mask = self.mask();
        let fits = changes.iter().all(|(idx, value)| self.value(*idx).is_some() && *value <= mask);
        if fits {
            for (idx, value) in changes {
                self.set(*idx, *value);
            }
        }
        fits
    }

    fn set(&mut self, idx: u64, value: u8) {
        let mask = self.mask();
        let Some((at, shift)) = self.place(idx) else { return };
        if let Some(byte) = self.bytes.get_mut(at)
            && value <= mask
        {
            *byte = *byte & !mask.wrapping_shl(shift) | value.wrapping_shl(shift);
        }
    }
}
