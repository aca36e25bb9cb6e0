//! `cargo xtask doctor`: what is here, what is missing, and how it would come.

use core::fmt::Write as _;

use anyhow::{Result, bail};

use crate::{
    browser, compute, fuzz,
    layout::Layout,
    mutants, npm, process, python, rust, terminal,
    tool::{Install, Tool},
    wasm::{DEBIAN, Toolchain},
};

const NEEDED: [Tool; 10] = [
    rust::C_COMPILER,
    rust::RUSTFMT,
    rust::CLIPPY,
    npm::NODE,
    browser::CHROMIUM,
    python::PYTHON,
    fuzz::CPP_COMPILER,
    fuzz::CARGO_FUZZ,
    compute::VICEROY,
    mutants::CARGO_MUTANTS,
];

/// Tells what it finds; changes nothing. Fails if something is missing that no task can install.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    let mut text = String::new();
    _ = writeln!(text, "rustc                         {}", process::version("rustc").unwrap_or_default());
    _ = writeln!(text, "cargo's target folder         {}", layout.target.display());
    _ = writeln!(text, "cache folder                  {}", layout.cache.display());
    let missing: Vec<_> = NEEDED.into_iter().filter(|tool| !line(&mut text, layout, tool)).collect();
    let library = Toolchain::present(layout).map_or_else(
        || "missing: rustup will be asked for it, then Debian".to_owned(),
        |way| way.to_string(),
    );
    _ = writeln!(text, "wasm32 standard library       {library}");
    if Toolchain::present(layout).is_none() {
        for tool in &DEBIAN {
            line(&mut text, layout, tool);
        }
    }
    _ = write!(text, "npm packages of js            {}", npm::state(layout));
    terminal::say(&text);
    let by_hand = missing.iter().filter(|tool| matches!(tool.install, Install::ByHand(_)));
    match by_hand.map(|tool| tool.name).collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        names => bail!("to be installed by hand: {}", names.join(", ")),
    }
}

fn line(text: &mut String, layout: &Layout, tool: &Tool) -> bool {
    let found = (tool.check)(layout);
    let state = match (&found, tool.install) {
        (Some(version), _) => version.clone(),
        (None, Install::Debian(packages)) => {
            format!("missing; a task that needs it installs {} ({})", packages.join(" "), tool.why)
        }
        (None, Install::Rustup(name)) => format!("missing; a task that needs it adds {name} ({})", tool.why),
        (None, Install::Cargo(name, version)) => {
            format!("missing; a task that needs it compiles {name} {version} ({})", tool.why)
        }
        (None, Install::CargoSlow(name, version, minutes)) => format!(
            "missing; a task that needs it compiles {name} {version}, some {minutes} minutes ({})",
            tool.why
        ),
        (None, Install::ByHand(cure)) => format!("missing: {cure} ({})", tool.why),
    };
    _ = writeln!(text, "{:<29} {state}", tool.name);
    found.is_some()
}
