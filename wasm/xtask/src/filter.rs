//! What filters have in common on their way to a test: crates outside the workspace, Python that asks them.

use std::{
    path::{self, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    compute, host,
    layout::Layout,
    process, proxy, python,
    suite::RUSTDOC,
    wasm::{self, Alone, Artefact, Choice},
};

/// What all filters share, and each of them: crates outside the workspace; whether they have tests without their host
const CRATES: [(&str, bool); 3] = [("wasm/edge", true), ("wasm/proxy", false), ("wasm/compute", true)];

/// A filter and its tests
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter {
    /// Its crate
    pub(crate) alone: Alone,
    /// Its module as it is shipped, without the end
    pub(crate) name: &'static str,
    /// The variable that tells tests where it is; with `_VECTORS`, where the one is whose requests bring settings along
    pub(crate) variable: &'static str,
}

impl Filter {
    /// The filter as it is shipped
    pub(crate) fn build(self, layout: &Layout, choice: Choice) -> Result<Artefact> {
        Artefact::read(&self.module(layout, choice)?)
    }

    fn module(self, layout: &Layout, choice: Choice) -> Result<PathBuf> {
        wasm::build_alone(layout, choice, self.alone, &[], &format!("{}.wasm", self.name))
    }

    /// Python beside the filter's host, and the filter as it is shipped
    pub(crate) fn script(self, layout: &Layout, choice: Choice) -> Result<Command> {
        let folder = layout.root.join("wasm").join(self.alone.folder).join("tests");
        let mut python = Command::new(python::ensure(layout, &folder)?);
        python.current_dir(&folder).env("PYTHONDONTWRITEBYTECODE", "1");
        // What the tests of all filters share
        python.env("PYTHONPATH", layout.root.join("wasm/edge/tests"));
        python.env(self.variable, self.module(layout, choice)?);
        Ok(python)
    }

    /// The same with all tests, and with the filter whose requests bring their settings along
    pub(crate) fn tests(self, layout: &Layout, choice: Choice) -> Result<Command> {
        let file = format!("{}.vectors.wasm", self.name);
        let told = wasm::build_alone(layout, choice, self.alone, &["vectors"], &file)?;
        let mut python = self.script(layout, choice)?;
        python.env(format!("{}_VECTORS", self.variable), told);
        python.args(["-m", "unittest", "--verbose"]);
        Ok(python)
    }
}

/// Checks and tests every filter, with this server or the one that is built for that.
pub(crate) fn run(layout: &Layout, choice: Choice, server: Option<PathBuf>) -> Result<()> {
    check(layout)?;
    let program = match server {
        // Tests run in a folder of their own.
        Some(program) => path::absolute(program)?,
        None => host::build(layout, choice)?,
    };
    compute::test(layout, choice, &program)?;
    proxy::test(layout, choice, &program, false)
}

/// Layout, lints, documentation and native tests of the crates outside the workspace
pub(crate) fn check(layout: &Layout) -> Result<()> {
    let target = layout.cache.join("filters");
    for (folder, has_tests) in CRATES {
        let run = |title: &str, arguments: &[&str]| {
            let mut command = process::cargo(layout);
            command.current_dir(layout.root.join(folder)).env("CARGO_TARGET_DIR", &target);
            command.env("RUSTDOCFLAGS", RUSTDOC).args(arguments);
            process::run(&format!("{title} of {folder}"), &mut command)
        };
        run("cargo fmt", &["fmt", "--check"])?;
        for features in ["", "vectors"] {
            let lint =
                ["clippy", "--locked", "--all-targets", "--features", features, "--", "-D", "warnings"];
            run("cargo clippy", &lint)?;
        }
        run(
            "cargo doc",
            &["doc", "--locked", "--no-deps", "--document-private-items", "--features", "vectors"],
        )?;
        if has_tests {
            run("cargo test", &["test", "--locked", "--features", "vectors"])?;
        }
    }
    Ok(())
}
