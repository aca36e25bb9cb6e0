//! Puts the decision component where the host can embed it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../wasm/wit/pdp.wit");
    let (Some(out), Some(built)) = (env::var_os("OUT_DIR").map(PathBuf::from), modules()) else {
        return stop("cargo has not said where its target folder is");
    };
    let component = built.join("pdp.component.wasm");
    let precompiled = built.join("pdp.cwasm");
    println!("cargo::rerun-if-changed={}", component.display());
    println!("cargo::rerun-if-changed={}", precompiled.display());
    if let Err(error) = fs::copy(&component, out.join("pdp.component.wasm")) {
        return stop(&format!(
            "no decision component at {} ({error}): run `cargo xtask wasm`",
            component.display()
        ));
    }
    // Machine code is a gain of time at the start, not a need: without it the host compiles for itself.
    let code = fs::read(&precompiled).unwrap_or_default();
    match fs::write(out.join("pdp.cwasm"), code) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => stop(&format!("cannot write to {}: {error}", out.display())),
    }
}

/// Where xtask puts the modules: it says so itself, and without it they are in `<target>/wasm`
fn modules() -> Option<PathBuf> {
    println!("cargo::rerun-if-env-changed=COUNTERSIGN_MODULES");
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_DIR");
    if let Some(folder) = env::var_os("COUNTERSIGN_MODULES") {
        return Some(folder.into());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    let tagged = out.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let target = tagged.map(Path::to_path_buf).or_else(|| env::var_os("CARGO_TARGET_DIR").map(PathBuf::from));
    target.map(|folder| folder.join("wasm"))
}

fn stop(reason: &str) -> ExitCode {
    println!("cargo::error={reason}");
    ExitCode::FAILURE
}
