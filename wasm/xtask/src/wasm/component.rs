//! From the core module with its WIT section to the component that the host runs.

use std::fs;

use anyhow::{Context as _, Result};
use wit_component::ComponentEncoder;

use super::{Aim, artefact::Artefact, optimizer, stamp::Stamp};
use crate::layout::Layout;

/// Makes `pdp.component.wasm` of the compiled module.
pub(crate) fn make(layout: &Layout, module: &[u8]) -> Result<Artefact> {
    let path = layout.component();
    let stamp = Stamp::of(&["component", optimizer::IDENTITY], module);
    if !stamp.is_on(&path) {
        let module = optimizer::optimize(layout, "component", Aim::Speed, module)?;
        let component = ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(ComponentEncoder::encode)
            .context("wit-component cannot make a component of the module")?;
        stamp.write(&path, &component)?;
        // The machine code was of another component; empty, because cargo builds anew what waits for a missing file.
        fs::write(layout.machine_code(), [])?;
    }
    Artefact::read(&path)
}
