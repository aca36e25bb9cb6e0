//! npm packages, as the lock files say.

use core::time::Duration;
use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::{
    layout::Layout,
    process, terminal,
    tool::{self, Install, Tool, unreachable},
};

const INSTALL: Duration = Duration::from_mins(15);

/// What runs JavaScript here
pub(crate) const NODE: Tool = Tool {
    name: "Node.js 20 or newer",
    why: "runs wasm-opt, the npm package's tests and the documents server of the demo",
    check: |_| process::version("node").filter(|version| major(version).is_some_and(|major| major >= 20)),
    install: Install::ByHand("install it from your system's packages or from nodejs.org"),
};

/// The packages of `js` ([`ensure_in`])
pub(crate) fn ensure(layout: &Layout) -> Result<()> {
    ensure_in(layout, &layout.js())
}

/// Runs `npm ci` in a folder if its lock file has changed since the last time, or it never ran.
pub(crate) fn ensure_in(layout: &Layout, folder: &Path) -> Result<()> {
    NODE.ensure(layout)?;
    let _one_at_a_time = tool::installing();
    let shown = folder.strip_prefix(&layout.root).unwrap_or(folder).display();
    let Ok(lock) = fs::read(folder.join("package-lock.json")) else {
        bail!("`{shown}/package-lock.json` is missing")
    };
    let digest = crate::wasm::hex(&Sha256::digest(&lock));
    let stamp = folder.join("node_modules/.countersign-lock");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == digest) {
        return Ok(());
    }
    terminal::say(&format!("installing the npm packages of {shown} (its lock file is new here)"));
    let mut command = npm_in(layout, folder);
    command.args(["ci", "--no-audit", "--no-fund"]);
    process::run_quietly("npm ci", &mut command, &layout.target.join("xtask/npm.log"), INSTALL)
        .with_context(|| unreachable("the npm packages"))?;
    fs::write(&stamp, digest)?;
    Ok(())
}

/// Compiles the npm package around the module that is built.
pub(crate) fn build(layout: &Layout) -> Result<()> {
    process::run("build the npm package", npm(layout).args(["run", "--silent", "build"]))
}

/// `npm` in `js`
pub(crate) fn npm(layout: &Layout) -> Command {
    npm_in(layout, &layout.js())
}

/// `npm` in a folder
pub(crate) fn npm_in(layout: &Layout, folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder).env("CARGO_TARGET_DIR", &layout.target);
    command
}

/// Whether `npm ci` would run
pub(crate) fn state(layout: &Layout) -> &'static str {
    if layout.js().join("node_modules/.countersign-lock").is_file() {
        "installed"
    } else {
        "missing; a task that needs them runs npm ci"
    }
}

fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}
