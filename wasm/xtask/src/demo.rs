//! `cargo xtask demo`: the real host, a real resource server, and the story of one shared document.

mod request;
mod servers;
mod walk;

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use anyhow::Result;

use crate::{host, layout::Layout, npm, terminal, wasm::Choice};
use servers::Servers;

/// Starts the servers, walks through the story, and stays up if somebody is looking on.
pub(crate) fn run(layout: &Layout, choice: Choice, once: bool) -> Result<()> {
    npm::ensure(layout)?;
    let program = host::build(layout, choice)?;
    npm::build(layout)?;
    // Ctrl-C reaches the servers too; this program stays for a moment to clear up after them.
    let enough = Arc::new(AtomicBool::new(false));
    let pressed = Arc::clone(&enough);
    ctrlc::set_handler(move || pressed.store(true, Ordering::Relaxed))?;
    let mut servers = Servers::start(layout, &program)?;
    walk::walk(&servers)?;
    if once || !terminal::is_terminal() {
        return Ok(());
    }
    terminal::say(&servers.addresses());
    servers.wait(&enough)
}
