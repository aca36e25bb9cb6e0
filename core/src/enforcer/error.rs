//! What is wrong with a configuration, and the cure.

use alloc::{format, string::String, vec::Vec};

use crate::{json::ParseObjectError, path::ParsePatternError};

/// Why a text is no configuration of an enforcer; `at` is the member, as in `paths[0].methods[1].scopes`
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseConfigError {
    /// Not a JSON object with one meaning
    #[error("policy enforcer configuration is {0}")]
    Json(#[from] ParseObjectError),
    /// Longer than [`ENFORCER_CONFIG_BYTES`](crate::limits::ENFORCER_CONFIG_BYTES)
    #[error("policy enforcer configuration is too long")]
    TooLong,
    /// A member that no adapter of Keycloak has
    #[error("`{at}` is not known{}", suggestion(*.nearest))]
    Unknown {
        /// The member
        at: String,
        /// The known member that is spelled most like it
        nearest: Option<&'static str>,
    },
    /// A member that is needed
    #[error("`{at}` is missing: give it {expected}")]
    Missing {
        /// The member
        at: String,
        /// What to give
        expected: &'static str,
    },
    /// A member of another kind or value
    #[error("`{at}` has to be {expected}")]
    Value {
        /// The member
        at: String,
        /// What it has to be
        expected: &'static str,
    },
    /// A path that is no pattern
    #[error("`{at}` is no pattern of paths: {source}")]
    Pattern {
        /// The member
        at: String,
        /// Why not
        source: ParsePatternError,
    },
    /// The same path, or method of a path, twice
    #[error("`{at}` contradicts an entry before it: give each path one resource, and each method once")]
    Twice {
        /// The later of the two
        at: String,
    },
    /// More entries than are looked at
    #[error("`{at}` has too many entries")]
    TooMany {
        /// The member
        at: String,
    },
}

fn suggestion(nearest: Option<&'static str>) -> String {
    nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

/// The known name that is spelled most like this one
pub(super) fn nearest(known: impl Iterator<Item = &'static str>, name: &str) -> Option<&'static str> {
    let (distance, nearest) = known.map(|known| (distance(known, name), known)).min()?;
    (distance <= 3).then_some(nearest)
}

/// How many letters make one text the other (Levenshtein)
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut corner = at;
        let mut left = at.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, d) in row.iter_mut().skip(1).zip(&other) {
            let exchanged = corner.saturating_add(usize::from(c != *d));
            corner = *cell;
            left = exchanged.min(corner.saturating_add(1)).min(left.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}
