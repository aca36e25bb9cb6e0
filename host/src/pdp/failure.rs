//! What can go wrong with the engine, and how it is told without telling too much.

use core::{mem, time::Duration};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use wasmtime::Trap;

/// The engine cannot be made ready, so the host does not start.
#[derive(Debug, thiserror::Error)]
pub enum PdpError {
    /// wasmtime refuses its configuration on this machine
    #[error("the WebAssembly engine cannot run on this machine")]
    Engine(#[source] wasmtime::Error),
    /// The file given by `--pdp` cannot be read
    #[error("cannot read the decision component `{path}`")]
    File {
        /// The path as it was given
        path: PathBuf,
        /// Why not
        source: std::io::Error,
    },
    /// The bytes are no WebAssembly component
    #[error("the decision component cannot be compiled")]
    Compile(#[source] wasmtime::Error),
    /// The component imports something, or does not export `countersign:pdp/decisions`
    #[error("the decision component does not fit the world `countersign:pdp/pdp`")]
    Contract(#[source] wasmtime::Error),
    /// The thread that measures deadlines cannot be started
    #[error("cannot start the thread that measures deadlines")]
    Ticker(#[source] std::io::Error),
}

/// The engine gave no answer; nothing is permitted, stored or spent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineFailure {
    /// The component did what WebAssembly forbids, or gave up
    #[error("the decision component trapped")]
    Trap,
    /// It used more processor time than a decision may
    #[error("the decision component ran past its deadline")]
    Deadline,
    /// It wanted more memory than a decision may have
    #[error("the decision component wanted too much memory")]
    Memory,
    /// What it answered is not an answer
    #[error("the answer of the decision component cannot be read")]
    Undecodable,
    /// It refused the question with a code of its own
    #[error("the decision component refused the question: {0}")]
    Refused(String),
}

impl EngineFailure {
    /// A stable word for logs and metrics
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Undecodable => "undecodable",
            Self::Refused(_) => "refused",
        }
    }

    const fn place(&self) -> usize {
        match self {
            Self::Trap => 0,
            Self::Deadline => 1,
            Self::Memory => 2,
            Self::Undecodable => 3,
            Self::Refused(_) => 4,
        }
    }

    /// What an error of a call into the component means
    pub(super) fn of(error: &wasmtime::Error) -> Self {
        if error.is::<MemoryRefused>() {
            return Self::Memory;
        }
        if error.is::<DeadlinePassed>() {
            return Self::Deadline;
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Deadline,
            Some(Trap::AllocationTooLarge) => Self::Memory,
            Some(_) => Self::Trap,
            // wasmtime found a value that is none of its type: a pointer out of bounds, text that is not UTF-8.
            None => Self::Undecodable,
        }
    }
}

/// Ends a call whose component asked for more memory than it may have
#[derive(Debug, thiserror::Error)]
#[error("memory refused")]
pub(super) struct MemoryRefused;

/// Ends a call that ran for too long
#[derive(Debug, thiserror::Error)]
#[error("deadline passed")]
pub(super) struct DeadlinePassed;

const QUIET: Duration = Duration::from_secs(1);

/// Writes one line a second of a kind, with the count of those since the last line
#[derive(Debug, Default)]
pub(super) struct Reporter([Mutex<Tally>; 5]);

#[derive(Debug, Default)]
struct Tally {
    told: Option<Instant>,
    count: u64,
}

impl Reporter {
    pub(super) fn report(&self, failure: &EngineFailure) {
        let Some(tally) = self.0.get(failure.place()) else { return };
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.count = tally.count.saturating_add(1);
        if tally.told.is_some_and(|told| told.elapsed() < QUIET) {
            return;
        }
        let count = mem::take(&mut tally.count);
        tally.told = Some(Instant::now());
        drop(tally);
        // The text of `Refused` is the component's code: from a replaced component it could be anything.
        tracing::error!(
            failure.kind = failure.kind(),
            failure.count = count,
            "decision engine failed; nothing was permitted"
        );
    }
}
