//! `cargo xtask test`: everything that has to hold, in the order in which it fails soonest.

pub(crate) mod budget;
mod steps;

use std::{path::Path, process::Command};

use anyhow::Result;

use self::steps::Steps;
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
/// With all that the modules for JavaScript have in them
const MODULES: &[&str] = &["--features", "countersign-wasm-js/gate,countersign-wasm-js/pdp"];
/// Of these, what is tested
const TESTED_TOOLS: &[&str] = &["xtask", "countersign-signature"];

fn named_packages(packages: &[&'static str]) -> impl Iterator<Item = &'static str> {
    packages.iter().flat_map(|package| ["--package", package])
}

/// Nothing is published, so the documentation is for those who change the code: it may link to what is private.
pub(crate) const RUSTDOC: &str = "-D warnings -A rustdoc::private_intra_doc_links";

/// Runs every step; the first that fails ends the run and is named.
pub(crate) fn run(layout: &Layout, choice: Choice, long: bool) -> Result<()> {
    let mut steps = Steps::new(long);
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
    // Compiling for WebAssembly keeps one processor busy, and so do most tests that ask a server.
    let modules = |steps: &mut Steps| modules(steps, layout, choice);
    steps.both(modules, |steps| rust_steps(steps, layout))?;
    let seconds = if long { fuzz::SECONDS_LONG } else { fuzz::SECONDS };
    let attack = |steps: &mut Steps| {
        steps.take(&format!("fuzz targets, {seconds} s each"), || fuzz::run(layout, seconds, &[]))
    };
    let (program, ()) = steps.both(|steps| steps.take("host", || host::embed(layout)), attack)?;
    product_steps(&mut steps, layout, &program)?;
    let of_users = |steps: &mut Steps| {
        steps.take("apps in a browser", || browser::against(layout, &program))?;
        steps.take("clients of others", || clients::against(layout, &program))?;
        steps.take("schemathesis", || openapi::against(layout, &program))?;
        steps.take("crates of filters", || filter::check(layout))
    };
    let of_edges = |steps: &mut Steps| {
        // The README's other command is tested as it is. It compiles the npm package anew, if only to see that it is there.
        steps.take("cargo xtask demo --once", || demo::run(layout, choice, true))?;
        steps.take("filter in Envoy", || proxy::test(layout, choice, &program, long))?;
        steps.take("service in Viceroy", || compute::test(layout, choice, &program))?;
        steps.take("npm test", || steps_of_js(layout, &["test"], long))
    };
    steps.both(of_users, of_edges)?;
    terminal::say(&steps.summary());
    Ok(())
}

fn modules(steps: &mut Steps, layout: &Layout, choice: Choice) -> Result<()> {
    let mut artefacts = steps.take("wasm modules", || wasm::build(layout, choice))?;
    artefacts.push(steps.take("filter of Envoy", || proxy::build(layout, choice))?);
    artefacts.push(steps.take("service of Fastly Compute", || compute::build(layout, choice))?);
    steps.take("sizes and imports of the modules", || {
        terminal::say(&wasm::table(&artefacts));
        budget::check(layout, &artefacts)
    })?;
    steps.take("npm packages", || npm::ensure(layout))?;
    let long = steps.long;
    steps.take("npm run build", || steps_of_js(layout, &["run", "build"], long))
}

/// This toolchain's cargo for a step
fn cargo(layout: &Layout, arguments: &[&str], long: bool) -> Command {
    let mut command = process::cargo(layout);
    command.args(arguments);
    announce(&mut command, long);
    command
}

/// Lints and documentation
fn look_at(
    steps: &mut Steps,
    layout: &Layout,
    packages: &[&'static str],
    features: &[&'static str],
) -> Result<()> {
    let mut lint = cargo(layout, &["clippy", "--release", "--all-targets"], steps.long);
    lint.args(named_packages(packages)).args(features).args(["--", "-D", "warnings"]);
    steps.run(&format!("cargo clippy of {}", packages.join(", ")), &mut lint)?;
    let mut doc = cargo(layout, &["doc", "--release", "--no-deps", "--document-private-items"], steps.long);
    doc.args(named_packages(packages)).args(features).env("RUSTDOCFLAGS", RUSTDOC);
    steps.run(&format!("cargo doc of {}", packages.join(", ")), &mut doc)
}

/// The core's tests have few and small inputs: what they take is to be compiled
const CORE_LESS_OPTIMISED: &[&str] = &["--config", "profile.release.package.countersign-core.opt-level=1"];

/// What needs no module
fn rust_steps(steps: &mut Steps, layout: &Layout) -> Result<()> {
    let long = steps.long;
    steps.run("cargo fmt", &mut cargo(layout, &["fmt", "--all", "--check"], long))?;
    look_at(steps, layout, TOOLS, MODULES)?;
    let mut test = cargo(layout, &["test", "--release"], long);
    steps.run("cargo test of the tools", test.args(named_packages(TESTED_TOOLS)))?;
    for (name, features) in FEATURES {
        let mut test = cargo(layout, &["test", "--release", "--package", "countersign-core"], long);
        test.args(CORE_LESS_OPTIMISED).args(features);
        steps.run(&format!("cargo test of the core with {name}"), &mut test)?;
    }
    Ok(())
}

/// What the host is a part of, which has its component in it
fn product_steps(steps: &mut Steps, layout: &Layout, program: &Path) -> Result<()> {
    look_at(steps, layout, PRODUCT, &[])?;
    // The tests from outside run the program that is there.
    let mut test = cargo(layout, &["test", "--release"], steps.long);
    test.env("COUNTERSIGN_BIN", program).args(host::UNOPTIMISED).args(CORE_LESS_OPTIMISED);
    test.args(named_packages(PRODUCT));
    steps.run("cargo test", &mut test)
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

/// A module, by its file name
fn named<'a>(artefacts: &'a [Artefact], name: &str) -> Option<&'a Artefact> {
    artefacts.iter().find(|artefact| artefact.name == name)
}
