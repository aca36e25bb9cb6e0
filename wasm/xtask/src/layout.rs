//! Where things are: the source tree, cargo's target folder, the user's cache folder.

use std::{env, path::PathBuf};

use anyhow::{Context as _, Result};

/// The folders that every task works in
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The top of the source tree
    pub(crate) root: PathBuf,
    /// Cargo's target folder for native builds
    pub(crate) target: PathBuf,
    /// What outlives a clone: the compiled `wasm32` standard library, tools that took long to build
    pub(crate) cache: PathBuf,
}

impl Layout {
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.ancestors().nth(2).context("xtask is not in `wasm/xtask`")?.to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => env::current_dir().context("no working folder")?.join(folder),
            None => root.join("target"),
        };
        Ok(Self { root, target, cache: cache_folder()? })
    }

    /// What cargo compiles on the way to a native program: dependencies are the same in every clone of this user
    pub(crate) fn native(&self) -> PathBuf {
        self.cache.join("native")
    }

    /// Where the WebAssembly modules go
    pub(crate) fn wasm(&self) -> PathBuf {
        self.target.join("wasm")
    }

    /// The component that the host embeds
    pub(crate) fn component(&self) -> PathBuf {
        self.wasm().join("pdp.component.wasm")
    }

    /// Its machine code, which the host embeds too
    pub(crate) fn machine_code(&self) -> PathBuf {
        self.wasm().join("pdp.cwasm")
    }

    /// The npm package's folder
    pub(crate) fn js(&self) -> PathBuf {
        self.root.join("js")
    }
}

fn cache_folder() -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let base = match base {
        Some(folder) => folder,
        None => env::home_dir().context("neither XDG_CACHE_HOME nor HOME is set")?.join(".cache"),
    };
    Ok(base.join("countersign"))
}
