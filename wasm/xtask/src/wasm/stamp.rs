//! What an output was made of, written beside it, so that nothing is made twice.

use core::fmt::Write as _;
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

/// A digest of everything that an output depends on
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp(String);

impl Stamp {
    pub(crate) fn of(circumstances: &[&str], input: &[u8]) -> Self {
        let mut digest = Sha256::new();
        for text in circumstances {
            digest.update(text);
            digest.update([0]);
        }
        digest.update(input);
        Self(hex(&digest.finalize()))
    }

    /// A name for what is made of the same things
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// Whether the output is there and was made of the same things
    pub(crate) fn is_on(&self, output: &Path) -> bool {
        output.is_file() && fs::read_to_string(beside(output)).is_ok_and(|stamp| stamp == self.0)
    }

    /// Writes the output, then its stamp.
    pub(crate) fn write(&self, output: &Path, bytes: &[u8]) -> Result<()> {
        fs::write(output, bytes)?;
        fs::write(beside(output), &self.0)?;
        Ok(())
    }
}

fn beside(output: &Path) -> PathBuf {
    output.with_added_extension("stamp")
}

/// Lower-case hexadecimal digits
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}
