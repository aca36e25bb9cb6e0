//! A folder that is gone when the test is over.

use core::sync::atomic::{AtomicU64, Ordering};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
};

/// A folder of one test
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("countersign-e2e-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Its path
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// The root of the repository
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files that were written elsewhere, where this machine has them
pub fn fixtures() -> Option<PathBuf> {
    let shared = env::var_os("COUNTERSIGN_SHARED").map(PathBuf::from);
    let folder = shared.unwrap_or_else(|| root().join("../shared")).join("fixtures");
    folder.is_dir().then_some(folder)
}
