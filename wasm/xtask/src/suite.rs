//! `cargo xtask test`: everything that has to hold, in the order in which it fails soonest.

pub(crate) mod budget;

use core::{fmt::Write as _, time::Duration};
use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context as _, Result};

use crate::{
    browser, clients, compute, demo, filter, fuzz, host,
    layout::Layout,
    npm, openapi, process, proxy, python, rust, terminal,
    wasm::{self, Artefact, Choice},
};

/// Feature sets of `countersign-core` besides the default one
const FEATURES: [(&str, &[&str]); 3] = [
    ("no features", &["--no-default-features"]),
    ("guard alone", &["--no-default-features", "--features", "guard"]),
    ("pdp alone", &["--no-default-features", "--features", "pdp"]),
];

/// What is shipped, and its tests. These are built together and apart from the tools: features that only a tool
/// turns on in a shared dependency would have wasmtime compiled twice.
const PRODUCT: &[&str] = &["countersign-core", "countersign", "countersign-tests"];
/// What builds it, and what is built for WebAssembly
const TOOLS: &[&str] = &[
    "xtask",
    "countersign-wasm-component",
    "countersign-wasm-js",
    "countersign-signature",
    "countersign-bench-module",
];
/// Of these, what is tested
const TESTED_TOOLS: &[&str] = &["xtask", "countersign-signature"];

fn named_packages(packages: &[&'static str]) -> impl Iterator<Item = &'static str> {
    packages.iter().flat_map(|package| ["--package", package])
}

/// Nothing is published, so the documentation is for those who change the code: it may link to what is private.
pub(crate) const RUSTDOC: &str = "-D warnings -A rustdoc::private_intra_doc_links";

/// Runs every step; the first that fails ends the run and is named.
pub(crate) fn run(layout: &Layout, choice: Choice, long: bool) -> Result<()> {
    let mut steps = Steps { long, passed: Vec::new(), begin: Instant::now() };
    for tool in [
        rust::C_COMPILER,
        rust::RUSTFMT,
        rust::CLIPPY,
        npm::NODE,
        python::PYTHON,
        fuzz::CPP_COMPILER,
        fuzz::CARGO_FUZZ,
        compute::VICEROY,
    ] {
        tool.ensure(layout)?;
    }
    let mut artefacts = steps.take("wasm modules", || wasm::build(layout, choice))?;
    artefacts.push(steps.take("filter of Envoy", || proxy::build(layout, choice))?);
    artefacts.push(steps.take("service of Fastly Compute", || compute::build(layout, choice))?);
    terminal::say(&wasm::table(&artefacts));
    steps.take("sizes and imports of the modules", || budget::check(layout, &artefacts))?;
    steps.take("npm packages", || npm::ensure(layout))?;
    steps.take("npm run build", || steps_of_js(layout, &["run", "build"], long))?;
    let program = steps.take("host", || host::embed(layout))?;
    rust_steps(&mut steps, layout, &program)?;
    let seconds = if long { fuzz::SECONDS_LONG } else { fuzz::SECONDS };
    steps.take(&format!("fuzz targets, {seconds} s each"), || fuzz::run(layout, seconds, &[]))?;
    steps.take("apps in a browser", || browser::against(layout, &program))?;
    steps.take("crates of filters", || filter::check(layout))?;
    steps.take("filter in Envoy", || proxy::test(layout, choice, &program, long))?;
    steps.take("service in Viceroy", || compute::test(layout, choice, &program))?;
    steps.take("clients of others", || clients::against(layout, &program))?;
    steps.take("schemathesis", || openapi::against(layout, &program))?;
    // The README's other command is tested as it is.
    steps.take("cargo xtask demo --once", || demo::run(layout, choice, true))?;
    steps.take("npm test", || steps_of_js(layout, &["test"], long))?;
    terminal::say(&steps.summary());
    Ok(())
}

fn rust_steps(steps: &mut Steps, layout: &Layout, program: &Path) -> Result<()> {
    let cargo = |arguments: &[&str], long: bool| {
        let mut command = process::cargo(layout);
        command.args(arguments).env("COUNTERSIGN_BIN", program);
        announce(&mut command, long);
        command
    };
    let long = steps.long;
    steps.run("cargo fmt", &mut cargo(&["fmt", "--all", "--check"], long))?;
    for packages in [PRODUCT, TOOLS] {
        let mut lint = cargo(&["clippy", "--release", "--all-targets"], long);
        lint.args(named_packages(packages)).args(["--", "-D", "warnings"]);
        steps.run(&format!("cargo clippy of {}", packages.join(", ")), &mut lint)?;
        let mut doc = cargo(&["doc", "--release", "--no-deps", "--document-private-items"], long);
        doc.args(named_packages(packages)).env("RUSTDOCFLAGS", RUSTDOC);
        steps.run(&format!("cargo doc of {}", packages.join(", ")), &mut doc)?;
    }
    // The tests from outside run the program that is there.
    let mut test = cargo(&["test", "--release"], long);
    steps.run("cargo test", test.args(host::UNOPTIMISED).args(named_packages(PRODUCT)))?;
    let mut test = cargo(&["test", "--release"], long);
    steps.run("cargo test of the tools", test.args(named_packages(TESTED_TOOLS)))?;
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
