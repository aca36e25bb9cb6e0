//! The service of Fastly Compute: built, weighed, and tested in the real Viceroy, which is what Fastly gives to run one here.

use std::path::Path;

use anyhow::Result;

use crate::{
    filter::Filter,
    layout::Layout,
    process,
    tool::{self, Install, Tool},
    wasm::{Alone, Artefact, Choice},
};

const COMPUTE: Filter = Filter {
    alone: Alone { folder: "compute", module: "countersign-compute", is_program: true },
    name: "countersign_compute",
    variable: "COUNTERSIGN_COMPUTE",
};

const VERSION: &str = "0.22.0";

/// Runs services of Fastly Compute
pub(crate) const VICEROY: Tool = Tool {
    name: "Viceroy",
    why: "runs services of Fastly Compute",
    check: |layout| tool::installed(layout, "viceroy", VERSION),
    install: Install::CargoSlow("viceroy", VERSION, 15),
};

/// The service as it is shipped
pub(crate) fn build(layout: &Layout, choice: Choice) -> Result<Artefact> {
    COMPUTE.build(layout, choice)
}

/// Real requests through a real Viceroy, with this program as authorization server
pub(crate) fn test(layout: &Layout, choice: Choice, program: &Path) -> Result<()> {
    VICEROY.ensure(layout)?;
    let mut python = COMPUTE.tests(layout, choice)?;
    python.env("COUNTERSIGN_BIN", program).env("COUNTERSIGN_VICEROY", tool::folder(layout).join("viceroy"));
    process::run("service in Viceroy", &mut python)
}
