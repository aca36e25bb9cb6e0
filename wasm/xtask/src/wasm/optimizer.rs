//! `wasm-opt`, from the npm package `binaryen`.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};

use super::Aim;
use crate::{layout::Layout, npm, process};

/// What an optimised module depends on besides its input
pub(crate) const IDENTITY: &str = concat!(env!("CARGO_PKG_VERSION"), " -Os or -O3");

/// What every engine that we serve understands, and `rustc` emits
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Makes a module smaller, or faster and somewhat smaller.
pub(crate) fn optimize(layout: &Layout, name: &str, aim: Aim, module: &[u8]) -> Result<Vec<u8>> {
    npm::ensure(layout)?;
    let program = layout.js().join("node_modules/.bin/wasm-opt");
    let folder = layout.wasm().join("steps");
    fs::create_dir_all(&folder)?;
    let (input, output) = (folder.join(format!("{name}.wasm")), folder.join(format!("{name}.opt.wasm")));
    fs::write(&input, module)?;
    let mut command = Command::new(program);
    command.arg(match aim {
        Aim::Speed => "-O3",
        Aim::Size | Aim::Least => "-Os",
    });
    command.args(FEATURES).arg(&input).arg("-o").arg(&output);
    process::run(&format!("wasm-opt {name}"), &mut command)?;
    fs::read(&output).with_context(|| format!("wasm-opt made no `{}`", output.display()))
}
