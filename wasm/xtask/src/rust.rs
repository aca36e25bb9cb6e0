//! What a native build needs of a machine.

use crate::{
    process,
    tool::{Install, Tool},
};

/// Compiles the C parts of SQLite and of the cryptography
pub(crate) const C_COMPILER: Tool = Tool {
    name: "a C compiler",
    why: "compiles SQLite and the cryptography of the host",
    check: |_| process::version("cc"),
    install: Install::Debian(&["gcc", "libc6-dev"]),
};

/// Checks how the code is laid out
pub(crate) const RUSTFMT: Tool = Tool {
    name: "rustfmt",
    why: "checks how the code is laid out",
    check: |_| process::version("cargo-fmt"),
    install: Install::Rustup("rustfmt"),
};

/// Checks the code beyond what the compiler does
pub(crate) const CLIPPY: Tool = Tool {
    name: "clippy",
    why: "checks the code beyond what the compiler does",
    check: |_| process::version("cargo-clippy"),
    install: Install::Rustup("clippy"),
};
