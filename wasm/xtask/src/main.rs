//! Countersign's commands for people and CI: `cargo xtask …`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod layout;
mod npm;
mod process;
mod terminal;
mod tool;
mod wasm;

use layout::Layout;

/// Builds, shows, tests and measures Countersign; what a machine lacks for that is installed first.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the WebAssembly modules: the host's component and the npm package's modules
    Wasm {
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Layout::find().and_then(|layout| match arguments.command {
        Task::Wasm { toolchain } => wasm::run(&layout, toolchain),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
