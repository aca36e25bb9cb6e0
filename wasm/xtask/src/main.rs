//! Countersign's commands for people and CI: `cargo xtask …`.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

mod bench;
mod browser;
mod clients;
mod compute;
mod demo;
mod doctor;
mod filter;
mod fuzz;
mod host;
mod layout;
mod mutants;
mod npm;
mod openapi;
mod process;
mod proxy;
mod python;
mod rust;
mod server;
mod suite;
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
    /// Tell what this machine has, what it lacks, and how that would come; changes nothing
    Doctor,
    /// Build the WebAssembly modules: the host's component and the npm package's modules
    Wasm {
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
    /// Build the modules and the host with the machine code of its component in it
    Build {
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
    /// Start the real servers, walk through the story of one shared document, and stay up on a terminal
    Demo {
        /// End after the walk, with status 1 if any step did not answer as it should
        #[arg(long)]
        once: bool,
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
    /// Measure this machine against the budgets; writes `target/bench.json`
    Bench {
        /// A host that is built already: only its rows under load are measured
        #[arg(long)]
        program: Option<std::path::PathBuf>,
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
    /// Run clients that others have written, in JavaScript, Python and Rust, against the real server
    Clients {
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
    /// Send what schemathesis makes of the host's `OpenAPI` document to the real server
    Openapi {
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
    /// Check the filters, and run them in the real Envoy and the real Viceroy with the real server
    Filters {
        /// The server to test them with; without it, it is built
        #[arg(long)]
        server: Option<PathBuf>,
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
    /// Send hostile bytes to every parser and assert what must hold of whatever they are read as
    Fuzz {
        /// How long each target runs
        #[arg(long, default_value_t = fuzz::SECONDS)]
        seconds: u32,
        /// Which targets, by name; all, if none is named
        targets: Vec<String>,
    },
    /// Change the core's decisions in small ways and count the changes that its tests notice
    Mutants {
        /// Only a part, `k/n`: the k-th of n, counted from 0
        #[arg(long)]
        shard: Option<String>,
        /// Only these files or folders of `core/src`, such as `rpt`
        parts: Vec<String>,
    },
    /// Build and check everything: formatting, lints, documentation, tests, sizes
    #[command(visible_alias = "ci")]
    Test {
        /// Run the full counts, where the usual run has smaller ones
        #[arg(long)]
        long: bool,
        /// Where the `wasm32` standard library comes from
        #[arg(long, value_enum, default_value_t, env = "COUNTERSIGN_WASM_TOOLCHAIN")]
        toolchain: wasm::Choice,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Layout::find().and_then(|layout| match arguments.command {
        Task::Doctor => doctor::run(&layout),
        Task::Wasm { toolchain } => wasm::run(&layout, toolchain),
        Task::Build { toolchain } => host::run(&layout, toolchain),
        Task::Demo { once, toolchain } => demo::run(&layout, toolchain, once),
        Task::Bench { program, toolchain } => bench::run(&layout, toolchain, program.as_deref()),
        Task::Clients { toolchain } => clients::run(&layout, toolchain),
        Task::Openapi { toolchain } => openapi::run(&layout, toolchain),
        Task::Filters { server, toolchain } => filter::run(&layout, toolchain, server),
        Task::Fuzz { seconds, targets } => fuzz::run(&layout, seconds, &targets),
        Task::Mutants { shard, parts } => mutants::run(&layout, shard.as_deref(), &parts),
        Task::Test { long, toolchain } => suite::run(&layout, toolchain, long),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
