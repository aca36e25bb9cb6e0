//! The filter of Envoy: built, weighed, and tested in the real Envoy.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    layout::Layout,
    process, python,
    wasm::{self, Alone, Artefact, Choice},
};

const PROXY: Alone = Alone { folder: "proxy", module: "countersign_proxy", is_program: false };

/// What all filters share, and each of them: crates outside the workspace
const CRATES: [&str; 2] = ["wasm/edge", "wasm/proxy"];

/// The filter as it is shipped
pub(crate) fn build(layout: &Layout, choice: Choice) -> Result<Artefact> {
    Artefact::read(&module(layout, choice, &[], "countersign_proxy.wasm")?)
}

fn module(layout: &Layout, choice: Choice, features: &[&str], name: &str) -> Result<PathBuf> {
    wasm::build_alone(layout, choice, PROXY, features, name)
}

/// Lints and native tests of the crates outside the workspace
pub(crate) fn check(layout: &Layout) -> Result<()> {
    let target = layout.cache.join("filters");
    for folder in CRATES {
        let cargo = |arguments: &[&str]| {
            let mut command = process::cargo(layout);
            command.current_dir(layout.root.join(folder)).env("CARGO_TARGET_DIR", &target).args(arguments);
            command
        };
        process::run(&format!("cargo fmt of {folder}"), &mut cargo(&["fmt", "--check"]))?;
    }
    let mut test = process::cargo(layout);
    test.current_dir(layout.root.join("wasm/edge")).env("CARGO_TARGET_DIR", &target);
    test.args(["test", "--locked", "--features", "vectors"]);
    process::run("cargo test of wasm/edge", &mut test)
}

/// Real requests through a real Envoy, with this program as authorization server
pub(crate) fn test(layout: &Layout, choice: Choice, program: &Path, long: bool) -> Result<()> {
    let told = module(layout, choice, &["vectors"], "countersign_proxy.vectors.wasm")?;
    let mut python = script(layout, choice)?;
    python.env("COUNTERSIGN_BIN", program).env("COUNTERSIGN_PROXY_VECTORS", told);
    if long {
        python.env("COUNTERSIGN_TEST_LONG", "1");
    }
    process::run("filter in Envoy", python.args(["-m", "unittest", "--verbose"]))
}

/// The program that prints what the filter adds to a request
pub(crate) fn bench(layout: &Layout, choice: Choice) -> Result<Command> {
    let mut python = script(layout, choice)?;
    python.arg("bench.py");
    Ok(python)
}

/// Python beside Envoy and the filter as it is shipped
fn script(layout: &Layout, choice: Choice) -> Result<Command> {
    let folder = layout.root.join("wasm/proxy/tests");
    let mut python = Command::new(python::ensure(layout, &folder)?);
    python.current_dir(&folder).env("PYTHONDONTWRITEBYTECODE", "1");
    python.env("COUNTERSIGN_PROXY", module(layout, choice, &[], "countersign_proxy.wasm")?);
    Ok(python)
}
