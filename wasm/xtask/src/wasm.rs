//! `cargo xtask wasm`: from Rust to the modules that the host embeds and the npm package carries.

mod artefact;
mod bindgen;
mod component;
mod optimizer;
mod stamp;
mod toolchain;

use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context as _, Result};

pub(crate) use artefact::{Artefact, table};
pub(crate) use stamp::{Stamp, hex};
pub(crate) use toolchain::{Alone, Choice, DEBIAN, Toolchain};

use crate::{layout::Layout, terminal};

/// What a module is optimised for
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// It runs in the host, and nobody downloads it
    Speed,
    /// It is loaded by browsers and edge workers
    Size,
    /// The same, and signatures take its time: the glue around decisions is as small as it gets
    Least,
}

/// Builds every module and prints what became of it.
pub(crate) fn run(layout: &Layout, choice: Choice) -> Result<()> {
    let artefacts = build(layout, choice)?;
    terminal::say(&table(&artefacts));
    Ok(())
}

/// Builds every module that is out of date.
pub(crate) fn build(layout: &Layout, choice: Choice) -> Result<Vec<Artefact>> {
    with_toolchain(layout, choice, |toolchain| {
        let component = toolchain.compile(layout, "countersign-wasm-component", &[], Aim::Speed)?;
        let guard = toolchain.compile(layout, "countersign-wasm-js", &[], Aim::Size)?;
        let gate = toolchain.compile(layout, "countersign-wasm-js", &["gate"], Aim::Size)?;
        let pdp = toolchain.compile(layout, "countersign-wasm-js", &["pdp"], Aim::Least)?;
        Ok(vec![
            component::make(layout, &component)?,
            bindgen::make(layout, "guard", &guard)?,
            bindgen::make(layout, "gate", &gate)?,
            bindgen::make(layout, "pdp", &pdp)?,
        ])
    })
}

/// Builds a module that nothing ships, as it comes from the linker.
pub(crate) fn build_plain(layout: &Layout, choice: Choice, package: &str) -> Result<PathBuf> {
    let bytes =
        with_toolchain(layout, choice, |toolchain| toolchain.compile(layout, package, &[], Aim::Speed))?;
    let file = layout.wasm().join(format!("{package}.wasm"));
    fs::write(&file, bytes)?;
    Ok(file)
}

/// Builds a filter with these features, under this name in the folder of modules.
pub(crate) fn build_alone(
    layout: &Layout,
    choice: Choice,
    alone: Alone,
    features: &[&str],
    name: &str,
) -> Result<PathBuf> {
    let toolchain = Toolchain::pick_wasi(layout, choice)?;
    let bytes = with(layout, toolchain, |toolchain| toolchain.compile_alone(layout, alone, features))?;
    let file = layout.wasm().join(name);
    fs::write(&file, bytes)?;
    Ok(file)
}

fn with_toolchain<T>(
    layout: &Layout,
    choice: Choice,
    build: impl FnOnce(Toolchain) -> Result<T>,
) -> Result<T> {
    with(layout, Toolchain::pick(layout, choice)?, build)
}

fn with<T>(layout: &Layout, toolchain: Toolchain, build: impl FnOnce(Toolchain) -> Result<T>) -> Result<T> {
    fs::create_dir_all(layout.wasm())?;
    terminal::say(&format!("wasm32 standard library: {toolchain}"));
    // The folder is one for all clones, and cargo gives a module the same name in each of them.
    let folder = toolchain.target_folder(layout);
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("xtask.lock"))?;
    lock.lock().context("cannot lock the target folder of wasm builds")?;

    let modules = build(toolchain)?;
    lock.unlock()?;
    Ok(modules)
}
