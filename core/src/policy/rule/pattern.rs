//! Regular expressions as Keycloak's policies write them, in an engine whose time is linear in the value.
//!
//! The syntax is Java's, as far as it does not need backtracking; what is beyond is refused. `\d`, `\w`, `\s`, `\b` and
//! `(?i)` mean ASCII, as they do there.

use alloc::{format, string::ToString};

use regex_automata::{
    Anchored, Input,
    nfa::thompson::{Compiler, Config, WhichCaptures, pikevm::PikeVM},
};
use regex_syntax::hir::{Hir, Look};

use super::super::Fault;
use crate::limits::{REGEX_BYTES, REGEX_PROGRAM_BYTES};

mod parse;

/// A pattern that a whole value must match
#[derive(Debug)]
pub(super) struct Pattern(PikeVM);

impl Pattern {
    pub(super) fn new(java: &str) -> Result<Self, Fault> {
        if java.len() > REGEX_BYTES {
            return Err(Fault::Pattern(format!("it is longer than {REGEX_BYTES} bytes")));
        }
        let inner = parse::java(java).map_err(|why| Fault::Pattern(why.to_string()))?;
        let whole = Hir::concat(alloc::vec![Hir::look(Look::Start), inner, Hir::look(Look::End)]);
        let bounds =
            Config::new().nfa_size_limit(Some(REGEX_PROGRAM_BYTES)).which_captures(WhichCaptures::None);
        let nfa = Compiler::new().configure(bounds).build_from_hir(&whole);
        nfa.and_then(PikeVM::new_from_nfa).map(Self).map_err(|_| Fault::Pattern("it is too large".into()))
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let mut cache = self.0.create_cache();
        self.0.is_match(&mut cache, Input::new(value).anchored(Anchored::Yes))
    }
}

#[cfg(test)]
mod tests;
