//! The filter of Envoy: built, weighed, and tested in the real Envoy.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::{
    filter::Filter,
    layout::Layout,
    process,
    wasm::{Alone, Artefact, Choice},
};

const PROXY: Filter = Filter {
    alone: Alone { folder: "proxy", module: "countersign_proxy", is_program: false },
    name: "countersign_proxy",
    variable: "COUNTERSIGN_PROXY",
};

/// The filter as it is shipped
pub(crate) fn build(layout: &Layout, choice: Choice) -> Result<Artefact> {
    PROXY.build(layout, choice)
}

/// Real requests through a real Envoy, with this program as authorization server
pub(crate) fn test(layout: &Layout, choice: Choice, program: &Path, long: bool) -> Result<()> {
    let mut python = PROXY.tests(layout, choice)?;
    python.env("COUNTERSIGN_BIN", program);
    if long {
        python.env("COUNTERSIGN_TEST_LONG", "1");
    }
    process::run("filter in Envoy", &mut python)
}

/// The program that prints what the filter adds to a request
pub(crate) fn bench(layout: &Layout, choice: Choice) -> Result<Command> {
    let mut python = PROXY.script(layout, choice)?;
    python.arg("bench.py");
    Ok(python)
}
