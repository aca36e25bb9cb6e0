//! `cargo xtask mutants`: whether the core's own tests notice when its decisions are changed.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    layout::Layout,
    process, terminal,
    tool::{self, Install, Tool},
};

/// What decides: files and folders of `core/src`
const PARTS: [&str; 4] = ["assessment", "rpt", "share", "token"];
/// So many of a hundred changes have to be noticed
const LEAST: u32 = 95;

const VERSION: &str = "27.1.0";

/// Changes code and runs tests
pub(crate) const CARGO_MUTANTS: Tool = Tool {
    name: "cargo-mutants",
    why: "changes the core to see whether its tests notice",
    check: |layout| tool::installed(layout, "cargo-mutants", VERSION),
    install: Install::Cargo("cargo-mutants", VERSION),
};

/// What became of the changes
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Outcomes {
    caught: u32,
    /// Nothing that ends: noticed too
    timeout: u32,
    missed: u32,
    /// Changes that do not compile
    unviable: u32,
}

impl Outcomes {
    fn noticed(self) -> u32 {
        self.caught.saturating_add(self.timeout)
    }

    fn enough(self) -> bool {
        let all = self.noticed().saturating_add(self.missed);
        all > 0 && self.noticed().saturating_mul(100) >= all.saturating_mul(LEAST)
    }
}

/// Runs the core's tests on every change, prints the counts, and fails where too few are noticed.
pub(crate) fn run(layout: &Layout, shard: Option<&str>, parts: &[String]) -> Result<()> {
    CARGO_MUTANTS.ensure(layout)?;
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("`{unknown}` is not among the parts that are changed: {}", PARTS.join(", "));
    }
    let output = layout.target.join("mutants");
    fs::create_dir_all(&output)?;
    let report = output.join("mutants.out");
    if report.is_dir() {
        fs::remove_dir_all(&report)?;
    }
    let mut command = tool::cargo(layout)?;
    // The changes are made to a copy, which has a target folder of its own.
    command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_BUILD_DIR");
    command.args(["mutants", "--package", "countersign-core", "--cargo-test-arg=--tests"]);
    for part in PARTS.into_iter().filter(|part| parts.is_empty() || parts.iter().any(|named| named == part)) {
        for place in ["core/src/{}.rs", "core/src/{}/**"] {
            command.args(["--file", &place.replace("{}", part)]);
        }
    }
    command.args(shard.into_iter().flat_map(|shard| ["--shard", shard]));
    command.arg("--output").arg(&output);
    // Its status is no more than its counts say, where it has come to any.
    let ended = process::run("change the core and run its tests", &mut command);
    let outcomes = read(&report.join("outcomes.json"));
    let outcomes = outcomes.map_err(|error| ended.err().unwrap_or(error))?;
    let Outcomes { missed, unviable, .. } = outcomes;
    let summary = format!("mutants: {} caught, {missed} missed, {unviable} unviable", outcomes.noticed());
    if !outcomes.enough() {
        let list = fs::read_to_string(report.join("missed.txt")).unwrap_or_default();
        terminal::say(list.trim_end());
        bail!("{summary}; at least {LEAST} of a hundred have to be caught");
    }
    terminal::say(&summary);
    Ok(())
}

fn read(file: &Path) -> Result<Outcomes> {
    let text = fs::read(file).context("cargo-mutants came to no outcome")?;
    serde_json::from_slice(&text).with_context(|| format!("`{}` cannot be read", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn outcomes(caught: u32, timeout: u32, missed: u32) -> Outcomes {
        Outcomes { caught, timeout, missed, unviable: 0 }
    }

    #[test]
    fn ninety_five_of_a_hundred_are_enough() {
        assert!(outcomes(94, 1, 5).enough());
        assert!(!outcomes(94, 0, 6).enough());
        assert!(!outcomes(0, 0, 0).enough(), "nothing was tried");
    }

    #[test]
    fn the_counts_are_read() -> Result<()> {
        let text = r#"{"outcomes":[],"total_mutants":4,"missed":1,"caught":2,"timeout":0,"unviable":1}"#;
        let read: Outcomes = serde_json::from_str(text)?;
        assert_eq!(read, Outcomes { unviable: 1, ..outcomes(2, 0, 1) });
        Ok(())
    }
}
