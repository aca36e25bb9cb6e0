//! A part of a list.

use rusqlite::{OptionalExtension as _, Transaction, types::FromSql};

use super::StoreError;

/// A part of a list: so many entries behind one of them, or behind so many
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// So many are passed over, where there is no entry to go on behind
    pub first: i64,
    /// At most so many; negative for all
    pub max: i64,
    /// Id of the entry to go on behind
    pub after: Option<&'a str>,
}

impl Part<'_> {
    /// All of a list
    pub const ALL: Part<'static> = Part { first: 0, max: -1, after: None };

    /// Where it begins: behind an entry, which `sql` finds by its id (`?1`) in the list's owner (`?2`), and how many are
    /// passed over from there. What is gone is no place to go on from: then `first` counts.
    pub(super) fn begin<T: FromSql>(
        self,
        tx: &Transaction<'_>,
        sql: &str,
        owner: &str,
    ) -> Result<(Option<T>, i64), StoreError> {
        let Some(after) = self.after else { return Ok((None, self.first)) };
        let found = tx.prepare_cached(sql)?.query_row([after, owner], |row| row.get(0)).optional()?;
        let first = self.offset(found.is_some());
        Ok((found, first))
    }

    /// So many are passed over where the entry to go on behind is known, or is not
    pub(super) const fn offset(self, is_known: bool) -> i64 {
        if is_known { 0 } else { self.first }
    }

    /// For lists in the order of ids, where an entry that is gone has its place all the same
    pub(super) fn after_id(&self) -> (&str, i64) {
        (self.after.unwrap_or_default(), self.offset(self.after.is_some()))
    }

    /// This part of a list that is in memory
    pub fn of<T>(self, all: Vec<T>, id: impl Fn(&T) -> Option<&str>) -> Vec<T> {
        let after = self.after.and_then(|after| all.iter().position(|entry| id(entry) == Some(after)));
        let first = match after {
            Some(place) => place.saturating_add(1),
            None => usize::try_from(self.first).unwrap_or(usize::MAX),
        };
        let max = usize::try_from(self.max).unwrap_or(usize::MAX);
        all.into_iter().skip(first).take(max).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_memory_goes_on_behind_an_entry() {
        let part = |first, max, after| Part { first, max, after }.of(vec!["a", "b", "c"], |id| Some(id));
        assert_eq!(part(0, -1, None), ["a", "b", "c"]);
        assert_eq!(part(1, 1, None), ["b"]);
        assert_eq!(part(0, 1, Some("b")), ["c"]);
        assert_eq!(part(2, -1, Some("gone")), ["c"]);
        assert!(part(0, 0, None).is_empty() && part(0, -1, Some("c")).is_empty());
    }
}
