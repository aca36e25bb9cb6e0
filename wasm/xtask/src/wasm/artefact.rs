//! A finished module, and what is told of it: size, imports, digest.

use core::fmt::Write as _;
use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use wasmparser::{Parser, Payload};

use super::stamp::hex;

/// A finished module
#[derive(Debug, Clone)]
pub(crate) struct Artefact {
    /// Its file name
    pub(crate) name: String,
    /// Its size in bytes
    pub(crate) bytes: usize,
    /// Its size in bytes as a network carries it
    pub(crate) gzip: usize,
    /// What it wants of whoever runs it: `module.name`
    pub(crate) imports: Vec<String>,
    /// SHA-256 in hexadecimal digits
    pub(crate) sha256: String,
}

impl Artefact {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("no module `{}`", path.display()))?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&bytes)?;
        Ok(Self {
            name: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            bytes: bytes.len(),
            gzip: gzip.finish()?.len(),
            imports: imports(&bytes).with_context(|| format!("`{}` is no module", path.display()))?,
            sha256: hex(&Sha256::digest(&bytes)),
        })
    }
}

/// The imports of a module or component itself, not of what is nested in it
fn imports(bytes: &[u8]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut depth: usize = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "every other section is of no interest")]
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth = depth.saturating_add(1);
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ImportSection(section) if depth == 0 => {
                for import in section.into_imports() {
                    let import = import?;
                    found.push(format!("{}.{}", import.module, import.name));
                }
            }
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    found.push(format!("{:?}", import?.name));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// One line for each module
pub(crate) fn table(artefacts: &[Artefact]) -> String {
    let mut text = format!("{:<22}{:>10}{:>10}  {:<8} sha-256", "module", "bytes", "gzip", "imports");
    for artefact in artefacts {
        let Artefact { name, bytes, gzip, imports, sha256 } = artefact;
        _ = write!(text, "\n{name:<22}{bytes:>10}{gzip:>10}  {:<8} {sha256}", imports.len());
        for import in imports {
            _ = write!(text, "\n    imports {import}");
        }
    }
    text
}
