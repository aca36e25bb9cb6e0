//! From the core module to what the npm package imports: JavaScript glue, types and the module itself.

use std::fs;

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

use super::{Aim, artefact::Artefact, optimizer, stamp::Stamp};
use crate::layout::Layout;

/// Makes `<name>.js`, `<name>.d.ts` and `<name>_bg.wasm` of the compiled module.
pub(crate) fn make(layout: &Layout, name: &str, module: &[u8]) -> Result<Artefact> {
    let folder = layout.wasm().join(name);
    let path = folder.join(format!("{name}_bg.wasm"));
    let stamp = Stamp::of(&["bindgen", name, optimizer::identity(layout)], module);
    if !stamp.is_on(&path) {
        fs::create_dir_all(&folder)?;
        let mut output = Bindgen::new()
            .input_bytes(name, module.to_vec())
            .web(true)
            .and_then(|bindgen| bindgen.typescript(true).generate_output())
            .with_context(|| format!("wasm-bindgen cannot bind `{name}`"))?;
        output.emit(&folder).with_context(|| format!("wasm-bindgen cannot write `{name}`"))?;
        let bound = fs::read(&path).with_context(|| format!("wasm-bindgen made no `{}`", path.display()))?;
        stamp.write(&path, &optimizer::optimize(layout, name, Aim::Size, &bound)?)?;
    }
    Artefact::read(&path)
}
