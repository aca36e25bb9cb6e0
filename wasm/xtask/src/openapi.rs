//! `cargo xtask openapi`: requests that schemathesis makes of the host's own description, against the real server.

use std::{fs, path::Path, process::Command};

use anyhow::Result;

use crate::{host, layout::Layout, process, python, server::Host, wasm::Choice};

/// Who administers the server meanwhile; it listens on loopback and is gone afterwards
const ADMINISTRATOR: (&str, &str) = ("admin", "openapi-administrator");

/// Builds the server, starts it, and sends everything.
pub(crate) fn run(layout: &Layout, choice: Choice) -> Result<()> {
    let program = host::build(layout, choice)?;
    against(layout, &program)
}

/// Sends everything to this program. The seed and the number of examples are in `schemathesis.toml`.
pub(crate) fn against(layout: &Layout, program: &Path) -> Result<()> {
    let folder = layout.root.join("tests/clients/openapi");
    let interpreter = python::ensure(layout, &folder)?;
    let (name, password) = ADMINISTRATOR;
    let variables = [("COUNTERSIGN_ADMIN_USERNAME", name), ("COUNTERSIGN_ADMIN_PASSWORD", password)];
    // What schemathesis writes
    let scratch = layout.target.join("xtask/openapi");
    fs::create_dir_all(&scratch)?;
    let mut host = Host::start(program, None, &variables)?;
    let mut command = Command::new(interpreter.with_file_name("schemathesis"));
    command
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", "--workers", "2"])
        .arg(format!("{}/openapi.json", host.base))
        .current_dir(&scratch)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CLIENTS_BASE", &host.base)
        .env("CLIENTS_ADMIN", name)
        .env("CLIENTS_PASSWORD", password);
    process::run("schemathesis", &mut command)?;
    host.still_runs()
}
