//! `cargo xtask test`: everything that has to hold, in the order in which it fails soonest.

pub(crate) mod budget;

use core::{fmt::Write as _, time::Duration};
use std::{process::Command, time::Instant};

use anyhow::{Context as _, Result};

use crate::{
    demo, host,
    layout::Layout,
    npm, process, rust, terminal,
    wasm::{self, Artefact, Choice},
};

/// Feature sets of `countersign-core` besides the default one
const FEATURES: [(&str, &[&str]); 3] = [
    ("no features", &["--no-default-features"]),
    ("guard alone", &["--no-default-features", "--features", "guard"]),
    ("pdp alone", &["--no-default-features", "--features", "pdp"]),
];

/// Nothing is published, so the documentation is for those who change the code: it may link to what is private.
const RUSTDOC: &str = "-D warnings -A rustdoc::private_intra_doc_links";

/// Runs every step; the first that fails ends the run and is named.
pub(crate) fn run(layout: &Layout, choice: Choice, long: bool) -> Result<()> {
    let mut steps = Steps { long, passed: Vec::new(), begin: Instant::now() };
    for tool in [rust::C_COMPILER, rust::RUSTFMT, rust::CLIPPY, npm::NODE] {
        tool.ensure(layout)?;
    }
    let artefacts = steps.take("wasm modules", || wasm::build(layout, choice))?;
    terminal::say(&wasm::table(&artefacts));
    steps.take("sizes and imports of the modules", || budget::check(layout, &artefacts))?;
    steps.take("npm packages", || npm::ensure(layout))?;
    steps.take("npm run build", || steps_of_js(layout, &["run", "build"], long))?;
    steps.take("host", || host::embed(layout))?;
    rust_steps(&mut steps, layout)?;
    // The README's other command is tested as it is.
    steps.take("cargo xtask demo --once", || demo::run(layout, choice, true))?;
    steps.take("npm test", || steps_of_js(layout, &["test"], long))?;
    terminal::say(&steps.summary());
    Ok(())
}

fn rust_steps(steps: &mut Steps, layout: &Layout) -> Result<()> {
    let cargo = |arguments: &[&str], long: bool| {
        let mut command = process::cargo(layout);
        command.args(arguments);
        announce(&mut command, long);
        command
    };
    let long = steps.long;
    steps.run("cargo fmt", &mut cargo(&["fmt", "--all", "--check"], long))?;
    let lint = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.run("cargo clippy", &mut cargo(&lint, long))?;
    let mut doc = cargo(&["doc", "--release", "--workspace", "--no-deps", "--document-private-items"], long);
    steps.run("cargo doc", doc.env("RUSTDOCFLAGS", RUSTDOC))?;
    steps.run("cargo test", &mut cargo(&["test", "--release"], long))?;
    for (name, features) in FEATURES {
        let mut test = cargo(&["test", "--release", "--package", "countersign-core"], long);
        steps.run(&format!("cargo test of the core with {name}"), test.args(features))?;
    }
    Ok(())
}

fn steps_of_js(layout: &Layout, arguments: &[&str], long: bool) -> Result<()> {
    let mut command = npm::npm(layout);
    command.args(arguments);
    announce(&mut command, long);
    process::run(&format!("npm {}", arguments.join(" ")), &mut command)
}

/// Tests read from the environment whether the full counts are wanted.
fn announce(command: &mut Command, long: bool) {
    if long {
        command.env("COUNTERSIGN_TEST_LONG", "1");
    }
}

/// The steps so far, with the time that each took
#[derive(Debug)]
struct Steps {
    long: bool,
    passed: Vec<(String, Duration)>,
    begin: Instant,
}

impl Steps {
    fn take<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let begin = Instant::now();
        let answer = step().with_context(|| format!("step `{name}` failed"))?;
        self.passed.push((name.to_owned(), begin.elapsed()));
        Ok(answer)
    }

    fn run(&mut self, name: &str, command: &mut Command) -> Result<()> {
        self.take(name, || process::run(name, command))
    }

    fn summary(&self) -> String {
        let mut text = terminal::bold("steps");
        for (name, took) in &self.passed {
            _ = write!(text, "\n{:>8.1} s  {name}", took.as_secs_f64());
        }
        let total = self.begin.elapsed().as_secs();
        _ = write!(text, "\n{total:>8} s  in all\nsteps: {} passed, 0 failed", self.passed.len());
        text
    }
}

/// A module, by its file name
fn named<'a>(artefacts: &'a [Artefact], name: &str) -> Option<&'a Artefact> {
    artefacts.iter().find(|artefact| artefact.name == name)
}
