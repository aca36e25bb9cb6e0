//! `cargo xtask clients`: clients that others have written, unchanged, against the real server.

use std::{path::Path, process::Command};

use anyhow::Result;

use crate::{host, layout::Layout, npm, process, python, server::Host, wasm::Choice};

/// Who administers the server while the clients run; it listens on loopback and is gone afterwards
const ADMINISTRATOR: (&str, &str) = ("admin", "clients-administrator");

/// Builds the server, starts it, and runs every client.
pub(crate) fn run(layout: &Layout, choice: Choice) -> Result<()> {
    let program = host::build(layout, choice)?;
    against(layout, &program)
}

/// Runs every client against this program.
pub(crate) fn against(layout: &Layout, program: &Path) -> Result<()> {
    let folder = layout.root.join("tests/clients");
    npm::ensure_in(layout, &folder.join("js"))?;
    let interpreter = python::ensure(layout, &folder.join("python"))?;
    let (name, password) = ADMINISTRATOR;
    let variables = [("COUNTERSIGN_ADMIN_USERNAME", name), ("COUNTERSIGN_ADMIN_PASSWORD", password)];
    let host = Host::start(program, None, &variables)?;
    let run = |title: &str, command: &mut Command| {
        command.env("CLIENTS_BASE", &host.base).env("CLIENTS_ADMIN", name).env("CLIENTS_PASSWORD", password);
        process::run(title, command)
    };
    run("JavaScript clients", npm::npm_in(layout, &folder.join("js")).args(["test", "--silent"]))?;
    let mut python = Command::new(interpreter);
    python.current_dir(folder.join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    run("Python clients", python.args(["-m", "unittest", "--verbose"]))?;
    let mut rust = process::cargo(layout);
    rust.current_dir(folder.join("rust"));
    run("Rust clients", rust.args(["test", "--locked", "--tests"]))
}
