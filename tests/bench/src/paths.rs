//! Patterns of paths, and a request that one in the middle matches.

use countersign_core::path::{Path, Patterns};

/// So many patterns, a tenth of them templates
pub(crate) struct Paths {
    patterns: Patterns<usize>,
    target: String,
    found: usize,
}

impl Paths {
    pub(crate) fn new(size: usize) -> Self {
        let mut patterns = Patterns::default();
        for number in 0..size {
            let text = if number % 10 == 5 {
                format!("/api/v1/{{tenant}}/documents-{number}/*")
            } else {
                format!("/api/v1/documents-{number}/pages")
            };
            patterns.insert(&text.parse().expect("a pattern"), number);
        }
        let found = size / 2 / 10 * 10 + 5;
        Self { patterns, target: format!("/api/v1/acme/documents-{found}/pages/7?sort=asc"), found }
    }

    /// From the target of a request to the pattern
    pub(crate) fn lookup(&self) -> bool {
        let Ok(path) = Path::parse(self.target.as_bytes()) else { return false };
        self.patterns.matching(&path) == Ok(&[self.found])
    }
}
