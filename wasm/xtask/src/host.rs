//! The host: built in a hurry, asked for the machine code of its component, built again with it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    layout::Layout,
    process, rust, terminal,
    wasm::{self, Choice, Stamp},
};

/// Builds the modules and the host, and tells where the program is.
pub(crate) fn run(layout: &Layout, choice: Choice) -> Result<()> {
    let program = build(layout, choice)?;
    let kilobytes = fs::metadata(&program)?.len().div_euclid(1000);
    terminal::say(&format!("{} ({kilobytes} kB)", program.display()));
    Ok(())
}

/// Builds the modules and the host, and answers with the path of the program.
pub(crate) fn build(layout: &Layout, choice: Choice) -> Result<PathBuf> {
    rust::C_COMPILER.ensure(layout)?;
    wasm::build(layout, choice)?;
    embed(layout)
}

/// Builds the host around the component that is there.
pub(crate) fn embed(layout: &Layout) -> Result<PathBuf> {
    let program = layout.target.join("release").join(format!("countersign{}", env::consts::EXE_SUFFIX));
    let stamp = stamp(layout)?;
    let code = layout.machine_code();
    if !stamp.is_on(&code) {
        let kept = layout.cache.join("machine-code").join(stamp.name());
        if !kept.is_file() {
            compile(layout, "build a host that makes machine code of its component", UNOPTIMISED)?;
            precompile(&program, &layout.component(), &code)?;
            keep(&code, &kept)?;
        }
        let bytes = fs::read(&kept).context("the machine code of the component cannot be read")?;
        stamp.write(&code, &bytes)?;
    }
    compile(layout, "build the host", &[])?;
    Ok(program)
}

/// Puts machine code where every clone of this user finds it, in the place of the oldest
fn keep(code: &Path, kept: &Path) -> Result<()> {
    let folder = kept.parent().context("a file without a folder")?;
    fs::create_dir_all(folder)?;
    let mut known = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        known.push((entry.metadata()?.modified()?, entry.path()));
    }
    known.sort();
    for (_, path) in known.iter().rev().skip(KEPT) {
        fs::remove_file(path)?;
    }
    // Others may look at the same time.
    let unfinished = kept.with_extension(format!("{}.new", std::process::id()));
    fs::copy(code, &unfinished)?;
    Ok(fs::rename(unfinished, kept)?)
}

/// How many of those before stay
const KEPT: usize = 4;

/// The host itself is compiled in a third of the time: enough for its unit tests, and for machine code of the component,
/// which wasmtime makes, a dependency
pub(crate) const UNOPTIMISED: &[&str] = &["--config", "profile.release.package.countersign.opt-level=0"];

fn compile(layout: &Layout, title: &str, options: &[&str]) -> Result<()> {
    let mut command = process::cargo(layout);
    command.args(["build", "--release", "--package", "countersign"]).args(options);
    process::run(title, &mut command)
}

fn precompile(program: &Path, component: &Path, code: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("precompile").arg(component).arg(code);
    process::run("compile the component to machine code", &mut command)
}

/// Machine code depends on the component, on wasmtime and on how the host sets it up.
fn stamp(layout: &Layout) -> Result<Stamp> {
    let component = fs::read(layout.component()).context("the component is not built")?;
    let engine = fs::read_to_string(layout.root.join("host/src/pdp/engine.rs"))?;
    let origin = fs::read_to_string(layout.root.join("host/src/pdp/origin.rs"))?;
    let lock = fs::read_to_string(layout.root.join("Cargo.lock"))?;
    let wasmtime = lock.split("[[package]]").find(|package| package.contains("\nname = \"wasmtime\"\n"));
    Ok(Stamp::of(
        &["machine code", env::consts::ARCH, env::consts::OS, &engine, &origin, wasmtime.unwrap_or_default()],
        &component,
    ))
}
