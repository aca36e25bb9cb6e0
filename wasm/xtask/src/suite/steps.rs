//! The steps of a run, one after another or in two rows side by side.

use core::{
    fmt::Write as _,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{process::Command, sync::Arc, thread, time::Instant};

use anyhow::{Context as _, Result, anyhow};

use crate::{process, terminal};

/// The steps so far, with the time that each took
#[derive(Debug)]
pub(super) struct Steps {
    /// Whether the full counts are wanted
    pub(super) long: bool,
    passed: Vec<(String, Duration)>,
    begin: Instant,
    /// A row beside another: it says what it has to say when a step has ended
    is_row: bool,
    /// The other row has failed: no step begins any more
    has_failed: Arc<AtomicBool>,
}

/// Why a step did not begin
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the steps beside it have failed")]
struct NotBegun;

impl Steps {
    /// None yet
    pub(super) fn new(long: bool) -> Self {
        Self { long, passed: Vec::new(), begin: Instant::now(), is_row: false, has_failed: Arc::default() }
    }

    /// A step
    pub(super) fn take<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.has_failed.load(Ordering::Relaxed) {
            return Err(NotBegun.into());
        }
        if self.is_row {
            terminal::say_now(&format!("    {name} has begun"));
            terminal::keep();
        }
        let begin = Instant::now();
        let answer = step();
        terminal::let_go();
        if answer.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        let answer = answer.with_context(|| format!("step `{name}` failed"))?;
        self.passed.push((name.to_owned(), begin.elapsed()));
        Ok(answer)
    }

    /// A step that is a command
    pub(super) fn run(&mut self, name: &str, command: &mut Command) -> Result<()> {
        self.take(name, || process::run(name, command))
    }

    /// Two rows of steps at the same time; once one has failed, the other begins no further step
    pub(super) fn both<A: Send, B: Send>(
        &mut self,
        one: impl FnOnce(&mut Self) -> Result<A> + Send,
        other: impl FnOnce(&mut Self) -> Result<B> + Send,
    ) -> Result<(A, B)> {
        let (mut first, mut second) = (self.row(), self.row());
        let (one, other) = thread::scope(|scope| {
            let beside = scope.spawn(|| other(&mut second));
            let one = one(&mut first);
            (one, beside.join().unwrap_or_else(|_| Err(anyhow!("a row of steps has panicked"))))
        });
        self.passed.extend(first.passed.into_iter().chain(second.passed));
        match (one, other) {
            (Ok(one), Ok(other)) => Ok((one, other)),
            // Which failed first is the reason.
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(one), Err(other)) => Err(if one.is::<NotBegun>() { other } else { one }),
        }
    }

    fn row(&self) -> Self {
        Self { is_row: true, has_failed: Arc::clone(&self.has_failed), ..Self::new(self.long) }
    }

    /// Each step that passed, and the time of all
    pub(super) fn summary(&self) -> String {
        let mut text = terminal::bold("steps");
        for (name, took) in &self.passed {
            _ = write!(text, "\n{:>8.1} s  {name}", took.as_secs_f64());
        }
        let total = self.begin.elapsed().as_secs();
        _ = write!(
            text,
            "\n{total:>8} s  in all, some side by side\nsteps: {} passed, 0 failed",
            self.passed.len()
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn rows_that_pass_are_listed_one_after_the_other() {
        let mut steps = Steps::new(false);
        let row = |name: &'static str| move |steps: &mut Steps| steps.take(name, || Ok(name));
        let (one, other) = steps.both(row("one"), row("other")).unwrap();
        assert_eq!((one, other), ("one", "other"));
        let names: Vec<_> = steps.passed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["one", "other"]);
    }

    #[test]
    fn a_row_that_fails_ends_the_other_and_is_the_reason() {
        let mut steps = Steps::new(false);
        let gate = std::sync::Barrier::new(2);
        let failed = steps.both(
            |steps| {
                let failed = steps.take::<()>("bad", || bail!("no"));
                gate.wait();
                failed
            },
            |steps| {
                gate.wait();
                steps.take("never", || Ok(()))
            },
        );
        assert_eq!(failed.unwrap_err().to_string(), "step `bad` failed");
        assert!(steps.passed.is_empty());
    }
}
