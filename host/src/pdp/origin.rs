//! Where the component comes from: compiled into this program, or compiled when it starts.

use std::{fmt, path::PathBuf};

use aws_lc_rs::digest;
use wasmtime::{Engine, component::Component};

use super::{compile, failure::PdpError};

/// The component as `cargo xtask wasm` made it
const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pdp.component.wasm"));
/// What [`super::precompile`] made of it; empty if this program was built without
pub(super) const PRECOMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/pdp.cwasm"));

const DIGEST: usize = 32;

/// Where the component of this process came from
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is part of this program, machine code included
    Precompiled,
    /// It is part of this program and was compiled at this start
    Compiled,
    /// It was given by `--pdp`
    File(PathBuf),
    /// It was given as bytes
    Bytes,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Precompiled => f.write_str("embedded, compiled before"),
            Self::Compiled => f.write_str("embedded, compiled at start"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Bytes => f.write_str("memory"),
        }
    }
}

/// A SHA-256 digest, shown in hexadecimal digits
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sha256([u8; DIGEST]);

impl Sha256 {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut sum = [0; DIGEST];
        sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(sum)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The component of this program, from its machine code if that fits
pub(super) fn embedded(engine: &Engine) -> Result<(Component, Sha256, Origin), PdpError> {
    let sha256 = Sha256::of(COMPONENT);
    if PRECOMPILED.is_empty() {
        tracing::warn!("this program holds no machine code of its decision component; compiling it");
    } else {
        match unsealed(&sha256, PRECOMPILED).map(|code| load(engine, code)) {
            Some(Ok(component)) => return Ok((component, sha256, Origin::Precompiled)),
            Some(Err(error)) => tracing::warn!(
                reason = %error,
                "the embedded machine code does not fit this machine; compiling the decision component"
            ),
            None => tracing::warn!("the embedded machine code is of another component; compiling this one"),
        }
    }
    Ok((compile(engine, COMPONENT)?, sha256, Origin::Compiled))
}

/// The plainest processor of this architecture, as wasmtime names it
pub(super) fn baseline() -> String {
    let system = if cfg!(target_os = "macos") { "apple-darwin" } else { "unknown-linux-gnu" };
    format!("{}-{system}", std::env::consts::ARCH)
}

/// Puts the digest of the component before its machine code, so that one cannot stand for another.
pub(super) fn seal(component: &[u8], code: &[u8]) -> Vec<u8> {
    [Sha256::of(component).0.as_slice(), code].concat()
}

/// The machine code, if it was made of this component
fn unsealed<'a>(component: &Sha256, sealed: &'a [u8]) -> Option<&'a [u8]> {
    sealed.split_at_checked(DIGEST).filter(|(digest, _)| *digest == component.0).map(|(_, code)| code)
}

#[expect(unsafe_code, reason = "wasmtime cannot see that machine code was made by itself")]
fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is part of this executable (`PRECOMPILED`), where the build put what `precompile` made of the
    // component whose digest it bears. Whoever could change it could change the rest of this program as well.
    // wasmtime checks its own version, its settings and the processor's features.
    unsafe { Component::deserialize(engine, code) }
}

#[cfg(test)]
pub(super) fn open(engine: &Engine, component: &[u8], sealed: &[u8]) -> Option<wasmtime::Result<Component>> {
    unsealed(&Sha256::of(component), sealed).map(|code| load(engine, code))
}
